"""COVIDx's lists of labels: `patientid filename class [source]`, parsed from the right.

Ids of patients have spaces in them (`COVID 119`), and lists mix rows with and without a source.
"""

from collections.abc import Iterator

from covcat.errors import IntegrityError
from covcat.model import LabelTable
from covcat.readers.source import Row, Source

_CLASSES = {"normal", "pneumonia", "COVID-19", "negative", "positive"}
# As written: 199 rows of version 9 have the typo `rnsa`.
_SOURCES = {
    *("cohen", "fig1", "actmed", "sirm", "rsna", "rnsa"),
    *("bimcv", "stonybrook", "ricord", "midrc"),
}


def rows(table: LabelTable, source: Source) -> Iterator[Row]:
    """Give every row; one of another shape has a single cell, `line`."""
    for path in source.matching(table.path):
        yield from _of(path, table, source)


def _of(path: str, table: LabelTable, source: Source) -> Iterator[Row]:
    count = parsed = 0
    try:
        with (source.folder / path).open(encoding=table.encoding or "utf-8-sig") as stream:
            for line in stream:
                if text := line.rstrip("\n"):
                    cells = _cells(text)
                    count, parsed = count + 1, parsed + ("line" not in cells)
                    yield Row(cells, path)
    except (UnicodeError, LookupError) as error:
        raise IntegrityError(f"the table `{path}` cannot be read: {error}") from error
    if count and not parsed:
        raise IntegrityError(
            f"no line of `{path}` is one of COVIDx's: expected `patientid filename class [source]`"
        )


def _cells(line: str) -> dict[str, str]:
    parts = line.rstrip().split(" ")
    has_source = len(parts) > 3 and parts[-1] in _SOURCES and parts[-2] in _CLASSES
    found = {"source": parts.pop()} if has_source else {}
    if len(parts) < 3 or parts[-1] not in _CLASSES or not all((parts[0], parts[-2])):
        return {"line": line}
    *patient, filename, kind = parts
    return {"patientid": " ".join(patient), "filename": filename, "class": kind, **found}
