"""What survives a crash: names and contents on the disk, two folders exchanged in one step."""

import ctypes
import os
import shutil
from pathlib import Path

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
