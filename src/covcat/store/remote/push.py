"""A release -> its copy in a place: every file first, hashed as it is read; the manifest last.

Nothing that is there is written over, so that a manifest, once there, stays true. What a run that
was broken off left is taken over: by the journal of that run where the store still has the same
state of it, else after it was read back.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from threading import BoundedSemaphore, Lock
from typing import TextIO

from covcat.catalog.load import Catalog
from covcat.errors import IntegrityError
from covcat.files import CHUNK, StoredFile, disk_errors, opened, sync
from covcat.progress import Progress
from covcat.seal import parse_json
from covcat.store import manifest
from covcat.store.folder import MANIFEST, SUMS, Store
from covcat.store.manifest import Manifest
from covcat.store.remote.place import PART, Lying, Place, objects_of
from covcat.store.remote.threads import StoreThreads
from covcat.store.verify import verify_release

_LARGE_AT_ONCE = 2  # files that go up in parts: each has some of these in memory
_STAGED = re.compile(r".+#\d+")  # what obstore calls a file of a folder until it is whole
_MOST_JOURNAL = 1 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of it, in numbers of files."""

    files: int
    bytes: int
    sent: int  # of these now; the others were there
    was_whole: bool  # a manifest was there before


def push(store: Store, catalog: Catalog, folder: Path, place: Place, progress: Progress) -> Pushed:
    """Copy a release that is as it was recorded.

    Raises:
        IntegrityError: it is not, or a file of it is another one there.
    """
    name = f"{folder.parent.name}@{folder.name}"
    waiting = f"{name}: another covcat is at it; waiting"
    with store.lock(name, lambda: progress.note(waiting)):
        found = verify_release(catalog, folder, progress, quick=True, known_missing=True)
        if found.findings.changed or found.findings.missing:
            raise IntegrityError(
                f"`{name}` is not as recorded: nothing of it is pushed",
                details=found.findings.lines(),
                hint=f"covcat verify {quote(name)} --repair",
            )
        with closing(_Journal(store.pushed, place.address, name)) as journal:
            done = _Push(folder, found.record, place, progress, journal).run()
        journal.drop()
        return done


@dataclass
class _Push:
    folder: Path
    record: Manifest
    place: Place
    progress: Progress
    journal: "_Journal"
    there: dict[str, Lying] = field(default_factory=dict)  # all of it that is there, and right
    listed: dict[str, Lying] = field(default_factory=dict)  # what was there when this began
    sent: int = 0
    task: int = 0
    large: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_LARGE_AT_ONCE))
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.threads = StoreThreads(self.place.jobs)

    @property
    def name(self) -> str:
        return f"{self.record.resource}@{self.record.release}"

    @property
    def top(self) -> str:
        return f"{self.record.resource}/{self.record.release}"

    def run(self) -> Pushed:
        data = manifest.raw(self.folder)
        earlier = self.place.read(f"{self.top}/{MANIFEST}")
        if earlier is not None:
            self._check_same(earlier)
        self.listed = self.place.objects(self.top)
        files = objects_of(self.record)
        self.task = self.progress.start(self.name, sum(one.bytes for one in files))
        try:  # large ones last: they wait for each other
            ordered = sorted(files, key=lambda one: one.bytes > PART)
            self.threads.do(self._bring, ordered)
        finally:
            self.progress.finish(self.task)
        self._settle(files)
        if earlier is None and self.place.create(f"{self.top}/{MANIFEST}", data) is None:
            self._check_same(self.place.read(f"{self.top}/{MANIFEST}") or b"")
        of, was_whole = self.record, earlier is not None
        return Pushed(of.total_files, of.total_bytes, self.sent, was_whole)

    def _check_same(self, data: bytes) -> None:
        """Refuse a manifest of other files; who fetched the same at another time wrote another."""
        found = self.place.parsed(data, self.record.resource, self.record.release)
        if [(one.path, one.sha256) for one in found.files] != [
            (one.path, one.sha256) for one in self.record.files
        ]:
            raise self._other(f"`{self.name}` with other files is there already")

    def _other(self, text: str) -> IntegrityError:
        where = f"{self.place.address}/{self.top}"
        hint = f"nothing is written over: remove `{where}` there, or push to another address"
        return IntegrityError(text, hint=hint)

    def _bring(self, file: StoredFile) -> None:
        """Let a file be there, whatever was."""
        before = self.listed.get(file.path)
        if before is None:
            now = self._put(file)
        elif before.bytes == file.bytes and self.journal.has(file, before):
            now = before
            self.progress.advance(self.task, file.bytes)
        else:
            now = self._compare(file, before)
        with self.lock:
            self.there[file.path] = now

    def _put(self, file: StoredFile) -> Lying:
        key = f"{self.top}/{file.path}"
        if file.bytes <= PART:
            data = b"".join(self._checked(file))
            now = self.place.create(key, data)
            if now is None:  # of another push; or of this one, and the answer was lost
                self.progress.advance(self.task, -file.bytes)
                return self._compare(file, Lying(file.bytes, None))
        else:
            with self.large:
                self.threads.check()
                now = self.place.create_large(key, self._checked(file), file.bytes)
        self.journal.add(file, now)
        with self.lock:
            self.sent += file.path != SUMS
        return now

    def _checked(self, file: StoredFile) -> Iterator[bytes]:
        """Give the bytes of a file; raise before the end if they are not those of the record."""
        found, size = hashlib.sha256(), 0
        with disk_errors(f"read `{file.path}`"), opened(self.folder / file.path) as stream:
            while data := stream.read(CHUNK):
                self.threads.check()
                found.update(data)
                size += len(data)
                self.progress.advance(self.task, len(data))
                if size > file.bytes:
                    break
                yield data
        if found.hexdigest() != file.sha256:
            raise IntegrityError(
                f"`{file.path}` of `{self.name}` is not as recorded: sha256 expected "
                f"{file.sha256}, got {found.hexdigest()}",
                hint=f"covcat verify {quote(self.name)} --repair",
            )

    def _compare(self, file: StoredFile, before: Lying) -> Lying:
        """Read back what is there."""
        found = hashlib.sha256()
        for data in self.place.stream(f"{self.top}/{file.path}"):
            self.threads.check()
            found.update(data)
            self.progress.advance(self.task, len(data))
        if found.hexdigest() != file.sha256:
            raise self._other(f"another `{file.path}` of `{self.name}` is there already")
        return before

    def _settle(self, files: list[StoredFile]) -> None:
        """Look once more that all is there as it was put: the manifest will say so."""
        if self.place.folder is not None:
            _sweep(self.place.folder / self.top)
            with disk_errors(f"write to `{self.place.folder}`"):
                sync(self.place.folder / self.top)
        now, doubted = self.place.objects(self.top), []
        for one in files:
            tag, lying = self.there[one.path].tag, now.get(one.path)
            if lying is None or lying.bytes != one.bytes:
                raise self._other(f"`{one.path}` of `{self.name}` changed while it was pushed")
            if tag not in (None, lying.tag):
                doubted.append((one, lying))
        if doubted:
            self.threads.do(lambda each: self._compare(*each), doubted)


def _sweep(folder: Path) -> None:
    """Remove what pushes into this folder left that were killed."""
    for top, _, names in os.walk(folder):
        for name in filter(_STAGED.fullmatch, names):
            with suppress(OSError):
                Path(top, name).unlink()


class _Journal:
    """What this and earlier runs put there, with the tag that the store gave each: a guide.

    A store's tag is no digest; that it is still the same says that the object is.
    """

    def __init__(self, folder: Path, address: str, name: str) -> None:
        self._path = folder / f"{_hex(address.encode())[:16]}-{name}.jsonl"
        self._lock = Lock()
        self._stream: TextIO | None = None  # of this run
        self._known: dict[str, tuple[object, object]] = {}
        with suppress(OSError), opened(self._path, follow=False) as stream:
            for line in stream.read(_MOST_JOURNAL).splitlines():
                with suppress(ValueError, TypeError):  # cut by a crash
                    path, *state = parse_json(line)
                    self._known[path] = tuple(state)

    def has(self, file: StoredFile, now: Lying) -> bool:
        return now.tag is not None and self._known.get(file.path) == (file.sha256, now.tag)

    def add(self, file: StoredFile, now: Lying) -> None:
        line = json.dumps([file.path, file.sha256, now.tag])
        with self._lock, suppress(OSError):  # without it, what is there is read back
            if self._stream is None:
                self._path.parent.mkdir(exist_ok=True)
                self._stream = self._path.open("a", encoding="utf-8", buffering=1)
            self._stream.write(f"{line}\n")

    def close(self) -> None:
        with self._lock, suppress(OSError):
            if self._stream is not None:
                self._stream.close()

    def drop(self) -> None:
        with suppress(OSError):
            self._path.unlink()


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
