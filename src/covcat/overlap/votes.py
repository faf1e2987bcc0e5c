"""Local features that meet -> the pairs of pictures of which two meetings say the same.

A vote is one number: two pictures, and how the first lies on the other by one feature of each:
how much it is enlarged, turned, and where its middle comes to lie. So votes can be sorted, and lie
in files. Two meetings in one sixteenth of a picture do not count as two: what is a corner at one
scale is one at the next. Of a whole and a crop that is the crop, which may all lie in one of the
whole's. Finer points of two middles do not meet: enlarged, the middles of films are much alike.
"""

from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.features import CLOSER, LONGEST, STEP, steps_of

Numbers = NDArray[np.uint32]
Numbered = NDArray[np.uint64]
Spots = tuple[Numbers, Numbers]  # of every feature the number of its picture, and its `spots_of`

MOST_PICTURES = 1 << 22
_STEP_AT = 26  # the bit of a spot where its step of scale begins
_SHARES = 16  # files, by four bits
_SCATTER = 0x9E3779B97F4A7C15  # odd, its bits without a pattern: 2^64 / the golden ratio
_PIECE = 1 << 22  # votes that are gone through at once
_LAID = 19  # bits below both pictures: 1 who is first, 4 steps, 4 turn, 6 where to, 4 where
_ANGLES = 16
_FINER = 16  # parts of an angle that a feature's is known to
_CELL = 96  # pixels; a place is known to the eighth cell, then it begins anew
_CELLS = 8
_PART = LONGEST / 4  # pixels
_MOST_STEPS = 8
_CROPPED = 3  # steps of scale by which the second is larger: it may be a crop of the first
_FAR = 8  # votes behind each that it is held against


def spots_of(places: NDArray[np.float32]) -> Numbers:
    """Return place, size and angle of local features, each in one number."""
    x, y = (np.clip(np.rint(places[:, one]), 0, LONGEST - 1).astype(np.uint32) for one in (0, 1))
    turn = np.rint(places[:, 3] * (_ANGLES * _FINER / 360)).astype(np.int64) % (_ANGLES * _FINER)
    step = steps_of(places).astype(np.uint32)
    spots: Numbers = step << np.uint32(_STEP_AT) | turn.astype(np.uint32) << np.uint32(18)
    spots |= x << np.uint32(9) | y
    return spots


def _laid(a: Numbers, b: Numbers, of_a: Spots, of_b: Spots) -> Numbered:
    """Return a vote for each two features, by their numbers."""
    first, second = of_a[0][a], of_b[0][b]
    coarser = np.maximum(of_a[1][a], of_b[1][b]) >> np.uint32(_STEP_AT)
    other = (first != second) & (coarser >= CLOSER)
    first, second = first[other], second[other]
    (step, turn, x, y), (other_step, other_turn, u, v) = (
        _parted(spots[1][rows[other]]) for spots, rows in ((of_a, a), (of_b, b))
    )
    steps, turns = other_step - step, other_turn - turn
    scale, angle = STEP**steps, turns * (2 * np.pi / (_ANGLES * _FINER))
    across, down = (LONGEST / 2 - x) * scale, (LONGEST / 2 - y) * scale
    is_crop = steps >= _CROPPED
    own_x, own_y = np.where(is_crop, u, x), np.where(is_crop, v, y)
    x = u + np.cos(angle) * across - np.sin(angle) * down
    y = v + np.sin(angle) * across + np.cos(angle) * down
    swapped = first > second
    parts = (
        (np.minimum(first, second), 22),
        (np.maximum(first, second), 22),
        (swapped, 1),
        (np.clip(steps, -_MOST_STEPS, _MOST_STEPS - 1) + _MOST_STEPS, 4),
        (np.rint(turns / _FINER) % _ANGLES, 4),
        (np.floor(x / _CELL) % _CELLS, 3),
        (np.floor(y / _CELL) % _CELLS, 3),
        (own_x // _PART, 2),
        (own_y // _PART, 2),
    )
    votes = np.zeros(len(first), np.uint64)
    for part, bits in parts:
        votes <<= np.uint64(bits)
        votes |= part.astype(np.uint64)
    return votes


def _parted(spots: Numbers) -> tuple[NDArray[np.float32], ...]:
    """Return step, turn, x and y."""
    fields = ((_STEP_AT, 15), (18, 255), (9, 511), (0, 511))
    return tuple(
        ((spots >> np.uint32(at)) & np.uint32(most)).astype(np.float32) for at, most in fields
    )


class Votes:
    """Votes, shared out to files that fit into memory."""

    def __init__(self) -> None:
        self._shares: list[IO[bytes]] = []

    def add(self, a: Numbers, b: Numbers, of_a: Spots, of_b: Spots) -> None:
        """Add a vote for each two features that met, by their numbers."""
        while len(self._shares) < _SHARES:
            self._shares.append(TemporaryFile())  # noqa: SIM115 -- until `close`
        for start in range(0, len(a), _PIECE):
            piece = _laid(a[start : start + _PIECE], b[start : start + _PIECE], of_a, of_b)
            share = ((piece >> np.uint64(_LAID)) * np.uint64(_SCATTER)) >> np.uint64(60)
            for number, file in enumerate(self._shares):
                file.write(piece[share == number].tobytes())

    def agreeing(self) -> Numbered:
        """Return the pairs of which two votes say the same, in order; the smaller above 32 bits."""
        found = [np.zeros(0, np.uint64)]
        for file in self._shares:
            file.seek(0)
            votes = np.unique(np.fromfile(file, np.uint64))
            pairs = votes >> np.uint64(_LAID)
            for step in range(1, _FAR + 1):
                same = np.flatnonzero(pairs[step:] == pairs[:-step])
                agree = _agree(votes[same], votes[same + step])
                found.append(np.unique(pairs[same[agree]]))
        every = np.unique(np.concatenate(found))
        low = np.uint64((1 << 22) - 1)
        return (every >> np.uint64(22)) << np.uint64(32) | (every & low)

    def close(self) -> None:
        """Give the disk back."""
        for file in self._shares:
            file.close()


def _agree(a: Numbered, b: Numbered) -> NDArray[np.bool_]:
    """Tell of each two votes for a pair if they lay one picture onto the other alike."""

    def apart(at: int, bits: int) -> NDArray[np.int64]:
        both = ((one >> np.uint64(at)) & np.uint64((1 << bits) - 1) for one in (a, b))
        one, other = (each.astype(np.int64) for each in both)
        distance: NDArray[np.int64] = np.abs(one - other)
        return distance

    def around(at: int, bits: int) -> NDArray[np.int64]:
        distance = apart(at, bits)
        return np.minimum(distance, (1 << bits) - distance)

    alike: NDArray[np.bool_] = (apart(18, 1) == 0) & (apart(14, 4) <= 2) & (around(10, 4) <= 1)
    alike &= (around(7, 3) <= 1) & (around(4, 3) <= 1)
    alike &= ((a ^ b) & np.uint64(15)) != 0
    return alike
