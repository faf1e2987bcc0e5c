"""Rows -> text, one function a format; every one escapes what it shows.

To add one: a function, and a line in OUTPUTS of `covcat.cli.session`; tests/cli/test_formats.py
runs over it. JSON is not here: it is the envelope that every command prints (`covcat.cli.session`).
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from covcat.text import escaped

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: `columns` are the keys in order; a missing key or None is unknown."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    key: str = "id"  # the column that names a row
    spared: Sequence[str] | None = None  # what a narrow terminal may lack; None: as most tables
    cut: Mapping[str, int] = field(default_factory=dict)  # what it may cut, with the least widths

    def cells(self, row: Mapping[str, Cell]) -> list[str]:
        """Return one row as texts in the order of the columns."""
        words = {None: "", True: "yes", False: "no"}
        known = [row.get(column) for column in self.columns]
        return [words[one] if one is None or isinstance(one, bool) else str(one) for one in known]


_NUMBER = re.compile(r"-[0-9]{1,18}(\.[0-9]{1,18})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(rows: Rows) -> str:
    """Return a header line and one line a row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows.columns)
    writer.writerows([_tame(cell) for cell in rows.cells(row)] for row in rows.rows)
    return buffer.getvalue()


def _tame(cell: str) -> str:
    is_formula = cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell)
    return "'" + escaped(cell) if is_formula else escaped(cell)


def to_tsv(rows: Rows) -> str:
    """Return a header line and one line a row; a tab in a cell is escaped."""
    lines = [[*rows.columns], *([escaped(cell) for cell in rows.cells(row)] for row in rows.rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def to_ids(rows: Rows) -> str:
    """Return the key of each row."""
    return "".join(f"{escaped(row[rows.key])}\n" for row in rows.rows)


def to_yaml(rows: Rows) -> str:
    """Return every row with the columns that are known."""
    import yaml

    every = [{name: row.get(name) for name in rows.columns} for row in rows.rows]
    plain = [{name: one for name, one in row.items() if one is not None} for row in every]
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=False, width=100)
