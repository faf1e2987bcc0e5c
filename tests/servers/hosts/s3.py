"""Amazon S3: public buckets and presigned objects, with XML errors."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

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


def error(status: int, code: str, message: str) -> Reply:
    """Return S3's XML error, chunked as S3 sends it."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>"
        "<RequestId>MADEUP</RequestId><HostId>MADEUP=</HostId></Error>"
    )
    return Reply(status, [("Content-Type", "application/xml")], text.encode(), framing="chunked")
