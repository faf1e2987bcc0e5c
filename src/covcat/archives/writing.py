"""Where the members of one archive are written and hashed; nothing that is there is opened."""

import hashlib
import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from covcat.archives.base import CHUNK, BadArchiveError, Member, Writer
from covcat.archives.links import MAX_TARGET, Link
from covcat.archives.rules import Admitted, Budget
from covcat.digests import EXECUTABLE, REGULAR, blob_hasher
from covcat.errors import ExtractionError
from covcat.files import (
    BYTES,
    FILE_MODE,
    FOLDER_MODE,
    NO_LINK,
    PRIVATE_MODE,
    StoredFile,
    disk_error,
    disk_errors,
)
from covcat.progress import Progress, Silent

_STEP = 1 << 20  # bytes between two reports of progress
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BYTES | NO_LINK


@dataclass(frozen=True, slots=True)
class UnpackTarget:
    """Where an archive is unpacked to."""

    folder: Path | None  # None: its files are only hashed
    workspace: Path  # a private folder, for the archives inside it
    with_git_ids: bool = False
    progress: Progress = field(default_factory=Silent)


class Unpacking:
    """Collects the files of one archive; on leaving, whatever is open is closed."""

    def __init__(self, archive: str, place: UnpackTarget, budget: Budget) -> None:
        """`archive` is its name in messages."""
        self.archive, self.place, self.budget = archive, place, budget
        self.open: set[MemberWriter] = set()
        self._folder = None if place.folder is None else str(place.folder)  # joins are costly
        self._task: int | None = None
        self._lock = threading.Lock()
        self._unsaid = 0  # bytes written since the last report
        self.done: dict[int, StoredFile] = {}  # what is whole, by the member's number
        self.again: list[StoredFile] = []  # what came again, with the same bytes
        self.nested: dict[int, Path] = {}  # where the archives inside are, by their number
        self.spare: dict[int, Path] = {}  # below which files are that only links lead to
        self.targets: dict[int, bytes] = {}  # what links say, by their number

    def __enter__(self) -> "Unpacking":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in list(self.open):  # of members that were damaged
            writer.close()
        if self._task is not None:
            self.place.progress.advance(self._task, self._unsaid)
            self.place.progress.finish(self._task)

    def start(self, total: int | None) -> None:
        """Say that bytes will come, and how many if that is known."""
        self._task = self.place.progress.start(f"unpacking {self.archive}", total)

    def writer(self, admitted: Admitted) -> Writer:
        """Return what takes the bytes of one member."""
        if admitted.is_link:
            return TargetWriter(admitted.member, self)
        if admitted.is_nested and not admitted.is_again:  # under its name, which says its kind
            # Of the member's number: several threads are here at once.
            folder = self.place.workspace / f"{admitted.member.number}"
            with disk_errors(f"make a folder for `{admitted.path}`"):
                folder.mkdir(mode=PRIVATE_MODE, parents=True)
            inside = folder / PurePosixPath(admitted.path).name
            self.nested[admitted.member.number] = inside
            return MemberWriter(admitted, str(inside), str(self.place.workspace), self)
        if admitted.is_spare and not admitted.is_again:
            spare = self.spare[admitted.member.number] = self.place.workspace / "spare"
            with disk_errors(f"make a folder for `{admitted.path}`"):
                spare.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
            return MemberWriter(admitted, f"{spare}/{admitted.path}", str(spare), self)
        if admitted.is_again or self._folder is None:
            return MemberWriter(admitted, None, "", self)
        return MemberWriter(admitted, f"{self._folder}/{admitted.path}", self._folder, self)

    def advance(self, size: int) -> None:
        """Count bytes, and report now and then."""
        with self._lock:
            self._unsaid += size
            if self._unsaid >= _STEP and self._task is not None:
                self.place.progress.advance(self._task, self._unsaid)
                self._unsaid = 0

    def check(self, count: int) -> None:
        """Check that every member came that was listed."""
        if len(self.done) + len(self.again) + len(self.targets) != count:
            raise ExtractionError(f"`{self.archive}` changed while it was read")

    def copy(self, link: Link, number: int) -> None:
        """Write a file again, by its number, in the place of a link that leads to it."""
        stored = self.done[number]
        self.budget.take(stored.bytes)
        self.budget.check(self.archive)
        if self._folder is None:
            self.done[link.number] = replace(stored, path=link.path)
            return
        is_executable = stored.mode == EXECUTABLE
        member = Member(link.number, link.path, "file", stored.bytes, is_executable)
        writer = self.writer(Admitted(member, link.path))
        folder = self.spare.get(number, self._folder)
        with (
            disk_errors(f"copy `{stored.path}`"),
            Path(folder, stored.path).open("rb") as file,
        ):
            while data := file.read(CHUNK):
                writer.write(data)
        writer.finish()
        if self.done[link.number].sha256 != stored.sha256:
            raise ExtractionError(f"`{stored.path}` changed while it was copied")

    def files(self) -> tuple[StoredFile, ...]:
        """Return all that were written, in the archive's order; a path has one content only."""
        inside = self.nested.keys() | self.spare.keys()
        first = {one.path: one.sha256 for one in self.done.values()} if self.again else {}
        for stored in self.again:
            if first.get(stored.path) != stored.sha256:
                raise ExtractionError(
                    f"`{self.archive}` is refused as unsafe: it has `{stored.path}` twice, with "
                    "different contents: they would be one path"
                )
        return tuple(self.done[number] for number in sorted(self.done) if number not in inside)


class MemberWriter:
    """Writes and hashes one member, and refuses a byte more or less than it declared."""

    __slots__ = ("_admitted", "_blob", "_handle", "_root", "_sha256", "_size", "_target", "_whole")

    def __init__(self, admitted: Admitted, target: str | None, root: str, whole: Unpacking) -> None:
        """`target` is the path to write to, if any, and `root` the folder it starts from."""
        self._admitted, self._target, self._root, self._whole = admitted, target, root, whole
        self._size = 0
        self._sha256 = hashlib.sha256()
        declared = admitted.member.size
        is_git = whole.place.with_git_ids and declared is not None
        self._blob = blob_hasher(declared or 0) if is_git else None
        self._handle: int | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        size = len(data)
        self._size += size
        member, archive = self._admitted.member, self._whole.archive
        if member.size is None:
            self._whole.budget.take(size)
            self._whole.budget.check(archive)
        elif self._size > member.size:
            raise ExtractionError(
                f"`{member.name}` in `{archive}` is longer than the {member.size} bytes it declares"
            )
        self._sha256.update(data)
        if self._blob is not None:
            self._blob.update(data)
        if self._target is not None:
            self._put(self._target, data)
        self._whole.advance(size)

    def finish(self) -> None:
        """The member is whole."""
        member = self._admitted.member
        if member.size is not None and self._size != member.size:
            raise ExtractionError(
                f"`{member.name}` in `{self._whole.archive}` is {member.size - self._size} bytes "
                "shorter than it declares"
            )
        if self._target is not None:
            if self._handle is None:  # it has no bytes
                self._put(self._target, b"")
            self.close()
        mode = EXECUTABLE if member.is_executable else REGULAR
        stored = StoredFile(
            path=self._admitted.path,
            bytes=self._size,
            sha256=self._sha256.hexdigest(),
            mode=mode if self._blob else None,
            blob=self._blob.hexdigest() if self._blob else None,
        )
        if self._admitted.is_again:
            self._whole.again.append(stored)
        else:
            self._whole.done[member.number] = stored

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._whole.open.discard(self)
            try:
                os.close(handle)
            except OSError as error:  # NFS and quotas refuse as late as here
                raise disk_error(error, f"write `{self._admitted.path}`") from error

    def _put(self, target: str, data: bytes | memoryview) -> None:
        """Write all of it; the file is made at the first bytes, or at the end if there are none."""
        try:
            if self._handle is None:
                self._handle = _create(target, self._root)
                self._whole.open.add(self)
            while data:
                done = os.write(self._handle, data)
                if done == len(data):
                    return
                data = memoryview(data)[done:]
        except OSError as error:
            raise disk_error(error, f"write `{self._admitted.path}`") from error


class TargetWriter:
    """Takes the bytes of a link, which say where it leads."""

    def __init__(self, member: Member, whole: Unpacking) -> None:
        self._member, self._whole, self._data, self._size = member, whole, b"", 0

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes; too many are no sound target, and are not kept."""
        self._size += len(data)
        self._data = self._data + data if self._size <= 4 * MAX_TARGET else b""

    def finish(self) -> None:
        """The member is whole."""
        if self._member.size not in (None, self._size):
            raise BadArchiveError(f"has another size than it declares for `{self._member.name}`")
        self._whole.budget.take_target(len(self._data), self._whole.archive)
        self._whole.targets[self._member.number] = self._data


class UnwantedBytes:
    """Counts what nobody wants of a member whose size is not declared: it may never end."""

    def __init__(self, budget: Budget, archive: str) -> None:
        """`archive` is its name in messages."""
        self._budget, self._archive = budget, archive

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._budget.take(len(data))
        self._budget.check(self._archive)

    def finish(self) -> None:
        """Do nothing."""


def _create(path: str, root: str) -> int:
    """Make a new file; nothing that is already there is ever opened or followed."""
    try:
        try:
            return os.open(path, _FLAGS, FILE_MODE)
        except FileNotFoundError:  # its folder is not there yet: asking first costs more
            _make_below(Path(root), Path(path).parent)
            return os.open(path, _FLAGS, FILE_MODE)
    except (FileExistsError, NotADirectoryError) as error:
        raise ExtractionError(
            f"`{PurePosixPath(path).name}` would be one path with another member"
        ) from error


def _make_below(root: Path, folder: Path) -> None:
    """Make a folder, but never `root` again: if that is gone, so are the files in it."""
    if folder != root and not folder.is_dir():
        _make_below(root, folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
