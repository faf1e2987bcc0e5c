"""What came beside what a lock names -> left out again: what is locked comes as it was.

Of a whole release everything must be in the lock. Of a part, or of a release that lacked files,
there may be more today: its host has them again, or its sample would be another one.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from covcat.catalog.files import GitHubFile
from covcat.download.remote import RemoteFile
from covcat.fetching.place import Piece
from covcat.files import StoredFile, disk_errors
from covcat.store import compare
from covcat.store.lockfile import LockedRelease

_NAMED = 4  # paths that a line has


def asked(
    served: Iterable[RemoteFile], locked: LockedRelease, *, is_listed: bool
) -> set[RemoteFile]:
    """Return which files to ask for: not those that are locked as missing.

    Where no listing says what a part holds, those that came then: today's sample is another.
    """
    came = {(one.entry, one.name) for one in locked.downloads}
    is_known = not is_listed and came and not any(one.by_hand for one in locked.downloads)
    return {
        one
        for one in served
        if not {one.path, one.folder + one.name} & set(locked.missing)
        and (not is_known or (one.entry, one.name) in came)
    }


def left_out(
    parts: Iterable[Piece], locked: LockedRelease, folder: Path
) -> tuple[list[Piece], list[str]]:
    """Return the parts without the files that are not locked, and the paths of these.

    `folder` holds the files; those that are left out are removed there.
    """
    found: list[Piece] = []
    paths: list[str] = []
    for part in parts:
        kept = tuple(one for one in part.files if _is_locked(one.path, locked))
        if kept == part.files:
            found.append(part)
            continue
        paths += [one.path for one in part.files if one not in kept]
        if kept:
            found.append(_less(part, kept))
    for path in paths:
        _remove(folder, path)
    return found, sorted(paths)


def _is_locked(path: str, locked: LockedRelease) -> bool:
    return f"files/{path}" in locked.files if locked.files else path not in locked.missing


def _less(part: Piece, kept: tuple[StoredFile, ...]) -> Piece:
    """Return a part with fewer files: the tree is that of these, and the archive was not whole."""
    transfer = part.transfer
    if transfer.is_archive:
        transfer = replace(transfer, left_out=transfer.left_out + len(part.files) - len(kept))
    if transfer.tree and isinstance(part.file, GitHubFile):
        transfer = replace(transfer, tree=compare.tree_of(kept, part.file))
    return replace(part, transfer=transfer, files=kept)


def named(paths: Sequence[str]) -> str:
    """Return the first of some paths, and how many more there are."""
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return ", ".join(f"`{path}`" for path in paths[:_NAMED]) + more


def _remove(folder: Path, path: str) -> None:
    """Remove a file, and the folders that it leaves empty."""
    target = folder / path
    with disk_errors(f"leave out `{path}`"):
        target.unlink()
    for parent in target.parents:
        if parent == folder:
            break
        with suppress(OSError):  # others are in it
            parent.rmdir()
