"""COVIDx's lists of labels: `patientid filename class [source]`, parsed from the right.

Ids of patients have spaces in them (`COVID 119`), and lists mix rows with and without a source.
A name is known by the suffix of an image; classes and sources are what stands after it, since new
lists bring new ones (`level1` of COVIDxSev).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import IMAGE_SUFFIXES, Row
from covcat.errors import IntegrityError
from covcat.imaging.readers.delimited import read_texts

LINE = re.compile(
    r"(?P<patientid>\S|\S.*\S)[ \t]+"
    rf"(?P<filename>\S*(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))}))[ \t]+"
    r"(?P<class>\S+)(?:[ \t]+(?P<source>\S+))?",
    re.IGNORECASE,
)


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give every row; one of another shape has a single cell, `line`."""
    count = parsed = 0
    try:
        for lines in read_texts(file, path, table):
            for line in filter(str.strip, lines):
                found = LINE.fullmatch(line.rstrip())
                named = found.groupdict() if found else {"line": line.rstrip("\r\n")}
                count, parsed = count + 1, parsed + bool(found)
                yield Row({name: text for name, text in named.items() if text}, path)
    except (UnicodeError, LookupError) as error:
        raise IntegrityError(f"the table `{path}` cannot be read: {error}") from error
    if count and not parsed:
        raise IntegrityError(
            f"no line of `{path}` is one of COVIDx's: expected `patientid filename class [source]`"
        )
