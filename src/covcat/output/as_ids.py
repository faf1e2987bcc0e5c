"""Only the names, one a line: for shell loops."""

from covcat.output.rows import Rows
from covcat.text import shown


def text(rows: Rows) -> str:
    """Return the key of each row."""
    return "".join(f"{shown(row[rows.key])}\n" for row in rows.rows)
