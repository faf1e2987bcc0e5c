"""What is compared, and what was found: pictures, and pairs of them that are the same."""

from dataclasses import dataclass, replace
from typing import Literal

Verdict = Literal["same bytes", "same pixels", "same picture", "look"]
VERDICTS: tuple[Verdict, ...] = ("same bytes", "same pixels", "same picture", "look")
SAME = VERDICTS[:3]  # `look` is the same patient, or a neighbouring slice: never counted as same


@dataclass(frozen=True, slots=True, order=True)
class Picture:
    """One picture of a set; of a volume or a clip one slice or frame."""

    set: str  # ID@RELEASE, or what a user's folder is called
    path: str  # below files/ of the release, or below that folder
    sha256: str  # of the file
    frame: int = 0  # of a volume or clip, from 0


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
