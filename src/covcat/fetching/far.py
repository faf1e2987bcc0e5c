"""Files of a release that workers of a cluster bring: each asks, downloads and verifies one.

They lie where those wait that this machine brings. What is made of them, its record and the one
rename are the caller's matter.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from covcat import engine
from covcat.download.http import Web
from covcat.download.remote import Download, RemoteFile, Room
from covcat.engine import Died, Task
from covcat.errors import CovcatError, NetworkError
from covcat.fetching.base import Build, Run
from covcat.fetching.choose import Hosts
from covcat.progress import Silent
from covcat.store.waiting import Waiting

_ALONE = 4 << 20  # bytes that a file of unknown size is taken for: no other comes with it


@dataclass(frozen=True, slots=True)
class Asked:
    """One file that a worker is to bring."""

    run: str  # of covcat: workers live longer
    build: Build
    number: int
    file: RemoteFile


class _Told(Silent):
    """Tells the caller of bytes, and nobody else of anything."""

    def advance(self, task: int, size: int) -> None:  # noqa: ARG002 -- the protocol's
        """Say that so many more bytes are here."""
        engine.advance(size)


def bring(
    build: Build, files: Sequence[tuple[int, RemoteFile]]
) -> Generator[tuple[int, Download | CovcatError]]:
    """Give each file, by its number, as it comes, or why it does not."""
    run, its = os.urandom(8).hex(), _portable(build)
    tasks = [
        Task(str(number), file.bytes or _ALONE, Asked(run, its, number, file))
        for number, file in files
    ]
    batches = engine.run(bring_one, tasks, build.run.progress, f"{build.name}: files")
    with closing(batches):
        for task, got in (done for batch in batches for done in batch):
            if isinstance(got, Died):
                path = task.argument.file.path
                got = NetworkError(f"`{path}`: whoever brings it dies ({got.cause})")
            yield int(task.key), got


def _portable(build: Build) -> Build:
    """Return what a worker needs of a build; the rest has locks, or is none of its business."""
    run: Any = build.run
    run = Run(catalog=None, store=run.store, network=run.network, progress=_Told())  # type: ignore[arg-type]
    nothing: Any = None
    return replace(build, run=run, waiting=nothing, series=None, found=[], lost=[])


class _Read(Waiting):
    """Files that wait, of which the caller alone keeps the journal."""

    def add(self, file: RemoteFile, got: Download) -> None:
        """Do nothing: the caller notes it."""


_lock = Lock()
_current: tuple[str, Hosts] | None = None


def bring_one(asked: Asked) -> Download | CovcatError:
    """Bring a file, or say why it does not come: the engine's work."""
    from covcat.fetching.transfers import Crew

    hosts, store = _hosts(asked), asked.build.run.store
    room = Room(store.free_bytes())
    crew = Crew(hosts.build, [asked.file], hosts, {}, has_more=True, room=room)
    try:
        return crew.bring(asked.number, asked.file)
    except CovcatError as error:
        crew.add_name(error, asked.file)
        return error


def _hosts(asked: Asked) -> Hosts:
    """Return the hosts of a release, with connections that stay open for its next files."""
    global _current
    with _lock:
        if _current is None or _current[0] != asked.run:
            if _current is not None:
                _current[1].transfers.web.close()
            store, build = asked.build.run.store, asked.build
            waiting = _Read(store.partial(build.resource.id, build.release.id))
            build = replace(build, waiting=waiting)
            _current = asked.run, Hosts(build, Web(build.run.network))
        return _current[1]
