"""Pairs of pictures -> pairs of files, and how much sets share. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from covcat.overlap.pairs import SAME, VERDICTS, Pair, Picture, Verdict

Names = tuple[str, str]  # of two sets, in the order in which they were given
_File = tuple[str, str]  # set and path


@dataclass(frozen=True, slots=True)
class FilePair:
    """Two files that show the same: `best` of their pictures, and how many of these are alike."""

    best: Pair
    frames: int


@dataclass(slots=True)
class Shared:
    """What two sets have in common, in pictures of the smaller one; or one set within itself.

    A picture counts once, by its strongest verdict. `look` is never counted as shared.
    """

    a: str
    b: str
    a_pictures: int
    b_pictures: int
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def shared(self) -> int:
        """Pictures that are in both."""
        return sum(self.verdicts[one] for one in SAME)

    @property
    def percent(self) -> float:
        """Return the same of 100 pictures of the smaller set."""
        return round(100 * self.shared / (min(self.a_pictures, self.b_pictures) or 1), 1)


def oriented(pair: Pair, sets: Sequence[str]) -> Pair:
    """Return the same pair with the earlier of these sets as `a`."""
    ranks = [(sets.index(one.set), one) for one in (pair.a, pair.b)]
    if ranks[0] <= ranks[1]:
        return pair
    return pair.turned()


def pair_files(pairs: Iterable[Pair]) -> list[FilePair]:
    """Join the pairs of slices or frames of two files; what is alike within one file is none."""
    found: dict[tuple[_File, _File], tuple[Pair, int]] = {}
    for one in pairs:
        files = (one.a.set, one.a.path), (one.b.set, one.b.path)
        if files[0] == files[1]:
            continue
        best, frames = found.get(files, (one, 0))
        counted = frames + (one.verdict in SAME)
        found[files] = min(best, one, key=_rank), counted
    return [FilePair(best, max(1, frames)) for best, frames in found.values()]


def _rank(pair: Pair) -> tuple[int, float]:
    return VERDICTS.index(pair.verdict), -pair.score


def count_shared(
    sizes: Mapping[str, int],
    pairs: Iterable[FilePair],
    groups: Iterable[Sequence[Pair]] = (),
    *,
    within: bool,
) -> list[Shared]:
    """Count for every two sets, and where asked for also within each; `sizes` in pictures.

    What is in one group is the same, whether or not the two were compared with each other.
    """
    seen: dict[Names, dict[str, Verdict]] = {}  # of a picture of the first, in the second

    def note(set: str, path: str, other: str, verdict: Verdict) -> None:
        side = seen.setdefault((set, other), {})
        side[path] = min(side.get(path, verdict), verdict, key=VERDICTS.index)

    for one in pairs:
        a, b, verdict = one.best.a, one.best.b, one.best.verdict
        if a.set != b.set:
            note(a.set, a.path, b.set, verdict)
        note(b.set, b.path, a.set, verdict)  # within a set, who is a copy of one before it
    for group in groups:
        _note_group(group, note)
    order = {name: place for place, name in enumerate(sizes)}
    names = [*combinations(sizes, 2), *(((one, one) for one in sizes) if within else ())]
    found = []
    for a, b in sorted(names, key=lambda each: (order[each[0]], order[each[1]])):
        of_smaller = seen.get((a, b) if sizes[a] <= sizes[b] else (b, a), {})
        found.append(Shared(a, b, sizes[a], sizes[b], Counter(of_smaller.values())))
    return found


def _note_group(group: Sequence[Pair], note: Callable[[str, str, str, Verdict], None]) -> None:
    """Tell of each member in which other sets there is one, by the weaker of both verdicts."""
    stands = group[0].a
    members: list[tuple[Picture, Verdict]] = [(stands, "same bytes")]
    members += [(pair.b, pair.verdict) for pair in group]
    best: dict[str, Verdict] = {}
    for one, verdict in members:
        best[one.set] = min(best.get(one.set, verdict), verdict, key=VERDICTS.index)
    for one, verdict in members:
        for other, theirs in best.items():
            if other != one.set:
                note(one.set, one.path, other, max(verdict, theirs, key=VERDICTS.index))
