"""What `overlap` found the same picture joins subjects, and is a leak where lists have it twice."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from makers import entries

from covcat.catalog.columns import NAMES, Record
from covcat.errors import IntegrityError
from covcat.imaging.checked import ReleaseState
from covcat.imaging.cohort import Cohort, CohortRule, IndexedRelease
from covcat.imaging.opening import Row
from covcat.imaging.write import table_of
from covcat.overlap import leaks, split_lock
from covcat.overlap.divide import divide
from covcat.overlap.lists import Listed
from covcat.overlap.split import Wanted, read_shares


class Rows:
    """An index in memory: pictures with their patient, and what each is a copy of."""

    state = ReleaseState("set@1", 40, "", "")

    def __init__(self, pictures: Sequence[tuple[str, str, str | None]]) -> None:
        self._base = sqlite3.connect(":memory:")
        self._base.row_factory = sqlite3.Row
        self._base.execute(table_of(NAMES))
        for name, patient, same_as in pictures:
            known = {
                "image_id": f"set:{name}",
                "resource": "set",
                "release": "1",
                "path": name,
                "sha256": name.encode().hex().ljust(64, "0"),
                "bytes": 1,
                "matched": "both",
                "patient_id": f"set:{patient}",
                "subject": f"set:{patient}",
                "same_as": same_as and f"set@1:{same_as}",
            }
            places = ", ".join("?" * len(NAMES))
            values = [known.get(one) for one in NAMES]
            self._base.execute(f"INSERT INTO images VALUES ({places})", values)

    def rows(
        self, text: str, values: Sequence[Any] = (), where: str | None = None
    ) -> Iterator[Record]:
        for row in self._base.execute(text, values):
            yield dict(row)

    def batches(
        self, text: str, values: Sequence[Any] = (), where: str | None = None
    ) -> Iterator[list[Row]]:
        for row in self._base.execute(text, values):
            yield [tuple(row)]


def cohort(pictures: Sequence[tuple[str, str, str | None]]) -> Cohort:
    found = entries.resource(entries.release())
    part = IndexedRelease(found, found.releases[0], Path(), Rows(pictures))  # type: ignore[arg-type]
    return Cohort([part], CohortRule(allow_unknown_license=True))


MANY: list[tuple[str, str, str | None]] = [(f"{n}.png", f"P{n:02}", None) for n in range(40)]
WANTED = Wanted(read_shares("50,50"))


def test_a_film_under_two_patients_makes_them_one_subject() -> None:
    made = divide(cohort([*MANY, ("a.png", "P01", "a.png"), ("crop.png", "P07", "a.png")]), WANTED)
    sides = {made.subjects.names[n]: side for n, side in enumerate(made.sides)}
    assert "set:P07" not in sides
    assert made.subjects.ids["set:P07"] == made.subjects.ids["set:P01"]
    assert len(sides) == 39


def test_a_crop_that_joins_train_and_test_later_is_refused_with_both_pictures() -> None:
    made = divide(cohort(MANY), WANTED)
    lock = split_lock.locked(made, "covcat split set")
    one, other = (
        next(n for n, side in enumerate(made.sides) if side == wanted)
        for wanted in ("train", "test")
    )
    names = [made.subjects.names[n].removeprefix("set:P").lstrip("0") or "0" for n in (one, other)]
    films = [f"{name}.png" for name in names]
    joined = [(name, patient, films[0] if name in films else None) for name, patient, _ in MANY]
    with pytest.raises(IntegrityError) as error:
        divide(cohort(joined), WANTED, lock)
    assert error.value.code == 5
    (line,) = error.value.details
    assert all(f"`set:{film}`" in line for film in films)
    assert "in train" in line
    assert "in test" in line
    assert line.endswith("the same picture")


def test_a_crop_in_the_other_list_is_a_leak() -> None:
    rows = [Listed("train", "film-of-one.png", "a:1"), Listed("test", "crop-of-it.png", "b:1")]
    pictures = [
        ("film-of-one.png", "1", "film-of-one.png"),
        ("crop-of-it.png", "2", "film-of-one.png"),
    ]
    records = leaks.records_of([Rows(pictures)])  # type: ignore[list-item]
    leaks.judge(found := leaks.match(rows, records, is_asked=True))
    assert [(one.kind, one.name_a, one.name_b) for one in found.leaks] == [
        ("same picture", "film-of-one.png", "crop-of-it.png")
    ]
