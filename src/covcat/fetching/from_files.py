"""What a person downloaded by hand -> the files of a release, in their places.

A release with a listing is recognised by the contents of its files, however they were packed, and
what is here of it already is one more source; another by the paths of its files, by the digests
that the catalog pins or its host names, else by their names.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from covcat.archives.volumes import Archive, VolumeSet, archives_of, grouped
from covcat.catalog import selection
from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.listing import ListedFile, Listing
from covcat.digests import PINNED, Digests
from covcat.download.remote import Download, RemoteFile, compared
from covcat.errors import (
    ActionNeededError,
    ExtractionError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    UsageError,
)
from covcat.fetching import brought, folders, match, plan, recorded, volumes_given
from covcat.fetching.base import Build, Piece, is_repository, page_of, record_given
from covcat.fetching.brought import GivenFile, GivenPath
from covcat.fetching.choose import Hosts
from covcat.fetching.match import Pairs
from covcat.fetching.place import is_pinned, make_piece
from covcat.files import StoredFile, disk_errors, link_or_copy, make_folder
from covcat.hosts import list_files
from covcat.hosts.base import one_of, remote_file
from covcat.names import is_litter, split
from covcat.store import compare
from covcat.store.manifest import data_files, now
from covcat.text import plural


def pieces(build: Build, hosts: Hosts, *, sources: Sequence[GivenPath]) -> list[Piece]:
    """Put what was given in its places."""
    brought.say_what_is_left_out(build, sources)
    if build.listing is not None:
        sources = volumes_given.put_together(build, sources, build.listing)
        found = _by_contents(build, build.listing, sources)
    else:
        for source in sources:
            if litter := len(source.everything) - len(source.files):
                what = f"{plural(litter, 'file')} that desktops left in `{source.name}`"
                build.say(f"{what} left out")
        known = _known(build, hosts)
        if known or build.first_file.unpack != "none":
            own = [one.path for one in known or ()]
            inside = [volumes_given.put_together_inside(build, one, own) for one in sources]
            sources = volumes_given.put_together(build, inside, own)
        if known is None:
            found = [piece for source in sources for piece in _as_it_is(build, source)]
        else:
            found = _by_name(build, known, sources)
        found = folders.put_right(build, _as_before(build, found))
        names = (one.path for piece in found for one in piece.files)
        match.check_no_pointers(build, ((name, build.folder / "files" / name) for name in names))
    for source in sources:
        brought.check_unchanged(source.path, source.stamp)
    # a release may only grow: every file that is here must be in the new one, as it is
    there = {(f"files/{one.path}", one.sha256) for piece in found for one in piece.files}
    there |= {(piece.transfer.archive or "", piece.transfer.sha256) for piece in found}
    before = build.before.files if build.before else ()
    if lost := [one.path for one in before if (one.path, one.sha256) not in there]:
        raise _would_lose(build, "file", lost)
    return found


def lacking(build: Build, hosts: Hosts, *, sources: Sequence[GivenPath]) -> list[Piece]:
    """Put those of what is lacking in their places that were given, known by their contents."""
    del hosts  # nobody is asked
    rows = {path: _row(build, path, was) for path, was in (build.lacking or {}).items()}
    is_git = build.before is None and is_repository(build.release)  # a record names what is meant
    sources = volumes_given.put_together(build, sources, rows, may_lack=True)
    found, pairs = list[GivenFile](), Pairs()
    ways: list[Callable[[], Iterable[GivenFile]]] = [
        partial(brought.read_given, build, [one], rows) for one in sources
    ]
    while ways and len(pairs) < len(rows):
        try:
            came = [*ways.pop(0)()]
        except ExtractionError as error:  # of one archive among others, perhaps
            cause = f" ({error.cause})" if error.cause else ""
            build.say(f"{error.message}{cause}: nothing of it is taken")
            continue
        if came:
            lying = {one.path: one for one in came}
            groups = ([lying[path] for path in group] for group in grouped(lying))
            ways += [partial(brought.unpack_inside, build, group) for group in groups]
            found += came
            pairs = match.pair_by_contents(rows, found, is_git=is_git)
    placed = _place(build, build.folder, rows, pairs)
    for source in sources:
        brought.check_unchanged(source.path, source.stamp)
        if not any(pair.found.source is source for pair in pairs.values()):
            build.say(f"nothing of `{source.name}` is what is damaged or missing")
    if placed:
        build.say(f"{plural(len(placed), 'file')} taken of what was given")
    files = data_files(placed.values())
    served = remote_file(build.first_file, "files")
    given = [Piece(served, record_given(build, served, "files", files), files)]
    for path, one in placed.items():
        if path.startswith("archives/"):
            transfer = replace(given[0].transfer, bytes=one.bytes, sha256=one.sha256)
            given.append(Piece(served, replace(transfer, archive=path), ()))
    return given


def _row(build: Build, path: str, was: StoredFile | None) -> ListedFile:
    """Return what a file that is lacking must be: as it was recorded, else as it is listed."""
    if was is not None:
        return ListedFile(path, was.mode, was.blob, was.bytes, was.sha256)
    return replace((build.listing or {})[path.removeprefix("files/")], path=path)


def _as_before(build: Build, found: list[Piece]) -> list[Piece]:
    """Where no listing decides, take only the very same again; what was verified stays so."""
    if build.before is None:
        return found
    now_here = {(piece.transfer.entry, piece.transfer.sha256) for piece in found}
    pinned = {  # by the catalog's own word, however it is packed
        piece.transfer.entry
        for piece in found
        if (isinstance(piece.file, GitHubFile) and piece.file.tree is not None)
        or piece.transfer.verified_by in PINNED
    }
    earlier = {(one.entry, one.sha256): one for one in build.before.downloads}
    lost = [
        one.name for key, one in earlier.items() if key not in now_here and one.entry not in pinned
    ]
    if lost:
        raise _would_lose(build, "download", lost)
    same = []
    for piece in found:
        transfer = piece.transfer
        one = earlier.get((transfer.entry, transfer.sha256))
        if one is not None and transfer.verified_by == "first-use":
            transfer = replace(transfer, verified_by=one.verified_by)
        same.append(replace(piece, transfer=transfer))
    return same


def _would_lose(build: Build, what: str, names: list[str]) -> IntegrityError:
    return IntegrityError(
        f"`{build.name}` is here already, and what was given has not all of it: it would lose "
        f"{plural(len(names), what)} now here",
        hint=f"covcat fetch {build.name}; or move `{build.here}` away first",
        details=[f"would be lost: {name}" for name in sorted(names)],
    )


def _by_contents(build: Build, listing: Listing, sources: Sequence[GivenPath]) -> list[Piece]:
    """Give each path of the listing the file that has its contents, given or here already."""
    here = recorded.find_sound(build)
    found = brought.read_given(build, sources, listing)
    is_git = is_repository(build.release)
    pairs = match.pair_by_contents(listing, [*here, *found], is_git=is_git)
    if len(pairs) < len(listing):
        used = {id(match.found) for match in pairs.values()}
        found += brought.unpack_inside(build, [one for one in found if id(one) not in used])
        pairs = match.pair_by_contents(listing, [*here, *found], is_git=is_git)
    if is_git:
        not_meant = ((path, one.found.path) for path, one in pairs.items() if not one.lfs)
        match.check_no_pointers(build, not_meant)
    if len(pairs) < len(listing):
        match.check_all(build, listing, pairs, found)
    files = _place(build, build.folder / "files", listing, pairs)
    kept = {path: files[path] for path in files if pairs[path].found.source is None}
    parts = recorded.keep(build, kept)
    for source in sources:
        own = tuple(files[path] for path in files if pairs[path].found.source is source)
        lying = [one.stored for one in found if one.source is source and not one.is_ours]
        inside = [one for one in lying if not is_litter(one.path)]
        if own:
            served = remote_file(recorded.file_of(build, 0), source.name)
            given = inside if source.is_folder else brought.read(source.path)
            transfer = record_given(build, served, source.name, given)
            archives = {id(one.padding): one.padding for one in found if one.source is source}
            for padding in filter(None, archives.values()):
                both = transfer.padding + padding if transfer.padding else padding
                transfer = replace(transfer, padding=both)
            parts.append(Piece(served, transfer, own))
    match.say_what_is_recognised(build, pairs, found)
    return _add_trees(build, parts) if len(pairs) == len(listing) else parts


def _place(build: Build, top: Path, listing: Listing, pairs: Pairs) -> dict[str, StoredFile]:
    """Give each file its place: link what is ours, copy what is the person's or was taken once."""
    files: dict[str, StoredFile] = {}
    linked: set[Path] = set()
    progress, size = build.run.progress, sum(one.found.stored.bytes for one in pairs.values())
    task = progress.start(f"writing {build.name}", size)
    try:
        for path, pair in pairs.items():
            one, row, target = pair.found, listing[path], top / path
            if one.is_ours and one.path not in linked:
                linked.add(one.path)
                with disk_errors(f"write `{path}`"):
                    make_folder(target.parent)
                    link_or_copy(one.path, target)
            elif brought.read(one.path, target=target).sha256 != one.stored.sha256:
                raise IntegrityError(f"`{one.path}` changed while it was read")
            blob = row.blob or (None if one.stored.lfs else one.stored.blob)
            files[path] = replace(one.stored, path=path, mode=row.mode, blob=blob, lfs=pair.lfs)
            progress.advance(task, one.stored.bytes)
    finally:
        progress.finish(task)
    return files


def _add_trees(build: Build, found: list[Piece]) -> list[Piece]:
    """Note the tree of a whole state, as if its archive had come."""
    file = build.release.files[0]
    if not isinstance(file, GitHubFile) or len(build.release.files) != 1:
        return found
    files = tuple(one for piece in found for one in piece.files)
    if file.tree and not found[0].transfer.is_archive:  # `prove` takes their tree from them alone
        found = [replace(piece, files=() if index else files) for index, piece in enumerate(found)]
    tree = compare.tree_of(files, file)
    return [
        replace(piece, transfer=replace(piece.transfer, tree=tree, keep=file.keep))
        if piece.transfer.is_archive
        else piece
        for piece in found
    ]


def _known(build: Build, hosts: Hosts) -> list[RemoteFile] | None:
    """Return the files that the release should have; None where nobody says.

    A host that cannot be asked is an error, and only --offline does without it.
    """
    files = build.release.files
    if not files:
        return None
    try:
        return hosts.opened(list_files(files, hosts.context))
    except NetworkError as error:
        if not build.run.network.offline:
            error.hint = (
                f"try again; covcat import {build.name} FILE… --offline takes what you "
                "give it, compared with nothing"
            )
            raise
        reason = error.message
    except ActionNeededError as error:
        reason = error.message
    build.run.progress.note(f"{reason}; what its host says of the files is not compared")
    return plan.named(files)


def _by_name(build: Build, known: list[RemoteFile], sources: Sequence[GivenPath]) -> list[Piece]:
    """Give each file of the release what has its path, digest or name; a lone one is the one."""
    if len(known) == 1 and len(sources) == 1:
        return [_only(build, known[0], sources[0])]
    lying = [one for source in sources for one in source.everything]
    if len(known) == 1:
        volumes_given.check_whole(build, known[0], lying)
    pairs = match.pair_by_name(known, lying)
    found, wrong = [], []
    for served, (_, path) in pairs:
        try:
            found.append(_verified(build, served, path))
        except IntegrityError as error:
            wrong.append(f"{served.path}: {error.message}")
    there, used = {served.path for served, _ in pairs}, {one for _, one in pairs}
    lost = [served for served in known if served.path not in there]
    names = {brought.printable(one[0]) for one in lying if one not in used}
    extra = tuple(sorted(name for name in names if not is_litter(name)))
    missing = () if build.options.allow_missing and found else tuple(one.path for one in lost)
    if wrong or missing:
        findings = compare.Findings(changed=tuple(wrong), missing=missing, extra=extra)
        hint = f"covcat import {build.name} --allow-missing keeps what is there"
        if build.before is not None:
            hint = f"covcat fetch {build.name}"
        compare.check_findings(findings, f"what was given is not `{build.name}`", hint)
    if extra:
        build.say(f"{plural(len(extra), 'file')} left out as none of the release's")
    build.lost.extend(lost)
    return found


def _only(build: Build, served: RemoteFile, source: GivenPath) -> Piece:
    """Take the one thing that was given for the one file that the release has."""
    if not source.is_folder:
        return _verified(build, served, source.path)
    pairs = match.pair_by_name([served], source.files)
    found = pairs[0][1][1] if pairs else _only_archive(source, served.file)
    if found:
        return _verified(build, served, found)
    if served.digests:
        raise NotFoundError(
            f"`{source.path}` does not hold `{served.name}`",
            hint="covcat import takes the archive as it was downloaded",
        )
    return _take_folder(build, source, served)


def _only_archive(source: GivenPath, file: AnyFile) -> Archive | None:
    """Return the archive that is all there is in a folder: what a person downloaded to."""
    if not source.is_folder or len(source.files) != 1 or file.unpack == "none" or file.is_set:
        return None
    ((_, path),) = source.files
    if isinstance(path, Path):
        archives_of([path])  # a volume without the others
    return path if brought.kind_of(path) else None


def _verified(build: Build, served: RemoteFile, path: Archive) -> Piece:
    """Compare a file with all that is known of it, then unpack it or give it its place."""
    stamp = brought.stamp(path)
    allows = is_pinned(served)  # what is given is compared with that before it is unpacked
    kind = brought.kind_of(path, allows_padding=allows) if served.unpack != "none" else None
    if served.unpack != "none" and kind is None:
        raise brought.no_archive(build, served, path)
    is_kept = kind is None or build.options.wants_archives
    volumes, first = (path, path.paths[0]) if isinstance(path, VolumeSet) else (None, path)
    if is_kept and volumes and volumes.cut_by != "pieces":
        raise UsageError(
            f"`{build.name}` keeps its archives: expected `{volumes.whole}` as one file",
            hint=split(str(volumes)).hint
            if volumes.cut_by == "zip"
            else f"covcat fetch {build.name}",
        )
    copy = build.workshop / f"copy-{os.urandom(4).hex()}" if is_kept else None
    kinds = [one.kind for one in served.digests]
    digests = brought.read(path, Digests(kinds, brought.size_of(stamp)), copy, f"copy `{path}`")
    page = page_of(build, served)
    got = Download(
        path=copy or first,
        name=served.name,
        url=page,
        final_url=page,
        mirror=None,
        bytes=digests.size,
        sha256=digests.sha256,
        md5=digests.hexdigest("md5"),
        verified_by=compared(served, served.digests, str(path), digests.size, digests.hexdigest),
        finished_at=now(),
        imported_from=brought.printable(volumes.whole if volumes else first.name),
    )
    served = replace(served, unpack=kind or served.unpack)
    piece = make_piece(build, served, got, volumes=None if copy else volumes)
    brought.check_unchanged(path, stamp)
    return piece


def _as_it_is(build: Build, source: GivenPath) -> list[Piece]:
    """Take what was given without anything to compare it with."""
    _check_safe_names(source)
    file = build.first_file
    if archive := _only_archive(source, file):
        return [_verified(build, remote_file(file, archive.name), archive)]
    if source.is_folder and build.release.files and not file.is_set:
        return [_take_folder(build, source, remote_file(file, source.name))]
    volumes_given.check_whole(
        build, remote_file(file, source.name), source.files if source.is_folder else ()
    )
    every = [(one_of(file, name, id="", size=None), path) for name, path in source.files]
    return [_verified(build, served, path) for served, path in every]


def _check_safe_names(source: GivenPath) -> None:
    """Refuse what would be taken only in part."""
    if source.unsafe:
        raise IntegrityError(
            f"`{source.name}` holds names that no release may have",
            hint="rename them, then run the same command again",
            details=source.unsafe,
        )


def _take_folder(build: Build, source: GivenPath, served: RemoteFile) -> Piece:
    """Take a folder for the archive that it was unpacked from."""
    _check_safe_names(source)
    volumes_given.check_whole(build, served, source.single)
    files: list[StoredFile] = []
    for name, path in source.single:
        if not is_litter(name) and not selection.matches(name, served.file.exclude):
            copy = brought.read(path, target=build.folder / "files" / f"{served.folder}{name}")
            files.append(StoredFile(path=name, bytes=copy.size, sha256=copy.sha256))
    if not files:
        raise IntegrityError(f"`{source.path}` has no files in it")
    transfer = record_given(build, served, source.name, files)
    placed = (replace(one, path=f"{served.folder}{one.path}") for one in files)
    return Piece(served, transfer, tuple(placed))
