"""How fast bytes may come, and how slowly; how many connections, and how long to wait."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from covcat.errors import NetworkError, TransientError

PER_HOST = 4  # connections, unless --jobs says otherwise
LONGEST_WAIT = 3600  # seconds: who asks for more gets an error with the time
_LONGEST_PAUSE = 60
_SHARE = 8  # connections that may share the limit on the rate

Wait = Callable[[float], None]


class RateLimit:
    """Bytes a second, of all connections together."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate  # None is no limit
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, size: int, wait: Wait) -> None:
        """Wait until `size` more bytes are due."""
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self._rate
            delay = self._free_at - now
        if delay > 0:
            wait(delay)


class StallDetector:
    """Finds that a transfer has stalled: a read timeout never hears a byte every few seconds."""

    def __init__(self, slowest: tuple[int, float], limit: float | None) -> None:
        size, self._seconds = slowest
        self._size = size if limit is None else min(size, limit * self._seconds / _SHARE)
        self._since, self._heard = time.monotonic(), 0

    def listen(self, chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
        """Pass bytes on; raise TransientError where too few come in the time."""
        for data in chunks:
            self._heard += len(data)
            taken = time.monotonic() - self._since
            if taken >= self._seconds:
                if self._heard < self._size:
                    raise TransientError(
                        f"`{url}` stalled: {self._heard:,} bytes in {taken:.0f} seconds",
                        hint="try again later",
                    )
                self._since, self._heard = time.monotonic(), 0
            yield data


class ConnectionLimit:
    """How many connections each host gets."""

    def __init__(self, count: int) -> None:
        self.count = count  # for each host
        self._lock = threading.Lock()
        self._free: dict[str, threading.Semaphore] = {}

    def _of(self, host: str) -> threading.Semaphore:
        with self._lock:
            return self._free.setdefault(host, threading.Semaphore(self.count))

    def spare(self, host: str) -> int:
        """Take all connections of `host` that nobody has; `give_back` as many."""
        return sum(self._of(host).acquire(blocking=False) for _ in range(self.count))

    def give_back(self, host: str, count: int) -> None:
        """Let others have connections again."""
        self._of(host).release(count)

    @contextmanager
    def hold(self, host: str, wait: Wait) -> Iterator[None]:
        """Wait for a connection of `host`, and have it for a while."""
        free = self._of(host)
        while not free.acquire(timeout=0.2):
            wait(0)
        try:
            yield
        finally:
            free.release()


def pause_after(error: TransientError, failures: int, first: float) -> float:
    """Return the seconds to wait before the next try: what was asked for, else ever more."""
    if error.after is None:
        most = float(min(first * 2 ** min(failures - 1, 20), _LONGEST_PAUSE))
        return most * random.uniform(0.5, 1)  # noqa: S311 -- not all at the same moment
    if error.after > LONGEST_WAIT:
        raise NetworkError(
            f"{error.message} and asks to wait {error.after:,.0f} seconds",
            hint="run the same command again then",
        ) from error
    return error.after + random.uniform(0, min(1, error.after / 10))  # noqa: S311
