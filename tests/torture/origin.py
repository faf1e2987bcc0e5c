"""A steady HTTP server for the torture harnesses: strong ETag, ranges, If-Range, a rate, a pause.

It is honest: hostile answers are the business of the chaos server. Each case has a channel of its
own, the first part of the path, so that what was asked and sent can be told apart.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from servers import message
from servers.message import Content, Reply, sha256
from servers.server import Loopback

HOLD_LIMIT = 60.0  # seconds after which a pause ends, so that nothing hangs for ever


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
        return sum(request.sent for request in list(self.requests))

    def release(self) -> None:
        self.hold_at = None
        self.released.set()

    def answer(self, path: str, reply: Reply) -> None:
        """Note the request, and make its answer keep to the rate and the pause."""
        place = reply.header("Content-Range") or ""
        start = int(place.removeprefix("bytes ").partition("-")[0]) if reply.status == 206 else 0
        request, began = Request(path, start, reply.status), time.monotonic()
        self.requests.append(request)

        def after(sent: int, is_all: bool) -> None:
            request.sent = sent
            if not is_all and self.hold_at is not None and self.sent >= self.hold_at:
                self.reached.set()
                self.released.wait(HOLD_LIMIT)
            if self.rate:
                time.sleep(max(0, began + sent / self.rate - time.monotonic()))

        reply.piece, reply.after_piece = self.piece, after


class Origin:
    """The server; use it as a context."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self.bodies = bodies
        self.channels: dict[str, Channel] = {}
        self._loopback = Loopback(self)

    def __enter__(self) -> Self:
        self._loopback.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self.channels.values():
            channel.release()
        self._loopback.__exit__()

    def channel(
        self,
        name: str,
        rate: float | None = None,
        piece: int = 1 << 16,
        hold_at: int | None = None,
    ) -> Channel:
        """Open a channel; its address is what covcat is given as mirror."""
        self.channels[name] = Channel(f"{self._loopback.url}/{name}", rate, piece, hold_at)
        return self.channels[name]

    def reply(self, request: message.Request) -> Reply:
        name, _, path = request.target.lstrip("/").partition("/")
        channel, body = self.channels.get(name), self.bodies.get(path)
        if channel is None or body is None:
            return Reply(404)
        tag = f'"{sha256(body)[:32]}"'
        reply = message.serve(request, Content(body, tag, modified=None))
        channel.answer(path, reply)
        return reply

    def now(self) -> float:
        return time.time()
