"""A row of a label table -> what the image record says of it. Pure.

Raw values are kept as they are; what the vocabulary does not know stays blank beside them.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import TypeVar

from covcat.catalog import matching, vocabulary
from covcat.catalog.columns import LABELS, Record, Value
from covcat.catalog.entries import USES, LabelTable, License, Resource
from covcat.catalog.matching import Row, by_names, column_of
from covcat.errors import IntegrityError
from covcat.imaging.dates import date
from covcat.imaging.readers.base import writable
from covcat.imaging.readers.delimited import delimiter_of, numbered
from covcat.imaging.readers.limits import MOST_BYTES, too_much, weight

_RANGES = {"age": (0, 130), "temperature": (25, 45), "po2": (0, 100)}  # years, Celsius, percent
_TEXTS = ("location", "license", "clinical_notes", "other_notes")  # may have lines
_OR = " | "  # between columns of which the first with a value is taken
_SHORT = 200  # letters of a text that is remembered
NOT_OUTLINED: Record = dict.fromkeys(("outlines", "outlines_path", "outlines_fit"))
TOGETHER = (  # what one row says, and never two
    ("finding", "finding_path", "finding_raw", "covid"),
    ("license", "license_spdx", *(f"allows_{use}" for use in USES)),
    tuple(NOT_OUTLINED),
)
_TOGETHER = frozenset(name for group in TOGETHER for name in group)
_IN_HEADERS = {  # of DICOM, whatever an entry says
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "slice": "InstanceNumber",
}
_UID = re.compile(r"[0-9]+(\.[0-9]+)+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BLANK = (None, "", "unknown")
_SHOWN = 50  # columns that a message names
_T = TypeVar("_T")
_as_json = json.JSONEncoder(ensure_ascii=False).encode


class LabelReader:
    """Reads the rows of one table: what its columns and words mean is worked out once for all."""

    def __init__(self, table: LabelTable, resource: Resource) -> None:
        self._table, self._resource = table, resource
        self._places = by_names(self._find_places)
        self._patterns = {
            name: (column, _compiled(name, pattern))
            for name, text in (table.extract or {}).items()
            for column, _, pattern in [text.partition(": ")]
        }
        self._words = table.values or {}
        self._own = {
            name: frozenset(map(vocabulary.plain, words)) for name, words in self._words.items()
        }
        sign = -1 if table.offset_from == "image" else 1  # days from the image, or since an event
        works: dict[str, Callable[[str], Value]] = {
            name: partial(vocabulary.term, kind, own=self._words.get(name, {}))
            for name, kind in vocabulary.LISTS.items()
            if name != "finding"
        }
        works |= {name: partial(_between, *ends) for name, ends in _RANGES.items()}
        works["offset"] = lambda raw: (
            sign * days if isinstance(days := vocabulary.number(raw), int) else None
        )
        works["slice"] = lambda raw: (
            number if isinstance(number := vocabulary.number(raw), int) else None
        )
        works["date"] = lambda raw: date(raw, table.dates)
        self._meanings = {name: _remembered(work) for name, work in works.items()}
        self._finding = _remembered(self._find_finding)
        whole = None if table.adds else _licence_of_all(resource, table)  # the image's row says it
        self._terms = _remembered(lambda raw: terms_of(raw, whole))

    def record(self, row: Row) -> Record:
        """Return the labels of a row; what the files say of the image is not in it."""
        table, raw = self._table, self._raw(row)
        found: Record = {
            name: None if self._is_blank(name, value) else value for name, value in raw.items()
        }
        for name, meaning in self._meanings.items():
            value = meaning(raw[name])
            found[name] = None if value == "" else value
        for name in ("patient_id", "study", "series"):
            number = str(found[name] or "").strip()
            is_of_all = name != "patient_id" and _UID.fullmatch(number)
            found[name] = (
                number if is_of_all else f"{self._resource.id}:{number}" if number else None
            )
        if table.one_hot is None:
            found |= self._finding(raw["finding"])
        else:
            found |= _read_one_hot(row.cells, table.one_hot)
        found["label_source"] = f"names: {table.path}" if table.reader == "names" else row.file
        found["raw"] = cells = _as_json({row.file: dict(row.cells)})
        if weight(cells) > 2 * MOST_BYTES:  # of one byte JSON may make six
            raise too_much(f"a row of `{row.file}` as JSON", 2 * MOST_BYTES, "bytes")
        if not cells.isascii():
            found = {
                name: writable(value) if isinstance(value, str) else value
                for name, value in found.items()
            }
        found |= self._terms(str(found["license"] or ""))
        for one in table.disputed:  # others contradict the licence of the row
            if one.has in (_cell(row.cells, one.column) or ""):
                stated = {f"allows_{use}": getattr(one.allows, use) for use in USES}
                return {**found, "license_spdx": None, **stated}
        return found

    def find_lacking(self, row: Row) -> list[str]:
        """Say what the entry names and the table of a row does not have; it must have something."""
        table, names = self._table, tuple(row.cells)
        asked = {
            **{label: columns.split(_OR) for label, columns in (table.columns or {}).items()},
            **{label: [column] for label, (column, _) in self._patterns.items()},
            **{f"finding of {column}": [column] for column in table.one_hot or {}},
        }
        lacking = {
            label: columns
            for label, columns in asked.items()
            if label not in table.optional
            and columns != ["path"]
            and not any(column_of(names, one) is not None for one in columns)
        }
        unnamed = matching.columns_lacking(names, table.image)
        if asked.keys() == lacking.keys() and (unnamed or table.image is None):
            expected = ", ".join(f"`{one}`" for columns in lacking.values() for one in columns)
            raise IntegrityError(
                f"`{row.file}` has none of the columns that the entry names: expected {expected}, "
                f"got {', '.join(f'`{one[:_SHORT]}`' for one in names[:_SHOWN])}"
                + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
            )
        found = [f"`{_OR.join(columns)}` ({label})" for label, columns in lacking.items()]
        return found + [f"`{one}` (name of the image)" for one in unnamed]

    def _is_blank(self, name: str, raw: str) -> bool:
        """Tell a place holder from a value: a word of the table's own is one, whatever it looks."""
        own = self._own.get(name, ())
        return not raw or (vocabulary.is_blank(raw) and vocabulary.plain(raw) not in own)

    def _find_finding(self, raw: str) -> Record:
        own = self._words.get("finding", {})
        terms = vocabulary.findings(raw, own)
        return _as_findings(terms, raw, vocabulary.covid(raw, terms, own))

    def _raw(self, row: Row) -> dict[str, str]:
        """Return the raw value of every label: a constant, a part of a cell, or a cell."""
        found, cells = dict.fromkeys(LABELS, ""), row.cells
        if self._table.reader in matching.OF_IMAGES and row.image is None:
            return found  # nothing is known of what is no picture
        for name, columns in self._places(tuple(cells)).items():
            values = [cells[column] for column in columns]
            said = [one for one in values if not self._is_blank(name, one)]
            found[name] = (said or [one for one in values if one.strip()] or values)[0]
        for name, (column, pattern) in self._patterns.items():
            text = (row.image or row.file) if column == "path" else _cell(cells, column)
            hit = pattern.search(text or "")
            found[name] = (hit[1] or "") if hit else ""
        for name, value in found.items() if self._table.reader == "delimited" else ():
            if "\n" in value and name not in _TEXTS and delimiter_of(self._table) in value:
                # it swallowed the rows after it, of which a stray quote made one
                raise IntegrityError(
                    f"the table `{row.file}` is damaged: the {name} that begins with "
                    f"`{value.partition(chr(10))[0]}` holds {value.count(chr(10))} more lines: "
                    "a quote before it is not closed"
                )
        return found | (self._table.constants or {})

    def _find_places(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Return in which columns of a row's own each label may stand, in order."""
        found: dict[str, list[str]] = {}
        for label in LABELS:
            if (theirs := (self._table.columns or {}).get(label)) is not None:
                hits = [column_of(names, one) for one in theirs.split(_OR)]
                found[label] = [one for one in hits if one is not None]
            elif self._table.reader == "names" and label in names:
                found[label] = [label]
            elif self._table.reader == "dicom" and _IN_HEADERS.get(label) in names:
                found[label] = [_IN_HEADERS[label]]
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


def _between(least: float, most: float, raw: str) -> Value:
    """Return a number that may be one: in Celsius nobody has 95, nor of all oxygen 340 percent."""
    value = vocabulary.number(raw)
    return value if value is not None and least <= value <= most else None


def _licence_of_all(resource: Resource, table: LabelTable | None = None) -> License | None:
    """Return the licence of images that state none; None where each has its own, or none known."""
    is_stated = any("license" in (one.columns or {}) for one in resource.tables)
    is_elsewhere = table is not None and table.license == "unknown"
    whole = resource.license
    return None if is_stated or is_elsewhere or whole.per_image is not None else whole


def terms_of(raw: str, whole: License | None) -> Record:
    """Return what one may do with an image: by its own licence, else by that of the whole set."""
    if whole is None or raw.strip():
        named = vocabulary.license(raw)
        return {
            "license": raw or None,
            "license_spdx": named.spdx or None,
            **{f"allows_{use}": named.allows[use] for use in USES},
        }
    is_spdx = not whole.spdx.startswith("LicenseRef-") and whole.spdx != "NOASSERTION"
    return {
        "license": whole.spdx,
        "license_spdx": whole.spdx if is_spdx else None,
        **{f"allows_{use}": getattr(whole.allows, use) for use in USES},
    }


def merge(one: Record, further: Iterable[Record]) -> Record:
    """Fill the blanks of a record with what other rows say of the same image, in their order."""
    rows = iter(further)
    if (first := next(rows, None)) is None:
        return one
    filled, size = dict(one), 0
    cells = json.loads(str(one.get("raw") or "{}"))
    last, sources = dict.fromkeys(cells, 1), [one.get("label_source")]
    for more in chain((first,), rows):
        raw = str(more.get("raw") or "{}")
        size += weight(raw)
        if size > MOST_BYTES:
            what = f"what `{more.get('label_source')}` adds to one image"
            raise too_much(what, MOST_BYTES, "bytes")
        _fill(filled, more)
        for file, row in json.loads(raw).items():
            cells[numbered(file, cells, last)] = row
        sources.append(more.get("label_source"))
    named = (part for text in sources for part in str(text or "").split(vocabulary.JOINED) if part)
    filled["raw"] = json.dumps(cells, ensure_ascii=False)
    filled["label_source"] = vocabulary.JOINED.join(dict.fromkeys(named))
    return filled


def _fill(record: Record, more: Record) -> None:
    """Fill the blanks; what belongs together comes from one row."""
    for group in TOGETHER:
        is_said, has_more = (any(_says(row.get(name)) for name in group) for row in (record, more))
        if has_more and not is_said:
            record |= {name: more.get(name) for name in group}
    for name, value in more.items():
        if name not in _TOGETHER and record.get(name, name) in _BLANK:
            record[name] = value


def _says(value: Value) -> bool:
    return value not in _BLANK and not (isinstance(value, str) and vocabulary.is_blank(value))


def _cell(cells: Mapping[str, str], name: str) -> str | None:
    real = column_of(tuple(cells), name)
    return None if real is None else cells[real]


def make_blank(resource: Resource) -> Record:
    """Return the labels of an image that no table names."""
    unknown = {
        **dict.fromkeys((*LABELS, "finding_path", "finding_raw")),
        **NOT_OUTLINED,
        "covid": "unknown",
        "raw": "{}",
    }
    return {**unknown, **terms_of("", _licence_of_all(resource))}


def _read_one_hot(cells: Mapping[str, str], columns: Mapping[str, str]) -> Record:
    """Return the findings of a row whose `columns` each say of one, a term, if it is there.

    1 is yes and 0 no; as CheXpert has it, -1 is uncertain and blank not mentioned: nobody says.
    COVID-19 is as its own column says. Without one it is `no` where others are found, as with the
    finding of any other table, if each of them has a term.
    """
    names = tuple(cells)
    found = {name: column_of(names, name) for name in columns}
    said = {name: cells[real] for name, real in found.items() if real is not None}
    answers = {name: vocabulary.term("answers", cell) for name, cell in said.items()}
    there = [columns[name] for name, answer in answers.items() if answer == "yes"]
    every = (one for term in there for one in term.split(vocabulary.JOINED) if one)
    terms = tuple(dict.fromkeys(every))
    of_covid = {answers.get(name, "") for name, term in columns.items() if term == "COVID-19"}
    covid = "no" if terms and all(there) and not of_covid else "unknown"
    if len(of_covid) == 1:
        covid = of_covid.pop() or "unknown"
    raw = vocabulary.JOINED.join(f"{name}: {cell}" for name, cell in said.items() if cell.strip())
    return _as_findings(terms, raw, covid)


def _as_findings(terms: Sequence[str], raw: str, covid: str) -> Record:
    return {
        "finding": vocabulary.JOINED.join(terms) or None,
        "finding_path": vocabulary.JOINED.join(map(vocabulary.path_of, terms)) or None,
        "finding_raw": raw or None,
        "covid": covid,
    }
