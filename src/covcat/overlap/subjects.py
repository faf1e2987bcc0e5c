"""Rows of a cohort -> subjects: whoever must stay on one side of a split.

The index joins patients by the same pictures and series; here those of several releases are joined
too, as are pictures of the same bytes. A subject is called by the smallest of its ids.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from covcat.catalog import vocabulary
from covcat.catalog.columns import Record
from covcat.imaging.cohort import COUNTED, Cohort
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


@dataclass(slots=True)
class Subjects:
    """All subjects of a cohort; in each list, the one of a number."""

    names: list[str] = field(default_factory=list)  # the smallest id of each
    pictures: list[int] = field(default_factory=list)  # how many; those of the same bytes are one
    rows: list[int] = field(default_factory=list)
    strata: dict[Stratum, Counter[int]] = field(default_factory=dict)  # rows, by subject
    left_out: Counter[str] = field(default_factory=Counter)  # rows, by the reason
    ids: dict[str, int] = field(default_factory=dict)  # each id that joins, and whose it is
    pictured: dict[str, int] = field(default_factory=dict)  # each picture, and whom it shows

    def of(self, record: Record) -> int:
        """Return the number of the subject that a row shows."""
        return self.ids[who(record)]


def subjects_of(cohort: Cohort, stratify: Sequence[str] = ()) -> Subjects:
    """Read the chosen rows once, and join them to subjects."""
    joined, alike, pictures = Union(), dict[str, int](), dict[str, int]()
    left_out, rows = Counter[str](), Counter[int]()
    strata: dict[Stratum, Counter[int]] = {}
    columns = tuple(dict.fromkeys((*COUNTED, *KEYS, *stratify)))

    @cache
    def strata_of(column: str, cell: str) -> list[Counter[int]]:
        words = [word for word in cell.split(vocabulary.JOINED) if word]
        return [strata.setdefault((column, word), Counter()) for word in words]

    for _, record, why in cohort.judge_rows(columns):
        if why:
            left_out[why] += 1
            continue
        number = joined.number(id := who(record))
        if (patient := record["patient_id"]) and patient != id:
            joined.join(number, joined.number(str(patient)))
        if (first := pictures.setdefault(picture_of(record), number)) != number:
            joined.join(number, first)
        if (copy := record["same_as"]) and (first := alike.setdefault(str(copy), number)) != number:
            joined.join(number, first)
        rows[number] += 1
        for column in stratify:
            if (cell := record[column]) is not None:  # what is not known belongs to no stratum
                for counts in strata_of(column, str(cell)):
                    counts[number] = counts.get(number, 0) + 1
    return _numbered(joined, pictures, rows, strata, left_out)


def _numbered(
    joined: Union,
    pictures: dict[str, int],
    rows: Counter[int],
    strata: dict[Stratum, Counter[int]],
    left_out: Counter[str],
) -> Subjects:
    """Give the subjects numbers in the order of their names, whatever order the rows had."""
    tops = {id: joined.top(number) for id, number in joined.numbers.items()}
    smallest: dict[int, str] = {}
    for id, top in tops.items():
        if top not in smallest or id < smallest[top]:
            smallest[top] = id
    places = {top: place for place, top in enumerate(sorted(smallest, key=smallest.__getitem__))}
    found = Subjects(names=sorted(smallest.values()), left_out=left_out)
    found.ids = {id: places[top] for id, top in tops.items()}
    of = [places[joined.top(number)] for number in range(len(tops))]

    def summed(numbers: Iterable[tuple[int, int]]) -> Counter[int]:
        counts = Counter[int]()
        for number, count in numbers:
            counts[of[number]] += count
        return counts

    found.pictured = {picture: of[number] for picture, number in pictures.items()}
    each, all_rows = Counter(found.pictured.values()), summed(rows.items())
    found.pictures = [each[place] for place in range(len(places))]
    found.rows = [all_rows[place] for place in range(len(places))]
    found.strata = {one: summed(counts.items()) for one, counts in sorted(strata.items())}
    return found
