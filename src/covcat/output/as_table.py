"""A table for a terminal, drawn by rich and fitted to its width."""

import io
import os
import shutil

from covcat.output.rows import Rows
from covcat.output.text import shown

_RIGHT = {"bytes", "size", "files", "row"}
_WRAPPED = {"title": 22, "organization": 22, "path": 30, "reason": 22, "found": 30, "fix": 20}
_MIDDLE = {"ct", "xray", "mri", "us", "meta", "case"}


def text(rows: Rows, *, color: bool = False) -> str:
    """Return the table with a header rule; long cells go on in the next line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = _without_titles(rows) if _natural_width(rows) > terminal_width() else rows
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in rows.columns:
        table.add_column(
            Text(column),
            justify="right" if column in _RIGHT else "center" if column in _MIDDLE else "left",
            no_wrap=column not in _WRAPPED,
            min_width=_WRAPPED.get(column),
            overflow="fold",
        )
    for row in rows.rows:
        table.add_row(*(Text(shown(cell)) for cell in rows.cells(row)))
    buffer = io.StringIO()
    Console(
        file=buffer,
        width=max(terminal_width(), _natural_width(rows)),  # cut nothing: the terminal may wrap
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
    ).print(table)
    return "".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines())


def _without_titles(rows: Rows) -> Rows:
    """Leave out what the id says too."""
    return Rows([name for name in rows.columns if name != "title"], rows.rows, rows.key)


def _natural_width(rows: Rows) -> int:
    """Return the columns that the table takes if only long texts are folded."""
    cells = [list(rows.columns), *map(rows.cells, rows.rows)]
    widths = [max(len(shown(cell)) for cell in column) for column in zip(*cells, strict=True)]
    names = zip(rows.columns, widths, strict=True)
    return sum(min(_WRAPPED.get(name, width), width) + 1 for name, width in names) - 1


def terminal_width() -> int:
    """Return the columns of the terminal, at least 40; COLUMNS wins."""
    columns = os.environ.get("COLUMNS", "")
    return max(
        40, int(columns) if columns.isdecimal() else shutil.get_terminal_size((100, 24)).columns
    )
