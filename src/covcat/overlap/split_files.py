"""A split on disk: one table, or a folder with one of each side; its lock beside; whole or not."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from covcat.beside import build_beside
from covcat.catalog.columns import NAMES
from covcat.files import disk_errors, place_new, sync, write_file
from covcat.imaging import cohort_files
from covcat.imaging.cohort_files import Layout
from covcat.imaging.cohort_record import Form
from covcat.imaging.opening import Row
from covcat.imaging.write import write_rows
from covcat.overlap import split_lock
from covcat.overlap.split import Division
from covcat.overlap.split_lock import SplitLock
from covcat.progress import Progress


def lock_beside(target: Path, form: Form) -> Path:
    """Return where the lock of an output lies: in a folder, beside a table."""
    return (target if form != "csv" else target.parent) / split_lock.NAME


def to_file(
    made: Division, lock: SplitLock, target: Path, columns: tuple[str, ...], *, force: bool
) -> None:
    """Write the table and, before it, the lock: who is in a table is in its lock."""
    place, cohort = lock_beside(target, "csv"), made.cohort
    cohort_files.check_free(cohort, target, force=force)
    cohort_files.check_free(cohort, place, force=True)
    with build_beside(target) as workshop, disk_errors(f"write `{target}`"):
        table, record = workshop / "split", workshop / "lock"
        with table.open("x", encoding="utf-8", newline="") as stream:
            write_rows(stream, columns, _with_sides(made, columns))
        record.write_text(split_lock.to_json(lock), encoding="utf-8")
        sync(workshop)
        before = place.read_bytes() if place.exists() else None
        place_new(record, place, force=True)
        try:
            place_new(table, target, force=force)
        except BaseException:
            with suppress(OSError):
                place.unlink() if before is None else write_file(place, before)
            raise


def _with_sides(made: Division, columns: tuple[str, ...]) -> Iterator[list[Row]]:
    """Give the columns of the chosen rows, the side of each row in place of its `split`."""
    sides = {id: made.sides[number] for id, number in made.subjects.ids.items()}
    read = tuple("subject" if name == "split" else name for name in columns)
    at, end = columns.index("split"), len(columns)
    for rows in cohort_files.chosen(made.cohort, read):
        yield [(*row[:at], sides[row[at]], *row[at + 1 : end]) for row in rows]


def to_folder(
    made: Division, lock: SplitLock, target: Path, form: Form, progress: Progress
) -> None:
    """Write train/, val/ and test/ with links or copies, split.csv and the lock."""
    layout = Layout("split.csv", made.side_of, {split_lock.NAME: split_lock.to_json(lock)})
    cohort_files.to_folder(made.cohort, target, form, progress, layout)


def with_split(columns: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the columns of an output: those asked for, with `split` among them."""
    return tuple(dict.fromkeys((*(columns or NAMES), "split")))
