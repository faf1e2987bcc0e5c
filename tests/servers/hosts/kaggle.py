"""Kaggle: lists of twenty a page, versions, consent, and bundles behind signed links."""

import base64
import io
import itertools
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from makers.archives import zip_of

from servers.hosts.gcs import HOST as STORAGE
from servers.hosts.gcs import Gcs, Hashes
from servers.hosts.message import Reply, Request, as_html, as_json, redirect
from servers.hosts.signing import Signer

HOST = "www.kaggle.com"
_VERSION = (("x-kaggle-apiversion", "2.2.5"),)
_TIME = "2021-01-05T10:00:00.0Z"
_THREE_DAYS = 259_200


@dataclass(frozen=True)
class Version:
    """One version of a data set; `bundle` is what the whole-set download gives."""

    ref: str
    number: str
    files: Mapping[str, bytes]
    bundle: bytes
    id: int
    wrapped: Collection[str]  # files that come inside a zip of their own
    needs_consent: bool
    is_private: bool

    @property
    def folder(self) -> str:
        return f"kaggle-data-sets/{500_000 + self.id}/{1_000_000 + self.id}"


class Kaggle:
    """www.kaggle.com; what it serves lies on Google's storage."""

    def __init__(self, signer: Signer, gcs: Gcs) -> None:
        self._signer, self._gcs = signer, gcs
        self.tokens = {"kaggle-token"}  # right as Bearer
        self.users = {"someone": "kaggle-key"}  # right as Basic
        self.page_size = 20
        self.link_seconds: float = _THREE_DAYS
        self.soft_errors = False  # if set, errors come with HTTP 200
        self._versions: dict[str, list[Version]] = {}
        self._ids = itertools.count(13)

    def add(
        self,
        dataset: str,
        files: Mapping[str, bytes],
        *,
        version: str = "1",
        bundle: Literal["zip", "tar.gz"] | bytes = "zip",
        needs_consent: bool = False,
        private: bool = False,
        wrapped: Collection[str] = (),
        hashes: Hashes = "joined",
        wrong: Collection[str] = (),
    ) -> bytes:
        """Publish a version of `owner/slug`, and return its bundle.

        A bundle that is not just the files may be given. Of `wrong` files, and of the bundle if
        "bundle" is one of them, other bytes come than the storage's hashes are of.
        """
        whole = bundle if isinstance(bundle, bytes) else _packed(files, bundle)
        made = Version(
            dataset, version, dict(files), whole, next(self._ids), wrapped, needs_consent, private
        )
        self._versions.setdefault(dataset, []).append(made)
        archive = f"{made.folder}/bundle/archive.zip"
        self._gcs.add(
            archive, whole, hashes=hashes, wrong="bundle" in wrong, type="application/zip"
        )
        for name, data in files.items():
            sent = zip_of({name: data}) if name in wrapped else data
            self._gcs.add(_place(made, name), sent, hashes=hashes, wrong=name in wrong)
        return whole

    def too_many(self, wait: str = "30") -> Reply:
        """Return the answer over the limit; `wait` is seconds or a date."""
        found = self._error(429, "Too many requests")
        return found.having({"Retry-After": wait})

    # ---- answers -------------------------------------------------------------------------------

    def has(self, host: str) -> bool:
        return host in (HOST, "kaggle.com", "api.kaggle.com")

    def accepts(self, host: str) -> frozenset[str]:
        return frozenset({"authorization", "cookie"})

    def reply(self, request: Request) -> Reply:
        known = self._knows(request)
        if known is False:
            return self._error(401, "Unauthenticated")
        match request.parts:
            case ["api", "v1", "datasets", "download", owner, slug, *name]:
                ref, action, rest = f"{owner}/{slug}", "download", "/".join(name)
            case ["api", "v1", "datasets", action, owner, slug]:
                ref, rest = f"{owner}/{slug}", ""
            case ["datasets", *_]:
                return as_html("A made-up data set | Kaggle", "<h1>A page</h1>")
            case _:
                return self._error(404, "Not found")
        version = self._version(ref, request.query.get("datasetVersionNumber"))
        if version is None:
            return self._error(404, "Dataset not found")
        return self._allowed(request, version, action, rest, known is True)

    def _allowed(
        self, request: Request, version: Version, action: str, rest: str, known: bool
    ) -> Reply:
        if version.is_private and not known:
            return self._error(403, "Permission 'datasets.get' was denied")
        if action == "download":
            if version.needs_consent and not known:
                text = "You must agree to the terms of this data set in a browser first"
                return self._error(403, text)
            return self._download(version, rest)
        return self._described(request.query, version, action)

    def _described(self, query: Mapping[str, str], version: Version, action: str) -> Reply:
        match action:
            case "view":
                return _json(self._view(version))
            case "metadata":
                return _json(_metadata(version))
            case "list":
                return self._listed(query, version)
            case "list-tree":
                return self._tree(query, version)
            case "status":
                return _json("ready")
        return self._error(404, "Not found")

    def _version(self, ref: str, number: str | None) -> Version | None:
        known = self._versions.get(ref, [])
        if number is None:
            return max(known, key=lambda one: int(one.number), default=None)
        return next((one for one in known if one.number == number), None)

    def _knows(self, request: Request) -> bool | None:
        """True for right credentials, False for wrong ones, None for none at all."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            return given in self.tokens
        if kind == "Basic":
            try:
                user, _, key = base64.b64decode(given, validate=True).decode().partition(":")
            except ValueError:
                return False
            return self.users.get(user) == key
        return None if not kind else False

    def _error(self, status: int, message: str) -> Reply:
        found = {"code": status, "message": message}
        return as_json(found, 200 if self.soft_errors else status, _VERSION)

    # ---- downloads -----------------------------------------------------------------------------

    def _download(self, version: Version, name: str) -> Reply:
        if name and name not in version.files:
            return self._error(404, "Dataset file not found")
        path = _place(version, name) if name else f"{version.folder}/bundle/archive.zip"
        return redirect(
            self._signer.link("google", f"{STORAGE}:443", f"/{path}", self.link_seconds),
            302,
            *_VERSION,
        )

    # ---- JSON ----------------------------------------------------------------------------------

    def _listed(self, query: Mapping[str, str], version: Version) -> Reply:
        names, token = _page(sorted(version.files), query, self.page_size)
        files = [_file(version, name) for name in names]
        return _json({"datasetFiles": files, "errorMessage": None, "nextPageToken": token})

    def _tree(self, query: Mapping[str, str], version: Version) -> Reply:
        """List one folder: the folders in it, then its files."""
        inside = f"{path}/" if (path := query.get("path", "").strip("/")) else ""
        below = [name.removeprefix(inside) for name in version.files if name.startswith(inside)]
        folders = sorted({name.split("/")[0] for name in below if "/" in name})
        plain = sorted(name for name in below if "/" not in name)
        named, token = _page([f"{one}/" for one in folders] + plain, query, self.page_size)
        rows = [_folder(inside, one[:-1], below) for one in named if one.endswith("/")]
        files = [_tree_file(version, inside + one) for one in named if not one.endswith("/")]
        found = {
            "directories": rows,
            "files": files,
            "totalChildren": len(folders) + len(plain),
            "totalDirectories": len(folders),
            "totalFiles": len(plain),
            "nextPageToken": token,
        }
        return _json(found)

    def _view(self, version: Version) -> dict[str, Any]:
        owner = version.ref.partition("/")[0]
        known = self._versions[version.ref]
        return {
            "id": version.id,
            "ref": version.ref,
            "subtitle": "Made up.",
            "creatorName": "Made Up",
            "totalBytes": len(version.bundle),
            "url": f"https://{HOST}/datasets/{version.ref}",
            "lastUpdated": _TIME,
            "downloadCount": 1,
            "licenseName": "CC0: Public Domain",
            "ownerName": "Made Up",
            "ownerRef": owner,
            "title": "A made-up data set",
            "voteCount": 1,
            "currentVersionNumber": max(int(one.number) for one in known),
            "usabilityRating": 1.0,
            "isPrivate": version.is_private,
            "tags": [],
            "files": [],
            "versions": [_published(one, owner) for one in reversed(known)],
        }


def _packed(files: Mapping[str, bytes], kind: str) -> bytes:
    if kind == "zip":
        return zip_of(files)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _place(version: Version, name: str) -> str:
    if name in version.wrapped:
        return f"{version.folder}/compressed/{name}.zip"
    return f"{version.folder}/{name}"


def _page(names: list[str], query: Mapping[str, str], size: int) -> tuple[list[str], str]:
    """Return the names of one page, and the token of the next: none after the last."""
    most = min(int(query.get("pageSize") or size), 200)
    token = query.get("pageToken") or ""
    start = int(base64.urlsafe_b64decode(token)) if token else 0
    is_more = start + most < len(names)
    following = base64.urlsafe_b64encode(str(start + most).encode()).decode() if is_more else ""
    return names[start : start + most], following


def _file(version: Version, name: str) -> dict[str, Any]:
    return {
        "ref": name,
        "datasetRef": version.ref,
        "ownerRef": version.ref.partition("/")[0],
        "name": name,
        "creationDate": _TIME,
        "description": None,
        "fileType": f".{name.rpartition('.')[2]}",
        "url": f"https://{HOST}/",
        "totalBytes": len(version.files[name]),
        "columns": _columns(version.files[name]) if name.endswith(".csv") else [],
    }


def _columns(table: bytes) -> list[dict[str, Any]]:
    names = table.partition(b"\n")[0].decode(errors="replace").strip().split(",")
    return [
        {"order": at, "name": name, "type": "String", "originalType": "", "description": None}
        for at, name in enumerate(names)
    ]


def _tree_file(version: Version, path: str) -> dict[str, Any]:
    return {
        "name": path.rpartition("/")[2],
        "creationDate": _TIME,
        "totalBytes": len(version.files[path]),
        "relativeUrl": path,
        "description": "",
    }


def _folder(inside: str, name: str, below: list[str]) -> dict[str, Any]:
    rest = [one.removeprefix(f"{name}/") for one in below if one.startswith(f"{name}/")]
    folders = len({one.split("/")[0] for one in rest if "/" in one})
    files = sum("/" not in one for one in rest)
    return {
        "name": name,
        "relativeUrl": inside + name,
        "totalDirectories": folders,
        "totalFiles": files,
        "totalChildren": folders + files,
    }


def _metadata(version: Version) -> dict[str, Any]:
    owner, _, slug = version.ref.partition("/")
    info = {
        "datasetId": version.id,
        "datasetSlug": slug,
        "ownerUser": owner,
        "usabilityRating": 1.0,
        "totalViews": 1,
        "totalVotes": 1,
        "totalDownloads": 1,
        "title": "A made-up data set",
        "subtitle": "Made up.",
        "description": "Made up.",
        "isPrivate": version.is_private,
        "keywords": [],
        "licenses": [{"name": "CC0-1.0"}],
        "collaborators": [],
        "data": [],
    }
    return {"info": info, "errorMessage": None}


def _published(version: Version, owner: str) -> dict[str, Any]:
    return {
        "versionNumber": int(version.number),
        "creationDate": _TIME,
        "creatorName": "Made Up",
        "creatorRef": owner,
        "versionNotes": "Made up.",
        "status": "Ready",
    }


def _json(value: object) -> Reply:
    return as_json(value, 200, _VERSION, "application/json; charset=utf-8")
