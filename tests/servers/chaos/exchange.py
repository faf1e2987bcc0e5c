"""One request on one connection, and what a behaviour may do with it."""

import re
import select
import socket
import ssl
import time
from collections.abc import Sequence
from email.utils import formatdate

from servers.chaos.body import Content, content_of
from servers.chaos.server import Chaos, Request, hang_up, reset

Field = tuple[str, str | bytes]
LONG_AGO = "Wed, 01 Jan 2020 00:00:00 GMT"
LATER = "Fri, 01 Jan 2021 00:00:00 GMT"
PIECE = 1 << 16


class Exchange:
    """The words of the address steer it: see `servers.chaos.transfers` for what each means."""

    def __init__(self, server: Chaos, connection: socket.socket, request: Request) -> None:
        self.server = server
        self.connection = connection
        self.request = request
        self.visit = request.visit
        self.stays = True  # another request may follow on the connection
        self._query = request.query

    # ---- what was asked ------------------------------------------------------------------------

    def word(self, name: str, default: str = "") -> str:
        """Return a word of the address's query."""
        return self._query.get(name, default)

    def number(self, name: str, default: int = 0) -> int:
        """Return a number of the address's query."""
        return int(self._query.get(name, default))

    @property
    def fails(self) -> bool:
        """True while the visit is one of the first `times` (1; -1 is always)."""
        times = self.number("times", 1)
        return not self.server.is_sound and (times < 0 or self.visit <= times)

    def content(self, seed: int | None = None) -> Content:
        """Return what is served at this address; `size2` and `seed2` once it has changed."""
        size = self.number("size", 200_003)
        if seed not in (None, 1) and "size2" in self._query:
            size = self.number("size2")
        present = self.number("seed", self.server.seed)
        return content_of(self.word("kind"), present if seed in (None, 1) else seed, size)

    @property
    def wanted(self) -> tuple[int, int | None] | None:
        """Return (first, last) of a Range of one piece; None where none is asked."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.request.get("range") or "")
        if found is None:
            return None
        return int(found[1]), int(found[2]) if found[2] else None

    # ---- validators ----------------------------------------------------------------------------

    def etag(self, seed: int = 1) -> str | None:
        """Return the tag: strong `one`, `two` … by seed; `etag=weak`, `etag=none` as they say."""
        kind, name = self.word("etag", "strong"), ("zero", "one", "two", "three")[seed]
        return {"strong": f'"{name}"', "weak": f'W/"{name}"'}.get(kind)

    def modified(self, seed: int = 1) -> str | None:
        """Return Last-Modified: `old` is strong, `now` is as old as Date and so weak."""
        kind, started = self.word("modified", "none"), formatdate(self.server.started, usegmt=True)
        return {"old": LONG_AGO if seed == 1 else LATER, "now": started}.get(kind)

    def validators(self, seed: int = 1) -> list[Field]:
        """Return ETag and Last-Modified, where the address has them."""
        found: list[Field] = []
        if tag := self.etag(seed):
            found.append(("ETag", tag))
        if modified := self.modified(seed):
            found.append(("Last-Modified", modified))
        return found

    def if_range_holds(self, seed: int = 1) -> bool:
        """True without If-Range, or where it names the present state strongly."""
        condition = self.request.get("if-range")
        tag = self.etag(seed) or ""
        strong = tag if not tag.startswith("W/") else ""
        return condition is None or (condition in (strong, self.modified(seed)) and condition != "")

    # ---- sending -------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)
        self.server.sent += len(data)

    def head(self, status: str, fields: Sequence[Field] = (), version: str = "HTTP/1.1") -> None:
        """Send a status line and headers."""
        date = self.server.started if self.word("modified") == "now" else time.time()
        lines = [f"{version} {status}".encode("latin-1")]
        lines.append(b"Date: " + formatdate(date, usegmt=True).encode())
        for name, value in fields:
            raw = value if isinstance(value, bytes) else value.encode("latin-1")
            lines.append(name.encode("latin-1") + b": " + raw)
        self.send(b"\r\n".join(lines) + b"\r\n\r\n")

    def page(self, status: str, body: bytes, fields: Sequence[Field] = ()) -> None:
        """Send a whole answer with a short body."""
        self.head(status, [*fields, ("Content-Length", str(len(body)))])
        self.send(body)

    def body(self, content: Content, start: int, stop: int, is_chunked: bool = False) -> None:
        """Send a stretch of the content; `pace` is the most bytes a second."""
        pace = self.number("pace")
        step = min(PIECE, max(1, pace // 20)) if pace else PIECE
        for at in range(start, stop, step):
            data = content.read(at, min(at + step, stop))
            self.send(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)
            if pace:
                time.sleep(len(data) / pace)

    def whole(self, seed: int = 1, cut: int | None = None, fields: Sequence[Field] = ()) -> None:
        """Answer as a good server would: 200, 206 or 416; `cut` is the byte after the last one."""
        content, framing = self.content(seed), self.word("framing", "length")
        first, last = self._span(content, seed)
        if first >= content.size and first > 0:
            bare = [("Content-Range", f"bytes */{content.size}"), ("Content-Length", "0")]
            self.head("416 Range Not Satisfiable", bare)
            return
        is_part = self._is_part(seed)
        headers: list[Field] = [("Content-Type", "application/octet-stream")]
        headers += [*self.validators(seed), *fields]
        if self.word("ranges", "yes") == "yes":
            headers.append(("Accept-Ranges", "bytes"))
        if is_part:
            headers.append(("Content-Range", f"bytes {first}-{last - 1}/{content.size}"))
        headers += self._framing(framing, last - first)
        self.head("206 Partial Content" if is_part else "200 OK", headers)
        self.body(content, first, min(last, cut or last), framing == "chunked")
        if cut is None and framing == "chunked":
            self.send(b"0\r\n\r\n")
        self.stays = cut is None and framing != "close"

    def _is_part(self, seed: int) -> bool:
        can = self.word("ranges", "yes") == "yes"
        return can and self.wanted is not None and self.if_range_holds(seed)

    def _span(self, content: Content, seed: int) -> tuple[int, int]:
        if not self._is_part(seed) or self.wanted is None:
            return 0, content.size
        first, last = self.wanted
        return first, min(content.size, content.size if last is None else last + 1)

    @staticmethod
    def _framing(framing: str, length: int) -> list[Field]:
        if framing == "chunked":
            return [("Transfer-Encoding", "chunked")]
        return (
            [("Connection", "close")] if framing == "close" else [("Content-Length", str(length))]
        )

    # ---- ending --------------------------------------------------------------------------------

    def end(self, how: str) -> None:
        """End the connection: `reset`, `fin`, or `hang` until the other side has gone."""
        self.stays = False
        if how == "reset":
            reset(self.connection)
        elif how == "hang":
            self.wait_until_left()
        else:
            hang_up(self.connection)

    def wait_until_left(self, most: float = 60) -> None:
        """Say nothing until the client leaves or the server is closed."""
        until = time.monotonic() + most
        while time.monotonic() < until and not self.server.is_closed:
            readable, _, _ = select.select([self.connection], [], [], 0.2)
            if readable and not self._peek():
                return

    def _peek(self) -> bytes:
        if isinstance(self.connection, ssl.SSLSocket):
            return self.connection.recv(1)
        return self.connection.recv(1, socket.MSG_PEEK)
