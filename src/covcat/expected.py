"""What a fetch will bring, as far as that is known before any host is asked. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from covcat.catalog import listing, selection
from covcat.catalog.entries import Contents, Release
from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.listing import Listing
from covcat.download.remote import Served
from covcat.hosts.base import alone
from covcat.store.manifest import Manifest, Options, Selection

FEW = 100  # files of a repository that are asked for one by one, if only these are wanted


@dataclass(frozen=True, slots=True)
class Expected:
    """The files of a release, or of the part of it that is asked for; None is unknown."""

    contents: Contents | None
    downloads: int | None
    download_bytes: int | None

    @property
    def least_bytes(self) -> int:
        """Return the room that it needs at least, while the downloads are still there."""
        return (self.download_bytes or 0) + (self.contents.least_bytes if self.contents else 0)


def of(
    release: Release, options: Options, pinned: Listing | None, before: Manifest | None = None
) -> Expected:
    """Tell what a fetch of `release` with `options` brings.

    `pinned` is its listing, `before` the record of what is here of it.
    """
    contents, coming = release.contents, None
    if options.asked:
        wants = selection.wanted(options.asked, pinned or ())
        asked = {path: row for path, row in (pinned or {}).items() if wants(path)}
        contents = listing.totals(asked) if pinned is not None else None
        coming = to_come(pinned, options.asked, before) if pinned is not None else None
    if contents is not None and _is_state(release) and is_by_file(release, options, coming):
        each = listing.totals(coming) if coming is not None else contents
        return Expected(contents, each.files, None if each.of_unknown_size else each.bytes)
    served = named(release.files)
    if served is None:
        return Expected(contents, None, release.download_bytes if not options.asked else None)
    sizes = [one.bytes for one, _ in selection.chosen(served, options.asked, pinned)]
    known = [size for size in sizes if size is not None]
    return Expected(contents, len(sizes), sum(known) if known == sizes else None)


def to_come(pinned: Listing, asked: Sequence[Selection], before: Manifest | None) -> Listing:
    """Return what of a listing is asked for, or is here in part, and did not come by itself."""
    earlier = tuple(map(Selection.read, before.selection)) if before else ()
    wants = selection.wanted((*earlier, *asked), pinned)
    came = before.downloads if before else ()
    here = {f"{one.folder or ''}{one.name}" for one in came if not one.is_archive}
    return {path: row for path, row in pinned.items() if wants(path) and path not in here}


def is_by_file(release: Release, options: Options, wanted: Collection[str] | None) -> bool:
    """Tell if files come one by one: few of a repository do, in place of an archive of them all.

    `wanted` are the paths of the part that has to come; None is everything.
    """
    if options.by_file or wanted is None:
        return options.by_file
    return _is_state(release) and len(wanted) <= FEW and options.extract


def _is_state(release: Release) -> bool:
    return all(isinstance(one, GitHubFile) and one.is_state for one in release.files)


def named(files: tuple[AnyFile, ...]) -> list[Served] | None:
    """Return the files of a release by the catalog's own word; None where only a host knows."""
    if any(file.is_set for file in files):
        return None
    return [replace(alone(one, _name(one)), entry=number) for number, one in enumerate(files)]


def _name(file: AnyFile) -> str:
    return file.name or f"{getattr(file, 'dataset', file.host)}".rpartition("/")[2] + ".zip"
