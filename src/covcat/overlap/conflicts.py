"""Groups of the same pictures -> what their rows contradict each other in. Pure.

Nothing is decided here: a group keeps all that was said of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from covcat.catalog.columns import Record
from covcat.overlap.joining import standing_for
from covcat.overlap.labelled import Labelled
from covcat.overlap.pairs import Pair

Kind = Literal["labels", "patients", "licences", "splits"]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One picture of which different things are said."""

    kind: Kind
    picture: str  # the one that stands for all, as `same_as` has it
    rows: tuple[tuple[str, str], ...]  # ID@RELEASE:PATH, and what is said there


def find_conflicts(labelled: Labelled, groups: Iterable[Sequence[Pair]]) -> list[Conflict]:
    """Return what is said of one picture under several names, or in several rows."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    names: dict[tuple[str, str], str] = {}
    for group in groups:
        first = group[0].a
        members = dict.fromkeys((one.set, one.path) for pair in group for one in (pair.a, pair.b))
        key = (first.set, first.path)
        known = grouped.setdefault(key, [])
        known += [row for one in members for row in labelled.of(*one) if row not in known]
        names |= dict.fromkeys(members, standing_for(first))
    alone = ((key, rows) for key, rows in labelled.rows.items() if key not in names)
    several = {key: rows for key, rows in alone if len(rows) > 1}  # one file, several rows
    return [
        Conflict(kind, names.get(key, f"{key[0]}:{key[1]}"), tuple(said))
        for key, rows in (grouped | several).items()
        for kind, find in _KINDS.items()
        if (said := find(rows))
    ]


Said = list[tuple[str, str]]


def _place(row: Record) -> str:
    return f"{row['resource']}@{row['release']}:{row['path']}"


def _told(rows: Iterable[Record], column: str, *others: str) -> Said:
    """Return what each row says in the first of these columns that it has; blank says nothing."""
    cells = [
        (one, next((one[name] for name in (column, *others) if one[name]), None)) for one in rows
    ]
    return [(_place(row), str(cell)) for row, cell in cells if cell is not None]


def _differing(said: Said) -> Said:
    return said if len({word for _, word in said}) > 1 else []


def _labels(rows: Sequence[Record]) -> Said:
    findings = _differing(_told(rows, "finding"))
    covid = [(place, word) for place, word in _told(rows, "covid") if word != "unknown"]
    return findings or [(place, f"COVID-19: {word}") for place, word in _differing(covid)]


def _within(
    rows: Sequence[Record], columns: Sequence[str], cell: str, are: Callable[[Said], Said]
) -> Said:
    """Compare only what one set, or one release of it, says."""
    parts: dict[tuple[object, ...], list[Record]] = {}
    for one in rows:
        parts.setdefault(tuple(one[name] for name in columns), []).append(one)
    return [said for part in parts.values() for said in are(_told(part, cell))]


_KINDS: Mapping[Kind, Callable[[Sequence[Record]], Said]] = {
    "labels": _labels,
    # the patients of two sets always have different names
    "patients": lambda rows: _within(rows, ("resource",), "patient_id", _differing),
    "licences": lambda rows: _differing(_told(rows, "license_spdx", "license")),
    "splits": lambda rows: _within(rows, ("resource", "release"), "split", _differing),
}
