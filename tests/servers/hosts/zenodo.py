"""Zenodo: records, files without a redirect, limits in headers, tombstones."""

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, unquote
from uuid import NAMESPACE_URL, uuid5

from servers.message import (
    Content,
    Headers,
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

HOST = "zenodo.org"
SITE = f"https://{HOST}"
_BLOCKED = ("python-", "aria2/")


@dataclass(frozen=True)
class Record:
    """One version of a record; `sent` is what comes where that is not what is listed."""

    id: str
    concept: str
    files: Mapping[str, bytes]
    sent: Mapping[str, bytes]
    index: int
    version: str = "1"
    license: str = "cc-by-4.0"
    restricted: bool = False

    def as_json(self, *, is_last: bool, shape: str) -> dict[str, Any]:
        """Return what the API says, in today's shape or in that of some days of October 2023."""
        row = self._row_of_october_2023 if shape == "2023-10" else self._row
        parent = {"pid_type": "recid", "pid_value": self.concept}
        api, page = f"{SITE}/api/records/{self.id}", f"{SITE}/records/{self.id}"
        doi = f"10.5281/zenodo.{self.id}"
        return {
            "created": "2021-01-05T10:00:00.641590+00:00",
            "id": int(self.id),
            "conceptrecid": self.concept,
            "doi": doi,
            "conceptdoi": f"10.5281/zenodo.{self.concept}",
            "metadata": {
                "title": "A made-up record",
                "doi": doi,
                "publication_date": "2021-01-05",
                "access_right": "restricted" if self.restricted else "open",
                "creators": [{"name": "Up, Made", "affiliation": "Nowhere", "orcid": ""}],
                "version": self.version,
                "resource_type": {"title": "Dataset", "type": "dataset"},
                "license": {"id": self.license},
                "relations": {
                    "version": [{"index": self.index, "is_last": is_last, "parent": parent}]
                },
            },
            "title": "A made-up record",
            "links": {"self": api, "self_html": page, "latest": f"{api}/versions/latest"},
            "recid": self.id,
            "revision": 4,
            "files": [] if self.restricted else [row(key) for key in self.files],
            "status": "published",
        }

    def _row(self, key: str) -> dict[str, Any]:
        data = self.files[key]
        return {
            "id": str(uuid5(NAMESPACE_URL, f"file {self.id} {key}")),
            "key": key,
            "size": len(data),
            "checksum": f"md5:{md5(data)}",
            "links": {"self": self._content(key)},
        }

    def _row_of_october_2023(self, key: str) -> dict[str, Any]:
        links = {"self": self._content(key), "download": f"{SITE}/api/files/made-up/{quote(key)}"}
        data = self.files[key]
        return {
            "id": self._row(key)["id"],
            "filename": key,
            "filesize": len(data),
            "checksum": md5(data),
            "links": links,
        }

    def entry(self, key: str) -> dict[str, Any]:
        content = self._content(key)
        links = {"self": content.removesuffix("/content"), "content": content}
        row = self._row(key)
        own = {"file_id": row.pop("id"), "links": links, "status": "completed"}
        return {**row, **own, "storage_class": "L"}

    def _content(self, key: str) -> str:
        return f"{SITE}/api/records/{self.id}/files/{quote(key, safe='')}/content"


class Zenodo(Site):
    hosts = (HOST, f"www.{HOST}")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.tokens = {"zenodo-token"}  # the ones that are right
        self.shape: Literal["today", "2023-10"] = "today"
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
        return dict(self._records[record].files) if record in self._records else {}

    def remove(self, record: str) -> None:
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

    def reply(self, request: Request) -> Reply:
        if request.agent.lower().startswith(_BLOCKED):
            text = "<h1>Forbidden</h1><p>Unusual traffic has been detected.</p>"
            return as_html("403 Forbidden", text, 403)
        if self._token(request) not in ("", *self.tokens):
            text = "The server could not verify that you are authorized to access the URL."
            return as_json({"status": 401, "message": text}, 401, self._limits())
        parts = request.path.strip("/").split("/")  # a key may have slashes in it
        match [unquote(part) for part in parts]:
            case ["api", "records", id, *rest]:
                return self._api(request, id, rest)
            case ["records", id, *rest]:
                return self._page(request, id, rest)
        return as_html("Not found", "<h1>404</h1>", 404)

    def _token(self, request: Request) -> str:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return given or request.query.get("access_token", "")

    def _is_refused(self, request: Request, record: Record) -> bool:
        return record.restricted and self._token(request) not in self.tokens

    def _api(self, request: Request, id: str, rest: list[str]) -> Reply:
        if id in self._removed:
            return as_json(_TOMBSTONE, 410, self._limits())
        record = self._records.get(id)
        if record is None:
            return self._error(404, "The persistent identifier does not exist.")
        latest = self._latest(record)
        if rest == ["versions", "latest"]:
            return redirect(f"{SITE}/api/records/{latest.id}")
        if not rest:
            found = record.as_json(is_last=latest is record, shape=self.shape)
            page = f'<{SITE}/records/{record.id}> ; rel="alternate" ; type="text/html"'
            return as_json(found, 200, [*self._limits(), ("Link", page)])
        if self._is_refused(request, record):
            return self._error(403, "Permission denied.")
        if rest == ["files"]:
            entries = [record.entry(key) for key in record.files]
            return as_json({"enabled": True, "entries": entries}, 200, self._limits())
        key = "/".join(rest[1:-1])
        if (rest[0], rest[-1]) != ("files", "content") or key not in record.files:
            return self._error(404, f"No file with the key '{key}'.")
        return self._content(request, record, key)

    def _page(self, request: Request, id: str, rest: list[str]) -> Reply:
        """Answer for a browser; of a concept the newest version's page, whatever was asked."""
        if versions := [one for one in self._records.values() if one.concept == id]:
            return redirect(f"{SITE}/records/{versions[-1].id}")
        key = "/".join(rest[1:])
        if id in self._removed:
            return as_html("Record deleted", "<h1>Gone</h1>", 410)
        if id not in self._records:
            return as_html("Not found", "<h1>404</h1>", 404)
        if rest[:1] != ["files"] or key not in self._records[id].files:
            return as_html("A made-up record", "<h1>A page</h1>")
        if self._is_refused(request, self._records[id]):
            return as_html("Permission required", "<h1>403</h1>", 403)
        return self._content(request, self._records[id], key)

    def _content(self, request: Request, record: Record, key: str) -> Reply:
        """Send a file, with headers that say too much."""
        digest = md5(record.files[key])
        headers = (
            ("Content-Disposition", disposition(key)),
            *self._limits(),
            ("Content-MD5", digest),  # in hex, though base64 was meant
            ("Accept-Ranges", "none"),
            ("Accept-Ranges", "bytes"),
        )
        etag = f'"md5:{digest}"'
        content = Content(record.sent[key], etag, headers=headers, says_ranges=False)
        return serve(request, content)

    def _latest(self, record: Record) -> Record:
        same = [one for one in self._records.values() if one.concept == record.concept]
        return [one for one in same if one.id not in self._removed][-1]

    def _limits(self) -> Headers:
        """Return what every answer says of the limit, Retry-After of successes too."""
        count = next(self._count)
        return [
            ("x-ratelimit-limit", "133"),
            ("x-ratelimit-remaining", str(132 - count % 133)),
            ("x-ratelimit-reset", str(int(self._now()) + 60)),
            ("retry-after", "60"),
        ]

    def _error(self, status: int, message: str) -> Reply:
        return as_json({"status": status, "message": message}, status, self._limits())


_TOMBSTONE = {
    "status": 410,
    "message": "Record deleted",
    "tombstone": {
        "removal_reason": {"id": "spam", "title": {"en": "Spam"}},
        "removal_date": "2025-01-01T00:00:00.000000+00:00",
    },
}
