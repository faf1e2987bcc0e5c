"""Where an export may go: to a new name, outside of what covcat vouches for, all at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from covcat.errors import DiskError
from covcat.files import check_new, disk_error, disk_errors
from covcat.store.folder import OTHER, check_outside


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Say what the disk refuses of a target, with a way out that is not --data-dir."""
    try:
        yield
    except OSError as error:
        found = disk_error(error, f"write `{target}`")
        found.hint = f"{OTHER}, where there is room and you may write"
        raise found from error


def check_free(release: Path, target: Path) -> None:
    """Refuse a target that cannot be made, or that would change what is in the data folder.

    Raises:
        DiskError: it is there, or its folder is none that may be written to.
        UsageError: it would be a part of a release, or be taken for one.
    """
    with disk_errors(f"look at `{target}`"):
        check_new(target)
        check_outside(release.parents[1], target)
        parents = target.absolute().parents
        above = next(one for one in parents if os.path.lexists(one))
        if not above.is_dir():
            raise DiskError(f"`{above}` is not a folder", hint=OTHER)
        if not os.access(above, os.W_OK | os.X_OK):
            raise DiskError(f"you may not write to `{above}`", hint=OTHER)
