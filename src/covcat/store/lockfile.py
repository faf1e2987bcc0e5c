"""`covcat.lock`: records of what is here -> a file that gets exactly the same anywhere else.

Read like any other untrusted file: nothing in it is used as a path, only compared.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, ClassVar, Literal

from covcat.catalog.entries import Release
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import Listing
from covcat.catalog.marks import Matches, ReleaseId, ResourceId
from covcat.catalog.selection import Selection
from covcat.digests import VerifiedBy
from covcat.errors import DiskError, IntegrityError, NotFoundError
from covcat.files import disk_error, disk_errors, opened, write_file
from covcat.names import is_litter
from covcat.seal import parse_record
from covcat.store import manifest
from covcat.store.compare import status_of
from covcat.store.folder import MANIFEST
from covcat.store.manifest import Form, Manifest

FILE = Path("covcat.lock")
MAX_BYTES = 1 << 28
MOST_ROWS = 10_000  # of files or downloads, for a release; of more the digest alone is kept
Sha256 = Annotated[str, Matches(r"[0-9a-f]{64}", "64 hexadecimal digits")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDownload:
    """What one download was; of an archive that its host packs anew each time, the git tree."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    entry: int  # number of the catalog's file that it belongs to
    url: str
    name: str
    verified_by: VerifiedBy
    sha256: str | None = None
    md5: str | None = None
    tree: str | None = None
    by_hand: bool = False  # a person brought it, packed in a way of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRelease:
    """One release as it was; `files_sha256` is of its form's lines in SHA256SUMS, as they are."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: ResourceId
    release: ReleaseId
    covcat: str  # version that fetched it
    license: str
    form: Form
    complete: bool
    selection: tuple[str, ...]  # parts that were asked for, as options; empty is everything
    missing: tuple[str, ...] = ()  # not here, and known to be; none where more than MOST_ROWS are
    total_files: int
    total_bytes: int
    files_sha256: Sha256
    downloads: tuple[LockedDownload, ...]
    files: dict[str, Sha256]  # none where there are more than MOST_ROWS

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.id}@{self.release}"

    @property
    def is_whole(self) -> bool:
        """True if it is all of a release; else it was locked as the part that it is."""
        return self.complete and not self.selection

    @property
    def selections(self) -> tuple[Selection, ...]:
        """Return the parts that were asked for."""
        return tuple(map(Selection.read, self.selection))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """All of a lock file, by ID@RELEASE."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.lock/1"] = "covcat.lock/1"
    releases: tuple[LockedRelease, ...]


def locked(record: Manifest) -> LockedRelease:
    """Say what a release is; the same files give the same words, whenever they were fetched."""
    files, downloads = _of_form(record), list[LockedDownload]()
    for one in record.downloads if len(record.downloads) <= MOST_ROWS else ():
        is_repacked = one.host == "github" and one.is_archive  # at each request, in other bytes
        row = LockedDownload(
            entry=one.entry,
            url=one.url,
            name=one.name,
            verified_by=one.verified_by,
            sha256=None if is_repacked else one.sha256,
            md5=None if is_repacked else one.md5,
            tree=one.tree,
            by_hand=one.imported_from is not None,
        )
        downloads.append(row)
    return LockedRelease(
        id=record.resource,
        release=record.release,
        covcat=record.covcat,
        license=record.license.spdx,
        form=record.form,
        complete=record.complete,
        selection=tuple(sorted(record.selection)),
        missing=tuple(sorted(record.missing)) if len(record.missing) <= MOST_ROWS else (),
        total_files=len(files),
        total_bytes=sum(one.bytes for one in record.files if one.path in files),
        files_sha256=_digest(files),
        downloads=tuple(sorted(downloads, key=lambda one: (one.entry, one.name))),
        files=files if len(files) <= MOST_ROWS else {},
    )


def _of_form(record: Manifest) -> dict[str, str]:
    """Return sha256 by path; archives that were kept beside the files are nobody's matter."""
    inside = f"{record.form}/"
    return {one.path: one.sha256 for one in record.files if one.path.startswith(inside)}


def _digest(files: Mapping[str, str]) -> str:
    """Return the sha256 of the lines that SHA256SUMS has of these files."""
    lines = (manifest.sums_line(path, files[path]) for path in sorted(files))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def differences(wanted: LockedRelease, record: Manifest) -> list[str]:
    """Return how a release differs from what is locked, as far as the lock can say."""
    got = locked(record)
    lines = [
        f"{key}: expected {_in_words(expected)}, got {_in_words(found)}"
        for key in ("form", "selection", "complete")
        if (expected := getattr(wanted, key)) != (found := getattr(got, key))
    ]
    if wanted.missing and wanted.missing != got.missing:
        before, now = set(wanted.missing), set(got.missing)
        lines += [f"no longer missing: {path}" for path in sorted(before - now)]
        lines += [
            f"missing, though the lock does not say so: {path}" for path in sorted(now - before)
        ]
    if wanted.files_sha256 == got.files_sha256:
        return lines
    if not wanted.files and wanted.total_files:
        line = (
            f"digest of all files: expected {wanted.files_sha256}, got {got.files_sha256} "
            f"({wanted.total_files} files expected, got {got.total_files}; the lock does not "
            "name so many)"
        )
        return [*lines, line]
    here = _of_form(record)
    for path in sorted(wanted.files.keys() | here.keys()):
        locked_as, stored = wanted.files.get(path), here.get(path)
        if locked_as is None or stored is None:
            what = "extra" if locked_as is None else "missing"
            lines += [] if is_litter(path) else [f"{what}: {path}"]  # an older covcat took it along
        elif locked_as != stored:
            lines.append(f"changed: {path}: sha256 expected {locked_as}, got {stored}")
    return lines


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(str, value)) or "everything" if isinstance(value, tuple) else str(value)


def has_less(wanted: LockedRelease, folder: Path) -> bool:
    """Tell if what is here already lacks something of what is locked, which a fetch adds.

    A fetch takes nothing away: what holds more, or something else, is an IntegrityError.
    """
    if not (folder / MANIFEST).is_file():
        return False
    record = manifest.load(folder)
    lines = differences(wanted, record)
    here, there = set(record.selection), set(wanted.selection)
    is_same_form = record.form == wanted.form
    is_less = here != there or not is_same_form or record.complete < wanted.complete
    if wanted.files:
        got = _of_form(record) if is_same_form else {}
        is_less = got != wanted.files and got.items() <= wanted.files.items()
    is_part = not there or (bool(here) and here <= there)
    can_grow = is_less and is_part and (is_same_form or record.form != "files")
    if lines and not can_grow:
        raise IntegrityError(
            f"`{wanted.name}` is here, and not what the lock names",
            details=lines,
            hint=f"covcat remove {quote(wanted.name)}, then the same command again",
        )
    return bool(lines)


def changes_on_disk(folder: Path, record: Manifest) -> list[str]:
    """Return which files are gone or have another size; their bytes are `verify`'s matter."""
    lines = []
    for one in record.files:
        found = status_of(f"{folder}/{one.path}", one)
        if isinstance(found, str):
            is_missing = found == "missing"
            lines.append(f"missing: {one.path}" if is_missing else f"changed: {one.path}: {found}")
    return lines


def catalog_differences(
    wanted: LockedRelease, release: Release, listing: Listing | None
) -> list[str]:
    """Return where the catalog pins something else than what is locked."""
    lines = []
    for one in wanted.downloads:
        if one.entry >= len(release.files):
            lines.append(f"{one.name}: the catalog has no such download any more")
            continue
        file = release.files[one.entry]
        pins = [] if one.by_hand else [("sha256", file.sha256, one.sha256)]
        pins += [] if one.by_hand else [("md5", file.md5, one.md5)]
        if wanted.is_whole and isinstance(file, GitHubFile):  # else it has a tree of its own
            pins.append(("git tree", file.tree, one.tree))
        lines += [
            f"{one.name}: {kind} expected {got}, the catalog pins {pinned}"
            for kind, pinned, got in pins
            if pinned is not None and got is not None and pinned != got
        ]
    if not listing or not wanted.files or wanted.form == "archives":
        return lines
    listed = {f"files/{path}": row.sha256 for path, row in listing.items()}
    for path, pinned in listed.items():
        got = wanted.files.get(path, pinned)
        if pinned not in (None, got):
            lines.append(f"{path}: sha256 expected {got}, the catalog pins {pinned}")
    gone, new = sorted(wanted.files.keys() - listed), sorted(listed.keys() - wanted.files)
    lines += [f"{path}: not in the catalog's listing" for path in gone]
    if wanted.is_whole:
        lines += [f"{path}: in the catalog's listing, not in the lock" for path in new]
    return lines


def write(path: Path, releases: Iterable[LockedRelease]) -> None:
    """Write a lock whole or not at all; the same releases always give the same bytes.

    Keys are sorted, and each file has a line, so that a diff reads well.
    """
    if os.path.lexists(path) and not path.is_file():
        raise DiskError(f"`{path}` is there, and no regular file", hint="give another --output")
    blocks = []
    for one in sorted(releases, key=lambda one: (one.id, one.release)):
        downloads = [
            {
                key: cell
                for key, cell in asdict(each).items()
                if cell is not None and cell is not False
            }
            for each in one.downloads
        ]
        files = [f"{_json(path)}: {_json(one.files[path])}" for path in sorted(one.files)]
        in_lines = {
            "files": "{" + _in_lines(files) + "}",
            "missing": "[" + _in_lines(map(_json, one.missing)) + "]",
            "downloads": "[" + _in_lines(map(_json, downloads)) + "]",
        }
        keys = sorted(each.name for each in fields(one) if each.name != "missing" or one.missing)
        rows = [f'\n   "{key}": {in_lines.get(key) or _json(getattr(one, key))}' for key in keys]
        blocks.append(f"  {{{','.join(rows)}\n  }}")
    text = '{\n "releases": [\n' + ",\n".join(blocks) + '\n ],\n "schema": "covcat.lock/1"\n}\n'
    path = path.resolve()  # behind a link lies the file that is meant
    with disk_errors(f"write the lock `{path}`"):
        write_file(path, text.encode())


def _in_lines(rows: Iterable[str]) -> str:
    text = ",\n    ".join(rows)
    return f"\n    {text}\n   " if text else ""


_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def read(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        NotFoundError: there is none.
        IntegrityError: it is damaged, edited, or of a newer covcat.
        DiskError: this user may not read it.
    """
    try:
        with opened(path) as stream:
            found = parse_record(path, stream.read(MAX_BYTES), Lock, "covcat.lock/1")
        if len({one.name for one in found.releases}) < len(found.releases):
            raise ValueError("a release is there twice")
        for one in found.releases:
            _check_sound(one)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no lock `{path}`", hint="covcat lock") from error
    except PermissionError as error:
        raise disk_error(error, f"read the lock `{path}`") from error
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"the lock `{path}` is damaged",
            cause=str(error),
            hint="take it from your version control again; `covcat lock --force` writes over it",
        ) from error
    return found


def _check_sound(one: LockedRelease) -> None:
    """Raise ValueError for what fits the types and yet cannot be: edited rows."""
    try:
        one.selections  # noqa: B018 -- reads them all
    except ValueError as error:
        raise ValueError(f"{one.name}: {error}") from error
    lacking = {f"files/{path}" for path in one.missing}
    is_listed = bool(one.files) or not one.total_files
    found = (len(one.files), _digest(one.files))
    if one.missing and (one.complete or lacking & one.files.keys()):
        raise ValueError(f"{one.name}: it names files as missing that are not")
    if is_listed and found != (one.total_files, one.files_sha256):
        raise ValueError(f"{one.name}: its files do not have the digest that it names")
    if any(row.entry < 0 for row in one.downloads):
        raise ValueError(f"{one.name}: a download with a negative number")
