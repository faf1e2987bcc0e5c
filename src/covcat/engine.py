"""Work in batches, on processes over the cores of this machine.

A task is a key, its size in bytes, and one argument; the work is a function of a module that takes
that argument, gives the same for the same, and may be called again. Batches of about one size are
given out as processes get free, and results come back as they are done: whoever takes them keeps
them, so that a run that is broken off goes on later. A process that dies takes its batch alone
with it: that is tried once more, then each of its tasks alone; what dies again is `Died`.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from covcat.errors import UsageError
from covcat.progress import Progress

Work = Callable[[Any], Any]
_BATCH_BYTES = 4 << 20
_BATCH_TASKS = 32
_TRIES = 2
_LIVES = 3  # processes that may die before the first of them has done anything


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work; argument and result must go through a pipe."""

    key: str
    bytes: int
    argument: Any


@dataclass(frozen=True, slots=True)
class Died:
    """In place of the result of a task on which two processes died."""

    cause: str


@dataclass(slots=True)
class _Batch:
    tasks: list[Task]
    tries: int = 0

    @property
    def bytes(self) -> int:
        return sum(task.bytes for task in self.tasks)


@dataclass(frozen=True, slots=True)
class _Raised:
    """What the work raised: it is a bug of ours, or the disk's."""

    error: BaseException


def run(
    work: Work, tasks: Iterable[Task], progress: Progress, label: str, workers: int | None = None
) -> Generator[list[tuple[Task, Any]]]:
    """Give batches of tasks with their results, in any order; close it, and all processes end.

    Raises:
        UsageError: no process can be started.
        Exception: what the work raised.
    """
    waiting = deque(_batches(tasks))
    if not waiting:
        return
    bar = progress.start(label, sum(batch.bytes for batch in waiting))
    crew = _Crew(work, min(workers or os.cpu_count() or 1, len(waiting)))
    try:
        while waiting or crew.busy:
            crew.give(waiting)
            for batch, results in crew.done(waiting):
                yield list(zip(batch.tasks, results, strict=True))
                progress.advance(bar, batch.bytes)
    finally:
        crew.end()
        progress.finish(bar)


def _batches(tasks: Iterable[Task]) -> Iterator[_Batch]:
    batch = _Batch([])
    size = 0
    for task in tasks:
        if batch.tasks and (size + task.bytes > _BATCH_BYTES or len(batch.tasks) >= _BATCH_TASKS):
            yield batch
            batch, size = _Batch([]), 0
        batch.tasks.append(task)
        size += task.bytes
    if batch.tasks:
        yield batch


class _Crew:
    """The processes, and which batch each of them has."""

    def __init__(self, work: Work, size: int) -> None:
        self._work, self._size = work, size
        self._idle: list[_Worker] = []
        self.busy: dict[Connection, tuple[_Worker, _Batch]] = {}
        self._deaths, self._has_done = 0, False

    def give(self, waiting: deque[_Batch]) -> None:
        """Give each process that has nothing to do a batch; start those that there are to be."""
        while waiting and len(self.busy) < self._size:
            worker = self._idle.pop() if self._idle else _Worker()
            batch = waiting.popleft()
            batch.tries += 1
            self.busy[worker.pipe] = (worker, batch)
            with suppress(OSError):  # it is dead: `done` will hear of it
                worker.pipe.send((self._work, [task.argument for task in batch.tasks]))

    def done(self, waiting: deque[_Batch]) -> Iterator[tuple[_Batch, list[Any]]]:
        """Wait until something is done, and give it; what died waits again, or is given up."""
        for pipe in wait(list(self.busy)):
            assert isinstance(pipe, Connection)
            worker, batch = self.busy.pop(pipe)
            try:
                results = pipe.recv()
            except (EOFError, OSError):
                yield from self._mourn(worker.end(), batch, waiting)
                continue
            self._idle.append(worker)
            self._has_done = True
            if isinstance(results, _Raised):
                raise results.error
            yield batch, results

    def _mourn(
        self, cause: str, batch: _Batch, waiting: deque[_Batch]
    ) -> Iterator[tuple[_Batch, list[Any]]]:
        self._deaths += 1
        if not self._has_done and self._deaths >= _LIVES:
            raise UsageError(
                f"the processes that should do the work end at once: {cause}",
                hint="in a script of your own, call covcat below `if __name__ == '__main__':`",
            )
        if batch.tries < _TRIES:
            waiting.append(batch)
        elif len(batch.tasks) > 1:
            waiting.extend(_Batch([task]) for task in batch.tasks)
        else:
            yield batch, [Died(cause)]

    def end(self) -> None:
        """End all processes now, whatever they do."""
        workers = [*self._idle, *(worker for worker, _ in self.busy.values())]
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.end()


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork after threads may hang
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def end(self) -> str:
        """Wait for the end of the process, and say how it came."""
        self.pipe.close()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        known = {int(one): one.name for one in signal.Signals}
        return known.get(-code, f"signal {-code}") if code < 0 else f"exit code {code}"


def _serve(pipe: Connection) -> None:
    """Do what comes until nobody is there to send it; Ctrl-C is for who started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            work, arguments = pipe.recv()
            try:
                results: Any = [work(argument) for argument in arguments]
            except Exception as error:  # raised again where it can be told
                results = _Raised(error)
            pipe.send(results)
