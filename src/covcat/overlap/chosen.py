"""What a table or anybody's lists name -> which rows of which releases are meant.

A table that covcat wrote names its rows, which must be here; a list names pictures, by their paths,
names or bytes as `split check` finds them, and those that are here are meant.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from covcat.catalog.columns import Record
from covcat.errors import IntegrityError, NotFoundError, UsageError
from covcat.files import disk_errors, opened
from covcat.imaging.cohort import COUNTED, Cohort
from covcat.imaging.elsewhere import place_of
from covcat.imaging.opening import Index
from covcat.imaging.query import Question
from covcat.overlap import leaks, lists
from covcat.overlap.lists import Listed
from covcat.overlap.split import SIDES
from covcat.text import plural

_TABLES = ("split.csv", "cohort.csv")  # of a folder
_SUFFIXES = (".csv", ".tsv", ".parquet")  # of tables
_NEEDED = ("image_id", "resource", "release")
_ASKED = (*_NEEDED, "split", "path", "patient_id", "found_in", "found_path")
_MOST_BYTES = 1 << 30
_NAMED = 3  # pictures on two sides
_ROW = "resource || '@' || release || ' ' || image_id"
_PICTURE = "resource || '@' || release || ' ' || path"
_NO_SIDE = "(no side)"
_HINT = "covcat select cohen --covid yes --output cohort"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that a table names, or the pictures that a list does."""

    of: str  # as the page says it
    releases: tuple[str, ...]  # ID@RELEASE
    keys: frozenset[str]  # `ID@RELEASE image_id`, or the path of a picture
    sides: tuple[tuple[str, int, int], ...]  # of a split: side, pictures, patients
    by: str = _ROW  # what a key is, in SQL
    lost: tuple[str, ...] = ()  # names of a list of which no picture is here
    said: Mapping[str, frozenset[str]] = field(default_factory=dict)  # sides of each picture
    found: bool = False  # pictures may lie in other sets than the rows

    @property
    def question(self) -> Question:
        """Return what asks an index for these rows."""
        texts = ", ".join("'" + key.replace("'", "''") + "'" for key in sorted(self.keys))
        where = f"{self.by} IN ({texts})"
        return Question(where=where, with_files_only=False, found=self.found)

    def sides_of_training(self) -> Callable[[Record], str] | None:
        """Return what says which side a picture is on: train, val or test; None if nobody says.

        Raises:
            UsageError: some have no side, or another one.
            IntegrityError: some are on two.
        """
        every = {side for sides in self.said.values() for side in sides}
        if not every - {""}:
            return None
        if strange := sorted(every - {*SIDES}):
            other = next(filter(None, strange), None)
            what = f"the side `{other}`" if other else "no side for some pictures"
            raise UsageError(
                f"`{self.of}` has {what}: expected {', '.join(SIDES)}",
                hint="give each row one of these, or none of them any",
            )
        if several := [key for key, sides in self.said.items() if len(sides) > 1]:
            raise IntegrityError(
                f"{plural(len(several), 'picture')} of `{self.of}` on two sides: expected one each",
                details=several[:_NAMED],
                hint="covcat split check LISTS says which names these are",
            )
        sides = {key: next(iter(its)) for key, its in self.said.items()}
        return lambda record: sides[_key_of(place_of(record))]


@dataclass(frozen=True, slots=True)
class NamedRows:
    """The rows of lists, whose pictures are still to be found."""

    of: str
    rows: Sequence[Listed]


def read_chosen(paths: Sequence[Path]) -> Chosen | NamedRows:
    """Read the table of a cohort or a split, or of the folder of one; else lists.

    Raises:
        UsageError: it is neither a table with the columns that name rows, nor a list.
    """
    of = ", ".join(map(str, paths))
    if len(paths) == 1:
        (path,) = paths
        tables = [path / one for one in _TABLES] if path.is_dir() else [path]
        table = next((one for one in tables if one.is_file()), None)
        if table and table.suffix.lower() in _SUFFIXES and (found := _read_table(table, of)):
            return found
    rows = lists.read_lists(paths, fewest=1, unsaid=_NO_SIDE)
    return NamedRows(of, rows)


def find_named(named: NamedRows, indexes: Sequence[Index], *, is_asked: bool) -> Chosen:
    """Return the pictures of lists that are here; `is_asked` says that these are their releases.

    Raises:
        NotFoundError: none is here.
    """
    found = leaks.match(named.rows, leaks.records_of(indexes), is_asked=is_asked)
    known = [one for one in found.known if one.picture]
    if not known:
        raise NotFoundError(
            f"no picture that `{named.of}` names is here: got {len(found.known):,} names"
            + (f", {found.ambiguous:,} of which several pictures have" if found.ambiguous else ""),
            hint="an ID beside --of says of which release they are",
        )
    rows = [
        {
            "key": f"{one.of('of_set')} {one.of('path')}",
            "split": "" if one.row.side == _NO_SIDE else one.row.side,
            "patient_id": one.of("patient_id"),
        }
        for one in known
    ]
    lost = tuple(one.row.name for one in found.known if not one.picture)
    of = named.of
    if lost:
        of += f": {len(known):,} of {len(found.known):,} names are here"
    sides = _sides(rows) if len({one.row.side for one in known}) > 1 else ()  # one is no split
    keys = frozenset(row["key"] for row in rows)
    return Chosen(of, tuple(found.matched), keys, sides, _PICTURE, lost, _said(rows))


def _read_table(path: Path, of: str) -> Chosen | None:
    """Read the rows that a table names; None of a table without the columns for that."""
    try:
        rows = [*(_parquet(path) if path.suffix.lower() == ".parquet" else _text(path))]
    except (ValueError, csv.Error, TypeError) as error:
        raise UsageError(
            f"`{path}` is no table of a cohort or a split: {error}", hint=_HINT
        ) from error
    if not rows:
        raise UsageError(f"`{path}` has no row", hint=_HINT)
    if not set(_NEEDED) <= rows[0].keys():
        return None
    keys, releases = dict[str, None](), dict[str, None]()
    for row in rows:
        name = f"{row['resource']}@{row['release']}"
        releases[name] = None
        keys[f"{name} {row['image_id']}"] = None
        place = row.get("found_path") or row.get("path") or row["image_id"]
        row["key"] = f"{row.get('found_in') or name} {place}"
    said, found = _said(rows), "found_in" in rows[0]
    return Chosen(of, tuple(releases), frozenset(keys), _sides(rows), said=said, found=found)


def _key_of(place: Record) -> str:
    return f"{place['resource']}@{place['release']} {place['path']}"


def _said(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, frozenset[str]]:
    """Return what is said of the side of each picture; "" is nothing."""
    sides: dict[str, frozenset[str]] = {}
    for row in rows:
        known = sides.get(row["key"], frozenset())
        sides[row["key"]] = known | {row.get("split") or ""}
    return sides


def of_cohort(of: str, cohort: Cohort, side_of: Callable[[Record], str] | None) -> Chosen:
    """Return what a cohort chose; where pictures lie in other sets than the rows, by picture."""
    is_found = cohort.rule.question.found
    keys, rows = dict[str, None](), list[dict[str, Any]]()
    releases = dict[str, None]()
    for part, record, why in cohort.judge_rows((*COUNTED, "subject")):
        if not why:
            side = side_of(record) if side_of else ""
            key = f"{part.name} {record['path']}"
            keys[key if is_found else f"{part.name} {record['image_id']}"] = None
            releases[part.name] = None
            rows.append({"key": key, "split": side, "patient_id": record["patient_id"]})
    by = _PICTURE if is_found else _ROW
    return Chosen(of, tuple(releases), frozenset(keys), _sides(rows), by)


def _text(path: Path) -> Iterator[dict[str, Any]]:
    with disk_errors(f"read `{path}`"), opened(path) as stream:
        text = stream.read(_MOST_BYTES).decode("utf-8-sig")
    csv.field_size_limit(1 << 28)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    yield from rows


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs the package pyarrow", hint="pip install 'covcat[parquet]'"
        ) from error
    with disk_errors(f"read `{path}`"), opened(path) as stream:
        table = pyarrow.parquet.ParquetFile(stream)
        columns = [one for one in _ASKED if one in table.schema_arrow.names]
        if lacking := sorted({*_NEEDED} - {*columns}):
            raise ValueError(f"it has no column {', '.join(lacking)}")
        for batch in table.iter_batches(columns=columns):
            yield from batch.to_pylist()


def _sides(rows: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, int, int], ...]:
    """Count the pictures and patients of each side."""
    pictures: Counter[str] = Counter()
    patients: dict[str, set[str]] = {}
    seen = set[tuple[str, str]]()
    for row in rows:
        if side := row.get("split") or "":
            pictures[side] += (side, row["key"]) not in seen
            seen.add((side, row["key"]))
            patients.setdefault(side, set()).add(row.get("patient_id") or "")
    sides = sorted(pictures, key=leaks.rank_side)
    return tuple((one, pictures[one], len(patients[one] - {""})) for one in sides)
