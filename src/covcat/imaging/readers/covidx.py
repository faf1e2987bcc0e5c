"""COVIDx's lists of labels: `patientid filename class [source]`, parsed from the right.

Ids of patients have spaces in them (`COVID 119`), and lists mix rows with and without a source.
A name is known by the suffix of an image; classes and sources are what stands after it, since new
lists bring new ones (`level1` of COVIDxSev).
"""

import re
from collections.abc import Iterator

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import IMAGE_SUFFIXES, Row
from covcat.errors import IntegrityError
from covcat.imaging.readers.base import ReleaseFiles
from covcat.imaging.readers.limits import lines

_LINE = re.compile(
    r"(?P<patientid>\S|\S.*\S)[ \t]+"
    rf"(?P<filename>\S*(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))}))[ \t]+"
    r"(?P<class>\S+)(?:[ \t]+(?P<source>\S+))?",
    re.IGNORECASE,
)


def rows(table: LabelTable, source: ReleaseFiles) -> Iterator[Row]:
    """Give every row; one of another shape has a single cell, `line`."""
    for path in source.matching(table.path):
        yield from _of(path, table, source)


def _of(path: str, table: LabelTable, source: ReleaseFiles) -> Iterator[Row]:
    count = parsed = 0
    try:
        with (source.folder / path).open(encoding=table.encoding or "utf-8-sig") as stream:
            for line in lines(stream, path):
                if line.strip():
                    cells = _cells(line.rstrip("\n"))
                    count, parsed = count + 1, parsed + ("line" not in cells)
                    yield Row(cells, path)
    except (UnicodeError, LookupError) as error:
        raise IntegrityError(f"the table `{path}` cannot be read: {error}") from error
    if count and not parsed:
        raise IntegrityError(
            f"no line of `{path}` is one of COVIDx's: expected `patientid filename class [source]`"
        )


def _cells(line: str) -> dict[str, str]:
    found = _LINE.fullmatch(line.rstrip())
    return (
        {name: text for name, text in found.groupdict().items() if text}
        if found
        else {"line": line}
    )
