"""An archive that was cut into volumes, read as one file: nothing is put together on disk.

Cut by `split`, 7-Zip or a host, the volumes are the archive's bytes in order. Zip's own volumes
are too, but places in its directory count from the start of a volume: `zip_end` adds that. RAR's
each have headers of their own: `rar_listing` reads them from the first.
"""

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Literal, cast

from covcat import names
from covcat.archives.base import BadArchiveError, CutOffError
from covcat.archives.zip_end import FileWindow, count_volumes
from covcat.errors import ExtractionError, NotFoundError, UsageError
from covcat.files import disk_errors, read_at
from covcat.text import plural

_MAX_VOLUMES = 500  # each is an open file
_SHOWN = 5  # missing volumes in a message


class JoinedFiles(io.RawIOBase):
    """Files read as one, back to back."""

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        self._files = files
        sizes = [file.seek(0, io.SEEK_END) for file in files]
        self.starts = (0, *accumulate(sizes))  # of each file, and the end
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may be behind the end."""
        self._at = offset + (0, self._at, self.starts[-1])[whence]
        return self._at

    def readinto(self, buffer: object) -> int:
        """Read the next bytes, up to the end of a file."""
        view = memoryview(cast(bytearray, buffer)).cast("B")
        data = self._part(self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def pread(self, size: int, offset: int) -> bytes:
        """Read at a place, whatever is read elsewhere meanwhile."""
        parts = []
        while size and (data := self._part(offset, size)):
            parts.append(data)
            offset, size = offset + len(data), size - len(data)
        return b"".join(parts)

    def _part(self, offset: int, size: int) -> bytes:
        number = bisect_right(self.starts, offset) - 1
        if number == len(self._files):
            return b""
        size = min(size, self.starts[number + 1] - offset)
        return read_at(self._files[number].fileno(), size, offset - self.starts[number])


@dataclass(frozen=True, slots=True)
class VolumeSet:
    """All volumes of one archive, in order; to readers it is as a file is."""

    name: str  # what is read is called: the whole archive; of RAR its first volume
    paths: tuple[Path, ...]
    # Plain pieces; volumes of its own; archives that each have some of the files.
    cut_by: Literal["pieces", "zip", "rar", "files"] = "pieces"

    def __str__(self) -> str:
        """Return the path that the whole archive would have."""
        return str(self.paths[0].with_name(self.name))

    @property
    def whole(self) -> str:
        """Return what the whole archive is called."""
        return names.whole_of(self.name)

    @contextmanager
    def open(self, _: str = "rb") -> Iterator[BinaryIO]:
        """Open it as its format is read: as one file, or the first of several."""
        is_first = self.cut_by in ("rar", "files")
        with self.paths[0].open("rb") if is_first else self.open_all() as stream:
            yield stream

    @contextmanager
    def open_all(self) -> Iterator[BinaryIO]:
        """Open all volumes back to back."""
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in self.paths]
            yield cast(BinaryIO, io.BufferedReader(JoinedFiles(files), 1 << 18))

    def absolute(self) -> Path:
        """Return where the archive would lie, if it were one file."""
        return self.paths[0].absolute().with_name(self.name)

    def cut_off(self, error: CutOffError) -> ExtractionError:
        """Return the error for an archive that ends too early, with what would be next."""
        last = names.volume(self.paths[-1].name)
        size = self.paths[0].stat().st_size
        if last and size and last.number is not None and error.lacking:
            count = min(-(-error.lacking // size), _MAX_VOLUMES)
            return _lacking(self.name, [last.named(last.number + 1 + at) for at in range(count)])
        return names.VolumeError(
            f"`{self.name}` is cut off: a volume after `{self.paths[-1].name}` is missing, or "
            "one is damaged",
            cause=str(error),
            hint="get it too, into the same folder",
        )


Archive = Path | VolumeSet  # what readers take


def grouped(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Put the volumes of one archive together, by their names; what is none is alone.

    Two sets of the same names are told apart by their folders.
    """
    sets: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        known = names.volume(path.name)
        whole = (known.first or known.whole) if known else names.whole_of(path.name)
        sets.setdefault((whole.lower(), known.start.lower() if known else ""), []).append(path)
    for group in sets.values():
        if not any(names.volume(one.name) or names.portion(one.name) for one in group):
            yield from ([one] for one in group)
        elif len({one.name.lower() for one in group}) == len(group):
            yield group
        else:
            folders = dict.fromkeys(one.parent for one in group)
            yield from ([one for one in group if one.parent == folder] for folder in folders)


def gather(paths: Sequence[Path]) -> Archive:
    """Return what to read of one archive, or of volumes and their brothers beside the first.

    Raises:
        VolumeError: some volumes are missing; it names them.
        UsageError: one of the paths is no volume of the first one's archive.
    """
    first = paths[0]
    if len(paths) == 1 and not first.is_file():
        return first  # of which reading says more
    for path in paths:
        if not path.is_file():
            raise NotFoundError(f"no file `{path}`")
    if names.portion(first.name):
        whole = names.whole_of(first.name)
        return _portions(whole, _brothers(first.parent, whole, paths))
    known = names.volume(first.name)
    is_zip = first.name.lower().endswith(".zip") or (known is not None and known.is_zip)
    if known is None and not (is_zip and _disks(first) > 1):
        if len(paths) > 1 and not first.name.lower().endswith(".rar"):
            raise UsageError(f"`{paths[1]}` is no volume of `{first}`")
        return first
    whole = known.whole if known else first.name
    found = _brothers(first.parent, whole, paths)
    if known and known.is_rar:
        return _rar_set(known, found)
    if is_zip:
        return _zip_set(whole, found)
    assert known is not None
    return _cut_set(known, found)


def archives_of(group: Sequence[Path]) -> Sequence[Archive]:
    """Return the archive that all of a group are volumes of; they themselves if they are none.

    Raises:
        VolumeError: some volumes are missing; it names them.
    """
    with suppress(UsageError):  # their names alone look so
        archive = gather(sorted(group, key=lambda one: names.volume(one.name) is None))
        return [archive] if isinstance(archive, VolumeSet) else group
    return group


def _brothers(folder: Path, whole: str, given: Sequence[Path]) -> dict[str, Path]:
    """Return the volumes by name: those given, and those beside the first."""
    found: dict[str, Path] = {}
    with disk_errors(f"look for volumes in `{folder}`"):
        beside = [path for path in folder.iterdir() if path.is_file()]
    for path in [*given, *beside]:
        if names.whole_of(path.name).lower() == whole.lower():
            _check_same(found.setdefault(path.name.lower(), path), path)
        elif path in given:
            raise UsageError(f"`{path}` is no volume of `{whole}`")
    return found


def _check_same(known: Path, path: Path) -> None:
    """Refuse two files that are the same volume: nothing tells which of them belongs to the set."""
    if not known.samefile(path):
        raise UsageError(
            f"`{known}` and `{path}` are one volume: expected one of them",
            hint="move the other one away, then run the same command again",
        )


def _cut_set(known: names.Volume, found: dict[str, Path]) -> VolumeSet:
    """Put the pieces of a cut archive in order; they are numbered from 0 or 1, or from `aa`."""
    pieces: dict[int, Path] = {}
    for path in found.values():
        volume = names.volume(path.name)
        if volume is None or volume.start.lower() != known.start.lower():
            continue  # the whole archive lies there too, or another way to cut it
        assert volume.number is not None
        _check_same(pieces.setdefault(volume.number, path), path)  # x.002 and x.0002
    first = 0 if 0 in pieces or not known.ending.isdigit() else 1
    wanted = range(first, max(pieces) + 1)
    if len(wanted) > _MAX_VOLUMES:
        raise UsageError(
            f"`{known.whole}` has {len(wanted):,} volumes: expected at most {_MAX_VOLUMES}",
            hint=known.how,
        )
    _check_all(known.whole, [known.named(one) for one in wanted if one not in pieces])
    return VolumeSet(known.whole, tuple(pieces[one] for one in wanted))


def _zip_set(whole: str, found: dict[str, Path]) -> VolumeSet:
    """Put a zip's own volumes in order: x.z01, x.z02 …, and last x.zip, which counts them."""
    stem = whole[: -len(".zip")]
    last = found.get(whole.lower())
    count = _disks(last) if last else max(2, len(found) + 1)
    if count > _MAX_VOLUMES:
        raise names.VolumeError(  # its own end says so, which may be damaged
            f"`{whole}` has {count:,} volumes: expected at most {_MAX_VOLUMES}",
            hint=names.split(whole).hint,
        )
    wanted = [*(f"{stem}.z{number:02}" for number in range(1, count)), whole]
    _check_all(whole, [one for one in wanted if one.lower() not in found])
    return VolumeSet(whole, tuple(found[one.lower()] for one in wanted), "zip")


def _portions(whole: str, found: dict[str, Path]) -> Archive:
    """Put archives in order that a site made of one folder; one alone is all of it."""
    numbered = {one.number: path for path in found.values() if (one := names.portion(path.name))}
    last = names.portion(numbered[max(numbered)].name)
    assert last is not None
    wanted = range(1, last.number + 1)
    _check_all(whole, [last.named(one) for one in wanted if one not in numbered])
    if len(numbered) == 1:
        return numbered[1]
    return VolumeSet(whole, tuple(numbered[one] for one in wanted), "files")


def _rar_set(known: names.Volume, found: dict[str, Path]) -> VolumeSet:
    """Put RAR's volumes in order; rarfile finds the others beside the first."""
    if known.first.lower() not in found:
        _check_all(known.whole, [known.first])
    if len({path.absolute().parent for path in found.values()}) > 1:
        raise UsageError(f"the volumes of `{known.whole}` are in several folders: expected one")
    first = found.pop(known.first.lower())
    others = [
        path
        for path in found.values()
        if (one := names.volume(path.name)) and one.first.lower() == known.first.lower()
    ]
    others.sort(key=lambda path: (len(path.name), path.name.lower()))  # part2, part10
    return VolumeSet(first.name, (first, *others), "rar")


def _check_all(whole: str, missing: Sequence[str]) -> None:
    if missing:
        raise _lacking(whole, missing)


def _lacking(whole: str, missing: Sequence[str]) -> names.VolumeError:
    more = len(missing) - _SHOWN
    shown = ", ".join(f"`{one}`" for one in missing[:_SHOWN])
    shown += f" and {plural(more, 'other volume')}" if more > 0 else ""
    verb, what = ("is", "it") if len(missing) == 1 else ("are", "them")
    return names.VolumeError(
        f"`{whole}` comes in several volumes: {shown} {verb} missing",
        hint=f"get {what} too, into the same folder",
    )


def _disks(path: Path) -> int:
    """Return how many volumes the end of a zip counts; 1 if it has none."""
    with disk_errors(f"read `{path}`"), path.open("rb") as stream:
        try:
            return count_volumes(FileWindow(stream))
        except BadArchiveError:
            return 1
