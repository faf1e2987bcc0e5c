"""Readers: one module for each kind of label table; a table -> rows of raw cells.

To add one: a module with `read_rows(path, file, table)`, a line in READERS, its word in
`catalog.entries.Reader`, a row in tests/imaging/test_readers.py. It gives every row of one file
with its cells unchanged; `path` is the file's name in the release. What it cannot read is an
IntegrityError, an extra of covcat that is not installed a UsageError.
What a column is called and means is the catalog's matter (`tables:`), not a reader's.
"""

import stat
from collections.abc import Iterator, Mapping
from importlib import import_module
from shlex import quote

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.files import what_is
from covcat.imaging.readers.base import ReleaseFiles

READERS: Mapping[str, str] = {
    "delimited": "covcat.imaging.readers.delimited",
    "sheet": "covcat.imaging.readers.sheet",
    "darwin": "covcat.imaging.readers.darwin",
    "coco": "covcat.imaging.readers.coco",
    "covidx": "covcat.imaging.readers.covidx",
    "names": "covcat.imaging.readers.names",
    "dicom": "covcat.imaging.readers.dicom",
    "nifti": "covcat.imaging.readers.nifti",
}


def read_rows(table: LabelTable, source: ReleaseFiles) -> Iterator[Row]:
    """Give every row of a table of the catalog, which may be several files.

    A pipe in the place of one would block whoever reads it.
    """
    reader = import_module(READERS[table.reader])
    for path in source.matching(table.path):
        file = source.folder / path
        try:
            status = file.stat()
        except FileNotFoundError as error:  # damage of the release, and no fault of writing
            name = f"{source.folder.parents[1].name}@{source.folder.parent.name}"
            text, hint = f"`{path}` of `{name}` is missing", f"covcat verify {quote(name)} --repair"
            raise IntegrityError(text, hint=hint) from error
        if not stat.S_ISREG(status.st_mode):
            raise IntegrityError(f"`{path}`: expected a regular file, got {what_is(status)}")
        yield from reader.read_rows(path, file, table)
