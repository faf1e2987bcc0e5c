"""Faults: what goes wrong with the next requests below a host and a path."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from servers.message import Framing, Reply, Request, as_html, spoilt

FOR_EVER = -1


@dataclass
class Fault:
    """One thing that goes wrong with the next `times` requests that it fits."""

    host: str  # "*" is any
    prefix: str
    times: int
    instead: Reply | None = None
    after: Callable[[Reply], Reply] = lambda reply: reply
    method: str | None = None

    def fits(self, request: Request) -> bool:
        is_host = self.host in ("*", request.host)
        is_method = self.method in (None, request.method)
        return bool(self.times) and is_host and is_method and request.path.startswith(self.prefix)


@dataclass
class Faults:
    """All that will go wrong; each of several that fit a request has its effect."""

    waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: Request) -> list[Fault]:
        """Return what happens to this request, and count it down."""
        with self._lock:
            found = [fault for fault in self.waiting if fault.fits(request)]
            for fault in found:
                if fault.times > 0:
                    fault.times -= 1
            return found

    def clear(self) -> None:
        with self._lock:
            self.waiting.clear()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self.waiting.append(fault)
        return fault

    def answer(
        self, host: str, prefix: str, reply: Reply | int, times: int = 1, method: str | None = None
    ) -> Fault:
        """Answer with this instead; a number is a bare status."""
        whole = Reply(reply) if isinstance(reply, int) else reply
        return self.add(Fault(host, prefix, times, instead=whole, method=method))

    def page(self, host: str, prefix: str = "/", times: int = 1, title: str = "Sign in") -> Fault:
        """Answer 200 with a page in place of what was asked for."""
        return self.answer(host, prefix, as_html(title, "<form action='/login'></form>"), times)

    def cut(
        self, host: str, prefix: str, after: int, framing: Framing = "length", times: int = 1
    ) -> Fault:
        """End the connection after so many bytes of the body."""

        def cut(reply: Reply) -> Reply:
            return replace(reply, cut=after, framing=framing) if reply.status < 300 else reply

        return self.add(Fault(host, prefix, times, after=cut))

    def drop(self, host: str, prefix: str = "/", times: int = 1) -> Fault:
        """Close the connection without an answer."""
        return self.answer(host, prefix, Reply(is_dropped=True), times)

    def drip(
        self, host: str, prefix: str, piece: int = 1, pause: float = 0.01, times: int = 1
    ) -> Fault:
        """Send the body in small pieces, with a pause after each."""
        return self.add(
            Fault(host, prefix, times, after=partial(replace, piece=piece, pause=pause))
        )

    def corrupt(self, host: str, prefix: str, times: int = FOR_EVER) -> Fault:
        """Send other bytes of the same length."""

        def spoil(reply: Reply) -> Reply:
            is_data = reply.status in (200, 206) and reply.body
            return replace(reply, body=spoilt(reply.body)) if is_data else reply

        return self.add(Fault(host, prefix, times, after=spoil))
