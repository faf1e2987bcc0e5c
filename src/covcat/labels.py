"""A row of a label table -> what the image record says of it. Pure.

Raw values are kept as they are; what the vocabulary does not know stays blank beside them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache

from covcat import vocabulary
from covcat.model import LABELS, LabelTable, License, Record, Resource, Value
from covcat.readers.source import Row

OLDEST = 130  # years
_HOLE = re.compile(r"\{([^{}]+)\}")
_LISTS = {"modality": "modalities", "view": "views", "sex": "sexes", "split": "splits"}
_ANSWERS = ("survival", "icu", "intubated")
_NUMBERS = ("offset", "age")


def record(row: Row, table: LabelTable, resource: Resource) -> Record:
    """Return the labels of a row; what the files say of the image is not in it."""
    raw = {name: _raw(row.cells, name, table) for name in LABELS}
    found: Record = {name: raw[name] or None for name in LABELS}
    own = table.values or {}
    for name, kind in _LISTS.items():
        found[name] = vocabulary.term(kind, raw[name], own.get(name, {})) or None
    for name in _ANSWERS:
        found[name] = vocabulary.term("answers", raw[name], own.get(name, {})) or None
    for name in _NUMBERS:
        found[name] = vocabulary.number(raw[name])
    if not 0 <= float(found["age"] or 0) <= OLDEST:
        found["age"] = None
    if not isinstance(found["offset"], int):
        found["offset"] = None
    found["date"] = vocabulary.date(raw["date"], table.dates) or None
    number = raw["patient_id"].strip()
    found["patient_id"] = f"{resource.id}:{number}" if number else None
    terms = vocabulary.findings(raw["finding"], own.get("finding", {}))
    found["finding"] = vocabulary.JOINED.join(terms) or None
    found["finding_raw"] = raw["finding"] or None
    found["covid"] = vocabulary.covid(raw["finding"], terms)
    found["label_source"] = row.file
    found["raw"] = json.dumps({row.file: dict(row.cells)}, ensure_ascii=False)
    return found | terms_of(raw["license"], resource.license)


def terms_of(raw: str, whole: License) -> Record:
    """Return what one may do with an image: by its own licence, else by that of the whole set."""
    if whole.per_image is not None or raw.strip():
        named = vocabulary.license(raw)
        return {
            "license": raw or None,
            "license_spdx": named.spdx or None,
            **{f"allows_{use}": named.allows[use] for use in vocabulary.USES},
        }
    is_spdx = not whole.spdx.startswith("LicenseRef-") and whole.spdx != "NOASSERTION"
    return {
        "license": whole.spdx,
        "license_spdx": whole.spdx if is_spdx else None,
        **{f"allows_{use}": getattr(whole.allows, use) for use in vocabulary.USES},
    }


def merged(one: Record, more: Record) -> Record:
    """Fill the blanks of a record with what another row says of the same image."""
    filled: Record = {
        name: more.get(name) if value in (None, "", "unknown") else value
        for name, value in one.items()
    }
    cells = json.loads(str(one.get("raw") or "{}")) | json.loads(str(more.get("raw") or "{}"))
    filled["raw"] = json.dumps(cells, ensure_ascii=False)
    sources = dict.fromkeys(
        str(each["label_source"]) for each in (one, more) if each.get("label_source")
    )
    filled["label_source"] = vocabulary.JOINED.join(sources)
    return filled


def images(row: Row, table: LabelTable) -> list[str]:
    """Return what the image of a row may be called, in the order of the table's templates."""
    if row.image is not None:
        return [row.image]
    found = []
    for template in (table.image or "").split(" | "):
        holes = _HOLE.findall(template)
        values = {hole: _cell(row.cells, hole) or "" for hole in holes}
        if template and all(value.strip() for value in values.values()):
            found.append(_filled(template, values))
    return found


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: values.get(hole[1], "").strip(), template)


def mask(table: LabelTable, path: str) -> str | None:
    """Return where the mask of an image would be."""
    if table.mask is None:
        return None
    name = path.rpartition("/")[2]
    parts = {"path": path, "name": name, "stem": name.rpartition(".")[0]}
    return _filled(table.mask, parts)


def _raw(cells: Mapping[str, str], name: str, table: LabelTable) -> str:
    if table.constants and name in table.constants:
        return table.constants[name]
    if table.extract and name in table.extract:
        column, _, pattern = table.extract[name].partition(": ")
        found = _compiled(pattern).search(_cell(cells, column) or "")
        return found[1] if found else ""
    theirs = (table.columns or {}).get(name)
    if theirs is None:
        return cells.get(name, "") if table.reader == "names" else ""
    values = [value for one in theirs.split(" | ") if (value := _cell(cells, one)) is not None]
    return next((value for value in values if value.strip()), values[0] if values else "")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _cell(cells: Mapping[str, str], name: str) -> str | None:
    """Return a cell by its column's name: case, outer spaces and `_` do not matter."""
    if name in cells:
        return cells[name]
    known = _plain_names(tuple(cells))
    real = known.get(vocabulary.plain(name))
    return cells[real] if real is not None else None


@cache
def _plain_names(names: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(vocabulary.plain(name), name)
    return found


def blank() -> dict[str, Value]:
    """Return the labels of an image that no table names."""
    return {**dict.fromkeys(LABELS), "finding_raw": None, "covid": "unknown", "raw": "{}"}
