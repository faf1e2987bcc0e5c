"""`covcat.lock`: records of what is here -> a file that gets exactly the same anywhere else.

Read like any other untrusted file: nothing in it is used as a path, only compared.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

from covcat.catalog.entries import Release
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import Listing
from covcat.errors import DiskError, IntegrityError, NotFoundError
from covcat.files import FILE_MODE, StoredFile, disk_error, disk_errors, opened, what_is
from covcat.names import is_litter
from covcat.store import manifest
from covcat.store.folder import MANIFEST
from covcat.store.lock_rows import MOST_ROWS, Lock, LockedDownload, LockedRelease
from covcat.store.manifest import Manifest, Transfer

FILE = Path("covcat.lock")
MAX_BYTES = 1 << 28


# ---- records -> what is locked -----------------------------------------------------------------


def locked(record: Manifest) -> LockedRelease:
    """Say what a release is; the same files give the same words, whenever they were fetched."""
    files = _of_form(record)
    downloads = record.downloads if len(record.downloads) <= MOST_ROWS else ()
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
        total_bytes=sum(one.bytes for one in files),
        files_sha256=_digest({one.path: one.sha256 for one in files}),
        downloads=tuple(sorted(map(_download, downloads), key=lambda one: (one.entry, one.name))),
        files={one.path: one.sha256 for one in files} if len(files) <= MOST_ROWS else {},
    )


def _of_form(record: Manifest) -> list[StoredFile]:
    """Archives that were kept beside the files are not what anybody works with."""
    return [one for one in record.files if one.path.startswith(f"{record.form}/")]


def _digest(files: Mapping[str, str]) -> str:
    """Return the sha256 of the lines that SHA256SUMS has of these files."""
    lines = (manifest.sums_line(path, files[path]) for path in sorted(files))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _download(one: Transfer) -> LockedDownload:
    is_repacked = one.host == "github" and one.is_archive  # at each request, in other bytes
    return LockedDownload(
        entry=one.entry,
        url=one.url,
        name=one.name,
        verified_by=one.verified_by,
        sha256=None if is_repacked else one.sha256,
        md5=None if is_repacked else one.md5,
        tree=one.tree,
        by_hand=one.imported_from is not None,
    )


# ---- what differs ------------------------------------------------------------------------------


def differences(wanted: LockedRelease, record: Manifest) -> list[str]:
    """Return how a release differs from what is locked, as far as the lock can say."""
    got = locked(record)
    lines = [
        f"{key}: expected {_in_words(expected)}, got {_in_words(found)}"
        for key in ("form", "selection", "complete")
        if (expected := getattr(wanted, key)) != (found := getattr(got, key))
    ]
    if wanted.missing and wanted.missing != got.missing:
        lines += _missing_lines(set(wanted.missing), set(got.missing))
    if wanted.files_sha256 == got.files_sha256:
        return lines
    if not wanted.files and wanted.total_files:
        line = (
            f"digest of all files: expected {wanted.files_sha256}, got {got.files_sha256} "
            f"({wanted.total_files} files expected, got {got.total_files}; the lock does not "
            "name so many)"
        )
        return [*lines, line]
    return lines + _file_lines(wanted.files, {one.path: one.sha256 for one in _of_form(record)})


def _file_lines(wanted: Mapping[str, str], got: Mapping[str, str]) -> list[str]:
    lines = []
    for path in sorted(wanted.keys() | got.keys()):
        is_odd = path not in got or path not in wanted
        if is_odd and is_litter(path):  # an older covcat took it along
            continue
        if path not in got:
            lines.append(f"missing: {path}")
        elif path not in wanted:
            lines.append(f"extra: {path}")
        elif wanted[path] != got[path]:
            lines.append(f"changed: {path}: sha256 expected {wanted[path]}, got {got[path]}")
    return lines


def _missing_lines(wanted: set[str], got: set[str]) -> list[str]:
    return [
        *(f"no longer missing: {path}" for path in sorted(wanted - got)),
        *(f"missing, though the lock does not say so: {path}" for path in sorted(got - wanted)),
    ]


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(str, value)) or "everything" if isinstance(value, tuple) else str(value)


def check_as_locked(wanted: LockedRelease, record: Manifest) -> None:
    """Refuse a release that has just been built, and is not what is locked.

    Raises:
        IntegrityError: each file that differs, as far as the lock names them.
    """
    if lines := differences(wanted, record):
        raise IntegrityError(
            f"`{wanted.name}` is not what the lock names",
            details=lines,
            hint=f"`covcat fetch {wanted.name}` takes what is offered now; then `covcat lock "
            f"{wanted.name}` pins that",
        )


def has_less(wanted: LockedRelease, folder: Path) -> bool:
    """Tell if what is here already lacks something of what is locked, which a fetch adds.

    Raises:
        IntegrityError: it holds more, or something else.
    """
    if not (folder / MANIFEST).is_file():
        return False
    record = manifest.load(folder)
    lines = differences(wanted, record)
    if lines and not _can_grow(wanted, record):
        raise IntegrityError(
            f"`{wanted.name}` is here, and not what the lock names",
            details=lines,
            hint=f"covcat remove {wanted.name}, then the same command again",
        )
    return bool(lines)


def _can_grow(wanted: LockedRelease, record: Manifest) -> bool:
    """Tell if a record is a part of what is locked: a fetch adds to it, and takes nothing away."""
    here, there = set(record.selection), set(wanted.selection)
    is_part = not there or (bool(here) and here <= there)
    if not is_part or (record.form == "files" and wanted.form != "files"):
        return False
    got = {one.path: one.sha256 for one in _of_form(record)} if record.form == wanted.form else {}
    if wanted.files:
        return got != wanted.files and got.items() <= wanted.files.items()
    return (here, record.form) != (there, wanted.form) or record.complete < wanted.complete


def changes_on_disk(folder: Path, record: Manifest) -> list[str]:
    """Return which files are gone or have another size; their bytes are `verify`'s matter."""
    lines = []
    for one in record.files:
        try:
            status = (folder / one.path).lstat()
        except OSError:
            lines.append(f"missing: {one.path}")
            continue
        if not stat.S_ISREG(status.st_mode):
            lines.append(f"changed: {one.path}: expected a regular file, got {what_is(status)}")
        elif status.st_size != one.bytes:
            lines.append(f"changed: {one.path}: bytes expected {one.bytes}, got {status.st_size}")
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
    return lines + _listing_lines(wanted, listing or {})


def _listing_lines(wanted: LockedRelease, listing: Listing) -> list[str]:
    if not wanted.files or wanted.form == "archives":
        return []
    lines = []
    for path, row in listing.items():
        got = wanted.files.get(f"files/{path}")
        if row.sha256 is not None and got is not None and row.sha256 != got:
            lines.append(f"files/{path}: sha256 expected {got}, the catalog pins {row.sha256}")
    listed = {f"files/{path}" for path in listing}
    if listing:
        lines += [
            f"{path}: not in the catalog's listing" for path in sorted(wanted.files.keys() - listed)
        ]
    if listing and wanted.complete and not wanted.selection:
        new = sorted(listed - wanted.files.keys())
        lines += [f"{path}: in the catalog's listing, not in the lock" for path in new]
    return lines


# ---- the file ----------------------------------------------------------------------------------


def write(path: Path, releases: Iterable[LockedRelease]) -> None:
    """Write a lock whole or not at all; the same releases always give the same bytes."""
    if os.path.lexists(path) and not path.is_file():
        raise DiskError(f"`{path}` is there, and no regular file", hint="give another --output")
    path = path.resolve()  # behind a link lies the file that is meant
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    with disk_errors(f"write the lock `{path}`"):
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text(releases))
                stream.flush()
                os.fsync(handle)
            aside.replace(path)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise


def text(releases: Iterable[LockedRelease]) -> str:
    """Return the lock as JSON: keys sorted, a line for each file, so that a diff reads well."""
    ordered = sorted(releases, key=lambda one: (one.id, one.release))
    blocks = [f"  {{{','.join(map(_field, _sorted_keys(one)))}\n  }}" for one in ordered]
    return '{\n "releases": [\n' + ",\n".join(blocks) + '\n ],\n "schema": "covcat.lock/1"\n}\n'


def _sorted_keys(one: LockedRelease) -> list[tuple[str, Any]]:
    keys = sorted(each.name for each in fields(one))
    return [(key, getattr(one, key)) for key in keys if key != "missing" or one.missing]


def _field(pair: tuple[str, Any]) -> str:
    key, value = pair
    if key == "files":
        rows = [f"{_json(path)}: {_json(sha256)}" for path, sha256 in sorted(value.items())]
        return f"\n   {_json(key)}: {_block('{', rows, '}')}"
    if key == "missing":
        return f"\n   {_json(key)}: {_block('[', list(map(_json, value)), ']')}"
    if key == "downloads":
        rows = [_json(_without_blanks(asdict(one))) for one in value]
        return f"\n   {_json(key)}: {_block('[', rows, ']')}"
    return f"\n   {_json(key)}: {_json(value)}"


def _without_blanks(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None and value is not False}


def _block(opening: str, rows: list[str], closing: str) -> str:
    lines = ",\n    ".join(rows)
    return f"{opening}\n    {lines}\n   {closing}" if rows else opening + closing


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def read(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        NotFoundError: there is none.
        IntegrityError: it is damaged, edited, or of a newer covcat.
        DiskError: this user may not read it.
    """
    try:
        with opened(path) as stream:
            data = stream.read(MAX_BYTES)
        tree = json.loads(data, object_pairs_hook=_unique)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no lock `{path}`", hint="covcat lock") from error
    except PermissionError as error:
        raise disk_error(error, f"read the lock `{path}`") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    return _checked(path, tree, data)


def _checked(path: Path, tree: Any, data: bytes) -> Lock:
    from pydantic import ValidationError

    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != "covcat.lock/1" and str(schema).startswith("covcat.lock/"):
        raise IntegrityError(
            f"`{path}` was made by a newer covcat ({schema})", hint="pip install -U covcat"
        )
    try:
        found: Lock = _adapter().validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _damaged(path, f"{where}: {first['msg']}") from error
    _check_sound(path, found)
    return found


def _check_sound(path: Path, lock: Lock) -> None:
    """Refuse what fits the types and yet cannot be: edited rows, a release named twice."""
    names = [one.name for one in lock.releases]
    if len(set(names)) < len(names):
        raise _damaged(path, "a release is there twice")
    for one in lock.releases:
        try:
            one.selections  # noqa: B018 -- reads them all
        except ValueError as error:
            raise _damaged(path, f"{one.name}: {error}") from error
        if one.missing and (
            one.complete or any(f"files/{path}" in one.files for path in one.missing)
        ):
            raise _damaged(path, f"{one.name}: it names files as missing that are not")
        is_listed = bool(one.files) or not one.total_files
        if is_listed and (len(one.files), _digest(one.files)) != (
            one.total_files,
            one.files_sha256,
        ):
            raise _damaged(path, f"{one.name}: its files do not have the digest that it names")
        if any(row.entry < 0 for row in one.downloads):
            raise _damaged(path, f"{one.name}: a download with a negative number")


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Lock)


def _damaged(path: Path, cause: str) -> IntegrityError:
    return IntegrityError(
        f"the lock `{path}` is damaged",
        cause=cause,
        hint="take it from your version control again, or remove it and run `covcat lock`",
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
