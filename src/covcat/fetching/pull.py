"""A release from a copy in a place: its own record, and every file that this names.

What a run brought that was broken off waits below `partial/`, a large file's beginning too, and is
hashed again before it is taken; a file has its final name only in a release that is whole.
"""

import hashlib
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote

from covcat.catalog import selection
from covcat.catalog.entries import BROUGHT, Release, Resource
from covcat.catalog.listing import Listing
from covcat.catalog.selection import Selection
from covcat.errors import CovcatError, DiskError, IntegrityError, NotFoundError, StoppedError
from covcat.fetching import plan
from covcat.fetching.base import Build, Piece, Run, find_release, record_given
from covcat.fetching.build import check_room, join_selections, make, record_of, settle_waiting
from covcat.fetching.choose import Hosts
from covcat.fetching.plan import Options
from covcat.files import CHUNK, Heard, StoredFile, disk_errors, link_or_copy, make_folder
from covcat.hosts.base import remote_file
from covcat.store import lockfile, manifest
from covcat.store.folder import PULLED
from covcat.store.manifest import Manifest, data_files
from covcat.store.remote.place import Place
from covcat.store.remote.threads import StoreThreads
from covcat.store.verify import against_catalog
from covcat.store.waiting import Waiting
from covcat.text import plural


@dataclass(frozen=True, slots=True)
class Pulled:
    """The folder of a release's data, and how many of its files came now."""

    path: Path
    record: Manifest
    came: int


def pull(run: Run, place: Place, resource_id: str, release_id: str) -> Pulled:
    """Bring a release, if it is not here.

    Raises:
        IntegrityError: what lies there is not what its manifest or the catalog says; or it is less
            than what is here.
        NotFoundError: it is not whole there, or not in the catalog.
    """
    store, name = run.store, f"{resource_id}@{release_id}"
    record = place.record(resource_id, release_id)
    if record is None:
        raise NotFoundError(
            f"`{name}` is not whole at `{place.address}`: it has no manifest there",
            hint=f"covcat push {quote(place.address)} {quote(name)}, where the release is",
        )
    folder = store.release(resource_id, release_id)
    resource, release = find_release(folder, run.catalog)
    _check_pins(run, record, resource, release)
    store.prepare()
    store.sweep()
    settle_waiting(store)
    waiting = f"{name}: another covcat is fetching it; waiting"
    with store.lock(name, lambda: run.progress.note(waiting)):
        came = _bring_all(run, place, resource, release, record)
    return Pulled(manifest.data_folder(folder), record, came)


def from_mirror(run: Run, resource: Resource, release: Release, options: Options) -> bool:
    """Bring what is asked of a release from the copies that a mirror has; tell if it had that."""
    name = f"{resource.id}@{release.id}"
    try:
        place = Place(run.network.copies or "", run.network)
        record = place.record(resource.id, release.id)
        if record is None or (why := plan.lacking_of(manifest.as_held(record), options)):
            run.progress.note(f"{name}: {why if record else 'not whole'} at `{place.address}`")
            return False
        listing = _check_pins(run, record, resource, release)
        before = record_of(run.store.release(resource.id, release.id), mends=False)
        record = _narrowed(record, join_selections(options, listing, before), listing)
        lines = lockfile.differences(options.locked, record) if options.locked else ()
        if lines:
            raise IntegrityError(f"`{name}` at `{place.address}` is not what the lock names")
        came = _bring_all(run, place, resource, release, record)
    except (DiskError, StoppedError):
        raise
    except CovcatError as error:
        run.progress.note(f"{name}: {error.message}; asking its hosts")
        return False
    run.progress.note(f"{name}: {plural(came, 'file')} from `{place.address}`, as recorded there")
    return True


def _check_pins(run: Run, record: Manifest, resource: Resource, release: Release) -> Listing | None:
    listing = run.catalog.listing(resource, release)
    if release is not BROUGHT:
        against_catalog(record, release, listing)
    return listing


def _narrowed(
    record: Manifest, selections: Sequence[Selection], listing: Listing | None
) -> Manifest:
    """Return the record of a part of it."""
    if not selections:
        return record
    wants = selection.wanted(selections, listing or [one.path[6:] for one in record.files])
    inside = data_files(record.files)
    files = [replace(one, path=f"files/{one.path}") for one in inside if wants(one.path)]
    paths = {one.path for one in files}
    downloads = [
        replace(one, archive=None)
        for one in record.downloads
        if one.is_archive or f"files/{one.folder or ''}{one.name}" in paths
    ]
    return replace(
        record,
        files=tuple(files),
        downloads=tuple(downloads),
        selection=tuple(map(str, selections)),
        total_files=len(files),
        total_bytes=sum(one.bytes for one in files),
    )


def _bring_all(
    run: Run, place: Place, resource: Resource, release: Release, record: Manifest
) -> int:
    """Make the release of what its record names; return how many files came."""
    store, name = run.store, f"{resource.id}@{release.id}"
    store.check_free(resource.id, release.id)
    before = record_of(store.release(resource.id, release.id), mends=False)
    if before is not None and not _has_more(before, record, place):
        return 0
    build = Build(
        run=run,
        resource=resource,
        release=release,
        options=Options(),
        waiting=Waiting(store.partial(resource.id, release.id)),
        before=before,
    )
    check_room(record.total_bytes - sum(dict(store.waiting()).get(name, [])), store)
    make(build, [partial(pieces, place=place, record=record)], lambda *_: record)
    return record.total_files


def _has_more(here: Manifest, there: Manifest, place: Place) -> bool:
    """Tell if there is more of it there than here; refuse what would lose something."""
    known = {one.path: one.sha256 for one in there.files}
    lost = [one.path for one in here.files if known.get(one.path) != one.sha256]
    if lost:
        name = f"{here.resource}@{here.release}"
        raise IntegrityError(
            f"`{name}` is here with files that `{place.address}` has otherwise, or not",
            details=lost,
            hint=f"what is here was kept; to take the other in its place: covcat remove {name}",
        )
    return len(known) > here.total_files


def pieces(build: Build, hosts: Hosts, *, place: Place, record: Manifest) -> Iterable[Piece]:
    """Put every file in its place, hashed as it comes."""
    del hosts  # nobody is asked
    threads, progress = StoreThreads(place.jobs), build.run.progress
    waiting = build.waiting.folder / PULLED
    with disk_errors("make folders for what comes"):
        make_folder(waiting)
        for parent in {(build.folder / one.path).parent for one in record.files}:
            make_folder(parent)
    task = progress.start(build.name, record.total_bytes)

    def heard(size: int) -> None:
        threads.check()
        progress.advance(task, size)

    def bring(numbered: tuple[int, StoredFile]) -> None:
        number, file = numbered
        here = waiting / f"{number}-{file.sha256[:16]}"
        _bring(place, f"{record.resource}/{record.release}/{file.path}", file, here, heard)
        with disk_errors(f"write `{file.path}`"):
            link_or_copy(here, build.folder / file.path)

    try:
        threads.do(bring, enumerate(record.files))
    finally:
        progress.finish(task)
        with suppress(OSError):  # something waits there
            waiting.rmdir()
            waiting.parent.rmdir()
    served = remote_file(build.first_file, "files")
    return [Piece(served, record_given(build, served, "files", record.files), record.files)]


def _bring(place: Place, key: str, file: StoredFile, here: Path, heard: Heard) -> None:
    """Let a file be here: what is lacking of it comes, or all where what is here is no part."""
    with disk_errors(f"write `{file.path}`"):
        with suppress(FileNotFoundError):
            now = here.lstat()
            is_shared = now.st_nlink > 1 and now.st_size != file.bytes
            if is_shared or not stat.S_ISREG(now.st_mode):  # nothing that is elsewhere is written
                here.unlink()
        had, size, sha256 = _go_on(place, key, file, here, heard)
        if had and sha256 != file.sha256:
            heard(-size)
            here.unlink()
            _, size, sha256 = _go_on(place, key, file, here, heard)
        if sha256 != file.sha256:
            here.unlink()
            raise IntegrityError(
                f"`{place.address}/{key}` is not what its manifest says: {file.bytes} bytes "
                f"with sha256 {file.sha256}, got {size} with {sha256}",
                hint=f"covcat verify --at {quote(place.address)} names all that is wrong",
            )


def _go_on(
    place: Place, key: str, file: StoredFile, here: Path, heard: Heard
) -> tuple[int, int, str]:
    """Add what is lacking; return the bytes that were here before, and those and sha256 of all."""
    found = hashlib.sha256()
    with here.open("a+b") as stream:
        had = size = stream.tell()
        stream.seek(0)
        while had and (data := stream.read(CHUNK)):
            found.update(data)
            heard(len(data))
        for piece in place.stream(key, had) if had < file.bytes or not had else ():
            found.update(piece)
            stream.write(piece)
            size += len(piece)
            heard(len(piece))
            if size > file.bytes:
                break
    return had, size, found.hexdigest()
