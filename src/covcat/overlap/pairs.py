"""What is compared, and what was found: pictures, pairs of them that are the same, copies. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

Verdict = Literal["same bytes", "same pixels", "same picture", "look"]
VERDICTS: tuple[Verdict, ...] = ("same bytes", "same pixels", "same picture", "look")
SAME = VERDICTS[:3]  # `look` is the same patient, or a neighbouring slice: never counted as same
MOST_COPIES = 12  # of which each is paired with each; of more, with the first of each set


@dataclass(frozen=True, slots=True, order=True)
class Picture:
    """One picture of a set; of a volume or a clip one slice or frame."""

    set: str  # ID@RELEASE, or what a user's folder is called
    path: str  # below files/ of the release, or below that folder
    sha256: str  # of the file
    frame: int = 0  # of a volume or clip, from 0

    @property
    def place(self) -> tuple[str, str]:
        """Set and path: of which file it is."""
        return self.set, self.path


class NoPicture(ValueError):  # noqa: N818 -- no fault of ours or the user's
    """There is nothing in a file that can be compared; the text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, and in which way they are the same.

    The transform leads from `a` to `b`: mirrored first, then turned by `rotation` degrees and
    enlarged by `scale`, `stretch` being by how much more in width than in height. `shown_a` and
    `shown_b` are the shares of each picture's area that the other one shows too.
    """

    a: Picture
    b: Picture
    verdict: Verdict
    score: float = 1.0  # median correlation of textured blocks, once aligned
    scale: float = 1.0
    stretch: float = 1.0
    rotation: float = 0.0
    mirrored: bool = False
    inverted: bool = False
    shown_a: float = 1.0
    shown_b: float = 1.0

    def turned(self) -> "Pair":
        """Return the same pair from `b` to `a`."""
        is_on_its_side = round(self.rotation / 90) % 2 == 1
        return replace(
            self,
            a=self.b,
            b=self.a,
            scale=1 / self.scale,
            stretch=self.stretch if is_on_its_side else 1 / self.stretch,
            rotation=self.rotation if self.mirrored else 0.0 - self.rotation,
            shown_a=self.shown_b,
            shown_b=self.shown_a,
        )


Group = Sequence[Pair]  # of the picture that stands for all with each of its copies


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
