"""Mendeley Data: lists of one folder each, plain S3 objects, Cloudflare in front."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from servers.hosts.s3 import S3
from servers.message import (
    Reply,
    Request,
    Site,
    as_html,
    as_json,
    redirect,
    sha256,
    spoilt,
    version_of,
)

HOST = "data.mendeley.com"
REGION = "eu-west-1"
FILES = "prod-dcd-datasets-public-files-eu-west-1"
DOWNLOADS = ("/public-files/", "/public-api/zip/")  # what Cloudflare blocks first
_SITE = f"https://{HOST}"
_DATE = "2021-01-05"
_TIME = f"{_DATE}T10:00:00.000Z"
_CLOUDFLARE = (("Server", "cloudflare"), ("CF-RAY", "made-up"))


@dataclass(frozen=True)
class File:
    """One file, in a folder of the version."""

    id: str
    path: str
    folder: str  # its id, or root
    data: bytes
    content: str  # the name of its object


@dataclass(frozen=True)
class Version:
    dataset: str
    number: str
    files: tuple[File, ...]
    folders: Mapping[str, str]


class Mendeley(Site):
    """data.mendeley.com; what it serves lies on S3."""

    hosts = (HOST,)
    credentials = ("cookie",)  # it knows no accounts here

    def __init__(self, s3: S3, now: Callable[[], float]) -> None:
        self._s3, self._now = s3, now
        self.blocks: tuple[str, ...] = ()  # paths that answer 403 to everybody, see DOWNLOADS
        self._versions: dict[str, list[Version]] = {}
        self._reads = 0
        s3.bucket(FILES, REGION, lists=False)

    def add(
        self,
        dataset: str,
        files: Mapping[str, bytes],
        *,
        version: str = "1",
        ids: Mapping[str, str] = {},
        wrong: Collection[str] = (),
    ) -> dict[str, str]:
        """Publish a version; a name may have folders. Return the id of each file.

        What comes of a `wrong` file is not what is listed.
        """
        folders = _folders(dataset, version, files)
        found = [
            _file(f"{dataset}/{version}", path, data, folders, ids) for path, data in files.items()
        ]
        self._versions.setdefault(dataset, []).append(
            Version(dataset, version, tuple(found), folders)
        )
        for file in found:
            sent = spoilt(file.data) if file.path in wrong else file.data
            self._s3.add(FILES, REGION, file.content, sent)
        return {file.path: file.id for file in found}

    def blocked(self) -> Reply:
        """Return Cloudflare's page."""
        text = "<h1>Sorry, you have been blocked</h1>"
        return as_html("Attention Required! | Cloudflare", text, 403, *_CLOUDFLARE)

    def reply(self, request: Request) -> Reply:
        is_library = request.agent.lower().startswith("python-urllib")
        if is_library or request.path.startswith(self.blocks or "-"):
            return self.blocked()
        match request.parts:
            case ["public-files", "datasets", id, "files", file, "file_downloaded"]:
                return self._download(id, file)
            case ["public-api", "datasets", id, *rest] if id in self._versions:
                return self._dataset(request, self._versions[id], rest)
            case ["datasets", *_]:
                return as_html("A made-up data set", "<h1>A page</h1>", 200, *_CLOUDFLARE)
        return _missing()

    def _dataset(self, request: Request, versions: list[Version], rest: list[str]) -> Reply:
        latest = versions[-1]
        number = rest[1] if len(rest) > 1 else request.query.get("version", latest.number)
        found = latest if not rest else version_of(versions, number)
        if found is None:
            return _missing()
        match rest:
            case [] | ["snapshot", _]:
                return _json(self._metadata(found))
            case ["folders", _]:
                return _json(_folder_list(found))
            case ["files"]:
                return self._files(request.query, found)
        return _missing()

    def _files(self, query: Mapping[str, str], version: Version) -> Reply:
        """List one folder, not those inside it."""
        folder = query.get("folder_id")
        if folder is None:
            return as_json({"error": 400}, 400, _CLOUDFLARE)
        start = int(query.get("$start", "0"))
        most = int(query.get("$limit", "1000"))
        inside = [file for file in version.files if file.folder == folder]
        return _json([self._entry(version.dataset, file) for file in inside[start : start + most]])

    def _download(self, id: str, file_id: str) -> Reply:
        every = (file for one in self._versions.get(id, []) for file in one.files)
        file = next((one for one in every if one.id == file_id), None)
        if file is None:
            return _missing()
        target = f"https://{FILES}.s3.{REGION}.amazonaws.com/{file.content}"
        return redirect(target, 302, *_CLOUDFLARE)

    def _metadata(self, version: Version) -> dict[str, Any]:
        licence = "Creative Commons Attribution 4.0 International"
        return {
            "id": version.dataset,
            "doi": {"id": f"10.17632/{version.dataset}.{version.number}", "status": "registered"},
            "name": "A made-up data set",
            "description": "Made up.",
            "contributors": [{"first_name": "Made", "last_name": "Up", "contribution": ""}],
            "version": int(version.number),
            "publish_date": _TIME,
            "data_licence": {
                "id": str(uuid5(NAMESPACE_URL, licence)),
                "short_name": "CC BY 4.0",
                "full_name": licence,
                "url": "http://creativecommons.org/licenses/by/4.0",
            },
            "available": True,
            "files": [
                self._entry(version.dataset, file)
                for file in version.files
                if file.folder == "root"
            ],
        }

    def _entry(self, dataset: str, file: File) -> dict[str, Any]:
        self._reads += 1  # the time of expiry is another one at each read
        century = 100 * 365.25 * 86400 + self._reads
        expiry = datetime.fromtimestamp(self._now() + century, UTC)
        own = f"{_SITE}/public-files/datasets/{dataset}/files/{file.id}"
        return {
            "filename": file.path.rpartition("/")[2],
            "id": file.id,
            "folder_id": file.folder,
            "content_details": {
                "id": file.content,
                "sha256_hash": sha256(file.data),
                "content_type": "application/octet-stream",
                "size": len(file.data),
                "created_date": _TIME,
                "download_url": f"{own}/file_downloaded",
                "view_url": f"{own}/file_viewed",
                "download_expiry_time": expiry.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            },
            "size": len(file.data),
            "last_modified_date": _TIME,
            "status": "COMPLETED",
        }


def _folders(dataset: str, version: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the id of each folder; those above come first."""
    found: dict[str, str] = {}
    for path in files:
        steps = path.split("/")[:-1]
        for depth in range(len(steps)):
            folder = "/".join(steps[: depth + 1])
            found.setdefault(folder, str(uuid5(NAMESPACE_URL, f"{dataset}/{version}/{folder}/")))
    return found


def _file(
    where: str, path: str, data: bytes, folders: Mapping[str, str], ids: Mapping[str, str]
) -> File:
    folder = folders.get(path.rpartition("/")[0], "root")
    id = ids.get(path, str(uuid5(NAMESPACE_URL, f"{where}/{path}")))
    return File(id, path, folder, data, str(uuid5(NAMESPACE_URL, f"content of {where}/{path}")))


def _folder_list(version: Version) -> list[dict[str, str]]:
    found = []
    for path, id in version.folders.items():
        above, _, name = path.rpartition("/")
        parent = {"parent_id": version.folders[above]} if above else {}
        found.append({"id": id, "name": name, **parent})
    return found


def _json(value: object) -> Reply:
    return as_json(value, 200, (*_CLOUDFLARE, ("Vary", "Accept-Encoding")))


def _missing() -> Reply:
    error = {"message": "error - dataset not found", "status": 404}
    return as_json({"error": error}, 404, _CLOUDFLARE)
