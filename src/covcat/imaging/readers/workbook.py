"""The cells of one sheet of a workbook (xlsx), and nothing else of it.

Excel opens many workbooks that libraries refuse for their styles, names, properties or drawings.
Labels need none of these: only cells, shared texts, and which styles are dates (as openpyxl says).
The form is that of ECMA-376, part 1, chapter 18; one row at a time is in memory, and all shared
texts, packed: openpyxl keeps all of these and of the styles, also in its read-only mode.
"""

import datetime
import posixpath
import re
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import suppress
from math import isfinite
from pathlib import Path

from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.imaging.readers.limits import MOST_BYTES, too_much, weight
from covcat.imaging.readers.xml_events import Event, local_name, read_events

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384  # of Excel's own
_MOST_FORMATS = 65_536  # of cells; Excel has 65,490, and of numbers some hundred
_MOST_CELLS = 25_000_000  # of a sheet; also of different texts
_MOST_MERGED = 65_536  # cells of a sheet
_MOST_SHEETS = 10_000  # and parts that they refer to
_MOST_TEXTS = 200_000_000  # bytes of all shared texts, which are in memory
_MOST_UNPACKED = 1_000_000_000  # of all parts, unpacked; ten columns of all rows have 600 MB
_SHOWN, _TITLE = 20, 31  # sheets that a message names, and how much of each
_BUILTIN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # 18.8.30
_RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,9}):([A-Z]{1,3})([0-9]{1,9})")
_PIECE = 1 << 16  # bytes that are looked at together
_PLACE = re.compile(r"([A-Z]{1,3})[0-9]+")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_Raw = tuple[str, str, str]  # of a cell: kind, style, text


def read_cells(file: Path, path: str, sheet: str | None) -> Iterator[list[str]]:
    """Give the cells of every row of a sheet, by default of the first, as a person sees them.

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
            yield from _Workbook(packed, path).rows(sheet)
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"`{path}` is no workbook of the kind xlsx: {error}") from error


class _Workbook:
    """The parts of a workbook that its cells need."""

    def __init__(self, packed: zipfile.ZipFile, path: str) -> None:
        self._packed, self._path = packed, path
        self._names = {name.lstrip("/").lower(): name for name in packed.namelist()}
        main = self._first(self._relations_of(""), "officeDocument") or "xl/workbook.xml"
        relations = self._relations_of(main)
        self._is_1904 = False
        self._sheets: dict[str, str] = {}  # title: part
        self._read_main(main, relations)
        part = self._first(relations, "sharedStrings")
        self._texts = _Texts(self._events(part) if part else iter(()), path)
        self._dates, self._times = set[int](), set[int]()  # styles of cells
        if part := self._first(relations, "styles"):
            self._read_formats(part)

    def rows(self, title: str | None) -> Iterator[list[str]]:
        part = self._sheets.get(title) if title else next(iter(self._sheets.values()), None)
        if part is None:
            names = ", ".join(name[:_TITLE] for name in list(self._sheets)[:_SHOWN])
            raise IntegrityError(
                f"the workbook `{self._path}` has no sheet `{title or 1}`, it has: {names}"
            )
        what, total = f"the sheet in `{self._path}`", 0
        merged, is_header = self._merged(part, what), True
        going = dict[int, tuple[int, str]]()  # column: the last row of a merged cell, its text
        for number, row in _read_sheet(self._events(part), what):
            total += max(row, default=0)
            if total > _MOST_CELLS:
                raise too_much(what, _MOST_CELLS, "cells")
            found, size = [""] * max(row, default=0), 0
            for column, cell in row.items():
                found[column - 1] = self._text(*cell)
                size = _weighed(size, found[column - 1], f"a row of {what}")
            for column, last in merged.get(number, ()) if not is_header else ():
                going[column] = last, found[column - 1] if column <= len(found) else ""
            is_header = is_header and not any(map(str.strip, found))
            yield _with_merged(found, going, number) if going and any(found) else found

    def _merged(self, part: str, what: str) -> dict[int, list[tuple[int, int]]]:
        """Return the cells that go over several rows, by the first: their columns, last rows.

        They are named behind the rows, which are gone through twice where there are any.
        """
        with limits.member(self._packed, self._names[part.lower()], self._path) as stream:
            before = b""
            while piece := stream.read(_PIECE):
                if b"mergeCell" in before + piece:
                    break
                before = piece[-20:]
            else:
                return {}
        found, count = dict[int, list[tuple[int, int]]](), 0
        for around, name, given, _ in self._events(part):
            if given is None or (around, name) != ("mergeCells", "mergeCell"):
                continue
            count += 1
            if count > _MOST_MERGED:
                raise too_much(what, _MOST_MERGED, "merged cells")
            if place := _RANGE.fullmatch(given.get("ref", "")):
                first, last = int(place[2]), int(place[4])
                if first < last:
                    column = _column(f"{place[1]}{first}", 0, what)
                    found.setdefault(first, []).append((column, last))
        return found

    def _text(self, kind: str, style: str, text: str) -> str:
        match kind:
            case "s":  # a number of none is damage: that number in its place would be a label
                return self._texts.get(int(text))
            case "b":
                return "TRUE" if text in ("1", "true") else "FALSE"
            case "d":
                for read in (datetime.datetime.fromisoformat, datetime.time.fromisoformat):
                    with suppress(ValueError):
                        return _iso(read(text))
                return text  # neither date nor time: as it is written
            case "n":
                return self._number(text, int(style or 0))
            case "inlineStr":
                return text
            case _:  # the text of a formula or an error
                return _unescaped(text)

    def _number(self, text: str, style: int) -> str:
        try:
            number = float(text) if set(text) & set(".eE") else int(text)
        except ValueError:  # NaN, which some programs write: one cell is not the whole table
            return text
        if not isfinite(number):
            return text
        if style in self._dates or style in self._times:
            from openpyxl.utils.datetime import (  # type: ignore[import-untyped]  # it ships no types
                CALENDAR_MAC_1904,
                CALENDAR_WINDOWS_1900,
                from_excel,
            )

            epoch = CALENDAR_MAC_1904 if self._is_1904 else CALENDAR_WINDOWS_1900
            with suppress(OverflowError, ValueError):  # 10 ** 9 days: Excel shows `#####`
                return _iso(from_excel(number, epoch, timedelta=style in self._times))
        if isinstance(number, int):
            return str(number)
        whole = number.is_integer() and abs(number) < 1e16
        return str(int(number)) if whole else format(number, ".15g")  # as many as Excel shows

    def _read_main(self, part: str, relations: dict[str, tuple[str, str]]) -> None:
        for _, name, given, _ in self._events(part):
            if given is None:
                continue
            if name == "workbookPr" and given.get("date1904") in ("1", "true"):
                self._is_1904 = True
            if name == "sheet":
                id = next((value for key, value in given.items() if local_name(key) == "id"), "")
                kind, target = relations.get(id, ("", ""))
                if kind == "worksheet":  # others are charts
                    self._sheets[given.get("name", "")] = target
                if len(self._sheets) > _MOST_SHEETS:
                    raise too_much(f"the workbook `{self._path}`", _MOST_SHEETS, "sheets")

    def _read_formats(self, part: str) -> None:
        """Read which styles of cells show a date, and which a span of time."""
        kinds: dict[int, set[int] | None] = {}  # of formats of numbers: which set they belong to
        count = 0
        for around, name, given, _ in self._events(part):
            if given is None:
                continue
            number = int(given.get("numFmtId") or 0)
            if (around, name) == ("numFmts", "numFmt"):
                from openpyxl.styles.numbers import is_date_format, is_timedelta_format  # type: ignore[import-untyped]

                code = given.get("formatCode", "")
                is_date = self._dates if is_date_format(code) else None
                kinds[number] = self._times if is_timedelta_format(code) else is_date
            elif (around, name) == ("cellXfs", "xf"):
                default = self._dates if number in _BUILTIN_DATES else None
                if (kind := kinds.get(number, default)) is not None:
                    kind.add(count)
                count += 1
            if max(count, len(kinds)) > _MOST_FORMATS:
                raise too_much(f"the workbook `{self._path}`", _MOST_FORMATS, "formats of cells")

    def _first(self, relations: dict[str, tuple[str, str]], kind: str) -> str | None:
        """Return the part of a kind that there is: some programs name one and do not write it."""
        found = (part for each, part in relations.values() if each == kind)
        return next((part for part in found if part.lower() in self._names), None)

    def _relations_of(self, part: str) -> dict[str, tuple[str, str]]:
        """Return by id what a part of the workbook refers to: its kind, and which part it is."""
        folder, name = posixpath.split(part)
        own = f"{folder}/_rels/{name}.rels".lstrip("/")
        found: dict[str, tuple[str, str]] = {}
        for _, name, given, _ in self._events(own) if own.lower() in self._names else ():
            if name == "Relationship" and given is not None:
                target = posixpath.join("/" + folder, given.get("Target", ""))
                kind = given.get("Type", "").rpartition("/")[2]
                found[given.get("Id", "")] = kind, posixpath.normpath(target).lstrip("/")
                if len(found) > _MOST_SHEETS:
                    raise too_much(f"the workbook `{self._path}`", _MOST_SHEETS, "parts")
        return found

    def _events(self, part: str) -> Iterator[Event]:
        with limits.member(self._packed, self._names[part.lower()], self._path) as stream:
            yield from read_events(stream, f"`{part}` of `{self._path}`")


def _with_merged(cells: list[str], going: dict[int, tuple[int, str]], number: int) -> list[str]:
    """Fill in what a cell says that goes over this row too: a person sees it beside the others."""
    for column, (last, text) in list(going.items()):
        if number > last:
            del going[column]
            continue
        cells += [""] * (column - len(cells))
        cells[column - 1] = cells[column - 1] or text
    return cells


def _read_sheet(events: Iterator[Event], what: str) -> Iterator[tuple[int, dict[int, _Raw]]]:
    """Give the cells of each row that hold something, by column, and its number."""
    row: dict[int, _Raw] = {}
    saved: str | None = None  # what `v` holds
    inline: list[str] = []
    count = column = size = number = 0
    place = kind = style = ""
    for around, name, given, text in events:
        if given is not None and name == "row":
            row, column, size, count = {}, 0, 0, count + 1
            number = int(given.get("r") or number + 1)
            if max(count, number) > _MOST_ROWS:
                raise too_much(what, _MOST_ROWS, "rows")
        elif given is not None and (around, name) == ("row", "c"):
            place, kind, style = given.get("r", ""), given.get("t", "n"), given.get("s", "")
            column = _column(place, column + 1, what)
            saved, inline = None, []
        elif given is not None:
            continue
        elif (around, name) == ("c", "v"):
            size = _weighed(size, text, f"a row of {what}")
            saved = text if saved is None else saved
        elif _is_text(around, name, text):
            size = _weighed(size, text, f"a row of {what}")
            inline.append(_unescaped(text))
        elif (around, name) == ("row", "c"):
            cell = kind, style, "".join(inline) if kind == "inlineStr" else saved or ""
            if cell[2] and row.setdefault(column, cell) != cell:
                raise IntegrityError(f"{what} has two values of the cell `{place}`")
        elif name == "row":
            yield number, row


def _column(place: str, following: int, what: str) -> int:
    """Return the number of a cell's column; writers of streams leave places out."""
    number = following
    if found := _PLACE.fullmatch(place):
        number = 0
        for letter in found[1]:
            number = number * 26 + ord(letter) - 64
    if number > _MOST_COLUMNS:
        raise too_much(what, _MOST_COLUMNS, "columns")
    return number


def _weighed(size: int, text: str, what: str) -> int:
    """Add the weight of a text to that of others, which a row or a text of runs may have."""
    size += weight(text)
    if size > MOST_BYTES:
        raise too_much(what, MOST_BYTES, "bytes")
    return size


class _Texts:
    """The shared texts of a workbook, packed: as Python's own, two million take 200 MB."""

    def __init__(self, events: Iterator[Event], path: str) -> None:
        self._bytes, self._ends = bytearray(), array("I")
        what, pieces, size = f"the workbook `{path}`", list[str](), 0
        for around, name, given, text in events:
            if given is not None:
                continue
            if _is_text(around, name, text):
                size = _weighed(size, text, f"a text of `{path}`")
                pieces.append(_unescaped(text))
            elif name == "si":
                self._bytes += "".join(pieces).encode("utf-8", "surrogatepass")
                if len(self._bytes) > _MOST_TEXTS:
                    raise too_much(what, _MOST_TEXTS, "bytes of texts")
                self._ends.append(len(self._bytes))
                if len(self._ends) > _MOST_CELLS:
                    raise too_much(what, _MOST_CELLS, "texts")
                pieces, size = [], 0

    def get(self, number: int) -> str:
        if not 0 <= number < len(self._ends):
            raise ValueError(f"there is no shared text {number}")
        begin = self._ends[number - 1] if number else 0
        return self._bytes[begin : self._ends[number]].decode("utf-8", "surrogatepass")


def _is_text(around: str, name: str, text: str) -> bool:
    """Tell a piece of a string or of its runs from what helps to pronounce it."""
    return name == "t" and around in ("si", "is", "r") and bool(text)


def _iso(value: object) -> str:
    """Return a date without its midnight, a time, or a span of time."""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _unescaped(text: str) -> str:
    """Return a text whose letters that XML cannot hold are written as `_x000D_` (22.4.2.4)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
