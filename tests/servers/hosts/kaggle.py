"""Kaggle: lists of twenty a page, versions, consent, and bundles behind signed links."""

import base64
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from makers.archives import zip_of

from servers.hosts.gcs import HOST as STORAGE
from servers.hosts.gcs import Gcs, Hashes
from servers.hosts.signing import Signer
from servers.message import Reply, Request, Site, as_html, as_json, redirect, version_of

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

    @property
    def folder(self) -> str:
        return f"kaggle-data-sets/{500_000 + self.id}/{1_000_000 + self.id}"


class Kaggle(Site):
    """www.kaggle.com; what it serves lies on Google's storage."""

    hosts = (HOST, "kaggle.com", "api.kaggle.com")

    def __init__(self, signer: Signer, gcs: Gcs) -> None:
        self._signer, self._gcs = signer, gcs
        self.tokens = {"kaggle-token"}  # right as Bearer
        self.users = {"someone": "kaggle-key"}  # right as Basic
        self.soft_errors = False  # if set, errors come with HTTP 200
        self._versions: dict[str, list[Version]] = {}
        self._ids = itertools.count(13)

    def add(
        self,
        dataset: str,
        files: Mapping[str, bytes],
        *,
        version: str = "1",
        bundle: bytes | None = None,
        needs_consent: bool = False,
        wrapped: Collection[str] = (),
        hashes: Hashes = "joined",
        wrong: Collection[str] = (),
    ) -> bytes:
        """Publish a version of `owner/slug`, and return its bundle.

        A bundle that is not just the files may be given. Of `wrong` files, and of the bundle if
        "bundle" is one of them, other bytes come than the storage's hashes are of.
        """
        whole = zip_of(files) if bundle is None else bundle
        id = next(self._ids)
        made = Version(dataset, version, dict(files), whole, id, wrapped, needs_consent)
        self._versions.setdefault(dataset, []).append(made)
        archive = f"{made.folder}/bundle/archive.zip"
        self._gcs.add(
            archive, whole, hashes=hashes, wrong="bundle" in wrong, type="application/zip"
        )
        for name, data in files.items():
            sent = zip_of({name: data}) if name in wrapped else data
            self._gcs.add(_place(made, name), sent, hashes=hashes, wrong=name in wrong)
        return whole

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
        number = request.query.get("datasetVersionNumber")
        version = version_of(self._versions.get(ref, []), number)
        if version is None:
            return self._error(404, "Dataset not found")
        return self._allowed(request, version, action, rest, known is True)

    def _allowed(
        self, request: Request, version: Version, action: str, rest: str, known: bool
    ) -> Reply:
        if action == "download":
            if version.needs_consent and not known:
                text = "You must agree to the terms of this data set in a browser first"
                return self._error(403, text)
            return self._download(version, rest)
        return _json(self._view(version)) if action == "view" else self._error(404, "Not found")

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

    def _download(self, version: Version, name: str) -> Reply:
        if name and name not in version.files:
            return self._error(404, "Dataset file not found")
        path = _place(version, name) if name else f"{version.folder}/bundle/archive.zip"
        link = self._signer.link("google", f"{STORAGE}:443", f"/{path}", _THREE_DAYS)
        return redirect(link, 302, *_VERSION)

    def _view(self, version: Version) -> dict[str, Any]:
        owner = version.ref.partition("/")[0]
        known = self._versions[version.ref]
        return {
            "id": version.id,
            "ref": version.ref,
            "creatorName": "Made Up",
            "totalBytes": len(version.bundle),
            "url": f"https://{HOST}/datasets/{version.ref}",
            "licenseName": "CC0: Public Domain",
            "ownerName": "Made Up",
            "ownerRef": owner,
            "title": "A made-up data set",
            "currentVersionNumber": max(int(one.number) for one in known),
            "versions": [
                {"versionNumber": int(one.number), "creationDate": _TIME, "status": "Ready"}
                for one in reversed(known)
            ],
        }


def _place(version: Version, name: str) -> str:
    if name in version.wrapped:
        return f"{version.folder}/compressed/{name}.zip"
    return f"{version.folder}/{name}"


def _json(value: object) -> Reply:
    return as_json(value, 200, _VERSION, "application/json; charset=utf-8")
