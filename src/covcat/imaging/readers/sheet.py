"""Tables in workbooks (xlsx).

Cells become the text that a person sees: integers without `.0`, dates as ISO, of a formula the
value saved with it. Formats of numbers (`37 %`, two decimals) are not applied.
"""

from collections.abc import Iterator
from pathlib import Path

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.imaging.readers.delimited import enough, unique
from covcat.imaging.readers.workbook import read_cells


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give every row that is not blank; further columns of one name and cells as `delimited`."""
    lines = _lines(path, table.sheet, file)
    names = unique(table.header or next(lines, []))
    count = len(names)
    for cells in lines:
        cells += [""] * (count - len(cells))
        names = enough(names, len(cells))
        yield Row(dict(zip(names, cells, strict=False)), path)


def _lines(path: str, sheet: str | None, file: Path) -> Iterator[list[str]]:
    """Give the rows that are not blank, without the blanks at their ends."""
    try:
        for cells in read_cells(file, path, sheet):
            while cells and not cells[-1].strip():
                cells.pop()
            if cells:
                yield cells
    except (IntegrityError, OSError):
        raise
    except Exception as error:  # KeyError, zlib's, ElementTree's own and more
        raise IntegrityError(f"the workbook `{path}` cannot be read: {error}") from error
