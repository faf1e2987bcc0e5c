"""What there is beside what a lock names -> left out: what is locked comes as it was.

Of a whole release everything must be in the lock. Of a part, or of a release that lacked files,
there may be more today: its host has them again, or its sample would be another one.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile

from covcat.catalog.files import GitHubFile
from covcat.download.remote import RemoteFile
from covcat.fetching.base import Build, Piece
from covcat.fetching.plan import WantedFile
from covcat.files import disk_errors
from covcat.store import compare
from covcat.store.lockfile import LockedRelease
from covcat.text import plural

_NAMED = 4  # paths that a line has


def choose(
    build: Build, served: Sequence[RemoteFile], chosen: list[WantedFile], locked: LockedRelease
) -> list[WantedFile]:
    """Ask for what a lock of less than everything names, and not for what came to it since.

    Where no listing says what a part holds, that is what came then: today's sample is another.
    """
    came = {(one.entry, one.name) for one in locked.downloads}
    is_by_hand = any(one.by_hand for one in locked.downloads)
    is_known = build.listing is None and came and not is_by_hand
    asked = {
        one
        for one in served
        if not {one.path, one.folder + one.name} & set(locked.missing)
        and (not is_known or (one.entry, one.name) in came)
    }
    left = [one for one, _ in chosen if one not in asked]
    if left:
        build.say(f"not asked for, as it is not locked: {_name_some([one.path for one in left])}")
    build.lost.extend(one for one in left if one.path in locked.missing)
    if build.listing is None:
        known = {one for one, _ in chosen}
        chosen = chosen + [(one, ()) for one in served if one in asked and one not in known]
    return [(one, inside) for one, inside in chosen if one in asked]


def leave_out(build: Build, pieces: list[Piece], locked: LockedRelease) -> list[Piece]:
    """Remove again the files that came and are not locked; return the pieces without them."""

    def is_locked(path: str) -> bool:
        return f"files/{path}" in locked.files if locked.files else path not in locked.missing

    found: list[Piece] = []
    paths: list[str] = []
    for piece in pieces:
        kept = tuple(one for one in piece.files if is_locked(one.path))
        paths += [one.path for one in piece.files if one not in kept]
        if kept == piece.files:
            found.append(piece)
        elif kept:  # the tree is that of these, and the archive was not whole
            transfer = piece.transfer
            if transfer.is_archive:
                count = transfer.left_out + len(piece.files) - len(kept)
                transfer = replace(transfer, left_out=count)
            if transfer.tree and isinstance(piece.file, GitHubFile):
                transfer = replace(transfer, tree=compare.tree_of(kept, piece.file, transfer.links))
            found.append(replace(piece, transfer=transfer, files=kept))
    top = build.folder / "files"
    for path in paths:
        with disk_errors(f"leave out `{path}`"):
            (top / path).unlink()
        with suppress(OSError):  # others are in a folder
            for parent in takewhile(lambda one: one != top, (top / path).parents):
                parent.rmdir()
    if paths:
        build.say(
            f"{plural(len(paths), 'file')} came that the lock does not name, and stayed out: "
            f"{_name_some(sorted(paths))}"
        )
    return found


def _name_some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return ", ".join(f"`{path}`" for path in paths[:_NAMED]) + more
