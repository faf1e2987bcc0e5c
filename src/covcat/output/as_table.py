"""A table for a terminal, fitted to its width."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from covcat.output.fold import cell, prose, terminal_width, width_of
from covcat.output.rows import Rows
from covcat.text import shown

_COUNTS = {"rows", "images", "patients", "published", "difference", "days"}
_SIZES = {"bytes", "size", "download_bytes", "unpacked", "waiting_bytes"}
_RIGHT = {"files", "waiting_files", "row", "width", "height", "age", *_SIZES, *_COUNTS}
_MIDDLE = {"ct", "xray", "mri", "us", "meta", "case"}
_WRAPPED = {  # long texts, and the columns that they need to be readable
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
    "where": 30,
    "from": 16,
}
_SPARED = ("title", "fetched_at", "in_use", "days", "unpacked", "licence")  # first to last
_LEAST = 12  # columns below which no text is folded


def text(rows: Rows, *, color: bool = False) -> str:
    """Return the table with a header; long cells go on in the next line.

    What a narrow terminal has no room for is left out, and named below the table.
    """
    widths = _fitted(rows, terminal_width())
    lines = [
        f"\x1b[1m{line}\x1b[0m" if color else line
        for line in _drawn(rows, {name: name for name in widths}, widths)
    ]
    for row in rows.rows:
        cells = dict(zip(rows.columns, map(shown, rows.cells(row)), strict=True))
        lines += _drawn(rows, cells, widths)
    if left_out := [name for name in rows.columns if name not in widths]:
        said = f"left out of a narrow table: {', '.join(left_out)}"
        lines += ["", *prose(said, terminal_width())]
    return "".join(f"{line}\n" for line in lines)


def _drawn(rows: Rows, cells: Mapping[str, str], widths: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of one row."""
    folded = [cell(cells[name], width) or [""] for name, width in widths.items()]
    sides = [_side(name, rows) for name in widths]
    for pieces in zip_longest(*folded, fillvalue=""):
        padded = map(_padded, pieces, widths.values(), sides)
        yield " ".join(padded).rstrip()


def _padded(piece: str, width: int, side: str) -> str:
    room = max(0, width - width_of(piece))
    before = {"<": 0, "^": room // 2, ">": room}[side]
    return " " * before + piece + " " * (room - before)


def _side(column: str, rows: Rows) -> str:
    """Put numbers to the right; `found` is a number in one table, and a text in another."""
    is_number = column == "found" and all(isinstance(row.get(column), int) for row in rows.rows)
    if column in _RIGHT or is_number:
        return ">"
    return "^" if column in _MIDDLE else "<"


# ---- the widths --------------------------------------------------------------------------------


def _fitted(rows: Rows, room: int) -> dict[str, int]:
    """Return the columns that there is room for, in their order, with their widths."""
    full = _full(rows)
    least = {name: _wanted(name, full) for name in full}
    for name in _SPARED if rows.spared is None else rows.spared:
        if _total(least) > room:
            least.pop(name, None)
    if _total(least) > room:
        least = _narrowed(rows, full, least, room)
    return _widened(full, least, room)


def _full(rows: Rows) -> dict[str, int]:
    """Return the width that each column needs to show all that is in it on one line."""
    cells = [list(rows.columns), *map(rows.cells, rows.rows)]
    columns = zip(*cells, strict=True)
    return {column[0]: max(width_of(shown(one)) for one in column) for column in columns}


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(widths) - 1


def _narrowed(
    rows: Rows, full: Mapping[str, int], widths: Mapping[str, int], room: int
) -> dict[str, int]:
    """Fold every text but the key's; if that is not enough, leave out the last columns."""
    is_folded = {name for name in widths if _side(name, rows) == "<" and name != rows.key}
    is_folded |= {name for name in widths if name in _WRAPPED}
    least = {
        name: min(width, max(_LEAST, len(name))) if name in is_folded else width
        for name, width in widths.items()
    }
    for name in [one for one in reversed(least) if one != rows.key]:
        if _total(least) > room and len(least) > 1:
            del least[name]
    (key, width), *others = least.items()
    return least if others else {key: min(width, full[key], room)}


def _widened(full: Mapping[str, int], least: Mapping[str, int], room: int) -> dict[str, int]:
    """Give what is left to long texts: what they need to be readable, then from the left."""
    found = dict(least)
    spare = max(0, room - _total(least))
    while spare and (short := [name for name in found if found[name] < _wanted(name, full)]):
        found[min(short, key=found.__getitem__)] += 1
        spare -= 1
    for name in found:
        more = min(spare, full[name] - found[name])
        found[name] += more
        spare -= more
    return found


def _wanted(name: str, full: Mapping[str, int]) -> int:
    return min(full[name], _WRAPPED.get(name, full[name]))
