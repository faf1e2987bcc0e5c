"""Sets of pictures -> which of them are the same, by all that can be compared here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from covcat.overlap.pairs import Group, Pair, Picture, group_alike, pair_alike
from covcat.overlap.pictures import LeftOut, PictureSet
from covcat.progress import Progress

if TYPE_CHECKING:
    from covcat.overlap import find
    from covcat.overlap.feature_store import FeatureStore

BYTES = "bytes"  # method of a run without the extra
_Copy = tuple[str, int]  # sha256 and frame


@dataclass(frozen=True, slots=True)
class FoundPairs:
    """What was found; in a group each was compared with the one that stands for all."""

    pairs: Sequence[Pair]
    groups: Sequence[Group]
    method: str  # version of how pictures were compared
    left_out: Sequence[LeftOut]
    undecided: int = 0  # pairs that could not be compared to the end


def has_extra() -> bool:
    """Tell if the extra `overlap` is here: else the bytes alone are compared."""
    return find_spec("cv2") is not None


def known_of(folder: Path) -> "FeatureStore | None":
    """Return what is kept of a folder's files; None where there is no such folder, or no extra.

    Raises:
        DiskError: it cannot be kept.
    """
    if not has_extra() or not folder.is_dir():
        return None
    from covcat.overlap.feature_store import store_of

    return store_of(folder)


def compare_sets(sets: Sequence[PictureSet], progress: Progress) -> FoundPairs:
    """Return which pictures of these sets are the same, also within one.

    Raises:
        DiskError: features cannot be kept.
    """
    if not has_extra():
        return _compare_bytes(sets)
    from covcat.overlap.again import find_or_recall
    from covcat.overlap.describing import described
    from covcat.overlap.feature_store import store_of
    from covcat.overlap.features import method

    made = [described(one, store_of(one.home), progress) for one in sets]
    found = find_or_recall(made, progress, within=True)
    left = [each for one in made for each in one.left_out]
    groups = _evidence(found.groups, found.pairs)
    return FoundPairs(found.pairs, groups, method(), left, found.undecided)


def _compare_bytes(sets: Sequence[PictureSet]) -> FoundPairs:
    alike: dict[str, list[Picture]] = {}
    for each in sets:
        for one in each.files:
            alike.setdefault(one.sha256, []).append(Picture(one.set, one.path, one.sha256))
    copies = [one for one in alike.values() if len(one) > 1]
    pairs = [pair for one in copies for pair in pair_alike(one)]
    left = [one for each in sets for one in each.left_out]
    return FoundPairs(pairs, [group_alike(one) for one in copies], BYTES, left)


def _evidence(groups: Iterable["find.Group"], pairs: Iterable[Pair]) -> list[Group]:
    """Return the pairs that each group rests on; copies of one file share theirs."""
    known: dict[tuple[_Copy, _Copy], Pair] = {}
    for one in pairs:
        known.setdefault((_copy(one.a), _copy(one.b)), one)
        known.setdefault((_copy(one.b), _copy(one.a)), one.turned())
    found = list[Group]()
    for group in groups:
        stands = group.representative
        found.append(
            [
                Pair(stands, one, "same bytes")
                if _copy(one) == _copy(stands)
                else replace(known[_copy(stands), _copy(one)], a=stands, b=one)
                for one in group.members
                if one != stands
            ]
        )
    return found


def _copy(picture: Picture) -> _Copy:
    return picture.sha256, picture.frame
