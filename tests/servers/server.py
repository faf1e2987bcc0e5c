"""The loopback server: HTTP/1.1 on a port of the kernel's choice.

What it answers is asked of a world, which has `reply(request)` and says the time by `now()`:
`servers.hosts.World` for all hosts at once, `Server` for what a test put at a path,
`torture.origin.Origin` for files that must come slowly.
"""

import socket
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx
from makers.archives import COMMIT

from servers.message import Framing, Reply, Request

PATIENCE = 60.0  # seconds
_PIECE = 1 << 16
_LOOPBACK = {"127.0.0.1", "localhost", "::1", ""}


def addressed(target: str, headers: Mapping[str, str]) -> tuple[str, str, str, bool]:
    """Return host, path, query, and whether the host stood in the path, as a mirror's does."""
    parts = urlsplit(target if "://" in target else f"http://{headers.get('host', '')}{target}")
    path = parts.path or "/"
    if (parts.hostname or "") not in _LOOPBACK:
        return str(parts.hostname), path, parts.query, False
    first, _, rest = path.lstrip("/").partition("/")
    return first.lower().partition(":")[0], f"/{rest}", parts.query, True


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    owner: "Loopback"

    def do_GET(self) -> None:
        with suppress(OSError):  # the client is gone
            reply = self._answered()
            if reply.is_dropped:
                self.close_connection = True
                return
            self._head(reply)
            if self.command != "HEAD" and reply.status not in (204, 304):
                self._body(reply)
            self.wfile.flush()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

    def _answered(self) -> Reply:
        request = self._request()
        try:
            return self.owner.world.reply(request)
        except Exception:
            fault = f"{request.method} {request.host}{request.path}\n{traceback.format_exc()}"
            self.owner.broken.append(fault)
            return Reply(500, body=fault.encode())

    def _request(self) -> Request:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        body = self.rfile.read(int(headers.get("content-length") or 0))
        host, path, query, is_mirrored = addressed(self.path, headers)
        values = dict(parse_qsl(query, keep_blank_values=True))
        asked = (host, self.command, path, values, headers, body, is_mirrored, query, self.path)
        return Request(*asked)

    def _head(self, reply: Reply) -> None:
        with suppress(ValueError):
            self.send_response_only(reply.status, HTTPStatus(reply.status).phrase)
        self.send_header("Date", formatdate(self.owner.world.now(), usegmt=True))
        for name, value in reply.headers:
            self.send_header(name, value)
        has_length = reply.status in (204, 304) or reply.header("Content-Length") is not None
        if reply.framing == "length" and not has_length:
            self.send_header("Content-Length", str(len(reply.body)))
        elif reply.framing == "chunked" and self.command != "HEAD":
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.framing == "close":
            self.send_header("Connection", "close")
        self.close_connection |= reply.framing == "close" or reply.cut is not None
        self.end_headers()

    def _body(self, reply: Reply) -> None:
        # some are made as it goes
        body = memoryview(reply.body) if type(reply.body) is bytes else reply.body
        end = len(body) if reply.cut is None else min(reply.cut, len(body))
        is_chunked, step = reply.framing == "chunked", reply.piece or _PIECE
        for place in range(0, end, step):
            piece = body[place : min(place + step, end)]
            self.wfile.write(b"%x\r\n" % len(piece) if is_chunked else b"")
            self.wfile.write(piece)
            self.wfile.write(b"\r\n" if is_chunked else b"")
            if reply.after_piece:
                self.wfile.flush()
                reply.after_piece(place + len(piece), place + len(piece) == end)
            if reply.pause:
                self.wfile.flush()
                self.owner.over.wait(reply.pause)
        if is_chunked and reply.cut is None:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        pass


class Prompt(ThreadingHTTPServer):
    """Stops at once: `serve_forever` looks up every so often, and a test in two has a server."""

    is_over = False

    def serve(self) -> None:
        """Answer in this thread until `stop` is called in another."""
        while not self.is_over:
            self.handle_request()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse the connection that only wakes."""
        return not self.is_over

    def stop(self) -> None:
        """Wake the thread that serves, and let it end."""
        self.is_over = True
        socket.create_connection(self.server_address[:2], timeout=PATIENCE).close()


class _Http(Prompt):
    daemon_threads = False  # they are waited for: all their sockets are shut down first
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        super().__init__(address, handler)
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *args: object) -> None:
        """Say nothing: clients that were killed reset their connections."""


class Loopback:
    """Starts and ends; `broken` holds the traces of replies that could not be made."""

    def __init__(self, world: Any, port: int = 0) -> None:
        self.world = world
        self.over = threading.Event()
        self.broken: list[str] = []
        handler = type("OwnHandler", (Handler,), {"owner": self})
        self._http = _Http(("127.0.0.1", port), handler)
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection and wait for their threads."""
        self.over.set()
        self._http.stop()
        self._thread.join()
        for connection in list(self._http.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()


# ---- what a test puts at a path ----------------------------------------------------------------


@dataclass
class Answer:
    """What a path answers; `cut` ends the connection after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    has_length: bool = True  # else chunked, as codeload answers
    cut: int | None = None


class Server:
    """A loopback server; `routes` maps a path to its answers, the last of which stays."""

    def __init__(self) -> None:
        self.routes: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, httpx.Headers]] = []
        self._loopback = Loopback(self)
        self.url = self._loopback.url

    def __enter__(self) -> Self:
        self._loopback.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._loopback.__exit__()

    def serve(self, path: str, *answers: Answer) -> None:
        """Answer `path` with these, one after the other."""
        self.routes[path] = list(answers)

    def serve_repository(self, body: bytes, repository: str = "test/set") -> None:
        """Serve codeload's answer: chunked, no length, no ranges, a weak ETag."""
        headers = {"Content-Type": "application/zip", "ETag": 'W/"made-up"'}
        path = f"/codeload.github.com/{repository}/zip/{COMMIT}"
        self.serve(path, Answer(body, headers=headers, has_length=False))

    def reply(self, request: Request) -> Reply:
        self.requests.append((request.target, httpx.Headers(dict(request.headers))))
        answers = self.routes.get(request.target, [Answer(b"no", 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        framing: Framing = "length" if answer.has_length else "chunked"
        return Reply(answer.status, [*answer.headers.items()], answer.body, framing, answer.cut)

    def now(self) -> float:
        return time.time()
