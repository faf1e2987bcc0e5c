"""Files of the same bytes -> pairs and groups: all that is found without the extra. Pure."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from covcat.overlap.pairs import Pair, Picture

Group = Sequence[Pair]  # of the picture that stands for all with each of its copies


MOST_COPIES = 12  # of which each is paired with each; of more, with the first of each set


def firsts(members: Sequence[Picture]) -> list[Picture]:
    """Return the smallest picture of each set; the members are in order."""
    return list({one.set: one for one in reversed(members)}.values())[::-1]


def couples(members: Sequence[Picture]) -> Iterable[tuple[Picture, Picture]]:
    """Give all couples of pictures in order; of many not the square of them."""
    if len(members) <= MOST_COPIES:
        return combinations(members, 2)
    leading = firsts(members)
    return (
        (one, other) for one in leading for other in members if one < other or other not in leading
    )


def pair_alike(copies: Iterable[Picture]) -> list[Pair]:
    """Return pairs of pictures that are all the same file."""
    return [Pair(one, other, "same bytes") for one, other in couples(sorted(copies))]


def group_alike(copies: Iterable[Picture]) -> Group:
    """Return the group of pictures that are all the same; the first by set and path stands."""
    first, *others = sorted(copies)
    return [Pair(first, one, "same bytes") for one in others]
