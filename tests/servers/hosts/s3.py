"""Amazon S3: public buckets and presigned objects, with XML errors."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from servers.hosts.message import (
    LAST_MODIFIED,
    NOTHING,
    Content,
    Reply,
    Request,
    md5,
    serve,
    spoilt,
)
from servers.hosts.signing import Signer

_HOSTS = (  # bucket in the host, or else the first part of the path
    re.compile(r"(?P<bucket>[a-z0-9.-]+?)\.s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com"),
    re.compile(r"(?P<bucket>[a-z0-9.-]+)\.s3\.amazonaws\.com"),
    re.compile(r"s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com"),
    re.compile(r"s3\.amazonaws\.com"),
)
_MODIFIED = "2021-01-05T10:00:00.000Z"


@dataclass(frozen=True)
class Object:
    """One object of a bucket."""

    data: bytes
    etag: str
    is_private: bool = False
    type: str = "application/octet-stream"
    checksum: str | None = None  # "sha256", "sha1": what its uploader's client added
    version: str | None = None

    @property
    def summed(self) -> str:
        """The checksum as S3 sends it."""
        return base64.b64encode(hashlib.new(self.checksum or "sha256", self.data).digest()).decode()


class S3:
    """Every host of amazonaws.com."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.multipart_over = 16 << 20  # bytes; as the console does
        self.part_size = 8 << 20
        self._objects: dict[str, dict[str, Object]] = {}  # bucket, key
        self._regions: dict[str, str] = {}
        self._is_listed: dict[str, bool] = {}

    def add(
        self,
        bucket: str,
        region: str,
        key: str,
        data: bytes,
        *,
        private: bool = False,
        parts: int | None = None,
        wrong: bool = False,
        type: str = "application/octet-stream",
        checksum: str | None = None,
        version: str | None = None,
    ) -> None:
        """Put an object: `private` ones need a signed link, `wrong` ones hold other bytes.

        The ETag of an object in several parts is not its MD5.
        """
        size = self.part_size if parts is None else -(-len(data) // parts) or 1
        is_multipart = parts is not None or len(data) > self.multipart_over
        etag = _multipart(data, size) if is_multipart else f'"{md5(data)}"'
        stored = Object(spoilt(data) if wrong else data, etag, private, type, checksum, version)
        self._regions.setdefault(bucket, region)
        self._objects.setdefault(bucket, {})[key] = stored

    def bucket(self, bucket: str, region: str, *, lists: bool = True) -> None:
        """Make a bucket; where nobody may list it, a missing key is AccessDenied."""
        self._regions[bucket], self._is_listed[bucket] = region, lists
        self._objects.setdefault(bucket, {})

    def slow_down(self) -> Reply:
        """Return the answer of a busy bucket."""
        return error(503, "SlowDown", "Please reduce your request rate.")

    # ---- answers -------------------------------------------------------------------------------

    def has(self, host: str) -> bool:
        return host.endswith(".amazonaws.com")

    def accepts(self, host: str) -> frozenset[str]:
        return NOTHING

    def reply(self, request: Request) -> Reply:
        answer = self._judged(request)
        answer = answer.having({"x-amz-request-id": "MADEUP", "Server": "AmazonS3"})
        if request.method == "HEAD" and answer.status >= 400:
            answer.body, answer.framing = b"", "length"
        return answer

    def _judged(self, request: Request) -> Reply:
        if "authorization" in request.headers:
            return error(400, "InvalidArgument", "Unsupported Authorization Type")
        found = _located(request.host, unquote(request.path).lstrip("/"))
        if found is None or found[0] not in self._regions:
            return error(404, "NoSuchBucket", "The specified bucket does not exist")
        bucket, region, key = found
        right = self._regions[bucket]
        if region not in (None, right):
            return _elsewhere(bucket, right)
        if not key and request.query.get("list-type") == "2":
            return self._listing(bucket, request.query)
        return self._object(request, bucket, key)

    def _object(self, request: Request, bucket: str, key: str) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return _denied()
        stored = self._objects[bucket].get(key)
        if stored is None:
            is_open = self._is_listed.get(bucket, True)
            missing = error(404, "NoSuchKey", "The specified key does not exist.")
            return missing if is_open else _denied()
        if request.query.get("versionId", stored.version) != stored.version:
            return error(404, "NoSuchVersion", "The specified version does not exist.")
        refusal = self._refusal(request, stored)
        return refusal or serve(request, _content(request, stored))

    def _refusal(self, request: Request, stored: Object) -> Reply | None:
        verdict = self._signer.judge("aws", request)
        if verdict == "good" or (verdict == "unsigned" and not stored.is_private):
            return None
        if verdict == "wrong":
            text = "The request signature we calculated does not match the signature you provided."
            return error(403, "SignatureDoesNotMatch", text)
        if verdict in ("expired", "used"):
            end = self._signer.end("aws", request.query)
            ended = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            more = f"<X-Amz-Expires>{request.query['X-Amz-Expires']}</X-Amz-Expires>"
            return error(
                403, "AccessDenied", "Request has expired", f"{more}<Expires>{ended}</Expires>"
            )
        return _denied()

    def _listing(self, bucket: str, query: Mapping[str, str]) -> Reply:
        if not self._is_listed.get(bucket, True):
            return _denied()
        most = min(int(query.get("max-keys", "1000")), 1000)
        after = _untoken(query.get("continuation-token", "")) or query.get("start-after", "")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        found: dict[str, Object | None] = {}  # a key, or a common prefix
        for key, stored in sorted(self._objects[bucket].items()):
            if key.startswith(prefix):
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                found[key if cut < 0 else key[: cut + 1]] = stored if cut < 0 else None
        rest = [(key, stored) for key, stored in found.items() if key > after]
        coded = query.get("encoding-type") == "url"
        rows = "".join(_row(quote(key) if coded else key, stored) for key, stored in rest[:most])
        next_token = _token(rest[most - 1][0]) if len(rest) > most else ""
        text = _list_head(bucket, prefix, most, min(len(rest), most), next_token) + rows
        return _xml(
            200, f"{text}</ListBucketResult>", ("x-amz-bucket-region", self._regions[bucket])
        )


# ---- pieces ------------------------------------------------------------------------------------


def _located(host: str, path: str) -> tuple[str, str | None, str] | None:
    """Return bucket, region if the host names one, and key."""
    for pattern in _HOSTS:
        if match := pattern.fullmatch(host):
            named = match.groupdict()
            if "bucket" in named:
                return named["bucket"], named.get("region"), path
            bucket, _, key = path.partition("/")
            return bucket, named.get("region"), key
    return None


def _content(request: Request, stored: Object) -> Content:
    headers = [("x-amz-server-side-encryption", "AES256")]
    if stored.version:
        headers.append(("x-amz-version-id", stored.version))
    wants = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    if stored.checksum and wants and "range" not in request.headers:
        headers.append((f"x-amz-checksum-{stored.checksum}", stored.summed))
        headers.append(("x-amz-checksum-type", "FULL_OBJECT"))
    if named := request.query.get("response-content-disposition"):
        headers.append(("Content-Disposition", named))
    kind = request.query.get("response-content-type", stored.type)
    return Content(stored.data, stored.etag, LAST_MODIFIED, kind, tuple(headers))


def _multipart(data: bytes, size: int) -> str:
    digests = [hashlib.md5(data[at : at + size]).digest() for at in range(0, len(data), size)]
    return f'"{hashlib.md5(b"".join(digests)).hexdigest()}-{len(digests)}"'


def _row(key: str, stored: Object | None) -> str:
    if stored is None:
        return f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>"
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{_MODIFIED}</LastModified>"
        f"<ETag>{escape(stored.etag, {chr(34): '&quot;'})}</ETag>"
        f"<Size>{len(stored.data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def _list_head(bucket: str, prefix: str, most: int, count: int, next_token: str) -> str:
    named = f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
    token = f"<NextContinuationToken>{next_token}</NextContinuationToken>" if next_token else ""
    return (
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{named}{token}'
        f"<KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>"
        f"<IsTruncated>{str(bool(next_token)).lower()}</IsTruncated>"
    )


def _token(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


def _untoken(token: str) -> str:
    return base64.b64decode(token).decode()


def error(status: int, code: str, message: str, more: str = "") -> Reply:
    """Return S3's XML error, chunked as S3 sends it."""
    text = (
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}"
        "<RequestId>MADEUP</RequestId><HostId>MADEUP=</HostId></Error>"
    )
    reply = _xml(status, text)
    reply.framing = "chunked"
    return reply


def _denied() -> Reply:
    return error(403, "AccessDenied", "Access Denied")


def _elsewhere(bucket: str, region: str) -> Reply:
    """Return the redirect without a Location."""
    text = "The bucket you are attempting to access must be addressed using the specified endpoint."
    more = f"<Endpoint>s3.{region}.amazonaws.com</Endpoint><Bucket>{bucket}</Bucket>"
    return error(301, "PermanentRedirect", text, more).having({"x-amz-bucket-region": region})


def _xml(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Reply(status, [("Content-Type", "application/xml"), *headers], (head + text).encode())
