"""Groups of the same pictures, and what the indexes say of these -> who is on each picture. Pure.

Patients are joined by a picture that is under two of them, by copies, and by a study or series that
DICOM's UID names: ids of a set's own may be numbers that every patient has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from covcat.catalog.columns import Record
from covcat.overlap.labelled import Key, Labelled
from covcat.overlap.pairs import Pair, Picture
from covcat.overlap.unions import Union


@dataclass(slots=True)
class Joined:
    """Who is on each picture, where it is not simply what the index says."""

    subjects: dict[Key, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)  # whose subject each is, if not its own


def standing_for(picture: Picture) -> str:
    """Return what `same_as` calls a picture that stands for others."""
    return f"{picture.set}:{picture.path}"


def join_subjects(labelled: Labelled, groups: Iterable[Sequence[Pair]]) -> Joined:
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
        members = [_key(one) for pair in group for one in (pair.a, pair.b)]
        join([whose[one] for one in members if one in whose])
    called: dict[int, tuple[bool, str]] = {}
    for name in [*whose.values(), *patients]:
        rank = (name not in patients, name)
        called[top(name)] = min(rank, called.get(top(name), rank))
    return Joined(
        {key: called[top(name)][1] for key, name in whose.items()},
        {one: called[top(one)][1] for one in sorted(patients) if called[top(one)][1] != one},
    )


def _key(picture: Picture) -> Key:
    return picture.set, picture.path


def subject_alone(row: Record) -> str:
    """Return whom the index has on a picture, before anything was compared."""
    return str(row["patient_id"] or f"{row['resource']}:{row['path']}")
