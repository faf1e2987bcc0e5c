"""All files of a release -> downloads, several at once, given in the catalog's order.

What an earlier run finished, or left as it was served, is not asked for again.
"""

import hashlib
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from covcat import hosts
from covcat.download.attempt import Transfers
from covcat.download.file import fetch
from covcat.download.remote import Download, Location, RemoteFile, Target
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
from covcat.files import disk_errors
from covcat.hosts import base
from covcat.hosts.base import HostContext
from covcat.store.folder import Store
from covcat.store.manifest import Manifest, Transfer
from covcat.store.waiting import Waiting

JOBS = 4  # files at once, unless --jobs says otherwise
_PATIENCE = 1.5  # seconds in which threads that were stopped may put things in order


@dataclass(frozen=True, slots=True)
class Order:
    """The files that are to come."""

    name: str  # of the release, ID@RELEASE
    files: tuple[RemoteFile, ...]
    before: Manifest | None  # the record of what is here already
    ask: HostContext  # where each is now
    lost: Mapping[RemoteFile, CovcatError] = field(default_factory=dict)  # what its host says of it
    may_lack: bool = False  # what is lost, if anything is here
    has_more: bool = False  # something is here beside these files
    way_on: str | None = None  # a hint, where some are lost
    missing: list[RemoteFile] = field(default_factory=list)  # what was lost, and may be

    @property
    def total(self) -> int | None:
        """Return the bytes of all, if they are known."""
        sizes = [one.bytes for one in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass
class _Crew:
    order: Order
    line: Transfers
    store: Store
    partial: Waiting
    within: int | None = None
    results: dict[int, Download] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)
    next: int = 0
    alive: int = 0

    def work(self) -> None:
        """Bring files until none is left; one that fails does not stop the others."""
        try:
            while (number := self._take()) is not None:
                try:
                    got = self._bring(number, self.order.files[number])
                    with self.news:
                        self.results[number] = got
                        self.news.notify_all()
                except BaseException as error:  # raised again where it is waited for
                    self._name(error, self.order.files[number])
                    with self.news:
                        self.errors[number] = error
                        if isinstance(error, DiskError) or not isinstance(error, CovcatError):
                            self.next = len(self.order.files)  # the others would fail too
        finally:
            with self.news:
                self.alive -= 1
                self.news.notify_all()

    def _name(self, error: BaseException, file: RemoteFile) -> None:
        """Say which file an error is of: its address may be a number."""
        if isinstance(error, ActionNeededError):
            error.page = base.page(file.file)
        is_of_it = isinstance(error, NetworkError | ActionNeededError | SeveralError)
        is_one = len(self.order.files) > 1 or self.order.has_more
        if isinstance(error, CovcatError) and is_of_it and is_one:
            told = file.path in error.message
            error.message = error.message if told else f"`{file.path}`: {error.message}"

    def _take(self) -> int | None:
        with self.news:
            if self.next >= len(self.order.files) or self.line.web.stop.is_set():
                return None
            self.next += 1
            return self.next - 1

    def given(self) -> Generator[tuple[RemoteFile, Download]]:
        """Give the files in their order; not those that may lack.

        Raises:
            CovcatError: some did not come; the others are waiting in `partial` by then.
        """
        for number, file in enumerate(self.order.files):
            if (got := self._result(number)) is not None:
                yield file, got

    def _result(self, number: int) -> Download | None:
        """Wait for a file; None is lost, and may lack."""
        with self.news:
            while number not in self.results and self.alive > 0:
                self.news.wait()
            if number in self.results:
                return self.results[number]
        error = self.errors.get(number)
        if isinstance(error, CovcatError) and self.order.may_lack and self._is_only_lost():
            self.order.missing.append(self.order.files[number])
            self.line.progress.note(f"{self.order.name}: missing, as allowed: {error.message}")
            return None
        raise self._failure() if self.errors else StoppedError("stopped")

    def _is_only_lost(self) -> bool:
        """Tell if something is here, and nothing else failed than what no host gives."""
        is_lost_all = all(isinstance(e, CovcatError) and is_lost(e) for e in self.errors.values())
        return is_lost_all and bool(self.results or self.order.has_more)

    def _failure(self) -> BaseException:
        errors = [self.errors[number] for number in sorted(self.errors)]
        for error in errors:
            if not isinstance(error, CovcatError):
                return error
        known = [one for one in errors if isinstance(one, CovcatError)]
        count, here = len(self.order.files), len(self.results)
        way_on = self.order.way_on if self._is_only_lost() else None
        told = [f"here and not asked for again: {here} of {count} files"] if count > 1 else []
        if len(known) == 1:
            is_open = isinstance(known[0], ActionNeededError)  # whose hint leads a person
            told += [way_on] if way_on and is_open else []
            known[0].details = (*known[0].details, *told)
            known[0].hint = known[0].hint if is_open else way_on or known[0].hint
            return known[0]
        return SeveralError(
            f"{len(known)} of {count} files of `{self.order.name}` did not come",
            known,
            details=[*(one.message for one in known), *told, *([way_on] if way_on else [])],
            hint=way_on or f"covcat fetch {self.order.name}",
        )

    def _bring(self, number: int, file: RemoteFile) -> Download:
        """Take what is here of a file, or download it."""
        if file in self.order.lost:
            raise self.order.lost[file]
        got = self.partial.found(file)
        if got is not None:
            self.line.progress.note(f"{self.order.name}: `{got.name}` is here from an earlier run")
            return got
        locate = _locate(file, self.order.ask)
        location = locate()
        target = self.partial.target(number, location.name)
        local = _as_served(file, location.url, self.order.before, self.store)
        wanted = Target(
            file,
            location.name,
            _key(self.order.name, file),
            self.store.free_bytes(),
            self.within,
        )
        if local is not None:
            return _again(wanted, location, local, self.line, target, self.order.name)
        mirrors = [_mirror(location, url) for url in file.file.mirrors if file.is_alone]
        got = fetch(wanted, [_begun(location, locate), *mirrors], self.line, target)
        self.partial.add(file, got)
        source = urlsplit(got.mirror or got.final_url).netloc or "covcat itself"
        which = f"`{got.name}`, " if len(self.order.files) > 1 else ""
        self.line.progress.note(
            f"{self.order.name}: got {which}{got.bytes:,} bytes from {source}, "
            f"sha256 {got.sha256[:16]}…"
        )
        return got


def all_of(
    order: Order, line: Transfers, store: Store, partial: Waiting
) -> Generator[tuple[RemoteFile, Download]]:
    """Give each file as soon as it and those before it are here; not those that may lack.

    Raises:
        CovcatError: some did not come.
    """
    crew = _Crew(order, line, store, partial)
    crew.alive = min(line.network.jobs or JOBS, len(order.files))
    if len(order.files) > 1:
        crew.within = line.progress.start(order.name, order.total)
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(crew.alive)]
    for thread in threads:
        thread.start()
    try:
        yield from crew.given()
    except BaseException as reason:  # a signal, a closed iterator: the threads put things in order
        line.web.abort()
        for thread in threads:
            thread.join(_PATIENCE / len(threads))
        if not isinstance(reason, CovcatError) and len(order.files) > 1:
            line.progress.note(
                f"{order.name}: kept: {len(crew.results)} of {len(order.files)} files"
            )
        raise
    finally:
        if crew.within is not None:
            line.progress.finish(crew.within)


def _locate(file: RemoteFile, ask: HostContext) -> Callable[[], Location]:
    return lambda: hosts.locate(file, ask)


def _begun(location: Location, locate: Callable[[], Location]) -> Callable[[], Location]:
    """Give what is known already first: to ask for a signed address is a request of its own."""
    known = [location]
    return lambda: known.pop() if known else locate()


def _constant(location: Location) -> Callable[[], Location]:
    return lambda: location


def _mirror(location: Location, url: str) -> Callable[[], Location]:
    return _constant(Location(url=url, name=location.name))


def _key(release: str, file: RemoteFile) -> str:
    """Return how the parts of a file are called: the same in every run."""
    return f"{release}.{hashlib.sha256(file.path.encode()).hexdigest()[:12]}"


def _as_served(
    file: RemoteFile, url: str, before: Manifest | None, store: Store
) -> tuple[Path, Transfer] | None:
    """Find what an earlier fetch of the same address left on disk as it was served."""
    for transfer in before.downloads if before else ():
        place = transfer.archive or (
            None if transfer.is_archive else f"files/{file.folder}{transfer.name}"
        )
        if before and place and transfer.url == url:
            path = store.release(before.resource, before.release) / place
            if path.is_file() and not path.is_symlink():
                return path, transfer
    return None


def _again(
    wanted: Target,
    location: Location,
    local: tuple[Path, Transfer],
    line: Transfers,
    target: Path,
    release: str,
) -> Download:
    """Copy what was served before, checking that it still is that."""
    path, transfer = local
    with disk_errors(f"read `{path}`"), path.open("rb") as stream:
        now = hashlib.file_digest(stream, "sha256").hexdigest()
    if now != transfer.sha256:  # before its host is blamed
        raise IntegrityError(
            f"`{path}` changed on disk: sha256 expected {transfer.sha256}, got {now}",
            hint=f"covcat verify {release} --repair",
        )
    there = replace(location, path=path, signed=None, login=None)
    got = fetch(wanted, [_constant(there)], line, target)
    is_weaker = got.verified_by == "first-use"  # what its host said then still holds
    return replace(
        got,
        verified_by=transfer.verified_by if is_weaker else got.verified_by,
        final_url=transfer.final_url,
        mirror=transfer.mirror,
        finished_at=transfer.finished_at,
    )
