"""Build beside the final name, then rename: the private folder, and what killed runs left."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from covcat.errors import DiskError
from covcat.files import (
    AT_ONCE,
    BYTES,
    IS_WINDOWS,
    NEW,
    NO_LINK,
    disk_errors,
    hold,
    make_folder,
    place_new,
    sync,
    write_new,
)

OTHER = "give another --output"
_OURS = re.compile(r"\.covcat-[0-9a-f]{16}")
_MARK = "made-by-covcat"  # holds the name of the machine: some disks tell others of no locks
_MACHINE = os.fsencode(os.environ.get("COMPUTERNAME", "") if IS_WINDOWS else os.uname().nodename)
_OLD = 3600  # seconds, after which another machine's is taken for left behind too


@contextmanager
def build_beside(target: Path, other: str | None = OTHER) -> Iterator[Path]:
    """Give a private folder beside the target; it goes away, and what killed runs left there.

    `other` is how a person names another target; None: it lies where --data-dir says.
    """
    parent = target.absolute().parent
    missing = [one for one in (parent, *parent.parents) if not one.exists()]
    folder = parent / f".covcat-{os.urandom(8).hex()}"
    handle = -1
    try:
        with disk_errors(f"make a folder beside `{target}`"):
            make_folder(parent)
            _sweep(parent)
            folder.mkdir(mode=0o700)
            mark = folder / (_MARK if IS_WINDOWS else "new")
            handle = os.open(mark, NEW, 0o600)
            while hold(handle) is False:  # `_sweep` looks at it; without locks nothing is swept
                time.sleep(0.01)
            os.write(handle, _MACHINE)
            if not IS_WINDOWS:
                mark.rename(folder / _MARK)  # a mark is never seen without its lock
            (folder / "work").mkdir(mode=0o700)
        yield folder / "work"
    except DiskError as error:
        if other is not None and error.needs_another_place:
            error.hint = f"{other}, where there is room and you may write"
        raise
    finally:
        if handle != -1 and IS_WINDOWS:
            os.close(handle)
        _remove(folder)
        if handle != -1 and not IS_WINDOWS:
            os.close(handle)
        with suppress(OSError):  # they are not empty, if all went well
            for one in missing:
                one.rmdir()


def write_whole(target: Path, data: bytes, *, force: bool = False) -> None:
    """Write a file whole or not at all; over another one only by `force`."""
    with build_beside(target) as workshop, disk_errors(f"write `{target}`"):
        built = workshop / "file"
        write_new(built, data)
        sync(workshop)
        place_new(built, target, force=force)


def _sweep(parent: Path) -> None:
    """Remove workshops of this user's runs that were killed; those that live are locked."""
    found: list[Path] = []
    with suppress(OSError):  # a folder that may be written to and not be read
        found = [one for one in parent.iterdir() if _OURS.fullmatch(one.name)]
    for folder in found:
        with suppress(OSError):  # without a mark, or closed to this user
            if _is_left(folder):
                _remove(folder)
        with suppress(OSError):  # empty, of a run that was killed before it set its mark
            if time.time() - folder.lstat().st_mtime > _OLD:
                folder.rmdir()


def _is_left(folder: Path) -> bool:
    """Tell if a workshop's run, of this user, is no more."""
    with ExitStack() as handles:
        if IS_WINDOWS:  # whose access lists say what this user may delete
            mark, is_mine = os.open(folder / _MARK, os.O_RDWR | BYTES), True
        else:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            handles.callback(os.close, handle)
            mark = os.open(_MARK, os.O_RDWR | NO_LINK | AT_ONCE, dir_fd=handle)
            is_mine = os.fstat(handle).st_uid == os.geteuid()
        handles.callback(os.close, mark)
        is_left = hold(mark) is True
        is_of_here = os.read(mark, 1000) == _MACHINE
        is_old = time.time() - os.fstat(mark).st_mtime > _OLD
        return is_left and is_mine and (is_of_here or is_old)


def _remove(folder: Path) -> None:
    """Remove a workshop, its mark last: a run may be killed here too."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
