"""The cells of one sheet of a workbook (xlsx), and nothing else of it.

Excel opens many workbooks that libraries refuse for their styles, names, properties or drawings.
Labels need none of these: only cells, shared texts, and which styles are dates (as openpyxl says).
The form is that of ECMA-376, part 1, chapter 18; one row at a time is in memory, and all shared
texts, packed.
"""

import datetime
import posixpath
import re
import zipfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path

from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.imaging.readers.limits import MOST_BYTES, too_much, weight
from covcat.imaging.readers.xml_events import End, Start, events, local

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384  # of Excel's own
_MOST_FORMATS = 65_536  # of cells; Excel has 65,490, and of numbers some hundred
_MOST_CELLS = 25_000_000  # of a sheet; also of different texts
_MOST_SHEETS = 10_000  # and parts that they refer to
_MOST_TEXTS = 200_000_000  # bytes of all shared texts, which are in memory
_MOST_UNPACKED = 1_000_000_000  # of all parts, unpacked; ten columns of all rows have 600 MB
_SHOWN, _TITLE = 20, 31  # sheets that a message names, and how much of each
_BUILTIN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # 18.8.30
_PLACE = re.compile(r"([A-Z]{1,3})[0-9]+")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
Cell = str | float | bool | datetime.date | datetime.time | datetime.timedelta | None


def cells(file: Path, path: str, sheet: str | None) -> Iterator[Sequence[Cell]]:
    """Give the cells of every row of a sheet, by default of the first.

    Raises:
        IntegrityError: it is no workbook, has no such sheet, or is larger than Excel's own.
        Exception: any other, where it is damaged: zipfile's, expat's, ValueError and more.
    """
    try:
        with limits.unzipped(file, path) as packed:
            size = sum(one.file_size for one in packed.infolist())
            if size > _MOST_UNPACKED:
                raise IntegrityError(
                    f"the workbook `{path}` unpacks to {size:,} bytes, "
                    f"covcat reads up to {_MOST_UNPACKED:,}"
                )
            yield from _Book(packed, path).rows(sheet)
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"`{path}` is no workbook of the kind xlsx: {error}") from error


class _Book:
    """The parts of a workbook that its cells need."""

    def __init__(self, packed: zipfile.ZipFile, path: str) -> None:
        self._packed, self._path = packed, path
        self._names = {name.lstrip("/").lower(): name for name in packed.namelist()}
        (main,) = self._related("", "officeDocument") or ["xl/workbook.xml"]
        self._relations = self._relations_of(main)
        self._is_1904 = False
        self._sheets: dict[str, str] = {}  # title: part
        self._read_main(main)
        self._texts = _Texts(f"the workbook `{path}`")
        for part in self._related(main, "sharedStrings"):
            self._read_texts(part)
        self._dates, self._times = set[int](), set[int]()  # styles of cells
        for part in self._related(main, "styles"):
            self._read_formats(part)

    def rows(self, title: str | None) -> Iterator[list[Cell]]:
        """Give the cells of every row."""
        found = _Rows(f"the sheet in `{self._path}`")
        total = 0
        for _ in self._events(self._sheet(title), found.start, found.end):
            for row in found.taken():
                total += max(row, default=0)
                if total > _MOST_CELLS:
                    raise too_much(f"the sheet in `{self._path}`", _MOST_CELLS, "cells")
                yield self._row(row)

    def _sheet(self, title: str | None) -> str:
        """Return the part of a sheet."""
        known = self._sheets
        chosen = known.get(title) if title else next(iter(known.values()), None)
        if chosen is None:
            names = ", ".join(name[:_TITLE] for name in list(known)[:_SHOWN])
            raise IntegrityError(
                f"the workbook `{self._path}` has no sheet `{title or 1}`, it has: {names}"
            )
        return chosen

    def _row(self, row: Mapping[int, "_Raw"]) -> list[Cell]:
        found: list[Cell] = [None] * max(row, default=0)
        size = 0
        for column, (kind, style, text) in row.items():
            value = found[column - 1] = self._value(kind, style, text)
            size += weight(value) if isinstance(value, str) else 0
            if size > MOST_BYTES:
                raise too_much(f"a row of the sheet in `{self._path}`", MOST_BYTES, "bytes")
        return found

    def _value(self, kind: str, style: str, text: str) -> Cell:
        match kind:
            case "s":  # a number of none is damage: that number in its place would be a label
                return self._texts.get(int(text))
            case "b":
                return text in ("1", "true")
            case "d":
                return _date(text)
            case "n":
                return self._number(text, int(style or 0))
            case "inlineStr":
                return text
            case _:  # the text of a formula or an error
                return _unescaped(text)

    def _number(self, text: str, style: int) -> Cell:
        try:
            number = float(text) if set(text) & set(".eE") else int(text)
        except ValueError:  # NaN, which some programs write: one cell is not the whole table
            return text
        if not isfinite(number):
            return text
        if style not in self._dates and style not in self._times:
            return number
        from openpyxl.utils.datetime import (  # type: ignore[import-untyped]  # it ships no types
            CALENDAR_MAC_1904,
            CALENDAR_WINDOWS_1900,
            from_excel,
        )

        epoch = CALENDAR_MAC_1904 if self._is_1904 else CALENDAR_WINDOWS_1900
        try:
            found: Cell = from_excel(number, epoch, timedelta=style in self._times)
        except (OverflowError, ValueError):  # 10 ** 9 days: Excel shows `#####`
            return number
        return found

    # ---- parts ---------------------------------------------------------------------------------

    def _read_main(self, part: str) -> None:
        """Read which sheets there are, and how dates are counted."""

        def start(_: str, name: str, given: Mapping[str, str]) -> None:
            if name == "workbookPr" and given.get("date1904") in ("1", "true"):
                self._is_1904 = True
            if name == "sheet":
                id = next((value for key, value in given.items() if local(key) == "id"), "")
                kind, target = self._relations.get(id, ("", ""))
                if kind == "worksheet":  # others are charts
                    self._sheets[given.get("name", "")] = target
                if len(self._sheets) > _MOST_SHEETS:
                    raise too_much(f"the workbook `{self._path}`", _MOST_SHEETS, "sheets")

        for _ in self._events(part, start):
            pass

    def _read_texts(self, part: str) -> None:
        found: list[str] = []
        size = 0

        def end(around: str, name: str, text: str) -> None:
            nonlocal size
            if name == "si":
                self._texts.add("".join(found))
                found.clear()
                size = 0
            elif _is_text(around, name, text):
                size += weight(text)
                if size > MOST_BYTES:
                    raise too_much(f"a text of `{self._path}`", MOST_BYTES, "bytes")
                found.append(_unescaped(text))

        for _ in self._events(part, lambda *_: None, end):
            pass

    def _read_formats(self, part: str) -> None:
        """Read which styles of cells show a date, and which a span of time."""
        kinds: dict[int, set[int] | None] = {}  # of formats of numbers: which set they belong to
        count = 0

        def start(around: str, name: str, given: Mapping[str, str]) -> None:
            nonlocal count
            number = int(given.get("numFmtId") or 0)
            if (around, name) == ("numFmts", "numFmt"):
                kinds[number] = self._kind_of(given.get("formatCode", ""))
            elif (around, name) == ("cellXfs", "xf"):
                default = self._dates if number in _BUILTIN_DATES else None
                if (kind := kinds.get(number, default)) is not None:
                    kind.add(count)
                count += 1
            if max(count, len(kinds)) > _MOST_FORMATS:
                raise too_much(f"the workbook `{self._path}`", _MOST_FORMATS, "formats of cells")

        for _ in self._events(part, start):
            pass

    def _kind_of(self, code: str) -> set[int] | None:
        from openpyxl.styles.numbers import is_date_format, is_timedelta_format  # type: ignore[import-untyped]

        if is_timedelta_format(code):
            return self._times
        return self._dates if is_date_format(code) else None

    def _related(self, part: str, kind: str) -> list[str]:
        """Return the part of a kind that there is: some programs name one and do not write it."""
        return [
            target
            for each, target in self._relations_of(part).values()
            if each == kind and target.lower() in self._names
        ][:1]

    def _relations_of(self, part: str) -> dict[str, tuple[str, str]]:
        """Return by id what a part of the workbook refers to: its kind, and which part it is."""
        folder, name = posixpath.split(part)
        own = f"{folder}/_rels/{name}.rels".lstrip("/")
        found: dict[str, tuple[str, str]] = {}

        def start(_: str, name: str, given: Mapping[str, str]) -> None:
            if name == "Relationship":
                target = posixpath.join("/" + folder, given.get("Target", ""))
                kind = given.get("Type", "").rpartition("/")[2]
                found[given.get("Id", "")] = kind, posixpath.normpath(target).lstrip("/")
                if len(found) > _MOST_SHEETS:
                    raise too_much(f"the workbook `{self._path}`", _MOST_SHEETS, "parts")

        for _ in self._events(own, start) if own.lower() in self._names else ():
            pass
        return found

    def _events(self, part: str, start: Start, end: End | None = None) -> Iterator[None]:
        with limits.member(self._packed, self._names[part.lower()], self._path) as stream:
            yield from events(stream, f"`{part}` of `{self._path}`", start, end)


_Raw = tuple[str, str, str]  # of a cell: kind, style, text


class _Rows:
    """Gathers the rows of a sheet, with those of their cells that hold something, until taken."""

    def __init__(self, what: str) -> None:
        self._what, self._count = what, 0
        self._done: list[dict[int, _Raw]] = []
        self._row: dict[int, _Raw] = {}  # by column
        self._column = self._size = 0
        self._place = self._kind = self._style = ""
        self._saved: str | None = None  # what `v` holds
        self._inline: list[str] = []

    def taken(self) -> Iterator[dict[int, _Raw]]:
        """Give what has been gathered, and forget it."""
        found, self._done = self._done, []
        return iter(found)

    def start(self, around: str, name: str, given: Mapping[str, str]) -> None:
        """Begin a row or a cell."""
        if name == "row":
            self._row, self._column, self._size = {}, 0, 0
            self._count += 1
            if max(self._count, int(given.get("r") or 0)) > _MOST_ROWS:
                raise too_much(self._what, _MOST_ROWS, "rows")
        elif name == "c" and around == "row":
            self._place = given.get("r", "")
            place = _PLACE.fullmatch(self._place)  # writers of streams leave places out
            self._column = _number(place[1]) if place else self._column + 1
            if self._column > _MOST_COLUMNS:
                raise too_much(self._what, _MOST_COLUMNS, "columns")
            self._kind, self._style = given.get("t", "n"), given.get("s", "")
            self._saved = None
            self._inline.clear()

    def end(self, around: str, name: str, text: str) -> None:
        """End a text, a cell or a row."""
        if name == "v" and around == "c":
            self._weigh(text)
            self._saved = text if self._saved is None else self._saved
        elif _is_text(around, name, text):
            self._weigh(text)
            self._inline.append(_unescaped(text))
        elif name == "c" and around == "row":
            saved = "".join(self._inline) if self._kind == "inlineStr" else self._saved
            if saved:
                self._keep((self._kind, self._style, saved))
        elif name == "row":
            self._done.append(self._row)

    def _keep(self, cell: _Raw) -> None:
        """Keep a cell where its place says, which need not be after the one before."""
        if self._row.setdefault(self._column, cell) != cell:
            raise IntegrityError(f"{self._what} has two values of the cell `{self._place}`")

    def _weigh(self, text: str) -> None:
        self._size += weight(text)
        if self._size > MOST_BYTES:
            raise too_much(f"a row of {self._what}", MOST_BYTES, "bytes")


class _Texts:
    """The shared texts of a workbook, packed: as Python's own, two million take 200 MB."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bytes, self._ends = bytearray(), array("I")

    def add(self, text: str) -> None:
        """Keep one more."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        if len(self._bytes) > _MOST_TEXTS:
            raise too_much(self._what, _MOST_TEXTS, "bytes of texts")
        self._ends.append(len(self._bytes))
        if len(self._ends) > _MOST_CELLS:
            raise too_much(self._what, _MOST_CELLS, "texts")

    def get(self, number: int) -> str:
        """Return one.

        Raises:
            ValueError: there are not so many.
        """
        if not 0 <= number < len(self._ends):
            raise ValueError(f"there is no shared text {number}")
        begin = self._ends[number - 1] if number else 0
        return self._bytes[begin : self._ends[number]].decode("utf-8", "surrogatepass")


def _is_text(around: str, name: str, text: str) -> bool:
    """Tell a piece of a string or of its runs from what helps to pronounce it."""
    return name == "t" and around in ("si", "is", "r") and bool(text)


def _date(text: str) -> Cell:
    """Return a date or a time; what is neither stays as it is written."""
    for read in (datetime.datetime.fromisoformat, datetime.time.fromisoformat):
        with suppress(ValueError):
            return read(text)
    return text


def _unescaped(text: str) -> str:
    """Return a text whose letters that XML cannot hold are written as `_x000D_` (22.4.2.4)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
