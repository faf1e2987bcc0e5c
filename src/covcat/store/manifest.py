"""The record of a release on disk: `manifest.json` and `SHA256SUMS` beside the files.

A manifest is read like any other untrusted file: it may have been edited, cut or made elsewhere.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shlex import join, quote
from typing import Any, ClassVar, Literal

from covcat.archives.base import ArchiveLink, NestedArchive, Padding
from covcat.catalog.citations import all_bibtex
from covcat.catalog.entries import License, Release, Resource
from covcat.catalog.selection import Selection
from covcat.digests import PINNED, WEAK, VerifiedBy
from covcat.errors import IntegrityError, NewerError
from covcat.files import StoredFile, disk_error, disk_errors, opened, write_new
from covcat.names import unsafe_name
from covcat.seal import parse_as, parse_json, parse_record
from covcat.store.folder import MANIFEST, SUMS
from covcat.store.usual_files import FILES, usual_files
from covcat.version import __version__

Form = Literal["files", "archives"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the disk holds of a release, as its manifest says."""

    form: Form
    has_archives: bool
    has_data: bool  # the folder of the form is there
    is_complete: bool
    is_pinned: bool  # every download was verified by a pin
    is_claimed: bool = True  # or by what its host said
    selection: tuple[str, ...] = ()  # the parts of it that are here; none means all
    has_less: bool = False  # than the lock names that is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How one file of a release came here, as the manifest keeps it."""

    host: str
    url: str
    final_url: str
    name: str
    bytes: int
    sha256: str
    finished_at: str
    verified_by: VerifiedBy
    md5: str | None = None
    mirror: str | None = None  # asked in place of the host; the addresses are the host's
    commit: str | None = None  # as the archive's own comment claims it
    tree: str | None = None  # recomputed from what was unpacked
    keep: str | None = None  # the folder whose tree that is
    left_out: int = 0  # members that the catalog excludes
    nested: tuple[NestedArchive, ...] = ()
    padding: Padding | None = None  # passed over: before and after its members
    links: tuple[ArchiveLink, ...] = ()
    is_archive: bool  # a plain file is one of the release's files itself
    archive: str | None = None  # where it was kept as served, relative to the release folder
    entry: int = 0  # number of the catalog's file that it belongs to
    folder: str | None = None  # below `files/`: where it, or what it was unpacked to, went
    imported_from: str | None = None  # name of what a person brought, in place of a transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The record of a release on disk: `manifest.json`."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.manifest/1"] = "covcat.manifest/1"
    covcat: str
    resource: str
    release: str
    title: str
    homepage: str | None
    license: License
    citation: tuple[str, ...]  # BibTeX
    created_at: str
    form: Form
    complete: bool
    missing: tuple[str, ...]
    selection: tuple[str, ...]  # parts that were asked for, as options; empty is everything
    downloads: tuple[Transfer, ...]
    total_files: int
    total_bytes: int
    files: tuple[StoredFile, ...]


MAX_BYTES = 1 << 30
SCHEMA = "covcat.manifest/1"


def made(
    resource: Resource,
    release: Release,
    downloads: Iterable[Transfer],
    files: Iterable[StoredFile],
    missing: Iterable[str],
    form: Form,
    selection: tuple[str, ...] = (),
) -> Manifest:
    """Make the record of a release that has just been built."""
    ordered, lost = tuple(sorted(files, key=lambda file: file.path)), tuple(missing)
    return Manifest(
        covcat=__version__,
        resource=resource.id,
        release=release.id,
        title=resource.title,
        homepage=resource.homepage,
        license=resource.license,
        citation=all_bibtex(resource),
        created_at=now(),
        form=form,
        complete=not lost,
        missing=lost,
        selection=selection,
        downloads=tuple(downloads),
        total_files=len(ordered),
        total_bytes=sum(file.bytes for file in ordered),
        files=ordered,
    )


def now() -> str:
    """Return the time, as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` and `SHA256SUMS` into a release folder that is being built."""
    with disk_errors("write the manifest"):
        lines = (sums_line(one.path, one.sha256).encode() for one in manifest.files)
        write_new(folder / SUMS, lines)
        write_new(folder / MANIFEST, _lines(manifest))


def _lines(manifest: Manifest) -> Iterator[bytes]:
    """Give it as JSON, a line for each file: indented ones take 8 times as long."""
    start = "{\n"
    for key, value in _keys(manifest).items():
        yield f'{start} "{key}": '.encode()
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            yield from (
                f"{',' if n else '['}\n  {_json(one)}".encode() for n, one in enumerate(value)
            )
            yield b"\n ]"
        else:
            yield _json(value).encode()
        start = ",\n"
    yield b"\n}\n"


def _keys(noun: Any) -> dict[str, Any]:
    return {name: getattr(noun, name) for name in _names(noun.__class__)}


@cache
def _names(kind: Any) -> list[str]:
    return [one.name for one in fields(kind)]


_json = json.JSONEncoder(ensure_ascii=False, default=_keys).encode


def data_files(files: Iterable[StoredFile]) -> tuple[StoredFile, ...]:
    """Return the data of a release, without kept archives, by its paths below `files/`."""
    inside = [one for one in files if one.path.startswith("files/")]
    return tuple(replace(one, path=one.path.removeprefix("files/")) for one in inside)


def sums(manifest: Manifest) -> str:
    """Return what `SHA256SUMS` says of these files."""
    return "".join(sums_line(one.path, one.sha256) for one in manifest.files)


def sums_agree(folder: Path, manifest: Manifest) -> bool:
    """Tell if `SHA256SUMS` still says what was recorded."""
    expected = sums(manifest).encode()
    with suppress(OSError), opened(folder / SUMS) as stream:
        return stream.read(len(expected) + 1) == expected
    return False


def sums_line(path: str, sha256: str) -> str:
    """Return a line as GNU sha256sum writes it: odd names get a backslash in front."""
    name = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if name != path else ""
    return f"{mark}{sha256}  {name}\n"


def load(folder: Path) -> Manifest:
    """Read the record of a release folder.

    Raises:
        IntegrityError: it is damaged, newer than this covcat, or names paths outside.
        DiskError: this user may not read it.
    """
    path = folder / MANIFEST
    with _errors(path):
        manifest = parsed(path, raw(folder))
    if (manifest.resource, manifest.release) != (path.parent.parent.name, path.parent.name):
        its = f"{manifest.resource}/{manifest.release}"
        found = _damaged(path, f"it is of `{manifest.resource}@{manifest.release}`")
        found.hint = f"was the folder renamed? It belongs at `{path.parents[2] / its}`"
        raise found
    return manifest


def parsed(path: Path | str, data: bytes, besides: tuple[int, int] = (0, 0)) -> Manifest:
    """Return what the record says that lies at `path`; ValueError where that cannot be.

    So many files, of so many bytes, are left out of `data`.
    """
    manifest = _by_rows(path, data) or parse_record(path, data, Manifest, SCHEMA)
    _check_sound(manifest, besides)
    return manifest


_DOWNLOADS = b' "downloads": [\n'  # a line of `write` before rows, as FILES is
_ROWS: dict[bytes, Any] = {_DOWNLOADS: tuple[Transfer, ...], FILES: tuple[StoredFile, ...]}
_AT_ONCE = 1000  # rows


def _by_rows(path: Path | str, data: bytes) -> Manifest | None:
    """Parse a record part by part; None if it is not as `write` writes, or cannot be.

    One of half a million files has 700 MB, and would take six times as much memory as a whole.
    """
    head, rows, lines = list[bytes](), dict[bytes, tuple[Any, ...]](), iter(io.BytesIO(data))
    try:
        for line in lines:
            head.append(line)
            if line in _ROWS and line not in rows:
                rows[line] = tuple(_rows(lines, _ROWS[line], head))
        record = parse_record(path, b"".join(head), Manifest, SCHEMA)
    except ValueError:
        return None
    downloads, files = rows.get(_DOWNLOADS, ()), rows.get(FILES, ())
    return replace(record, downloads=record.downloads + downloads, files=record.files + files)


def _rows(lines: Iterator[bytes], kind: Any, head: list[bytes]) -> Iterator[Any]:
    """Parse rows up to the line that ends them, which goes to the others."""
    batch = list[bytes]()
    for line in lines:
        is_end = line.startswith(b" ]")
        if batch and (is_end or len(batch) == _AT_ONCE):
            text = b"".join(batch)
            if not is_end and not text.endswith(b",\n"):
                raise ValueError("a comma is missing")
            text = b"[" + (text if is_end else text[:-2]) + b"]"
            parse_json(text, kept=set())
            yield from parse_as(text, kind, is_closed=True)
            batch.clear()
        if is_end:
            head.append(line)
            return
        batch.append(line)


def raw(folder: Path) -> bytes:
    """Return the record of a release folder as it lies there."""
    with _errors(folder / MANIFEST), opened(folder / MANIFEST) as stream:
        return stream.read(MAX_BYTES)


def sha256_of(folder: Path) -> str:
    """Return the digest of a release's record, by which it is known again."""
    return hashlib.sha256(raw(folder)).hexdigest()


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise disk_error(error, f"read `{path}`") from error
    except (OSError, ValueError) as error:
        raise _damaged(path, getattr(error, "strerror", None) or str(error)) from error


def _check_sound(manifest: Manifest, besides: tuple[int, int]) -> None:
    """Raise ValueError for what fits the types and yet cannot be."""
    for part in manifest.selection:
        Selection.read(part)
    recorded = {None, *(file.path for file in manifest.files)}
    for transfer in manifest.downloads:
        if transfer.archive not in recorded:
            raise ValueError(f"it names the archive `{transfer.archive}`")
    known = ("archives",) if manifest.form == "archives" else ("files", "archives")
    for file in manifest.files:
        place, _, inside = file.path.partition("/")  # the part that an archive or a host named
        if unsafe_name(inside) or place not in known:
            raise ValueError(f"it names the path `{file.path}`")
    if twice := recorded & {f"files/{path}" for path in manifest.missing}:
        raise ValueError(f"it names `{min(map(str, twice))}` as here and as missing")
    count = len(manifest.files) + besides[0]
    size = sum(file.bytes for file in manifest.files) + besides[1]
    if (manifest.total_files, manifest.total_bytes) != (count, size):
        raise ValueError(f"it names {count} files of {size} bytes, and other totals")


def _damaged(path: Path, cause: str) -> IntegrityError:
    name = f"{path.parent.parent.name}@{path.parent.name}"
    return IntegrityError(
        f"the manifest of `{name}` is damaged (`{path}`)", cause=cause, hint=way_out(path.parent)
    )


def way_out(folder: Path) -> str:
    """Return the command that puts a damaged release aside and fetches it anew."""
    resource, release = folder.parent.name, folder.name
    away = join(["mv", str(folder), f"{resource}-{release}.damaged"])
    return f"{away} && {join(['covcat', 'fetch', f'{resource}@{release}'])}"


def held(folder: Path) -> Held | None:
    """Return what a release folder holds, or None if there is none."""
    if not (folder / MANIFEST).is_file():
        return None
    manifest = load(folder)
    has_data = (folder / manifest.form).is_dir()
    known = manifest.files if has_data else ()
    inside = [one for one in known if one.path.startswith(f"{manifest.form}/")]
    sizes = [_size(folder / one.path) for one in inside]
    wrong = [
        f"{one.path}: {'missing' if size is None else f'bytes expected {one.bytes}, got {size}'}"
        for one, size in zip(inside, sizes, strict=True)
        if size != one.bytes
    ]
    if wrong:  # nothing is called complete that is not even there
        name = f"{manifest.resource}@{manifest.release}"
        raise IntegrityError(
            f"`{name}` is here, but not whole: {len(wrong)} of {len(sizes)} files differ",
            details=wrong,
            hint=f"covcat verify {quote(name)} --repair",
        )
    return as_held(manifest, has_data=has_data)


def as_held(manifest: Manifest, *, has_data: bool = True) -> Held:
    """Return what a record says of its release."""
    kinds = {one.verified_by for one in manifest.downloads}
    return Held(
        form=manifest.form,
        has_data=has_data,
        is_pinned=bool(kinds) and kinds <= set(PINNED),
        is_claimed=bool(kinds) and kinds.isdisjoint(WEAK),
        selection=manifest.selection,
        has_archives=all(one.archive or not one.is_archive for one in manifest.downloads),
        is_complete=manifest.complete,
    )


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except PermissionError as error:
        raise disk_error(error, "look into the release") from error
    except OSError:
        return None


def data_folder(folder: Path) -> Path:
    """Return what a user works with in a release folder: its files, or its archives."""
    if not (folder / MANIFEST).is_file():
        return folder / "files"
    # Of 200,000 files `load` makes as many objects, 1.4 s and 395 MB: usual rows are but matched.
    data = raw(folder)
    if (files := usual_files(data)) is not None:
        sizes = [int(size) for _, size, _ in files]
        del files
        head = data[: data.index(b"\n" + FILES)] + b"\n" + FILES + b" ]\n}\n"
        with suppress(ValueError, NewerError):
            record = parsed(folder / MANIFEST, head, (len(sizes), sum(sizes)))
            is_here = (record.resource, record.release) == (folder.parent.name, folder.name)
            if is_here and record.form == "files":
                return folder / "files"
    return folder / load(folder).form
