"""V7's Darwin annotations (formats 1 and 2): one JSON per image, as files or in zips of them.

A tag `key/value` or `key:value` becomes a cell of its own, any other stands in `tags`. What else
there is goes to `other` as JSON in the source's own shape, less the points of polygons, which are
large, and the addresses of the image, in which V7 writes access tokens. Polygons and boxes are what
is drawn on the image.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from lzma import LZMAError
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.catalog.outlines import Outline, Outlined, make_box, make_polygon, read_size
from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.imaging.readers.base import to_text, writable
from covcat.imaging.readers.limits import MOST_BYTES, MOST_COLUMNS, too_much, weight

_MAX_TOTAL = 4_000_000_000  # of all in one zip; V7's own have about 0.6
_OWN = ("json", "filename", "width", "height", "annotations", "tags", "other")
_ADDRESSES = ("url", "thumbnail_url", "workview_url")
_POINTS = ("path", "additional_paths", "paths")  # of a polygon; the last in format 2
_XY = itemgetter("x", "y")
_OF_FORMAT_2 = {"id", "slot_names"}  # of every annotation
_PAIR = re.compile(r"([^/:]+)[/:](.+)", re.DOTALL)
_BROKEN = (*limits.DAMAGED_ZIP, LZMAError, OSError, ValueError)


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for every annotated image; its file is the JSON or the zip that it is in."""
    del table
    with file.open("rb") as stream:
        if stream.read(2) != b"PK":
            stream.seek(0)
            yield _read_row(path, "", stream)
            return
    try:
        with limits.unzipped(file, path) as packed:
            names = [one for one in packed.infolist() if not one.filename.startswith("__MACOSX/")]
            found = [one for one in names if one.filename.lower().endswith(".json")]
            if not found:
                raise IntegrityError(f"the zip `{path}` holds no JSON, expected Darwin annotations")
            if sum(one.file_size for one in found) > _MAX_TOTAL:
                raise IntegrityError(f"the zip `{path}` unpacks to more than {_MAX_TOTAL:,} bytes")
            for one in found:
                with limits.member(packed, one, path) as member:
                    yield _read_row(path, one.filename, member)
    except _BROKEN as error:
        raise IntegrityError(f"the zip `{path}` cannot be read: {error}") from error


def _read_row(path: str, name: str, stream: IO[bytes]) -> Row:
    """Return the row of one JSON, which has a name if it lies in a zip."""
    place = f"{path}/{name}" if name else path
    tree = limits.read_json(place, stream)
    image = _image_of(tree) if isinstance(tree, dict) else None
    if image is None or not isinstance(tree.get("annotations"), list):
        raise IntegrityError(
            f"`{place}` is no Darwin annotation: expected the keys `image` and `annotations`"
        )
    cells = {"json": place.rpartition("/")[2], **_cells(tree, dict(image))}
    if len(cells) > MOST_COLUMNS:
        raise too_much(f"`{place}`", MOST_COLUMNS, "kinds of tags")
    if sum(map(weight, cells.values())) > MOST_BYTES:
        raise too_much(f"`{place}`, less its polygons,", MOST_BYTES, "bytes")
    plain = {writable(key): writable(text) for key, text in cells.items()}
    return Row(plain, path, outlined=_outlined(tree["annotations"], image, writable(name)))


def _image_of(tree: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is said of the image; in format 2 that is an item, whose slot has its size."""
    item = tree.get("item")
    if not isinstance(item, dict):
        image = tree.get("image")
        return image if isinstance(image, dict) else None
    slots = item.get("slots")
    slot = slots[0] if isinstance(slots, list) and slots and isinstance(slots[0], dict) else {}
    return {"original_filename": item.get("name"), **{k: slot.get(k) for k in ("width", "height")}}


def _outlined(annotations: list[Any], image: dict[str, Any], key: str) -> Outlined:
    drawn, unread = list[Outline](), list[str]()
    for one in annotations:
        parts = one if isinstance(one, dict) else {}
        name, polygon, box = (parts.get(each) for each in ("name", "polygon", "bounding_box"))
        name = writable(name) if isinstance(name, str) and name else "?"
        if isinstance(polygon, dict):
            made = make_polygon(name, _paths(polygon))
        elif isinstance(box, dict):
            made = make_box(name, [box.get(side) for side in "xywh"])
        elif "tag" in parts:
            continue
        else:
            made = None  # a line, an ellipse, a skeleton …
        if made is None:
            unread.append(name)
        else:
            drawn.append(made)
    width, height = (read_size(image.get(side)) for side in ("width", "height"))
    return Outlined(key, tuple(drawn), tuple(unread), width, height)


def _paths(polygon: dict[str, Any]) -> list[Any]:
    """Return the paths of a polygon as x, y, x, y …; None in the place of what is none."""
    more = polygon.get("additional_paths")
    paths = polygon.get("paths") or [polygon.get("path"), *(more if isinstance(more, list) else ())]
    return [_numbers(path) for path in paths] if isinstance(paths, list) else []


def _numbers(path: Any) -> list[Any] | None:
    try:
        return [*chain.from_iterable(map(_XY, path))]
    except (KeyError, TypeError, IndexError):
        return None


def _cells(tree: dict[str, Any], image: dict[str, Any]) -> dict[str, str]:
    cells = dict[str, str]()
    for key in ("original_filename", "width", "height"):
        cells[key.removeprefix("original_")] = to_text(image.pop(key, ""))
    lungs, tags, rest = 0, dict[str, list[str]](), list[Any]()
    for one in tree["annotations"]:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name:
            rest.append(one)
        elif one.keys() - _OF_FORMAT_2 == {"name", "tag"} and one["tag"] in ({}, None):
            found = _PAIR.fullmatch(name)  # one that would hide a cell of ours stays whole
            is_pair = found is not None and found[1] not in _OWN
            key, value = found.groups() if found and is_pair else ("tags", name)
            tags.setdefault(key, []).append(value)
        elif isinstance(polygon := one.get("polygon"), dict):
            lungs += name == "Lung"
            left = {**one, "polygon": {k: v for k, v in polygon.items() if k not in _POINTS}}
            rest += [left] if left != {"name": "Lung", "polygon": {}} else []
        else:
            rest.append(one)
    cells["annotations"] = str(lungs)
    cells |= {key: "; ".join(dict.fromkeys(values)) for key, values in tags.items()}
    cells.setdefault("tags", "")
    other = {key: value for key, value in tree.items() if key not in ("image", "annotations")}
    kept = {key: value for key, value in image.items() if key not in _ADDRESSES}
    other |= {key: value for key, value in (("image", kept), ("annotations", rest)) if value}
    other = _without_addresses(other) if "item" in other else other
    return {**cells, "other": json.dumps(other, ensure_ascii=False) if other else ""}


def _without_addresses(tree: Any) -> Any:
    """Return what JSON says less its addresses, which format 2 has at several depths."""
    if isinstance(tree, list):
        return [_without_addresses(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    return {k: _without_addresses(v) for k, v in tree.items() if not k.endswith("url")}
