"""Pointers of Git LFS in what came from a repository -> the contents that they point to."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from covcat import obtain
from covcat.assemble import Part, Site
from covcat.catalog.files import GitHubFile
from covcat.download.remote import Download, Served
from covcat.download.wanted import Line
from covcat.files import StoredFile, disk_errors, link_or_copy
from covcat.hosts.github_lfs import MOST, content, pointer
from covcat.store import compare
from covcat.store.waiting import Partial
from covcat.text import counted


def filled(
    parts: list[Part], order: obtain.Order, line: Line, site: Site, partial: Partial
) -> list[Part]:
    """Return the parts with each pointer replaced by its content, which came and was verified.

    A pointer whose content is lost, and may be, is no file of the release.

    Raises:
        CovcatError: a content did not come.
    """
    if not site.options.extract:
        return parts
    found = {
        target: (number, stored)
        for number, part in enumerate(parts)
        if isinstance(part.file, GitHubFile) and part.file.is_state
        for stored in part.files
        if (target := _target(site.built / "files", stored, part, part.file))
    }
    if not found:
        return parts
    line.progress.note(
        f"{order.name}: {counted(len(found), 'pointer')} of Git LFS; fetching what is meant"
    )
    wanted = replace(order, files=tuple(found), has_more=True)
    filled = list(parts)
    with closing(obtain.all_of(wanted, line, site.store, partial)) as coming:
        for target, got in coming:
            number, stored = found[target]
            with disk_errors(f"write `{stored.path}`"):
                (site.built / "files" / stored.path).unlink()
                link_or_copy(got.path, site.built / "files" / stored.path)
            new = replace(stored, bytes=got.bytes, sha256=got.sha256, lfs=True)
            filled[number] = _with(filled[number], new, got)
    for target in found.keys() & set(order.missing):
        number, stored = found[target]
        with disk_errors(f"drop `{stored.path}`"):
            (site.built / "files" / stored.path).unlink()
        left = tuple(one for one in filled[number].files if one.path != stored.path)
        filled[number] = replace(filled[number], files=left)
    return filled


def _target(folder: Path, stored: StoredFile, part: Part, file: GitHubFile) -> Served | None:
    """Return what a file points to; None if it is no pointer."""
    if stored.bytes > MOST:
        return None
    with disk_errors(f"read `{stored.path}`"):
        found = pointer((folder / stored.path).read_bytes())
    if found is None or compare.pointer_blob(*found) != stored.blob:  # with extensions: as it is
        return None
    commit = part.transfer.commit or file.commit or file.branch or ""
    return replace(content(stored, file, commit, found), entry=part.served.entry)


def _with(part: Part, new: StoredFile, got: Download) -> Part:
    files: Sequence[StoredFile] = [new if one.path == new.path else one for one in part.files]
    transfer = part.transfer
    if not transfer.is_archive:  # the pointer came by itself: its content is what is recorded
        transfer = replace(
            transfer, url=got.url, final_url=got.final_url, bytes=got.bytes, sha256=got.sha256
        )
    return replace(part, transfer=transfer, files=tuple(files))
