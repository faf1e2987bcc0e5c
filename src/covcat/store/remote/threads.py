"""Threads that do one thing to many files: a request to a store is mostly waiting."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from covcat.errors import StoppedError

_PATIENCE = 5.0  # seconds in which requests that are under way may end after a signal
Item = TypeVar("Item")


class StoreThreads:
    """So many threads; what they do asks `check` now and then."""

    def __init__(self, size: int) -> None:
        self._size, self._stop = size, threading.Event()

    def check(self) -> None:
        """Raise StoppedError if another one failed, or a signal came."""
        if self._stop.is_set():
            raise StoppedError("stopped")

    def do(self, work: Callable[[Item], object], items: Iterable[Item]) -> None:
        """Do it to all; the first error stops the others, and is raised.

        After a signal they are not waited for without end: a store may be silent.
        """
        self._stop.clear()
        todo, lock, errors = iter(items), threading.Lock(), list[BaseException]()
        ended = threading.Semaphore(0)  # a `join` that a signal breaks off forgets its thread
        running = set[int]()  # so does a `start`

        def loop() -> None:
            running.add(threading.get_ident())
            try:
                while not self._stop.is_set():
                    with lock:
                        one = next(todo, None)
                    if one is None:
                        return
                    work(one)
            except BaseException as error:  # raised again by who waits
                errors.append(error)
                self._stop.set()
            finally:
                running.discard(threading.get_ident())
                ended.release()

        try:
            for _ in range(self._size):
                threading.Thread(target=loop, daemon=True).start()
            for _ in range(self._size):
                ended.acquire()
        finally:
            self._stop.set()
            until = time.monotonic() + _PATIENCE
            while running and ended.acquire(timeout=max(0, until - time.monotonic())):
                pass
        if errors:  # those that were stopped followed the first
            raise errors[0]
