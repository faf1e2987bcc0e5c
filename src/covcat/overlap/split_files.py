"""A split on disk: one table, or a folder with one of each side; its lock beside; whole or not."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from covcat.beside import build_beside
from covcat.catalog.columns import Record
from covcat.errors import IntegrityError, UsageError
from covcat.files import disk_errors, opened, place_new, sync, write_file
from covcat.imaging import cohort_files
from covcat.imaging.cohort import COUNTED, Cohort
from covcat.imaging.cohort_files import CohortLayout
from covcat.imaging.cohort_record import Form
from covcat.imaging.opening import Row
from covcat.imaging.write import write_rows
from covcat.overlap import split_lock
from covcat.overlap.split import Division
from covcat.overlap.split_lock import SplitLock
from covcat.progress import Progress
from covcat.text import plural

_HINT = "covcat split cohen --output split.csv"


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
    at, number = columns.index("split"), 0
    for rows in cohort_files.chosen(made.cohort, columns):
        of_rows = made.subjects.of_rows[number : (number := number + len(rows))]
        values = [*zip(*rows, strict=True)][: len(columns)]
        values[at] = tuple(map(made.sides.__getitem__, of_rows.tolist()))
        yield [*zip(*values, strict=True)]


def to_folder(
    made: Division, lock: SplitLock, target: Path, form: Form, progress: Progress
) -> None:
    """Write train/, val/ and test/ with links or copies, split.csv and the lock."""
    layout = CohortLayout("split.csv", made.side_of, {split_lock.NAME: split_lock.to_json(lock)})
    cohort_files.to_folder(made.cohort, target, form, progress, layout)


def check_table(
    table: Path, record: Path, cohort: Cohort, side_of: Callable[[Record], str] | None = None
) -> None:
    """Check that a table still has the rows of its cohort, each on the side that its lock says.

    Raises:
        IntegrityError: it was edited, or another one was written beside it since.
    """
    with disk_errors(f"read `{table}`"), opened(table) as raw:
        try:
            rows = [*csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))]
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"`{table}` cannot be read: {error}", hint=_HINT) from error
    if side_of and (not rows or "split" not in rows[0]):
        raise UsageError(f"`{table}` has no column `split`", hint=_HINT)
    names = [one for one in ("release", "image_id") if rows and one in rows[0]]
    said = Counter(tuple(row[one] for one in (*names, *["split"] * bool(side_of))) for row in rows)
    columns = tuple(dict.fromkeys((*COUNTED, "subject", *names)))
    known = Counter(
        (*(str(one[name]) for name in names), *([side_of(one)] if side_of else ()))
        for _, one, why in cohort.judge_rows(columns)
        if not why
    )
    if said != known:
        wrong = sum((said - known).values()) + sum((known - said).values())
        raise IntegrityError(
            f"`{table}` is not what `{record}` says: {plural(wrong, 'row')} of the two differ",
            hint="make it again as before; or copy it elsewhere, where it speaks for itself",
        )


def with_split(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of an output: those asked for, with `split` among them."""
    return tuple(dict.fromkeys((*columns, "split")))
