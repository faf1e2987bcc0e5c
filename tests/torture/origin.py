"""A steady HTTP server for the torture harnesses: strong ETag, ranges, If-Range, a rate, a pause.

It is honest: hostile answers are the business of the chaos server. Each case has a channel of its
own, the first part of the path, so that what was asked and sent can be told apart.
"""

import hashlib
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HOLD_LIMIT = 60.0  # seconds after which a pause ends, so that nothing hangs for ever
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Request:
    """One request: what it asked, and how many bytes of the body went out."""

    path: str
    start: int
    status: int
    sent: int = 0


@dataclass
class Channel:
    """How one case is served, and what it has asked."""

    url: str
    rate: float | None = None  # bytes a second, of each connection
    piece: int = 1 << 16
    hold_at: int | None = None  # bytes of all answers together, after which all wait
    requests: list[Request] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def sent(self) -> int:
        """Return the bytes of bodies that went out."""
        return sum(request.sent for request in list(self.requests))

    def pause(self) -> None:
        """Wait here if so many bytes went out as the case has asked for."""
        if self.hold_at is not None and self.sent >= self.hold_at:
            self.reached.set()
            self.released.wait(HOLD_LIMIT)

    def release(self) -> None:
        """Let the answers go on."""
        self.hold_at = None
        self.released.set()


class Handler(BaseHTTPRequestHandler):
    """Answers GET with a file or a range of it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    origin: "Origin"

    def do_GET(self) -> None:
        name, path = self.path.lstrip("/").split("/", 1)
        channel = self.origin.channels.get(name)
        body = self.origin.bodies.get(path)
        if channel is None or body is None:
            self._head(404, {"Content-Length": "0"})
            return
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        start, stop, status = self._asked(len(body), tag)
        headers = {"ETag": tag, "Accept-Ranges": "bytes", "Content-Length": str(stop - start)}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
        if status == 416:
            headers["Content-Range"] = f"bytes */{len(body)}"
        request = Request(path, start, status)
        channel.requests.append(request)
        try:
            self._head(status, headers)
            self._body(channel, request, memoryview(body)[start:stop])
        except OSError:  # it was killed
            self.close_connection = True

    def _asked(self, size: int, tag: str) -> tuple[int, int, int]:
        """Return the range to send, and the status that says so."""
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None or self.headers.get("If-Range", tag) != tag:
            return 0, size, 200
        start = int(asked[1])
        stop = min(int(asked[2]) + 1, size) if asked[2] else size
        return (start, stop, 206) if start < stop else (0, 0, 416)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, channel: Channel, request: Request, body: memoryview) -> None:
        began = time.monotonic()
        for place in range(0, len(body), channel.piece):
            channel.pause()
            piece = body[place : place + channel.piece]
            self.wfile.write(piece)
            request.sent += len(piece)
            if channel.rate:
                time.sleep(max(0, began + request.sent / channel.rate - time.monotonic()))

    def log_message(self, *args: object) -> None:
        pass


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *args: object) -> None:
        """Say nothing: clients that were killed reset their connections."""


class Origin:
    """The server; use it as a context."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self.bodies = bodies
        self.channels: dict[str, Channel] = {}
        handler = type("OwnHandler", (Handler,), {"origin": self})
        self._http = _Http(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self.channels.values():
            channel.release()
        self._http.shutdown()
        self._http.server_close()

    def channel(
        self,
        name: str,
        rate: float | None = None,
        piece: int = 1 << 16,
        hold_at: int | None = None,
    ) -> Channel:
        """Open a channel; its address is what covcat is given as mirror."""
        url = f"http://127.0.0.1:{self._http.server_port}/{name}"
        self.channels[name] = Channel(url, rate, piece, hold_at)
        return self.channels[name]
