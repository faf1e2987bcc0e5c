"""Tables of delimited text: CSV, TSV, space separated; as they are, in gzip or in a zip.

Read with the standard library, not pandas: rows may have more cells than the header (unquoted
commas), unnamed and repeated columns, and bare newlines within quotes; all of it is kept.
A quote that is not closed, or goes on after its end, is damage: it would move cells of other rows.
"""

import csv
import gzip
import io
import sys
import zipfile
from collections.abc import Container, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TextIO

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.imaging.readers.limits import MOST_BYTES, MOST_COLUMNS, too_much, weight
from covcat.names import is_litter

_NAMED = {"tab": "\t", "space": " "}
_QUOTES = 'where `"` is a letter like any other, the entry says `quote: none`'
_GZIP = b"\x1f\x8b"
_SHOWN = 20  # members that a message names
_BROKEN = (*limits.DAMAGED_ZIP, gzip.BadGzipFile)


def delimiter_of(table: LabelTable) -> str:
    """Return what stands between the cells of a table."""
    return _NAMED.get(table.delimiter or ",", table.delimiter or ",")


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give every row that is not blank.

    Further columns of one name are called `NAME#2`, cells beyond the header `#N`.
    """
    csv.field_size_limit(min(sys.maxsize, 1 << 30))
    try:
        for lines in read_texts(file, path, table):
            yield from _read_table(lines, path, table)
    except (UnicodeError, LookupError, TypeError) as error:  # TypeError: the delimiter `ab`
        raise IntegrityError(f"the table `{path}` cannot be read: {error}") from error


def _read_table(lines: Iterator[str], path: str, table: LabelTable) -> Iterator[Row]:
    between = delimiter_of(table)
    records = _records(lines, path, table)
    names = unique(list(table.header) or next(records, ([], 0, []))[0])
    width = len(names)
    for cells, first, own in records:
        if not any(map(str.strip, cells)):
            continue
        # A pair of stray quotes made one record of several if each of its lines has as many
        # cells as the table, of three or more, and none a blank after a comma.
        is_prose = len(own) < 2 or any(f"{between} " in line for line in own)
        if not is_prose and all(line.count(between) == width - 1 > 1 for line in own):
            raise _mismatch(path, first)
        cells += [""] * (len(names) - len(cells))  # what a row leaves out is blank
        names = enough(names, len(cells))
        yield Row(dict(zip(names, cells, strict=False)), path)


def _records(
    stream: Iterator[str], path: str, table: LabelTable
) -> Iterator[tuple[list[str], int, list[str]]]:
    """Give the cells of every line or quoted lines that have any, the first one's number, these."""
    own: list[str] = []

    def kept() -> Iterator[str]:
        size, is_before = 0, table.comment is not None
        for line in stream:
            is_before = is_before and line.startswith(table.comment or "")
            # comments before the header are blank lines, which still count
            text = "\n" if is_before else line
            size = weight(text) + (size if own else 0)
            if size > MOST_BYTES:
                what = f"the row of `{path}` that begins in line {first}"
                raise too_much(what, MOST_BYTES, "bytes", cause=_QUOTES)
            own.append(text)
            yield text

    reader = csv.reader(
        kept(),
        delimiter=delimiter_of(table),
        quoting=csv.QUOTE_NONE if table.quote == "none" else csv.QUOTE_MINIMAL,
        strict=True,
    )
    first = 1  # line of the record
    try:
        for cells in reader:
            if len(cells) > MOST_COLUMNS:
                raise too_much(f"line {first} of `{path}`", MOST_COLUMNS, "columns")
            if cells:
                yield cells, first, own.copy()
            own.clear()
            first = reader.line_num + 1
    except csv.Error as error:
        raise _mismatch(path, first) from error


def _mismatch(path: str, first: int) -> IntegrityError:
    return IntegrityError(
        f"the table `{path}` is damaged: the quotes of the record that begins in line {first} do "
        "not match",
        cause=_QUOTES,
    )


def unique(header: Sequence[str]) -> list[str]:
    """Return the names of columns so that no two are one: a cell must not hide another."""
    taken, last = dict[str, None](), dict[str, int]()
    for name in header:
        taken[numbered(name, taken, last)] = None
    return [*taken]


def numbered(name: str, taken: Container[str], last: dict[str, int]) -> str:
    """Return a name that is not taken: itself, `NAME#2` …; `last` has the number of each before."""
    free, number = name, last.get(name, 1)
    while free in taken:
        number += 1
        free = f"{name}#{number}"
    last[name] = number
    return free


def enough(names: list[str], count: int) -> list[str]:
    """Return names for `count` cells: those of the header, then `#N` by place."""
    if count <= len(names):
        return names
    return unique(names + [f"#{number + 1}" for number in range(len(names), count)])


def read_texts(file: Path, path: str, table: LabelTable) -> Iterator[Iterator[str]]:
    """Give the lines of each table in a file, with their ends; nothing of it is in memory whole.

    Raises:
        IntegrityError: it is damaged, or holds no member that the entry names.
    """
    encoding = table.encoding or "utf-8-sig"
    try:
        if table.member is None:
            with _open(file, encoding) as text:
                yield _lines(text, path)
            return
        with limits.unzipped(file, path) as packed:
            for one in _members(packed, path, table.member):
                with (
                    limits.member(packed, one, path) as stream,
                    io.TextIOWrapper(stream, encoding, newline="") as text,
                ):
                    yield _lines(text, f"{path}/{one.filename}")
    except _BROKEN as error:
        raise _damage(path, error) from error


def _lines(text: TextIO, path: str) -> Iterator[str]:
    try:
        yield from limits.lines(text, path)
    except _BROKEN as error:
        raise _damage(path, error) from error


def _damage(path: str, error: Exception) -> IntegrityError:
    return IntegrityError(f"the table `{path}` cannot be unpacked: {error}")


def _open(file: Path, encoding: str) -> TextIO:
    with file.open("rb") as stream:
        is_packed = stream.read(2) == _GZIP
    if is_packed:
        return gzip.open(file, "rt", encoding=encoding, newline="")
    return file.open(encoding=encoding, newline="")


def _members(packed: zipfile.ZipFile, path: str, glob: str) -> list[zipfile.ZipInfo]:
    names = [one for one in packed.infolist() if not (one.is_dir() or is_litter(one.filename))]
    found = [one for one in names if fnmatchcase(one.filename, glob)]
    if not found:
        shown = ", ".join(f"`{one.filename}`" for one in names[:_SHOWN])
        raise IntegrityError(f"the zip `{path}` has no `{glob}`, it has: {shown or 'nothing'}")
    return found
