"""Texts as lines of a terminal: prose, which one may copy from, and the cells of tables."""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable
from typing import TextIO

LEAST = 40  # columns: no terminal is taken for narrower
_UNHEARD = 100  # columns of what is no terminal and says nothing

# What is copied from prose stays whole: what stands in `…`, and a command at the end.
_UNIT = re.compile(r"(\s*)((?<=: )covcat [a-z].*|(?:`[^`]*`|\S)+)")
_WORD = re.compile(r"(\s*)(\S+)")
_JOINT = re.compile(r"(?<=[-/_=,:@&?])(?=\w)")  # where a word that is too long is broken best


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
