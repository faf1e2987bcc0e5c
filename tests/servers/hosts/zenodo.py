"""Zenodo: records, files without a redirect, limits in headers, tombstones."""

import io
import itertools
import zipfile
from collections.abc import Callable, Collection, Mapping
from typing import Literal
from urllib.parse import quote, unquote

from servers.hosts.message import (
    LAST_MODIFIED,
    Content,
    Headers,
    Reply,
    Request,
    as_html,
    as_json,
    disposition,
    md5,
    redirect,
    serve,
    spoilt,
)
from servers.hosts.zenodo_data import SITE, Record

HOST = "zenodo.org"
_RDM = "application/vnd.inveniordm.v1+json"
_BLOCKED = ("python-", "aria2/")


class Zenodo:
    """zenodo.org."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.tokens = {"zenodo-token"}  # the ones that are right
        self.shape: Literal["today", "2023-10"] = "today"
        self.blocks_library_agents = True
        self._records: dict[str, Record] = {}
        self._removed: set[str] = set()
        self._count = itertools.count(1)

    def add(
        self,
        record: str,
        files: Mapping[str, bytes],
        *,
        concept: str | None = None,
        version: str = "1",
        license: str = "cc-by-4.0",
        restricted: bool = False,
        wrong: Collection[str] = (),
    ) -> None:
        """Publish a record; those of one `concept` are its versions, the last added the latest.

        What comes of a `wrong` file is not what is listed.
        """
        parent = concept or str(int(record) - 1)
        others = [one for id, one in self._records.items() if id != record]
        index = sum(one.concept == parent for one in others)
        sent = {key: spoilt(data) if key in wrong else data for key, data in files.items()}
        self._records[record] = Record(
            record, parent, dict(files), sent, index, version, license, restricted
        )

    def files(self, record: str) -> dict[str, bytes]:
        """Return what a record has so far."""
        return dict(self._records[record].files) if record in self._records else {}

    def remove(self, record: str) -> None:
        """Leave a tombstone."""
        self._removed.add(record)

    def too_many(self, wait: int = 30) -> Reply:
        """Return the answer over the limit, with all headers that say how long to wait."""
        headers = {
            "x-ratelimit-limit": "100",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int(self._now()) + wait),
            "retry-after": str(wait),
        }
        return as_json({"message": "100 per 1 minute"}, 429, headers.items())

    # ---- answers -------------------------------------------------------------------------------

    def has(self, host: str) -> bool:
        return host in (HOST, f"www.{HOST}")

    def accepts(self, host: str) -> frozenset[str]:
        return frozenset({"authorization", "cookie"})

    def reply(self, request: Request) -> Reply:
        if self.blocks_library_agents and request.agent.lower().startswith(_BLOCKED):
            text = "<h1>Forbidden</h1><p>Unusual traffic has been detected.</p>"
            return as_html("403 Forbidden", text, 403)
        if not self._knows(request):
            text = "The server could not verify that you are authorized to access the URL."
            return as_json({"status": 401, "message": text}, 401, self._limits())
        return self._routed(request)

    def _routed(self, request: Request) -> Reply:
        """Find what a path is of; a key may have slashes in it."""
        path = request.path.strip("/")
        match [unquote(part) for part in path.split("/")]:
            case ["api", "records", id, *rest]:
                return self._api(request, id, rest)
            case ["api", "files", bucket, *key]:
                return self._old_file(bucket, "/".join(key))
            case ["record" | "records" as kind, id, *rest]:
                if kind == "record":
                    return redirect(f"{SITE}/{path.replace('record', 'records', 1)}", 301)
                return self._page(request, id, rest)
        return as_html("Not found", "<h1>404</h1>", 404)

    def _knows(self, request: Request) -> bool:
        """True unless a token was given that is wrong."""
        return self._token(request) in ("", *self.tokens)

    def _token(self, request: Request) -> str:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return given or request.query.get("access_token", "")

    # ---- the API -------------------------------------------------------------------------------

    def _api(self, request: Request, id: str, rest: list[str]) -> Reply:
        if id in self._removed:
            return as_json(_TOMBSTONE, 410, self._limits())
        record = self._records.get(id)
        if record is None:
            text = "The persistent identifier does not exist."
            return as_json({"status": 404, "message": text}, 404, self._limits())
        if rest == ["versions", "latest"]:
            return redirect(f"{SITE}/api/records/{self._latest(record).id}")
        if not rest:
            return self._record(request, record)
        if record.restricted and self._token(request) not in self.tokens:
            return as_json({"status": 403, "message": "Permission denied."}, 403, self._limits())
        if rest == ["files"]:
            return as_json(record.file_list(), 200, self._json_headers(record))
        if rest == ["files-archive"]:
            return self._archive(record)
        return self._file(request, record, rest)

    def _record(self, request: Request, record: Record) -> Reply:
        is_last = self._latest(record) is record
        headers = self._json_headers(record)
        if _RDM in request.headers.get("accept", ""):
            return as_json(record.rdm(is_last=is_last), 200, headers, _RDM)
        if self.shape == "2023-10":
            return as_json(record.of_october_2023(is_last=is_last), 200, headers)
        return as_json(record.legacy(is_last=is_last), 200, headers)

    def _file(self, request: Request, record: Record, rest: list[str]) -> Reply:
        is_content = rest[-1] == "content"
        key = "/".join(rest[1:-1] if is_content else rest[1:])
        if rest[0] != "files" or key not in record.files:
            text = f"No file with the key '{key}'."
            return as_json({"status": 404, "message": text}, 404, self._limits())
        if not is_content:
            return as_json(record.entry(key), 200, self._json_headers(record))
        return self._content(request, record, key)

    def _content(self, request: Request, record: Record, key: str) -> Reply:
        """Send a file; HEAD keeps quiet about ranges and ETag, GET says too much."""
        digest = md5(record.files[key])
        headers = [("Content-Disposition", disposition(key)), *self._limits()]
        if request.method == "HEAD":
            headers.append(("Set-Cookie", "session=made-up; Secure; HttpOnly; Path=/"))
            kind = ("Content-Type", "application/octet-stream")
            modified = ("Last-Modified", LAST_MODIFIED)
            return Reply(200, [kind, modified, *headers], record.sent[key])
        more = [
            ("Content-MD5", digest),  # in hex, though base64 was meant
            ("Accept-Ranges", "none"),
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "no-cache"),
        ]
        content = Content(
            record.sent[key],
            f'"md5:{digest}"',
            headers=(*headers, *more),
            says_ranges=False,
        )
        return serve(request, content)

    def _archive(self, record: Record) -> Reply:
        """Zip the files anew: other bytes each time."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for key, data in record.sent.items():
                archive.writestr(key, data)
            archive.comment = b"made %d" % next(self._count)
        headers = [("Content-Type", "application/zip"), *self._limits()]
        headers.append(("Content-Disposition", f"attachment; filename={record.id}.zip"))
        return Reply(200, headers, buffer.getvalue(), framing="chunked")

    def _latest(self, record: Record) -> Record:
        same = [one for one in self._records.values() if one.concept == record.concept]
        return [one for one in same if one.id not in self._removed][-1]

    # ---- pages and old addresses ---------------------------------------------------------------

    def _page(self, request: Request, id: str, rest: list[str]) -> Reply:
        versions = [one for one in self._records.values() if one.concept == id]
        if versions:  # the rest of the path is lost
            return redirect(f"{SITE}/records/{versions[-1].id}")
        record = self._records.get(id)
        if id in self._removed:
            return as_html("Record deleted", "<h1>Gone</h1>", 410)
        if record is None:
            return as_html("Not found", "<h1>404</h1>", 404)
        key = "/".join(rest[1:])
        if rest[:1] != ["files"] or key not in record.files:
            return as_html("A made-up record", "<h1>A page</h1>")
        if record.restricted and self._token(request) not in self.tokens:
            return as_html("Permission required", "<h1>403</h1>", 403)
        return self._content(request, record, key)

    def _old_file(self, bucket: str, key: str) -> Reply:
        for record in self._records.values():
            if record.bucket == bucket and key in record.files:
                return redirect(f"{SITE}/records/{record.id}/files/{quote(key)}", 301)
        return as_html("Not found", "<h1>404</h1>", 404)

    # ---- headers -------------------------------------------------------------------------------

    def _limits(self) -> Headers:
        """Return what every answer says of the limit, Retry-After of successes too."""
        count = next(self._count)
        return [
            ("x-ratelimit-limit", "133"),
            ("x-ratelimit-remaining", str(132 - count % 133)),
            ("x-ratelimit-reset", str(int(self._now()) + 60)),
            ("retry-after", "60"),
            ("x-request-id", f"{count:032x}"),
        ]

    def _json_headers(self, record: Record) -> Headers:
        page = f'<{SITE}/records/{record.id}> ; rel="alternate" ; type="text/html"'
        return [*self._limits(), ("Link", page)]


_TOMBSTONE = {
    "status": 410,
    "message": "Record deleted",
    "tombstone": {
        "removal_reason": {"id": "spam", "title": {"en": "Spam"}},
        "removal_date": "2025-01-01T00:00:00.000000+00:00",
        "citation_text": "Made up.",
        "is_visible": True,
    },
}
