"""Tab-separated values for pipes: full width, a header, nothing cut."""

from covcat.output.rows import Rows
from covcat.text import shown


def text(rows: Rows) -> str:
    """Return a header line and one line a row; a tab in a cell is escaped."""
    lines = [list(rows.columns), *([shown(cell) for cell in rows.cells(row)] for row in rows.rows)]
    return "".join("\t".join(line) + "\n" for line in lines)
