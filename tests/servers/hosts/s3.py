"""Amazon S3: public buckets and presigned objects, lists of the second version, XML errors."""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote
from xml.sax.saxutils import escape

from servers.hosts.signing import Signer
from servers.message import LAST_MODIFIED, Content, Reply, Request, Site, md5, serve

# The bucket stands in the host, or is the first part of the path.
_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+?)\.)?s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")


@dataclass(frozen=True)
class Object:
    data: bytes
    is_private: bool


class S3(Site):
    """Every host of amazonaws.com."""

    credentials = ()

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._objects: dict[str, dict[str, Object]] = {}  # bucket, key
        self._is_listed: dict[str, bool] = {}
        self.page = 1000  # keys of a list, at most

    def add(
        self, bucket: str, region: str, key: str, data: bytes, *, private: bool = False
    ) -> None:
        """Put an object; a `private` one needs a signed link."""
        self.bucket(bucket, region, lists=self._is_listed.get(bucket, True))
        self._objects[bucket][key] = Object(data, private)

    def bucket(self, bucket: str, region: str, *, lists: bool = True) -> None:
        """Make a bucket; where nobody may list it, a missing key is AccessDenied."""
        del region  # every spelling of an address leads here
        self._is_listed[bucket] = lists
        self._objects.setdefault(bucket, {})

    def slow_down(self) -> Reply:
        return error(503, "SlowDown", "Please reduce your request rate.")

    def has(self, host: str) -> bool:
        return host.endswith(".amazonaws.com")

    def reply(self, request: Request) -> Reply:
        return self._judged(request).having({"x-amz-request-id": "MADEUP", "Server": "AmazonS3"})

    def _judged(self, request: Request) -> Reply:
        if "authorization" in request.headers:
            return error(400, "InvalidArgument", "Unsupported Authorization Type")
        found, path = _HOST.fullmatch(request.host), unquote(request.path).lstrip("/")
        bucket = found["bucket"] if found else None
        if bucket is None:
            bucket, _, path = path.partition("/")
        if bucket not in self._objects:
            return error(404, "NoSuchBucket", "The specified bucket does not exist")
        if not path and request.query.get("list-type") == "2":
            return self._list(bucket, request.query)
        stored = self._objects[bucket].get(path)
        if stored is None and self._is_listed[bucket]:
            return error(404, "NoSuchKey", "The specified key does not exist.")
        verdict = self._signer.judge("aws", request)
        if verdict == "wrong":
            return error(403, "SignatureDoesNotMatch", "The signature does not match.")
        if verdict in ("expired", "used"):
            return error(403, "AccessDenied", "Request has expired")
        if stored is None or (verdict == "unsigned" and stored.is_private):
            return error(403, "AccessDenied", "Access Denied")
        asked = request.query
        headers = (("x-amz-server-side-encryption", "AES256"),)
        if named := asked.get("response-content-disposition"):
            headers += (("Content-Disposition", named),)
        kind = asked.get("response-content-type", "application/octet-stream")
        etag = f'"{md5(stored.data)}"'
        return serve(request, Content(stored.data, etag, LAST_MODIFIED, kind, headers))

    def _list(self, bucket: str, asked: Mapping[str, str]) -> Reply:
        """Answer as s3-list-objects-v2.xml was recorded; a token is what comes next, made odd."""
        if not self._is_listed[bucket]:
            return error(403, "AccessDenied", "Access Denied")
        prefix, most = asked.get("prefix", ""), min(self.page, int(asked.get("max-keys", "1000")))
        begin = b64decode(asked.get("continuation-token", "")).decode()
        objects = self._objects[bucket]
        keys = sorted(key for key in objects if key.startswith(prefix) and key >= begin)
        shown, rest = keys[:most], keys[most : most + 1]
        told = quote_plus if asked.get("encoding-type") == "url" else escape
        token = b64encode(rest[0].encode()).decode() if rest else ""
        rows = [
            f"<Contents><Key>{told(key)}</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified>"
            f"<ETag>&quot;{md5(objects[key].data)}&quot;</ETag><Size>{len(objects[key].data)}</Size>"
            "<StorageClass>INTELLIGENT_TIERING</StorageClass></Contents>"
            for key in shown
        ]
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{told(prefix)}</Prefix>"
            + (f"<NextContinuationToken>{token}</NextContinuationToken>" if token else "")
            + f"<KeyCount>{len(shown)}</KeyCount><MaxKeys>{most}</MaxKeys>"
            f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{''.join(rows)}</ListBucketResult>"
        )
        return Reply(200, [("Content-Type", "application/xml")], text.encode(), framing="chunked")


def error(status: int, code: str, message: str) -> Reply:
    """Return S3's XML error, chunked as S3 sends it."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        "<RequestId>MADEUP</RequestId><HostId>MADEUP=</HostId></Error>"
    )
    return Reply(status, [("Content-Type", "application/xml")], text.encode(), framing="chunked")
