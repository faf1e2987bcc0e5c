"""The rules of the disk, each in one place: read, hash, write new, put in place, is there room.

What survives a crash, and in which order things are written: docs/how-it-flows.md.
"""

import ctypes
import errno
import hashlib
import os
import re
import shlex
import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from covcat.digests import VerifiedBy, blob_hasher
from covcat.errors import DiskError, IntegrityError, UsageError


class NoFileError(OSError):
    """A pipe, a device or the like lies where a regular file should be: no record is in it."""

    @classmethod
    def of(cls, status: os.stat_result, path: Path) -> "NoFileError":
        """Say what lies there."""
        return cls(errno.EINVAL, f"expected a regular file, got {what_is(status)}", str(path))

    def __str__(self) -> str:
        return str(self.strerror)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of a release on disk; `path` is relative to its folder, or to `files/`."""

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
Heard = Callable[[int], object]  # is told how many bytes were read
ASIDE = ".covcat-old"  # ends the name of an older state while a newer one takes its place
# What Windows lacks. There bits of a mode say nothing, folders cannot be opened, and what is open
# cannot be moved or deleted; each rule of the disk below has its branch for that.
IS_WINDOWS = sys.platform == "win32"
BYTES = getattr(os, "O_BINARY", 0)  # only Windows has it: else \n would become \r\n
AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # a pipe must not hold us up
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_seeking = threading.Lock()
_BEYOND = (1 << 62) - 1  # a place in no file
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h


@contextmanager
def sqlite_errors(doing: str) -> Iterator[None]:
    """Turn any OperationalError of SQLite, as of a full disk, into a DiskError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise DiskError(f"cannot {doing}: {error}", hint="see `covcat doctor`") from error


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn what the disk refuses into a DiskError that says what covcat was doing.

    What lies where a regular file should be, and is none, is an IntegrityError.
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
    text = f"the locale has names of files in {error.encoding}: expected UTF-8 for `{name}`"
    return DiskError(text, hint="LC_ALL=C.UTF-8 covcat …")


MORE_SPACE = "free some space, or choose another place with `--data-dir`"


def disk_error(error: OSError, doing: str) -> DiskError:
    """Say an OSError as covcat says it."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    where = f" (`{error.filename}`)" if error.filename else ""
    hints = {
        errno.ENOSPC: MORE_SPACE,
        errno.EDQUOT: "your quota is used up: choose another place with --data-dir",
        errno.EACCES: "`covcat doctor` tells what may not be written, or choose another --data-dir",
        errno.EROFS: "choose a folder you may write to with --data-dir",
    }
    is_read = doing.startswith("read ") and error.errno == errno.EACCES and error.filename
    hint = f"ls -ld {shlex.quote(str(error.filename))}" if is_read else "see `covcat doctor`"
    found = DiskError(f"cannot {doing}: {reason}{where}", hint=hint)
    if error.errno in hints and not is_read:
        found.hint, found.needs_another_place = hints[error.errno], True
    found.has_vanished = error.errno in (errno.ENOENT, errno.ESTALE)
    return found


def opened(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file, or raise NoFileError: a pipe would block, a device may never end."""
    try:
        handle = os.open(path, os.O_RDONLY | BYTES | AT_ONCE | (0 if follow else NO_LINK))
    except OSError as error:  # nobody opens a socket, nor Windows a folder
        is_folder = IS_WINDOWS and path.is_dir()
        if error.errno not in (errno.ENXIO, errno.EOPNOTSUPP) and not is_folder:
            raise
        raise NoFileError.of(path.stat(), path) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise NoFileError.of(status, path)
    return os.fdopen(handle, "rb")


def is_anybodys(mode: int) -> bool:
    """Tell if anybody may write there; on Windows lists of rights say so, and every mode does."""
    return bool(mode & stat.S_IWOTH) and not IS_WINDOWS


def what_is(status: os.stat_result) -> str:
    """Say what lies where a regular file should be."""
    kinds = [(stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a pipe")]
    return next((word for test, word in kinds if test(status.st_mode)), "a device or socket")


_own = threading.local()  # has a thread's buffer: a new one for each file costs as much as reading


def hashed(path: Path, recorded: StoredFile, heard: Heard | None = None) -> StoredFile:
    """Read a file once, and return it as it is now, with the ids that its record has."""
    sha256 = hashlib.sha256()
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        blob = blob_hasher(size) if recorded.blob and not recorded.lfs else None
        if not hasattr(_own, "buffer"):
            _own.buffer = bytearray(_PIECE)
        view = memoryview(_own.buffer)
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


def copy_hashed(source: BinaryIO, target: Path) -> tuple[str, int]:
    """Copy to a new file; return the sha256 and the size of what was read."""
    sha256, size = hashlib.sha256(), 0
    with target.open("xb") as copy:
        while data := source.read(CHUNK):
            sha256.update(data)
            copy.write(data)
            size += len(data)
    return sha256.hexdigest(), size


NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | BYTES | NO_LINK


def read_at(handle: int, size: int, offset: int) -> bytes:
    """Read at a place, whatever other threads read; a short read is the end of the file."""
    if not IS_WINDOWS:
        return os.pread(handle, size, offset)
    with _seeking:  # who reads it one after the other has a place of their own in it
        at = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, offset, os.SEEK_SET)
        data = os.read(handle, size)
        os.lseek(handle, at, os.SEEK_SET)
        return data


def write_at(handle: int, data: memoryview, offset: int) -> int:
    """Write at a place; return how many bytes were."""
    if not IS_WINDOWS:
        return os.pwrite(handle, data, offset)
    with _seeking:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.write(handle, data)


def write_new(path: Path, data: bytes | Iterable[bytes], *, synced: bool = False) -> None:
    """Write a new file, whole or in chunks; with `synced`, to the disk itself."""
    handle = os.open(path, NEW, FILE_MODE)
    with os.fdopen(handle, "wb") as stream:
        stream.writelines([data] if isinstance(data, bytes) else data)
        if synced:
            stream.flush()
            os.fsync(handle)


def write_file(path: Path, data: bytes, aside: Path | None = None) -> None:
    """Write a file whole or not at all: a crash leaves the one before, or this one.

    Until it is whole it is called `aside`, or else has a hidden name of its own beside `path`.
    """
    aside = aside or path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        write_new(aside, data, synced=True)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def make_folder(path: Path) -> None:
    """Make a folder and those above it, none of which the world may write to."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


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


def place_new(built: Path, target: Path, *, force: bool = False) -> None:
    """Give a file its final name, if nobody has taken it meanwhile; with `force`, even then."""
    if force:
        check_new(target, force=True)
        built.replace(target)
        return
    try:
        os.link(built, target)
    except OSError:  # it is taken, or the file system has no hard links
        check_new(target, force=False)
        built.rename(target)


def check_new(target: Path, *, force: bool | None = None) -> None:
    """Refuse to write where something is; None is for what `force` cannot be asked for, folders.

    A regular file alone is written over: behind a link lies somebody else's.
    """
    if not os.path.lexists(target):
        return
    is_file = stat.S_ISREG(target.lstat().st_mode)
    if is_file and force:
        return
    hint = "--force writes over it; or give another name"
    hint = hint if is_file and force is False else "give another name"
    raise DiskError(f"`{target}` is there already", hint=hint)


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")  # `Path` has made one slash of two


def check_local(path: Path, what: str) -> None:
    """Refuse the address of a store or a page: it would be made a folder `s3:`."""
    if _SCHEME.match(os.fspath(path)):
        scheme = os.fspath(path).partition(":")[0]
        raise UsageError(
            f"{what} `{scheme}://…` is an address: expected a folder or file of this machine",
            hint="mount it, and give the path under which it lies here",
        )


def free_bytes(folder: Path, spare: float = 0.05) -> int:
    """Return the bytes that may be used there, or where it would be made.

    `spare` of them is left to others.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return int(shutil.disk_usage(folder).free * (1 - spare))


def check_room(needed: int, free: int, what: str, hint: str) -> None:
    """Refuse what cannot fit; `what` is what the room is for, or where it is."""
    if needed > free:
        text = f"not enough space {what}: expected {needed:,} bytes, got {free:,}"
        raise DiskError(text, hint=hint)


def sync(folder: Path) -> None:
    """Bring all that was written below `folder` to the disk: one syncfs, not an fsync a file."""
    if IS_WINDOWS:  # has neither
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("r+b") as stream:
                    os.fsync(stream.fileno())
        return
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
    """Bring the names in a folder to the disk; NTFS has a journal of them."""
    if IS_WINDOWS:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def exchange(built: Path, final: Path) -> None:
    """Swap two folders in one step; where the system cannot, in two."""
    libc = None if IS_WINDOWS else ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    one, other = os.fsencode(built), os.fsencode(final)
    if renameat2 and renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE) == 0:
        return
    aside = final.with_name(f".{final.name}{ASIDE}")  # `Store.sweep` puts it back after a kill
    final.rename(aside)
    try:
        built.rename(final)
    except BaseException:
        aside.rename(final)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def hold(handle: int) -> bool | None:
    """Lock an open file until it is closed; False if another has it, None if disks have no locks.

    `filelock` is for names in a private folder: it empties what it finds under a name.
    """
    try:
        if sys.platform == "win32":
            # locked bytes can be read by nobody else: one that no file has is locked
            import msvcrt

            at = os.lseek(handle, 0, os.SEEK_CUR)
            os.lseek(handle, _BEYOND, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(handle, at, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter is what Windows says
        return False
    except OSError:
        return None
    return True
