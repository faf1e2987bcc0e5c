"""Work in batches: on threads or processes over the cores of this machine, or on a Dask cluster.

A task is a key, its size in bytes, and one argument; the work is a function of a module that takes
that argument, gives the same for the same, and may be called again. Batches of about one size are
given out as somebody gets free, and results come back as they are done: whoever takes them keeps
them, so that a run that is broken off goes on later. A process that dies takes its batch alone
with it: that is tried once more, then each of its tasks alone; what dies again is `Died`.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, Literal

from covcat.engine.batches import (
    BATCH_TASKS,
    Batch,
    Crew,
    Died,
    Order,
    Task,
    Work,
    advance,
    in_batches,
    listener,
)
from covcat.progress import Progress, Unit

__all__ = [
    "Died",
    "Task",
    "advance",
    "cores",
    "is_cluster",
    "listener",
    "run",
    "shared_folder",
    "use_engine",
]

_LIGHT = 32  # times what is sent at once of heavy work, at most
_EACH = 4  # batches that fall to each thread of a cluster, at least
Here = Literal["processes", "threads"]
_chosen: tuple[str, Path] | None = None  # address of a scheduler, and the data folder


def use_engine(address: str | None, folder: Path) -> None:
    """Work on the cluster of that scheduler from now on, or here; all see the data folder."""
    global _chosen
    _chosen = (address, folder.absolute()) if address else None


def is_cluster() -> bool:
    """Tell if work is done elsewhere: then it pays to read ahead."""
    return _chosen is not None


def shared_folder() -> Path | None:
    """Return a private folder that all workers of a cluster see, which goes with this run."""
    if _chosen is None:
        return None
    from covcat.engine.scheduler import find

    return find(*_chosen).private


def cores() -> int:
    """Return how many cores this process may use: a job of SLURM has some of its machine."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    work: Work,
    tasks: Iterable[Task],
    progress: Progress,
    label: str,
    *,
    workers: int | None = None,
    here: Here = "processes",
    fill: Callable[[Any], Any] | None = None,
    reads: Iterable[Path] = (),
    unit: Unit = "bytes",
    light: bool = False,
) -> Generator[list[tuple[Task, Any]]]:
    """Give batches of tasks with their results, in any order; close it, and all work ends.

    `here` is how it is done on this machine; `light` work is done sooner than it is sent to a
    cluster, if little of it is sent at once. `fill` makes of the argument of a task, just before
    it is given, what the work gets; `reads` are the folders that it reads; `unit` is what the sizes
    of tasks count.

    Raises:
        UsageError: no process can be started, or the cluster is not as this machine.
        NetworkError: the cluster does not answer any more.
        Exception: what the work raised.
    """
    every = [*tasks]
    if not every:
        return
    bar = progress.start(label, sum(task.bytes for task in every), unit=unit)
    crew: Crew | None = None

    def hear(batch: Batch, size: int) -> None:
        batch.heard += size
        progress.advance(bar, size)

    try:
        crew = _crew(Order(work, hear, fill), workers or cores(), here, reads, progress)
        share = len(every) // (_EACH * crew.size * BATCH_TASKS) if light and is_cluster() else 1
        waiting = deque(in_batches(every, min(max(share, 1), _LIGHT)))
        while waiting or crew.busy:
            crew.give(waiting)
            for batch, results in crew.done(waiting):
                yield list(zip(batch.tasks, results, strict=True))
                hear(batch, batch.bytes - batch.heard)
    finally:
        if crew is not None:
            crew.end()
        progress.finish(bar)


def _crew(order: Order, size: int, here: Here, reads: Iterable[Path], progress: Progress) -> Crew:
    if _chosen is not None:
        from covcat.engine.cluster import Cluster
        from covcat.engine.scheduler import find

        return Cluster(order, find(*_chosen), reads, progress)
    if here == "threads":
        from covcat.engine.threads import Threads

        return Threads(order, size)
    from covcat.engine.processes import Processes

    return Processes(order, size)
