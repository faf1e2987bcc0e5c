"""A cohort -> each of its subjects on a side; with an earlier split's lock, none on another one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from covcat.catalog.columns import Record
from covcat.errors import IntegrityError, UsageError
from covcat.imaging.cohort import COUNTED, Cohort
from covcat.overlap.split import Division, Wanted, assign, best_seed, check_possible
from covcat.overlap.split_lock import SplitLock
from covcat.overlap.subjects import KEYS, Subjects, picture_of, subjects_of, who
from covcat.text import plural

_NAMED = 8  # subjects on no side
_JOINTS = {  # what may join two rows, from what is certain to what follows
    "sha256": "the same bytes",
    "same_as": "the same picture",
    "patient_id": "the same patient",
    "subject": "the same subject",
}


def as_before(wanted: Wanted | None, seed: int | None, before: SplitLock) -> Wanted:
    """Return what an earlier split was asked for, where that is asked for again or left open."""
    then = before.as_shares
    said = ",".join(f"{side}={float(share):g}" for side, share in then.items())
    pairs = [("--shares", said, wanted is None or wanted.shares == then)]
    pairs += [("--seed", str(before.seed), seed in (None, before.seed))]
    for option, was, is_same in pairs:
        if not is_same:
            raise UsageError(
                f"the earlier split was made with {option} {was}: expected the same",
                hint=f"leave {option} out, or write to another folder, in which no split.lock is",
            )
    return Wanted(then, before.seed, before.stratify)


def divide(cohort: Cohort, wanted: Wanted, before: SplitLock | None = None) -> Division:
    """Decide who goes where."""
    subjects = subjects_of(cohort, wanted.stratify)
    check_possible(subjects, wanted.shares)
    known = _stay(cohort, subjects, before) if before is not None else {}
    seed = best_seed(subjects, wanted.shares) if wanted.seed is None else wanted.seed
    sides = assign(subjects, wanted.shares, seed, known)
    return Division(cohort, subjects, sides, replace(wanted, seed=seed), len(known))


def as_locked(cohort: Cohort, lock: SplitLock) -> Division:
    """Return a split that was made, if nobody is on two sides by what is known now.

    Raises:
        IntegrityError: two subjects are one by now, or somebody is on no side.
    """
    subjects = subjects_of(cohort)
    known = _stay(cohort, subjects, lock)
    if lacking := [name for n, name in enumerate(subjects.names) if n not in known]:
        raise IntegrityError(
            f"{plural(len(lacking), 'subject')} of {len(subjects.names):,} on no side of the split",
            details=[f"`{name}`" for name in lacking[:_NAMED]],
            hint="make the split again, with the options and the --output of before",
        )
    sides = [known[number] for number in range(len(subjects.names))]
    return Division(cohort, subjects, sides, Wanted(lock.as_shares, lock.seed), len(known))


class _Earlier:
    """Who was on which side."""

    def __init__(self, lock: SplitLock) -> None:
        self._ids = {id: side for side, names in lock.ids.items() for id in names}
        self._pictures = {id: side for side, names in lock.pictures.items() for id in names}

    def sides_of(self, record: Record) -> dict[str, str]:
        """Return the sides on which a row's picture and patient were, each with what was there."""
        picture = self._pictures.get(picture_of(record), "")
        patient = str(record["patient_id"] or "")
        known = {self._ids.get(one, ""): f"`{one}`" for one in (who(record), patient)}
        known.pop(picture, None)  # it comes last
        return {side: what for side, what in {**known, picture: "the picture"}.items() if side}

    def all_sides_of(self, subjects: Subjects) -> dict[int, set[str]]:
        """Return by its number the sides on which something of a subject was."""
        found: dict[int, set[str]] = {}
        pictures = zip(subjects.known_by, subjects.pictured.tolist(), strict=True)
        for sides, numbers in ((self._ids, subjects.ids.items()), (self._pictures, pictures)):
            for id, number in numbers:
                if side := sides.get(id):
                    found.setdefault(number, set()).add(side)
        return found


def _stay(cohort: Cohort, subjects: Subjects, lock: SplitLock) -> dict[int, str]:
    """Return the side of each subject that was there.

    Raises:
        IntegrityError: what was on two sides is one subject now; it names the pictures.
    """
    earlier = _Earlier(lock)
    sides = earlier.all_sides_of(subjects)
    torn = {number: found for number, found in sides.items() if len(found) > 1}
    if torn:
        raise _leak(torn, _evidence(cohort, subjects, earlier, torn))
    return {number: found.pop() for number, found in sides.items()}


@dataclass(slots=True)
class _RowOnSides:
    """A row of a subject that was on two sides."""

    record: Record
    sides: dict[str, str]  # on which it was

    @property
    def side(self) -> str:
        """Where its picture was, else its patient; nothing if it is new."""
        return next(reversed(self.sides), "")

    def __str__(self) -> str:
        whom = f" of {self.record['patient_id']}" if self.record["patient_id"] else ""
        was = " and ".join(f"{what} in {side}" for side, what in self.sides.items())
        if len(self.sides) < 2:
            was = f"in {next(iter(self.sides))}" if self.sides else "new"
        return f"`{self.record['image_id']}`{whom} ({was})"


def _evidence(
    cohort: Cohort, subjects: Subjects, earlier: _Earlier, torn: Mapping[int, set[str]]
) -> list[str]:
    """Name the pictures that join what was apart: of each subject the shortest way to say it."""
    seen: dict[int, list[_RowOnSides]] = {}
    for _, record, why in cohort.judge_rows(tuple(dict.fromkeys((*COUNTED, *KEYS)))):
        if not why and (number := subjects.of(record)) in torn:
            seen.setdefault(number, []).append(_RowOnSides(record, earlier.sides_of(record)))
    return [line for number in sorted(seen) for line in _joints(seen[number])]


def _joints(rows: list[_RowOnSides]) -> list[str]:
    """Say what rows that were apart have in common; else which rows were where, and what is new."""
    for key, said in _JOINTS.items():
        if key == "patient_id" and (both := [one for one in rows if len(one.sides) > 1]):
            return [str(one) for one in both]
        alike: dict[object, list[_RowOnSides]] = {}
        for one in rows:
            if one.record.get(key):
                alike.setdefault(one.record[key], []).append(one)
        lines = []
        for same in alike.values():
            first = {one.side: one for one in reversed(same) if one.side}
            if len(first) > 1:
                lines.append(f"{' and '.join(str(first[side]) for side in sorted(first))}: {said}")
        if lines:
            return lines
    return [f"{', '.join(map(str, rows))}: joined by what is new"]


def _leak(torn: Mapping[int, set[str]], lines: list[str]) -> IntegrityError:
    number = plural(len(torn), "subject")
    verb = "was" if len(torn) == 1 else "were"
    return IntegrityError(
        f"{number} that {verb} on two sides of the earlier split would be one: nothing is written",
        details=lines,
        hint="leave one of each out with --where, or make the split anew, without its lock",
        data={"joined": lines},
    )
