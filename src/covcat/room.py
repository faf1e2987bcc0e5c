"""Is there room? Asked before the first byte of a download, and of its members."""

from covcat.archives.rules import Budget
from covcat.catalog.files import File
from covcat.errors import DiskError
from covcat.files import disk_errors
from covcat.store.folder import Store

_HINT = "free some space, or choose another place with --data-dir"


def demand(needed: int, store: Store) -> None:
    """Refuse what cannot fit.

    Raises:
        DiskError: the disk has less than `needed` bytes.
    """
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    if needed > free:
        raise DiskError(
            f"not enough space in `{store.folder}`: expected {needed:,} bytes, got {free:,}",
            hint=_HINT,
        )


def budget(file: File, store: Store) -> Budget:
    """Return how much an archive may unpack to: what the catalog allows, or the free space."""
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    if file.max_bytes is not None and file.max_bytes <= free:
        return Budget(file.max_bytes, hint="the catalog allows no more (`max_bytes`)")
    return Budget(free, is_free_space=True, hint=_HINT)
