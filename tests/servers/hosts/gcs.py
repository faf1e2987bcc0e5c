"""Google Cloud Storage: signed links as Kaggle's, public buckets with lists, XML and JSON errors."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import unquote

from servers.hosts.signing import Signer
from servers.message import LAST_MODIFIED, Content, Reply, Request, Site, md5, serve, spoilt

_LIST = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)/o")
HOST = "storage.googleapis.com"
Hashes = Literal["joined", "two lines", "crc32c only"]


@dataclass(frozen=True)
class Blob:
    """One object: its hashes are of `listed`, which is not always what is sent."""

    data: bytes
    listed: bytes
    hashes: Hashes
    type: str
    is_public: bool

    @cached_property
    def md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.listed).digest()).decode()

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        crc = "crc32c=AAAAAA=="  # nobody looks at it
        digest = f"md5={self.md5}"
        values = {"joined": [f"{crc}, {digest}"], "two lines": [crc, digest], "crc32c only": [crc]}[
            self.hashes
        ]
        return (
            ("x-goog-generation", "1600000000000000"),
            *(("x-goog-hash", value) for value in values),
            ("x-goog-stored-content-length", str(len(self.listed))),
            ("x-goog-stored-content-encoding", "identity"),
            ("x-goog-storage-class", "STANDARD"),
        )


class Gcs(Site):
    """The one host of all buckets."""

    hosts, credentials = (HOST,), ()

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._blobs: dict[str, Blob] = {}
        self.page = 1000  # objects of a list, at most

    def add(
        self,
        path: str,
        data: bytes,
        *,
        hashes: Hashes = "joined",
        wrong: bool = False,
        type: str = "application/octet-stream",
        public: bool = False,
    ) -> None:
        """Put an object at `BUCKET/KEY`; the hashes of a `wrong` one are of other bytes."""
        sent = spoilt(data) if wrong else data
        self._blobs[path] = Blob(sent, data, hashes, type, public)

    def drop(self, top: str) -> None:
        """Remove all that begins with `BUCKET/KEY`."""
        self._blobs = {path: one for path, one in self._blobs.items() if not path.startswith(top)}

    def slow_down(self) -> Reply:
        return _json_error(429, "The rate of requests is too high.")

    def reply(self, request: Request) -> Reply:
        if listed := _LIST.fullmatch(unquote(request.path)):
            return self._list(listed["bucket"], request.query)
        blob = self._blobs.get(unquote(request.path).lstrip("/"))
        verdict = self._signer.judge("google", request)
        if "authorization" in request.headers:
            return _error(401, "AuthenticationRequired", "Authentication required.")
        if verdict in ("expired", "used"):
            more = "<Details>The provided token has expired.</Details>"
            return _error(400, "ExpiredToken", "Invalid argument.", more)
        if verdict == "wrong":
            return _error(403, "SignatureDoesNotMatch", "Access denied.")
        if verdict == "unsigned" and not (blob and blob.is_public):
            return _error(403, "AccessDenied", "Access denied.")
        if blob is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        headers = (*blob.headers, ("Server", "UploadServer"))
        etag = f'"{md5(blob.listed)}"'
        return serve(request, Content(blob.data, etag, LAST_MODIFIED, blob.type, headers))

    def _list(self, bucket: str, asked: Mapping[str, str]) -> Reply:
        """Answer as the JSON API's `objects.list`: of each the fields that are asked for."""
        known = {
            path.removeprefix(f"{bucket}/"): blob
            for path, blob in self._blobs.items()
            if path.startswith(f"{bucket}/") and blob.is_public
        }
        if not known:
            return _json_error(404, "The specified bucket does not exist.")
        begin = base64.b64decode(asked.get("pageToken", "")).decode()
        prefix = asked.get("prefix", "")
        names = sorted(name for name in known if name.startswith(prefix) and name >= begin)
        most = min(self.page, int(asked.get("maxResults", "1000")))
        fields = re.findall(r"\w+", asked["fields"].partition("(")[2].partition(")")[0])
        rows = []
        for name in names[:most]:
            blob = known[name]
            row = {"kind": "storage#object", "name": name, "size": str(len(blob.listed))}
            row |= {} if blob.hashes == "crc32c only" else {"md5Hash": blob.md5}
            rows.append({key: value for key, value in row.items() if key in fields})
        answer = {"items": rows} if rows else {}
        if names[most:]:
            answer["nextPageToken"] = base64.b64encode(names[most].encode()).decode()
        return _json(200, answer)


def _json(status: int, tree: object) -> Reply:
    kind = [("Content-Type", "application/json; charset=UTF-8"), ("Server", "UploadServer")]
    return Reply(status, kind, json.dumps(tree).encode())


def _json_error(status: int, message: str) -> Reply:
    return _json(status, {"error": {"code": status, "message": message}})


def _error(status: int, code: str, message: str, more: str = "") -> Reply:
    head = "<?xml version='1.0' encoding='UTF-8'?>"
    text = f"{head}<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Reply(status, [("Content-Type", "application/xml; charset=UTF-8")], text.encode())
