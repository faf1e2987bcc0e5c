"""Which pictures are compared: those of a release's image index, and those of a user's folder.

Masks are no rows of an index, so they are never compared there; of a folder nothing says what is
a mask, but `describing` leaves out what has too few tones to be a film.

The sha256 of a user's files is kept by what the disk says of each. As git has it, a file that was
changed within the last moment is hashed again: changed once more, it would have the same time.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

from covcat import engine
from covcat.digests import Stamp, stamp_of
from covcat.errors import NotFoundError
from covcat.files import StoredFile, disk_errors, hashed
from covcat.imaging.opening import Index
from covcat.imaging.sizes import SUFFIXES, read_size
from covcat.names import is_litter
from covcat.progress import Progress
from covcat.store.verify import look_at_all

if TYPE_CHECKING:  # without the extra there is none
    from covcat.overlap.feature_store import FeatureStore

_MOMENT = 2_000_000_000  # nanoseconds: FAT counts two seconds
_INDEXED = "SELECT DISTINCT path, sha256, bytes FROM images WHERE path NOT NULL ORDER BY path"


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file with one picture or several, and where it lies on this disk."""

    set: str  # as `Picture` has it
    path: str
    sha256: str
    bytes: int
    file: Path


@dataclass(frozen=True, slots=True, order=True)
class LeftOut:
    """A file, or one picture of it, that is not compared, and why."""

    set: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class PictureSet:
    """The files of one set that are to be compared."""

    name: str  # ID@RELEASE, or what a folder is called
    folder: Path  # that the paths are relative to
    files: tuple[PictureFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    release: Path | None = None  # the folder of a release; None of a user's own folder

    @property
    def home(self) -> Path:
        """The folder that its features belong to: what `store_of` takes."""
        return self.release or self.folder


def of_index(index: Index, release: Path) -> PictureSet:
    """Return the pictures of an image index, whose release lies in that folder: each path once."""
    folder, files, left = release / "files", list[PictureFile](), list[LeftOut]()
    for row in index.rows(_INDEXED):
        path, sha256, size = str(row["path"]), str(row["sha256"]), int(row["bytes"] or 0)
        file = folder / path
        try:
            is_there = file.lstat().st_size == size
        except OSError:
            is_there = False
        if is_there:
            files.append(PictureFile(index.name, path, sha256, size, file))
        else:
            left.append(LeftOut(index.name, path, "gone from the disk, or of another size"))
    return PictureSet(index.name, folder, tuple(files), tuple(left), release)


def of_folder(
    folder: Path, name: str, progress: Progress, store: "FeatureStore | None" = None
) -> PictureSet:
    """Return the pictures of a user's folder, at any depth, by content; links are not followed.

    Litter and hidden files are passed over. What is no picture is left out, and said. What a store
    knows of files that are as they were is not read again.

    Raises:
        NotFoundError: there is no such folder.
        DiskError: it cannot be read.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder `{folder}`")
    found, left = dict[str, Stamp](), list[LeftOut]()
    with disk_errors(f"look into `{folder}`"):
        for path, status in _walked(folder, ""):
            if status is None:
                left.append(LeftOut(name, path, "a link, a pipe or a device"))
            elif read_size(folder / path) is not None:
                found[path] = stamp_of(status)
            else:
                is_named = path.lower().endswith(SUFFIXES)
                reason = "damaged, cut, or not what its name says" if is_named else "no picture"
                left.append(LeftOut(name, path, reason))
    files = list[PictureFile]()
    for one in _digested(folder, name, found, progress, store):
        if isinstance(one, StoredFile):
            files.append(PictureFile(name, one.path, one.sha256, one.bytes, folder / one.path))
        else:
            left.append(one)
    return PictureSet(name, folder, tuple(files), tuple(sorted(left)))


def _digested(
    folder: Path,
    name: str,
    found: Mapping[str, Stamp],
    progress: Progress,
    store: "FeatureStore | None",
) -> Iterator[StoredFile | LeftOut]:
    """Give the files with their sha256, in order; what is known of them is not read again."""
    known = {} if store is None else read_digests(store, found)
    every = [
        StoredFile(path=path, bytes=stamp[1], sha256=known.get(path, ""))
        for path, stamp in found.items()
    ]
    new, began = list[tuple[str, Stamp, str]](), time_ns()
    unknown = [one for one in every if not one.sha256]
    sizes, looked = ((one.bytes, one) for one in unknown), dict[str, StoredFile | LeftOut]()
    try:
        for number, now in look_at_all(hash_file, folder, sizes, progress, f"{name}: sha256"):
            path = unknown[number].path
            if isinstance(now, str):
                looked[path] = LeftOut(name, path, now)
            else:
                looked[path] = now
                new.append((path, found[path], now.sha256))
    finally:  # what was read before it was stopped need not be read again
        if store is not None:
            keep_digests(store, new, began)
    for one in every:
        yield looked.get(one.path, one)


def hash_file(asked: tuple[str, StoredFile]) -> StoredFile | str:
    """Return a file of a folder with its sha256, or why it cannot be read: the engine's work."""
    folder, file = asked
    try:
        return hashed(Path(folder, file.path), file, engine.advance)
    except OSError as error:
        return os.strerror(error.errno or 0)


def _walked(folder: Path, above: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """Give path and status of each file, in order; None of what is no regular file."""
    with os.scandir(folder / above) as entries:
        inside = sorted(entries, key=lambda one: one.name)
    for one in inside:
        path = f"{above}/{one.name}" if above else one.name
        if one.name.startswith(".") or is_litter(path):
            continue
        if one.is_dir(follow_symlinks=False):
            yield from _walked(folder, path)
        elif one.is_file(follow_symlinks=False):
            yield path, one.stat(follow_symlinks=False)
        else:
            yield path, None


def read_digests(store: "FeatureStore", stamps: Mapping[str, Stamp]) -> dict[str, str]:
    """Return the sha256 of those files, by path, that are as they were."""
    paths = {_key(path): path for path in stamps}
    found: dict[str, str] = {}
    for key, data in store.kept(paths):
        path, before, digest = paths[key], data[:-32], data[-32:]
        if before == _told(stamps[path]):
            found[path] = digest.hex()
    return found


def keep_digests(
    store: "FeatureStore", looked: Iterable[tuple[str, Stamp, str]], began_ns: int
) -> None:
    """Keep the sha256 of files, by path, that nobody changed shortly before somebody looked.

    Raises:
        DiskError: it cannot be written.
    """
    store.keep(
        {
            _key(path): _told(stamp) + bytes.fromhex(sha256)
            for path, stamp, sha256 in looked
            if max(stamp[2:]) + _MOMENT < began_ns
        }
    )


def _key(path: str) -> bytes:
    return hashlib.sha256(b"file\0" + os.fsencode(path)).digest()[:16]


def _told(stamp: Stamp) -> bytes:
    return repr(stamp).encode()
