"""What the emulator of Google's store lacks: to be written to by the XML API, as obstore writes.

It lists and reads by that API itself. A write is handed on as one of its JSON API, with the
precondition, which the emulator judges. Parts of an upload wait here.
"""

import json

import httpx

from servers.bucket import fault, xml
from servers.message import Reply, Request
from servers.server import Loopback

_OWN_LINE = "boundary-that-is-in-no-file"


class Gate:
    """Stands before an emulator at an address."""

    def __init__(self, behind: str) -> None:
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.client = httpx.Client(base_url=behind, timeout=60)
        self.loopback = Loopback(self)
        self.url = self.loopback.url

    def now(self) -> float:
        return 0.0

    def reply(self, request: Request) -> Reply:
        bucket, *key = request.target.partition("?")[0].strip("/").split("/")
        id, name = request.query.get("uploadId"), httpx.URL(f"/{'/'.join(key)}").path[1:]
        if request.method == "POST" and "uploads" in request.query:
            id = f"upload-{len(self.uploads)}"
            self.uploads[id] = {}
            return xml(f"<R><Bucket>b</Bucket><Key>k</Key><UploadId>{id}</UploadId></R>")
        if id is not None and id not in self.uploads:
            return fault(404, "NoSuchUpload")
        if request.method == "PUT" and id:
            self.uploads[id][int(request.query["partNumber"])] = request.body
            return Reply(200, [("ETag", f'"{request.query["partNumber"]}"')])
        if request.method == "DELETE" and id:
            del self.uploads[id]
            return Reply(204)
        if request.method == "POST" and id:
            parts = self.uploads.pop(id)
            tag = self._put(bucket, name, b"".join(parts[n] for n in sorted(parts)), {})
            return xml(f"<R><Bucket>b</Bucket><Key>k</Key><ETag>{tag.header('ETag')}</ETag></R>")
        if request.method == "PUT":
            only = request.headers.get("x-goog-if-generation-match")
            wanted = {} if only is None else {"ifGenerationMatch": only}
            return self._put(bucket, name, request.body, wanted)
        headers = {"accept-encoding": "identity"}
        headers |= {"range": request.headers["range"]} if "range" in request.headers else {}
        got = self.client.request(request.method, request.target, headers=headers)
        kept = [(k, v) for k, v in got.headers.items() if k != "transfer-encoding"]
        return Reply(got.status_code, kept, got.content)

    def _put(self, bucket: str, name: str, data: bytes, wanted: dict[str, str]) -> Reply:
        """Put an object by the JSON API: only there is a precondition heeded."""
        about = json.dumps({"name": name}).encode()
        start = b"--" + _OWN_LINE.encode()
        body = start + b"\r\nContent-Type: application/json\r\n\r\n" + about + b"\r\n" + start
        body += b"\r\nContent-Type: application/octet-stream\r\n\r\n" + data + b"\r\n" + start
        got = self.client.post(
            f"/upload/storage/v1/b/{bucket}/o",
            params={"uploadType": "multipart", **wanted},
            content=body + b"--\r\n",
            headers={"Content-Type": f"multipart/related; boundary={_OWN_LINE}"},
        )
        if got.is_error:
            return fault(got.status_code, "PreconditionFailed")
        return Reply(200, [("ETag", f'"{got.json()["etag"]}"')])
