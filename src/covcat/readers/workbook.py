"""The cells of one sheet of a workbook (xlsx), and nothing else of it.

Excel opens many workbooks that libraries refuse for their styles, names, properties or drawings.
Labels need none of these: only cells, shared texts, and which styles are dates (as openpyxl says).
The form is that of ECMA-376, part 1, chapter 18; one row at a time is in memory. Entities are no
danger: expat loads none from elsewhere, and ends those that grow.
"""

import datetime
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from covcat.errors import IntegrityError

_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384  # of Excel's own
_MOST_CELLS = 25_000_000
_MOST_KEPT = 200_000  # elements of a row, or of a part that is read as a whole
_MOST_BYTES = 200_000_000  # of all parts of a workbook, unpacked
_BUILTIN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # 18.8.30
_PLACE = re.compile(r"([A-Z]{1,3})[0-9]+")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
Cell = str | float | bool | datetime.date | datetime.time | datetime.timedelta | None


def cells(file: Path, path: str, sheet: str | None) -> Iterator[Sequence[Cell]]:
    """Give the cells of every row of a sheet that has any, by default of the first.

    Raises:
        IntegrityError: it is no workbook, has no such sheet, or is larger than Excel's own.
        Exception: any other, where it is damaged: zipfile's, ElementTree's, ValueError and more.
    """
    try:
        packed = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"`{path}` is no workbook of the kind xlsx: {error}") from error
    with packed:
        size = sum(one.file_size for one in packed.infolist())
        if size > _MOST_BYTES:
            raise IntegrityError(
                f"the workbook `{path}` unpacks to {size} bytes, covcat reads up to {_MOST_BYTES}"
            )
        book = _Book(packed, path)
        with packed.open(book.sheet(sheet)) as stream:
            yield from book.rows(stream)


class _Book:
    """The parts of a workbook that its cells need."""

    def __init__(self, packed: zipfile.ZipFile, path: str) -> None:
        self._packed, self._path = packed, path
        self._names = {name.lstrip("/").lower(): name for name in packed.namelist()}
        (main,) = self._related("", "officeDocument") or ["xl/workbook.xml"]
        self._tree = self._parsed(main)
        self._relations = self._relations_of(main)
        self._is_1904 = any(
            one.get("date1904") in ("1", "true") for one in _all(self._tree, "workbookPr")
        )
        self._texts = [
            text for name in self._related(main, "sharedStrings") for text in self._shared(name)
        ]
        styles = self._related(main, "styles")
        self._dates, self._times = self._formats(styles[0]) if styles else (set(), set())

    def sheet(self, title: str | None) -> str:
        """Return the part of a sheet."""
        known: dict[str, str] = {}
        for one in _all(self._tree, "sheet"):
            id = next((value for key, value in one.items() if _local(key) == "id"), "")
            kind, part = self._relations.get(id, ("", ""))
            if kind == "worksheet":  # others are charts
                known[one.get("name", "")] = part
        chosen = known.get(title) if title else next(iter(known.values()), None)
        if chosen is None:
            raise IntegrityError(
                f"the workbook `{self._path}` has no sheet `{title or 1}`, "
                f"it has: {', '.join(known)}"
            )
        return self._name(chosen)

    def rows(self, stream: IO[bytes]) -> Iterator[list[Cell]]:
        """Give the cells of every row that has any."""
        rows = total = 0
        for _, one in self._elements(stream, "row"):
            found = self._row(one)
            rows, total = rows + 1, total + len(found)
            if max(rows, int(one.get("r") or 0)) > _MOST_ROWS or total > _MOST_CELLS:
                raise self._too_large()
            yield found

    def _elements(self, stream: IO[bytes], *names: str) -> Iterator[tuple[str, Element]]:
        """Give elements of these names, each with its parent's; none is kept after its turn."""
        parents: list[Element] = []
        kept = 0
        events = ElementTree.iterparse(stream, ("start", "end"))  # noqa: S314 -- see above
        for event, one in events:
            if event == "start":
                parents.append(one)
                kept += 1
                if kept > _MOST_KEPT:
                    raise self._too_large()
            else:
                parents.pop()
                if parents and _local(one.tag) in names:
                    yield _local(parents[-1].tag), one
                    parents[-1].remove(one)
                    kept = len(parents)

    def _row(self, row: Element) -> list[Cell]:
        found: list[Cell] = []
        for one in row:
            if _local(one.tag) == "c":
                place = _PLACE.fullmatch(one.get("r", ""))
                column = _number(place[1]) if place else len(found) + 1
                if not len(found) < column <= _MOST_COLUMNS:
                    raise self._too_large()
                found += [None] * (column - 1 - len(found)) + [self._value(one)]
        return found

    def _value(self, one: Element) -> Cell:
        kind, text = (
            one.get("t", "n"),
            next((_text(each) for each in one if _local(each.tag) == "v"), None),
        )
        if kind == "inlineStr":
            return "".join(_text_of(each) for each in one if _local(each.tag) == "is")
        if not text:
            return None
        match kind:
            case "s":
                return self._shared_text(int(text))
            case "b":
                return text in ("1", "true")
            case "d":
                return datetime.datetime.fromisoformat(text)
            case "n":
                return self._number(text, int(one.get("s") or 0))
            case _:  # the text of a formula or an error
                return _unescaped(text)

    def _shared_text(self, number: int) -> str:
        if number < 0:
            raise ValueError(f"there is no shared text {number}")
        return self._texts[number]

    def _number(self, text: str, style: int) -> Cell:
        number = float(text) if set(text) & set(".eE") else int(text)
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

    def _formats(self, part: str) -> tuple[set[int], set[int]]:
        """Return which styles of cells show a date, and which a span of time."""
        from openpyxl.styles.numbers import is_date_format, is_timedelta_format  # type: ignore[import-untyped]

        codes: dict[int, str] = {}
        dates, times = set[int](), set[int]()
        count = 0
        with self._packed.open(self._name(part)) as stream:
            for parent, one in self._elements(stream, "numFmt", "xf"):
                number = int(one.get("numFmtId") or 0)
                code = codes.get(number)
                if parent == "numFmts":
                    codes[number] = one.get("formatCode", "")
                elif parent == "cellXfs":
                    if code is not None and is_timedelta_format(code):
                        times.add(count)
                    elif number in _BUILTIN_DATES if code is None else is_date_format(code):
                        dates.add(count)
                    count += 1
        return dates, times

    def _shared(self, part: str) -> Iterator[str]:
        with self._packed.open(self._name(part)) as stream:
            for _, one in self._elements(stream, "si"):
                yield _text_of(one)

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
        if own.lower() not in self._names:
            return {}
        return {
            one.get("Id", ""): (
                one.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/" + folder, one.get("Target", ""))).lstrip("/"),
            )
            for one in self._parsed(own)
        }

    def _parsed(self, part: str) -> Element:
        with self._packed.open(self._name(part)) as stream:
            return ElementTree.parse(stream).getroot()  # noqa: S314 -- see above

    def _name(self, part: str) -> str:
        return self._names[part.lower()]

    def _too_large(self) -> IntegrityError:
        return IntegrityError(
            f"the sheet in `{self._path}` has more than {_MOST_ROWS} rows or {_MOST_CELLS} cells"
        )


def _all(tree: Element, name: str) -> Iterator[Element]:
    return (one for one in tree.iter() if _local(one.tag) == name)


def _local(tag: str) -> str:
    """Return a name without its namespace: of strict and transitional workbooks these differ."""
    return tag.rpartition("}")[2]


def _text_of(one: Element) -> str:
    """Return the text of a string or its runs, without what helps to pronounce it."""
    found = ""
    for part in one:
        if _local(part.tag) == "t":
            found += _unescaped(_text(part))
        elif _local(part.tag) == "r":
            found += _text_of(part)
    return found


def _text(one: Element) -> str:
    return one.text or ""


def _unescaped(text: str) -> str:
    """Return a text whose letters that XML cannot hold are written as `_x000D_` (22.4.2.4)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
