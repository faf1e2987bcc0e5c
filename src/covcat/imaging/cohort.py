"""Who is in a cohort: each row that passes the filters is chosen, or left out with a reason."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from covcat.catalog.columns import NAMES, WITH_PICTURES, Record
from covcat.catalog.entries import USES, Release, Resource
from covcat.imaging import query
from covcat.imaging.opening import PICTURED, Index, Row
from covcat.imaging.query import Question

NOT_HERE = "its image is not here"
NOT_FIRST = {
    "patient": "another image of its patient is chosen",
    "subject": "another image of its subject is chosen",
    "picture": "another copy of the picture is chosen",
    "series": "another slice of its series is chosen",
}
NO_PATIENT = "its patient is not known"
NOT_KNOWN = "what it allows is unknown"
_ALLOWS = tuple(f"allows_{use}" for use in USES)
COUNTED = ("image_id", "path", "sha256", "bytes", "patient_id", "offset", "license", *_ALLOWS)
_JOINING = ("subject", "same_as", "series", "slices", "slice")
_NAMED = 20  # images that are not here


@dataclass(frozen=True, slots=True)
class CohortRule:
    """What is asked; `question.allows` are the uses that the licence of each image must allow."""

    question: Question = field(default_factory=Question)
    allow_unknown_license: bool = False

    def options(self) -> list[str]:
        """Return the options of `covcat select` that ask for it."""
        one = self.question
        repeated = {
            "--finding": one.findings,
            "--covid": one.covid,
            "--view": one.views,
            "--modality": one.modalities,
            "--sex": one.sexes,
            "--license-allows": one.allows,
        }
        words = [
            word for name, values in repeated.items() for each in values for word in (name, each)
        ]
        if one.ages is not None:
            low, high = ("" if age is None else str(age) for age in one.ages)
            words.append(f"--age={low}-{high}")
        words += [] if one.where is None else [f"--where={one.where}"]
        words += [] if one.one_per is None else ["--one-per", one.one_per]
        words += ["--found"] * one.found
        return words + ["--allow-unknown-license"] * self.allow_unknown_license

    @property
    def refuses(self) -> bool:
        """Tell if a licence matters at all."""
        return bool(self.question.allows) or not self.allow_unknown_license

    def refusal(self, record: Record) -> str:
        """Say which uses the licence of an image does not allow, as `commercial: no`.

        Whatever is asked, a licence of which nothing is known allows nothing.
        """
        if not self.refuses:
            return ""
        said = {use: str(record[f"allows_{use}"]) for use in self.question.allows}
        is_known = any(record[f"allows_{use}"] != "unknown" for use in USES)
        if not (said or is_known or self.allow_unknown_license):
            return NOT_KNOWN
        passing = ("yes", "unknown") if self.allow_unknown_license else ("yes",)
        return "; ".join(f"{use}: {word}" for use, word in said.items() if word not in passing)


@dataclass(frozen=True, slots=True)
class IndexedRelease:
    """One release that images are chosen from."""

    resource: Resource
    release: Release
    folder: Path  # of the release
    index: Index
    labels: "IndexedRelease | None" = None  # with --found: whose rows have pictures in this one

    @property
    def name(self) -> str:
        """ID@RELEASE."""
        return f"{self.resource.id}@{self.release.id}"

    @property
    def asked(self) -> "IndexedRelease":
        """Return the release whose rows these are."""
        return self.labels or self

    def read(self, columns: Sequence[str], question: Question) -> Iterator[list[Row]]:
        """Give what passes, many rows at a time."""
        text, where = ", ".join(columns), question.where
        if self.labels is None:
            conditions, values = question.sql()
            text = f"SELECT {text} FROM images WHERE {conditions} ORDER BY rowid"  # noqa: S608
        else:  # these are the rows that pass: the question was asked when pictures were looked for
            values, where = [self.name], None
            text = f"SELECT {text} FROM {PICTURED} WHERE found_in = ? ORDER BY rowid"  # noqa: S608
        return self.asked.index.batches(text, values, where)


@dataclass(slots=True)
class LicenseCount:
    """What became of the rows of one licence."""

    license: str | None  # as the source has it
    allows: dict[str, str]
    rows: int = 0
    chosen: int = 0
    images: int = 0  # chosen ones
    refused: int = 0
    why: str = ""  # the first of these was refused


@dataclass(slots=True)
class CohortCounts:
    """What became of all rows; an image may have several."""

    rows: int = 0
    chosen: int = 0
    images: int = 0
    patients: int = 0
    of_nobody: int = 0  # chosen rows whose patient is not known
    bytes: int = 0
    alike: int = 0  # images whose bytes are those of another one
    refused: int = 0  # by their licence
    left_out: dict[str, int] = field(default_factory=dict)  # for another reason
    missing: list[str] = field(default_factory=list)  # the first that are not here
    gone: dict[str, int] = field(default_factory=dict)  # chosen images, by ID@RELEASE
    licenses: list[LicenseCount] = field(default_factory=list)  # of the rows whose image is here
    images_sha256: str = ""  # of a line `ID@RELEASE image_id sha256` for each chosen row


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Rows of one release, and why each is left out or ""."""

    part: IndexedRelease
    rows: list[Row]
    whys: list[str]

    def records(self, columns: Sequence[str]) -> Iterator[tuple[Record, str]]:
        """Give the rows by the names of their first columns."""
        for row, why in zip(self.rows, self.whys, strict=True):
            yield dict(zip(columns, row, strict=False)), why


class Cohort:
    """The images of some releases that a rule chooses; nothing is read before it is asked for."""

    def __init__(self, parts: Sequence[IndexedRelease], rule: CohortRule) -> None:
        self.parts, self.rule = tuple(parts), rule  # parts: in the order of the result
        self._refused: dict[str, dict[str, str]] = {}  # paths, by ID@RELEASE

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of its tables."""
        return WITH_PICTURES if self.rule.question.found else NAMES

    @property
    def asked(self) -> dict[str, IndexedRelease]:
        """Return the releases that were asked for, by name."""
        return {part.asked.name: part.asked for part in self.parts}

    @property
    def holding(self) -> dict[str, IndexedRelease]:
        """Return the others, in which pictures of these were found."""
        every = {part.name: part for part in self.parts}
        return {name: part for name, part in every.items() if name not in self.asked}

    def judge_rows(
        self, columns: Sequence[str] = COUNTED
    ) -> Iterator[tuple[IndexedRelease, Record, str]]:
        """Give every row that passes the filters, and why it is left out or ""."""
        for batch in self.judge(columns):
            for record, why in batch.records(columns):
                yield batch.part, record, why

    def judge(self, columns: Sequence[str]) -> Iterator[JudgedRows]:
        """Give the same rows as tuples, many at a time: of a million that takes half as long."""
        one_per, number = self.rule.question.one_per, 0
        for batch in self._each(columns):
            if one_per is not None:
                for at, row in enumerate(batch.rows):
                    if not batch.whys[at] and number + at not in self._firsts:
                        is_known = one_per != "patient" or row[-2]
                        batch.whys[at] = NOT_FIRST[one_per] if is_known else NO_PATIENT
            number += len(batch.rows)
            yield batch

    def _each(self, columns: Sequence[str]) -> Iterator[JudgedRows]:
        """Judge each row by itself; of what is not here no licence matters.

        Behind the columns a row has what its licence allows or its patient, if these matter, and
        last its path.
        """
        asked = self.rule.question
        plain = replace(asked, allows=(), one_per=None, with_files_only=False)
        uses = _ALLOWS if self.rule.refuses else ()
        patient = ("patient_id",) if asked.one_per == "patient" else ()
        read = (*columns, *uses, *patient, "path")
        refusal = cache(lambda allows: self.rule.refusal(dict(zip(_ALLOWS, allows, strict=True))))
        start, end = len(columns), len(columns) + len(uses)
        for part in self.parts:
            for rows in part.read(read, plain):
                if not uses:
                    whys = [NOT_HERE if row[-1] is None else "" for row in rows]
                else:
                    stricter = self._stricter(part)
                    whys = [
                        NOT_HERE
                        if row[-1] is None
                        else refusal(row[start:end]) or stricter.get(row[-1], "")
                        for row in rows
                    ]
                yield JudgedRows(part, rows, whys)

    def _stricter(self, part: IndexedRelease) -> dict[str, str]:
        """Say why images that several rows name are refused, where one of these refuses them."""
        if part.name not in self._refused:
            several = (
                f"SELECT path, {', '.join(_ALLOWS)} FROM images WHERE path IN "  # noqa: S608
                "(SELECT path FROM images WHERE image_id <> resource || ':' || path)"
            )
            self._refused[part.name] = {
                str(record["path"]): f"{why}, as another row of the image says"
                for record in part.index.rows(several)
                if (why := self.rule.refusal(record))
            }
        return self._refused[part.name]

    def _pictures(self) -> Iterator[tuple[Record, str]]:
        """Give every row as the record of its picture, judged by itself."""
        columns = (*COUNTED, *_JOINING)
        for batch in self._each(columns):
            of: Record = {"resource": batch.part.resource.id, "release": batch.part.release.id}
            for record, why in batch.records(columns):
                yield record | of, why

    @cached_property
    def _firsts(self) -> frozenset[int]:
        """Number the rows that stand for their patient, subject or picture, over all releases."""
        best: dict[str, tuple[bool, int, int]] = {}
        one_per = self.rule.question.one_per or ""
        if one_per == "series":
            return self._find_middles()
        for number, (record, why) in enumerate(self._pictures()):
            key, days = query.key_of(record, one_per), record["offset"]
            place = (days is None, int(days or 0), number)
            if one_per == "picture":
                own = f"{record['resource']}@{record['release']}:{record['path']}"
                place = (record["same_as"] != own, 0, number)
            if key and not why and place < best.get(key, (True, 1 << 62, 0)):
                best[key] = place
        return frozenset(number for _, _, number in best.values())

    def _find_middles(self) -> frozenset[int]:
        """Number the middle slice of each series, in the first release that has it."""
        series: dict[str, tuple[str, list[tuple[bool, int, int]]]] = {}
        for number, (record, why) in enumerate(self._pictures()):
            if not why and (key := query.key_of(record, "series")) is not None:
                name = f"{record['resource']}@{record['release']}"
                first, slices = series.setdefault(key, (name, []))
                if name == first:
                    at = record["slice"]
                    slices.append((at is None, int(at or 0), number))
        return frozenset(sorted(each)[(len(each) - 1) // 2][-1] for _, each in series.values())

    @cached_property
    def counts(self) -> CohortCounts:
        """Count all rows, by licence too."""
        counts, digest = CohortCounts(), hashlib.sha256()
        licenses: dict[tuple[object, ...], LicenseCount] = {}
        images, patients = dict[tuple[str, str], str](), set[str]()
        for part, record, why in self.judge_rows():
            counts.rows += 1
            if why in (NOT_HERE, NO_PATIENT, *NOT_FIRST.values()):
                counts.left_out[why] = counts.left_out.get(why, 0) + 1
            if why == NOT_HERE:
                counts.missing += [str(record["image_id"])] if len(counts.missing) < _NAMED else []
                continue
            license, *allows = (record[name] for name in ("license", *_ALLOWS))
            if (tally := licenses.get((license, *allows))) is None:
                words = dict(zip(USES, map(str, allows), strict=True))
                tally = LicenseCount(None if license is None else str(license), words)
                licenses[license, *allows] = tally
            tally.rows += 1
            if why:
                is_refused = why not in counts.left_out
                counts.refused += is_refused
                tally.refused += is_refused
                tally.why = tally.why or (why if is_refused else "")
                continue
            tally.chosen += 1
            line = f"{part.name} {record['image_id']} {record['sha256']}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))
            patients.add(str(record["patient_id"] or ""))
            counts.of_nobody += not record["patient_id"]
            if (place := (part.name, str(record["path"]))) not in images:
                images[place] = str(record["sha256"])
                tally.images += 1
                counts.bytes += int(record["bytes"] or 0)
                if query.is_gone(f"{part.folder}/files/{record['path']}", record["bytes"]):
                    counts.gone[part.name] = counts.gone.get(part.name, 0) + 1
        counts.chosen = sum(one.chosen for one in licenses.values())
        counts.images, counts.patients = len(images), len(patients - {""})
        counts.alike = counts.images - len(set(images.values()))
        counts.images_sha256 = digest.hexdigest()
        counts.licenses = sorted(licenses.values(), key=lambda one: (-one.rows, one.license or ""))
        return counts
