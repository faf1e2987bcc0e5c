"""Dataverse: Harvard's with its files on S3, and others that stream files themselves."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from servers.hosts.s3 import S3
from servers.hosts.signing import Signer
from servers.message import (
    Content,
    Reply,
    Request,
    Site,
    as_html,
    as_json,
    disposition,
    md5,
    redirect,
    serve,
    spoilt,
)

HARVARD = "dataverse.harvard.edu"
BUCKET = "dvn-cloud"
STORAGE = f"{BUCKET}.s3.amazonaws.com"
_TIME, _DATE = "2021-01-05T10:00:00Z", "2021-01-05"
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_TYPES = {
    "rar": "application/x-rar-compressed",
    "zip": "application/zip",
    "txt": "text/plain",
    "csv": "text/csv",
    "tab": "text/tab-separated-values",
}
_JSON = (("Access-Control-Allow-Origin", "*"), ("Vary", "Accept-Encoding"))
_FORBIDDEN = (
    "Not authorized to access this object via this API endpoint. Please check your code for "
    "typos, or consult our API guide at http://guides.dataverse.org."
)


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file; a table that was ingested has an `original` beside what is stored."""

    id: int
    label: str
    folder: str
    listed: bytes  # what the listed digest and size are of
    sent: bytes  # what comes
    restricted: bool
    checksum: str
    original: bytes | None = None
    original_name: str = ""

    @property
    def type(self) -> str:
        suffix = self.label.rpartition(".")[2].lower()
        return _TYPES.get(suffix, "application/octet-stream")

    def key(self, doi: str) -> str:
        name = f"{self.id:011x}-{md5(self.label.encode())[:12]}"
        return f"{doi.removeprefix('doi:')}/{name}"

    def as_json(self) -> dict[str, Any]:
        digest = hashlib.new(_HASHES[self.checksum], self.listed).hexdigest()
        folder = {"directoryLabel": self.folder} if self.folder else {}
        table = {
            "originalFileFormat": "text/csv",
            "originalFormatLabel": "Comma Separated Values",
            "originalFileSize": len(self.original or b""),
            "originalFileName": self.original_name,
        }
        return {
            "label": self.label,
            "restricted": self.restricted,
            "version": 1,
            **folder,
            "dataFile": {
                "id": self.id,
                "filename": self.label,
                "contentType": self.type,
                "filesize": len(self.listed),
                **({} if self.original is None else table),
                **({"md5": digest} if self.checksum == "MD5" else {}),
                "checksum": {"type": self.checksum, "value": digest},
                "tabularData": self.original is not None,
                "creationDate": _DATE,
                **folder,
            },
        }


@dataclass(frozen=True)
class Version:
    doi: str  # with its scheme
    number: str  # 1.0
    id: int
    files: tuple[DataFile, ...]
    guestbook: int | None = None

    def as_json(self) -> dict[str, Any]:
        major, _, minor = self.number.partition(".")
        title = {"typeName": "title", "multiple": False, "value": "A made-up data set"}
        book = {} if self.guestbook is None else {"guestbookId": self.guestbook}
        return {
            "id": self.id,
            "datasetPersistentId": self.doi,
            "versionNumber": int(major),
            "versionMinorNumber": int(minor or 0),
            "versionState": "RELEASED",
            "releaseTime": _TIME,
            "publicationDate": _DATE,
            **book,
            "license": {
                "name": "CC0 1.0",
                "uri": "http://creativecommons.org/publicdomain/zero/1.0",
            },
            "metadataBlocks": {"citation": {"name": "citation", "fields": [title]}},
        }


class Dataverse(Site):
    """All servers of that software; `add` names further ones."""

    credentials = ("x-dataverse-key", "authorization", "cookie")

    def __init__(self, signer: Signer, s3: S3) -> None:
        self._signer, self._s3 = signer, s3
        self.keys = {"0badcafe-0000-4000-8000-000000000001"}  # the ones that are right
        self.hosts = {HARVARD}
        self._versions: dict[str, list[Version]] = {}
        self._files: dict[int, tuple[Version, DataFile, bool]] = {}
        self._next_id = 4_000_001
        s3.bucket(BUCKET, "us-east-1", lists=False)

    def add(
        self,
        doi: str,
        files: Mapping[str, bytes],
        *,
        server: str = HARVARD,
        version: str = "1.0",
        restricted: Collection[str] = (),
        guestbook: int | None = None,
        wrong: Collection[str] = (),
        ingested: Collection[str] = (),
        checksum: str | Mapping[str, str] = "MD5",
        redirects: bool = True,
    ) -> dict[str, int]:
        """Publish a version of a data set; return the id of each file.

        A name may have folders. What comes of a `wrong` file is not what is listed; an `ingested`
        table (`x.csv`) is listed as `x.tab`; without `redirects` the server streams itself.
        """
        self.hosts.add(server)
        whole = doi if doi.startswith("doi:") else f"doi:{doi}"
        found = []
        for path, data in files.items():
            folder, _, label = path.rpartition("/")
            file = DataFile(
                id=self._next_id,
                label=label,
                folder=folder,
                listed=data,
                sent=spoilt(data) if path in wrong else data,
                restricted=path in restricted,
                checksum=checksum if isinstance(checksum, str) else checksum[path],
            )
            found.append(_ingested(file) if path in ingested else file)
            self._next_id += 1
        release = Version(whole, version, self._next_id, tuple(found), guestbook)
        self._next_id += 2
        self._versions.setdefault(whole, []).append(release)
        for file in found:
            self._files[file.id] = (release, file, redirects)
            self._store(whole, file)
        return {name: file.id for name, file in zip(files, found, strict=True)}

    def mend(self, id: int) -> None:
        """Send of a wrong file what is listed, from now on."""
        release, file, redirects = self._files[id]
        mended = replace(file, sent=file.listed)
        self._files[id] = (release, mended, redirects)
        self._store(release.doi, mended)

    def _store(self, doi: str, file: DataFile) -> None:
        """Put a file where the redirects lead; the original of a table lies beside it."""
        self._s3.add(BUCKET, "us-east-1", file.key(doi), file.sent, private=True)
        if file.original is not None:
            self._s3.add(BUCKET, "us-east-1", f"{file.key(doi)}.orig", file.original, private=True)

    def too_many(self) -> Reply:
        """Return the answer over the limit: it does not say how long to wait."""
        text = "Too Many Requests: made-up rate limit exceeded"
        return as_json({"status": "ERROR", "code": 429, "message": text}, 429, _JSON)

    def reply(self, request: Request) -> Reply:
        if request.agent.lower().startswith("python-"):
            return as_html("403 Forbidden", "<h1>Forbidden</h1>", 403, ("Server", "Apache"))
        if self._key(request) not in (None, *self.keys):
            return _error(401, "Bad API key")
        match request.parts:
            case ["api", "datasets", ":persistentId", "versions", number, *rest]:
                return self._version(request, number, rest)
            case ["api", "access", "datafile", id] if id.isdecimal() and int(id) in self._files:
                return self._access(request, *self._files[int(id)])
            case ["api", *_]:
                return _error(404, "API endpoint does not exist on this server.")
        return as_html("A made-up data set", "<h1>A page</h1>")

    def _key(self, request: Request) -> str | None:
        return request.headers.get("x-dataverse-key", request.query.get("key"))

    def _version(self, request: Request, number: str, rest: list[str]) -> Reply:
        doi, query = request.query.get("persistentId", ""), request.query
        known = self._versions.get(doi)
        if not known:
            return _error(404, f"Dataset with Persistent ID {doi} not found.")
        exact = number if "." in number else f"{number}.0"
        version = next((one for one in known if one.number == exact), None)
        if number in (":latest", ":latest-published"):
            version = known[-1]
        if version is None:
            return _error(404, "Dataset version not found.")
        if rest != ["files"]:
            return as_json({"status": "OK", "data": version.as_json()}, 200, _JSON)
        start = int(query.get("offset") or 0)
        most = min(int(query.get("limit") or 10), 300)
        page = [file.as_json() for file in version.files[start : start + most]]
        found = {"status": "OK", "totalCount": len(version.files), "data": page}
        return as_json(found, 200, _JSON)

    def _access(self, request: Request, version: Version, file: DataFile, redirects: bool) -> Reply:
        if file.restricted and self._key(request) is None:
            return _forbidden(request)
        if version.guestbook is not None:
            text = "You may not download this file without the required Guestbook response for "
            return _error(400, f"{text}guestbookID {version.guestbook}.")
        is_original = request.query.get("format") == "original" and file.original is not None
        if file.original is not None and not is_original:  # a table is made at this moment
            headers = [("Content-Type", file.type)]
            return Reply(200, headers, file.sent, framing="chunked")
        if not redirects:
            return _streamed(request, file)
        name = file.original_name if is_original else file.label
        asked = {
            "response-content-disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "response-content-type": "text/csv" if is_original else file.type,
        }
        path = f"/{file.key(version.doi)}" + (".orig" if is_original else "")
        return redirect(self._signer.link("aws", STORAGE, path, 3600, asked), 303, *_JSON)


def _ingested(file: DataFile) -> DataFile:
    """Return the table that Dataverse makes of a file: stored without its header line."""
    return replace(
        file,
        label=file.label.rpartition(".")[0] + ".tab",
        listed=file.listed.replace(b",", b"\t").partition(b"\n")[2],
        sent=file.sent.replace(b",", b"\t"),
        original=file.listed,
        original_name=file.label,
    )


def _streamed(request: Request, file: DataFile) -> Reply:
    """Send a file from the server's own disk: If-Range counts for nothing, there is no ETag."""
    content = Content(
        file.sent if file.original is None else file.original,
        modified=None,
        type=file.type,
        headers=(("Content-Disposition", disposition(file.label)),),
        heeds_if_range=False,
        says_ranges=bool(re.match("bytes=", request.headers.get("range", ""))),
    )
    return serve(request, content)


def _error(status: int, message: str) -> Reply:
    return as_json({"status": "ERROR", "message": message}, status, _JSON)


def _forbidden(request: Request) -> Reply:
    found = {
        "status": "ERROR",
        "code": 403,
        "message": _FORBIDDEN,
        "requestUrl": f"https://{request.host}{request.path.replace('/api/', '/api/v1/')}",
        "requestMethod": request.method,
    }
    return as_json(found, 403, _JSON)
