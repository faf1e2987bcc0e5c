"""A table for a terminal, fitted to its width."""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TextIO

from covcat.cli.formats import Cell, Rows
from covcat.text import escaped

LEAST = 40  # columns: no terminal is taken for narrower
_UNHEARD = 100  # columns of what is no terminal and says nothing


# What is copied from prose stays whole: what stands in `…`, and a command at the end.
_UNIT = re.compile(r"(\s*)((?<=: )covcat [a-z].*|(?:`[^`]*`|\S)+)")
_WORD = re.compile(r"(\s*)(\S+)")
_JOINT = re.compile(r"(?<=[-/_=,:@&?])(?=\w)")  # where a word that is too long is broken best
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


def to_table(rows: Rows, *, color: bool = False) -> str:
    """Return the table with a header; long cells go on in the next line.

    What a narrow terminal has no room for is left out, and named below the table.
    """
    widths = _fitted(rows, terminal_width())
    lines = [
        f"\x1b[1m{line}\x1b[0m" if color else line
        for line in _drawn(rows, {name: name for name in widths}, widths)
    ]
    for row in rows.rows:
        cells = dict(zip(rows.columns, map(escaped, rows.cells(row)), strict=True))
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
    return {column[0]: max(width_of(escaped(one)) for one in column) for column in columns}


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


def terminal_width(stream: TextIO | None = None) -> int:
    """Return the columns of a terminal, by default that of stdout; COLUMNS wins."""
    columns = os.environ.get("COLUMNS", "")
    is_said = columns.isdecimal() and len(columns) < 6 and int(columns) > 0
    return max(LEAST, int(columns) if is_said else _asked(stream))


def _asked(stream: TextIO | None) -> int:
    if stream is not None:
        try:
            return os.get_terminal_size(stream.fileno()).columns or _UNHEARD
        except (OSError, ValueError):  # no terminal, or one that was closed
            return _UNHEARD
    return shutil.get_terminal_size((_UNHEARD, 24)).columns


def width_of(text: str) -> int:
    """Return how many columns a terminal needs for a text."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def prose(text: str, width: int, hang: int = 2) -> list[str]:
    """Return lines that are broken between words only; those after the first are indented."""
    indent = len(text) - len(text.lstrip(" ")) + hang
    return _filled(_UNIT.findall(text), width, " " * indent)


def cell(text: str, width: int) -> list[str]:
    """Return lines of at most `width` columns; a longer word is broken, in lines of its own."""
    pieces: list[tuple[str, str]] = []
    for space, word in _WORD.findall(text):
        first, *rest = _broken(word, width)
        if rest and pieces:
            space = " " * width
        pieces += [(space, first), *(("", piece) for piece in rest)]
    return _filled(pieces, width, "")


def _broken(word: str, width: int) -> list[str]:
    """Return a word that is too long as pieces that are not."""
    if width_of(word) <= width:
        return [word]
    pieces = []
    for piece in _JOINT.split(word):
        while width_of(piece) > width:
            end = next(
                n for n in range(len(piece), 0, -1) if n == 1 or width_of(piece[:n]) <= width
            )
            pieces.append(piece[:end])
            piece = piece[end:]
        pieces.append(piece)
    return [piece for piece in pieces if piece]


def _filled(pieces: Iterable[tuple[str, str]], width: int, indent: str) -> list[str]:
    """Put as many pieces into each line as it takes; each comes with the space before it."""
    lines: list[str] = []
    line = ""
    for space, piece in pieces:
        if line and width_of(line + space + piece) > width:
            lines.append(line)
            line = indent + piece
        else:
            line += space + piece
    return [*lines, line] if line else lines


def shortened(rows: Rows, least: Mapping[str, int]) -> Rows:
    """Cut long cells in the middle, after the columns that the table spares are left out.

    `least` are the widths that the columns which may be cut need to be of use.
    """
    texts = [list(rows.columns), *map(rows.cells, rows.rows)]
    full = {
        column[0]: max(width_of(escaped(cell)) for cell in column)
        for column in zip(*texts, strict=True)
    }
    widths = {
        name: min(width, max(least.get(name, width), len(name))) for name, width in full.items()
    }
    left_out = []
    for name in rows.spared or ():
        if name in widths and _total_width(widths) > terminal_width():
            left_out.append(name)
            del widths[name]
    spare = max(0, terminal_width() - _total_width(widths))
    for name in widths:
        more = min(spare, full[name] - widths[name])
        widths[name] += more
        spare -= more
    short = {name: width for name, width in widths.items() if width < full[name]}
    cut = [
        {
            **row,
            **{name: _cut(escaped(row.get(name) or ""), width) for name, width in short.items()},
        }
        for row in rows.rows
    ]
    return replace(rows, rows=cut, spared=left_out)


def _total_width(widths: Mapping[str, int]) -> int:
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
