"""A hidden folder beside what a user asked for: it is built there, and appears by one rename."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from covcat.store import disk_errors, make_folder


@contextmanager
def workshop_beside(target: Path) -> Iterator[Path]:
    """Give a private folder beside the target; what was made for it goes away with it."""
    parent = target.absolute().parent
    missing = [one for one in (parent, *parent.parents) if not one.exists()]
    workshop = parent / f".covcat-{os.urandom(8).hex()}"
    try:
        with disk_errors(f"make a folder beside `{target}`"):
            make_folder(parent)
            workshop.mkdir(mode=0o700)
        yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        with suppress(OSError):  # they are not empty, if all went well
            for one in missing:
                one.rmdir()
