"""Long cells of a table -> as much of their beginning and end as a narrow terminal has room for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from covcat.output.fold import terminal_width, width_of
from covcat.output.rows import Cell, Rows
from covcat.text import shown


def shortened(rows: Rows, least: Mapping[str, int]) -> Rows:
    """Cut long cells in the middle, after the columns that the table spares are left out.

    `least` are the widths that the columns which may be cut need to be of use.
    """
    texts = [list(rows.columns), *map(rows.cells, rows.rows)]
    full = {
        column[0]: max(width_of(shown(cell)) for cell in column)
        for column in zip(*texts, strict=True)
    }
    widths = {
        name: min(width, max(least.get(name, width), len(name))) for name, width in full.items()
    }
    left_out = []
    for name in rows.spared or ():
        if name in widths and _total(widths) > terminal_width():
            left_out.append(name)
            del widths[name]
    spare = max(0, terminal_width() - _total(widths))
    for name in widths:
        more = min(spare, full[name] - widths[name])
        widths[name] += more
        spare -= more
    short = {name: width for name, width in widths.items() if width < full[name]}
    cut = [
        {**row, **{name: _cut(shown(row.get(name) or ""), width) for name, width in short.items()}}
        for row in rows.rows
    ]
    return replace(rows, rows=cut, spared=left_out)


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(widths) - 1


def _cut(text: str, width: int) -> Cell:
    if width_of(text) <= width:
        return text
    head, tail = (width - 1) // 2, width // 2
    return f"{_begun(text, head)}…{_begun(text[::-1], tail)[::-1]}"


def _begun(text: Iterable[str], width: int) -> str:
    """Return as many characters as have room."""
    found = ""
    for char in text:
        if width_of(found + char) > width:
            break
        found += char
    return found
