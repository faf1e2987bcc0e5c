"""A grey picture -> its features: what tells that another picture shows the same.

Borders of one tone are cut off first, and the rest is scaled to 512 pixels, so that a copy with a
border and a crop have about the same scale. Local features are spread over the whole picture: a
viewer's burned-in text would else have them all; and over fine and coarse ones: what is coarse in
a crop is fine in the whole. Of the middle, which is what a crop leaves, there are finer ones too,
as a crop would show it: what is fine there is too small to be seen in the whole.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.opencv import opencv

Grey = NDArray[np.uint8]  # height x width
VERSION = 4  # of what is made here of the same pixels
LONGEST = 512  # pixels of the longest side that local features are taken from
SHARES = (220, 120, 60, 20)  # of the points, the finest first: each of three steps of scale
OF_MIDDLE = 140  # points besides, of the middle
MOST_POINTS = sum(SHARES) + OF_MIDDLE
MOST_TURNED = 64  # of each of the three turned pictures
STEP = 1.2  # of scale
CLOSER = 5  # steps by which the middle is looked at larger: as in a crop to 40 % of the sides
_CLOSER = STEP**CLOSER
_MIDDLE = 0.5  # of the sides
_STEPS, _STEPS_OF_MIDDLE = 11, 2
FINEST = 31.0 / _CLOSER  # pixels across of what the finest point describes
_EDGE = 16  # pixels of each step's picture: what is nearer to its edge is no point
_DETECTED, _DETECTED_OF_MIDDLE = 1500, 500  # of which those are taken that are spread best
_FAINTEST = 10  # grey levels that a corner must differ
_CELLS = 8  # along each side: a cell gives its strongest, then each its second, ...
_MOST_OF_CELL = 3  # times as many as if all gave the same: text would else have what is left
_APART = 27  # cells that follow each other are so far apart
_LEAST_SIDE = 32  # pixels, below which there are no local features
_TOLERANCE = 12  # of 255: what JPEG makes of one tone
_STRANGE = 0.02  # share of a border's line that may have another tone: a marker
_MOST_ENLARGED = 4.0  # a copy of half the size must have the same scale
_FLAT = 2.0  # standard deviation of a picture of which nothing can be told
_FIXED = 64  # a 64th of a pixel, and of a degree, is one of what is kept


@dataclass(frozen=True, slots=True)
class Frame:
    """What of a picture is compared: its box without borders, and how much that was scaled."""

    left: int  # pixels of the picture as decoded, as the three others
    top: int
    width: int
    height: int
    scale: float  # pixels of a scaled picture for one of the picture

    @property
    def scaled_size(self) -> tuple[int, int]:
        """Width and height of the scaled picture."""
        return max(1, round(self.width * self.scale)), max(1, round(self.height * self.scale))


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Local features of a scaled picture, the best spread and strongest first."""

    places: NDArray[np.float32]  # n x 4: x, y, diameter in pixels; angle in degrees
    descriptors: NDArray[np.uint8]  # n x 32
    # Row k is of the same place as row k above, in the picture mirrored from left to right,
    # inverted, or both; at most the first 64. Rows of zeros: too near to the edge to tell.
    mirrored: NDArray[np.uint8]
    inverted: NDArray[np.uint8]
    both: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is kept of a picture."""

    width: int  # pixels, as decoded
    height: int
    pixels: bytes  # sha256 of width, height and every grey pixel
    outline: bytes  # 256 bits of its lowest frequencies; empty of a picture of one tone
    frame: Frame
    points: Points


def method() -> str:
    """Return what features depend on: made by another method they cannot be compared."""
    major = str(opencv().__version__).partition(".")[0]
    return f"covcat-features-{VERSION} opencv-{major}"


def describe(grey: Grey) -> Features:
    """Return the features of a picture of 8 bits."""
    height, width = grey.shape
    frame = framed(grey)
    small = scaled(grey, frame)
    return Features(
        width=width,
        height=height,
        pixels=_digest(grey),
        outline=_outline(small),
        frame=frame,
        points=_points(small, grey, frame),
    )


def steps_of(places: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return by how many steps of scale each is coarser than the finest, of features' places."""
    steps: NDArray[np.intp] = np.rint(np.log(places[:, 2] / FINEST) / np.log(STEP)).astype(np.intp)
    return steps


def _digest(grey: Grey) -> bytes:
    found = hashlib.sha256(b"%d x %d\n" % (grey.shape[1], grey.shape[0]))
    found.update(np.ascontiguousarray(grey).data)
    return found.digest()


def framed(grey: Grey) -> Frame:
    """Return what is inside the borders of one tone."""
    step = -(-max(grey.shape) // LONGEST)  # every so manieth row and column shows them
    some = np.ascontiguousarray(grey[::step, ::step])
    top, bottom = _inside(some)
    left, right = _inside(np.ascontiguousarray(some[top:bottom].T))
    x, y = left * step, top * step
    width, height = min(right * step, grey.shape[1]) - x, min(bottom * step, grey.shape[0]) - y
    return Frame(x, y, width, height, min(_MOST_ENLARGED, LONGEST / max(width, height)))


def _inside(grey: Grey) -> tuple[int, int]:
    """Return the first row that is no border, and the one after the last; all if few are left."""
    ends, (rows, columns) = [], grey.shape
    for lines in (grey, grey[::-1]):
        tone = int(np.median(lines[0]))
        low = max(0, tone - _TOLERANCE)  # what is below it is far above, as bytes wrap around
        strange = (lines - np.uint8(low)) > min(255, tone + _TOLERANCE) - low
        is_inside = np.count_nonzero(strange, axis=1) > _STRANGE * columns
        ends.append(int(is_inside.argmax()) if is_inside.any() else rows)
    top, bottom = ends[0], rows - ends[1]
    return (top, bottom) if bottom - top >= rows / 4 else (0, rows)


def scaled(grey: Grey, frame: Frame) -> Grey:
    """Return what is compared of a picture, its longest side 512 pixels; less of tiny ones."""
    inside = grey[frame.top :, frame.left :][: frame.height, : frame.width]
    return _resized(inside, *frame.scaled_size)


def _resized(grey: Grey, width: int, height: int) -> Grey:
    cv2 = opencv()
    while min(grey.shape[0] / height, grey.shape[1] / width) >= 2:  # by halves it is much faster
        down, across = grey.shape[0] // 2, grey.shape[1] // 2
        whole = grey[: 2 * down, : 2 * across]
        grey = cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA)
    if (height, width) == grey.shape:
        return np.ascontiguousarray(grey)
    way = cv2.INTER_LINEAR if width > grey.shape[1] else cv2.INTER_AREA
    small: Grey = cv2.resize(grey, (width, height), interpolation=way)
    return small


def _middle_of(frame: Frame) -> Frame:
    """Return the middle, that much closer."""
    width, height = (max(1, int(_MIDDLE * side)) for side in (frame.width, frame.height))
    left = frame.left + (frame.width - width) // 2
    top = frame.top + (frame.height - height) // 2
    return Frame(left, top, width, height, frame.scale * _CLOSER)


def _tells(small: Grey) -> bool:
    return min(small.shape) >= _LEAST_SIDE and not _is_flat(small)


def _is_flat(small: Grey) -> bool:
    return float(opencv().meanStdDev(small)[1][0][0]) < _FLAT


def _outline(small: Grey) -> bytes:
    cv2 = opencv()
    if _is_flat(small):
        return b""
    tiny = cv2.resize(small, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(tiny)[:16, :16].ravel()
    return np.packbits(lowest > np.median(lowest)).tobytes()


@cache
def _makers() -> tuple[Any, Any, Any]:
    """Return what evens tones out, and what finds points, of the whole and of the middle."""
    cv2 = opencv()
    orbs = (
        cv2.ORB_create(
            nfeatures=detected,
            scaleFactor=STEP,
            nlevels=steps,
            edgeThreshold=_EDGE,
            fastThreshold=_FAINTEST,
        )
        for detected, steps in ((_DETECTED, _STEPS), (_DETECTED_OF_MIDDLE, _STEPS_OF_MIDDLE))
    )
    return cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)), *orbs


def _points(small: Grey, grey: Grey, frame: Frame) -> Points:
    """Return points of the whole, then those of the middle."""
    if not _tells(small):
        return Points(np.zeros((0, 4), np.float32), *(np.zeros((0, 32), np.uint8),) * 4)
    clahe, orb, closer = _makers()
    even = clahe.apply(small)
    found = _spread(orb.detect(even, None), small.shape)
    places, (rows, *turned) = _places(found), _described(even, found)
    middle = _middle_of(frame)
    if _tells(small := scaled(grey, middle)):
        even = clahe.apply(small)
        found = _best(closer.detect(even, None), small.shape, OF_MIDDLE)
        finer = _places(found)
        finer[:, :3] /= _CLOSER
        finer[:, 0] += (middle.left - frame.left) * frame.scale
        finer[:, 1] += (middle.top - frame.top) * frame.scale
        places, rows = np.concatenate([places, finer]), np.concatenate([rows, _rows(even, found)])
    return Points(places, rows, *turned)


def _places(found: list[Any]) -> NDArray[np.float32]:
    places = np.array([(*one.pt, one.size, one.angle) for one in found], np.float32)
    return places.reshape(-1, 4)


def _spread(found: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Return the points that are kept, of each step of scale some, the best spread first.

    What a share cannot fill is given to the next finer one.
    """
    octaves = np.array([one.octave for one in found])
    share = np.minimum(octaves * len(SHARES) // (_STEPS + 1), len(SHARES) - 1)
    ranked, left = list[tuple[float, int, Any]](), 0
    for number in reversed(range(len(SHARES))):
        most = SHARES[number] + left
        some = [found[k] for k in np.flatnonzero(share == number)]
        best = _best(some, shape, most)
        left = most - len(best)
        ranked += [(rank / most, number, one) for rank, one in enumerate(best)]
    return [one for *_, one in sorted(ranked, key=lambda each: each[:2])]


def _best(found: list[Any], shape: tuple[int, ...], most: int) -> list[Any]:
    """Return the strongest point of each cell of the picture, then each one's second, ...

    Of those of one rank first those of cells that are apart: text would else come first.
    """
    if not found:
        return []
    strength = np.array([one.response for one in found])
    x, y = opencv().KeyPoint_convert(found).T
    cells = (y * _CELLS // shape[0]).astype(int) * _CELLS + (x * _CELLS // shape[1]).astype(int)
    order = np.lexsort((-strength, cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    order = np.lexsort((cells * _APART % _CELLS**2, rank))
    order = order[rank[order] < _MOST_OF_CELL * most / _CELLS**2]
    return [found[one] for one in order[:most]]


def _described(even: Grey, found: list[Any]) -> list[NDArray[np.uint8]]:
    """Return descriptors of points; of the first in the mirrored, the inverted picture, and both.

    A point of the inverted picture points the other way, and each of its comparisons has the
    other result: nothing has to be found anew.
    """
    some, last = found[:MOST_TURNED], even.shape[1] - 1
    mirrored = [_moved(one, last - one.pt[0], 180 - one.angle) for one in some]
    inverted = [_moved(one, one.pt[0], 180 + one.angle) for one in some]
    both = [_moved(one, last - one.pt[0], -one.angle) for one in some]
    plain = _rows(even, [*found, *inverted])
    turned = _rows(np.ascontiguousarray(even[:, ::-1]), [*mirrored, *both])
    count, change = len(some), np.uint8(0xFF)
    rows = plain[: len(found)], turned[:count], plain[len(found) :], turned[count:]
    for one in rows[2:]:
        one[one.any(axis=1)] ^= change
    return list(rows)


def _moved(one: Any, x: float, angle: float) -> Any:
    return opencv().KeyPoint(x, one.pt[1], one.size, angle % 360, one.response, one.octave)


def _rows(even: Grey, points: list[Any]) -> NDArray[np.uint8]:
    """Return a descriptor of each point; zeros of one that is too near to the edge."""
    for number, one in enumerate(points):
        one.class_id = number
    kept, descriptors = _makers()[1].compute(even, points)
    rows = np.zeros((len(points), 32), np.uint8)
    if descriptors is not None:
        rows[[one.class_id for one in kept]] = descriptors
    return rows
