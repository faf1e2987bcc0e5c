"""Tables of delimited text: CSV, TSV, space separated.

Read with the standard library, not pandas: rows may have more cells than the header (unquoted
commas), unnamed and repeated columns, and bare newlines within quotes; all of it is kept.
"""

import csv
import sys
from collections.abc import Iterator, Sequence

from covcat.errors import IntegrityError
from covcat.model import LabelTable
from covcat.readers.source import Row, Source

_NAMED = {"tab": "\t", "space": " "}


def rows(table: LabelTable, source: Source) -> Iterator[Row]:
    """Give every row; further columns of one name are called `NAME#2`, cells beyond `#N`."""
    csv.field_size_limit(min(sys.maxsize, 1 << 30))
    for path in source.matching(table.path):
        yield from _of(path, table, source)


def _of(path: str, table: LabelTable, source: Source) -> Iterator[Row]:
    encoding = table.encoding or "utf-8-sig"
    delimiter = _NAMED.get(table.delimiter or ",", table.delimiter or ",")
    try:
        with (source.folder / path).open(encoding=encoding, newline="") as stream:
            lines = csv.reader(_without(stream, table.comment), delimiter=delimiter)
            names = unique(list(table.header) or next(lines, []))
            for cells in lines:
                if cells:
                    names = enough(names, len(cells))
                    yield Row(dict(zip(names, cells, strict=False)), path)
    except (UnicodeError, LookupError, csv.Error, TypeError) as error:  # TypeError: delimiter `ab`
        raise IntegrityError(f"the table `{path}` cannot be read: {error}") from error


def _without(lines: Iterator[str], comment: str | None) -> Iterator[str]:
    """Skip the lines of comment before the header."""
    is_before = comment is not None
    for line in lines:
        if is_before and line.startswith(comment or ""):
            continue
        is_before = False
        yield line


def unique(header: Sequence[str]) -> list[str]:
    """Return the names of columns so that no two are one: a cell must not hide another."""
    taken, last = set[str](), dict[str, int]()  # the number that a name had last
    names = []
    for name in header:
        own, number = name, last.get(name, 1)
        while own in taken:
            number += 1
            own = f"{name}#{number}"
        last[name] = number
        taken.add(own)
        names.append(own)
    return names


def enough(names: list[str], count: int) -> list[str]:
    """Return names for `count` cells: those of the header, then `#N` by place."""
    if count <= len(names):
        return names
    return unique(names + [f"#{number + 1}" for number in range(len(names), count)])
