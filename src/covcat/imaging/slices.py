"""Slices of a DICOM series whose files have no numbers, or one number twice -> their places.

The place is that along the normal of the slices (PS3.3, C.7.6.2.1.1), else `SliceLocation`. Where
some slice has neither, or two lie in one place, nobody knows the order, and it stays blank.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby

_ALIKE = 1e-3  # of a direction: that much, scanners write it differently
_UNORDERED = """
SELECT series, path, raw, rowid FROM images
WHERE path NOT NULL AND coalesce(slices, 1) = 1 AND series IN (
  SELECT series FROM images
  WHERE path NOT NULL AND series NOT NULL AND coalesce(slices, 1) = 1
  GROUP BY series HAVING count(DISTINCT path) > count(DISTINCT slice)
) ORDER BY series, path
"""


def order(base: sqlite3.Connection) -> None:
    """Number the slices of each series that its files do not number."""
    found = base.execute(_UNORDERED)
    for _, rows in groupby(found, key=lambda row: row[0]):
        slices = [[*same] for _, same in groupby(rows, key=lambda row: row[1])]
        places = _places([same[0][2] for same in slices])
        in_order = sorted(range(len(places)), key=places.__getitem__)
        ranks = {number: rank for rank, number in enumerate(in_order, 1)}
        numbers = [
            (ranks.get(number), row[3]) for number, same in enumerate(slices) for row in same
        ]
        base.executemany("UPDATE images SET slice = ? WHERE rowid = ?", numbers)


def _places(raws: Sequence[str]) -> list[float]:
    """Return where each slice lies, in millimetres along one line; nothing if one is not known."""
    headers = [_header(raw) for raw in raws]
    for places in (_along_normal(headers), [_numbers(one, "SliceLocation", 1) for one in headers]):
        known = [place[0] for place in places if place]
        if len(set(known)) == len(raws):
            return known
    return []


def _along_normal(headers: Iterable[dict[str, str]]) -> list[list[float]]:
    """Return the place of each slice along the normal of all; nothing of one that lies askew."""
    found: list[list[float]] = []
    first: list[float] = []
    for header in headers:
        at = _numbers(header, "ImagePositionPatient", 3)
        ways = _numbers(header, "ImageOrientationPatient", 6)
        first = first or ways
        if not (at and ways) or math.dist(ways, first) > _ALIKE:
            return []
        (a, b, c), (d, e, f) = ways[:3], ways[3:]
        found.append([at[0] * (b * f - c * e) + at[1] * (c * d - a * f) + at[2] * (a * e - b * d)])
    return found


def _header(raw: str) -> dict[str, str]:
    rows = [row for row in json.loads(raw).values() if isinstance(row, dict)]
    return next((row for row in rows if "SeriesInstanceUID" in row), {})


def _numbers(header: dict[str, str], keyword: str, count: int) -> list[float]:
    """Return the numbers of a DICOM value; none unless it has just so many."""
    try:
        found = [float(one) for one in header.get(keyword, "").split("\\")]
    except ValueError:
        return []
    return found if len(found) == count and all(map(math.isfinite, found)) else []
