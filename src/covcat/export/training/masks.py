"""A mask -> what each of its values covers: box, area, and run lengths as COCO counts them.

And polygons -> a mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from covcat.catalog.outlines import Outline
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
    return [region_of(mask == value, value) for value in values if (mask == value).any()]


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


def filled(outline: Outline, size: tuple[int, int]) -> Any:
    """Return which pixels of a picture of a width and height have their middle in a polygon.

    What lies in an even number of its paths is a hole. OpenCV's `fillPoly` takes the edges too.
    """
    inside = np.zeros(size[::-1], bool)
    paths = [np.array(one).reshape(-1, 2) for one in outline.paths]
    (x, y), (to_x, to_y) = (
        np.concatenate(ends).T for ends in (paths, [np.roll(one, -1, axis=0) for one in paths])
    )
    middles = np.arange(size[0]) + 0.5
    _, top, _, height = outline.box
    for row in range(max(0, int(top)), min(size[1], int(top + height) + 1)):
        is_cut = (y <= row + 0.5) != (to_y <= row + 0.5)
        way = (row + 0.5 - y[is_cut]) / (to_y - y)[is_cut]
        cuts = np.sort(x[is_cut] + way * (to_x - x)[is_cut])
        inside[row] = np.searchsorted(cuts, middles, side="right") % 2
    return inside


def draw_mask(outlines: Sequence[tuple[int, Outline]], size: tuple[int, int]) -> bytes | None:
    """Return a PNG in which each polygon has its number, smaller ones above; None without one."""
    mask = np.zeros(size[::-1], np.uint8)
    drawn = [(int((inside := filled(one, size)).sum()), n, inside) for n, one in outlines]
    for _, number, inside in sorted(drawn, key=lambda one: -one[0]):
        mask[inside] = number
    return bytes(opencv().imencode(".png", mask)[1]) if mask.any() else None


def region_of(where: Any, value: int) -> Region:
    """Return what is covered by all that is not 0."""
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
