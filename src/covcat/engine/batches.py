"""What all crews share: tasks, batches of them, and what becomes of a batch that dies."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, Protocol

Work = Callable[[Any], Any]
_BATCH_BYTES = 4 << 20
BATCH_TASKS = 32
_TRIES = 2


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


@dataclass(slots=True, eq=False)
class Batch:
    """Tasks that are done together, and how far they are."""

    tasks: list[Task]
    tries: int = 0
    heard: int = 0  # bytes that progress was told of

    @property
    def bytes(self) -> int:
        """How large it is."""
        return sum(task.bytes for task in self.tasks)


Done = tuple[Batch, list[Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """What a crew is to do with each batch."""

    work: Work
    hear: Callable[[Batch, int], None]  # is told of so many more bytes; fewer, if it begins again
    fill: Callable[[Any], Any] | None = None  # makes of an argument what the work gets

    def arguments(self, batch: Batch) -> list[Any]:
        """Return what the work gets of each task."""
        fill = self.fill
        return [task.argument if fill is None else fill(task.argument) for task in batch.tasks]

    def requeue(self, batch: Batch, cause: str, waiting: deque[Batch]) -> Iterator[Done]:
        """Let what died wait again: once as it was, then each task alone; that is given up."""
        self.hear(batch, -batch.heard)
        if batch.tries < _TRIES:
            waiting.append(batch)
        elif len(batch.tasks) > 1:
            waiting.extend(Batch([task]) for task in batch.tasks)
        else:
            yield batch, [Died(cause)]


class Crew(Protocol):
    """Those who do the work."""

    @property
    def size(self) -> int:
        """How many batches they can do at once."""
        ...

    @property
    def busy(self) -> Sized:
        """What of it they have."""
        ...

    def give(self, waiting: deque[Batch]) -> None:
        """Give batches to those who have nothing to do."""
        ...

    def done(self, waiting: deque[Batch]) -> Iterator[Done]:
        """Wait until something happens, and give what is done; what died waits again."""
        ...

    def end(self) -> None:
        """End all work now."""
        ...


@dataclass(frozen=True, slots=True)
class Raised:
    """What the work raised: it is a bug of ours, or the disk's."""

    error: BaseException


def in_batches(tasks: Iterable[Task], times: int = 1) -> Iterator[Batch]:
    """Put tasks together until they have about one size, or so many times that."""
    batch, size = Batch([]), 0
    most, most_bytes = times * BATCH_TASKS, times * _BATCH_BYTES
    for task in tasks:
        if batch.tasks and (size + task.bytes > most_bytes or len(batch.tasks) >= most):
            yield batch
            batch, size = Batch([]), 0
        batch.tasks.append(task)
        size += task.bytes
    if batch.tasks:
        yield batch


_listening = threading.local()


def listener() -> Callable[[int], object]:
    """Return what `advance` tells, for threads of this work, which tell it one at a time."""
    return getattr(_listening, "hear", None) or (lambda _: None)


def advance(size: int) -> None:
    """Say, from within the work, that so many more bytes of it are done."""
    listener()(size)


def work_on(work: Work, arguments: Iterable[Any], hear: Callable[[int], None]) -> Any:
    """Do a batch; `hear` is told what the work says by `advance`."""
    _listening.hear = hear
    try:
        return [work(argument) for argument in arguments]
    except Exception as error:  # raised again where it can be told
        return Raised(error)
    finally:
        _listening.hear = None
