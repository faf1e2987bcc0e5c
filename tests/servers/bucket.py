"""Buckets that can be written to, as S3 serves them by paths: listed, put once, put in parts.

Google's XML API is the same but for the login and the name of the header that puts only once.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote
from xml.sax.saxutils import escape, unescape

from servers.message import Reply, Request
from servers.server import Loopback

_PAGE = 50  # keys; S3's own is 1,000
_LOGINS = ("AWS4-HMAC-SHA256 ", "Bearer made-up")
_ONCE = {"if-none-match", "x-goog-if-generation-match"}
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Buckets:
    """What is in them, and the uploads that are not whole."""

    def __init__(self, *names: str) -> None:
        self.objects: dict[str, dict[str, bytes]] = {name: {} for name in names}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.asked: list[str] = []  # method and path of each request
        self.before: Callable[[Request], Reply | None] = lambda _: None  # answers in its place
        self._lock = threading.Lock()
        self.loopback = Loopback(self)
        self.url = self.loopback.url

    @staticmethod
    def reply_of(status: int, code: str) -> Reply:
        """Return an error that quotes who asked, as S3's do."""
        return fault(status, code, "<AWSAccessKeyId>AKIAMADEUP</AWSAccessKeyId><Signature/>")

    def now(self) -> float:
        return time.time()

    def reply(self, request: Request) -> Reply:
        path = unquote(request.target.partition("?")[0])
        self.asked.append(f"{request.method} {path}")
        if (instead := self.before(request)) is not None:
            return instead
        _, name, *rest = path.split("/", 2)
        if name not in self.objects:
            return fault(404, "NoSuchBucket")
        if not request.headers.get("authorization", "").startswith(_LOGINS):
            return fault(403, "AccessDenied")
        with self._lock:
            inside, key = self.objects[name], "".join(rest)
            if "delete" in request.query:
                keys = re.findall("<Key>(.*?)</Key>", request.body.decode())
                for gone in keys:
                    inside.pop(unescape(gone), None)
                rows = (f"<Deleted><Key>{gone}</Key></Deleted>" for gone in keys)
                return xml(f"<DeleteResult>{''.join(rows)}</DeleteResult>")
            if "list-type" in request.query:
                return _listed(inside, request)
            if "uploads" in request.query or "uploadId" in request.query:
                return self._in_parts(inside, key, request)
            return _single(inside, key, request)

    def _in_parts(self, inside: dict[str, bytes], key: str, request: Request) -> Reply:
        if request.method == "POST" and "uploads" in request.query:
            id = f"upload-{len(self.asked)}"
            self.uploads[id] = {}
            return xml(
                f"<R><Bucket>b</Bucket><Key>{escape(key)}</Key><UploadId>{id}</UploadId></R>"
            )
        id = request.query["uploadId"]
        if id not in self.uploads:
            return fault(404, "NoSuchUpload")
        if request.method == "PUT":
            self.uploads[id][int(request.query["partNumber"])] = request.body
            return Reply(200, [("ETag", _tag(request.body))])
        parts = self.uploads.pop(id)
        if request.method == "DELETE":
            return Reply(204)
        inside[key] = b"".join(parts[number] for number in sorted(parts))
        tag = escape(_tag(inside[key]))
        return xml(f"<R><Bucket>b</Bucket><Key>{escape(key)}</Key><ETag>{tag}</ETag></R>")


def _single(inside: dict[str, bytes], key: str, request: Request) -> Reply:
    if request.method == "PUT":
        if _ONCE & request.headers.keys() and key in inside:
            return fault(412, "PreconditionFailed")
        inside[key] = request.body
        return Reply(200, [("ETag", _tag(request.body))])
    if key not in inside:
        return fault(404, "NoSuchKey")
    if request.method == "DELETE":
        del inside[key]
        return Reply(204)
    data = inside[key]
    head = [("ETag", _tag(data)), ("Last-Modified", "Tue, 05 Jan 2021 10:00:00 GMT")]
    if found := _RANGE.fullmatch(request.headers.get("range", "")):
        start, end = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
        head.append(("Content-Range", f"bytes {start}-{end}/{len(data)}"))
        return Reply(206, head, data[start : end + 1])
    return Reply(200, head, data)


def _listed(inside: dict[str, bytes], request: Request) -> Reply:
    prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter")
    after = request.query.get("continuation-token", "")
    rows, last, folders = list[str](), "", set[str]()
    keys = sorted(key for key in inside if key.startswith(prefix) and key > after)
    for key in keys[:_PAGE]:
        last = key
        folder, slash, _ = key[len(prefix) :].partition(delimiter or "\0")
        if slash:
            folders.add(f"{prefix}{folder}{slash}")
            continue
        rows.append(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(inside[key])}</Size><ETag>"
            f"{escape(_tag(inside[key]))}</ETag><LastModified>2021-01-05T10:00:00.000Z"
            "</LastModified></Contents>"
        )
    rows += [f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders]
    more = len(keys) > _PAGE
    rows.append(f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" * more)
    rows.append(f"<IsTruncated>{str(more).lower()}</IsTruncated>")
    return xml(f"<ListBucketResult>{''.join(rows)}</ListBucketResult>")


def fault(status: int, code: str, more: str = "") -> Reply:
    """Return an error as S3 gives it; some of its own quote who asked."""
    reply = xml(f"<Error><Code>{code}</Code><Message>made up</Message>{more}</Error>")
    reply.status = status
    return reply


def xml(text: str) -> Reply:
    return Reply(200, [("Content-Type", "application/xml")], text.encode())


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
