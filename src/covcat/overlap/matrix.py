"""Pairs of pictures -> pairs of files, how much sets share, and what the catalog claims. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from covcat.catalog.load import Catalog
from covcat.overlap.pairs import SAME, VERDICTS, Pair, Picture, Verdict

Names = tuple[str, str]  # of two sets, in the order in which they were given
_SetPath = tuple[str, str]  # set and path
Status = Literal["agreed", "not found", "found, not claimed", "not judged"]


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
    found: dict[tuple[_SetPath, _SetPath], tuple[Pair, int]] = {}
    for one in pairs:
        files = one.a.place, one.b.place
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


@dataclass(frozen=True, slots=True)
class Claim:
    """Two sets of which one is said to be in the other, or was found there."""

    a: str  # ID@RELEASE
    b: str
    status: Status
    shared: int  # pictures that were found in both
    claimed: str = ""  # the evidence, as the catalog has it
    reason: str = ""  # why it is not judged

    @property
    def is_different(self) -> bool:
        """Tell if the catalog says something else than what was found."""
        return self.status in ("not found", "found, not claimed")


def compare_claims(
    catalog: Catalog, shared: Iterable[Shared], partial: Mapping[str, str]
) -> list[Claim]:
    """Compare, for each two sets of the catalog; `partial` says of which not all is here, and why.

    What was found is always told; that nothing was found is judged only between whole sets.
    """
    evidence = {
        (one.id, part.resource): part.evidence for one in catalog.resources for part in one.contains
    }
    found: list[Claim] = []
    for one in shared:
        a, b = one.a.partition("@")[0], one.b.partition("@")[0]
        if a == b or "@" not in one.a or "@" not in one.b:
            continue
        claimed = evidence.get((a, b)) or evidence.get((b, a)) or ""
        why = "; ".join(f"{name}: {partial[name]}" for name in (one.a, one.b) if name in partial)
        if not claimed and not one.shared:
            continue
        status: Status = "found, not claimed" if not claimed else "agreed"
        if not one.shared:
            status = "not judged" if why else "not found"
        found.append(Claim(one.a, one.b, status, one.shared, claimed, why))
    return found
