"""Readers: one module for each kind of label table; a table -> rows of raw cells.

To add one: a module with `rows(table, source)`, a line in READERS,
a row in tests/imaging/test_readers.py.
What a column is called and means is the catalog's matter (`tables:`), not a reader's.
"""

import stat
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Protocol, cast

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.files import what_is
from covcat.imaging.readers.base import ReleaseFiles


class Reader(Protocol):
    """What a module of this folder offers."""

    def rows(self, table: LabelTable, source: ReleaseFiles) -> Iterator[Row]:
        """Give every row, with its cells unchanged.

        Raises:
            IntegrityError: the table is not one of this kind.
            UsageError: an extra of covcat is needed to read it.
        """
        ...


READERS: Mapping[str, str] = {
    "delimited": "covcat.imaging.readers.delimited",
    "sheet": "covcat.imaging.readers.sheet",
    "darwin": "covcat.imaging.readers.darwin",
    "covidx": "covcat.imaging.readers.covidx",
    "names": "covcat.imaging.readers.names",
    "dicom": "covcat.imaging.readers.dicom",
    "nifti": "covcat.imaging.readers.nifti",
}


def rows(table: LabelTable, source: ReleaseFiles) -> Iterator[Row]:
    """Give every row of a table of the catalog.

    Raises:
        IntegrityError: it cannot be read: a pipe in its place would block whoever reads.
    """
    for path in source.matching(table.path):
        status = (source.folder / path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise IntegrityError(f"`{path}`: expected a regular file, got {what_is(status)}")
    return cast("Reader", import_module(READERS[table.reader])).rows(table, source)
