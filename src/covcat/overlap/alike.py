"""Files of the same bytes -> pairs and groups: all that is found without the extra. Pure."""

from collections.abc import Iterable, Sequence

from covcat.overlap.pairs import Pair, Picture

Group = Sequence[Pair]  # of the picture that stands for all with each of its copies


_MOST = 50  # copies of which every two are a pair


def pair_alike(copies: Iterable[Picture]) -> list[Pair]:
    """Return pairs of pictures that are all the same file.

    Where there are very many, the first of each set alone is paired with all that come after it:
    not the square of them.
    """
    every = sorted(copies)
    firsts = list({one.set: one for one in reversed(every)}.values())
    return [
        Pair(one, other, "same bytes")
        for one in (every if len(every) <= _MOST else sorted(firsts))
        for other in every
        if one < other
    ]


def group_alike(copies: Iterable[Picture]) -> Group:
    """Return the group of pictures that are all the same; the first by set and path stands."""
    first, *others = sorted(copies)
    return [Pair(first, one, "same bytes") for one in others]
