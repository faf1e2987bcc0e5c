"""What every output takes: named columns, and one dict a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: `columns` are the keys in order; a missing key or None is unknown."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    key: str = "id"  # the column that names a row
    spared: Sequence[str] | None = None  # what a narrow terminal may lack; None: as most tables

    def cells(self, row: Mapping[str, Cell]) -> list[str]:
        """Return one row as texts in the order of the columns."""
        return [_text(row.get(column)) for column in self.columns]


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)
