"""Part files: what of a download is here, and the record that lets another run go on with it.

A part is only ever written by the process that made it: a later run copies the bytes that the
record vouches for, and hashes them on the way. Order and names: docs/how-it-flows.md.
"""

import errno
import glob
import hashlib
import json
import math
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from covcat.files import (
    FILE_MODE,
    IS_WINDOWS,
    NEW,
    disk_errors,
    hold,
    opened,
    read_at,
    write_at,
    write_file,
)
from covcat.seal import parse_json, sealed, unsealed

SCHEMA = "covcat.part/1"
_DAY = 86400  # seconds
_OLD = 14 * _DAY  # seconds after which a part that nobody asked for again is dropped
_COPY = 1 << 20
_NAME = re.compile(r"(?P<part>(?P<key>.+)\.[0-9a-f]{8})\.(?:part|json(?:\.[0-9a-f]{8})?)")
_OF_RELEASE = re.compile(
    r"(?P<release>[^@.][^@]*@[^.].*)\.[0-9a-f]{12}\.[0-9a-f]{8}"
)  # see `key_of`
_MOST = 1 << 16  # bytes of a record


def key_of(release: str, path: str) -> str:
    """Return how the parts of a release's file are called: the same in every run."""
    return f"{release}.{hashlib.sha256(path.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class PartRecord:
    """How far a part is: its first `offset` bytes are on the disk and have this sha256."""

    url: str
    mirror: str | None
    etag: str | None  # strong ones only
    last_modified: str | None  # strong ones only
    total: int | None
    offset: int
    sha256: str
    schema: str = SCHEMA

    @property
    def is_sound(self) -> bool:
        """True of one that covcat can have written."""
        texts = (self.mirror, self.etag, self.last_modified)
        sizes = (self.offset, 0 if self.total is None else self.total)
        return (
            self.schema == SCHEMA
            and all(isinstance(one, str) for one in (self.url, self.sha256))
            and all(one is None or isinstance(one, str) for one in texts)
            and all(type(one) is int and one >= 0 for one in sizes)
            and (self.total is None or self.offset <= self.total)
        )


class Part:
    """A file that is being downloaded, made and held by this process."""

    def __init__(self, path: Path, name: str) -> None:
        """Make it; `name` is the file's, for messages."""
        self.path, self.name = path, name
        self.written = 0
        self.is_in_place = self._has_record = False
        with self._errors():
            self._handle: int | None = os.open(path, NEW, FILE_MODE)
            hold(self._handle)  # nothing depends on it but tidiness

    @property
    def record_path(self) -> Path:
        """Return where its record lies."""
        return self.path.with_suffix(".json")

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self.write_at(self.written, data)
        self.written += len(data)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write bytes at a place of their own."""
        view = memoryview(data)
        with self._errors():
            while view:
                done = write_at(self._open_handle(), view, offset)
                view, offset = view[done:], offset + done

    def read_at(self, offset: int, size: int) -> bytes:
        """Read back bytes that were written out of their order."""
        with self._errors():
            return read_at(self._open_handle(), size, offset)

    def record(self, record: PartRecord) -> None:
        """Bring the bytes to the disk, then the record that vouches for them."""
        self._has_record = True
        with self._errors():
            os.fsync(self._open_handle())
            with suppress(FileNotFoundError):  # swept by another process: see `finish`
                path = self.record_path
                aside = path.with_name(f"{path.name}.{os.urandom(4).hex()}")  # goes with its part
                write_file(path, json.dumps(sealed(asdict(record))).encode(), aside)

    def finish(self, target: Path) -> None:
        """Give the whole file its place, and close it."""
        with self._errors():
            try:
                if IS_WINDOWS:  # moves no open file
                    self.close()
                self.path.rename(target)
            except FileNotFoundError:  # where locks do not work, another process swept it
                at = 0
                with os.fdopen(os.open(target, NEW, FILE_MODE), "wb") as stream:
                    while data := read_at(self._open_handle(), _COPY, at):
                        stream.write(data)
                        at += len(data)
        self.close()
        self.is_in_place = True
        if self._has_record:
            with suppress(OSError):
                self.record_path.unlink()

    def drop(self) -> None:
        """Remove it."""
        self.close()
        for path in (self.record_path, self.path):
            with suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Close the file; it stays, and so does its record."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with self._errors():  # NFS and quotas refuse as late as here
                os.close(handle)

    def _open_handle(self) -> int:
        if self._handle is None:
            raise OSError(errno.EBADF, "the part was closed")
        return self._handle

    def _errors(self) -> AbstractContextManager[None]:
        return disk_errors(f"write the download of `{self.name}`")


class Parts:
    """All parts of a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # the store's own; it exists

    def new(self, key: str, name: str) -> Part:
        """Make an empty part."""
        return Part(self.folder / f"{key}.{os.urandom(4).hex()}.part", name)

    @cached_property
    def keys(self) -> set[str]:
        """The downloads of which something was here at the first look, or was left since."""
        names = os.listdir(self.folder)  # noqa: PTH208 -- a thousand small files: one look is made
        return {one["key"] for one in map(_NAME.fullmatch, names) if one}

    def kept(self, key: str) -> list[tuple[Path, PartRecord]]:
        """Return what earlier runs left of a download, the most bytes first."""
        found = [(path, self._record_of(path)) for path in self._all(key)]
        known = [(path, record) for path, record in found if record is not None]
        return sorted(known, key=lambda one: one[1].offset, reverse=True)

    def _record_of(self, path: Path) -> PartRecord | None:
        """Return the record of a part; None if it has none, or one that was changed."""
        with suppress(OSError, ValueError, TypeError):
            with opened(path.with_suffix(".json"), follow=False) as stream:
                record = PartRecord(**unsealed(parse_json(stream.read(_MOST))) or {})
            return record if record.is_sound and not path.is_symlink() else None
        return None

    def waiting(self) -> list[tuple[str, Path, int]]:
        """Return the release of each part whose name says it, its path, and how much is here.

        That is what its record vouches for, and of a part that has none yet all that was written.
        """
        found = []
        for path in self._all(None) if self.folder.is_dir() else ():
            if name := _OF_RELEASE.fullmatch(path.stem):
                with suppress(OSError):  # it went away meanwhile
                    size, record = path.lstat().st_size, self._record_of(path)
                    size = size if record is None else min(size, record.offset)
                    found.append((name["release"], path, size))
        return found

    def _all(self, key: str | None) -> list[Path]:
        """Return the parts of `key`, or all, that are here or that a record is left of."""
        names = os.listdir(self.folder)  # noqa: PTH208 -- a glob would be compiled for each key
        found = map(_NAME.fullmatch, names)
        stems = {one["part"] for one in found if one and key in (None, one["key"])}
        return [self.folder / f"{stem}.part" for stem in sorted(stems)]

    def sweep(self, key: str | None = None, but: Path | None = None) -> None:
        """Remove parts that no process holds: those of `key`, or all that are old."""
        for path in self._all(key):
            is_meant = path != but and (key is not None or _age(path) > _OLD)
            if is_meant and _may_go(path):
                self._drop(path)

    def all(self) -> list[tuple[Path, bool]]:
        """Return every part, and if no living process holds it."""
        return [(path, _may_go(path)) for path in self._all(None)]

    def drop_free(self, path: Path) -> bool:
        """Remove a part with its record, unless a living process holds it."""
        if not _may_go(path):
            return False
        self._drop(path)
        return not os.path.lexists(path)

    def _drop(self, path: Path) -> None:
        for one in (path, *self.folder.glob(f"{glob.escape(path.stem)}.json*")):
            with suppress(OSError):
                one.unlink()


def copy_kept(path: Path, record: PartRecord, part: Part, take: Callable[[bytes], object]) -> bool:
    """Copy what `record` vouches for to the new, empty `part`; `take` hears all of it.

    False is less than the record says; its digest is the caller's to check.
    """
    left = record.offset
    with suppress(OSError), opened(path, follow=False) as old:
        while left and (data := old.read(min(left, _COPY))):
            take(data)
            part.write(data)
            left -= len(data)
    return not left


def _age(path: Path) -> float:
    """Return the seconds since a part was written; no end where a crash left its record alone."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return math.inf


def _may_go(path: Path) -> bool:
    """Tell if no living process holds a part; where locks fail, only age tells."""
    try:
        part = opened(path, follow=False)
    except OSError:  # it is not there, or another's
        return not os.path.lexists(path)
    with part:
        is_free = hold(part.fileno())
    return _age(path) > _DAY if is_free is None else is_free
