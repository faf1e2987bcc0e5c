"""Files of a release that workers of a cluster bring: each asks, downloads, verifies, unpacks one.

They lie where those wait that this machine brings; what is in an archive lies in a folder of that
one try, until the caller moves it into the release that is made. The record and the one rename
are the caller's matter.
"""

import hashlib
import os
import pickle
import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import Lock
from typing import Any

from covcat import engine
from covcat.catalog.selection import Selection
from covcat.download.http import Web
from covcat.download.remote import Download, RemoteFile, Room
from covcat.engine import Died, Task
from covcat.errors import CovcatError, ExtractionError, IntegrityError, NetworkError
from covcat.fetching.base import Build, Piece, Run
from covcat.fetching.choose import Hosts, Inside
from covcat.fetching.place import is_unpacked, make_piece
from covcat.files import PRIVATE_MODE, disk_errors, make_folder, sync, write_new
from covcat.progress import Silent
from covcat.store.waiting import Waiting

_ALONE = 4 << 20  # bytes that a file of unknown size is taken for: no other comes with it


@dataclass(frozen=True, slots=True)
class Asked:
    """One file that a worker is to bring."""

    build: Path  # the file in which that is: with a long listing it is too large for each message
    sha256: str  # of that file
    number: int
    file: RemoteFile
    inside: tuple[Selection, ...] | None  # what of its members is wanted; None: it is not unpacked


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked(Download):
    """A file that was unpacked where it was brought; what was in it lies in `folder`."""

    made: Piece | CovcatError
    folder: Path
    notes: tuple[str, ...]


class _Told(Silent):
    """Tells the caller of bytes, and nobody else of anything."""

    def advance(self, task: int, size: int) -> None:  # noqa: ARG002 -- the protocol's
        """Say that so many more bytes are here."""
        engine.advance(size)


class _UnpackingProgress(Silent):
    """Tells the caller as many bytes as the archive has, and keeps what is to be noted."""

    def __init__(self, size: int) -> None:
        self.notes: list[str] = []
        self._left, self._hear, self._share = size, engine.listener(), 0.0

    def start(self, label: str, total: int | None, within: int | None = None, **_: object) -> int:  # noqa: ARG002 -- the protocol's
        """Note how much will come out."""
        self._share = self._left / total if total else 0
        return 0

    def advance(self, task: int, size: int) -> None:  # noqa: ARG002 -- the protocol's
        """Say how many bytes of the archive are done."""
        done = min(self._left, int(size * self._share))
        self._left -= done
        self._hear(done)

    def note(self, text: str) -> None:
        """Keep it for the caller."""
        self.notes.append(text)


def bring(
    build: Build, files: Sequence[tuple[int, RemoteFile]], inside: Inside | None
) -> Generator[tuple[int, Download | CovcatError]]:
    """Give each file, by its number, as it comes, or why it does not.

    With `inside` archives come unpacked; not those that need a password, which stays here.
    """
    its, data = build.workshop / f"build-{os.urandom(4).hex()}", pickle.dumps(_portable(build))
    with disk_errors("tell the workers what is made"):
        write_new(its, data)
    sha256 = hashlib.sha256(data).hexdigest()
    wanted: Inside = {} if inside is None or build.run.password else inside
    tasks = [
        Task(str(n), _work_on(file, wanted), Asked(its, sha256, n, file, wanted.get(file)))
        for n, file in files
    ]
    batches = engine.run(bring_one, tasks, build.run.progress, f"{build.name}: files")
    with closing(batches):
        for task, got in (done for batch in batches for done in batch):
            if isinstance(got, Died):
                path = task.argument.file.path
                got = NetworkError(f"`{path}`: whoever brings it dies ({got.cause})")
            yield int(task.key), got


def _work_on(file: RemoteFile, inside: Inside) -> int:
    """Return the bytes to be handled: an archive that is unpacked is written, and read again."""
    return (file.bytes or _ALONE) * (2 if file.unpack != "none" and file in inside else 1)


def _portable(build: Build) -> Build:
    """Return what a worker needs of a build; the rest has locks, or is none of its business."""
    run: Any = build.run
    run = Run(catalog=None, store=run.store, network=run.network, progress=_Told())  # type: ignore[arg-type]
    nothing: Any = None
    return replace(build, run=run, waiting=nothing, series=None, found=[], lost=[])


class _WaitingUnnoted(Waiting):
    """Files that wait, of which the caller alone keeps the journal."""

    def add(self, file: RemoteFile, got: Download) -> None:
        """Do nothing: the caller notes it."""


_lock = Lock()
_current: tuple[Path, Hosts] | None = None


def bring_one(asked: Asked) -> Download | CovcatError:
    """Bring a file, or say why it does not come: the engine's work."""
    from covcat.fetching.transfers import Downloaders

    hosts = _hosts(asked)
    room = Room(hosts.build.run.store.free_bytes())
    loaders = Downloaders(hosts.build, [asked.file], hosts, {}, has_more=True, room=room)
    try:
        got = loaders.bring(asked.number, asked.file)
    except CovcatError as error:
        loaders.add_name(error, asked.file)
        return error
    if asked.inside is None or not is_unpacked(asked.file, got):
        return got
    return _unpack(hosts.build, asked, got)


def _unpack(build: Build, asked: Asked, got: Download) -> Unpacked:
    """Unpack an archive into a new folder: what a try left that was killed is dropped first."""
    told = _UnpackingProgress(got.bytes)
    for left in build.workshop.glob(f"{asked.number}-*"):
        shutil.rmtree(left, ignore_errors=True)
    own = build.workshop / f"{asked.number}-{os.urandom(4).hex()}"
    folder, run = own / "release", replace(build.run, progress=told)
    made: Piece | CovcatError
    try:
        with disk_errors(f"make a folder for what is in `{got.name}`"):
            own.mkdir(mode=PRIVATE_MODE)  # fails where the caller is no more
            make_folder(folder / "files")
        its = replace(build, run=run, workshop=own, folder=folder)
        made = make_piece(its, asked.file, got, asked.inside or ())
        with disk_errors(f"write what is in `{got.name}`"):
            sync(folder)  # who gives it its name cannot, from another machine
    except CovcatError as error:
        made = error
    came = {one.name: getattr(got, one.name) for one in fields(got)}
    return Unpacked(**came, made=made, folder=folder, notes=tuple(told.notes))


def take_in(build: Build, got: Unpacked) -> Piece:
    """Move what a worker unpacked into the release that is made."""
    for text in got.notes:
        build.run.progress.note(text)
    if isinstance(got.made, CovcatError):
        raise got.made
    with disk_errors(f"move what was in `{got.name}`"):
        _move(got.folder, build.folder)
    return got.made


def _move(folder: Path, target: Path) -> None:
    """Move all that is in a folder into another one; a folder that is new there at once."""
    for one in folder.iterdir():
        there = target / one.name
        if not os.path.lexists(there):
            one.rename(there)
        elif one.is_dir() and there.is_dir():
            _move(one, there)
        else:
            member = one if one.is_file() else next(x for x in one.rglob("*") if x.is_file())
            raise ExtractionError(f"`{member.name}` would be one path with another member")


def _hosts(asked: Asked) -> Hosts:
    """Return the hosts of a release, with connections that stay open for its next files."""
    global _current
    with _lock:
        if _current is None or _current[0] != asked.build:  # workers live longer than a covcat
            with disk_errors("read what is made"):
                data = asked.build.read_bytes()
            if hashlib.sha256(data).hexdigest() != asked.sha256:
                raise IntegrityError(f"`{asked.build}` is not as it was written")
            build: Build = pickle.loads(data)  # noqa: S301 -- its sha256 came with the work
            waiting = _WaitingUnnoted(build.run.store.partial(build.resource.id, build.release.id))
            if _current is not None:
                _current[1].transfers.web.close()
            build = replace(build, waiting=waiting)
            _current = asked.build, Hosts(build, Web(build.run.network))
        return _current[1]
