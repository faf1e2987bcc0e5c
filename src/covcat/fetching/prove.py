"""What came -> what may be said of it: every file against listing, git tree and earlier record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from covcat.catalog import selection
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import Listing
from covcat.digests import PINNED, UNPUBLISHED, WEAK, VerifiedBy
from covcat.errors import ExtractionError, IntegrityError
from covcat.fetching.base import Build, Piece
from covcat.files import StoredFile
from covcat.names import collision
from covcat.store import compare
from covcat.store.manifest import Manifest, Transfer


@dataclass(frozen=True, slots=True)
class Verified:
    """The files as they are recorded, how each came, and what is missing."""

    files: tuple[StoredFile, ...]
    transfers: tuple[Transfer, ...]
    missing: tuple[str, ...]


def prove(build: Build, pieces: Sequence[Piece]) -> Verified:
    """Check all files against every pin."""
    name, listing, require = build.name, build.listing, build.options.require
    if listing is not None and build.selections:  # what of it was asked for
        wants = selection.wanted(build.selections, listing)
        listing = {path: row for path, row in listing.items() if wants(path)}
    everything = [one for piece in pieces for one in piece.files]
    if both := collision(one.path for one in everything):
        raise ExtractionError(f"`{name}` is refused: `{both[0]}` and `{both[1]}` are one path")
    missing = _missing(build, listing, everything)
    is_whole = not missing and not build.selections
    lacking = {one.entry for one in build.lost}
    trees = _trees(name, [one for one in pieces if one.served.entry not in lacking], is_whole)
    files: list[StoredFile] = []
    transfers: list[Transfer] = []
    for piece in pieces:
        transfer = piece.transfer
        kind = _kind(name, piece, listing, is_whole=is_whole)
        if kind in UNPUBLISHED and build.before is not None:
            _check_same_as_before(name, transfer, build.before)
        if tree := trees.get(piece.served.entry):
            transfer, kind = replace(transfer, tree=tree), "git-tree"
        is_weak = (require == "host" and kind in WEAK) or (
            require == "pinned" and kind not in PINNED
        )
        if piece.files and is_weak:
            raise IntegrityError(
                f"`{transfer.name}` of `{name}` is verified by nothing better than {kind}, and "
                f"--require {require} asks for more",
                hint="the same command without --require keeps it, and records its sha256",
            )
        is_so = transfer.verified_by == kind
        transfers.append(transfer if is_so else replace(transfer, verified_by=kind))
        files += [
            replace(one, path=f"files/{one.path}", verified_by=_pinned_by(one, listing) or kind)
            for one in piece.files
        ]
    return Verified(tuple(files) if build.options.extract else (), tuple(transfers), missing)


def _missing(build: Build, listing: Listing | None, files: list[StoredFile]) -> tuple[str, ...]:
    """Compare with the listing, if there is one; return what is missing and may be."""
    if listing is None:
        return ()
    found, hint = compare.against_listing(files, listing), None
    if found.missing and not (found.changed or found.extra):
        hint = f"covcat fetch {build.name} --allow-missing keeps what did come"
    missing = found.missing if build.options.allow_missing else ()
    left = replace(found, missing=()) if missing else found
    compare.check_findings(left, f"`{build.name}` is not what is pinned", hint)
    return missing


def _trees(name: str, pieces: Iterable[Piece], is_whole: bool) -> dict[int, str]:
    """Return, of each state of a repository that came whole, file by file, its tree."""
    states: dict[int, tuple[GitHubFile, list[StoredFile]]] = {}
    for piece in pieces if is_whole else ():
        file = piece.file
        is_state = isinstance(file, GitHubFile) and file.is_state and file.tree is not None
        if is_state and isinstance(file, GitHubFile) and not piece.transfer.is_archive:
            states.setdefault(piece.served.entry, (file, []))[1].extend(piece.files)
    found = {entry: compare.tree_of(files, file) for entry, (file, files) in states.items()}
    for entry, tree in found.items():
        _check_tree(name, states[entry][0].tree, tree)
    return found


def _check_tree(name: str, pinned: str | None, tree: str | None) -> None:
    if tree != pinned:
        raise IntegrityError(
            f"`{name}` is not the pinned state: git tree expected {pinned}, got {tree}"
        )


def _pinned_by(file: StoredFile, listing: Listing | None) -> VerifiedBy | None:
    """Return the strongest pin that `listing` has for a file that agrees with it."""
    listed = listing.get(file.path) if listing else None
    if listed is None:
        return None
    if listed.sha256 is not None:
        return "sha256"
    return "git-blob" if file.blob is not None and file.blob == listed.blob else None


def _kind(name: str, piece: Piece, listing: Listing | None, *, is_whole: bool) -> VerifiedBy:
    """Return the strongest pin that holds for one file of a release, whatever it unpacked to.

    An incomplete state has no tree to compare.
    """
    file, transfer = piece.file, piece.transfer
    pinned_tree = file.tree if isinstance(file, GitHubFile) else None
    if pinned_tree and is_whole and transfer.is_archive:  # else no single file shows it
        _check_tree(name, pinned_tree, transfer.tree)
        return "git-tree"
    kinds = [_pinned_by(one, listing) for one in piece.files]
    weakest = "git-blob" if "git-blob" in kinds else (kinds or [None])[0]
    if weakest is None or None in kinds or transfer.verified_by == "sha256":
        return transfer.verified_by
    return weakest


_IDENTITY = attrgetter("url", "entry", "folder", "name", "is_archive")  # of a transfer


def _check_same_as_before(name: str, transfer: Transfer, before: Manifest) -> None:
    """What was recorded at first use must stay as it was."""
    for earlier in before.downloads:
        if _IDENTITY(earlier) != _IDENTITY(transfer):
            continue
        is_state = transfer.host == "github" and transfer.is_archive  # made anew for each request
        kind = "git tree" if is_state else "sha256"
        expected = earlier.tree if is_state else earlier.sha256
        got = transfer.tree if is_state else transfer.sha256
        if expected and got and expected != got:
            raise IntegrityError(
                f"`{name}` has changed upstream: {kind} expected {expected}, got {got}",
                hint="what is here was kept; move its folder away to take the new state",
            )
