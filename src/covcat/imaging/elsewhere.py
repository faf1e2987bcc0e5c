"""Rows of labels whose pictures lie in another set -> those pictures, where that set is here.

The catalog says which rows are of which set, and what a row and its picture have in common. It is
looked up when it is asked for, since other releases come and go. No row is made, and none is
joined to a picture that could be several, unless `overlap` found that these are the same one. A
picture that is not here is found by a copy that is, as `overlap` found.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from covcat.catalog import matching
from covcat.catalog.columns import FOUND_NAMES, NAMES, Record, Value
from covcat.catalog.entries import USES, ImagesIn, Release, Resource
from covcat.catalog.load import Catalog
from covcat.errors import IntegrityError, NotFoundError
from covcat.imaging.cohort import IndexedRelease
from covcat.imaging.copies import Copies, Place
from covcat.imaging.opening import OF_A_PICTURE, Index, Joined, Row
from covcat.imaging.query import Question
from covcat.store.folder import Store

_NAMED = 3  # rows that a message names
_ALLOWS = tuple(f"allows_{use}" for use in USES)
_OF_ITS_OWN = tuple(name for name in OF_A_PICTURE if name != "found_subject")
_READ = ", ".join([*_OF_ITS_OWN, "subject AS found_subject"])
NEEDED = (*_OF_ITS_OWN, "image_id", "filename", "label_source", "rowid")
OpenIndex = Callable[[Resource, Release], Index | None]
OpenIndexes = Callable[[ImagesIn], Sequence[Index]]  # of what is here of a set, newest first
Kind = tuple[str, tuple[str, ...]]  # a list, and the sets that the pictures of a row may be in


class Others:
    """What is here of the sets that hold pictures, each release opened once."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        open_index: OpenIndex,
        only: Collection[str] | None = None,  # ID@RELEASE, of all that is here
    ) -> None:
        self.catalog, self.store, self.open_index = catalog, store, open_index
        self.known: dict[tuple[str, str], Index | None] = {}
        self.pictures: dict[str, _PicturesByName | None] = {}  # of ID@RELEASE, by path
        self.here = {
            (id, release)
            for id, release, _ in store.releases()
            if only is None or f"{id}@{release}" in only
        }

    def of(self, one: ImagesIn) -> list[Index]:
        """Return the indexes of a set, newest release first; what cannot be opened is left out."""
        resource = self.catalog.get(one.resource)
        found = []
        for release in reversed(resource.releases):
            key = (resource.id, release.id)
            if key in self.here and one.release in (None, release.id):
                found.append(self._open(resource, release))
        return [index for index in found if index is not None]

    @cached_property
    def copies(self) -> Copies:
        """What `overlap` found of the pictures that are here."""
        return Copies(self.store, self.here)

    def find_copy(self, standing: str, places: Iterable[Place]) -> "Hit | None":
        """Return the first copy of a picture that is here, and is what `overlap` compared."""
        for name, path in places:
            part = self._pictures(name)
            if part is not None and part.records.get(path, {}).get("same_as") == standing:
                return part, path
        return None

    def _pictures(self, name: str) -> "_PicturesByName | None":
        """Return the pictures of a release, by path, if it is here and can be opened."""
        id, _, release = name.partition("@")
        if (id, release) not in self.here:
            return None
        if name not in self.pictures:
            try:
                resource, known = self.catalog.find(name)
            except NotFoundError:  # it is not in the catalog any more
                return None
            index = self._open(resource, known) if known else None
            self.pictures[name] = _PicturesByName(index, "path") if index else None
        return self.pictures[name]

    def _open(self, resource: Resource, release: Release) -> Index | None:
        key = (resource.id, release.id)
        if key not in self.known:
            self.known[key] = self.open_index(resource, release)
        return self.known[key]

    def part(self, name: str) -> IndexedRelease:
        """Return one of them, in which a picture was found."""
        resource, release = self.catalog.find(name)
        assert release is not None
        index = self.known[resource.id, release.id]
        assert index is not None
        folder = self.store.release(resource.id, release.id)
        return IndexedRelease(resource, release, folder, index)


def place_of(record: Record) -> Record:
    """Return where the picture of a row lies, as if that were its own record."""
    if "found_in" not in record:
        return record
    id, _, release = str(record["found_in"] or "").partition("@")
    of = "found_" if "found_path" in record else ""  # else a cohort's, which has it as its own
    its: Record = {name: record[f"{of}{name}"] for name in ("path", "bytes")}
    return its | {"resource": id, "release": release}


@dataclass(slots=True)
class FoundCounts:
    """What became of the rows of one release, by the list they stand in."""

    rows: Counter[str] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)  # a list, ID@RELEASE
    by: Counter[tuple[str, str]] = field(default_factory=Counter)  # a list, what joined them
    lacking: Counter[Kind] = field(default_factory=Counter)
    several: Counter[str] = field(default_factory=Counter)  # by the set that has several
    named: list[str] = field(default_factory=list)  # the first of those rows

    def of_list(self, table: str) -> dict[str, Any]:
        """Return the figures of one list."""
        found = {at: number for (its, at), number in self.found.items() if its == table}
        lacking = {sets: number for (its, sets), number in self.lacking.items() if its == table}
        pictures = sum(found.values())
        return {
            "list": table,
            "rows": self.rows[table],
            "pictures": pictures,
            "found_in": found,
            "found_by": {by: number for (its, by), number in self.by.items() if its == table},
            "several": self.rows[table] - pictures - sum(lacking.values()),
            "lacking": [{"sets": list(sets), "rows": number} for sets, number in lacking.items()],
        }

    def found_in(self) -> dict[str, int]:
        """Return how many rows have a picture, by ID@RELEASE."""
        return _sum(self.found, 1)

    def found_by(self) -> dict[str, int]:
        """Return how many rows have a picture, by what joins them."""
        return _sum(self.by, 1)

    def lacking_in(self) -> dict[tuple[str, ...], int]:
        """Return how many have none here, by the sets that may have it."""
        counts = Counter[tuple[str, ...]]()
        for (_, sets), number in self.lacking.items():
            counts[sets] += number
        return dict(counts.most_common())


def _sum(counts: Counter[tuple[str, str]], place: int) -> dict[str, int]:
    whole = Counter[str]()
    for key, number in counts.items():
        whole[key[place]] += number
    return dict(whole.most_common())


class Elsewhere:
    """Finds the pictures of the rows of one release, in that release or in others."""

    def __init__(
        self, index: Index, release: Release, others: OpenIndexes, among: Others | None = None
    ) -> None:
        """`among`: what is here, where a copy of a picture will do."""
        self.index, self.release, self.counts = index, release, FoundCounts()
        id, _, own = index.name.partition("@")
        self.own = ImagesIn(resource=id, release=own, by="name", evidence="", source="")
        self.among = among
        self.sets = [
            (one, [_PicturesByName(other, one.by) for other in others(one)])
            for one in release.images_in
        ]

    def count(self) -> FoundCounts:
        """Look for the pictures of all rows, and return what became of them."""
        for _ in self._looked_for(Question(), NEEDED):
            pass
        return self.counts

    def join_pictures(self, question: Question) -> None:
        """Make the view PICTURED of the index: all rows of labels that pass, whatever licence."""
        joined, pictures, numbers = list[Joined](), list[Row](), dict[tuple[Value, Value], int]()
        for row, found in self._looked_for(question, NEEDED):
            number, name = None, found.get("in", self.index.name)
            if name != self.index.name:
                number = numbers.setdefault((name, found["path"]), len(pictures))
                if number == len(pictures):
                    pictures.append(tuple(found[one] for one in OF_A_PICTURE))
            joined.append((row["rowid"], name, found.get("by"), number))
        self.index.join_pictures(joined, pictures)

    def records(self, question: Question, columns: Sequence[str] = NAMES) -> Iterator[Record]:
        """Give each row of labels that passes, with what is known of its picture.

        What a picture's licence must allow is asked of the licence where the picture lies.
        """
        for row, found in self._looked_for(question, columns):
            if all(found.get(f"allows_{use}") == "yes" for use in question.allows):
                yield row | {name: found.get(name.removeprefix("found_")) for name in FOUND_NAMES}

    def _looked_for(
        self, question: Question, columns: Sequence[str]
    ) -> Iterator[tuple[Record, Record]]:
        """Give each row of labels that passes but for its licence, and what its picture is."""
        conditions, values = replace(question, allows=(), with_files_only=False).sql()
        flags = [f"({one.where or 1}\n)" for one in self.release.images_in]
        flags += [f"({one.where}\n)" for one in self.release.images_outside]
        named = [f"{text} AS in_{number}" for number, text in enumerate(flags)]
        text = (
            f"SELECT {', '.join([*columns, *named])} FROM images WHERE {conditions} "  # noqa: S608
            "AND matched <> 'image only' ORDER BY rowid"
        )
        try:
            for row in self.index.rows(text, values, question.where):
                passes = [bool(row.pop(f"in_{number}")) for number in range(len(flags))]
                yield row, self._find(row, passes)
        except sqlite3.Error as error:
            raise IntegrityError(
                f"{self.index.name}: the `where` of its `images_in` cannot be asked: {error}"
            ) from error

    def _find(self, row: Record, passes: Sequence[bool]) -> Record:
        """Return what is known of the picture of one row, and count what became of it."""
        counts, table = self.counts, str(row["label_source"])
        counts.rows[table] += 1
        if row["path"] is not None:
            counts.found[table, self.index.name] += 1
            counts.by[table, "own"] += 1
            own = {name: row[name] for name in _OF_ITS_OWN}
            return own | {"in": self.index.name, "by": "own"}
        for (one, everywhere), is_of_it in zip(self.sets, passes, strict=False):
            if not is_of_it:
                continue
            each = [(part, part.find(str(row["filename"] or ""))) for part in everywhere]
            hits = [(part, path) for part, paths in each for path in paths]
            if _is_one(hits):
                return self._found(table, hits[0], one.by)
            if self.among is not None and (hit := _standing_of(hits)) is not None:
                return self._found(table, hit, "same_as")
            if hits:
                return self._several(one.name, row, hits)
        if self.among is not None and row["filename"]:
            of_it = [one for (one, _), passed in zip(self.sets, passes, strict=False) if passed]
            hits = self._copies_of(str(row["filename"]), [self.own, *of_it])
            if len(hits) == 1:
                return self._found(table, hits[0], "same_as")
            if hits:
                return self._several("what `overlap` compared", row, hits)
        sets = [one.resource for one in self.release.images_in]
        sets += [one.of for one in self.release.images_outside]
        may_be = [name for name, is_of_it in zip(sets, passes, strict=True) if is_of_it]
        counts.lacking[table, tuple(dict.fromkeys(may_be))] += 1
        return {}

    def _copies_of(self, filename: str, sets: Iterable[ImagesIn]) -> "list[Hit]":
        """Return a copy of each picture that a name may mean in some sets."""
        assert self.among is not None
        known: dict[str, list[Place]] = {}
        for one in sets:
            known |= self.among.copies.find(one, filename)
        found = (self.among.find_copy(*its) for its in known.items())
        return [hit for hit in found if hit is not None]

    def _found(self, table: str, hit: "Hit", by: str) -> Record:
        part, path = hit
        self.counts.found[table, part.name] += 1
        self.counts.by[table, by] += 1
        return part.records[path] | {"in": part.name, "by": by}

    def _several(self, name: str, row: Record, hits: "Sequence[Hit]") -> Record:
        self.counts.several[name] += 1
        if len(self.counts.named) < _NAMED:
            places = ", ".join(f"{part.name}:{path}" for part, path in hits[:_NAMED])
            self.counts.named.append(f"{row['image_id']} ({places})")
        return {}


def _standing_of(hits: "Sequence[Hit]") -> "Hit | None":
    """Return the picture that stands for these, if they are copies of one; else the newest."""
    standing = {part.records[path]["same_as"] for part, path in hits}
    if len(standing) != 1 or None in standing:
        return None
    return next((hit for hit in hits if f"{hit[0].name}:{hit[1]}" in standing), hits[0])


def _is_one(hits: "Sequence[Hit]") -> bool:
    """Tell if these are one picture: a name once in each release, everywhere with its bytes."""
    releases = {part.name for part, _ in hits}
    digests = {part.records[path]["sha256"] for part, path in hits}
    return len(hits) == len(releases) and len(digests) == 1


def with_pictures(
    parts: Iterable[IndexedRelease], question: Question, others: Others
) -> tuple[list[IndexedRelease], list[Elsewhere]]:
    """Ask each release for rows of labels -> where their pictures lie, and what was found.

    It asks the question but for the licence, which a cohort judges where the picture lies.
    """
    found, every = list[IndexedRelease](), list[Elsewhere]()
    for part in parts:
        one = Elsewhere(part.index, part.release, others.of, others)
        one.join_pictures(question)
        names = dict.fromkeys((part.name, *one.counts.found_in()))
        its = [part if name == part.name else others.part(name) for name in names]
        found += [replace(each, labels=part) for each in its]
        every.append(one)
    return found, every


class _PicturesByName:
    """The pictures of a release, to be found by name."""

    def __init__(self, index: Index, by: str) -> None:
        self.name = index.name
        self.records: dict[str, Record] = {}
        for record in index.rows(f"SELECT {_READ} FROM images WHERE path NOT NULL ORDER BY rowid"):  # noqa: S608
            known = self.records.setdefault(str(record["path"]), record)
            if known["license"] != record["license"]:
                known["license"] = None  # its rows differ
            for use in _ALLOWS:  # the strictest counts
                known[use] = min(known[use], record[use], key=_rank)
        self.find = matching.finder(by, self.records)


def _rank(word: object) -> int:
    return ("no", "unknown", "yes").index(str(word))


Hit = tuple[_PicturesByName, str]  # where a picture was found, and its path there
