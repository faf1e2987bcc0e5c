"""Series of a release: what was taken at once of a patient, as folders of objects in a bucket.

One row each, gzipped TSV: patient, study, modality, series (the UIDs of DICOM), the uuid below
which its objects are, how many there are, and their bytes. The objects themselves are listed by
their host.
"""

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from covcat.catalog.entries import Contents
from covcat.catalog.listing import read_rows, read_size, write_rows
from covcat.errors import IntegrityError
from covcat.names import unsafe_name

HEADER = "patient\tstudy\tmodality\tseries\tuuid\tobjects\tbytes\n"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Series:
    """One of them."""

    patient: str
    study: str
    modality: str
    uid: str
    uuid: str
    objects: int
    bytes: int

    @property
    def path(self) -> str:
        """Return the folder below `files/` that its objects go to, as IDC's own tools lay them."""
        return f"{self.patient}/{self.study}/{self.modality}_{self.uid}"


SeriesTable = dict[str, Series]  # by path


def read(path: Path) -> SeriesTable:
    """Read a list of series; IntegrityError if it is missing, damaged or none."""
    found: SeriesTable = {}
    for place, cells in read_rows(path, HEADER):
        counts = [read_size(cell, place) for cell in cells[5:]]
        one = Series(*cells[:5], *counts)  # type: ignore[arg-type]
        if not _UUID.fullmatch(one.uuid):
            raise IntegrityError(f"{place}: expected a uuid, got `{one.uuid[:40]}`")
        if reason := unsafe_name(one.path) or (
            "one `/` too many" if one.path.count("/") > 2 else ""
        ):
            raise IntegrityError(f"{place}: `{one.path}` is no place for a series: {reason}")
        if one.path in found:
            raise IntegrityError(f"{place}: the series `{one.path}` is there twice")
        found[one.path] = one
    return found


def write(path: Path, rows: Iterable[Series]) -> None:
    """Write a list of series, sorted by path."""
    write_rows(path, HEADER, map(astuple, sorted(rows, key=lambda one: one.path)))


def totals(table: Iterable[Series]) -> Contents:
    """Count objects and bytes."""
    rows = list(table)
    return Contents(files=sum(one.objects for one in rows), bytes=sum(one.bytes for one in rows))
