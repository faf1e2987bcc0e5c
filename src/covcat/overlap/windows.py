"""Values of any kind -> 8 bits, as a viewer would show them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.features import Grey

_AIR = -500  # Hounsfield units: below it are lungs and air, and in other kinds of values nothing
_LUNG = (-1350.0, 150.0)  # Hounsfield units: the window for lungs, level -600 and width 1500
_OUTLIERS = (0.5, 99.5)  # percent of the values, between which all else is shown
_ROWS = 256  # at once: in floats all of a large picture would take four times its room
_STEP = 4  # every fourth row and column is enough to see how values lie


@dataclass(frozen=True, slots=True)
class Window:
    """The values that are shown black and white; those between them in proportion."""

    low: float
    high: float


def window_of(values: NDArray[Any]) -> Window:
    """Return a window where the file names none: that for lungs for Hounsfield units."""
    some = values[:: _STEP if len(values) > 64 else 1, :: _STEP if values.shape[1] > 64 else 1]
    if some.dtype.kind == "f":
        some = some[np.isfinite(some)]
    if not some.size:
        return Window(0.0, 1.0)
    if float(some.min()) < _AIR:
        return Window(*_LUNG)
    low, high = np.percentile(some, _OUTLIERS)
    if low == high:
        low, high = some.min(), some.max()
    return Window(float(low), float(high))


def to_grey(values: NDArray[Any], window: Window | None = None, *, inverted: bool = False) -> Grey:
    """Return values of one channel in 8 bits; bytes that have no window stay as they are."""
    if values.dtype == np.uint8 and window is None:
        return 255 - values if inverted else values
    chosen = window or window_of(values)
    width = max(chosen.high - chosen.low, 1e-12)
    grey = np.empty(values.shape, np.uint8)
    for row in range(0, len(values), _ROWS):
        some = values[row : row + _ROWS].astype(np.float32)
        some = (some - np.float32(chosen.low)) * np.float32(255 / width) + np.float32(0.5)
        grey[row : row + _ROWS] = np.clip(np.nan_to_num(some, nan=0.0), 0, 255)
    return 255 - grey if inverted else grey
