"""The crew of a Dask cluster: workers on any machines that see the same data folder.

Every worker shows that it does, and that it has the same covcat, before anything is given out; one
that comes later, before it does anything. Batches are kept here until their results are: what a
killed worker, a restarted scheduler or a cut link takes away is given out again, and what Dask
gives up is tried on this machine. Scheduler and
workers may be away four times as long as Dask's own `distributed.comm.timeouts.connect`.
"""

import os
import pickle
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from covcat.engine.batches import Batch, Done, Order, Raised
from covcat.engine.processes import Processes
from covcat.engine.scheduler import Scheduler, patience
from covcat.engine.served import Differs, pack, serve
from covcat.progress import Progress

_LOOK = 1.0  # seconds without news, after which the cluster is looked at
_FEWEST = 16  # batches that are given out ahead, or two for each thread


class Cluster:
    """The workers of a scheduler, and which batches they have."""

    def __init__(
        self, order: Order, scheduler: Scheduler, reads: Iterable[Path], progress: Progress
    ) -> None:
        self._order, self._scheduler, self._progress = order, scheduler, progress
        self._seen = scheduler.check(reads, progress)
        self._news: SimpleQueue[tuple[str, int | None]] = SimpleQueue()
        self._topic, self._given = f"covcat-{os.urandom(8).hex()}", 0
        self._away_since: float | None = None  # something was lost, and nobody has looked yet
        self._is_told = False
        self.busy: dict[str, tuple[Any, Batch]] = {}
        self._listen()

    def _listen(self) -> None:
        hear = self._news.put
        self._scheduler.client.subscribe_topic(self._topic, lambda event: hear(tuple(event[1])))

    @property
    def size(self) -> int:
        """How many threads its workers have."""
        return self._scheduler.threads

    def give(self, waiting: deque[Batch]) -> None:
        """Give out so much that no worker is without, and no more; several cost Dask as one."""
        most = max(_FEWEST, 2 * self.size)
        if self._away_since is not None or not waiting or 2 * len(self.busy) > most:
            return
        given = dict[str, Batch]()
        while waiting and len(self.busy) + len(given) < most:
            batch = waiting.popleft()
            batch.tries += 1
            self._given += 1
            given[f"{self._topic}-{self._given}"] = batch
        packed = [pack(self._order.work, self._order.arguments(one)) for one in given.values()]
        same = {"seen": self._seen, "topic": self._topic, "key": [*given], "pure": False}
        futures = self._scheduler.client.map(serve, packed, [*given], **same)
        for future in futures:
            self.busy[future.key] = (future, given[future.key])
            future.add_done_callback(lambda future: self._news.put((future.key, None)))

    def done(self, waiting: deque[Batch]) -> Iterator[Done]:
        """Wait for news, and give what is done; what was lost on the way waits again."""
        try:
            every = [self._news.get(timeout=_LOOK)]
        except Empty:
            self._look(waiting)
            return
        with suppress(Empty):
            while True:
                every.append(self._news.get_nowait())
        ended = []
        for key, heard in every:
            if key in self.busy and heard is not None:
                self._order.hear(self.busy[key][1], heard)
            elif key in self.busy:
                ended.append(self.busy.pop(key))
        for (_, batch), results in zip(ended, self._results(ended), strict=True):
            yield from self._judge(batch, results, waiting)

    def _results(self, ended: Sequence[tuple[Any, Batch]]) -> list[Any]:
        """Bring all results at once; None for one that was lost."""
        finished = [one for one, _ in ended if one.status == "finished"]
        found: dict[str, Any] = {}
        with suppress(OSError, CancelledError):
            results = self._scheduler.client.gather(finished)
            found = {one.key: its for one, its in zip(finished, results, strict=True)}
        for one, _ in ended:
            if one.status == "error":
                found[one.key] = one.exception(timeout=patience())
        return [found.get(one.key) for one, _ in ended]

    def _judge(self, batch: Batch, results: Any, waiting: deque[Batch]) -> Iterator[Done]:
        from distributed.scheduler import KilledWorker

        if results is None:
            self._put_back(batch, waiting)
            return
        if isinstance(results, Differs):  # it came later
            raise self._scheduler.refusal([results], 1)
        if isinstance(results, KilledWorker):
            yield from self._try_here(batch)
        elif isinstance(results, Raised | Exception):
            raise results.error if isinstance(results, Raised) else results
        else:
            yield batch, pickle.loads(results)  # noqa: S301 -- as all that Dask sends

    def _try_here(self, batch: Batch) -> Iterator[Done]:
        """Do on this machine what workers died on, several times: perhaps they were only killed."""
        self._order.hear(batch, -batch.heard)
        left, crew = deque([Batch(batch.tasks)]), Processes(self._order, 1)
        try:
            while left or crew.busy:
                crew.give(left)
                yield from crew.done(left)
        finally:
            crew.end()

    def _put_back(self, batch: Batch, waiting: deque[Batch]) -> None:
        """Let a batch wait again that nobody died of, until somebody has looked."""
        self._away_since = self._away_since or time.monotonic()
        batch.tries -= 1
        self._order.hear(batch, -batch.heard)
        waiting.appendleft(batch)

    def _look(self, waiting: deque[Batch]) -> None:
        """See if anybody is there; who is away may come again, but not for ever."""
        scheduler, is_there = self._scheduler, self._scheduler.is_there()
        if is_there and scheduler.count_threads():
            if self._away_since is not None:
                self._listen()
            self._away_since, self._is_told = None, False
            return
        self._away_since = self._away_since or time.monotonic()
        what = "workers" if is_there else "scheduler"
        if not self._is_told:
            self._progress.note(f"`{scheduler.address}` has no {what} any more: waiting")
        self._is_told = True
        if not is_there:  # it will know nothing of these
            for _, batch in self.busy.values():
                self._put_back(batch, waiting)
            self.busy.clear()
        if time.monotonic() - self._away_since > patience():
            raise scheduler.without(what)

    def end(self) -> None:
        """Let the scheduler forget what is not done."""
        for future, _ in self.busy.values():
            future.release()
        self.busy.clear()
