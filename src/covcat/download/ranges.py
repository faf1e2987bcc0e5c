"""One large file over several connections, each bringing pieces of it.

Whoever asked hears the bytes in their order, as the front of what is whole moves on, so the
digests still need one pass. Every answer must be the very range that was asked for, of the very
file: a strong ETag is compared on each.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from covcat.download.http import Web
from covcat.download.parts import Part
from covcat.download.remote import Location
from covcat.download.resume import content_range
from covcat.errors import CovcatError, NetworkError, StoppedError, TransientError

_SMALLEST, _LARGEST = 4 << 20, 32 << 20  # bytes of a piece
_ROUNDS = 4  # pieces that each connection should get, so that all end together
_READ = 1 << 20


@dataclass(slots=True)
class _ByteSpan:
    at: int  # of the next byte to come
    end: int  # one after its last byte


@dataclass(kw_only=True)
class RangeReaders:
    """Connections that bring one file together."""

    web: Web
    location: Location
    etag: str
    total: int
    part: Part
    heard: Callable[[int], object]  # told of bytes as they arrive, from any thread
    left: deque[_ByteSpan] = field(default_factory=deque)
    alive: int = 0
    news: threading.Condition = field(default_factory=threading.Condition)
    errors: list[CovcatError] = field(default_factory=list)
    is_over: bool = False

    def bring(self, start: int, connections: int) -> Iterator[bytes]:
        """Give the bytes from `start` to the end, in order, as they come over all connections.

        Raises:
            CovcatError: no connection is left, and the file is not whole.
        """
        size = (self.total - start) // (connections * _ROUNDS)
        size = max(_SMALLEST, min(_LARGEST, size))
        starts = range(start, self.total, size)
        pieces = [_ByteSpan(at, min(at + size, self.total)) for at in starts]
        self.left, self.alive = deque(pieces), connections
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        position = start
        try:
            for piece in pieces:
                while position < piece.end:
                    with self.news:
                        while piece.at <= position:
                            if self.alive == 0:
                                ended = f"`{self.location.url}` ended too early"
                                raise self.errors[0] if self.errors else TransientError(ended)
                            self.web.wait(0)
                            self.news.wait(0.2)
                        whole = piece.at
                    data = self.part.read_at(position, min(whole - position, _READ))
                    position += len(data)
                    yield data
        finally:
            with self.news:
                self.is_over = True
            come = sum(one.at for one in pieces) - sum(starts)
            self.heard(position - start - come)  # what lies behind a gap will be asked for again
            if position == self.total:
                for thread in threads:
                    thread.join()

    def _work(self) -> None:
        try:
            while True:
                with self.news:
                    if not self.left or self.is_over:
                        return
                    piece = self.left.popleft()
                try:
                    self._bring(piece)
                except CovcatError as error:
                    with self.news:
                        self.errors.append(error)
                        self.left.appendleft(piece)  # another connection goes on with it
                    return
        finally:
            with self.news:
                self.alive -= 1
                self.news.notify_all()

    def _bring(self, piece: _ByteSpan) -> None:
        where, expected = self.location, (piece.at, piece.end - 1, self.total)
        headers = {"Range": f"bytes={piece.at}-{piece.end - 1}", "If-Range": self.etag}
        with self.web.get(
            where.signed or where.url, headers, login=where.login, private=where.private
        ) as answer:
            if answer.status != 206 or content_range(answer.headers) != expected:
                raise NetworkError(f"`{where.url}` does not give the range that was asked for")
            if answer.headers.get("etag") != self.etag:
                raise NetworkError(f"`{where.url}` changed while it was read")
            for data in answer.chunks:
                if piece.at + len(data) > piece.end:
                    raise NetworkError(
                        f"`{where.url}` gives more than the range that was asked for"
                    )
                with self.news:  # nobody may write any more once the rest comes in another way
                    if self.is_over:
                        raise StoppedError("stopped")
                    self.part.write_at(piece.at, data)
                    piece.at += len(data)
                    self.heard(len(data))
                    self.news.notify_all()
        if piece.at != piece.end:
            raise TransientError(f"`{where.url}` ended within a range")
