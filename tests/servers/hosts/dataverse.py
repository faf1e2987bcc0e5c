"""Dataverse: Harvard's with its files on S3, and others that stream files themselves."""

import io
import re
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from servers.hosts.dataverse_data import DataFile, Making, Version, guestbook, made
from servers.hosts.message import (
    Content,
    Reply,
    Request,
    as_html,
    as_json,
    disposition,
    redirect,
    serve,
    sha256,
    spoilt,
)
from servers.hosts.s3 import S3
from servers.hosts.signing import Signer

HARVARD = "dataverse.harvard.edu"
BUCKET = "dvn-cloud"
STORAGE = f"{BUCKET}.s3.amazonaws.com"
MOST_OF_A_PAGE = 300
_JSON = (("Access-Control-Allow-Origin", "*"), ("Vary", "Accept-Encoding"))
_FORBIDDEN = (
    "Not authorized to access this object via this API endpoint. Please check your code for "
    "typos, or consult our API guide at http://guides.dataverse.org."
)


class Dataverse:
    """All servers of that software; `add` names further ones."""

    def __init__(self, signer: Signer, s3: S3, now: Callable[[], float], granted: set[str]) -> None:
        self._signer, self._s3, self._now, self._granted = signer, s3, now, granted
        self.keys = {"0badcafe-0000-4000-8000-000000000001"}  # the ones that are right
        self.link_seconds = 3600
        self.blocks_library_agents = True
        self.default_limit = 10
        self.most_of_a_page = MOST_OF_A_PAGE
        self.bundle_limit: int | None = None  # bytes, after which files are left out of a bundle
        self._hosts = {HARVARD}
        self._versions: dict[str, list[Version]] = {}
        self._files: dict[int, tuple[Version, DataFile, bool]] = {}
        self._signed: dict[str, float] = {}  # tokens of guestbook links, and when they end
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
        file_dois: bool = True,
        redirects: bool = True,
    ) -> dict[str, int]:
        """Publish a version of a data set; return the id of each file.

        A name may have folders. What comes of a `wrong` file is not what is listed; an `ingested`
        table (`x.csv`) is listed as `x.tab`; without `redirects` the server streams itself.
        """
        self._hosts.add(server)
        whole = doi if doi.startswith("doi:") else f"doi:{doi}"
        unlike = {name: spoilt(files[name]) for name in wrong}
        making = Making(restricted, ingested, checksum, file_dois, unlike)
        first = self._next_id
        self._next_id += len(files) + 2
        found = [
            made(whole, first + at, name, data, making)
            for at, (name, data) in enumerate(files.items())
        ]
        release = Version(whole, version, self._next_id - 1, tuple(found), guestbook)
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
        key = _key(doi, file)
        self._s3.add(BUCKET, "us-east-1", key, file.sent, private=True)
        if file.original is not None:
            self._s3.add(BUCKET, "us-east-1", f"{key}.orig", file.original, private=True)

    def too_many(self) -> Reply:
        """Return the answer over the limit: it does not say how long to wait."""
        text = "Too Many Requests: made-up rate limit exceeded"
        return as_json({"status": "ERROR", "code": 429, "message": text}, 429, _JSON)

    # ---- answers -------------------------------------------------------------------------------

    def has(self, host: str) -> bool:
        return host in self._hosts

    def accepts(self, host: str) -> frozenset[str]:
        return frozenset({"x-dataverse-key", "authorization", "cookie"})

    def reply(self, request: Request) -> Reply:
        if self.blocks_library_agents and request.agent.lower().startswith("python-"):
            return as_html("403 Forbidden", "<h1>Forbidden</h1>", 403, ("Server", "Apache"))
        key = request.headers.get("x-dataverse-key", request.query.get("key"))
        if key is not None and key not in self.keys:
            return _error(401, "Bad API key")
        if request.parts[0] != "api":
            return as_html("A made-up data set", "<h1>A page</h1>")
        match request.parts[1:] if request.parts[1:2] != ["v1"] else request.parts[2:]:
            case ["datasets", ":persistentId", *rest]:
                return self._dataset(request, rest)
            case ["access", kind, *rest]:
                return self._accessed(request, kind, rest)
            case ["guestbooks", number]:
                return _ok(guestbook(int(number)))
            case ["info", "version"]:
                return _ok({"version": "6.11"})
            case _:
                return _error(404, "API endpoint does not exist on this server.")

    def _accessed(self, request: Request, kind: str, rest: list[str]) -> Reply:
        match [kind, *rest]:
            case ["datafile", which]:
                return self._access(request, self._file(which, request.query))
            case ["dataset", ":persistentId", *rest]:
                version = self._version(request.query.get("persistentId", ""), rest[1:])
                return self._bundle(request, version.files) if version else _missing(request)
            case ["datafiles", which]:
                asked = [int(id) for id in which.split(",") if id.isdecimal()]
                known = [self._files[id][1] for id in asked if id in self._files]
                return self._bundle(request, known)
            case _:
                return _error(404, "API endpoint does not exist on this server.")

    # ---- data sets -----------------------------------------------------------------------------

    def _version(self, doi: str, rest: Sequence[str]) -> Version | None:
        """Find a version; none is the latest."""
        known = self._versions.get(doi, [])
        wanted = rest[0] if rest else ":latest"
        if wanted in (":latest", ":latest-published"):
            return known[-1] if known else None
        exact = wanted if "." in wanted else f"{wanted}.0"
        return next((one for one in known if one.number == exact), None)

    def _dataset(self, request: Request, rest: list[str]) -> Reply:
        doi, query = request.query.get("persistentId", ""), request.query
        if doi not in self._versions:
            return _missing(request)
        if rest == ["versions"]:
            return _ok([one.as_json() for one in reversed(self._versions[doi])])
        version = self._version(doi, rest[1:])
        if version is None:
            return _error(404, "Dataset version not found.")
        if not rest:
            return _ok(version.dataset())
        if rest[2:] == ["files"]:
            return self._page(version, query)
        files = query.get("excludeFiles") != "true"
        blocks = query.get("excludeMetadataBlocks") != "true"
        return _ok(version.as_json(files=files, blocks=blocks))

    def _page(self, version: Version, query: Mapping[str, str]) -> Reply:
        start = int(query.get("offset") or 0)
        most = min(int(query.get("limit") or self.default_limit), self.most_of_a_page)
        page = [file.as_json(version) for file in version.files[start : start + most]]
        found = {"status": "OK", "totalCount": len(version.files), "data": page}
        return as_json(found, 200, _JSON)

    # ---- files ---------------------------------------------------------------------------------

    def _file(self, which: str, query: Mapping[str, str]) -> int | None:
        if which == ":persistentId":
            wanted = query.get("persistentId")
            found = (id for id, (_, file, _) in self._files.items() if file.doi == wanted)
            return next(found, None)
        return int(which) if which.isdecimal() and int(which) in self._files else None

    def _access(self, request: Request, id: int | None) -> Reply:
        if id is None:
            return _error(404, "Datafile not found.")
        version, file, redirects = self._files[id]
        if file.restricted and not self._has_key(request):
            return _forbidden(request)
        if version.guestbook is not None and not self._is_signed(request):
            return self._booked(request, version.guestbook)
        if file.original is not None and request.query.get("format") != "original":
            return self._generated(request, file)
        return self._stored(request, version, file) if redirects else _streamed(request, file)

    def _has_key(self, request: Request) -> bool:
        return bool({request.headers.get("x-dataverse-key"), request.query.get("key")} & self.keys)

    def _is_signed(self, request: Request) -> bool:
        return self._signed.get(request.query.get("token", ""), 0) >= self._now()

    def _booked(self, request: Request, number: int) -> Reply:
        """Refuse, or give the link to who signs the guestbook."""
        answers = (request.json or {}).get("guestbookResponse", {})
        if request.method != "POST" or not {"name", "email"} <= set(answers):
            text = (
                "You may not download this file without the required Guestbook response for "
                f"guestbookID {number}."
            )
            return _error(400, text)
        token = sha256(f"{request.path} {len(self._signed)}".encode()) * 2
        self._signed[token] = self._now() + 60
        self._granted.add(token)
        query = f"gbrecs=true&gbrids=1234&user=guest&method=GET&token={token}"
        return _ok({"signedUrl": f"https://{request.host}{quote(request.path)}?{query}"})

    def _stored(self, request: Request, version: Version, file: DataFile) -> Reply:
        is_original = file.original is not None
        name = file.original_name if is_original else file.label
        key = _key(version.doi, file) + (".orig" if is_original else "")
        asked = {
            "response-content-disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "response-content-type": "text/csv" if is_original else file.type,
        }
        link = self._signer.link("aws", STORAGE, f"/{key}", self.link_seconds, asked)
        return redirect(link, 303, *_JSON)

    def _generated(self, request: Request, file: DataFile) -> Reply:
        """Send a table as it is made at this moment: with a header line, without ranges."""
        if "range" in request.headers:
            return _error(404, "Range is not supported for this kind of download.")
        headers = [("Content-Type", file.type), ("Content-Disposition", disposition(file.label))]
        return Reply(200, headers, file.sent, framing="chunked")

    def _bundle(self, request: Request, files: Sequence[DataFile]) -> Reply:
        """Zip what may be had; the manifest alone tells what is not in it."""
        lines, total, buffer = [], 0, io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for file in files:
                total += len(file.sent)
                if file.restricted and not self._has_key(request):
                    lines.append(f"{file.label} IS RESTRICTED AND CANNOT BE DOWNLOADED")
                elif self.bundle_limit is not None and total > self.bundle_limit:
                    lines.append(_skipped(file, self.bundle_limit))
                else:
                    path = f"{file.folder}/{file.label}" if file.folder else file.label
                    archive.writestr(path, file.sent)
                    lines.append(f"{file.label} ({file.type}) {len(file.sent)} bytes.")
            manifest = "0MANIFEST.TXT" if "MANIFEST.TXT" in archive.namelist() else "MANIFEST.TXT"
            if not archive.namelist():
                return _forbidden(request)
            archive.writestr(manifest, "\r\n".join(lines) + "\r\n")
        name = "dataverse_files.zip"
        kind = ("Content-Type", f'application/zip; name="{name}"')
        headers = [kind, ("Content-Disposition", f'attachment; filename="{name}"')]
        return Reply(200, headers, buffer.getvalue(), framing="chunked")


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


def _key(doi: str, file: DataFile) -> str:
    return f"{doi.removeprefix('doi:')}/{file.storage_id}"


def _skipped(file: DataFile, limit: int) -> str:
    return (
        f"{file.label} ({file.type})  skipped because the total size of the download bundle "
        f"exceeded the limit of {limit} bytes."
    )


def _ok(data: object) -> Reply:
    return as_json({"status": "OK", "data": data}, 200, _JSON)


def _error(status: int, message: str) -> Reply:
    return as_json({"status": "ERROR", "message": message}, status, _JSON)


def _missing(request: Request) -> Reply:
    doi = request.query.get("persistentId", "")
    return _error(404, f"Dataset with Persistent ID {doi} not found.")


def _forbidden(request: Request) -> Reply:
    found = {
        "status": "ERROR",
        "code": 403,
        "message": _FORBIDDEN,
        "requestUrl": f"https://{request.host}{request.path.replace('/api/', '/api/v1/')}",
        "requestMethod": request.method,
    }
    return as_json(found, 403, _JSON)
