"""Two pictures' local features -> how one is laid onto the other.

Descriptors that are each other's nearest are matched. Each match says by how much the one picture
is turned and enlarged; of those that say the same RANSAC finds the similarity that most agree
with, and an affine too, for copies whose aspect was lost.
"""

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.features import Points
from covcat.overlap.opencv import opencv

Matrix = NDArray[np.float64]  # 2 x 3: leads from pixels of one scaled picture to the other's
Way = Literal["plain", "mirrored", "inverted", "both"]
WAYS: tuple[Way, ...] = ("plain", "mirrored", "inverted", "both")
MIRRORED: tuple[Way, ...] = ("mirrored", "both")

_FARTHEST = 70  # bits of 256 by which descriptors of one place may differ; strangers: about 128
_LEAST = 6  # places that agree; what shows is decided by comparing the pictures themselves
_TURNED = 25.0  # degrees by which matches of one picture may differ; where its aspect is lost
_ENLARGED = 1.4  # by what factor
_NEAR = 4.0  # pixels by which a place may miss
_SCALES = (0.1, 10.0)  # RANSAC also gives solutions of scale 0
_SQUEEZED = 3.0  # how much more one direction may be enlarged than the other
_TRIALS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """How a scaled picture is laid onto another, and how many places agree with it."""

    matrix: Matrix
    inliers: int


def align(a: Points, b: Points, way: Way, width: int) -> list[Alignment]:
    """Return what may lay `a`, whose scaled picture is `width` pixels wide, onto `b`; best first.

    The matrix of a mirrored picture mirrors it.
    """
    places, rows = looked_up(a, way, width)
    ours, theirs = _match(rows, b.descriptors)
    kept = _in_step(places[ours, 2:], b.places[theirs, 2:])
    if len(kept) < _LEAST:
        return []
    before, after = places[ours[kept], :2], b.places[theirs[kept], :2]
    mirror = np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    cv2, found = opencv(), list[Alignment]()
    for estimate in cv2.estimateAffinePartial2D, cv2.estimateAffine2D:
        cv2.setRNGSeed(1)  # the same pictures have the same result
        matrix, agree = estimate(
            before, after, method=cv2.RANSAC, ransacReprojThreshold=_NEAR, maxIters=_TRIALS
        )
        if matrix is not None and is_possible(matrix) and (inliers := int(agree.sum())) >= _LEAST:
            found.append(Alignment(matrix @ mirror if way in MIRRORED else matrix, inliers))
    return sorted(found, key=lambda one: -one.inliers)


def looked_up(a: Points, way: Way, width: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return places and descriptors of the picture, so many pixels wide, as it is looked up."""
    if way == "plain":
        return a.places, a.descriptors
    rows: NDArray[np.uint8] = getattr(a, way)
    known = rows.any(axis=1)
    places = a.places[: len(rows)][known].copy()
    if way in MIRRORED:
        places[:, 0] = width - 1 - places[:, 0]
        places[:, 3] = 180 - places[:, 3]
    if way in ("inverted", "both"):
        places[:, 3] += 180
    return places, rows[known]


def _in_step(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the matches that enlarge and turn like most others do; of each size and angle."""
    enlarged = np.log(after[:, 0] / before[:, 0])
    turned = after[:, 1] - before[:, 1]
    apart = np.abs((turned[:, None] - turned[None] + 180) % 360 - 180)
    alike = (apart <= _TURNED) & (np.abs(enlarged[:, None] - enlarged[None]) <= log(_ENLARGED))
    return np.flatnonzero(alike[alike.sum(axis=1).argmax()]) if len(alike) else np.zeros(0, np.intp)


def _match(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of both that are each other's nearest, and near."""
    if not len(a) or not len(b):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    ours, theirs = (np.ascontiguousarray(one).view(np.uint64) for one in (a, b))
    bits = np.zeros((len(a), len(b)), np.uint16)
    for word in range(ours.shape[1]):
        bits += np.bitwise_count(ours[:, word, None] ^ theirs[None, :, word])
    nearest, rows = bits.argmin(axis=1), np.arange(len(a))
    kept = (bits.argmin(axis=0)[nearest] == rows) & (bits[rows, nearest] <= _FARTHEST)
    return rows[kept], nearest[kept]


def is_possible(matrix: Matrix) -> bool:
    """Tell if a picture may have been made of another like this."""
    if not np.isfinite(matrix).all():
        return False
    most, least = np.linalg.svd(matrix[:, :2], compute_uv=False)
    lowest, highest = _SCALES
    return bool(lowest <= least and most <= highest and most <= _SQUEEZED * least)
