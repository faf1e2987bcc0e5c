"""Which pictures are compared: those of a release's image index, and those of a user's folder.

Masks are no rows of an index, so they are never compared there; of a folder nothing says what is
a mask, but `describing` leaves out what has too few tones to be a film.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from covcat.errors import NotFoundError
from covcat.files import Heard, StoredFile, disk_errors, hashed
from covcat.imaging.opening import Index
from covcat.imaging.sizes import SUFFIXES, read_size
from covcat.names import is_litter
from covcat.progress import Progress
from covcat.store.verify import look_at_all

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


def of_folder(folder: Path, name: str, progress: Progress) -> PictureSet:
    """Return the pictures of a user's folder, at any depth, by content; links are not followed.

    Litter and hidden files are passed over. What is no picture is left out, and said.

    Raises:
        NotFoundError: there is no such folder.
        DiskError: it cannot be read.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder `{folder}`")
    found, left = list[StoredFile](), list[LeftOut]()
    with disk_errors(f"look into `{folder}`"):
        for path, status in _walked(folder, ""):
            if status is None:
                left.append(LeftOut(name, path, "a link, a pipe or a device"))
            elif read_size(folder / path) is not None:
                found.append(StoredFile(path=path, bytes=status.st_size, sha256=""))
            else:
                is_named = path.lower().endswith(SUFFIXES)
                reason = "damaged, cut, or not what its name says" if is_named else "no picture"
                left.append(LeftOut(name, path, reason))

    def look(file: StoredFile, heard: Heard) -> StoredFile | LeftOut:
        try:
            return hashed(folder / file.path, file, heard)
        except OSError as error:
            return LeftOut(name, file.path, os.strerror(error.errno or 0))

    looked = look_at_all(look, found, progress, f"{name}: sha256")
    files = [
        PictureFile(name, one.path, one.sha256, one.bytes, folder / one.path)
        for one in looked
        if isinstance(one, StoredFile)
    ]
    left += [one for one in looked if isinstance(one, LeftOut)]
    return PictureSet(name, folder, tuple(files), tuple(sorted(left)))


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
