"""Rows of a cohort -> subjects: whoever must stay on one side of a split.

The index joins patients by the same pictures and series; here those of several releases are joined
too, as are pictures of the same bytes. A subject is called by the smallest of its ids.
"""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from covcat.catalog import vocabulary
from covcat.catalog.columns import Record
from covcat.imaging.cohort import Batch, Cohort
from covcat.imaging.opening import Row
from covcat.overlap.unions import Union

KEYS = ("subject", "patient_id", "same_as", "sha256")  # what joins the rows that have it alike
_DIGITS = 16  # of a digest, by which a picture is known: 64 bits tell a million apart

Stratum = tuple[str, str]  # a column, and what it says


def picture_of(record: Record) -> str:
    """Return by what a picture is known again, under whatever name it comes: its bytes."""
    return str(record["sha256"])[:_DIGITS]


def who(record: Record) -> str:
    """Return the id that the index has of whom a row shows."""
    return str(record["subject"])


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of subjects, each once and in order, and how many rows each has: two arrays."""

    who: Any
    rows: Any


@dataclass(slots=True)
class Subjects:
    """All subjects of a cohort; in each list, the one of a number."""

    names: list[str]  # the smallest id of each
    pictures: list[int]  # how many; those of the same bytes are one
    rows: list[int]
    strata: dict[Stratum, Tally]
    left_out: Counter[str]  # rows, by the reason
    ids: dict[str, int]  # each id that joins, and whose it is
    pictured: dict[str, int]  # each picture, and whom it shows

    def of(self, record: Record) -> int:
        """Return the number of the subject that a row shows."""
        return self.ids[who(record)]


@dataclass(slots=True)
class _Read:
    """What the chosen rows say; whom each shows, as a number of `joined`."""

    joined: Union = field(default_factory=Union)
    pictures: dict[str, int] = field(default_factory=dict)
    alike: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    whose: Any = field(default_factory=lambda: array("q"))  # of each row
    cells: list[dict[Any, int]] = field(default_factory=list)  # of each column: values, numbered
    said: list[Any] = field(default_factory=list)  # of each column: the value of each row

    def add(self, batch: Batch) -> None:
        """Take some rows, and join what they show."""
        rows: Sequence[Row] = batch.rows
        if any(batch.whys):
            self.left_out.update(filter(None, batch.whys))
            rows = [row for row, why in zip(rows, batch.whys, strict=True) if not why]
        if not rows:
            return
        ids, patients, shown, copies, digests, *columns = zip(*rows, strict=True)
        join, numbers = self.joined.join, self.joined.number_all(ids)
        for others in filter(any, (patients, shown)):
            for number, other in zip(numbers, others, strict=True):
                if other:
                    join(number, self.joined.number(other))
        firsts = [*map(self.pictures.setdefault, digests, numbers)]
        for number, first in zip(numbers, firsts, strict=True) if firsts != numbers else ():
            join(number, first)
        for number, copy in zip(numbers, copies, strict=True) if any(copies) else ():
            if copy and (first := self.alike.setdefault(copy, number)) != number:
                join(number, first)
        self.whose.extend(numbers)
        for cells, said, column in zip(self.cells, self.said, columns, strict=False):
            said.extend([cells.setdefault(cell, len(cells)) for cell in column])


def subjects_of(cohort: Cohort, stratify: Sequence[str] = ()) -> Subjects:
    """Read the chosen rows once, and join them to subjects."""
    read = _Read(cells=[{} for _ in stratify], said=[array("q") for _ in stratify])
    other, picture = "nullif(patient_id, subject)", f"substr(sha256, 1, {_DIGITS})"
    shown = "found_subject" if cohort.rule.question.found else "NULL"  # as the picture's set has it
    for batch in cohort.judge(("subject", other, shown, "same_as", picture, *stratify)):
        read.add(batch)
    return _numbered(read, stratify)


def _numbered(read: _Read, stratify: Sequence[str]) -> Subjects:
    """Give the subjects numbers in the order of their names, whatever order the rows had."""
    import numpy as np

    tops = {id: read.joined.top(number) for id, number in read.joined.numbers.items()}
    smallest: dict[int, str] = {}
    for id, top in tops.items():
        if top not in smallest or id < smallest[top]:
            smallest[top] = id
    places = {top: place for place, top in enumerate(sorted(smallest, key=smallest.__getitem__))}
    of = np.array([places[top] for top in tops.values()], dtype=np.int64)
    whose = of[np.frombuffer(read.whose, np.int64)]
    pictured = of[np.fromiter(read.pictures.values(), np.int64, len(read.pictures))]
    strata: dict[Stratum, Tally] = {}
    for column, cells, said in zip(stratify, read.cells, read.said, strict=True):
        strata |= _tallies(column, cells, np.frombuffer(said, np.int64), whose)
    return Subjects(
        names=sorted(smallest.values()),
        pictures=np.bincount(pictured, minlength=len(places)).tolist(),
        rows=np.bincount(whose, minlength=len(places)).tolist(),
        strata=dict(sorted(strata.items())),
        left_out=read.left_out,
        ids=dict(zip(tops, of.tolist(), strict=True)),
        pictured=dict(zip(read.pictures, pictured.tolist(), strict=True)),
    )


def _tallies(
    column: str, cells: Mapping[Any, int], said: Any, whose: Any
) -> Mapping[Stratum, Tally]:
    """Count the rows of each subject for each word that a column says; a cell may have several."""
    import numpy as np

    span = int(whose.max(initial=0)) + 1
    keys, counts = np.unique(said * span + whose, return_counts=True)
    ends = np.searchsorted(keys, np.arange(1, len(cells) + 1) * span)
    parts: dict[str, list[slice]] = {}
    for cell, number in cells.items():
        if cell is not None:  # what is not known belongs to no stratum
            part = slice(int(ends[number - 1]) if number else 0, int(ends[number]))
            for word in filter(None, str(cell).split(vocabulary.JOINED)):
                parts.setdefault(word, []).append(part)
    found: dict[Stratum, Tally] = {}
    for word, some in parts.items():
        who, at = np.unique(np.concatenate([keys[one] % span for one in some]), return_inverse=True)
        rows = np.bincount(at, np.concatenate([counts[one] for one in some])).astype(np.int64)
        found[column, word] = Tally(who, rows)
    return found
