"""A table for a terminal, fitted to its width."""

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import TextIO

from covcat.cli.formats import Cell, Rows
from covcat.cli.printing import RED, bold, dim, has_color
from covcat.text import escaped

LEAST = 40  # columns: no terminal is taken for narrower
_UNHEARD = 100  # columns of what is no terminal and says nothing

# What is copied from prose stays whole: what stands in `…`, and a command at the end.
_UNIT = re.compile(r"(\s*)((?<=: )covcat [a-z].*|(?:`[^`]*`|\S)+)")
_WORD = re.compile(r"(\s*)(\S+)")
_JOINT = re.compile(r"(?<=[-/_=,:@&?])(?=\w)")  # where a word that is too long is broken best
_COUNTS = {"rows", "images", "patients", "covid-19", "published", "difference", "days"}
_SIZES = {"bytes", "size", "download", "waiting_bytes"}
_GROUPED = {"files", "waiting_files", *_SIZES, *_COUNTS}
_RIGHT = {"files", "waiting_files", "row", "width", "height", "age", *_SIZES, *_COUNTS}
_MIDDLE = {"ct", "xray", "mri", "us", "meta", "case"}
_WRAPPED = {  # long texts, and the columns that they need to be readable
    **dict.fromkeys(("state", "newest"), 10),
    **dict.fromkeys(("title", "organization", "reason"), 22),
    **dict.fromkeys(("path", "found", "of", "explained", "detail", "where"), 30),
    "verified_by": 11,
    "from": 16,
    "fix": 20,
    "url": 40,
}
_SPARED = ("title", "fetched_at", "in_use", "days", "licence")  # first to last
_DAMAGED = re.compile(r"damaged|.* (not as fetched|missing)$")  # a state that must stand out
_WAY = "a wider terminal, or `| less -S`"  # on a pipe every column is there
_LEAST = 12  # columns below which no text is folded


def to_table(rows: Rows, *, color: bool = False) -> str:
    """Return the table with a header; long cells go on in the next line, or are cut.

    What a narrow terminal has no room for is left out, and named below the table.
    """
    texts = [list(rows.columns), *(_texts(rows, row) for row in rows.rows)]
    full = {column[0]: max(map(width_of, column)) for column in zip(*texts, strict=True)}
    widths = _fitted(rows, full, terminal_width())
    sides = {name: _side(name, rows) for name in widths}
    lines: list[str] = []
    for number, row in enumerate(texts):
        cells = dict(zip(rows.columns, row, strict=True))
        drawn = _drawn(rows, cells, widths, sides, color=color)
        lines += map(bold, drawn) if color and not number else drawn
    if left_out := [name for name in rows.columns if name not in widths]:
        lines += ["", *left_out_lines(left_out, terminal_width(), _WAY)]
    return "".join(f"{line}\n" for line in lines)


def left_out_lines(columns: Sequence[str], width: int, way: str) -> list[str]:
    """Name the columns that a table has no room for, and to a person how to see them, dimly."""
    if not columns:
        return []
    said = f"left out of a narrow table: {', '.join(columns)}"
    if sys.stdout.isatty():
        said += f"; to see them: {way}"
    lines = prose(said, width)
    return [dim(line) for line in lines] if has_color(sys.stdout) else lines


def _texts(rows: Rows, row: Mapping[str, Cell]) -> list[str]:
    """Return the cells of a row; what people count or weigh gets commas between thousands."""
    found = [escaped(one) for one in rows.cells(row)]
    for index, name in enumerate(rows.columns):
        value = row.get(name)
        if name in _GROUPED and isinstance(value, int) and not isinstance(value, bool):
            found[index] = f"{value:,}"
    return found


def _drawn(
    rows: Rows,
    cells: Mapping[str, str],
    widths: Mapping[str, int],
    sides: Mapping[str, str],
    *,
    color: bool,
) -> Iterator[str]:
    """Yield the lines of one row."""
    folded = []
    for name, width in widths.items():
        text = _cut(cells[name], width) if name in rows.cut else cells[name]
        folded.append(cell(text, width) or [""])
    for pieces in zip_longest(*folded, fillvalue=""):
        line = []
        for piece, (name, width) in zip(pieces, widths.items(), strict=True):
            room = max(0, width - width_of(piece))
            before = {"<": 0, "^": room // 2, ">": room}[sides[name]]
            if color and name == "state" and _DAMAGED.match(cells[name]):
                piece = bold(piece, RED)
            line.append(" " * before + piece + " " * (room - before))
        yield " ".join(line).rstrip()


def _cut(text: str, width: int) -> str:
    """Return a text that is too long with `…` in its middle."""
    if width_of(text) <= width:
        return text
    head, tail = text[: (width - 1) // 2], text[len(text) - width // 2 :]
    while width_of(head) > (width - 1) // 2:
        head = head[:-1]
    while width_of(tail) > width // 2:
        tail = tail[1:]
    return f"{head}…{tail}"


def _side(column: str, rows: Rows) -> str:
    """Put numbers to the right; a column may have numbers in one table, and texts in another."""
    if column in _RIGHT:
        return ">"
    known = [one for row in rows.rows if (one := row.get(column)) is not None]
    if known and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known):
        return ">"
    return "^" if column in _MIDDLE else "<"


def _fitted(rows: Rows, full: Mapping[str, int], room: int) -> dict[str, int]:
    """Return the columns that there is room for, in their order, with their widths.

    `full` are the widths that show all that is in a column on one line.
    """
    readable = {
        name: min(
            width, max(rows.cut[name], len(name)) if name in rows.cut else _WRAPPED.get(name, width)
        )
        for name, width in full.items()
    }
    found = dict(readable)
    for name in _SPARED if rows.spared is None else rows.spared:
        if _total(found) > room:
            found.pop(name, None)
    if _total(found) > room:
        found = _narrowed(rows, found, room)
    spare = max(0, room - _total(found))
    while spare and (short := [name for name in found if found[name] < readable[name]]):
        found[min(short, key=found.__getitem__)] += 1
        spare -= 1
    for name in found:  # what is left goes to long texts, from the left
        more = min(spare, full[name] - found[name])
        found[name] += more
        spare -= more
    return found


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(widths) - 1


def _narrowed(rows: Rows, widths: Mapping[str, int], room: int) -> dict[str, int]:
    """Fold every text but the key's; if that is not enough, leave out the last columns."""
    least = dict(widths)
    for name, width in widths.items():
        if name in _WRAPPED or (name != rows.key and _side(name, rows) == "<"):
            least[name] = min(width, max(_LEAST, len(name)))
    for name in [one for one in reversed(least) if one != rows.key]:
        if _total(least) > room and len(least) > 1:
            del least[name]
    return least if len(least) > 1 else {name: min(width, room) for name, width in least.items()}


def terminal_width(stream: TextIO | None = None) -> int:
    """Return the columns of a terminal, by default that of stdout; COLUMNS wins."""
    said = os.environ.get("COLUMNS", "")
    columns = int(said) if said.isdecimal() and len(said) < 6 else 0
    with suppress(OSError, ValueError):  # no terminal, or one that was closed
        columns = columns or os.get_terminal_size((stream or sys.stdout).fileno()).columns
    return max(LEAST, columns or _UNHEARD)


def width_of(text: str) -> int:
    """Return how many columns a terminal needs for a text."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(char) or unicodedata.category(char) == "Cf"
        else 1 + (unicodedata.east_asian_width(char) in ("W", "F"))
        for char in text
    )


def prose(text: str, width: int, hang: int = 2) -> list[str]:
    """Return lines that are broken between words only; those after the first are indented."""
    indent = len(text) - len(text.lstrip(" ")) + hang
    return _filled(_UNIT.findall(text), width, " " * indent)


def cell(text: str, width: int) -> list[str]:
    """Return lines of at most `width` columns; a longer word is broken, in lines of its own."""
    pieces: list[tuple[str, str]] = []
    for space, word in _WORD.findall(text):
        broken = []
        for part in [word] if width_of(word) <= width else _JOINT.split(word):
            while width_of(part) > width:
                ends = range(len(part) - 1, 1, -1)
                end = next((n for n in ends if width_of(part[:n]) <= width), 1)
                broken.append(part[:end])
                part = part[end:]
            broken += [part] if part else []
        if len(broken) > 1 and pieces:
            space = " " * width
        pieces += [(space, broken[0]), *(("", part) for part in broken[1:])]
    return _filled(pieces, width, "")


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
