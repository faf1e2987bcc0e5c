"""V7's Darwin annotations (format 1): one JSON per image, as files or in zips of them.

A tag `key/value` or `key:value` becomes a cell of its own, any other stands in `tags`. What else
there is goes to `other` as JSON in the source's own shape, less the points of polygons, which are
large, and the addresses of the image, in which V7 writes access tokens.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.imaging.readers.base import writable
from covcat.imaging.readers.limits import MOST_BYTES, MOST_COLUMNS, too_much, weight

_MAX_BYTES = 8_000_000  # of one JSON, which may need 40 times that; the largest real one has 1 MB
_MAX_TOTAL = 4_000_000_000  # of all in one zip; V7's own have about 0.6
_OWN = ("json", "filename", "width", "height", "annotations", "tags", "other")
_ADDRESSES = ("url", "thumbnail_url", "workview_url")
_POINTS = ("path", "additional_paths")  # of a polygon
_PAIR = re.compile(r"([^/:]+)[/:](.+)", re.DOTALL)
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError),  # a method zipfile does not have, an encrypted member
)


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for every annotated image; its file is the JSON or the zip that it is in."""
    del table
    with file.open("rb") as stream:
        if stream.read(2) != b"PK":
            stream.seek(0)
            yield Row(_read_cells(path, stream), path)
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
                    yield Row(_read_cells(f"{path}/{one.filename}", member), path)
    except _BROKEN as error:
        raise IntegrityError(f"the zip `{path}` cannot be read: {error}") from error


def _read_cells(place: str, stream: IO[bytes]) -> dict[str, str]:
    data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise too_much(f"`{place}`", _MAX_BYTES, "bytes")
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:  # a wrong encoding is a ValueError too
        raise IntegrityError(f"the annotation `{place}` cannot be read: {error}") from error
    is_darwin = isinstance(tree, dict) and isinstance(tree.get("image"), dict)
    if not is_darwin or not isinstance(tree.get("annotations"), list):
        raise IntegrityError(
            f"`{place}` is no Darwin annotation: expected the keys `image` and `annotations`"
        )
    cells = {"json": place.rpartition("/")[2], **_cells(tree)}
    if len(cells) > MOST_COLUMNS:
        raise too_much(f"`{place}`", MOST_COLUMNS, "kinds of tags")
    if sum(map(weight, cells.values())) > MOST_BYTES:
        raise too_much(f"`{place}`, less its polygons,", MOST_BYTES, "bytes")
    return {writable(name): writable(text) for name, text in cells.items()}


def _cells(tree: dict[str, Any]) -> dict[str, str]:
    image = dict(tree["image"])
    cells = dict[str, str]()
    for key in ("original_filename", "width", "height"):
        value = image.pop(key, "")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        cells[key.removeprefix("original_")] = "" if value is None else text
    lungs, tags, rest = 0, dict[str, list[str]](), list[Any]()
    for one in tree["annotations"]:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name:
            rest.append(one)
        elif one.keys() == {"name", "tag"} and one["tag"] in ({}, None):
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
    return {**cells, "other": json.dumps(other, ensure_ascii=False) if other else ""}
