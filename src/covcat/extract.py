"""Archive -> files: every rule on names, kinds and sizes, for all formats, in one place.

Refuse, do not repair: an archive with one unsafe or ambiguous member fails whole. Only folders
and regular files are made, in a private staging folder, and only their bytes are taken from the
archive: no links, modes, times or owners. Unpatched Pythons leak through `extractall` even with
filters (CVE-2025-4517, CVE-2026-11940, CVE-2026-82049), so no library writes for us.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from covcat.archives import Member, reader
from covcat.archives.damage import DAMAGE
from covcat.errors import ExtractionError
from covcat.gitid import EXECUTABLE, REGULAR, blob_hasher
from covcat.model import StoredFile
from covcat.names import collision, unsafe_name
from covcat.progress import Progress
from covcat.store import FILE_MODE, disk_error, disk_errors, make_folder, write_whole


@dataclass(frozen=True, slots=True)
class Layout:
    """Which members are wanted, and where they go below the release's `files/`."""

    strip_root: bool = False  # git archives have one root folder, named after the commit
    keep: str = ""  # only members below this folder, whose names stay whole
    into: str = ""
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A file member and the relative path at which it will be written."""

    member: Member
    path: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive would unpack to: checked names and declared sizes, nothing written."""

    files: tuple[Placed, ...]
    left_out: int  # members that the layout does not want

    @property
    def bytes(self) -> int:
        """Declared bytes of all wanted files."""
        return sum(placed.member.size for placed in self.files)


def inspect(archive: Path, kind: str, layout: Layout) -> Contents:
    """Check an archive whole without writing anything.

    Raises:
        ExtractionError: it is damaged or unsupported, or a member is unsafe or ambiguous.
    """
    with _archive_errors(archive), archive.open("rb") as stream:
        members = reader(kind).members(stream)
        named = [(member, _safe(member, archive.name)) for member in members]
        if not any(member.kind == "file" for member in members):
            raise ExtractionError(f"`{archive.name}` has no files in it")
    if layout.strip_root:
        named = _without_root(named, archive.name)
    placed = [Placed(m, path) for m, path in named if path and _is_wanted(m, path, layout)]
    for one in placed:
        if reason := unsafe_name(layout.into + one.path):
            raise ExtractionError(f"`{archive.name}` cannot go to `{layout.into}`: {reason}")
    if both := collision((path, m.kind == "file") for m, path in named if path):
        raise ExtractionError(
            f"`{archive.name}` is refused: `{both[0]}` and `{both[1]}` would be one path"
        )
    files = tuple(
        Placed(one.member, layout.into + one.path) for one in placed if one.member.kind == "file"
    )
    all_files = sum(member.kind == "file" for member in members)
    return Contents(files, all_files - len(files))


def unpack(
    archive: Path,
    kind: str,
    contents: Contents,
    folder: Path | None,
    progress: Progress,
    with_git_ids: bool = False,
) -> list[StoredFile]:
    """Write the files below `folder`, or only hash them if that is None.

    Returns each file with its sha256, and with its git mode and blob id if asked for.

    Raises:
        ExtractionError: a member is not what the archive declared.
        DiskError: the disk refused.
    """
    paths = {placed.member.number: placed.path for placed in contents.files}
    task = progress.start(f"unpacking {archive.name}", contents.bytes)
    sink = _Sink(folder, with_git_ids, lambda size: progress.advance(task, size), [])
    writers: list[_Writer] = []

    def open_member(member: Member) -> _Writer | None:
        path = paths.get(member.number)
        if path is None:
            return None
        writers[:] = [_Writer(member, path, sink)]
        return writers[0]

    with _archive_errors(archive), archive.open("rb") as stream:
        try:
            reader(kind).unpack(stream, open_member)
        finally:
            for writer in writers:  # the last one is still open if its member was damaged
                writer.close()
            progress.finish(task)
    if len(sink.stored) != len(paths):
        raise ExtractionError(f"`{archive.name}` changed while it was read")
    return sink.stored


@dataclass(frozen=True, slots=True)
class _Sink:
    """Where the members of one archive go."""

    folder: Path | None  # None: they are only hashed
    with_git_ids: bool
    advance: Callable[[int], None]
    stored: list[StoredFile]  # those that are whole


class _Writer:
    """Writes and hashes one member, and refuses a byte more or less than it declared."""

    def __init__(self, member: Member, path: str, sink: _Sink) -> None:
        self._member, self._path, self._sink = member, path, sink
        self._left = member.size
        self._sha256 = hashlib.sha256()
        self._blob = blob_hasher(member.size) if sink.with_git_ids else None
        self._file = _create(sink.folder / path) if sink.folder else None

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise ExtractionError(
                f"`{self._member.name}` is longer than the {self._member.size} bytes it declares"
            )
        self._sha256.update(data)
        if self._blob:
            self._blob.update(data)
        if self._file:
            with disk_errors(f"write `{self._path}`"):
                write_whole(self._file, data)
        self._sink.advance(len(data))

    def finish(self) -> None:
        self.close()
        if self._left:
            raise ExtractionError(
                f"`{self._member.name}` is {self._left} bytes shorter than it declares"
            )
        mode = EXECUTABLE if self._member.is_executable else REGULAR
        self._sink.stored.append(
            StoredFile(
                path=self._path,
                bytes=self._member.size,
                sha256=self._sha256.hexdigest(),
                mode=mode if self._blob else None,
                blob=self._blob.hexdigest() if self._blob else None,
            )
        )

    def close(self) -> None:
        if self._file:
            file, self._file = self._file, None
            with disk_errors(f"write `{self._path}`"):
                file.close()


def _create(path: Path) -> BinaryIO:
    """Make a new file; nothing that is already there is ever opened or followed."""
    with disk_errors(f"create `{path.name}`"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        try:
            try:
                handle = os.open(path, flags, FILE_MODE)
            except FileNotFoundError:  # its folder is not there yet: asking first costs more
                make_folder(path.parent)
                handle = os.open(path, flags, FILE_MODE)
        except (FileExistsError, NotADirectoryError) as error:
            raise ExtractionError(f"two archives would write `{path.name}`") from error
        return os.fdopen(handle, "wb", buffering=0)


@contextmanager
def _archive_errors(archive: Path) -> Iterator[None]:
    """Turn whatever a reader raises on damage into one sentence that names the archive."""
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno:
            raise disk_error(error, f"read `{archive.name}`") from error
        reason = str(error) or type(error).__name__
        raise ExtractionError(
            f"`{archive.name}` cannot be unpacked: it is damaged or unsafe", cause=reason
        ) from error


# ---- names -------------------------------------------------------------------------------------


def _safe(member: Member, archive: str) -> str:
    """Return the member's relative path, or "" for the archive's own root folder."""
    name = member.name.removesuffix("/") if member.kind == "folder" else member.name
    while name.startswith("./"):
        name = name[2:]
    if name in (".", "") and member.kind == "folder" and member.name.startswith("."):
        return ""
    reason = unsafe_name(name)
    if member.kind in ("link", "special"):
        reason = "it is a link" if member.kind == "link" else "it is not a regular file"
    if reason:
        raise ExtractionError(f"`{archive}` is refused because of `{member.name}`: {reason}")
    return name


def _without_root(named: Iterable[tuple[Member, str]], archive: str) -> list[tuple[Member, str]]:
    """Strip the one root folder that every member must lie in."""
    roots: set[str] = set()
    stripped: list[tuple[Member, str]] = []
    for member, path in named:
        root, _, rest = path.partition("/")
        if root:
            roots.add(root)
        if member.kind == "file" and not rest:
            raise ExtractionError(f"`{archive}` is not a git archive: `{path}` is in no folder")
        stripped.append((member, rest))
    if len(roots) != 1:
        raise ExtractionError(
            f"`{archive}` is not a git archive: expected 1 root folder, got {len(roots)}"
        )
    return stripped


def _is_wanted(member: Member, path: str, layout: Layout) -> bool:
    if member.kind == "file" and not path.startswith(layout.keep):
        return False
    return not any(fnmatchcase(path, glob) for glob in layout.exclude)
