"""A hidden folder beside what a user asked for: it is built there, and appears by one rename."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from covcat.store import disk_errors, make_folder

_OURS = re.compile(r"\.covcat-[0-9a-f]{16}")
_OLD = 3600  # seconds: a younger one may not be locked yet


@contextmanager
def workshop_beside(target: Path) -> Iterator[Path]:
    """Give a private folder beside the target; what was made for it goes away with it.

    What killed runs left there goes too.
    """
    parent = target.absolute().parent
    missing = [one for one in (parent, *parent.parents) if not one.exists()]
    workshop = parent / f".covcat-{os.urandom(8).hex()}"
    try:
        with disk_errors(f"make a folder beside `{target}`"):
            make_folder(parent)
            _sweep(parent)
            workshop.mkdir(mode=0o700)
        with _held(workshop):
            yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        with suppress(OSError):  # they are not empty, if all went well
            for one in missing:
                one.rmdir()


def _sweep(parent: Path) -> None:
    """Remove workshops of this user's runs that were killed; those that live are locked."""
    found: list[Path] = []
    with suppress(OSError):  # a folder that may be written to and not be read
        found = [one for one in parent.iterdir() if _OURS.fullmatch(one.name)]
    for folder in found:
        with suppress(OSError), _held(folder) as is_free:
            status = folder.lstat()
            is_mine = status.st_uid == os.geteuid()
            if is_free and is_mine and time.time() - status.st_mtime > _OLD:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Lock a folder, and say if that worked; a file system without locks is one without sweeping.

    Raises:
        OSError: it is not there, or no folder.
    """
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        is_free = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            is_free = False
        yield is_free
    finally:
        os.close(handle)
