"""Rows that only add to others, joined to images: by image, folder, series, study or patient.

A row may reach many images, and makes none. Of what the rows of one key disagree in nothing is
taken, and it is told; a row that may be of several patients, studies or folders is an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from covcat.catalog import matching
from covcat.catalog.columns import Record, Value
from covcat.catalog.entries import USES, LabelTable
from covcat.catalog.matching import Row
from covcat.errors import IntegrityError
from covcat.imaging import labels
from covcat.imaging.scratch import Additions, Kept

KINDS = ("image", "folder", "series", "study", "patient_id")  # the nearest first
_WHOSE = ("patient_id", "study", "series")  # an image has one of each
_NOT_COMPARED = (  # texts may differ; the others follow from what is compared
    *("raw", "label_source", "clinical_notes", "other_notes", "filename", "mask_path"),
    *labels.NOT_OUTLINED,
    *("finding_raw", "finding_path", "license_spdx", *(f"allows_{use}" for use in USES)),
)
_SHOWN = 20  # rows that a message names
_NAMED = 3  # places that a row could mean
_LETTERS = 80  # of a value that a message names


class Joins:
    """Keeps the rows of all tables that add to others, and adds them to the images."""

    def __init__(self) -> None:
        self.kept = {kind: Additions() for kind in KINDS}
        self.conflicts = 0  # keys whose rows disagree
        self.conflicting: list[str] = []  # the first of them
        self._ways = set[str]()  # how folders are matched
        self._reached: dict[str, list[str]] = {}  # by what rows mean a folder: the topmost ones
        self._keys_of = lru_cache(maxsize=1000)(self._keys_of_folder)

    def keep(
        self, table: LabelTable, row: Row, found: Record, images: Sequence[str], at: str
    ) -> bool:
        """Keep a row that adds to others, and where it is; False if it says not to which."""
        kind = table.joins or "image"
        if kind == "folder":
            key: Value = matching.folder(row, table)
            self._ways.add(table.match)
        elif kind == "image":
            key = images[0] if len(images) == 1 else None
            if len(images) > 1:
                self._tell([f"{at} could be of {_either(images)}"])
        else:
            key = found[kind]
        if key is not None:
            self.kept[kind].keep(str(key), found, table.path, at)
        return key is not None

    def settle(self) -> None:
        """Look at the rows that have a key in common, when all are kept.

        Raises:
            IntegrityError: rows of one key name several patients, studies or series.
        """
        ambiguous: list[str] = []
        for kind, kept in self.kept.items():
            for key, source in kept.several():
                differing = _find_differing(kind, kept.rows_of(key, source))
                lines = [_say(kind, key, name, said) for name, said in differing.items()]
                if kind != "image" and set(differing) & {*_WHOSE}:
                    ambiguous += lines
                elif lines:
                    kept.change(key, source, _blanks_of(differing))
                    self._tell(lines)
        _refuse(ambiguous)

    def check_folders(self) -> None:
        """Look at which folders the rows of folders reached, when all images have come by.

        Raises:
            IntegrityError: a row could be of several, of which none is in another.
        """
        _refuse(
            [
                f"{at} could be of {_either(self._reached[key])}"
                for key, at in (self.kept["folder"].places() if self._reached else ())
                if len(self._reached.get(key, ())) > 1
            ]
        )

    def add_to(self, record: Record, path: str | None, name: str) -> Record:
        """Return a record with what is said of its image, folder, series, study and patient.

        Of an image that is not here, its name says in which folder it would be.
        """
        place = matching.plain_path(path or name)
        for kind, kept in self.kept.items():
            if not kept.count:
                continue
            if kind == "folder":
                keys = self._keys_of(place.rpartition("/")[0])
            else:
                own = path if kind == "image" else record[kind]
                keys = () if own is None else ((str(own), ""),)
            for key, folder in keys:
                rows = kept.rows_for(key)
                more = labels.merge(record, _checked(record, kind, place, rows))
                if folder and path is not None and more is not record:
                    self._reach(key, folder)
                record = more
        return record

    def count_unused(self) -> int:
        """Return how many rows add to what is not here."""
        return sum(kept.count_unused() for kept in self.kept.values())

    def _tell(self, lines: Sequence[str]) -> None:
        self.conflicts += 1
        self.conflicting += lines[: _SHOWN - len(self.conflicting)]

    def _reach(self, key: str, folder: str) -> None:
        """Note that a row reached images in a folder; only the topmost ones are kept."""
        known = self._reached.setdefault(key, [])
        if not any(f"{folder}/".startswith(f"{one}/") for one in known):
            known[:] = [one for one in known if not one.startswith(f"{folder}/")] + [folder]

    def _keys_of_folder(self, folder: str) -> tuple[tuple[str, str], ...]:
        """Return by what rows are kept that mean a folder, or one that it is in, and which."""
        places = [folder, *matching.folders_above(folder)] if folder else []
        keys = ((key, one) for one in places for key in matching.folder_keys(one, self._ways))
        return tuple(keys)


def _refuse(ambiguous: Sequence[str]) -> None:
    if ambiguous:
        raise IntegrityError(
            f"a row that is joined to images could be of others: {ambiguous[0]}",
            details=ambiguous[1:_SHOWN],
        )


def _find_differing(kind: str, rows: Iterable[Kept]) -> dict[str, dict[Value, str]]:
    """Return what the rows of one key say differently: label, two values and where each is."""
    said: dict[str, dict[Value, str]] = {}
    for row in rows:
        for name, value in row.record.items():
            if value not in ("", "unknown") and name not in (*_NOT_COMPARED, kind):
                values = said.setdefault(name, {})
                if len(values) < 2:
                    values.setdefault(value, row.at)
    return {name: values for name, values in said.items() if len(values) > 1}


def _say(kind: str, key: str, name: str, values: Mapping[Value, str]) -> str:
    told = " and ".join(f"`{_cut(value)}` in {at}" for value, at in values.items())
    called = key.partition(" ")[2] if kind == "folder" else key
    return f"{name.removesuffix('_id')} of {kind.removesuffix('_id')} `{_cut(called)}` is {told}"


def _blanks_of(names: Iterable[str]) -> Record:
    """Return what a row says in place of what is contradicted: nothing."""
    found: Record = dict.fromkeys(names)
    for group in labels.TOGETHER:
        if {*group} & {*names}:
            found |= dict.fromkeys(group)
    return found


def _checked(record: Record, kind: str, image: str, rows: Iterable[Kept]) -> Iterator[Record]:
    """Give rows for an image; one that is of another patient, study or series is an error."""
    for row in rows:
        for name in _WHOSE if kind != "image" else ():
            value, own = row.record.get(name), record[name]
            if None not in (value, own) and value != own:
                raise IntegrityError(
                    f"{row.at} is joined by {kind.removesuffix('_id')} to `{image}`, and is of "
                    f"another {name.removesuffix('_id')}: expected `{own}`, got `{value}`"
                )
        yield row.record


def _either(places: Sequence[str]) -> str:
    return " or ".join(f"`{_cut(one)}`" for one in places[:_NAMED])


def _cut(value: Value) -> str:
    text = str(value)
    return f"{text[:_LETTERS]}…" if len(text) > _LETTERS else text
