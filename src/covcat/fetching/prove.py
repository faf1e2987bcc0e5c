"""What came -> what may be said of it: every file against listing, git tree and earlier record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from covcat.catalog import selection
from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.listing import Listing
from covcat.catalog.selection import Selection
from covcat.digests import PINNED, UNPUBLISHED, WEAK, VerifiedBy
from covcat.download.remote import RemoteFile
from covcat.errors import ExtractionError, IntegrityError
from covcat.fetching.place import Piece
from covcat.fetching.plan import Options
from covcat.files import StoredFile
from covcat.names import collision
from covcat.store import compare
from covcat.store.manifest import Manifest, Transfer


@dataclass(frozen=True, slots=True)
class Case:
    """What the files of a release are said to be."""

    name: str  # ID@RELEASE
    options: Options
    listing: Listing | None
    before: Manifest | None
    selections: tuple[Selection, ...] = ()

    @property
    def listed(self) -> Listing | None:
        """Return what of the listing was asked for."""
        if self.listing is None or not self.selections:
            return self.listing
        wants = selection.wanted(self.selections, self.listing)
        return {path: row for path, row in self.listing.items() if wants(path)}


@dataclass(frozen=True, slots=True)
class Verified:
    """The files as they are recorded, how each came, and what is missing."""

    files: tuple[StoredFile, ...]
    transfers: tuple[Transfer, ...]
    missing: tuple[str, ...]


def proven(case: Case, parts: Iterable[Piece], lost: Sequence[RemoteFile] = ()) -> Verified:
    """Check all files against every pin; `lost` are those that did not come, and may lack.

    Raises:
        IntegrityError: something is changed, missing, extra, or not verified well enough.
        ExtractionError: two files would have one path.
    """
    parts = list(parts)
    everything = [one for part in parts for one in part.files]
    if both := collision(one.path for one in everything):
        raise ExtractionError(f"`{case.name}` is refused: `{both[0]}` and `{both[1]}` are one path")
    listing = case.listed
    missing = _compared(case, listing, everything)
    is_whole = not missing and not case.selections
    lacking = {one.entry for one in lost}
    sound = [part for part in parts if part.served.entry not in lacking]
    trees = _trees(case.name, sound) if is_whole else {}
    files: list[StoredFile] = []
    transfers: list[Transfer] = []
    for part in parts:
        transfer, kind = part.transfer, _kind(case, part, listing, is_whole=is_whole)
        if tree := trees.get(part.served.entry):
            transfer, kind = replace(transfer, tree=tree), "git-tree"
        if part.files:
            _check_enough(case, transfer, kind)
        transfers.append(replace(transfer, verified_by=kind))
        files += [
            replace(one, path=f"files/{one.path}", verified_by=pinned_by(one, listing) or kind)
            for one in part.files
        ]
    return Verified(tuple(files) if case.options.extract else (), tuple(transfers), tuple(missing))


def _kind(case: Case, part: Piece, listing: Listing | None, *, is_whole: bool) -> VerifiedBy:
    kind = pin(case.name, part.file, part.transfer, part.files, listing, is_complete=is_whole)
    if kind in UNPUBLISHED and case.before is not None:
        check_same_as_before(case.name, part.transfer, case.before)
    return kind


def _trees(name: str, parts: Iterable[Piece]) -> dict[int, str]:
    """Return, of each state of a repository that came file by file, its tree.

    Raises:
        IntegrityError: the pinned one is another.
    """
    found: dict[int, str] = {}
    states: dict[int, list[StoredFile]] = {}
    kinds: dict[int, GitHubFile] = {}
    for part in parts:
        file = part.file
        if isinstance(file, GitHubFile) and file.is_state and not part.transfer.is_archive:
            states.setdefault(part.served.entry, []).extend(part.files)
            kinds[part.served.entry] = file
    for entry, files in states.items():
        file = kinds[entry]
        if file.tree is None:
            continue
        found[entry] = compare.tree_of(files, file)
        if found[entry] != file.tree:
            raise IntegrityError(
                f"`{name}` is not the pinned state: git tree expected {file.tree}, "
                f"got {found[entry]}"
            )
    return found


def _compared(case: Case, listing: Listing | None, files: list[StoredFile]) -> list[str]:
    """Compare with the listing, if there is one; return what is missing and may be."""
    if listing is None:
        return []
    found = compare.against_listing(files, listing)
    missing = list(found.missing) if case.options.allow_missing else []
    hint = None
    if found.missing and not (found.changed or found.extra):
        hint = f"covcat fetch {case.name} --allow-missing keeps what did come"
    if case.options.allow_missing:
        found = replace(found, missing=())
    compare.check_findings(found, f"`{case.name}` is not what is pinned", hint)
    return missing


def _check_enough(case: Case, transfer: Transfer, kind: VerifiedBy) -> None:
    require = case.options.require
    if (require == "host" and kind in WEAK) or (require == "pinned" and kind not in PINNED):
        raise IntegrityError(
            f"`{transfer.name}` of `{case.name}` is verified by nothing better than {kind}, and "
            f"--require {require} asks for more",
            hint="the same command without --require keeps it, and records its sha256",
        )


def pinned_by(file: StoredFile, listing: Listing | None) -> VerifiedBy | None:
    """Return the strongest pin that `listing` has for a file that agrees with it."""
    listed = listing.get(file.path) if listing else None
    if listed is None:
        return None
    if listed.sha256 is not None:
        return "sha256"
    return "git-blob" if file.blob is not None and file.blob == listed.blob else None


def claimable(kinds: Sequence[VerifiedBy | None]) -> VerifiedBy | None:
    """Return what may be claimed for all of them: the weakest one, or None if any has none."""
    if not kinds or None in kinds:
        return None
    return "git-blob" if "git-blob" in kinds else kinds[0]


def pin(
    name: str,
    file: AnyFile,
    transfer: Transfer,
    files: Sequence[StoredFile],
    listing: Listing | None,
    *,
    is_complete: bool,
) -> VerifiedBy:
    """Return the strongest pin that holds for one file of a release.

    `files` are what it unpacked to. An incomplete state has no tree to compare.

    Raises:
        IntegrityError: the git tree is another one.
    """
    pinned_tree = file.tree if isinstance(file, GitHubFile) else None
    if pinned_tree and is_complete and transfer.is_archive:  # else no single file shows it
        if transfer.tree != pinned_tree:
            raise IntegrityError(
                f"`{name}` is not the pinned state: git tree expected {pinned_tree}, "
                f"got {transfer.tree}"
            )
        return "git-tree"
    by_listing = claimable([pinned_by(one, listing) for one in files])
    return by_listing if by_listing and transfer.verified_by != "sha256" else transfer.verified_by


def _place(transfer: Transfer) -> tuple[object, ...]:
    return (transfer.url, transfer.entry, transfer.folder, transfer.name, transfer.is_archive)


def check_same_as_before(name: str, transfer: Transfer, before: Manifest) -> None:
    """What was recorded at first use must stay as it was.

    Raises:
        IntegrityError: upstream serves something else today.
    """
    for earlier in before.downloads:
        if _place(earlier) != _place(transfer):
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
