"""`split.lock`: what was split, by which seed, and who went where; so that nobody moves later."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import compress
from pathlib import Path
from typing import Any

from covcat.errors import IntegrityError, NotFoundError, UsageError
from covcat.files import disk_errors, opened
from covcat.imaging.checked import ReleaseState
from covcat.imaging.cohort import CohortRule
from covcat.imaging.cohort_record import question_of
from covcat.overlap.split import METHOD, SIDES, Division
from covcat.seal import parse_record
from covcat.version import __version__

SCHEMA = "covcat.split/1"
NAME = "split.lock"
_MOST_BYTES = 1 << 30

BySide = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SideCounts:
    """What is on one side."""

    subjects: int
    pictures: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLock:
    """A split that was made; also whom an earlier one had placed, and who is not asked for now."""

    covcat: str
    command: str
    question: dict[str, Any]
    allow_unknown_license: bool
    releases: tuple[ReleaseState, ...]
    method: str
    seed: int
    shares: dict[str, str]  # fractions of 1, as text: 7/10
    stratify: tuple[str, ...]
    counts: dict[str, SideCounts]  # by side, now
    assignment_sha256: str  # of a line `side id` for each id below, then each picture, sorted
    ids: BySide  # of patients, and of pictures without one
    pictures: BySide  # the first 16 hexadecimal digits of each one's sha256
    found_in: tuple[ReleaseState, ...] = ()  # where pictures of rows were found besides

    @property
    def rule(self) -> CohortRule:
        """What was asked."""
        return CohortRule(question_of(self.question), self.allow_unknown_license)

    @property
    def as_shares(self) -> dict[str, Fraction]:
        """Return the shares as numbers."""
        return {side: Fraction(share) for side, share in self.shares.items()}


def counts_of(made: Division) -> dict[str, SideCounts]:
    """Count what is on each side."""
    people, pictures, rows = Counter[str](), Counter[str](), Counter[str]()
    for number, side in enumerate(made.sides):
        people[side] += 1
        pictures[side] += made.subjects.pictures[number]
        rows[side] += made.subjects.rows[number]
    return {
        side: SideCounts(people[side], pictures[side], rows[side]) for side in made.wanted.shares
    }


def locked(made: Division, command: str, before: SplitLock | None = None) -> SplitLock:
    """Return the record of a split; who was placed before and is not asked for keeps the place."""
    rule, wanted = made.cohort.rule, made.wanted
    question = asdict(rule.question)
    del question["with_files_only"]  # a cohort has no others
    subjects = made.subjects
    by_ids = _by_side(made, subjects.ids, [*subjects.ids.values()], before.ids if before else {})
    by_pictures = _by_side(
        made, subjects.known_by, subjects.pictured, before.pictures if before else {}
    )
    return SplitLock(
        covcat=__version__,
        command=command,
        question=question,
        allow_unknown_license=rule.allow_unknown_license,
        releases=tuple(one.index.state for one in made.cohort.asked.values()),
        found_in=tuple(one.index.state for one in made.cohort.holding.values()),
        method=METHOD,
        seed=wanted.seed or 0,
        shares={side: str(share) for side, share in wanted.shares.items()},
        stratify=wanted.stratify,
        counts=counts_of(made),
        assignment_sha256=_digest(by_ids, by_pictures),
        ids=by_ids,
        pictures=by_pictures,
    )


def _by_side(made: Division, ids: Iterable[str], whose: Any, before: BySide) -> BySide:
    """Share out what subjects of these numbers have; what is asked for no more stays there."""
    import numpy as np

    side_of = np.array(made.sides)[whose]
    found = {side: [*compress(ids, (side_of == side).tolist())] for side in SIDES}
    if before:
        known = {*ids}
        for side, names in before.items():
            found[side] += [id for id in names if id not in known]
    return {side: tuple(sorted(names)) for side, names in found.items() if names}


def _digest(*parts: BySide) -> str:
    whole = hashlib.sha256()
    for part in parts:
        for side in SIDES:
            if ids := part.get(side):
                lines = f"{side} " + f"\n{side} ".join(ids) + "\n"
                whole.update(lines.encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def to_json(lock: SplitLock) -> str:
    """Return the record as text: each id on a line, so that a difference shows who is new."""
    lists = {"ids": lock.ids, "pictures": lock.pictures}
    record = {"schema": SCHEMA, **asdict(replace(lock, ids={}, pictures={}))}
    del record["ids"], record["pictures"]
    text = json.dumps(record, indent=2).removesuffix("\n}")
    for key, by_side in lists.items():
        lines = json.JSONEncoder(separators=(",\n      ", ": "))
        sides = [f'"{side}": {lines.encode(ids)}' for side, ids in by_side.items()]
        text += f',\n  "{key}": {{' + ",\n    ".join(sides) + "}"
    return text + "\n}\n"


def read(path: Path) -> SplitLock:
    """Read the record of a split, whole and as it was written."""
    if not path.exists():
        raise NotFoundError(
            f"there is no record of a split `{path}`",
            hint="covcat split cohen --output split.csv",
        )
    try:
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            lock = parse_record(path, stream.read(_MOST_BYTES), SplitLock, SCHEMA)
        if not set(lock.shares) | set(lock.ids) | set(lock.pictures) <= set(SIDES):
            raise ValueError(f"expected no sides but {', '.join(SIDES)}")
        if sum(lock.as_shares.values()) != 1:
            raise ValueError("its shares are not 1 in all")
        question_of(lock.question)
    except (ValueError, KeyError, TypeError, RecursionError, ZeroDivisionError) as error:
        raise UsageError(
            f"`{path}` is not what `covcat split` records of a split",
            cause=str(error).partition("\n")[0],
            hint="covcat split cohen --output split.csv",
        ) from error
    if lock.method != METHOD:
        raise UsageError(
            f"`{path}` was made by method {lock.method}: expected {METHOD}",
            hint="pip install -U covcat",
        )
    if _digest(lock.ids, lock.pictures) != lock.assignment_sha256:
        raise IntegrityError(
            f"`{path}` was changed: who is on which side is not what its digest says",
            hint="take it from where it was kept, as it was written",
        )
    return lock
