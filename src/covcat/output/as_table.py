"""A table for a terminal, drawn by rich and fitted to its width."""

import io
import os
import shutil
from typing import Literal

from covcat.output.rows import Rows
from covcat.output.text import shown

_COUNTS = {"rows", "images", "patients", "published", "difference"}
_RIGHT = {"bytes", "size", "files", "row", "width", "height", "age", *_COUNTS}
_WRAPPED = {
    "title": 22,
    "state": 10,
    "newest": 10,
    "verified_by": 11,
    "organization": 22,
    "path": 30,
    "reason": 22,
    "found": 30,
    "fix": 20,
    "of": 30,
    "explained": 30,
    "url": 40,
    "detail": 30,
}
_SPARED = ("title", "fetched_at")  # what goes where there is no room: the id says most of it
_MIDDLE = {"ct", "xray", "mri", "us", "meta", "case"}


def text(rows: Rows, *, color: bool = False) -> str:
    """Return the table with a header rule; long cells go on in the next line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    widths = _widths(rows)
    for spared in _SPARED:
        if sum(widths) - 1 > terminal_width():
            rows = Rows([name for name in rows.columns if name != spared], rows.rows, rows.key)
            widths = _widths(rows)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column, width in zip(rows.columns, widths, strict=True):
        table.add_column(
            Text(column),
            justify=_side(column, rows),
            width=width - 1,
            overflow="fold",
        )
    for row in rows.rows:
        table.add_row(*(Text(shown(cell)) for cell in rows.cells(row)))
    buffer = io.StringIO()
    Console(
        file=buffer,
        width=sum(widths) + 1,  # rich cuts what is wider; a terminal wraps it
        height=25,  # with a width alone, rich takes a dumb terminal with colour for 80 columns
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
    ).print(table)
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    # rich puts an empty line where the end of a folded word fills its column
    return "".join(f"{line}\n" for line in lines if line)


def _side(column: str, rows: Rows) -> Literal["left", "center", "right"]:
    """Put numbers to the right; `found` is a number in one table, and a text in another."""
    is_number = column == "found" and all(isinstance(row.get(column), int) for row in rows.rows)
    if column in _RIGHT or is_number:
        return "right"
    return "center" if column in _MIDDLE else "left"


def _widths(rows: Rows) -> list[int]:
    """Return the width of each column with the space behind it; only long texts are folded.

    What the terminal has beyond the others' full width is given to those, from the left.
    """
    from rich.cells import cell_len

    cells = [list(rows.columns), *map(rows.cells, rows.rows)]
    full = [
        max(cell_len(shown(cell)) for cell in column) + 1 for column in zip(*cells, strict=True)
    ]
    least = [
        min(_WRAPPED.get(name, width), width - 1) + 1
        for name, width in zip(rows.columns, full, strict=True)
    ]
    spare = max(0, terminal_width() + 1 - sum(least))
    found = []
    for wanted, small in zip(full, least, strict=True):
        more = min(spare, wanted - small)
        spare -= more
        found.append(small + more)
    return found


def terminal_width() -> int:
    """Return the columns of the terminal, at least 40; COLUMNS wins."""
    columns = os.environ.get("COLUMNS", "")
    return max(
        40, int(columns) if columns.isdecimal() else shutil.get_terminal_size((100, 24)).columns
    )
