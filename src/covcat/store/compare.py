"""Are these the pinned bytes? Files against their record, a listing or a git tree."""

import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from covcat.archives.base import ArchiveLink
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import ListedFile, Listing
from covcat.digests import LINK, blob_id, tree_id
from covcat.errors import IntegrityError, LackingError
from covcat.files import StoredFile, what_is


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What differs, as paths; empty if all is right. `changed` holds `path: why`."""

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True if anything differs."""
        return bool(self.changed or self.missing or self.extra)

    def lines(self) -> list[str]:
        """Return one line a path, worst kind first."""
        return [f"{kind}: {path}" for kind, paths in asdict(self).items() for path in paths]


def against_listing(files: Iterable[StoredFile], listing: Listing) -> Findings:
    """Compare unpacked files with the pinned listing, whole."""
    here = {file.path: file for file in files}
    changed = [
        f"{path}: {why}"
        for path, file in here.items()
        if path in listing and (why := _difference(file, listing[path]))
    ]
    return Findings(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(listing.keys() - here.keys())),
        extra=tuple(sorted(here.keys() - listing.keys())),
    )


def _difference(file: StoredFile, listed: ListedFile) -> str | None:
    pairs = (
        ("bytes", listed.bytes, file.bytes),
        ("sha256", listed.sha256, file.sha256),
        ("git blob", listed.blob, file.blob),
        ("git mode", listed.mode, file.mode),
    )
    for what, expected, got in pairs[2:] if file.lfs else pairs:  # git has a pointer in its place
        if expected is not None and got is not None and expected != got:
            return f"{what} expected {expected}, got {got}"
    if file.lfs:
        return lfs_difference(file)
    if listed.sha256 is None and file.blob is None:  # nothing was compared but, perhaps, the size
        return f"git blob expected {listed.blob}, got none"
    return None


def status_of(path: str, file: StoredFile) -> os.stat_result | str:
    """Return what the file system says of a file, or how that differs from its record."""
    try:
        status = os.lstat(path)
    except OSError as error:
        return unread(error)
    if not stat.S_ISREG(status.st_mode):
        return f"expected a regular file, got {what_is(status)}"
    if status.st_size != file.bytes:
        return f"bytes expected {file.bytes}, got {status.st_size}"
    return status


def unread(error: OSError) -> str:
    """Say why a file cannot be compared."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "missing"
    return f"cannot be read ({os.strerror(error.errno or 0)})"


def lfs_difference(file: StoredFile) -> str | None:
    """Say how a content of Git LFS differs from what its pointer names; git's ids pin that."""
    expected = pointer_blob(file.sha256, file.bytes)
    is_same = file.blob == expected
    return None if is_same else f"git blob of its pointer expected {expected}, got {file.blob}"


def pointer_to(sha256: str, size: int) -> bytes:
    """Return the pointer to a content, as git-lfs's specification writes it."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


def pointer_blob(sha256: str, size: int) -> str:
    """Return the git id of the pointer to a content."""
    return blob_id(pointer_to(sha256, size))


def tree_of(
    files: Iterable[StoredFile], file: GitHubFile, links: Collection[ArchiveLink] = ()
) -> str:
    """Recompute the git tree id of what was unpacked, or of the folder that was kept.

    To git a link is a blob whose bytes are the target.
    """
    prefix, copied = (file.into or "") + (file.keep or ""), {one.path for one in links}
    entries = [
        (one.path.removeprefix(prefix), one.mode, one.blob)
        for one in files
        if one.mode and one.blob and one.path not in copied
    ]
    for link in links:
        blob = blob_id(link.target.encode())
        entries.append((link.path.removeprefix(prefix), LINK, blob))
    return tree_id(entries)


def check_findings(findings: Findings, what: str, hint: str | None = None) -> None:
    """Raise IntegrityError, naming every path, if anything differs; LackingError if files lack."""
    if findings:
        is_only_missing = not (findings.changed or findings.extra)
        kind = LackingError if is_only_missing else IntegrityError
        kinds = {kind: list(paths) for kind, paths in asdict(findings).items()}
        counts = ", ".join(f"{len(paths)} {kind}" for kind, paths in kinds.items() if paths)
        raise kind(f"{what}: {counts}", hint=hint, details=findings.lines(), data=kinds)
