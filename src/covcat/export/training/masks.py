"""A mask -> what each of its values covers: box, area, and run lengths as COCO counts them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from covcat.overlap.opencv import opencv

_MOST_VALUES = 16  # more are shades at edges, which are no classes


@dataclass(frozen=True, slots=True)
class Region:
    """All that has one value in a mask, in the pixels of its picture."""

    value: int
    box: list[int]  # x, y, width, height
    area: int
    size: list[int]  # height, width
    counts: list[int]  # of 0 and 1 in turn, down the columns


def regions_of(data: bytes, size: tuple[int, int]) -> list[Region] | None:
    """Return what a mask of a picture of a width and height has; None if it cannot be read.

    A mask of another size is stretched to that of its picture, without new values.
    """
    mask = _decoded(data)
    if mask is None:
        return None
    values = [int(one) for one in np.unique(mask) if one]
    if len(values) > _MOST_VALUES:
        return None
    if mask.shape != size[::-1]:
        cv2 = opencv()
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return [_region(mask == value, value) for value in values if (mask == value).any()]


def _decoded(data: bytes) -> Any:
    """Return the values of a mask, an array of height and width; None if it has no such."""
    cv2 = opencv()
    try:
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if mask is not None and mask.ndim == 3:  # grey that was saved in colour
        first = mask[:, :, 0]
        mask = (
            first
            if all((mask[:, :, n] == first).all() for n in (1, 2)[: mask.shape[2] - 1])
            else None
        )
    return mask


def _region(where: Any, value: int) -> Region:
    columns, rows = np.flatnonzero(where.any(axis=0)), np.flatnonzero(where.any(axis=1))
    x, y = int(columns[0]), int(rows[0])
    flat = where.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return Region(
        value,
        [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
        int(where.sum()),
        [int(where.shape[0]), int(where.shape[1])],
        [0, *counts] if flat[0] else counts,
    )
