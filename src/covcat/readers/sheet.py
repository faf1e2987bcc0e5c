"""Tables in workbooks (xlsx), read by openpyxl.

Cells become the text that a person sees: integers without `.0`, dates as ISO, of a formula the
value saved with it. Formats of numbers (`37 %`, two decimals) are not applied.
"""

import datetime
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from covcat.errors import IntegrityError
from covcat.model import LabelTable
from covcat.readers.delimited import enough, unique
from covcat.readers.source import Row, Source

_MAX_BYTES = 200_000_000  # of all parts of a workbook, unpacked
_MAX_ROWS = 1_048_576  # more than Excel can have
_MAX_CELLS = 25_000_000
_BATCH = 100  # rows


def rows(table: LabelTable, source: Source) -> Iterator[Row]:
    """Give every row that is not blank; further columns of one name and cells as `delimited`."""
    for path in source.matching(table.path):
        lines = _lines(path, table.sheet, source.folder / path)
        names = unique(table.header or next(lines, []))
        count = len(names)
        for cells in lines:
            cells += [""] * (count - len(cells))
            names = enough(names, len(cells))
            yield Row(dict(zip(names, cells, strict=False)), path)


def _lines(path: str, sheet: str | None, file: Path) -> Iterator[list[str]]:
    """Give the rows that are not blank, without the blanks at their ends."""
    try:
        _check(path, file)
        with file.open("rb") as stream:
            values = _counted(_values(path, sheet, stream), path)
            while batch := _batch(values):
                for row in batch:
                    cells = ["" if value is None else _text(value) for value in row]
                    while cells and not cells[-1]:
                        cells.pop()
                    if cells:
                        yield cells
    except (IntegrityError, OSError):
        raise
    except Exception as error:  # openpyxl documents none: KeyError, TypeError, its own and more
        raise IntegrityError(f"the workbook `{path}` cannot be read: {error}") from error


def _check(path: str, file: Path) -> None:
    """Refuse what is no workbook, and what would fill the memory."""
    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(one.file_size for one in packed.infolist())
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"`{path}` is no workbook of the kind xlsx: {error}") from error
    if size > _MAX_BYTES:
        raise IntegrityError(
            f"the workbook `{path}` unpacks to {size} bytes, covcat reads up to {_MAX_BYTES}"
        )


def _values(path: str, sheet: str | None, stream: object) -> Iterator[Sequence[object]]:
    from openpyxl import load_workbook  # type: ignore[import-untyped]  # it ships no types

    with warnings.catch_warnings(action="ignore"):
        book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    known = {one.title: one for one in book.worksheets}
    chosen = known.get(sheet) if sheet else next(iter(book.worksheets), None)
    if chosen is None:
        raise IntegrityError(
            f"the workbook `{path}` has no sheet `{sheet or 1}`, it has: {', '.join(known)}"
        )
    chosen.reset_dimensions()  # what the file says of its size may be wrong: rows would be lost
    yield from chosen.iter_rows(values_only=True)


def _counted(rows: Iterable[Sequence[object]], path: str) -> Iterator[Sequence[object]]:
    """Stop where the numbers of rows, in a small file, claim billions of them."""
    cells = 0
    for number, row in enumerate(rows):
        cells += len(row)
        if number >= _MAX_ROWS or cells > _MAX_CELLS:
            raise IntegrityError(
                f"the sheet in `{path}` has more than {_MAX_ROWS} rows or {_MAX_CELLS} cells"
            )
        yield row


def _batch(values: Iterator[Sequence[object]]) -> list[Sequence[object]]:
    """Return the next rows; openpyxl's warnings are on what it drops, never on values."""
    with warnings.catch_warnings(action="ignore"):
        return list(islice(values, _BATCH))


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).upper()
        case float():
            whole = value.is_integer() and abs(value) < 1e16
            return str(int(value)) if whole else format(value, ".15g")  # as many as Excel shows
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.date() | datetime.time():  # and datetime, which is a date
            return value.isoformat()
        case _:
            return str(value)
