"""Contact sheets: some pictures of each finding and view, with all that their rows say.

Which ones, the digest of their ids decides: the same page shows the same pictures, and no order
of a table is favoured. A picture is shown only where every row of it has a licence that allows
redistribution, or the user asked for a page of their own.
"""

import hashlib
import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from covcat.catalog.columns import NAMES, Record
from covcat.imaging.cohort import IndexedRelease
from covcat.imaging.people import names_people
from covcat.progress import Progress
from covcat.report.rendering import data_address
from covcat.report.scope import Scope
from covcat.report.tallies import UNKNOWN
from covcat.report.terms import pictures_to_show
from covcat.report.thumbnails import MEDIA_TYPE, Thumbnail, make_thumbnails

A_GROUP = 8  # pictures of one finding and view, unless the user says otherwise
MOST = 180  # of all groups together, unless the user says otherwise
MOST_GROUPS = 60
_OWN = ("image_id", "sha256", "bytes", "raw", "resource", "release", "path", "matched")
_MOST_ROWS = 4  # of one picture, that are told
_CELLS = 40  # of the raw row of a picture


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on a sheet."""

    id: str  # in the page
    image_id: str
    release: str  # ID@RELEASE
    path: str
    address: Any  # of its small picture, which holds it; None where there is none
    width: int
    height: int
    lack: str  # why there is no picture
    slice: int | None
    labels: tuple[tuple[str, object], ...]
    raw: tuple[tuple[str, object], ...]


@dataclass(slots=True)
class Sheet:
    """The pictures of one finding and view."""

    finding: str
    view: str
    images: int = 0
    allowed: int = 0  # that may be shown
    shown: list[Shown] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sheets:
    """All sheets of a page."""

    sheets: tuple[Sheet, ...]
    others: int  # further groups, without a sheet
    images_of_others: int
    refused: int  # pictures whose licence does not allow that they are shown
    is_own: bool  # the user asked for all: the page is for their own use


def make_sheets(scope: Scope, progress: Progress, *, a_group: int | None, is_own: bool) -> Sheets:
    """Choose pictures, and make them small."""
    groups: dict[tuple[str, str], Sheet] = {}
    first: dict[tuple[str, str], list[tuple[int, int, IndexedRelease, str]]] = {}
    refused = number = 0
    for part in scope.parts:
        may_be_shown = pictures_to_show(part, is_own=is_own)
        text = "SELECT DISTINCT path, finding, view FROM images WHERE path NOT NULL AND"
        for row in scope.of_part(part, text):
            number += 1
            path, key = str(row["path"]), (_named(row, "finding"), _named(row, "view"))
            sheet = groups.setdefault(key, Sheet(*key))
            sheet.images += 1
            if path not in may_be_shown:
                refused += 1
                continue
            sheet.allowed += 1
            rank = hashlib.sha256(f"{part.name}:{path}".encode("utf-8", "surrogatepass")).digest()
            kept = first.setdefault(key, [])
            one = (-int.from_bytes(rank[:8]), number, part, path)
            if len(kept) < (a_group or A_GROUP):
                heapq.heappush(kept, one)
            else:
                heapq.heappushpop(kept, one)
    ordered = sorted(groups.values(), key=lambda one: (-one.images, one.finding, one.view))
    most, others = ordered[:MOST_GROUPS], ordered[MOST_GROUPS:]
    each = _evenly([one.allowed for one in most], a_group)
    chosen = {
        (one.finding, one.view): sorted(first.get((one.finding, one.view), ()), reverse=True)[:each]
        for one in most
    }
    _fill(most, chosen, progress)
    lost = sum(one.images for one in others)
    return Sheets(tuple(most), len(others), lost, refused, is_own)


def _named(row: Record, column: str) -> str:
    return str(row[column] or UNKNOWN)


def _evenly(sizes: list[int], a_group: int | None) -> int:
    """Return how many pictures each group may show, so that the page stays small."""
    if a_group is not None:
        return a_group
    fitting = [n for n in range(1, A_GROUP + 1) if sum(min(n, size) for size in sizes) <= MOST]
    return max(fitting, default=1)


def _fill(
    sheets: list[Sheet],
    chosen: Mapping[tuple[str, str], list[tuple[int, int, IndexedRelease, str]]],
    progress: Progress,
) -> None:
    """Give the sheets their pictures."""
    places = [(part, path) for kept in chosen.values() for _, _, part, path in kept]
    records = _records(places)
    files = {(part.name, path): part.folder / "files" / path for part, path in places}
    sizes = [(file, int(records[key][0]["bytes"] or 0)) for key, file in files.items()]
    small = make_thumbnails(sizes, progress)
    number = 0
    for sheet in sheets:
        for _, _, part, path in chosen[sheet.finding, sheet.view]:
            number += 1
            key = (part.name, path)
            sheet.shown.append(_shown(f"picture-{number}", part, records[key], small[files[key]]))


def _records(places: Sequence[tuple[IndexedRelease, str]]) -> dict[tuple[str, str], list[Record]]:
    """Return the rows of pictures, by ID@RELEASE and path; of each at most a few."""
    asked: dict[str, tuple[IndexedRelease, list[str]]] = {}
    for part, path in places:
        asked.setdefault(part.name, (part, []))[1].append(path)
    found: dict[tuple[str, str], list[Record]] = {}
    for name, (part, paths) in asked.items():  # one look through the rows: they have no order
        condition = f"path IN ({', '.join('?' * len(paths))})"
        text = f"SELECT {', '.join(NAMES)} FROM images WHERE {condition} ORDER BY rowid"  # noqa: S608
        for record in part.index.rows(text, paths):
            rows = found.setdefault((name, str(record["path"])), [])
            if len(rows) < _MOST_ROWS:
                rows.append(record)
    return found


def _shown(id: str, part: IndexedRelease, records: list[Record], small: Thumbnail | str) -> Shown:
    """Put together what a picture says."""
    record, has_picture = records[0], isinstance(small, Thumbnail)
    labels: list[tuple[str, object]] = []
    for name in NAMES:
        values = dict.fromkeys(one[name] for one in records if one[name] not in (None, ""))
        if values and name not in _OWN:
            told = next(iter(values)) if len(values) == 1 else " | ".join(map(str, values))
            labels.append((name, told))
    return Shown(
        id=id,
        image_id=str(record["image_id"]),
        release=part.name,
        path=str(Path(part.folder.parent.name, part.folder.name, "files", str(record["path"]))),
        address=data_address(small.data, MEDIA_TYPE) if isinstance(small, Thumbnail) else None,
        width=small.width if isinstance(small, Thumbnail) else 0,
        height=small.height if isinstance(small, Thumbnail) else 0,
        lack="" if has_picture else str(small),
        slice=small.slice if isinstance(small, Thumbnail) else None,
        labels=tuple(labels),
        raw=tuple(_raw_cells(records)),
    )


def _raw_cells(records: list[Record]) -> list[tuple[str, object]]:
    """Return the cells of a picture's rows as its source has them, but for who a person is."""
    found: list[tuple[str, object]] = []
    for record in records:
        rows: Mapping[str, Any] = json.loads(str(record["raw"] or "{}"))
        for row in rows.values():
            cells = row.items() if isinstance(row, dict) else ()
            found += [
                (str(column), str(cell))
                for column, cell in cells
                if str(cell).strip() and not names_people(str(column))
            ]
    if len(found) > _CELLS:
        found = [*found[:_CELLS], ("…", f"{len(found) - _CELLS:,} further cells")]
    return found
