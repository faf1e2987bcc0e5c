"""One release: built aside of what its sources have, verified, recorded, and published whole."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from covcat import files as disk
from covcat.archives.base import LockedError
from covcat.archives.tools import check_rar_tool
from covcat.catalog import selection
from covcat.catalog.entries import Release, Resource
from covcat.catalog.listing import Listing
from covcat.catalog.selection import Selection
from covcat.download.http import Web
from covcat.download.remote import RemoteFile
from covcat.errors import (
    BrokenError,
    CovcatError,
    DiskError,
    ExtractionError,
    IntegrityError,
    LackingError,
    NetworkError,
    each_of,
)
from covcat.fetching import expected, locked, place
from covcat.fetching.base import Build, Piece, Run
from covcat.fetching.choose import Hosts
from covcat.fetching.plan import Options
from covcat.fetching.prove import prove
from covcat.files import disk_errors, make_folder
from covcat.progress import Silent
from covcat.store import lockfile, manifest, verify
from covcat.store.folder import CLOSED, MANIFEST, Store
from covcat.store.manifest import Manifest
from covcat.store.waiting import Waiting
from covcat.text import plural, took

WORDS = {
    "md5": "md5 is weak: it shows accidents, not attacks",
    "host-md5": "only its host says what it should be, by md5",
    "md5-prefix": "only the first digits of its digest are published: that is weak",
    "first-use": "no digest of it was at hand to compare; its sha256 is recorded from now on",
    "unknown-length": "neither its length nor a digest of it is known: what came may be a part "
    "of it that was cut off; its sha256 is recorded from now on",
}


Record = Callable[[Build, list[Piece]], Manifest]  # verifies what came, and says what it is
Source = Callable[[Build, Hosts], Iterable[Piece]]
"""Puts files of a release in their places in `Build.folder`, and says how each came.

What is in `Build.found` earlier sources had. Raises CovcatError where what it has is not what it
should be.
"""


def build(
    run: Run,
    resource: Resource,
    release: Release,
    options: Options,
    sources: Sequence[Source],
    *,
    mends: bool = False,
) -> Path:
    """Make a release, or more of it than is here, of what `sources` have; return its data.

    With `mends` it may replace files of it that were changed on disk. After an error what is here
    is as it was.
    """
    store, since = run.store, time.monotonic()
    store.check_free(resource.id, release.id)
    before = record_of(store.release(resource.id, release.id), mends=mends)
    if before is not None:  # what asks for more keeps what there was: files stay, archives stay
        extract = options.extract or before.form == "files"
        archives = options.wants_archives or any(one.archive for one in before.downloads)
        options = replace(options, extract=extract, keep_archives=archives)
    listing = run.catalog.listing(resource, release)
    series = run.catalog.series(resource, release)
    waits = sum(dict(store.waiting()).get(f"{resource.id}@{release.id}", []))
    coming = expected.of(release, options, listing, before, series)
    check_room(coming.peak_bytes - waits, store)
    nested = [glob.lower() for file in release.files for glob in file.nested]
    is_rar = any(file.unpack == "rar" for file in release.files)
    if options.extract and (is_rar or any(glob.endswith(".rar") for glob in nested)):
        check_rar_tool()  # before anything of it is downloaded
    one = Build(
        run=run,
        resource=resource,
        release=release,
        options=options,
        waiting=Waiting(store.partial(resource.id, release.id), str(options.shard or "")),
        listing=listing,
        series=series,
        before=before,
        selections=join_selections(options, listing, before),
        about=None if options.asked else coming.guide_bytes,  # an archive comes whole
    )
    made = make(one, sources, record_anew)
    _say(one, made, time.monotonic() - since)
    return store.release(resource.id, release.id) / made.form


def join_selections(
    options: Options, listing: Listing | None, before: Manifest | None
) -> tuple[Selection, ...]:
    """Return what was here in part and what is asked for; nothing, if both are everything."""
    selections: tuple[Selection, ...] = ()
    if options.asked and (before is None or before.selection):
        earlier = map(Selection.read, before.selection if before else ())
        selections = selection.without_repeats((*earlier, *options.asked))
    if listing is not None and all(map(selection.wanted(selections, listing), listing)):
        return ()
    return selections


def make(build: Build, sources: Sequence[Source], record: Record) -> Manifest:
    """Let each source put in its place what it has, and give the whole its name by one rename.

    The order is that of a crash: nothing is seen before it is whole.
    """
    store = build.run.store
    build.waiting.settle(is_whole=False)  # of a try that could not publish
    with store.workshop() as workshop:
        build = replace(build, workshop=workshop, folder=workshop / "release")
        with disk_errors("make the release's folder"):
            make_folder(build.folder / "files")
        pieces = _collect(build, sources)
        with forget_unpinned(build, [piece.served for piece in pieces]):
            found = record(build, pieces)
        with disk_errors("write the manifest"):
            if found.form == "archives":
                (build.folder / "files").rmdir()
        manifest.write(build.folder, found)
        build.waiting.close()
        store.publish(build.folder, build.resource.id, build.release.id)
    build.waiting.clear()
    return found


def _collect(build: Build, sources: Sequence[Source]) -> list[Piece]:
    """Ask the sources in their order; an archive that breaks off is asked for file by file."""
    try:
        return _ask(build, sources)
    except CovcatError as broken:
        if not any(isinstance(one, BrokenError) for one in each_of(broken)):
            raise
        build.run.progress.note(f"{broken.message}; asking for its files one by one")
        with disk_errors("make the release's folder anew"):
            shutil.rmtree(build.folder)
            make_folder(build.folder / "files")
        try:
            return _ask(replace(build, options=replace(build.options, by_file=True)), sources)
        except CovcatError as error:
            if error.code != broken.code:
                raise
            raise NetworkError(
                broken.message,
                cause=f"nor did its files come one by one: {error.message}",
                hint=broken.hint,
            ) from error


def _ask(build: Build, sources: Sequence[Source]) -> list[Piece]:
    build.found.clear()
    build.lost.clear()
    with closing(Web(build.run.network)) as web:
        hosts = Hosts(build, web)
        for source in sources:
            build.found.extend(source(build, hosts))
    return list(build.found)


@contextmanager
def forget_unpinned(build: Build, served: Iterable[RemoteFile]) -> Iterator[None]:
    """Where what came is refused, let nothing of it wait that no pin vouches for."""
    try:
        yield
    except LackingError:  # all else of it was as pinned: --allow-missing can keep that
        build.waiting.set_apart(served)
        raise
    except LockedError as error:  # a wrong word is likelier than damage, and need cost no transfer
        if error.is_wrong and build.waiting.holds_unpinned(served):
            again = f"covcat remove {build.name} --partial, and fetch it again"
            error.hint = f"{error.hint}; if the password is right: {again}"
        raise
    except (ExtractionError, IntegrityError):
        build.waiting.forget(served)
        raise


def record_anew(build: Build, pieces: list[Piece]) -> Manifest:
    """Compare all pieces with all that is pinned, and return the record of what they are."""
    options = build.options
    if options.locked is not None and not options.locked.is_whole and options.extract:
        pieces = locked.leave_out(build, pieces, options.locked)
    found = prove(build, pieces)
    before = build.before.files if build.before and options.extract else ()
    here = {one.path for one in before if one.path.startswith("files/")}
    if fewer := sorted(here - {one.path for one in found.files}):
        raise IntegrityError(
            f"what came of `{build.name}` lacks {plural(len(fewer), 'file')} of what is here",
            details=fewer,
            hint="what is here was kept as it is; to take what is served now instead, first: "
            f"covcat remove {build.name}",
        )
    is_listed = build.listing is not None  # and so says what was in them
    lost = () if is_listed else [one.path for one in build.lost]
    record = manifest.made(
        build.resource,
        build.release,
        found.transfers,
        [*found.files, *place.kept_archives(found.transfers)],
        (*found.missing, *lost),
        "files" if options.extract else "archives",
        tuple(map(str, build.selections)),
    )
    if options.locked and (lines := lockfile.differences(options.locked, record)):
        name = options.locked.name
        raise IntegrityError(
            f"`{name}` is not what the lock names",
            details=lines,
            hint=f"`covcat fetch {name}` takes what is offered now; then `covcat lock {name}` pins "
            "that",
        )
    return record


def _say(build: Build, record: Manifest, seconds: float) -> None:
    part = f" ({'; '.join(record.selection)})" if record.selection else ""
    kinds = dict.fromkeys(
        f"git tree {one.tree}" if one.verified_by == "git-tree" else one.verified_by
        for one in record.downloads
    )
    files, proof = plural(record.total_files, "file"), ", ".join(kinds)
    build.say(f"{files}{part}, verified by {proof}{took(seconds)}")
    for kind in dict.fromkeys(one.verified_by for one in record.downloads):
        if kind in WORDS:
            build.say(f"warning: {WORDS[kind]}")
    if record.missing:
        lacking = plural(len(record.missing), "file")
        build.say(f"{lacking} missing, as allowed; manifest.json names each")


def record_of(folder: Path, *, mends: bool) -> Manifest | None:
    """Return the record of what is here, which must hold nothing of the user's own."""
    if not (folder / MANIFEST).is_file():
        return None
    record = manifest.load(folder)
    checked = verify.checked(folder, record, Silent(), quick=True)
    found = checked.findings
    check_ours(folder, (*found.extra, *checked.litter))
    if found.changed and not mends:
        name = f"{record.resource}@{record.release}"
        raise IntegrityError(
            f"`{name}` is here, and not as it was fetched: what was changed would be lost",
            details=found.changed,
            hint=f"keep a copy of it elsewhere, then covcat verify {name} --repair",
        )
    return record


def settle_waiting(store: Store) -> None:
    """Put in order what runs left that were killed while they published a release."""
    for folder in store.closing():
        name = folder.name.removesuffix(CLOSED)
        resource_id, _, release_id = name.partition("@")
        with store.lock_at_once(name) as is_mine:
            if is_mine is not False:
                is_whole = (store.release(resource_id, release_id) / MANIFEST).is_file()
                Waiting(folder.with_name(name)).settle(is_whole=is_whole)


def check_ours(folder: Path, beside: Iterable[str]) -> None:
    """Refuse to replace a release folder with files of the user's own `beside` the data."""
    if names := verify.missed(beside):
        raise DiskError(
            f"`{folder}` holds files that covcat did not put there",
            hint="move them away, then run the same command again",
            details=names,
        )


def check_room(needed: int, store: Store) -> None:
    """Refuse what cannot fit."""
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    disk.check_room(needed, free, f"in `{store.folder}`", disk.MORE_SPACE)
