"""A hidden folder beside what a user asked for: it is built there, and appears by one rename.

Each has a mark that its run holds locked for its life. The next run that builds there removes
those of killed runs; a folder of such a name without a mark is not covcat's.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from covcat.store import disk_errors, make_folder

_OURS = re.compile(r"\.covcat-[0-9a-f]{16}")
_MARK = "made-by-covcat"  # holds the name of the machine: some disks tell others of no locks
_OLD = 3600  # seconds, after which another machine's is taken for left behind too


@contextmanager
def workshop_beside(target: Path) -> Iterator[Path]:
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
