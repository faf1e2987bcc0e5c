"""What a person brought -> a pool of files, each known by its contents; archives are unpacked."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from covcat import extract, room
from covcat.admit import Layout
from covcat.choose import matches
from covcat.errors import ExtractionError, NotFoundError
from covcat.model import File, StoredFile
from covcat.names import unsafe_name
from covcat.progress import Progress
from covcat.store import Store, disk_errors
from covcat.verify import hashed

JUNK = ("__MACOSX/*", "*/__MACOSX/*", "*.DS_Store", "*Thumbs.db", "*desktop.ini")  # of desktops


@dataclass(frozen=True, slots=True)
class Brought:
    """One path that was given: an archive, a plain file or a folder."""

    path: Path
    number: int

    @property
    def name(self) -> str:
        """Return its own name, as messages and the manifest have it."""
        return self.path.resolve().name


@dataclass(frozen=True, slots=True)
class Found:
    """One file of the pool; `stored.path` is where it lay in what was brought."""

    stored: StoredFile
    path: Path
    source: Brought
    is_ours: bool  # unpacked by covcat, so that it may be moved


@dataclass(frozen=True, slots=True)
class Place:
    """Where archives are unpacked to, and who hears of it."""

    workshop: Path
    store: Store
    progress: Progress


def brought(paths: Iterable[Path]) -> list[Brought]:
    """Check what was given.

    Raises:
        NotFoundError: a path is not there, or is neither a file nor a folder.
    """
    found = [Brought(path, number) for number, path in enumerate(paths)]
    for one in found:
        if not one.path.exists():
            raise NotFoundError(f"`{one.path}` is not there")
        if not (one.path.is_file() or one.path.is_dir()):
            raise NotFoundError(f"`{one.path}` is neither a file nor a folder")
    return found


def pooled(sources: Iterable[Brought], place: Place) -> list[Found]:
    """Return every file of what was brought, with its sha256 and git id.

    Raises:
        ExtractionError: an archive is damaged or unsafe.
    """
    found: list[Found] = []
    for source in sources:
        kind = kind_of(source.path)
        if kind is not None:
            found += _unpacked(source, kind, place)
        else:
            found += _lying(source)
    return found


def kind_of(path: Path) -> str | None:
    """Return an archive's format; None for a folder and for any other file."""
    if path.is_dir():
        return None
    try:
        kind = extract.kind(path)
    except ExtractionError:
        return None
    return kind if kind in ("zip", "tar", "7z", "rar") else None


def _unpacked(source: Brought, kind: str, place: Place) -> Iterator[Found]:
    folder = place.workshop / f"brought-{source.number}"
    with disk_errors("make a folder to unpack to"):
        folder.mkdir()
    inside = extract.Place(folder, place.workshop / f"{folder.name}.inside", True, place.progress)
    budget = room.budget(File(), place.store)
    done = extract.extract(source.path, kind, Layout(exclude=JUNK), budget, inside)
    for stored in done.files:
        yield Found(stored, folder / stored.path, source, is_ours=True)


def _lying(source: Brought) -> Iterator[Found]:
    """Look at the files of a folder, or at one file; links are not followed."""
    for name, path in files_of(source):
        with disk_errors(f"read `{path}`"):
            stored = hashed(path, StoredFile(path=name, bytes=0, sha256="", blob="wanted"))
        yield Found(stored, path, source, is_ours=False)


def files_of(source: Brought) -> Iterator[tuple[str, Path]]:
    """Give (relative path, path) of every regular file of a source, in order."""
    if not source.path.is_dir():
        yield source.name, source.path
        return
    for parent, folders, names in os.walk(source.path):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            relative = path.relative_to(source.path).as_posix()
            is_plain = path.is_file() and not path.is_symlink()
            if is_plain and not matches(relative, JUNK) and not unsafe_name(relative):
                yield relative, path
