"""Is there room? Asked before the first byte of a download, and before the first of its members."""

from covcat.errors import DiskError, IntegrityError
from covcat.model import AnyFile, Release
from covcat.store import Store, disk_errors

_HINT = "free some space, or choose another place with --data-dir"


def demand_for_release(release: Release, store: Store) -> None:
    """Refuse what cannot fit, as far as sizes are known.

    Raises:
        DiskError: the disk has less than that.
    """
    needed = (release.download_bytes or 0) + (
        release.contents.least_bytes if release.contents else 0
    )
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    if needed > free:
        raise DiskError(
            f"not enough space in `{store.folder}`: expected {needed:,} bytes, got {free:,}",
            hint=_HINT,
        )


def demand_for_members(declared: int, file: AnyFile, name: str, store: Store) -> None:
    """Stop a bomb by what it declares: by the catalog's bound, or by the free space.

    Raises:
        IntegrityError: it would unpack to more than the catalog allows.
        DiskError: the disk has less than that.
    """
    if file.max_bytes is not None and declared > file.max_bytes:
        raise IntegrityError(
            f"`{name}` would unpack to {declared:,} bytes: expected at most {file.max_bytes:,}"
        )
    free = store.free_bytes()
    if declared > free:
        raise DiskError(
            f"`{name}` unpacks to {declared:,} bytes: expected at most the {free:,} that are free",
            hint=_HINT,
        )
