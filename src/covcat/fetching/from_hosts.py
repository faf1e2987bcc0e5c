"""Hosts -> the files of a release, in their places: as an archive, or one by one."""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import replace
from glob import escape
from pathlib import Path
from shlex import quote

from covcat import hosts
from covcat.catalog import selection
from covcat.catalog.files import GitHubFile
from covcat.download.api import Api
from covcat.download.http import Web
from covcat.download.pace import PER_HOST, ConnectionLimit, RateLimit
from covcat.download.parts import Parts
from covcat.download.remote import Download, RemoteFile
from covcat.download.wanted import Transfers
from covcat.errors import CovcatError, IntegrityError, NotFoundError
from covcat.fetching import from_disk, locked, plan
from covcat.fetching.base import Build, Piece
from covcat.fetching.build import check_room, forget_unpinned
from covcat.fetching.place import make_piece
from covcat.fetching.plan import Chosen, Options
from covcat.fetching.transfers import bring_all, total_bytes
from covcat.files import StoredFile, disk_errors, link_or_copy, make_folder, put
from covcat.hosts import github
from covcat.hosts.base import HostContext
from covcat.hosts.github_lfs import MOST, content, pointer
from covcat.store import compare
from covcat.text import plural


def pieces(build: Build) -> list[Piece]:
    """Bring what is wanted of a release over the network, except what its hosts' word leaves valid.

    That is what waits, what lies here as it was served, and what was unpacked of the same archive.

    Raises:
        CovcatError: it did not come, or is not what is pinned.
    """
    network, progress = build.run.network, build.run.progress
    with closing(Web(network)) as web:
        transfers = Transfers(
            web,
            network,
            RateLimit(network.limit_rate),
            ConnectionLimit(network.jobs or PER_HOST),
            Parts(build.run.store.parts),
            progress,
        )
        # of several files, nobody knows which one a row of the listing belongs to
        listing = build.listing if len(build.release.files) == 1 else None
        context = HostContext(Api(web, network, progress), listing, _is_by_file(build))
        if build.lacking is not None:
            return _bring_lacking(build, build.lacking, transfers, context)
        return _bring_chosen(build, transfers, context)


def _bring_chosen(build: Build, transfers: Transfers, context: HostContext) -> list[Piece]:
    """Put each file in its place as it comes; the others go on coming meanwhile."""
    lost: dict[RemoteFile, CovcatError] = {}
    served = [
        one
        for one in hosts.listed(build.release.files, context, lost)
        if one.is_alone  # what the catalog excludes of an archive stays out as it is unpacked
        or not selection.matches(one.path.removeprefix(one.file.into or ""), one.file.exclude)
    ]
    chosen = plan.chosen(served, build.selections, build.listing)
    chosen += _what_is_here(build, served, {one for one, _ in chosen})
    lock = build.options.locked
    if lock is not None and not lock.is_whole:
        chosen = locked.choose(build, served, chosen, lock)
    if not chosen or not _is_there(served, build):
        raise _nothing(build)
    for one, _ in chosen:  # links and other repositories are never written
        if isinstance(one.file, GitHubFile) and (what := github.odd(one.path, one.mode)):
            glob = quote(escape(one.path))
            raise IntegrityError(what, hint=f"to leave it out: covcat fetch … --exclude {glob}")
    opened = sum(bool(inside) for _, inside in chosen)
    if opened > 1 and build.listing is None:
        build.say(f"nobody lists what is in its archives: {opened} of them come, to be looked into")
    found = from_disk.unpacked(build, chosen, served)
    here = {piece.served for piece in found}
    inside = {one: wanted for one, wanted in chosen if one not in here}
    files = tuple(inside)
    check_room(total_bytes(files) or 0, build.run.store)
    coming = bring_all(build, files, transfers, context, lost=lost, has_more=bool(found))
    with closing(coming):
        for one, got in coming:
            with forget_unpinned(build, served):
                found.append(make_piece(build, one, got, inside[one]))
    if build.selections and not any(piece.files for piece in found):
        raise _nothing(build)
    return _fill_pointers(build, found, transfers, context)


def _bring_lacking(
    build: Build,
    lacking: Mapping[str, StoredFile | None],
    transfers: Transfers,
    context: HostContext,
) -> list[Piece]:
    """Take single files by their paths, then open one archive after the other.

    What comes is unpacked aside: an archive that is kept has files too that are here.
    """
    served = hosts.listed(build.release.files, context)
    archives = sorted(
        (one for one in served if one.unpack != "none"), key=lambda one: -len(one.folder)
    )
    single = [one for one in served if one.unpack == "none" and _places(one) & lacking.keys()]
    left, found = dict(lacking), list[Piece]()
    for files in [single] * bool(single) + [[one] for one in archives]:
        below = None if files is single else f"files/{files[0].folder}"
        if below is not None and not any(
            path in _places(files[0]) or path.startswith(below) for path in left
        ):
            continue
        with closing(bring_all(build, files, transfers, context)) as coming:
            for one, got in coming:
                with forget_unpinned(build, files):
                    aside = replace(build, folder=build.workshop / f"again-{len(found)}")
                    piece = _make_lacking(aside, left, one, got)
                    (piece,) = _fill_pointers(aside, [piece], transfers, context)
                found.append(piece)
                paths = [f"files/{stored.path}" for stored in piece.files]
                archive = piece.transfer.archive
                for path in [*paths, archive] if archive in left else paths:
                    put(aside.folder / path, build.folder / path)
                    del left[path]
    return found


def _places(one: RemoteFile) -> set[str]:
    """Return where a file is in the release folder, as it is served."""
    return {f"files/{one.folder}{one.name}", f"archives/{one.path}"}


def _make_lacking(
    build: Build, lacking: Mapping[str, StoredFile | None], served: RemoteFile, got: Download
) -> Piece:
    """Unpack what is lacking of a download; all of an archive that is lacking itself."""
    keeps = f"archives/{served.path}" in lacking
    has_members = any(path.startswith(f"files/{served.folder}") for path in lacking)
    with disk_errors("make a folder for what comes again"):
        make_folder(build.folder / "files")
    options = Options(extract=has_members, keep_archives=keeps)
    whole = replace(build, options=options, lacking=None if keeps else lacking)
    piece = make_piece(whole, served, got)
    files = tuple(one for one in piece.files if f"files/{one.path}" in lacking)
    return replace(piece, files=files)


def _what_is_here(build: Build, served: list[RemoteFile], chosen: set[RemoteFile]) -> list[Chosen]:
    """Choose also what came earlier, though a sample of what the host has today leaves it out."""
    before = build.before
    if before is None or build.listing is not None:
        return []
    came = {(one.entry, one.folder, one.name) for one in before.downloads}
    return [
        (one, ())
        for one in served
        if one not in chosen and (one.entry, one.folder, one.name) in came
    ]


def _is_there(served: list[RemoteFile], build: Build) -> bool:
    """Tell if what is asked for now is there, whatever other parts are here already."""
    asked = build.options.selection
    if not asked:
        return True
    if build.listing is not None:
        return any(map(selection.wanted((asked,), build.listing), build.listing))
    return bool(plan.chosen(served, (asked,), None))


def _nothing(build: Build) -> NotFoundError:
    return NotFoundError(
        f"no file of `{build.name}` is one of {'; '.join(map(str, build.selections))}",
        hint=f"covcat files {build.name}",
    )


def _is_by_file(build: Build) -> bool:
    """Ask one by one for what is not here yet, if that is little."""
    wanted: Collection[str] | None = None
    if build.lacking is not None:
        has_archive = build.before is not None and any(
            one.archive for one in build.before.downloads
        )
        is_plain = all(path.startswith("files/") for path in build.lacking)
        wanted = build.lacking if is_plain and not has_archive else None
    elif build.selections and build.listing is not None:
        wanted = plan.to_come(build.listing, build.selections, build.before)
    return plan.is_by_file(build.release, build.options, wanted)


def _fill_pointers(
    build: Build, pieces: list[Piece], transfers: Transfers, context: HostContext
) -> list[Piece]:
    """Return the pieces with each pointer replaced by its content, which came and was verified.

    A pointer whose content is lost, and may be, is no file of the release.

    Raises:
        CovcatError: a content did not come.
    """
    found = {
        target: (number, stored)
        for number, piece in enumerate(pieces if build.options.extract else ())
        if isinstance(piece.file, GitHubFile) and piece.file.is_state
        for stored in piece.files
        if (target := _target(build.folder / "files", stored, piece, piece.file))
    }
    if not found:
        return pieces
    build.say(f"{plural(len(found), 'pointer')} of Git LFS; fetching what is meant")
    filled = list(pieces)
    with closing(bring_all(build, tuple(found), transfers, context, has_more=True)) as coming:
        for target, got in coming:
            number, stored = found[target]
            with disk_errors(f"write `{stored.path}`"):
                (build.folder / "files" / stored.path).unlink()
                link_or_copy(got.path, build.folder / "files" / stored.path)
            piece, transfer = filled[number], filled[number].transfer
            new = replace(stored, bytes=got.bytes, sha256=got.sha256, lfs=True)
            if not transfer.is_archive:  # the pointer came by itself: its content is recorded
                transfer = replace(
                    transfer,
                    url=got.url,
                    final_url=got.final_url,
                    bytes=got.bytes,
                    sha256=got.sha256,
                )
            files = tuple(new if one.path == new.path else one for one in piece.files)
            filled[number] = replace(piece, transfer=transfer, files=files)
    for target in found.keys() & set(build.lost):
        number, stored = found[target]
        with disk_errors(f"drop `{stored.path}`"):
            (build.folder / "files" / stored.path).unlink()
        left = tuple(one for one in filled[number].files if one.path != stored.path)
        filled[number] = replace(filled[number], files=left)
    return filled


def _target(folder: Path, stored: StoredFile, piece: Piece, file: GitHubFile) -> RemoteFile | None:
    """Return what a file points to; None if it is no pointer."""
    if stored.bytes > MOST:
        return None
    with disk_errors(f"read `{stored.path}`"):
        found = pointer((folder / stored.path).read_bytes())
    if found is None or compare.pointer_blob(*found) != stored.blob:  # with extensions: as it is
        return None
    commit = piece.transfer.commit or file.commit or file.branch or ""
    return replace(content(stored, file, commit, found), entry=piece.served.entry)
