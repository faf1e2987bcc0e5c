"""A row of a label table -> what the image record says of it. Pure.

Raw values are kept as they are; what the vocabulary does not know stays blank beside them.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from covcat import vocabulary
from covcat.errors import IntegrityError
from covcat.model import LABELS, LabelTable, License, Record, Resource, Value
from covcat.readers.names import SUFFIXES
from covcat.readers.source import Row

OLDEST = 130  # years
OF_IMAGES = ("names", "dicom", "nifti")  # readers that look at the images themselves
_HOLE = re.compile(r"\{([^{}]+)\}")
_LISTS = {"modality": "modalities", "view": "views", "sex": "sexes", "split": "splits"}
_ANSWERS = ("survival", "icu", "intubated")
_SHORT = 200  # letters of a text that is remembered
_T = TypeVar("_T")
_as_json = json.JSONEncoder(ensure_ascii=False).encode


def record(row: Row, table: LabelTable, resource: Resource) -> Record:
    """Return the labels of one row; for many rows of a table, make one Reading."""
    return Reading(table, resource).record(row)


class Reading:
    """Reads the rows of one table: what its columns and words mean is worked out once for all."""

    def __init__(self, table: LabelTable, resource: Resource) -> None:
        """Take a table of the catalog, and the resource that it belongs to."""
        self._table, self._resource = table, resource
        self._places = lru_cache(maxsize=1000)(self._find_places)  # annotations: other tags each
        self._patterns = {
            name: (column, _compiled(name, pattern))
            for name, text in (table.extract or {}).items()
            for column, _, pattern in [text.partition(": ")]
        }
        self._meanings = {name: _remembered(work) for name, work in self._works().items()}
        self._finding = _remembered(self._find_finding)
        self._terms = _remembered(lambda raw: terms_of(raw, resource.license))

    def record(self, row: Row) -> Record:
        """Return the labels of a row; what the files say of the image is not in it."""
        table, raw = self._table, self._raw(row)
        found: Record = {name: value or None for name, value in raw.items()}
        for name, meaning in self._meanings.items():
            found[name] = meaning(raw[name])
        number = raw["patient_id"].strip()
        found["patient_id"] = f"{self._resource.id}:{number}" if number else None
        found |= self._finding(raw["finding"])
        found["label_source"] = f"names: {table.path}" if table.reader == "names" else row.file
        found["raw"] = cells = _as_json({row.file: dict(row.cells)})
        if not cells.isascii():
            found = {
                name: _writable(value) if isinstance(value, str) else value
                for name, value in found.items()
            }
        return found | self._terms(_writable(raw["license"]))

    def _works(self) -> dict[str, Callable[[str], Value]]:
        """Return what makes a value of the raw text, for the labels that have rules."""
        own = self._table.values or {}
        lists = {**_LISTS, **dict.fromkeys(_ANSWERS, "answers")}

        def of_list(name: str, kind: str) -> Callable[[str], Value]:
            return lambda raw: vocabulary.term(kind, raw, own.get(name, {})) or None

        return {
            **{name: of_list(name, kind) for name, kind in lists.items()},
            "age": _age,
            "offset": _days_before if self._table.offset_from == "image" else _offset,
            "date": lambda raw: vocabulary.date(raw, self._table.dates) or None,
        }

    def _find_finding(self, raw: str) -> Record:
        terms = vocabulary.findings(raw, (self._table.values or {}).get("finding", {}))
        return {
            "finding": vocabulary.JOINED.join(terms) or None,
            "finding_raw": raw or None,
            "covid": vocabulary.covid(raw, terms),
        }

    def _raw(self, row: Row) -> dict[str, str]:
        """Return the raw value of every label: a constant, a part of a cell, or a cell."""
        found, cells = dict.fromkeys(LABELS, ""), row.cells
        if self._table.reader in OF_IMAGES and row.image is None:
            return found  # nothing is known of what is no picture
        for name, columns in self._places(tuple(cells)).items():
            found[name] = cells[columns[0]]
            if len(columns) > 1 and not found[name].strip():
                values = (cells[column] for column in columns)
                found[name] = next((value for value in values if value.strip()), found[name])
        for name, (column, pattern) in self._patterns.items():
            text = (row.image or row.file) if column == "path" else _cell(cells, column)
            hit = pattern.search(text or "")
            found[name] = (hit[1] or "") if hit else ""
        return found | (self._table.constants or {})

    def _find_places(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Return in which columns of a row's own each label may stand, in order."""
        found: dict[str, list[str]] = {}
        for label in LABELS:
            theirs = (self._table.columns or {}).get(label)
            if theirs is not None:
                hits = [_column(names, one) for one in theirs.split(" | ")]
                found[label] = [one for one in hits if one is not None]
            elif self._table.reader == "names" and label in names:
                found[label] = [label]
        return {label: columns for label, columns in found.items() if columns}


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    try:
        found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise IntegrityError(f"`extract` of `{name}` is no regular expression: {error}") from error
    if found.groups != 1:
        raise IntegrityError(
            f"`extract` of `{name}`: expected `column: regular expression` with one group"
        )
    return found


def _remembered(work: Callable[[str], _T]) -> Callable[[str], _T]:
    """Return `work` with a memory for short texts: a table has few of them, again and again."""
    known = lru_cache(maxsize=4000)(work)
    return lambda text: known(text) if len(text) <= _SHORT else work(text)


def _age(raw: str) -> Value:
    years = vocabulary.number(raw)
    return years if years is not None and 0 <= years <= OLDEST else None


def _offset(raw: str) -> Value:
    days = vocabulary.number(raw)
    return days if isinstance(days, int) else None


def _days_before(raw: str) -> Value:
    """Turn the days from an image to an event into the days since that event."""
    days = _offset(raw)
    return -days if isinstance(days, int) else None


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
    cells = json.loads(str(one.get("raw") or "{}"))
    for file, row in json.loads(str(more.get("raw") or "{}")).items():
        cells[_free(file, cells)] = row
    filled["raw"] = json.dumps(cells, ensure_ascii=False)
    sources = dict.fromkeys(
        str(each["label_source"]) for each in (one, more) if each.get("label_source")
    )
    filled["label_source"] = vocabulary.JOINED.join(sources)
    return filled


def _free(file: str, known: Mapping[str, object]) -> str:
    """Return a key that is not taken: two rows of one file must not hide each other."""
    number, free = 1, file
    while free in known:
        number += 1
        free = f"{file}#{number}"
    return free


def _writable(text: str) -> str:
    r"""Spell out what UTF-8 has no bytes for: half a character, which JSON can name (`\ud83d`)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def images(row: Row, table: LabelTable) -> list[str]:
    """Return what the image of a row may be called, in the order of the table's templates."""
    if row.image is not None:
        return [row.image]
    if table.reader in OF_IMAGES:
        return [row.file]  # which could not be read
    found = []
    for template in (table.image or "").split(" | "):
        holes = _HOLE.findall(template)
        values = {hole: _cell(row.cells, hole) or "" for hole in holes}
        if template and all(value.strip() for value in values.values()):
            found.append(_filled(template, values))
    return found


def finder(table: LabelTable, images: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what finds the images that a name may mean."""
    key = _KEYS[table.match]
    known: dict[str, list[str]] = {}
    for path in sorted(images):
        known.setdefault(key(path), []).append(path)
    return lambda name: known.get(key(name), [])


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """Return a name without the suffix of an image: other dots belong to it."""
    name = _name(path)
    suffix = next((one for one in SUFFIXES if name.lower().endswith(one)), "")
    return name[: len(name) - len(suffix)]


_KEYS: Mapping[str, Callable[[str], str]] = {
    "path": lambda path: path,
    "name": _name,
    "stem": _stem,
    "fold": lambda path: _stem(path).casefold(),
}


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: values.get(hole[1], "").strip(), template)


def mask(table: LabelTable, path: str) -> str | None:
    """Return where the mask of an image would be."""
    if table.mask is None:
        return None
    name = path.rpartition("/")[2]
    parts = {"path": path, "name": name, "stem": name.rpartition(".")[0]}
    return _filled(table.mask, parts)


def _cell(cells: Mapping[str, str], name: str) -> str | None:
    real = _column(tuple(cells), name)
    return None if real is None else cells[real]


def _column(names: tuple[str, ...], name: str) -> str | None:
    """Return a column by its name: case, outer spaces and `_` do not matter."""
    return name if name in names else _plain_names(names).get(vocabulary.plain(name))


@lru_cache(maxsize=1000)  # annotations may have other tags each
def _plain_names(names: tuple[str, ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(vocabulary.plain(name), name)
    return found


def blank() -> dict[str, Value]:
    """Return the labels of an image that no table names."""
    return {**dict.fromkeys(LABELS), "finding_raw": None, "covid": "unknown", "raw": "{}"}
