"""Verified pairs -> groups of one picture, each member verified with the representative itself.

No chains: a film that is the same as a part of a montage, and the montage as another film, are
not one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Couple = tuple[int, int]  # numbers of two pictures, the smaller first


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups as far as is known, and the couples that are to be verified to know more."""

    groups: list[list[int]]  # the representative first, then the others in order; two at least
    wanted: list[Couple]


def couple(a: int, b: int) -> Couple:
    """Return two numbers, the smaller first."""
    return (a, b) if a < b else (b, a)


def form_groups(same: Mapping[Couple, bool], order: Sequence[int], reach: int) -> Grouping:
    """Form groups of what is the same as their representative.

    Args:
        same: what was verified, and whether it is the same.
        order: every number; who comes first represents.
        reach: by how many steps from a member others are asked for, whom nobody verified with
            the representative yet.
    """
    near = defaultdict[int, set[int]](set)
    for (a, b), is_same in same.items():
        if is_same:
            near[a].add(b)
            near[b].add(a)
    free, groups, wanted = set(near), [], list[Couple]()
    for first in order:
        if first not in free:
            continue
        members, met, front = {first}, {first}, [first]
        steps = 0  # since a member was met
        asked: set[int] = set()
        while front and steps < reach:
            beyond = {one for at in front for one in near[at] if one in free} - met
            met |= beyond
            sure = {one for one in beyond if same.get(couple(first, one))}
            unknown = {one for one in beyond if couple(first, one) not in same}
            members |= sure
            asked |= unknown
            steps = 0 if sure else steps + 1
            front = [*sure, *unknown]
        free -= members | asked
        wanted += [couple(first, one) for one in sorted(asked)]
        if len(members) > 1:
            groups.append([first, *sorted(members - {first})])
    return Grouping(groups, wanted)
