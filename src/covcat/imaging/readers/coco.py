"""COCO's JSON of annotations: a row for each image, with the boxes and polygons drawn on it.

Cells are what the JSON says of an image; `annotations` has its annotations, less their points.
Run lengths, a mask in numbers, are not read.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.catalog.outlines import Outline, Outlined, make_box, make_polygon, read_size
from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.imaging.readers.base import to_text, writable
from covcat.imaging.readers.limits import MOST_BYTES, MOST_COLUMNS, too_much, weight

_LONGEST = 1000  # letters of a name
_LISTS = ("images", "annotations", "categories")


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for each image, and for each that only annotations name."""
    del table
    with file.open("rb") as stream:
        tree = limits.read_json(path, stream)
    if not isinstance(tree, dict) or not all(isinstance(tree.get(one), list) for one in _LISTS):
        expected = ", ".join(f"`{one}`" for one in _LISTS)
        raise IntegrityError(f"`{path}` is no COCO annotation: expected the lists {expected}")
    names = {_key(one, "id"): _key(one, "name") or "?" for one in tree["categories"]}
    if any(len(name) > _LONGEST for name in names.values()):  # every image may have it
        raise too_much(f"the name of a category in `{path}`", _LONGEST, "letters")
    drawn = dict[str, list[Any]]()
    for one in tree["annotations"]:
        drawn.setdefault(_key(one, "image_id"), []).append(one)
    seen = set[str]()
    for image in tree["images"]:
        key, name = _key(image, "id"), _key(image, "file_name")
        row = _row(path, key, image if isinstance(image, dict) else {}, drawn.pop(key, []), names)
        if name in seen and row.outlined:  # a picture has what its first image has
            again = [f"{one.name} of {name} again" for one in row.outlined.drawn]
            row = replace(row, outlined=Outlined(key, (), (*row.outlined.unread, *again)))
        seen.add(name)
        yield row
    for key, annotations in drawn.items():
        yield Row(
            {"id": key}, path, outlined=Outlined(key, (), ("of no image",) * len(annotations))
        )


def _row(
    path: str, key: str, image: dict[str, Any], annotations: list[Any], names: dict[str, str]
) -> Row:
    cells = {writable(name): writable(to_text(value)) for name, value in image.items()}
    rest = [
        {k: v for k, v in one.items() if k != "segmentation"} if isinstance(one, dict) else one
        for one in annotations
    ]
    cells["annotations"] = writable(json.dumps(rest, ensure_ascii=False)) if rest else ""
    if len(cells) > MOST_COLUMNS:
        raise too_much(f"`{path}`", MOST_COLUMNS, "columns")
    if sum(map(weight, cells.values())) > MOST_BYTES:
        raise too_much(f"image {key} of `{path}`", MOST_BYTES, "bytes")
    outlines, unread = list[Outline](), list[str]()
    for one in annotations:
        name = writable(names.get(_key(one, "category_id"), "?"))
        made = _outline(name, one)
        if made is None:
            unread.append(name)
        else:
            outlines.append(made)
    size = (read_size(image.get(side)) for side in ("width", "height"))
    return Row(cells, path, outlined=Outlined(key, tuple(outlines), tuple(unread), *size))


def _outline(name: str, annotation: Any) -> Outline | None:
    if not isinstance(annotation, dict):
        return None
    drawn = annotation.get("segmentation")
    if drawn:  # run lengths are a dictionary
        return make_polygon(name, drawn) if isinstance(drawn, list) else None
    return make_box(name, annotation.get("bbox"))


def _key(one: object, name: str) -> str:
    return writable(to_text(one.get(name))) if isinstance(one, dict) else ""
