"""Rows of a cohort -> subjects: whoever must stay on one side of a split.

The index joins patients by the same pictures and series; here those of several releases are joined
too, as are pictures of the same bytes. A subject is called by the smallest of its ids.
"""

import shlex
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from covcat.catalog import vocabulary
from covcat.catalog.columns import Record
from covcat.errors import IntegrityError
from covcat.imaging.cohort import Cohort, JudgedRows
from covcat.imaging.opening import Row
from covcat.overlap.unions import Union, numbering

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
class SubjectCounts:
    """Numbers of subjects, each once and in order, and how many rows each has: two arrays."""

    who: Any
    rows: Any


@dataclass(slots=True)
class Subjects:
    """All subjects of a cohort; in each list, the one of a number."""

    names: list[str]  # the smallest id of each
    pictures: list[int]  # how many; those of the same bytes are one
    rows: list[int]
    strata: dict[Stratum, SubjectCounts]
    left_out: Counter[str]  # rows, by the reason
    ids: dict[str, int]  # each id that joins, and whose it is
    known_by: list[str]  # what each picture is known by, in order
    pictured: Any  # whom each of them shows: an array
    of_rows: Any  # of each chosen row, in their order: an array

    def of(self, record: Record) -> int:
        """Return the number of the subject that a row shows."""
        return self.ids[who(record)]


@dataclass(slots=True)
class _RowsRead:
    """What the chosen rows say; whom each shows, as a number of `joined`."""

    joined: Union = field(default_factory=Union)
    digests: bytearray = field(default_factory=bytearray)  # of each row, so much as is kept
    alike: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    whose: Any = field(default_factory=lambda: array("q"))  # of each row
    cells: list[dict[Any, int]] = field(default_factory=list)  # of each column: values, numbered
    said: list[Any] = field(default_factory=list)  # of each column: the value of each row

    def add(self, batch: JudgedRows) -> None:
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
        self.digests += _packed(digests, batch.part.name)
        for number, copy in zip(numbers, copies, strict=True) if any(copies) else ():
            if copy and (first := self.alike.setdefault(copy, number)) != number:
                join(number, first)
        self.whose.extend(numbers)
        for cells, said, column in zip(self.cells, self.said, columns, strict=False):
            said.extend(map(cells.__getitem__, column))

    def join_copies(self) -> tuple[list[str], Any]:
        """Join whom the same bytes show; return each picture, in order, and a row that has it."""
        import numpy as np

        kind = np.dtype(f">u{_DIGITS // 2}")
        digests = np.frombuffer(self.digests, kind).astype(kind.newbyteorder("="))
        order = np.argsort(digests, kind="stable")
        digests, is_copy = digests[order], np.zeros(len(order), dtype=bool)
        is_copy[1:] = digests[1:] == digests[:-1]
        whose = np.frombuffer(self.whose, np.int64)[order]
        for at in np.flatnonzero(is_copy).tolist():
            self.joined.join(int(whose[at]), int(whose[at - 1]))
        spelt = digests[~is_copy].astype(kind).tobytes().hex(" ", kind.itemsize)
        return spelt.split(), order[~is_copy]


def _packed(digests: Sequence[str], name: str) -> bytes:
    """Return digests as bytes: a manifest that was edited may have what is none."""
    with suppress(ValueError):
        packed = bytes.fromhex("".join(digests))
        if len(packed) == len(digests) * _DIGITS // 2:
            return packed
    raise IntegrityError(
        f"the manifest of {name} has a sha256 that is none",
        hint=f"covcat verify {shlex.quote(name)}",
    )


def subjects_of(cohort: Cohort, stratify: Sequence[str] = ()) -> Subjects:
    """Read the chosen rows once, and join them to subjects."""
    read = _RowsRead(cells=[numbering() for _ in stratify], said=[array("q") for _ in stratify])
    other, picture = "nullif(patient_id, subject)", f"substr(sha256, 1, {_DIGITS})"
    shown = "found_subject" if cohort.rule.question.found else "NULL"  # as the picture's set has it
    for batch in cohort.judge(("subject", other, shown, "same_as", picture, *stratify)):
        read.add(batch)
    return _numbered(read, stratify)


def _numbered(read: _RowsRead, stratify: Sequence[str]) -> Subjects:
    """Give the subjects numbers in the order of their names, whatever order the rows had."""
    import numpy as np

    pictures, rows = read.join_copies()
    ids = [*read.joined.numbers]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    ranks, best = np.empty(len(ids), dtype=np.int64), np.full(len(ids), len(ids))
    ranks[order] = np.arange(len(ids))
    np.minimum.at(best, tops := read.joined.tops(), ranks)
    smallest, of = np.unique(best[tops], return_inverse=True)
    names = [ids[order[rank]] for rank in smallest.tolist()]
    whose = of[np.frombuffer(read.whose, np.int64)]
    pictured = whose[rows]
    strata: dict[Stratum, SubjectCounts] = {}
    for column, cells, said in zip(stratify, read.cells, read.said, strict=True):
        strata |= _tallies(column, cells, np.frombuffer(said, np.int64), whose)
    return Subjects(
        names=names,
        pictures=np.bincount(pictured, minlength=len(names)).tolist(),
        rows=np.bincount(whose, minlength=len(names)).tolist(),
        strata=dict(sorted(strata.items())),
        left_out=read.left_out,
        ids=dict(zip(ids, of.tolist(), strict=True)),
        known_by=pictures,
        pictured=pictured,
        of_rows=whose,
    )


def _tallies(
    column: str, cells: Mapping[Any, int], said: Any, whose: Any
) -> Mapping[Stratum, SubjectCounts]:
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
    found: dict[Stratum, SubjectCounts] = {}
    for word, some in parts.items():
        who, at = np.unique(np.concatenate([keys[one] % span for one in some]), return_inverse=True)
        rows = np.bincount(at, np.concatenate([counts[one] for one in some])).astype(np.int64)
        found[column, word] = SubjectCounts(who, rows)
    return found
