"""All files of a release -> downloads, several at once, given in the catalog's order.

What an earlier run finished, or left as it was served, is not asked for again.
"""

import hashlib
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from covcat import download, hosts
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    IntegrityError,
    SeveralError,
    StoppedError,
)
from covcat.hosts.served import Ask
from covcat.model import Download, Location, Manifest, Served, Transfer
from covcat.partial import Partial
from covcat.store import Store, disk_errors
from covcat.wanted import Line, Wanted

JOBS = 4  # files at once, unless --jobs says otherwise
_PATIENCE = 1.5  # seconds in which threads that were stopped may put things in order


@dataclass(frozen=True, slots=True)
class Order:
    """The files that are to come."""

    name: str  # of the release, ID@RELEASE
    files: tuple[Served, ...]
    before: Manifest | None  # the record of what is here already
    ask: Ask  # where each is now

    @property
    def total(self) -> int | None:
        """Return the bytes of all, if they are known."""
        sizes = [one.bytes for one in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass
class _Crew:
    order: Order
    line: Line
    store: Store
    partial: Partial
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
                    if isinstance(error, ActionNeededError):
                        error.page = hosts.page(self.order.files[number].file)
                    with self.news:
                        self.errors[number] = error
                        if isinstance(error, DiskError) or not isinstance(error, CovcatError):
                            self.next = len(self.order.files)  # the others would fail too
        finally:
            with self.news:
                self.alive -= 1
                self.news.notify_all()

    def _take(self) -> int | None:
        with self.news:
            if self.next >= len(self.order.files) or self.line.web.stop.is_set():
                return None
            self.next += 1
            return self.next - 1

    def result(self, number: int) -> Download:
        """Wait for a file.

        Raises:
            CovcatError: some did not come; the others are waiting in `partial` by then.
        """
        with self.news:
            while number not in self.results and self.alive > 0:
                self.news.wait()
            if number in self.results:
                return self.results[number]
        raise self._failure() if self.errors else StoppedError("stopped")

    def _failure(self) -> BaseException:
        errors = [self.errors[number] for number in sorted(self.errors)]
        for error in errors:
            if not isinstance(error, CovcatError):
                return error
        known = [one for one in errors if isinstance(one, CovcatError)]
        count, here = len(self.order.files), len(self.results)
        if len(known) == 1:
            if count > 1:
                known[0].details = (
                    *known[0].details,
                    f"here and not asked for again: {here} of {count} files",
                )
            return known[0]
        return SeveralError(
            f"{len(known)} of {count} files of `{self.order.name}` did not come",
            known,
            details=[
                *(one.message for one in known),
                f"here and not asked for again: {here} of {count} files",
            ],
            hint=f"covcat fetch {self.order.name}",
        )

    def _bring(self, number: int, file: Served) -> Download:
        """Take what is here of a file, or download it."""
        got = self.partial.found(file)
        if got is not None:
            self.line.progress.note(f"{self.order.name}: `{got.name}` is here from an earlier run")
            return got
        locate = _locate(file, self.order.ask)
        location = locate()
        target = self.partial.target(number, location.name)
        local = _as_served(file, location.url, self.order.before, self.store)
        wanted = Wanted(
            file,
            location.name,
            _key(self.order.name, file),
            self.store.free_bytes(),
            self.within,
        )
        if local is not None:
            return _again(wanted, location, local, self.line, target, self.order.name)
        mirrors = [_mirror(location, url) for url in file.file.mirrors if file.is_alone]
        got = download.fetch(wanted, [_begun(location, locate), *mirrors], self.line, target)
        self.partial.add(file, got)
        source = urlsplit(got.mirror or got.final_url).netloc or "covcat itself"
        which = f"`{got.name}`, " if len(self.order.files) > 1 else ""
        self.line.progress.note(
            f"{self.order.name}: got {which}{got.bytes:,} bytes from {source}, "
            f"sha256 {got.sha256[:16]}…"
        )
        return got


def all_of(
    order: Order, line: Line, store: Store, partial: Partial
) -> Generator[tuple[Served, Download]]:
    """Give each file as soon as it and those before it are here.

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
        for number, file in enumerate(order.files):
            yield file, crew.result(number)
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


def _locate(file: Served, ask: Ask) -> Callable[[], Location]:
    return lambda: hosts.locate(file, ask)


def _begun(location: Location, locate: Callable[[], Location]) -> Callable[[], Location]:
    """Give what is known already first: to ask for a signed address is a request of its own."""
    known = [location]
    return lambda: known.pop() if known else locate()


def _constant(location: Location) -> Callable[[], Location]:
    return lambda: location


def _mirror(location: Location, url: str) -> Callable[[], Location]:
    return _constant(Location(url=url, name=location.name))


def _key(release: str, file: Served) -> str:
    """Return how the parts of a file are called: the same in every run."""
    return f"{release}.{hashlib.sha256(file.path.encode()).hexdigest()[:12]}"


def _as_served(
    file: Served, url: str, before: Manifest | None, store: Store
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
    wanted: Wanted,
    location: Location,
    local: tuple[Path, Transfer],
    line: Line,
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
    got = download.fetch(wanted, [_constant(there)], line, target)
    is_weaker = got.verified_by == "first-use"  # what its host said then still holds
    return replace(
        got,
        verified_by=transfer.verified_by if is_weaker else got.verified_by,
        final_url=transfer.final_url,
        mirror=transfer.mirror,
        finished_at=transfer.finished_at,
    )
