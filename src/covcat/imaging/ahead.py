"""Headers of many files, read by a cluster before they are asked for; here each is read then."""

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing
from pathlib import Path
from typing import Any

from covcat import engine
from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.engine import Died, Task
from covcat.imaging import readers
from covcat.imaging.readers.base import ReleaseFiles
from covcat.imaging.sizes import Size, read_size
from covcat.progress import Progress
from covcat.store import shards

_AT_ONCE = 16  # files of a task
_AHEAD = 8192  # files whose rows are in memory together
_OF_HEADERS = ("dicom", "nifti")  # readers that read each image


def read_sizes(
    folder: Path, paths: Sequence[str], progress: Progress, label: str
) -> dict[str, Size | None]:
    """Return what the headers of pictures say."""
    return dict(zip(paths, _read(sizes_of, folder, paths, None, progress, label), strict=True))


def known_sizes(
    release: Path, paths: Set[str], progress: Progress, label: str
) -> dict[str, Size | None]:
    """Return what shards have read of the headers of pictures, and a cluster reads now."""
    kept, known = shards.kept(release, "headers"), dict[str, Size | None]()
    for path in paths & kept.keys():
        match kept[path]:
            case [int(), int(), int() | None, int() | None, str()] as its:
                known[path] = Size(*its)
            case None:
                known[path] = None
            case _:  # forged: as if it were not there
                pass
    if not engine.is_far():
        return known
    left = sorted(paths - known.keys())
    return known | read_sizes(release / "files", left, progress, label)


def sizes_of(asked: tuple[str, list[str], None]) -> list[Size | None]:
    """Return what the headers of some files of a folder say: the engine's work."""
    folder, paths, _ = asked
    return [read_size(f"{folder}/{path}") for path in paths]


def read_rows(
    table: LabelTable, source: ReleaseFiles, progress: Progress, label: str
) -> Iterator[Row]:
    """Give every row of a table, as `readers.read_rows` does."""
    if not engine.is_far() or table.reader not in _OF_HEADERS:
        yield from readers.read_rows(table, source)
        return
    paths = list(source.matching(table.path))
    for start in range(0, len(paths), _AHEAD):
        some = paths[start : start + _AHEAD]
        yield from _read(rows_of, source.folder, some, table, progress, label)


def rows_of(asked: tuple[str, list[str], LabelTable]) -> list[Row]:
    """Return the rows that some files of a folder are: the engine's work."""
    folder, paths, table = asked
    return list(readers.read_rows(table, ReleaseFiles(Path(folder), paths)))


def _read(
    read: Callable[[Any], list[Any]],
    folder: Path,
    paths: Sequence[str],
    table: LabelTable | None,
    progress: Progress,
    label: str,
) -> list[Any]:
    """Let a cluster read files, some at once; return what it read, in order."""
    starts = range(0, len(paths), _AT_ONCE)
    some = [paths[start : start + _AT_ONCE] for start in starts]
    tasks = [Task(str(at), len(one), (str(folder), one, table)) for at, one in enumerate(some)]
    found: dict[str, list[Any]] = {}
    batches = engine.run(read, tasks, progress, label, unit="rows", reads=[folder])
    with closing(batches):
        for task, result in (done for batch in batches for done in batch):
            found[task.key] = read(task.argument) if isinstance(result, Died) else result
    return [one for task in tasks for one in found[task.key]]
