"""What is asked of image indexes -> records: filters, one image a patient, an SQL condition."""

import difflib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from shlex import quote
from typing import Any

from covcat.catalog import vocabulary
from covcat.catalog.columns import NAMES, YES_NO_UNKNOWN, Record, Value
from covcat.catalog.entries import USES
from covcat.errors import UsageError
from covcat.imaging.opening import Index
from covcat.text import nearest

ONE_PER = {  # what makes two images one
    "patient": "patient_id",
    "subject": "subject",
    "picture": "CASE WHEN path NOT NULL "
    "THEN coalesce(same_as, resource || '@' || release || ':' || path) END",
    # a volume or a film of many frames is one of itself, and what has no series too
    "series": "CASE WHEN series NOT NULL AND coalesce(slices, 1) = 1 THEN series "
    "WHEN path NOT NULL THEN resource || '@' || release || ':' || path END",
}
LEVELS = f"'; ' || replace(finding_path, '{vocabulary.LEVEL}', '; ') || '; '"  # and what is above
_AGES = re.compile(r"([0-9]{1,3})|([0-9]{1,3})?-([0-9]{1,3})?")


def read_ages(text: str) -> tuple[int | None, int | None]:
    """Read years: `18-65`, `18-`, `-65` or `40`."""
    found = _AGES.fullmatch(text)
    if found is None or not any(found.groups()):
        raise UsageError(f"--age `{text}`: expected years such as 18-65, 18- or -65")
    low, high = (int(one) if one else None for one in (found[1] or found[2], found[1] or found[3]))
    if low is not None and high is not None and low > high:
        raise UsageError(f"--age `{text}`: expected the lower age first, as in 18-65")
    return low, high


@dataclass(frozen=True, slots=True)
class Question:
    """What `images` was asked for: values of one field mean OR, different fields AND."""

    findings: tuple[str, ...] = ()
    covid: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()
    ages: tuple[int | None, int | None] | None = None  # both ends belong to it
    allows: tuple[str, ...] = ()  # uses, all of which the licence must allow
    where: str | None = None  # SQL over the columns
    one_per: str | None = None  # a key of ONE_PER
    with_files_only: bool = True
    found: bool = False  # the picture of a row may lie in another set that is here

    def sql(self) -> tuple[str, list[Any]]:
        """Return a condition over the table `images`, and its values."""
        chosen: list[tuple[str, list[Any]]] = []
        if self.findings:
            any_of = " OR ".join([f"{LEVELS} LIKE ?"] * len(self.findings))
            chosen.append((f"({any_of})", [f"%; {one}; %" for one in self.findings]))
        words = {"covid": self.covid, "view": self.views, "modality": self.modalities}
        for column, values in (words | {"sex": self.sexes}).items():
            if values:
                chosen.append((f"{column} IN ({', '.join('?' * len(values))})", [*values]))
        if self.ages is not None:
            low, high = self.ages
            chosen.append(("age BETWEEN ? AND ?", [low or 0, 999 if high is None else high]))
        chosen += [(f"allows_{use} = 'yes'", []) for use in self.allows]
        if self.with_files_only:
            chosen.append(("matched <> 'label only'", []))
        if self.where is not None:
            chosen.append((f"({self.where}\n)", []))
        conditions = " AND ".join(sql for sql, _ in chosen) or "1"
        return conditions, [value for _, values in chosen for value in values]


def _passing(
    index: Index, question: Question, columns: str, condition: str = "1"
) -> Iterator[Record]:
    """Give these columns of what passes a question, and one more condition."""
    conditions, values = question.sql()
    text = f"SELECT {columns} FROM images WHERE {condition} AND {conditions}"  # noqa: S608
    return index.rows(text, values, question.where)


def select(index: Index, question: Question) -> Iterator[Record]:
    """Give the records of one index that pass, in its order."""
    conditions, values = question.sql()
    columns = ", ".join(NAMES)
    if question.one_per is None:
        text = f"SELECT {columns} FROM images WHERE {conditions} ORDER BY rowid"  # noqa: S608
    else:  # the first by days since the first symptoms; of a patient that nobody numbers, none
        key, first = ONE_PER[question.one_per], "offset IS NULL, offset, "
        if question.one_per == "picture":  # the one that stands for its copies
            first = "same_as IS NOT resource || '@' || release || ':' || path, "
        at = "1"
        if question.one_per == "series":  # its middle, which is what a reader looks at first
            first, at = "slice IS NULL, slice, ", f"(count(*) OVER (PARTITION BY {key}) + 1) / 2"
        text = (
            f"SELECT {columns} FROM (SELECT *, rowid AS n, row_number() OVER (PARTITION BY "  # noqa: S608
            f"{key} ORDER BY {first}rowid) AS k, {at} AS wanted FROM images WHERE "
            f"{conditions} AND {key} IS NOT NULL) WHERE k = wanted ORDER BY n"
        )
    yield from index.rows(text, values, question.where)


def ask(indexes: Sequence[Index], question: Question) -> Iterator[Record]:
    """Give what passes in each index; a question that cannot be asked fails at once."""
    records: Iterator[Record] = chain.from_iterable(select(one, question) for one in indexes)
    records = chain(list(islice(records, 1)), records)
    # who is in two releases is one patient, and a picture is one
    return records if question.one_per is None else one_each(records, indexes, question)


def key_of(record: Record, one_per: str) -> str | None:
    """Return what makes a record one with others."""
    alone = f"{record['resource']}@{record['release']}:{record['path']}"
    if one_per == "picture":
        return str(record["same_as"] or alone) if record["path"] else None
    if one_per == "series":
        is_of_one = record["series"] is not None and int(record["slices"] or 1) == 1
        return str(record["series"]) if is_of_one else alone if record["path"] else None
    key = record[ONE_PER[one_per]]
    return None if key is None else str(key)


def one_each(
    records: Iterable[Record], indexes: Iterable[Index], question: Question
) -> Iterator[Record]:
    """Leave one record each of what several indexes give: of a picture the one that stands."""
    stands = "same_as = resource || '@' || release || ':' || path"
    standing = {
        record["same_as"]
        for index in (indexes if question.one_per == "picture" else ())
        for record in _passing(index, question, "same_as", stands)
    }
    seen = set()
    for record in records:
        key = key_of(record, question.one_per or "")
        place = f"{record['resource']}@{record['release']}:{record['path']}"
        if key not in seen and (key not in standing or key == place):
            seen.add(key)
            yield record


def count_unordered(index: Index, question: Question) -> int:
    """Return how many series have slices that pass and of which nobody knows the order."""
    conditions, values = question.sql()
    text = (
        "SELECT count(*) AS n FROM (SELECT 1 FROM images "  # noqa: S608
        "WHERE series NOT NULL AND coalesce(slices, 1) = 1 "
        f"AND {conditions} GROUP BY series HAVING count(*) > 1 AND count(slice) < count(*))"
    )
    return sum(int(row["n"] or 0) for row in index.rows(text, values, question.where))


def count_differing(indexes: Iterable[Index], question: Question) -> int:
    """Return how many pictures have copies that pass, and whose findings differ."""
    found: dict[Value, set[Value]] = {}
    has_both = "same_as NOT NULL AND finding NOT NULL"
    for index in indexes:
        for row in _passing(index, question, "DISTINCT same_as, finding", has_both):
            found.setdefault(row["same_as"], set()).add(row["finding"])
    return sum(len(findings) > 1 for findings in found.values())


def count(index: Index, question: Question) -> int:
    """Return how many records of an index pass, before one a patient is chosen."""
    return sum(int(row["n"] or 0) for row in _passing(index, question, "count(*) AS n"))


def is_gone(path: str, size: Value) -> bool:
    """Tell if a recorded file is not on the disk any more, or of another size."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # what this user may not look at is not gone
        return False
    return status.st_size != size or not stat.S_ISREG(status.st_mode)


def find_gone(folder: Path, files: Sequence[tuple[str, Value]]) -> str | None:
    """Return the first of recorded files, each a path and a size, that is gone from a folder."""
    above, before = None, f"{folder}/"
    if os.stat in os.supports_dir_fd:
        with suppress(OSError):  # below an open folder less is to be looked up: a third faster
            above, before = os.open(folder, os.O_RDONLY), ""
    try:
        with suppress(OSError):  # whichever it is, it is looked for below
            found = [
                os.stat(before + path, dir_fd=above, follow_symlinks=False) for path, _ in files
            ]
            if [(one.st_size, stat.S_ISREG(one.st_mode)) for one in found] == [
                (size, True) for _, size in files
            ]:
                return None
    finally:
        if above is not None:
            os.close(above)
    return next((path for path, size in files if is_gone(f"{folder}/{path}", size)), None)


@dataclass(slots=True)
class Gone:
    """Looks for the image of each record that goes by; keeps those that are gone."""

    folder: Path  # of the data
    paths: dict[str, set[str]] = field(default_factory=dict)  # by ID@RELEASE, each once

    def has(self, record: Record) -> bool:
        """Look at one."""
        path = record["path"]
        if path is None:
            return False
        id, release = record["resource"], record["release"]
        if not is_gone(f"{self.folder}/{id}/{release}/files/{path}", record["bytes"]):
            return False
        self.paths.setdefault(f"{id}@{release}", set()).add(str(path))
        return True

    @property
    def counts(self) -> dict[str, int]:
        """Return how many are gone, by ID@RELEASE."""
        return {name: len(paths) for name, paths in self.paths.items()}

    def look(self, index: Index, question: Question) -> None:
        """Look at all images of an index that pass."""
        columns = "resource, release, path, bytes"
        for record in _passing(index, question, columns, "path IS NOT NULL"):
            self.has(record)


def read_question(
    *,
    finding: Sequence[str] = (),
    covid: Sequence[str] = (),
    view: Sequence[str] = (),
    modality: Sequence[str] = (),
    sex: Sequence[str] = (),
    age: str | None = None,
    license_allows: Sequence[str] = (),
    where: str | None = None,
    one_per: str | None = None,
    found: bool = False,
) -> Question:
    """Return what is asked, in the vocabulary's words.

    Raises:
        UsageError: a word is none that can be asked for.
    """
    for option, words, known in (
        ("--covid", covid, YES_NO_UNKNOWN),
        ("--license-allows", license_allows, USES),
    ):
        for word in words:
            if word not in known:
                near = nearest(word, known)
                hint = (
                    f"did you mean `{option} {near}`?" if near else f"such as {option} {known[0]}"
                )
                expected = f"{', '.join(known[:-1])} or {known[-1]}"
                raise UsageError(f"{option} `{word}`: expected {expected}", hint=hint)
    if one_per not in (None, *ONE_PER):
        raise UsageError(f"--one-per `{one_per}`: expected one of {', '.join(ONE_PER)}")
    return Question(
        findings=tuple(map(read_finding, finding)),
        covid=tuple(covid),
        views=tuple(read_word("--view", "views", one) for one in view),
        modalities=tuple(read_word("--modality", "modalities", one) for one in modality),
        sexes=tuple(read_word("--sex", "sexes", one) for one in sex),
        ages=read_ages(age) if age else None,
        allows=tuple(license_allows),
        where=where,
        one_per=one_per,
        found=found,
    )


def read_finding(word: str) -> str:
    """Return the vocabulary's term for a finding."""
    found = vocabulary.findings(word)
    if len(found) != 1:
        raise _unknown("--finding", "findings", word)
    return found[0]


def read_word(option: str, kind: str, text: str) -> str:
    """Return the vocabulary's word for a view, sex or modality."""
    if found := vocabulary.term(kind, text):
        return found
    raise _unknown(option, kind, text)


def _unknown(option: str, kind: str, text: str) -> UsageError:
    known = vocabulary.words().lists[kind]
    if near := difflib.get_close_matches(vocabulary.plain(text), known, 1):
        hint = f"did you mean `{option} {quote(known[near[0]])}`?"
        return UsageError(f"unknown {option} `{text}`", hint=hint)
    terms = ", ".join(dict.fromkeys(known.values()))
    return UsageError(f"unknown {option} `{text}`: expected one of {terms}")
