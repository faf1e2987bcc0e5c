"""CSV as spreadsheets read it; cells they would run as formulas get a quote in front."""

import csv
import io
import re

from covcat.output.rows import Rows
from covcat.text import shown

_NUMBER = re.compile(r"-[0-9]{1,18}(\.[0-9]{1,18})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text(rows: Rows) -> str:
    """Return a header line and one line a row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows.columns)
    writer.writerows([_tame(cell) for cell in rows.cells(row)] for row in rows.rows)
    return buffer.getvalue()


def _tame(cell: str) -> str:
    is_formula = cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell)
    return "'" + shown(cell) if is_formula else shown(cell)
