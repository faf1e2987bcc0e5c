"""One request on one connection, and what a behaviour may do with it."""

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import wraps

from servers.chaos.body import Content, content_of
from servers.chaos.server import Chaos, Request, behaviour, hang_up, reset

Field = tuple[str, str | bytes]
LONG_AGO = "Wed, 01 Jan 2020 00:00:00 GMT"
LATER = "Fri, 01 Jan 2021 00:00:00 GMT"
PIECE = 1 << 16
FILE: Field = ("Content-Type", "application/octet-stream")
CHUNKED: Field = ("Transfer-Encoding", "chunked")


class Exchange:
    """The words of the address steer it: see `servers.chaos.transfers` for what each means."""

    def __init__(self, server: Chaos, connection: socket.socket, request: Request) -> None:
        self.server = server
        self.connection = connection
        self.request = request
        self.visit = request.visit
        self.stays = True  # another request may follow on the connection
        self._query = request.query

    def word(self, name: str, default: str = "") -> str:
        return self._query.get(name, default)

    def number(self, name: str, default: int = 0) -> int:
        return int(self._query.get(name, default))

    @property
    def fails(self) -> bool:
        """True while the visit is one of the first `times` (1; -1 is always)."""
        times = self.number("times", 1)
        return not self.server.is_sound and (times < 0 or self.visit <= times)

    def content(self, seed: int = 1) -> Content:
        """Return what is served at this address; `size2` and `seed2` once it has changed."""
        size = self.number("size", 200_003)
        if seed == 1:
            seed = self.number("seed", self.server.seed)
        else:
            size = self.number("size2", size)
        return content_of(self.word("kind"), seed, size)

    @property
    def wanted(self) -> tuple[int, int | None] | None:
        """Return (first, last) of a Range of one piece; None where none is asked."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.request.get("range") or "")
        return (int(found[1]), int(found[2]) if found[2] else None) if found else None

    def etag(self, seed: int = 1) -> str | None:
        """Return the tag: strong `one`, `two` … by seed; `etag=weak`, `etag=none` as they say."""
        kind, name = self.word("etag", "strong"), ("zero", "one", "two", "three")[seed]
        return {"strong": f'"{name}"', "weak": f'W/"{name}"'}.get(kind)

    def modified(self, seed: int = 1) -> str | None:
        """Return Last-Modified: `old` is strong, `now` is as old as Date and so weak."""
        kind, started = self.word("modified", "none"), formatdate(self.server.started, usegmt=True)
        return {"old": LONG_AGO if seed == 1 else LATER, "now": started}.get(kind)

    def validators(self, seed: int = 1) -> list[Field]:
        both = (("ETag", self.etag(seed)), ("Last-Modified", self.modified(seed)))
        return [(name, value) for name, value in both if value]

    def if_range_holds(self, seed: int) -> bool:
        """True without If-Range, or where it names the present state strongly."""
        condition = self.request.get("if-range")
        tag = self.etag(seed) or ""
        strong = tag if not tag.startswith("W/") else ""
        return condition is None or (condition in (strong, self.modified(seed)) and condition != "")

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.server.sent += len(data)

    def head(self, status: str, fields: Sequence[Field] = ()) -> None:
        date = self.server.started if self.word("modified") == "now" else time.time()
        lines = [f"HTTP/1.1 {status}".encode("latin-1")]
        for name, value in (("Date", formatdate(date, usegmt=True)), *fields):
            raw = value if isinstance(value, bytes) else value.encode("latin-1")
            lines.append(name.encode("latin-1") + b": " + raw)
        self.send(b"\r\n".join(lines) + b"\r\n\r\n")

    def page(self, status: str, body: bytes, fields: Sequence[Field] = ()) -> None:
        """Send a whole answer with a short body."""
        self.head(status, [*fields, ("Content-Length", str(len(body)))])
        self.send(body)

    def length(self) -> Field:
        return ("Content-Length", str(self.content().size))

    def ok(self, *fields: Field) -> None:
        """Send the head of a good answer, but for its length."""
        self.head("200 OK", [FILE, *self.validators(), *fields])

    def body(
        self, content: Content, start: int = 0, stop: int | None = None, is_chunked: bool = False
    ) -> None:
        """Send a stretch of the content; `pace` is the most bytes a second."""
        pace, stop = self.number("pace"), content.size if stop is None else stop
        step = min(PIECE, max(1, pace // 20)) if pace else PIECE
        for at in range(start, stop, step):
            data = content.read(at, min(at + step, stop))
            self.send(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)
            if pace:
                time.sleep(len(data) / pace)

    def whole(self, seed: int = 1, cut: int | None = None, fields: Sequence[Field] = ()) -> None:
        """Answer as a good server would: 200, 206 or 416; `cut` is the byte after the last one."""
        content, framing = self.content(seed), self.word("framing", "length")
        can, first, last = self.word("ranges", "yes") == "yes", 0, content.size
        is_part = can and self.wanted is not None and self.if_range_holds(seed)
        if is_part:
            first, asked = self.wanted
            last = min(last, last if asked is None else asked + 1)
        if first >= content.size and first > 0:
            bare = [("Content-Range", f"bytes */{content.size}"), ("Content-Length", "0")]
            self.head("416 Range Not Satisfiable", bare)
            return
        headers: list[Field] = [FILE, *self.validators(seed), *fields]
        headers += [("Accept-Ranges", "bytes")] if can else []
        if is_part:
            headers.append(("Content-Range", f"bytes {first}-{last - 1}/{content.size}"))
        named = {"chunked": CHUNKED, "close": ("Connection", "close")}
        headers.append(named.get(framing, ("Content-Length", str(last - first))))
        self.head("206 Partial Content" if is_part else "200 OK", headers)
        self.body(content, first, min(last, cut or last), framing == "chunked")
        if cut is None and framing == "chunked":
            self.send(b"0\r\n\r\n")
        self.stays = cut is None and framing != "close"

    def end(self, how: str) -> None:
        """End the connection: `reset`, `fin`, or `hang` until the other side has gone."""
        self.stays = False
        if how == "reset":
            reset(self.connection)
        elif how == "hang":
            self._wait_until_left()
        else:
            hang_up(self.connection)

    def _wait_until_left(self) -> None:
        until = time.monotonic() + 60
        flags = 0 if isinstance(self.connection, ssl.SSLSocket) else socket.MSG_PEEK
        while time.monotonic() < until and not self.server.is_closed:
            readable, _, _ = select.select([self.connection], [], [], 0.2)
            if readable and not self.connection.recv(1, flags):
                return


def failing(function: Callable[[Exchange], None]) -> None:
    """Serve `function` on the first `times` visits, and the whole file afterwards."""

    @wraps(function)
    def serve(ex: Exchange) -> None:
        (function if ex.fails else Exchange.whole)(ex)

    behaviour(serve)
