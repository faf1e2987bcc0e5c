"""What survives a crash: names and contents on the disk, two folders exchanged in one step."""

import ctypes
import errno
import hashlib
import os
import re
import shlex
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TypeVar

from covcat.digests import VerifiedBy, blob_hasher
from covcat.errors import DiskError, IntegrityError

_OURS = re.compile(r"\.covcat-[0-9a-f]{16}")
_MARK = "made-by-covcat"  # holds the name of the machine: some disks tell others of no locks
_OLD = 3600  # seconds, after which another machine's is taken for left behind too


class NoFileError(OSError):
    """A pipe, a device or the like lies where a regular file should be: no record is in it."""

    def __str__(self) -> str:
        """Say it as the cause of an error."""
        return str(self.strerror)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of a release on disk; `path` is relative to the release folder."""

    path: str
    bytes: int
    sha256: str
    mode: str | None = None  # git's, where the archive came from git
    blob: str | None = None  # git id, where a tree or a listing is checked
    verified_by: VerifiedBy = "first-use"
    lfs: bool = False  # mode and blob are those of the pointer that git has in its place


FOLDER_MODE = 0o775  # less the umask: a group may share a data folder, the world may not write
FILE_MODE = 0o664
PRIVATE_MODE = 0o770  # of folders that are swept, by the group too if the umask lets it write
CHUNK = 1 << 20
_PIECE = 256 << 10  # bytes read at once; larger ones leave the processor's cache
_BATCH_BYTES = 8 << 20
_BATCH_FILES = 64
Heard = Callable[[int], object]  # is told how many bytes were read
ASIDE = ".covcat-old"  # ends the name of an older state while a newer one takes its place
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h


def sync(folder: Path) -> None:
    """Bring all that was written below `folder` to the disk: one syncfs, not an fsync a file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def exchange(built: Path, final: Path) -> None:
    """Swap two folders in one step; where the system cannot, in two."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    names = (os.fsencode(built), os.fsencode(final))
    if renameat2 and renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return
    aside = final.with_name(f".{final.name}{ASIDE}")  # `Store.sweep` puts it back after a kill
    final.rename(aside)
    try:
        built.rename(final)
    except BaseException:
        aside.rename(final)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def build_beside(target: Path) -> Iterator[Path]:
    """Give a private folder beside the target; what was made for it goes away with it.

    What killed runs left there goes too.
    """
    parent = target.absolute().parent
    missing = [one for one in (parent, *parent.parents) if not one.exists()]
    folder = parent / f".covcat-{os.urandom(8).hex()}"
    handles: list[int] = []
    try:
        with disk_errors(f"make a folder beside `{target}`"):
            make_folder(parent)
            _sweep(parent)
            folder.mkdir(mode=0o700)
            handles.append(_marked(folder))
            _inside(folder).mkdir(mode=0o700)
        yield _inside(folder)
    finally:
        _remove(folder)
        for handle in handles:
            os.close(handle)
        with suppress(OSError):  # they are not empty, if all went well
            for one in missing:
                one.rmdir()


def _inside(folder: Path) -> Path:
    return folder / "work"


def _marked(folder: Path) -> int:
    """Mark a folder and return what holds it; a mark is never seen without its lock."""
    import fcntl

    new = folder / "new"
    handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with suppress(OSError):  # a file system without locks is one without sweeping
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(handle, _machine())
        new.rename(folder / _MARK)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _machine() -> bytes:
    return os.fsencode(os.uname().nodename)


def _sweep(parent: Path) -> None:
    """Remove workshops of this user's runs that were killed; those that live are locked."""
    found: list[Path] = []
    with suppress(OSError):  # a folder that may be written to and not be read
        found = [one for one in parent.iterdir() if _OURS.fullmatch(one.name)]
    for folder in found:
        with suppress(OSError):
            _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    """Remove a workshop of this user's that nothing holds.

    Raises:
        OSError: a run holds it, it has no mark, or this user may not look into it.
    """
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        owner = os.fstat(handle).st_uid
        mark = os.open(_MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    finally:
        os.close(handle)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_of_here = os.read(mark, 1000) == _machine()
        is_old = time.time() - os.fstat(mark).st_mtime > _OLD
        if owner == os.geteuid() and (is_of_here or is_old):
            _remove(folder)
    finally:
        os.close(mark)


def _remove(folder: Path) -> None:
    """Remove a workshop, its mark last: a run may be killed here too."""
    shutil.rmtree(_inside(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def opened(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file to be read: a pipe would block, a device may never end.

    Raises:
        NoFileError: something else lies there.
    """
    links = 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | links)
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.EOPNOTSUPP):  # nobody opens a socket
            raise
        raise _no_file(path.stat(), path) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise _no_file(status, path)
    return os.fdopen(handle, "rb")


def _no_file(status: os.stat_result, path: Path) -> NoFileError:
    return NoFileError(errno.EINVAL, f"expected a regular file, got {what_is(status)}", str(path))


def what_is(status: os.stat_result) -> str:
    """Say what lies where a regular file should be."""
    kinds = [(stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a pipe")]
    return next((word for test, word in kinds if test(status.st_mode)), "a device or socket")


def put(path: Path, target: Path) -> None:
    """Place a file in a folder that may not be there yet."""
    with disk_errors(f"write `{target.name}`"):
        make_folder(target.parent)
        link_or_copy(path, target)


def link_or_copy(path: Path, target: Path) -> None:
    """Let a file be in the release as well as where it waits for the release to be whole."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        shutil.copyfile(path, target, follow_symlinks=False)


@contextmanager
def sqlite_errors(doing: str) -> Iterator[None]:
    """Turn what SQLite says of a full disk into a DiskError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise DiskError(f"cannot {doing}: {error}", hint="see `covcat doctor`") from error


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn what the disk refuses into a DiskError that says what covcat was doing.

    Raises:
        DiskError: it refused.
        IntegrityError: something else lies where a regular file should be.
    """
    try:
        yield
    except NoFileError as error:
        hint = f"ls -ld {shlex.quote(error.filename)}"
        raise IntegrityError(f"cannot {doing}: {error}", hint=hint) from error
    except OSError as error:
        raise disk_error(error, doing) from error
    except UnicodeEncodeError as error:
        raise locale_error(error) from error


def locale_error(error: UnicodeEncodeError) -> DiskError:
    """Say that a file cannot have its name in this locale."""
    name = str(error.object).rpartition("/")[2]
    return DiskError(
        f"the locale has names of files in {error.encoding}: expected UTF-8 for `{name}`",
        hint="LC_ALL=C.UTF-8 covcat …",
    )


def disk_error(error: OSError, doing: str) -> DiskError:
    """Say an OSError as covcat says it."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    where = f" (`{error.filename}`)" if error.filename else ""
    hints = {
        errno.ENOSPC: "free some space, or choose another place with --data-dir",
        errno.EDQUOT: "your quota is used up: choose another place with --data-dir",
        errno.EACCES: "`covcat doctor` tells what may not be written, or choose another --data-dir",
        errno.EROFS: "choose a folder you may write to with --data-dir",
    }
    found = DiskError(
        f"cannot {doing}: {reason}{where}", hint=hints.get(error.errno or 0, "see `covcat doctor`")
    )
    found.has_vanished = error.errno in (errno.ENOENT, errno.ESTALE)
    return found


def write_whole(stream: BinaryIO, data: bytes) -> None:
    """Write all of `data` to an unbuffered file, which may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def make_folder(path: Path) -> None:
    """Make a folder and those above it, none of which the world may write to."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


Result = TypeVar("Result")
_own = threading.local()


def in_batches(
    look: Callable[[list[StoredFile]], Result], files: Iterable[StoredFile]
) -> Iterator[Result]:
    """Let all cores look at files, and give what they say in order."""
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        yield from pool.map(look, _batches(files))
    finally:  # after Ctrl-C not even those that wait are looked at
        pool.shutdown(cancel_futures=True)


def _batches(files: Iterable[StoredFile]) -> Iterator[list[StoredFile]]:
    """Group small files: a task of its own for each costs more than hashing it."""
    batch: list[StoredFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.bytes
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def hashed(path: Path, recorded: StoredFile, heard: Heard | None = None) -> StoredFile:
    """Read a file once, and return it as it is now, with the ids that its record has."""
    sha256 = hashlib.sha256()
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        blob = blob_hasher(size) if recorded.blob and not recorded.lfs else None
        buffer = _buffer()
        view = memoryview(buffer)
        while count := stream.raw.readinto(view):
            sha256.update(view[:count])
            if blob:
                blob.update(view[:count])
            if heard:
                heard(count)
    return StoredFile(
        path=recorded.path,
        bytes=size,
        sha256=sha256.hexdigest(),
        mode=recorded.mode,
        blob=blob.hexdigest() if blob else recorded.blob,
    )


def _buffer() -> bytearray:
    """Return this thread's buffer: a new one for each file costs as much as reading it."""
    found: bytearray | None = getattr(_own, "buffer", None)
    if found is None:
        found = _own.buffer = bytearray(_PIECE)
    return found
