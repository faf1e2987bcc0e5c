"""Download -> its place in the release that is being built: unpacked, as it is, or kept as served.

What came stays where it is until the release is whole, so nothing is asked for twice.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from covcat import extract, pins, room
from covcat.archives import zip as zip_format
from covcat.errors import ExtractionError, IntegrityError
from covcat.model import AnyFile, Download, GitHubFile, Options, StoredFile, Transfer
from covcat.names import unsafe_name
from covcat.progress import Progress
from covcat.store import Store, disk_errors, make_folder


@dataclass(frozen=True, slots=True)
class Site:
    """Where a release is being built."""

    built: Path  # the folder that will get the release's final name
    workspace: Path  # a private folder, for the archives inside archives
    options: Options
    has_listing: bool
    store: Store
    progress: Progress


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a release after transfer and unpacking; paths are relative to `files/`."""

    file: AnyFile
    transfer: Transfer
    files: tuple[StoredFile, ...]


def part(file: AnyFile, got: Download, site: Site) -> Part:
    """Unpack a download, or give it its place, and keep its archive if that is wanted."""
    transfer = _transfer(file, got)
    if file.unpack == "none":
        return _plain_part(file, got, transfer, site)
    place = extract.Place(
        folder=site.built / "files" if site.options.extract else None,
        workspace=site.workspace / f"{got.path.name}.inside",
        with_git_ids=isinstance(file, GitHubFile) or site.has_listing,
        progress=site.progress,
    )
    budget, layout = room.budget(file, site.store), extract.layout_of(file)
    done = extract.extract(got.path, file.unpack, layout, budget, place, file.name_encoding)
    files = list(done.files)
    transfer = replace(transfer, left_out=done.left_out, nested=done.nested)
    if isinstance(file, GitHubFile):
        transfer = _with_git_ids(transfer, file, files, got)
    else:  # only git's own archives say a file's git mode
        files = [replace(one, mode=None) for one in files]
    if site.options.wants_archives:
        transfer = replace(transfer, archive=_kept(got, file, site.built))
    return Part(file, transfer, tuple(files))


def _with_git_ids(
    transfer: Transfer, file: GitHubFile, files: list[StoredFile], got: Download
) -> Transfer:
    """Record the tree that was unpacked, and the commit that git wrote into the archive."""
    with got.path.open("rb") as stream:
        commit = zip_format.comment(stream) or None
    if file.commit and commit and commit != file.commit:
        raise IntegrityError(f"`{got.url}` is commit `{commit}`: expected {file.commit}")
    return replace(transfer, commit=commit, tree=pins.tree_of(files, file), keep=file.keep)


def _transfer(file: AnyFile, got: Download) -> Transfer:
    return Transfer(
        host=file.host,
        url=got.url,
        final_url=got.final_url,
        name=got.name,
        bytes=got.bytes,
        sha256=got.sha256,
        md5=got.md5,
        mirror=got.mirror,
        is_archive=file.unpack != "none",
        finished_at=got.finished_at,
        verified_by=got.verified_by,
    )


def _plain_part(file: AnyFile, got: Download, transfer: Transfer, site: Site) -> Part:
    """Give a plain file its place among the files, or keep it as served."""
    path = (file.into or "") + got.name
    stored = StoredFile(path=path, bytes=got.bytes, sha256=got.sha256)
    if not site.options.extract:
        transfer = replace(transfer, archive=_kept(got, file, site.built))
        return Part(file, transfer, (stored,))
    if reason := unsafe_name(path):
        raise ExtractionError(f"`{path}` is no place for a file: {reason}")
    with disk_errors(f"write `{path}`"):
        target = site.built / "files" / path
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two files of the release would be `{path}`")
        _place(got.path, target)
    return Part(file, transfer, (stored,))


def _kept(got: Download, file: AnyFile, built: Path) -> str:
    """Keep a download as served, below the folder that its members go to."""
    place = f"archives/{file.into or ''}{got.name}"
    with disk_errors(f"keep `{got.name}`"):
        target = built / place
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two downloads of the release are called `{place}`")
        _place(got.path, target)
    return place


def _place(path: Path, target: Path) -> None:
    """Let a file be in the release as well as where it waits for the release to be whole."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        shutil.copyfile(path, target, follow_symlinks=False)


def kept_archives(parts: Iterable[Part]) -> list[StoredFile]:
    """Return the archives that stay beside the files."""
    return [
        StoredFile(
            path=part.transfer.archive,
            bytes=part.transfer.bytes,
            sha256=part.transfer.sha256,
            verified_by=part.transfer.verified_by,
        )
        for part in parts
        if part.transfer.archive
    ]
