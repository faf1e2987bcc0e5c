"""Hosts -> the files of a release, in their places: as an archive, or one by one."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from shlex import quote

from covcat.catalog.files import GitHubFile
from covcat.download.remote import Download, RemoteFile
from covcat.engine.shards import ShardDone
from covcat.errors import ActionNeededError, CovcatError, NetworkError, each_of
from covcat.fetching import far
from covcat.fetching.base import Build, Lacking, Piece
from covcat.fetching.build import forget_unpinned
from covcat.fetching.choose import Hosts
from covcat.fetching.place import make_piece
from covcat.fetching.plan import Options, nothing_is_in
from covcat.fetching.transfers import bring_all
from covcat.files import StoredFile, disk_errors, link_or_copy, make_folder, put
from covcat.hosts import list_files
from covcat.hosts.base import HostContext
from covcat.hosts.github_lfs import MOST, content, pointer
from covcat.hosts.objects import SERIES
from covcat.store import compare
from covcat.text import plural

_TOPS = ("files", "archives")  # of what is in a release folder


def pieces(build: Build, hosts: Hosts) -> list[Piece]:
    """Bring what no earlier source had; what waits, or lies here as it was served, is taken first.

    Each file is put in its place as it comes; the others go on coming meanwhile.
    """
    if build.lacking is not None:
        return _bring_lacking(build, build.lacking, hosts)
    choice, here = hosts.choice, {piece.served for piece in build.found}
    files = tuple(one for one in choice.inside if one not in here)
    found: list[Piece] = []
    if (shard := build.options.shard) is not None:
        _bring_share(build, shard.share(files), hosts, choice.lost)
        raise ShardDone
    coming = bring_all(build, files, hosts, choice.lost, has_more=bool(here), inside=choice.inside)
    with closing(coming):
        for one, got in coming:
            with forget_unpinned(build, choice.served):
                if isinstance(got, far.Unpacked):
                    found.append(far.take_in(build, got))
                else:
                    found.append(make_piece(build, one, got, choice.inside[one]))
    if build.selections and not any(piece.files for piece in (*build.found, *found)):
        raise nothing_is_in(build.name, build.selections)
    return _fill_pointers(build, found, hosts)


def _bring_share(
    build: Build,
    files: Sequence[RemoteFile],
    hosts: Hosts,
    lost: Mapping[RemoteFile, CovcatError],
) -> None:
    """Bring some files, which wait for the others."""
    with closing(bring_all(build, files, hosts, lost, has_more=True)) as coming:
        came = sum(1 for _ in coming)
    what = f"shard {build.options.shard}: {plural(came, 'file')} here, and waiting for the others"
    build.say(f"{what}; then, without --shard: covcat fetch {quote(build.name)}")


def _bring_lacking(build: Build, lacking: Lacking, hosts: Hosts) -> list[Piece]:
    """Bring what no earlier source had of it.

    Where the single files of a repository do not come, they are taken from its archive.
    """
    here = {f"files/{one.path}" for piece in build.found for one in piece.files}
    here |= {piece.transfer.archive or "" for piece in build.found}
    left, found = {path: was for path, was in lacking.items() if path not in here}, list[Piece]()
    archive = replace(hosts.context, by_file=False)
    try:
        _take(build, left, found, hosts, hosts.context)
    except CovcatError as error:
        came_not = all(isinstance(e, NetworkError | ActionNeededError) for e in each_of(error))
        # with the option, the archive was what was asked for first
        if not came_not or archive == hosts.context or build.options.by_file:
            raise
        build.say(f"{error.message}; taking what is lacking from the archive")
        try:
            _take(build, left, found, hosts, archive)
        except NetworkError as other:
            cause = f"nor did its files come one by one: {error.message}"
            raise NetworkError(other.message, cause=cause, hint=other.hint) from error
    return found


def _take(
    build: Build,
    left: dict[str, StoredFile | None],
    found: list[Piece],
    hosts: Hosts,
    context: HostContext,
) -> None:
    """Take single files by their paths, then open one archive after the other.

    What comes goes from `left` to `found`. It is unpacked aside: an archive that is kept has files
    too that are here.
    """
    if not left:
        return
    parents = {f"{one}/" for path in left for one in PurePosixPath(path).parents}
    served = hosts.opened(
        [
            one
            for one in list_files(build.release.files, context)
            if one.unpack != SERIES or {f"{top}/{one.folder}" for top in _TOPS} & parents
        ]
    )
    archives = [one for one in served if one.unpack != "none"]
    single = [one for one in served if one.unpack == "none" and _places(one) & left.keys()]
    for files in [single, *([one] for one in sorted(archives, key=lambda one: -len(one.folder)))]:
        if files is not single:
            own, below = _places(files[0]), f"files/{files[0].folder}"
            if not any(path in own or path.startswith(below) for path in left):
                continue
        with closing(bring_all(build, files, hosts)) as coming:
            for one, got in coming:
                with forget_unpinned(build, files):
                    aside = replace(build, folder=build.workshop / f"again-{len(found)}")
                    piece = _make_lacking(aside, left, one, got)
                    (piece,) = _fill_pointers(aside, [piece], hosts)
                found.append(piece)
                paths = [f"files/{stored.path}" for stored in piece.files]
                archive = piece.transfer.archive
                for path in [*paths, archive] if archive in left else paths:
                    put(aside.folder / path, build.folder / path)
                    del left[path]


def _places(one: RemoteFile) -> set[str]:
    """Return where a file is in the release folder, as it is served."""
    return {f"files/{one.folder}{one.name}", f"archives/{one.path}"}


def _make_lacking(build: Build, lacking: Lacking, served: RemoteFile, got: Download) -> Piece:
    """Unpack what is lacking of a download; all of an archive that is lacking itself."""
    keeps = f"archives/{served.path}" in lacking
    has_members = any(path.startswith(f"files/{served.folder}") for path in lacking)
    with disk_errors("make a folder for what comes again"):
        make_folder(build.folder / "files")
    options = Options(extract=has_members, keep_archives=keeps)
    piece = make_piece(
        replace(build, options=options, lacking=None if keeps else lacking), served, got
    )
    files = tuple(one for one in piece.files if f"files/{one.path}" in lacking)
    return replace(piece, files=files)


def _fill_pointers(build: Build, pieces: list[Piece], hosts: Hosts) -> list[Piece]:
    """Return the pieces with each pointer replaced by its content, which came and was verified.

    A pointer whose content is lost, and may be, is no file of the release.
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
    filled, top = list(pieces), build.folder / "files"
    with closing(bring_all(build, tuple(found), hosts, has_more=True)) as coming:
        for target, got in coming:
            number, stored = found[target]
            with disk_errors(f"write `{stored.path}`"):
                (top / stored.path).unlink()
                link_or_copy(got.path, top / stored.path)
            piece, transfer = filled[number], filled[number].transfer
            new = replace(stored, bytes=got.bytes, sha256=got.sha256, lfs=True)
            if not transfer.is_archive:  # the pointer came by itself: its content is recorded
                come = ("url", "final_url", "bytes", "sha256")
                transfer = replace(transfer, **{key: getattr(got, key) for key in come})
            files = tuple(new if one.path == new.path else one for one in piece.files)
            filled[number] = replace(piece, transfer=transfer, files=files)
    for target in found.keys() & set(build.lost):
        number, stored = found[target]
        with disk_errors(f"drop `{stored.path}`"):
            (top / stored.path).unlink()
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
