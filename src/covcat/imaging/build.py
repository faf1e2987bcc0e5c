"""Going through the files and label tables of one release: each record, and a report of all."""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from shlex import quote

from covcat.catalog import matching, vocabulary
from covcat.catalog.columns import NAMES, Record
from covcat.catalog.entries import LabelTable, Pictures, Release, Resource
from covcat.catalog.matching import IMAGE_SUFFIXES, Row
from covcat.catalog.selection import matches
from covcat.engine.shards import Shard
from covcat.errors import IntegrityError
from covcat.files import disk_errors, hashed, sqlite_errors
from covcat.imaging import ahead, labels, sizes, slices
from covcat.imaging.joins import Joins
from covcat.imaging.readers.base import ReleaseFiles
from covcat.imaging.readers.dicom import PREAMBLE
from covcat.imaging.write import insert, table_of
from covcat.names import is_litter
from covcat.progress import Progress
from covcat.store import overlaps
from covcat.store.folder import MANIFEST, SUMS
from covcat.store.manifest import Manifest, load, sha256_of, sums_agree

_SHOWN = 20  # kinds of a thing that a report names
_KINDS = 10_000  # that are counted
_LETTERS = 200  # of a text that a report names
_NUMBERED = """
CREATE TEMP TABLE again (row INTEGER PRIMARY KEY, number INTEGER);
INSERT INTO again SELECT row, number FROM (
  SELECT rowid AS row, row_number() OVER (PARTITION BY digest(image_id) ORDER BY rowid) AS number
  FROM images
) WHERE number > 1;
UPDATE images SET image_id = image_id || '#' || (SELECT number FROM again WHERE row = images.rowid)
WHERE rowid IN (SELECT row FROM again);
UPDATE images SET subject = image_id WHERE subject IS NULL;
"""  # sorted on disk, where there are many; digests are short
SCHEMA = (table_of(NAMES), "CREATE TABLE about (key TEXT, value TEXT)")


@dataclass
class IndexReport:
    """What became of rows and files: none is dropped silently."""

    rows: dict[str, int] = field(default_factory=dict)  # of each table, or of names as a whole
    images: int = 0
    both: int = 0
    label_only: int = 0
    image_only: int = 0
    ambiguous: int = 0  # rows whose image could be several files; counted as label only
    not_added: int = 0  # rows that only add to others, of which nothing else is here
    conflicts: int = 0  # images, folders, series, studies, patients whose rows disagree
    conflicting: list[str] = field(default_factory=list)  # the first of these, and in what
    without_term: dict[str, int] = field(default_factory=dict)  # findings not in the vocabulary
    unmatched: list[str] = field(default_factory=list)  # the first images that are not here
    bare: int = 0  # of `both`: DICOM without a preamble, whose syntax had to be inferred
    unreadable: int = 0  # image files whose header is damaged, or that are none
    unread: list[str] = field(default_factory=list)  # the first of these
    other_size: int = 0  # masks that are not of the size of their picture
    bad_outlines: int = 0  # polygons and boxes that could not be read
    outlined_badly: list[str] = field(default_factory=list)  # the first of these
    is_part: bool = False  # of its release
    absent: list[str] = field(default_factory=list)  # label tables that are not here
    lacking: list[str] = field(default_factory=list)  # what the entry names and a table has not
    altered: list[str] = field(default_factory=list)  # label tables that are not as recorded


def tables_of(resource: Resource, release: Release) -> list[LabelTable]:
    """Return the label tables of a release."""
    return [one for one in resource.tables if not one.releases or release.id in one.releases]


def write(
    path: Path, key: str, resource: Resource, release: Release, folder: Path, progress: Progress
) -> IndexReport:
    """Write the index of the release in a folder into a new file."""
    manifest = load(folder)
    if (folder / SUMS).exists() and not sums_agree(folder, manifest):
        # digests were edited or have rotted, and rows would have them
        raise IntegrityError(
            f"`{MANIFEST}` and `{SUMS}` say different digests of the same files",
            hint=f"covcat verify {quote(f'{manifest.resource}@{manifest.release}')}",
        )
    doing = "write the image index"
    with disk_errors(doing), sqlite_errors(doing), closing(sqlite3.connect(path)) as base:
        for text in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", *SCHEMA):
            base.execute(text)
        build = _IndexBuild(resource, release, manifest, folder, progress)
        insert(base, NAMES, build.records())
        slices.order(base)
        base.create_function(
            "digest",
            1,
            lambda text: hashlib.blake2b(text.encode(), digest_size=16).digest(),
            deterministic=True,
        )
        base.executescript(_NUMBERED)
        about = [("key", key), ("report", json.dumps(asdict(build.report)))]
        base.executemany("INSERT INTO about VALUES (?, ?)", about)
        base.commit()
    ahead.drop(folder)
    return build.report


def keep_share(
    resource: Resource, release: Release, folder: Path, shard: Shard, progress: Progress
) -> int:
    """Read the headers of a shard's pictures for who makes the index; return how many."""
    every = _IndexBuild(resource, release, load(folder), folder, progress)
    pictures, label = every.images | every.masks, f"{every.name}: headers"
    share = set(shard.share(sorted(pictures)))
    for table in every.tables:  # images of rows may be others: many lack a suffix
        rows = ahead.keep_rows(table, every.source, shard, progress, label)
        share.update(path for path in rows if path not in pictures)
    ahead.keep_sizes(folder, shard, sorted(share), progress, label)
    return len(share)


class _IndexBuild:
    """Goes through the tables of one release, then through the images that none of them names."""

    def __init__(
        self,
        resource: Resource,
        release: Release,
        manifest: Manifest,
        folder: Path,
        progress: Progress,
    ) -> None:
        self.resource, self.release, self.folder = resource, release, folder / "files"
        self.name = f"{resource.id}@{release.id}"
        self.subjects = _KnownSubjects(folder)
        self.progress, self.tables = progress, tables_of(resource, release)
        self.report = IndexReport(is_part=bool(manifest.selection or manifest.missing))
        prefix = "files/"
        self.files = {
            path: one
            for one in manifest.files
            if one.path.startswith(prefix) and not is_litter(path := one.path.removeprefix(prefix))
        }
        self.source = ReleaseFiles(self.folder, sorted(self.files))
        chosen = resource.pictures or Pictures()
        globs = [one.path for one in self.tables if one.reader not in matching.OF_IMAGES]
        self.images = set[str]()
        self.others: list[str] = []  # without a suffix, but may be images if a row names them
        for path in self.source.paths:
            has_suffix = path.lower().endswith(IMAGE_SUFFIXES)
            if matches(path, chosen.exclude):
                continue
            if matches(path, chosen.include) if chosen.include else has_suffix:
                self.images.add(path)
            if not has_suffix and not matches(path, globs):
                self.others.append(path)
        self.masks = {mask for path in self.images for mask in self._masks_of(path)}
        self.images -= self.masks
        self.sizes: dict[str, sizes.Size | None] = {}  # of pictures that were looked at before
        self.broken: set[str] = set()  # images whose reader says so
        self.seen: Counter[str] = Counter()  # records of each image
        self.joins = Joins()

    def records(self) -> Iterator[Record]:
        """Give every record: rows of tables in their order, then images without labels."""
        label, about = f"{self.name}: headers", len(self.images)
        pictures = self.images | self.masks
        self.sizes = ahead.known_sizes(self.folder.parent, pictures, self.progress, label)
        self.task = self.progress.start(f"index of {self.name}", None, about=about, unit="rows")
        without: Counter[str] = Counter()
        for one in self._read_tables():
            raw = _shorten(str(one["finding_raw"] or ""))
            has_no_term = not one["finding"] and one["covid"] == "unknown"
            is_counted = raw in without or len(without) < _KINDS
            is_said = not (vocabulary.is_blank(raw) or vocabulary.only_denies(raw))
            if has_no_term and is_counted and is_said:
                without[raw] += 1
            yield one
        for path in self.source.paths:
            if path in self.images and not self.seen[path]:
                self.report.image_only += 1
                blank = labels.make_blank(self.resource)
                blank["mask_path"] = next(self._masks_of(path), None)
                one = self._complete(blank, path, "image only", path)
                self.progress.advance(self.task, 1)
                yield one
        self.report.images = len(self.images)
        self.joins.check_folders()
        self.report.not_added += self.joins.count_unused()
        self.report.conflicts = self.joins.conflicts
        self.report.conflicting = self.joins.conflicting
        self.report.without_term = dict(without.most_common(_SHOWN))
        self._check_tables()
        self.progress.finish(self.task)

    def _check_tables(self) -> None:
        """Note which tables are not here, or not as they were recorded; nothing is damage."""
        report = self.report
        for table in self.tables:
            here = list(islice(self.source.matching(table.path), _SHOWN))
            report.absent += [table.path] if not here else []
            for path in here if table.reader not in matching.OF_IMAGES else ():
                with disk_errors(f"read `{path}`"):
                    now = hashed(self.folder / path, self.files[path])
                report.altered += [] if now.sha256 == self.files[path].sha256 else [path]
        if self.tables and not (report.is_part or report.images or report.rows):
            raise IntegrityError(
                "nothing is here of what its entry names: expected "
                + ", ".join(f"`{table.path}`" for table in self.tables[:_SHOWN])
                + f", got {', '.join(f'`{one}`' for one in self.source.paths[:3])}"
            )

    def _read_tables(self) -> Iterator[Record]:
        """Give a record for each row; tables that only add to others are read before these."""
        report = self.report
        for table in (one for one in self.tables if one.adds is not None):
            for row, found, _, paths in self._read_rows(table):
                found |= self._outlines_of(row, paths[0] if len(paths) == 1 else None)
                at = f"`{row.file}` row {report.rows.get(row.file, 0):,}"
                report.not_added += not self.joins.keep(table, row, found, paths, at)
        self.joins.settle()
        for table in (one for one in self.tables if one.adds is None):
            for row, found, names, paths in self._read_rows(table):
                path = paths[0] if len(paths) == 1 else None
                found |= self._outlines_of(row, path)
                places = matching.masks(table, row.cells, path)
                found["mask_path"] = next((one for one in places if one in self.files), None)
                report.ambiguous += len(paths) > 1
                report.label_only += path is None
                report.both += path is not None
                is_bare = table.reader == "dicom" and PREAMBLE in row.cells
                report.bare += path is not None and is_bare
                if path is not None:
                    self.images.add(path)  # no suffix may say so, but this row does
                elif names and len(report.unmatched) < _SHOWN:
                    report.unmatched.append(_shorten(names[0]))
                name = path or next(iter(names), "")
                yield self._complete(found, path, "both" if path else "label only", name)

    def _outlines_of(self, row: Row, path: str | None) -> Record:
        """Return what is drawn on the image of a row, and if that was of its size."""
        drawn, report = row.outlined, self.report
        if drawn is None:
            return dict(labels.NOT_OUTLINED)
        report.bad_outlines += len(drawn.unread)
        for name in drawn.unread[: _SHOWN - len(report.outlined_badly)]:
            report.outlined_badly.append(_shorten(f"{name} of {row.place}"))
        if not drawn.drawn:
            return dict(labels.NOT_OUTLINED)
        size = self._size_of(path) if path is not None else None
        own = (size.width, size.height) if size else (None, None)
        return {
            "outlines": drawn.in_words,
            "outlines_path": row.place,
            "outlines_fit": _fits((drawn.width, drawn.height), own),
        }

    def _read_rows(self, table: LabelTable) -> Iterator[tuple[Row, Record, list[str], list[str]]]:
        """Give the rows of labels: what an image is called there, and which ones it may be."""
        find = matching.finder(table.match, self.images, self.others)
        reading, file = labels.LabelReader(table, self.resource), None
        for row in ahead.read_rows(table, self.source, self.progress, f"{self.name}: headers"):
            self.progress.advance(self.task, 1)
            name = row.file
            if table.reader in matching.OF_IMAGES:
                name, path = table.path, row.image
                is_known = path is None or path in self.images or path in self.masks
                if table.reader == "dicom" and not is_known:  # by its content: many lack a suffix
                    self.images.add(str(path))
                if "error" in row.cells or path is None:
                    self.broken.add(row.file)
                    continue
                if path not in self.images:
                    continue
            elif table.reader in ("delimited", "sheet") and row.file != file:
                file = row.file
                if lacking := reading.find_lacking(row):
                    self.report.lacking.append(f"`{file}` has no column {', '.join(lacking)}")
            self.report.rows[name] = self.report.rows.get(name, 0) + 1
            names = matching.images(row, table)
            known = [row.image] if row.image in self.images else []
            paths = known or next((hits for name in names if (hits := find(name))), [])
            yield row, reading.record(row), names, paths

    def _complete(self, found: Record, path: str | None, matched: str, called: str) -> Record:
        """Add what other rows say of the same image or patient, and what its file is."""
        found = self.joins.add_to(found, path, called)
        name = path or str(found.get("filename") or found.get("patient_id") or "?")
        found |= {
            "image_id": f"{self.resource.id}:{name}",  # numbered where there are several
            "resource": self.resource.id,
            "release": self.release.id,
            "path": path,
            "matched": matched,
        }
        found |= self.subjects.of(found, self.files[path].sha256 if path else None)
        if path is None:
            return found
        self.seen[path] += 1
        size = self._size_of(path)
        is_known = path.lower().endswith(sizes.SUFFIXES)
        if self.seen[path] == 1 and (path in self.broken or (size is None and is_known)):
            self.report.unreadable += 1
            self.report.unread += [path] if len(self.report.unread) < _SHOWN else []
        stored, axes = self.files[path], ("width", "height", "slices", "bits")
        found |= {name: getattr(size, name) if size else None for name in axes}
        if found["mask_path"] is not None:
            mask = self._size_of(str(found["mask_path"]))
            own, its = (
                (one.width, one.height, one.slices or 1) if one else (None,) for one in (size, mask)
            )
            found["mask_fits"] = _fits(own, its)
            self.report.other_size += found["mask_fits"] == "no" and self.seen[path] == 1
        if size and (size.slices or 1) > 1:  # a volume is a series of itself
            found["slice"] = None
        return found | {"sha256": stored.sha256, "bytes": stored.bytes}

    def _size_of(self, path: str) -> sizes.Size | None:
        if path in self.sizes:
            return self.sizes[path]
        return sizes.read_size(f"{self.folder}/{path}")

    def _masks_of(self, path: str) -> Iterator[str]:
        """Give the files that the name of an image shows to be its masks."""
        places = (place for table in self.tables for place in matching.masks(table, {}, path))
        return (place for place in places if place in self.files and place != path)


class _KnownSubjects:
    """Says who is on a picture, and of what it is a copy, as far as `overlap` found."""

    def __init__(self, folder: Path) -> None:
        known = overlaps.last(folder)
        self.pictures = {one.path: one for one in known.pictures} if known else {}
        is_as_then = known is not None and known.manifest_sha256 == sha256_of(folder)
        self.patients = known.patients if known is not None and is_as_then else {}

    def of(self, record: Record, sha256: str | None) -> Record:
        """Return what holds for a picture of that digest, or for a row without one."""
        seen = self.pictures.get(str(record["path"]))
        if seen is not None and seen.sha256 == sha256:
            return {"same_as": seen.same_as, "subject": seen.subject}
        patient, path = record["patient_id"], record["path"]
        own = path and f"{record['resource']}:{path}"
        return {"same_as": None, "subject": self.patients.get(str(patient), patient) or own}


def _fits(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> str | None:
    """Say if two sizes are one; None where one is not known."""
    if None in (*one, *other):
        return None
    return "yes" if one == other else "no"


def _shorten(text: str) -> str:
    return f"{text[:_LETTERS]}…" if len(text) > _LETTERS else text
