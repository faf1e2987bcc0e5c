"""What steps will bring, and the room that it takes. Pure: nothing is read or asked here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from covcat.catalog import listing as listings
from covcat.catalog import selection, series
from covcat.catalog.entries import Contents, Release
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import Listing
from covcat.catalog.series import SeriesTable
from covcat.fetching.plan import Options, chosen, is_by_file, is_state, named, to_come
from covcat.hosts.objects import list_series
from covcat.store.manifest import Manifest

Size = tuple[int | None, bool]  # of a download, and if it is an archive that is unpacked


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a fetch of a release, or of the part of it that is asked for, brings."""

    contents: Contents | None  # what is there in the end; None is unknown
    downloads: int
    downloads_are_all: bool = True  # False: a set that only its host lists was counted as one
    bytes: int  # of the downloads whose size is known; if it `is_about`, of all, rounded
    of_unknown_size: int  # downloads; a set that only its host lists is one
    is_about: bool = False
    peak_bytes: int  # room that it takes at least, while the downloads are still there
    kept_bytes: int  # the same when they are gone

    @property
    def download_bytes(self) -> int | None:
        """Return the exact bytes to transfer, if they are known."""
        return None if self.of_unknown_size or self.is_about else self.bytes

    @property
    def about_bytes(self) -> int | None:
        """Return about how much there is to transfer, where a source only says it rounded."""
        return self.bytes if self.is_about else None

    @property
    def guide_bytes(self) -> int | None:
        """Return about how much there is to transfer, for who waits: images hardly shrink."""
        if not self.of_unknown_size:
            return self.bytes
        return self.contents.least_bytes if self.contents else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all steps of a plan bring together, one after the other."""

    releases: int
    downloads: int
    downloads_are_all: bool  # False: a set that only its host lists was counted as one
    download_bytes: int  # of those whose size is known
    bytes_are_about: bool
    of_unknown_size: int
    needed_bytes: int
    needed_is_all: bool  # False: at least, as a size is unknown
    free_bytes: int


def of(
    release: Release,
    options: Options,
    pinned: Listing | None,
    before: Manifest | None = None,
    table: SeriesTable | None = None,
) -> Expected:
    """Tell what a fetch of `release` with `options` brings.

    `pinned` is its listing, `table` its series, `before` is the record of what is here of it.
    """
    if table is not None:
        return _of_series(release, options, table, before)
    contents, coming = release.contents, None
    if options.asked:
        wants = selection.wanted(options.asked, pinned or ())
        asked = (row.bytes for path, row in (pinned or {}).items() if wants(path))
        contents = listings.totals(asked) if pinned is not None else None
        coming = to_come(pinned, options.asked, before) if pinned is not None else None
    if contents is not None and is_state(release) and is_by_file(release, options, coming):
        each = contents
        if coming is not None:
            each = listings.totals(row.bytes for row in coming.values())
        return Expected(
            contents=contents,
            downloads=each.files,
            bytes=each.bytes,
            of_unknown_size=each.of_unknown_size,
            peak_bytes=each.least_bytes,
            kept_bytes=each.least_bytes,
        )
    served = named(release.files)
    if served is None:  # of a part of a set, the sizes of other parts say nothing
        sizes = [(None if options.asked else one.bytes, False) for one in release.files]
    else:
        parts = chosen(served, options.asked, pinned)
        sizes = [(one.bytes, one.unpack != "none") for one, _ in parts]
    expected = _weighed(release, options, contents, sizes)
    return replace(expected, downloads_are_all=served is not None)


def _of_series(
    release: Release, options: Options, table: SeriesTable, before: Manifest | None
) -> Expected:
    """Add up the series that are asked for, and those of them that are not here."""
    every = list(zip(list_series(release.files[0], table), table.values(), strict=True))
    parts = dict(chosen([one for one, _ in every], options.asked, None))
    came = {one.folder for one in before.downloads} if before else set()
    asked = [(one, row) for one, row in every if one in parts]
    coming = series.totals(row for one, row in asked if one.folder not in came)
    return Expected(
        contents=series.totals(row for _, row in asked),
        downloads=coming.files,
        bytes=coming.bytes,
        of_unknown_size=0,
        is_about=any(parts.values()),  # some objects of a series
        peak_bytes=0 if any(parts.values()) else coming.bytes,
        kept_bytes=0 if any(parts.values()) else coming.bytes,
    )


def _weighed(
    release: Release,
    options: Options,
    contents: Contents | None,
    sizes: Sequence[Size],
) -> Expected:
    """Add up the sizes of downloads, and the room for them and for what is unpacked of them."""
    known = sum(size for size, _ in sizes if size is not None)
    archives = sum(size for size, is_archive in sizes if size is not None and is_archive)
    unknown = [is_archive for size, is_archive in sizes if size is None]
    is_about = bool(unknown) and release.about_bytes is not None and not options.asked
    if is_about:
        known, unknown = release.about_bytes or 0, []
        archives = known if all(is_archive for _, is_archive in sizes) else 0
    unpacked = known - archives
    if contents is not None:  # what comes as it is, too
        unpacked = contents.least_bytes
    elif not (options.asked or any(_leaves_out(file) for file in release.files)):
        unpacked = known  # an archive is smaller than what is in it
    kept = unpacked + (archives if options.wants_archives else 0)
    return Expected(
        contents=contents,
        downloads=len(sizes),
        bytes=known,
        of_unknown_size=len(unknown),
        is_about=is_about,
        peak_bytes=unpacked + archives if options.extract else known,
        kept_bytes=kept if options.extract else known,
    )


def _leaves_out(file: object) -> bool:
    return bool(getattr(file, "exclude", ()) or (isinstance(file, GitHubFile) and file.keep))


def totals(steps: Sequence[tuple[Expected, int]], free_bytes: int) -> Totals:
    """Add up what steps bring, in their order; each comes with the bytes of it that wait here.

    An archive goes when its release is whole, before the next one comes.
    """
    each = [one for one, _ in steps]
    needed = held = 0
    for one, waits in steps:
        needed = max(needed, held + max(0, one.peak_bytes - waits))
        held += max(0, one.kept_bytes - waits)
    return Totals(
        releases=len(each),
        downloads=sum(one.downloads for one in each),
        downloads_are_all=all(one.downloads_are_all for one in each),
        download_bytes=sum(one.bytes for one in each),
        bytes_are_about=any(one.is_about for one in each),
        of_unknown_size=sum(one.of_unknown_size for one in each),
        needed_bytes=needed,
        free_bytes=free_bytes,
        needed_is_all=all(
            one.contents is not None
            and not (one.of_unknown_size or one.is_about or one.contents.of_unknown_size)
            for one in each
        ),
    )
