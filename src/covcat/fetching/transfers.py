"""All files of a release -> downloads, several at once, given in the catalog's order.

What an earlier run finished, or left as it was served, is not asked for again.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from covcat import engine
from covcat.download.file import fetch
from covcat.download.parts import key_of
from covcat.download.remote import Download, Location, RemoteFile, Room, Target
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    IntegrityError,
    NetworkError,
    SeveralError,
    StoppedError,
    is_lost,
)
from covcat.fetching import far
from covcat.fetching.base import Build
from covcat.fetching.build import check_room
from covcat.fetching.choose import Hosts, Inside
from covcat.files import disk_errors
from covcat.hosts import base, locate, mirrors

_MANY = 1000  # files: of more, not each is told
_PATIENCE = 1.5  # seconds in which threads that were stopped may put things in order


@dataclass
class Downloaders:
    """The threads that bring files, and what they bring."""

    build: Build
    files: Sequence[RemoteFile]
    hosts: Hosts
    lost: Mapping[RemoteFile, CovcatError]
    has_more: bool
    room: Room
    within: int | None = None
    inside: Inside | None = None  # what is wanted of archives that workers are to unpack
    results: dict[int, Download | None] = field(default_factory=dict)  # None: it was handed over
    errors: dict[int, BaseException] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)
    next: int = 0
    awaited: int = -1
    came: int = 0
    alive: int = 0
    coming: Counter[str] = field(default_factory=Counter)  # files that are not here yet, by folder

    def work(self) -> None:
        """Bring files until none is left; one that fails does not stop the others."""
        stop = self.hosts.transfers.web.stop
        try:
            while True:
                with self.news:
                    number, self.next = self.next, self.next + 1
                if number >= len(self.files) or stop.is_set():
                    return
                try:
                    got = self.bring(number, self.files[number])
                    with self.news:
                        self.results[number] = got
                        if number == self.awaited:  # else the one that waits would wake in vain
                            self.news.notify_all()
                except BaseException as error:  # raised again where it is waited for
                    self.add_name(error, self.files[number])
                    with self.news:
                        self.errors[number] = error
                        if isinstance(error, DiskError) or not isinstance(error, CovcatError):
                            self.next = len(self.files)  # the others would fail too
        finally:
            with self.news:
                self.alive -= 1
                self.news.notify_all()

    def add_name(self, error: BaseException, file: RemoteFile) -> None:
        """Say which file an error is of: its address may be a number."""
        if isinstance(error, ActionNeededError):
            error.page = base.page(file.file)
        is_one = len(self.files) > 1 or self.has_more
        if is_one and isinstance(error, NetworkError | ActionNeededError | SeveralError):
            told = file.path in error.message
            error.message = error.message if told else f"`{file.path}`: {error.message}"

    def wait_for(self, number: int) -> Download | None:
        """Wait for a file; None is lost, and may lack."""
        with self.news:
            self.awaited = number
            while number not in self.results and self.alive > 0:
                self.news.wait()
            if number in self.results:
                got, self.results[number] = self.results[number], None
                return got
        error = self.errors.get(number)
        may_lack = self.build.options.allow_missing
        if isinstance(error, CovcatError) and may_lack and self._is_only_lost():
            self.build.lost.append(self.files[number])
            self.build.say(f"missing, as allowed: {error.message}")
            return None
        raise self._failure() if self.errors else StoppedError("stopped")

    def _is_only_lost(self) -> bool:
        """Tell if something is here, and nothing else failed than what no host gives."""
        is_lost_all = all(isinstance(e, CovcatError) and is_lost(e) for e in self.errors.values())
        return is_lost_all and bool(self.results or self.has_more)

    def _failure(self) -> BaseException:
        errors = [self.errors[number] for number in sorted(self.errors)]
        for error in errors:
            if not isinstance(error, CovcatError):
                return error
        known = [one for one in errors if isinstance(one, CovcatError)]
        count, here, options = len(self.files), len(self.results), self.build.options
        way_on = f"covcat fetch {self.build.name} --allow-missing keeps what did come"
        is_way = not (options.locked or options.allow_missing or self.build.lacking is not None)
        hint = way_on if is_way and self._is_only_lost() else None
        told = [f"here and not asked for again: {here} of {count} files"] if count > 1 else []
        if len(known) == 1:
            is_open = isinstance(known[0], ActionNeededError)  # whose hint leads a person
            told += [hint] if hint and is_open else []
            known[0].details = (*known[0].details, *told)
            known[0].hint = known[0].hint if is_open else hint or known[0].hint
            return known[0]
        return SeveralError(
            f"{len(known)} of {count} files of `{self.build.name}` did not come",
            known,
            details=[*(one.message for one in known), *told, *([hint] if hint else [])],
            hint=hint or f"covcat fetch {self.build.name}",
        )

    def bring(self, number: int, file: RemoteFile) -> Download:
        """Take what waits of a file or lies here as it was served, else ask its host for it."""
        if file in self.lost:
            raise self.lost[file]
        build, waiting = self.build, self.build.waiting
        got = waiting.found(file, may_lack=build.options.allow_missing)
        if got is not None:
            self._tell(file, got)
            if self.within is not None:
                self.hosts.transfers.progress.advance(self.within, got.bytes)
            return got
        location = locate(file, self.hosts.context)
        target = waiting.target(number, location.name)
        room = self.room if file.bytes is None else None
        about = build.about if len(self.files) == 1 else None
        key = key_of(build.name, file.path)
        wanted = Target(file, location.name, key, room, self.within, about)
        if (got := self._take_again(wanted, location, target)) is not None:
            return got
        known = [location]  # given first: to ask for a signed address is a request of its own
        ways: list[Callable[[], Location]] = [
            lambda: known.pop() if known else locate(file, self.hosts.context)
        ]
        ways += [partial(Location, url=url, name=location.name) for url in mirrors(file)]
        got = fetch(wanted, ways, self.hosts.transfers, target)
        self._note(file, got)
        return got

    def _note(self, file: RemoteFile, got: Download) -> None:
        """Note that a file has come, for a later run, and for who looks on."""
        self.build.waiting.add(file, got)
        source = urlsplit(got.mirror or got.final_url).netloc or "covcat itself"
        self._tell(file, got, f"{got.bytes:,} bytes from {source}, sha256 {got.sha256[:16]}…")

    def work_far(self) -> None:
        """Let a cluster bring all files; one that fails does not stop the others."""
        try:
            files = [one for one in enumerate(self.files) if one[1] not in self.lost]
            self.errors |= {
                n: self.lost[one] for n, one in enumerate(self.files) if one in self.lost
            }
            with closing(far.bring(self.build, files, self.inside)) as coming:
                for number, got in coming:
                    if isinstance(got, CovcatError):
                        self.errors[number] = got
                    else:
                        self._note(self.files[number], got)
                        with self.news:
                            self.results[number] = got
                            self.news.notify_all()
                    if self.hosts.transfers.web.stop.is_set():
                        return
        except BaseException as error:  # raised again where it is waited for
            self.errors[-1] = error
        finally:
            with self.news:
                self.alive -= 1
                self.news.notify_all()

    def _tell(self, file: RemoteFile, got: Download, now: str = "") -> None:
        """Say that a file is here, and what came `now`; of thousands, when a folder has all."""
        total = len(self.files)
        with self.news:
            self.came += 1
            count = self.came
            self.coming[file.folder] -= 1
            has_all = not self.coming[file.folder]
        if total > _MANY:
            if has_all:
                self.build.say(f"{count:,} of {total:,} files are here: all of `{file.folder}`")
        elif now:
            which = f"`{got.name}` ({count} of {total}), " if total > 1 else ""
            self.build.say(f"got {which}{now}")
        else:
            self.build.say(f"`{got.name}` is here from an earlier run")

    def _take_again(self, wanted: Target, location: Location, target: Path) -> Download | None:
        """Copy what an earlier fetch of the same address left as it was served, if it still is."""
        build = self.build
        for transfer in self.hosts.earlier.get(location.url, ()):
            plain = "" if transfer.is_archive else f"files/{wanted.remote.folder}{transfer.name}"
            place = transfer.archive or plain
            path = build.here / place
            if not place or path.is_symlink() or not path.is_file():
                continue
            with disk_errors(f"read `{path}`"), path.open("rb") as stream:
                now = hashlib.file_digest(stream, "sha256").hexdigest()
            if now != transfer.sha256:  # before its host is blamed
                raise IntegrityError(
                    f"`{path}` changed on disk: sha256 expected {transfer.sha256}, got {now}",
                    hint=f"covcat verify {build.name} --repair",
                )
            there = partial(replace, location, path=path, signed=None, login=None)
            got = fetch(wanted, [there], self.hosts.transfers, target)
            is_weaker = got.verified_by == "first-use"  # what its host said then still holds
            return replace(
                got,
                verified_by=transfer.verified_by if is_weaker else got.verified_by,
                final_url=transfer.final_url,
                mirror=transfer.mirror,
                finished_at=transfer.finished_at,
            )
        return None


def bring_all(
    build: Build,
    files: Sequence[RemoteFile],
    hosts: Hosts,
    lost: Mapping[RemoteFile, CovcatError] = MappingProxyType({}),
    *,
    has_more: bool = False,
    inside: Inside | None = None,
) -> Generator[tuple[RemoteFile, Download]]:
    """Give each file as soon as it and those before it are here.

    `lost` says why a host does not list a file any more; what is lost and may be is added to
    `Build.lost`. `has_more` tells that something of the release is here beside these files.
    Where workers of a cluster bring them and `inside` is given, archives come as `far.Unpacked`.
    """
    transfers = hosts.transfers
    room = _check_room(build, files)
    loaders = Downloaders(build, files, hosts, lost, has_more, room, inside=inside)
    loaders.coming.update(one.folder for one in files)
    on_cluster = engine.is_cluster() and len(files) > 1
    loaders.alive = 1 if on_cluster else min(hosts.jobs, len(files))
    if len(files) > 1 and not on_cluster:
        loaders.within = transfers.progress.start(build.name, total_bytes(files), about=build.about)
    work = loaders.work_far if on_cluster else loaders.work
    threads = [threading.Thread(target=work, daemon=True) for _ in range(loaders.alive)]
    for thread in threads:
        thread.start()
    try:
        for number, file in enumerate(files):
            if (got := loaders.wait_for(number)) is not None:
                yield file, got
    except BaseException as reason:  # a signal, a closed iterator: the threads put things in order
        if loaders.alive:  # else nobody is to be stopped, and the web may be asked on
            transfers.web.abort()
        for thread in threads:
            thread.join(_PATIENCE / len(threads))
        if not isinstance(reason, CovcatError) and len(files) > 1:
            build.say(f"kept: {len(loaders.results)} of {len(files)} files")
        raise
    finally:
        if loaders.within is not None:
            transfers.progress.finish(loaders.within)


def _check_room(build: Build, files: Sequence[RemoteFile]) -> Room:
    """Refuse what cannot fit; return what the files whose sizes nobody knows may take together."""
    may_lack, store = build.options.allow_missing, build.run.store
    coming = [one for one in files if not build.waiting.holds(one, may_lack=may_lack)]
    known = sum(one.bytes or 0 for one in coming)
    check_room(known, store)
    with disk_errors(f"look at the free space of `{store.folder}`"):
        return Room(store.free_bytes() - known)


def total_bytes(files: Sequence[RemoteFile]) -> int | None:
    """Return the bytes of all, if they are known."""
    sizes = [one.bytes for one in files]
    return None if None in sizes else sum(size for size in sizes if size is not None)
