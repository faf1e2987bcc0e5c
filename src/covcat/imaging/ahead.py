"""Headers of many files, read by a cluster or by shards before they are asked for.

Here, without either, each is read then.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from covcat import engine
from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.engine import Died, Task
from covcat.engine.shards import Shard
from covcat.imaging import readers
from covcat.imaging.readers.base import ReleaseFiles
from covcat.imaging.sizes import Size, read_size
from covcat.progress import Progress
from covcat.store import shards

_AT_ONCE = 16  # files of a task
_AHEAD = 8192  # files whose rows are in memory together
_OF_HEADERS = ("dicom", "nifti")  # readers that read each image, and give a row of it
_SIZES = "headers"  # kind of what shards keep
_ROWS = "rows"
_numbers = attrgetter(*(one.name for one in fields(Size)))
Numbers = tuple[int, int, int | None, int | None, str]  # of a Size, which takes longer to send


def keep_sizes(
    release: Path, shard: Shard, paths: Sequence[str], progress: Progress, label: str
) -> None:
    """Keep what the headers of pictures say, for who makes the index."""
    found = _read(sizes_of, release / "files", paths, None, progress, label)
    shards.keep(release, _SIZES, shard, dict(zip(paths, found, strict=True)))


def known_sizes(
    release: Path, paths: Set[str], progress: Progress, label: str
) -> dict[str, Size | None]:
    """Return what shards have read of the headers of pictures, and a cluster reads now."""
    known = dict[str, Size | None]()
    for path, its in shards.kept(release, _SIZES).items():
        match its:
            case [int(), int(), int() | None, int() | None, str()]:
                known[path] = Size(*its)
            case None:
                known[path] = None
            case _:  # forged: as if it were not there
                pass
    if engine.is_cluster():
        left = sorted(paths - known.keys())
        found = _read(sizes_of, release / "files", left, None, progress, label)
        known |= {path: its and Size(*its) for path, its in zip(left, found, strict=True)}
    return known


def drop(release: Path) -> None:
    """Forget what shards read: it was taken."""
    shards.drop(release, _SIZES)
    shards.drop(release, _ROWS)


def sizes_of(asked: tuple[str, list[str], None]) -> list[Numbers | None]:
    """Return what the headers of some files of a folder say: the engine's work."""
    folder, paths, _ = asked
    found = (read_size(f"{folder}/{path}") for path in paths)
    return [None if size is None else _numbers(size) for size in found]


def keep_rows(
    table: LabelTable, source: ReleaseFiles, shard: Shard, progress: Progress, label: str
) -> Iterator[str]:
    """Keep the rows that a shard's images are in a table; give which of these are images."""
    if table.reader not in _OF_HEADERS:
        return
    for kind, portion in _portions(table, source):
        rows = _read(rows_of, source.folder, shard.share(portion), table, progress, label)
        found = {row.file: [dict(row.cells), row.image is not None] for row in rows}
        shards.keep(source.folder.parent, kind, shard, found)
        yield from (row.image for row in rows if row.image is not None)


def read_rows(
    table: LabelTable, source: ReleaseFiles, progress: Progress, label: str
) -> Iterator[Row]:
    """Give every row of a table, as `readers.read_rows` does."""
    if table.reader not in _OF_HEADERS:
        yield from readers.read_rows(table, source)
        return
    for kind, portion in _portions(table, source):
        kept = shards.kept(source.folder.parent, kind)
        known = {path: row for path in portion if (row := _row(path, kept.get(path)))}
        left = [path for path in portion if path not in known]
        if engine.is_cluster():
            rows = iter(_read(rows_of, source.folder, left, table, progress, label))
        else:
            rows = readers.read_rows(table, ReleaseFiles(source.folder, left))
        for path in portion:
            yield known[path] if path in known else next(rows)


def rows_of(asked: tuple[str, list[str], LabelTable]) -> list[Row]:
    """Return the rows that some files of a folder are, one each: the engine's work."""
    folder, paths, table = asked
    return list(readers.read_rows(table, ReleaseFiles(Path(folder), paths)))


def _portions(table: LabelTable, source: ReleaseFiles) -> Iterator[tuple[str, list[str]]]:
    """Give the files of a table, some at a time, and the kind by which shards keep their rows."""
    name = hashlib.sha256(f"{table.reader} {table.path}".encode()).hexdigest()[:8]
    paths = list(source.matching(table.path))
    for start in range(0, len(paths), _AHEAD):
        yield f"{_ROWS}-{name}-{start // _AHEAD}", paths[start : start + _AHEAD]


def _row(path: str, kept: object) -> Row | None:
    """Return the row that a shard kept; None where there is none, or a forged one."""
    match kept:
        case [dict() as cells, bool() as is_image] if all(
            isinstance(one, str) for one in cells.values()
        ):
            return Row(cells, path, path if is_image else None)
        case _:
            return None


def _read(
    read: Callable[[Any], list[Any]],
    folder: Path,
    paths: Sequence[str],
    table: LabelTable | None,
    progress: Progress,
    label: str,
) -> list[Any]:
    """Let a cluster, or the cores, read files, some at once; return what it read, in order."""
    starts = range(0, len(paths), _AT_ONCE)
    some = [[*paths[start : start + _AT_ONCE]] for start in starts]
    tasks = [Task(str(at), len(one), (str(folder), one, table)) for at, one in enumerate(some)]
    found: dict[str, list[Any]] = {}
    how: Any = {"unit": "rows", "reads": [folder], "light": True}
    batches = engine.run(read, tasks, progress, label, **how)
    with closing(batches):
        for task, result in (done for batch in batches for done in batch):
            found[task.key] = read(task.argument) if isinstance(result, Died) else result
    return [one for task in tasks for one in found[task.key]]
