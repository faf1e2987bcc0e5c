"""What somebody drew on a picture: polygons and boxes, each with a name. Pure.

All numbers are pixels from the left upper corner of the picture that it was drawn on, x to the
right and y downwards, whole or not.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from operator import mul
from typing import Any, TypeAlias

SIDES = 4  # of a box: x, y, width, height
_FARTHEST = 1_000_000  # pixels from the corner; the widest film known has 10,000
_FEWEST = 3  # points that have an inside
Points: TypeAlias = "array[float]"  # x, y, x, y …


@dataclass(frozen=True, slots=True)
class Outline:
    """A polygon, whose paths may be parts or holes of each other, or a box, which has no path."""

    name: str  # as the source has it
    box: tuple[float, float, float, float]  # x, y, width, height; of a polygon what it fits into
    paths: tuple[Points, ...] = ()

    @property
    def area(self) -> float:
        """Return the pixels inside of a box, or of a polygon of one path by Gauss's formula."""
        return _area(self.paths[0]) if self.paths else self.box[2] * self.box[3]

    def touches(self, width: int, height: int) -> bool:
        """Tell if a part of it is on a picture of that size."""
        x, y, across, down = self.box
        return x < width and y < height and x + across > 0 and y + down > 0

    def stretched(self, across: float, down: float) -> "Outline":
        """Return it on a picture that is so many times as wide and high."""
        if (across, down) == (1, 1):
            return self
        x, y, width, height = self.box
        paths = tuple(
            array("d", (value * (down if at % 2 else across) for at, value in enumerate(one)))
            for one in self.paths
        )
        return Outline(self.name, (x * across, y * down, width * across, height * down), paths)


@dataclass(frozen=True, slots=True)
class Outlined:
    """All that is drawn on one picture."""

    key: str  # what the picture is called in the file; "" if the file is of one alone
    drawn: tuple[Outline, ...]
    unread: tuple[str, ...] = ()  # names of what is none of these, or damaged
    width: int | None = None  # of that picture, as the file says
    height: int | None = None

    @property
    def in_words(self) -> str | None:
        """Say what is drawn, and how often."""
        counts = Counter(one.name for one in self.drawn)
        return "; ".join(f"{name} {number}" for name, number in counts.items()) or None


def make_box(name: str, numbers: Any) -> Outline | None:
    """Return a box of x, y, width and height; None if these are none."""
    if (found := _places(numbers)) is None or len(found) != SIDES:
        return None
    x, y, width, height = found
    return Outline(name, (x, y, width, height)) if width > 0 and height > 0 else None


def make_polygon(name: str, paths: Sequence[Any]) -> Outline | None:
    """Return a polygon of lists x, y, x, y …; None if one of these has no inside."""
    found = [one for path in paths if (one := _places(path)) is not None]
    has_inside = all(len(one) % 2 == 0 and len(one) >= 2 * _FEWEST and _area(one) for one in found)
    if not found or len(found) < len(paths) or not has_inside:
        return None
    x, y = (min(min(one[side::2]) for one in found) for side in (0, 1))
    right, below = (max(max(one[side::2]) for one in found) for side in (0, 1))
    return Outline(name, (x, y, right - x, below - y), tuple(found))


def read_size(value: object) -> int | None:
    """Return a width or height, if it is one."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 < value <= _FARTHEST else None  # type: ignore[operator,return-value]


def _places(numbers: Any) -> "Points | None":
    """Return numbers that may be places on a picture; None if one of them is not."""
    if not isinstance(numbers, list) or not numbers or not set(map(type, numbers)) <= {int, float}:
        return None
    if not (min(numbers) >= -_FARTHEST and max(numbers) <= _FARTHEST and isfinite(sum(numbers))):
        return None
    return array("d", numbers)


def _area(path: Points) -> float:
    x, y = path[::2], path[1::2]
    twice: float = sum(map(mul, x, y[1:] + y[:1])) - sum(map(mul, x[1:] + x[:1], y))
    return abs(twice) / 2
