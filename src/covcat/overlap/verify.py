"""A candidate pair -> its verdict, from the pictures themselves.

`same picture` needs blocks that agree (median correlation 0.97), of which three quarters fit best
where they are: neighbouring slices of one scan correlate up to 0.99, but their edges lie elsewhere
(measured on public CT volumes and Cohen's films: changed copies at most 0.21 pixels of 512,
neighbouring slices that correlate so well 0.5 and more). Slices of 256 pixels come nearer; what
tells them is the drift of all that shows, which is blurred until a copy's own pixels move nothing:
slices of a head CT, and the mean of two of them, 0.39 and more, changed copies of films at most
0.36. From 0.90 it is `look`. Strangers and follow-ups of one patient were at most 0.84.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import atan2, degrees, sqrt

import numpy as np

from covcat.overlap.align import MIRRORED, Alignment, Matrix, Way, align
from covcat.overlap.compare import Likeness, compare, drift, flat_share
from covcat.overlap.features import Features, Grey
from covcat.overlap.opencv import opencv
from covcat.overlap.pairs import Verdict

SAME = 0.97
LOOK = 0.90
_STILL = 0.45  # pixels of 512: where more fits better elsewhere it is another slice
_CLEAR, _STILL_IF_CLEAR = 0.995, 0.75  # drawings of few tones have no edge to tell it exactly
_DRIFT = 0.36  # pixels of 512; times the root of how many of them were one as decoded
_DRAWN = 0.04  # share of one tone in both: drawings had 0.06 and more, slices of CT at most 0.015
_LEAST_SHOWN = 0.03  # share of the larger that the smaller must show


@dataclass(frozen=True, slots=True)
class Sameness:
    """In which way two pictures are the same; as `Pair` has it."""

    verdict: Verdict
    score: float
    scale: float
    stretch: float
    rotation: float
    mirrored: bool
    inverted: bool
    shown_a: float
    shown_b: float


def alignments(a: Features, b: Features, way: Way, *, is_outline: bool) -> list[Alignment]:
    """Return how `a` may lie on `b`: what local features say; with outlines alike, as they are."""
    (wide, high), (wide_b, high_b) = a.frame.scaled_size, b.frame.scaled_size
    found = align(a.points, b.points, way, wide)
    if is_outline:
        across, down = wide_b / wide, high_b / high
        matrix = np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2]])
        if way in MIRRORED:
            matrix[0] = [-across, 0.0, across * (wide - 0.5) - 0.5]
        found.append(Alignment(matrix, 0))
    return found


def verify(
    a: tuple[Features, Grey], b: tuple[Features, Grey], tried: Iterable[Alignment]
) -> Sameness | None:
    """Return how two pictures are the same, or None; with each its features and scaled pixels."""
    best: Likeness | None = None
    for one in tried:
        found = compare(a[1], b[1], one.matrix)
        if found is None or (best is not None and _rank(found) <= _rank(best)):
            continue
        best = found
        if _is_alike(best) and not _drifts(a, b, best):
            return _told(a[0], b[0], best, "same picture")
    return _told(a[0], b[0], best, "look") if best is not None and best.plain >= LOOK else None


def _rank(found: Likeness) -> tuple[bool, float]:
    return _is_still(found), found.score


def _is_still(found: Likeness) -> bool:
    """Tell if the blocks fit best where they are."""
    return found.shift <= (_STILL if found.score < _CLEAR else _STILL_IF_CLEAR)


def _is_alike(found: Likeness) -> bool:
    return found.score >= SAME and _is_still(found)


def _drifts(a: tuple[Features, Grey], b: tuple[Features, Grey], found: Likeness) -> bool:
    """Tell if they are two slices: so much of what shows lies elsewhere; what is drawn may."""
    across = float(np.sqrt(abs(np.linalg.det(found.matrix[:, :2]))))
    finest = max(1.0, across)  # they are compared at the scale of the smaller
    enlarged = max(1.0, a[0].frame.scale * across / finest, b[0].frame.scale / finest)
    moved = drift(a[1], b[1], found.matrix, enlarged)
    if moved is not None and moved <= _DRIFT * sqrt(enlarged):
        return False
    return min(flat_share(a[1]), flat_share(b[1])) < _DRAWN


def _told(a: Features, b: Features, found: Likeness, verdict: Verdict) -> Sameness | None:
    """Return the verdict with its transform, in pixels of the pictures as decoded."""
    matrix = _between_pictures(a, b, found.matrix)
    shown = _shown(a, b, matrix)
    if min(shown) <= 0 or max(shown) < _LEAST_SHOWN:
        return None
    turn = matrix[:, :2].copy()
    mirrored = bool(np.linalg.det(turn) < 0)
    if mirrored:
        turn[:, 0] = -turn[:, 0]
    wide, high = (float(np.hypot(*row)) for row in turn)
    upright = turn / np.array([[wide], [high]])
    return Sameness(
        verdict=verdict,
        score=found.score,
        scale=sqrt(wide * high),
        stretch=wide / high,
        rotation=degrees(atan2(upright[1, 0] - upright[0, 1], upright[0, 0] + upright[1, 1])),
        mirrored=mirrored,
        inverted=found.is_inverted,
        shown_a=shown[0],
        shown_b=shown[1],
    )


def _between_pictures(a: Features, b: Features, matrix: Matrix) -> Matrix:
    """Return the matrix between whole pictures of one between what is scaled of them."""
    into = np.array(
        [
            [a.frame.scale, 0.0, -a.frame.scale * a.frame.left],
            [0.0, a.frame.scale, -a.frame.scale * a.frame.top],
            [0.0, 0.0, 1.0],
        ]
    )
    out = np.diag([1 / b.frame.scale, 1 / b.frame.scale, 1.0])
    out[:2, 2] = b.frame.left, b.frame.top
    whole: Matrix = (out @ np.vstack([matrix, [0, 0, 1]]) @ into)[:2]
    return whole


def _shown(a: Features, b: Features, matrix: Matrix) -> tuple[float, float]:
    """Return the share of each frame that the other one shows too."""
    cv2 = opencv()
    laid = cv2.transform(_corners(a)[None], matrix)[0].astype(np.float32)
    common, _ = cv2.intersectConvexConvex(laid, _corners(b))
    whole = abs(float(np.linalg.det(matrix[:, :2]))) * a.frame.width * a.frame.height
    return min(1.0, common / whole), min(1.0, common / (b.frame.width * b.frame.height))


def _corners(one: Features) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    left, top = one.frame.left, one.frame.top
    right, bottom = left + one.frame.width, top + one.frame.height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
