"""Features -> bytes that are kept, and back, whoever wrote them: about 28 kB a picture."""

import hashlib
import struct

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.features import (
    FINEST,
    MOST_POINTS,
    MOST_TURNED,
    STEP,
    Features,
    Frame,
    Points,
    steps_of,
)

_HEAD = struct.Struct("<IIIIIId32sB32sHH")
_PLACE = np.dtype([("x", "<u2"), ("y", "<u2"), ("step", "u1"), ("angle", "u1")])
_FINE = 100  # parts of a pixel that are kept
_TURN = 256 / 360  # parts of a degree that are kept
_SEAL = 8  # bytes of the sha256 of what is before


def packed(features: Features) -> bytes:
    """Return what `unpacked` reads."""
    frame, points = features.frame, features.points
    head = _HEAD.pack(
        features.width,
        features.height,
        frame.left,
        frame.top,
        frame.width,
        frame.height,
        frame.scale,
        features.pixels,
        len(features.outline),
        features.outline.ljust(32, b"\0"),
        len(points.descriptors),
        len(points.mirrored),
    )
    places = np.zeros(len(points.places), _PLACE)
    places["x"], places["y"] = np.round(points.places[:, :2].T * _FINE)
    places["step"] = steps_of(points.places)
    places["angle"] = np.round(points.places[:, 3] * _TURN) % 256
    arrays = (places, points.descriptors, points.mirrored, points.inverted, points.both)
    body = head + b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)
    return body + hashlib.sha256(body).digest()[:_SEAL]


def unpacked(data: bytes) -> Features | None:
    """Return features as they were packed; None of what is damaged."""
    body, seal = data[:-_SEAL], data[-_SEAL:]
    if len(body) < _HEAD.size or hashlib.sha256(body).digest()[:_SEAL] != seal:
        return None
    *sides, scale, pixels, has_outline, outline, count, turned = _HEAD.unpack_from(body)
    width, height, left, top, inner_width, inner_height = sides
    expected = _HEAD.size + count * (_PLACE.itemsize + 32) + 3 * turned * 32
    is_inside = 0 < inner_width <= width - left and 0 < inner_height <= height - top
    is_bounded = count <= MOST_POINTS and turned <= min(count, MOST_TURNED) and 0 < scale <= 1e3
    if len(body) != expected or not is_inside or not is_bounded or has_outline not in (0, 32):
        return None
    at = _HEAD.size
    kept = np.frombuffer(body, _PLACE, count, at)
    columns = (
        kept["x"] / _FINE,
        kept["y"] / _FINE,
        FINEST * STEP ** kept["step"].astype(np.float64),
        kept["angle"] / _TURN,
    )
    places = np.stack(columns, axis=1).astype(np.float32)
    at += count * _PLACE.itemsize
    points = Points(places, *_rows(body, at, (count, turned, turned, turned)))
    frame = Frame(left, top, inner_width, inner_height, scale)
    return Features(width, height, pixels, outline[:has_outline], frame, points)


def _rows(body: bytes, at: int, counts: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    found = []
    for count in counts:
        found.append(np.frombuffer(body, np.uint8, count * 32, at).reshape(count, 32))
        at += count * 32
    return found
