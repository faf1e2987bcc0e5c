"""What the indexes say of pictures that are the same -> who is on each, and what is contradicted.

Patients are joined by a picture that is under two of them, by copies, and by a study or series that
DICOM's UID names: ids of a set's own may be numbers that every patient has. Of contradictions
nothing is decided: a group keeps all that was said of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from covcat.catalog.columns import Record
from covcat.imaging.opening import Index
from covcat.overlap.pairs import Pair, Picture
from covcat.overlap.unions import Union

_COLUMNS = (
    *("resource", "release", "path", "sha256", "image_id", "patient_id", "finding", "covid"),
    *("split", "license", "license_spdx", "filename", "study", "series"),
)
_ROWS = f"SELECT {', '.join(_COLUMNS)} FROM images WHERE path NOT NULL ORDER BY rowid"  # noqa: S608

Key = tuple[str, str]  # ID@RELEASE and path
Kind = Literal["labels", "patients", "licences", "splits"]
Said = tuple[tuple[str, str], ...]  # ID@RELEASE:PATH, and what is said there


@dataclass(slots=True)
class Labelled:
    """The rows of pictures, by set and path; a picture may have several."""

    rows: dict[Key, list[Record]] = field(default_factory=dict)

    def of(self, set: str, path: str) -> list[Record]:
        """Return the rows of a picture; a user's own has none."""
        return self.rows.get((set, path), [])


def read_labels(indexes: Iterable[Index]) -> Labelled:
    """Read the rows of all pictures that are here."""
    found = Labelled()
    for index in indexes:
        for row in index.rows(_ROWS):
            found.rows.setdefault((index.name, str(row["path"])), []).append(row)
    return found


@dataclass(slots=True)
class JoinedSubjects:
    """Who is on each picture, where it is not simply what the index says."""

    subjects: dict[Key, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)  # whose subject each is, if not its own


def standing_for(picture: Picture) -> str:
    """Return what `same_as` calls a picture that stands for others."""
    return ":".join(picture.place)


def join_subjects(labelled: Labelled, groups: Iterable[Sequence[Pair]]) -> JoinedSubjects:
    """Join all that one picture shows; a subject is called by the smallest patient of all."""
    union, patients = Union(), set[str]()

    def top(name: str) -> int:
        return union.top(union.number(name))

    def join(names: Sequence[str]) -> None:
        for name in names[1:]:
            union.join(union.number(names[0]), union.number(name))

    whose: dict[Key, str] = {}
    for key, rows in labelled.rows.items():
        names = [subject_alone(one) for one in rows]
        uids = [str(row[one] or "") for row in rows for one in ("study", "series")]
        names += [f"study {one}" for one in uids if one and ":" not in one]  # else a set's own id
        patients |= {str(row["patient_id"]) for row in rows if row["patient_id"]}
        whose[key] = names[0]
        join(names)
    for group in groups:
        members = [one.place for pair in group for one in (pair.a, pair.b)]
        join([whose[one] for one in members if one in whose])
    called: dict[int, tuple[bool, str]] = {}
    for name in [*whose.values(), *patients]:
        rank = (name not in patients, name)
        called[top(name)] = min(rank, called.get(top(name), rank))
    return JoinedSubjects(
        {key: called[top(name)][1] for key, name in whose.items()},
        {one: called[top(one)][1] for one in sorted(patients) if called[top(one)][1] != one},
    )


def subject_alone(row: Record) -> str:
    """Return whom the index has on a picture, before anything was compared."""
    return str(row["patient_id"] or f"{row['resource']}:{row['path']}")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One picture of which different things are said."""

    kind: Kind
    picture: str  # the one that stands for all, as `same_as` has it
    rows: Said


def find_conflicts(labelled: Labelled, groups: Iterable[Sequence[Pair]]) -> list[Conflict]:
    """Return what is said of one picture under several names, or in several rows."""
    grouped: dict[Key, list[Record]] = {}
    names: dict[Key, str] = {}
    for group in groups:
        first = group[0].a
        members = dict.fromkeys(one.place for pair in group for one in (pair.a, pair.b))
        known = grouped.setdefault(first.place, [])
        known += [row for one in members for row in labelled.of(*one) if row not in known]
        names |= dict.fromkeys(members, standing_for(first))
    alone = ((key, rows) for key, rows in labelled.rows.items() if key not in names)
    several = {key: rows for key, rows in alone if len(rows) > 1}  # one file, several rows
    return [
        Conflict(kind, names.get(key, ":".join(key)), said)
        for key, rows in (grouped | several).items()
        for kind, find in _KINDS.items()
        if (said := find(rows))
    ]


def _read_said(rows: Iterable[Record], column: str, *others: str) -> Said:
    """Return what each row says in the first of these columns that it has; blank says nothing."""
    return tuple(
        (f"{row['resource']}@{row['release']}:{row['path']}", str(cells[0]))
        for row in rows
        if (cells := [row[name] for name in (column, *others) if row[name]])
    )


def _differing(said: Said) -> Said:
    return said if len({word for _, word in said}) > 1 else ()


def _labels(rows: Sequence[Record]) -> Said:
    known = [row for row in rows if row["covid"] != "unknown"]
    covid = _differing(_read_said(known, "covid"))
    said = tuple((place, f"COVID-19: {word}") for place, word in covid)
    return _differing(_read_said(rows, "finding")) or said


def _within(rows: Sequence[Record], columns: Sequence[str], cell: str) -> Said:
    """Compare only what one set, or one release of it, says."""
    parts: dict[tuple[object, ...], list[Record]] = {}
    for one in rows:
        parts.setdefault(tuple(one[name] for name in columns), []).append(one)
    return tuple(said for part in parts.values() for said in _differing(_read_said(part, cell)))


_KINDS: Mapping[Kind, Callable[[Sequence[Record]], Said]] = {
    "labels": _labels,
    # the patients of two sets always have different names
    "patients": lambda rows: _within(rows, ("resource",), "patient_id"),
    "licences": lambda rows: _differing(_read_said(rows, "license_spdx", "license")),
    "splits": lambda rows: _within(rows, ("resource", "release"), "split"),
}
