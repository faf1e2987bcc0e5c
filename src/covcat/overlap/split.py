"""Subjects -> the side of each: by a hash, so that whoever comes later moves nobody.

A subject's place is the first 64 bits of `sha256("SEED:NAME")`, as a share of 1: below the first
side's share it is there, below the sum of the first two in the second, and so on.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from covcat.catalog.columns import Record
from covcat.errors import UsageError
from covcat.imaging.cohort import Cohort
from covcat.overlap.subjects import Stratum, SubjectCounts, Subjects
from covcat.text import plural

METHOD = "1"  # of what is said above
SIDES = ("train", "val", "test")
SEEDS = 1000  # that are tried
_DECISIVE = 1000  # subjects by which all seeds are judged; 0.7 s
_FINALISTS = 3  # seeds that are judged by everybody
_MOST_STRATA = 200
_WHOLE = 1 << 64
_SHARE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?")

Shares = Mapping[str, Fraction]  # by side, in the order of SIDES; together 1


def read_shares(text: str) -> dict[str, Fraction]:
    """Read `70,15,15`, `80,20` (train and test), or `train=0.7,val=0.15,test=0.15`."""
    words = [word.strip() for word in text.split(",")]
    named = [word.rpartition("=") for word in words]
    names = [name.strip() for name, _, _ in named]
    if not any(names):
        names = {2: ["train", "test"], 3: [*SIDES]}.get(len(words), [])
    numbers = [share.strip() for _, _, share in named]
    if sorted(names) != sorted(set(names) & set(SIDES)) or len(names) < 2:
        raise _no_shares(text, "expected two or three of train, val and test")
    if not all(map(_SHARE.fullmatch, numbers)):
        raise _no_shares(text, "expected plain numbers")
    shares = {side: Fraction(numbers[names.index(side)]) for side in SIDES if side in names}
    if empty := [side for side, share in shares.items() if not share]:
        raise _no_shares(text, f"nobody would be in {' or '.join(empty)}: leave out such a side")
    whole = sum(shares.values())
    if whole not in (1, 100):
        raise _no_shares(text, f"expected shares of 1 or 100, got {float(whole):g} in all")
    return {side: share / whole for side, share in shares.items()}


def _no_shares(text: str, why: str) -> UsageError:
    return UsageError(f"--shares `{text}`: {why}", hint="such as --shares 70,15,15")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a split."""

    shares: Shares
    seed: int | None = None  # None: the best one
    stratify: tuple[str, ...] = ()  # columns


@dataclass(frozen=True, slots=True)
class Division:
    """A cohort whose subjects are each on a side."""

    cohort: Cohort
    subjects: Subjects
    sides: Sequence[str]  # of the subject of each number
    wanted: Wanted  # with the seed
    stayed: int = 0  # subjects that were in an earlier split

    def side_of(self, record: Record) -> str:
        """Return the side of a row."""
        return self.sides[self.subjects.of(record)]


@dataclass(frozen=True, slots=True)
class Balance:
    """How far a group of rows or pictures is from its shares."""

    stratum: Stratum | None  # None: all pictures
    counts: dict[str, int]  # by side
    subjects: int

    def points(self, shares: Shares) -> float:
        """Return the largest distance of a side from its share, in points of a hundred."""
        whole = sum(self.counts.values())
        return max(abs(100 * self.counts[one] / whole - 100 * float(shares[one])) for one in shares)


def sides_of(names: Sequence[str], shares: Shares, seed: int) -> Any:
    """Return for each name the number of its side, as an array."""
    import numpy as np

    start, sha256 = f"{seed}:", hashlib.sha256
    whole = b"".join([sha256((start + one).encode()).digest() for one in names])
    places = np.frombuffer(whole, dtype=">u8")[::4]  # the first of four
    ends = [int(sum([*shares.values()][: at + 1]) * _WHOLE) for at in range(len(shares) - 1)]
    return np.searchsorted(np.array(ends, dtype=np.uint64), places, side="right")


def _everybody(subjects: Subjects) -> SubjectCounts:
    """Return how many pictures each subject has."""
    import numpy as np

    return SubjectCounts(
        np.arange(len(subjects.names)), np.array(subjects.pictures, dtype=np.int64)
    )


class _Judge:
    """Says how far seeds are from the shares, over all pictures and each stratum."""

    def __init__(self, subjects: Subjects, shares: Shares) -> None:
        import numpy as np

        self.names, self.shares = subjects.names, shares
        cells = [_everybody(subjects), *subjects.strata.values()]
        sizes = [len(cell.who) for cell in cells]
        self._cell = np.repeat(np.arange(len(cells)), sizes)
        self._who = np.concatenate([cell.who for cell in cells])
        self._part = np.concatenate([cell.rows for cell in cells]).astype(float)
        self._part /= np.bincount(self._cell, self._part)[self._cell]
        self.weight = np.zeros(len(self.names))  # the most that a subject is of a cell
        np.maximum.at(self.weight, self._who, self._part)
        self._size = np.array(sizes, dtype=float)  # where few are, nobody can mend much

    def only(self, chosen: Any) -> "_Judge":
        """Return one that looks at some subjects alone."""
        import numpy as np

        found = object.__new__(_Judge)
        found.names, found.shares = [self.names[one] for one in chosen], self.shares
        place = np.full(len(self.names), -1)
        place[chosen] = np.arange(len(chosen))
        kept = place[self._who] >= 0
        found._cell, found._who = self._cell[kept], place[self._who[kept]]
        found._part, found.weight, found._size = self._part[kept], self.weight, self._size
        return found

    def loss(self, seed: int) -> tuple[int, float]:
        """Return empty sides, and the sum of squares of distances, each by how many it is about."""
        import numpy as np

        number, cells = len(self.shares), len(self._size)
        side = sides_of(self.names, self.shares, seed)
        found = np.bincount(self._cell * number + side[self._who], self._part, number * cells)
        found = found.reshape(cells, number)
        wanted = np.outer(found.sum(axis=1), [float(one) for one in self.shares.values()])
        squares = ((found - wanted) ** 2).sum(axis=1)
        return number - len(np.unique(side)), float(squares @ self._size)


def best_seed(subjects: Subjects, shares: Shares) -> int:
    """Return which of the first seeds comes nearest to the shares, in total and in each stratum.

    Where there are many subjects, the seeds are judged by those who weigh most, and the best few
    of them by everybody.
    """
    judge = _Judge(subjects, shares)
    decisive = (-judge.weight).argsort(kind="stable")[:_DECISIVE]
    ranked = sorted(range(SEEDS), key=judge.only(decisive).loss)
    if len(decisive) == len(subjects.names):
        return ranked[0]
    return min(ranked[:_FINALISTS], key=judge.loss)


def check_possible(subjects: Subjects, shares: Shares) -> None:
    """Refuse what no seed could split so: too few subjects, or one that is too much of all.

    A column to be balanced that says something else in nearly every row is refused too.
    """
    for column, values in Counter(column for column, _ in subjects.strata).items():
        if values > _MOST_STRATA:
            raise UsageError(
                f"--stratify {column}: it has {values:,} different values, expected at most "
                f"{_MOST_STRATA}",
                hint="covcat split --stratify finding,view",
            )
    number, whole = len(subjects.names), sum(subjects.pictures)
    if not number:
        left_out = [f"{plural(rows, 'row')}: {why}" for why, rows in subjects.left_out.items()]
        raise UsageError(
            "no picture that is here passes the filters: there is nothing to split",
            details=left_out,
            hint="covcat counts",
        )
    if number < len(shares):
        fewer = ", or for fewer sides: --shares train=0.8,test=0.2" if number > 1 else ""
        raise UsageError(
            f"{plural(number, 'subject')} cannot be on {len(shares)} sides: "
            f"expected at least {len(shares)}",
            hint=f"ask for more pictures{fewer}",
        )
    most, name = max(zip(subjects.pictures, subjects.names, strict=True))
    if most > whole * max(shares.values()):
        raise UsageError(
            f"the subject `{name}` alone has {most:,} of {plural(whole, 'picture')}: "
            f"no side of {', '.join(f'{100 * float(one):g} %' for one in shares.values())} "
            "can hold that",
            hint="ask for more pictures, or for a larger side",
        )


def assign(
    subjects: Subjects, shares: Shares, seed: int, known: Mapping[int, str] | None = None
) -> list[str]:
    """Return the side of each subject; those that are `known` stay where they were."""
    words = [*shares]
    found = [words[one] for one in sides_of(subjects.names, shares, seed)]
    for number, side in (known or {}).items():
        found[number] = side
    if missing := [one for one in shares if one not in found]:
        raise UsageError(
            f"nobody of {plural(len(found), 'subject')} is in {' or '.join(missing)} with seed "
            f"{seed}",
            hint="without --seed and --lock the best of 1,000 seeds is searched",
        )
    return found


def balances(made: Division) -> list[Balance]:
    """Return how all pictures, and then the rows of each stratum, lie on the sides."""
    import numpy as np

    words = [*made.wanted.shares]
    number = {side: at for at, side in enumerate(words)}
    sides = np.array([number[side] for side in made.sides], dtype=np.int64)
    cells: list[tuple[Stratum | None, SubjectCounts]] = [
        (None, _everybody(made.subjects)),
        *made.subjects.strata.items(),
    ]
    found = []
    for stratum, cell in cells:
        counts = np.bincount(sides[cell.who], cell.rows, len(words)).astype(int).tolist()
        found.append(Balance(stratum, dict(zip(words, counts, strict=True)), len(cell.who)))
    return found
