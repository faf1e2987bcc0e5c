"""Google Cloud Storage as Kaggle uses it: signed links, `x-goog-hash`, XML errors."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import unquote

from servers.hosts.signing import Signer
from servers.message import LAST_MODIFIED, Content, Reply, Request, Site, md5, serve, spoilt

HOST = "storage.googleapis.com"
Hashes = Literal["joined", "two lines", "crc32c only"]


@dataclass(frozen=True)
class Blob:
    """One object: its hashes are of `listed`, which is not always what is sent."""

    data: bytes
    listed: bytes
    hashes: Hashes
    type: str

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        crc = "crc32c=AAAAAA=="  # nobody looks at it
        digest = f"md5={base64.b64encode(hashlib.md5(self.listed).digest()).decode()}"
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
    """The one host of all buckets; nothing here is public."""

    hosts, credentials = (HOST,), ()

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._blobs: dict[str, Blob] = {}

    def add(
        self,
        path: str,
        data: bytes,
        *,
        hashes: Hashes = "joined",
        wrong: bool = False,
        type: str = "application/octet-stream",
    ) -> None:
        """Put an object at `BUCKET/KEY`; the hashes of a `wrong` one are of other bytes."""
        self._blobs[path] = Blob(spoilt(data) if wrong else data, data, hashes, type)

    def reply(self, request: Request) -> Reply:
        blob = self._blobs.get(unquote(request.path).lstrip("/"))
        verdict = self._signer.judge("google", request)
        if "authorization" in request.headers:
            return _error(401, "AuthenticationRequired", "Authentication required.")
        if verdict in ("expired", "used"):
            more = "<Details>The provided token has expired.</Details>"
            return _error(400, "ExpiredToken", "Invalid argument.", more)
        if verdict == "wrong":
            return _error(403, "SignatureDoesNotMatch", "Access denied.")
        if verdict == "unsigned":
            return _error(403, "AccessDenied", "Access denied.")
        if blob is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        headers = (*blob.headers, ("Server", "UploadServer"))
        etag = f'"{md5(blob.listed)}"'
        return serve(request, Content(blob.data, etag, LAST_MODIFIED, blob.type, headers))


def _error(status: int, code: str, message: str, more: str = "") -> Reply:
    head = "<?xml version='1.0' encoding='UTF-8'?>"
    text = f"{head}<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Reply(status, [("Content-Type", "application/xml; charset=UTF-8")], text.encode())
