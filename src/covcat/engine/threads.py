"""The crew of this machine for work that Python's own lock does not hold up: threads."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from covcat.engine.batches import Batch, Done, Order, Raised, work_on


class Threads:
    """A crew of threads; each has a batch in hand, and one that waits for it."""

    def __init__(self, order: Order, size: int) -> None:
        self._order, self.size = order, size
        self._pool = ThreadPoolExecutor(size)
        self.busy: dict[Future[Any], Batch] = {}

    def give(self, waiting: deque[Batch]) -> None:
        """Let no thread be without work."""
        while waiting and len(self.busy) < 2 * self.size:
            batch = waiting.popleft()
            hear = partial(self._order.hear, batch)
            work, arguments = self._order.work, self._order.arguments(batch)
            self.busy[self._pool.submit(work_on, work, arguments, hear)] = batch

    def done(self, waiting: deque[Batch]) -> Iterator[Done]:
        """Wait for the next that is done."""
        del waiting  # no thread dies
        for future in wait(self.busy, return_when=FIRST_COMPLETED).done:
            results = future.result()
            if isinstance(results, Raised):
                raise results.error
            yield self.busy.pop(future), results

    def end(self) -> None:
        """Wait for what threads have in hand, and for no more."""
        self._pool.shutdown(cancel_futures=True)
