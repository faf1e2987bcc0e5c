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
class _Piece:
    start: int
    end: int  # one after its last byte
    done: int = 0


@dataclass(kw_only=True)
class Crew:
    """Connections that bring one file together."""

    web: Web
    location: Location
    etag: str
    total: int
    part: Part
    heard: Callable[[int], object]  # told of bytes as they arrive, from any thread
    left: deque[_Piece] = field(default_factory=deque)
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
        steps = range(start, self.total, size)
        pieces = [_Piece(at, min(at + size, self.total)) for at in steps]
        self.left, self.alive = deque(pieces), connections
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        position = start
        try:
            for piece in pieces:
                while position < piece.end:
                    with self.news:
                        while piece.start + piece.done <= position:
                            if self.alive == 0:
                                first = self.errors[0] if self.errors else None
                                url = self.location.url
                                raise first or TransientError(f"`{url}` ended too early")
                            self.web.wait(0)
                            self.news.wait(0.2)
                        whole = piece.start + piece.done
                    data = self.part.read_at(position, min(whole - position, _READ))
                    position += len(data)
                    yield data
        finally:
            with self.news:
                self.is_over = True
            ahead = sum(one.done for one in pieces) - (position - start)
            self.heard(-ahead)  # what lies behind a gap will be asked for again
            if position == self.total:
                for thread in threads:
                    thread.join()

    def _work(self) -> None:
        piece = self._next()
        try:
            while piece is not None:
                self._bring(piece)
                piece = self._next()
        except CovcatError as error:
            with self.news:
                self.errors.append(error)
                if piece is not None:
                    self.left.appendleft(piece)  # another connection goes on with it
        finally:
            with self.news:
                self.alive -= 1
                self.news.notify_all()

    def _next(self) -> _Piece | None:
        with self.news:
            return self.left.popleft() if self.left and not self.is_over else None

    def _bring(self, piece: _Piece) -> None:
        start = piece.start + piece.done
        headers = {"Range": f"bytes={start}-{piece.end - 1}", "If-Range": self.etag}
        where = self.location
        with self.web.get(where.signed or where.url, headers, login=where.login) as answer:
            expected = (start, piece.end - 1, self.total)
            etag = answer.headers.get("etag")
            if answer.status != 206 or content_range(answer.headers) != expected:
                raise NetworkError(f"`{where.url}` does not give the range that was asked for")
            if etag != self.etag:
                raise NetworkError(f"`{where.url}` changed while it was read")
            for data in answer.chunks:
                at = piece.start + piece.done
                if at + len(data) > piece.end:
                    raise NetworkError(
                        f"`{where.url}` gives more than the range that was asked for"
                    )
                with self.news:  # nobody may write any more once the rest comes in another way
                    if self.is_over:
                        raise StoppedError("stopped")
                    self.part.write_at(at, data)
                    piece.done += len(data)
                    self.heard(len(data))
                    self.news.notify_all()
        if piece.start + piece.done != piece.end:
            raise TransientError(f"`{where.url}` ended within a range")
