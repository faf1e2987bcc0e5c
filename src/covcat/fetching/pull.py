"""A release from a copy in a place: its own record, and every file that this names.

What a run brought that was broken off waits below `partial/`, and is hashed again before it is
taken; a file has its final name only in a release that is whole.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

from covcat.catalog.entries import BROUGHT
from covcat.errors import IntegrityError, NotFoundError
from covcat.fetching.base import Build, Piece, Run, record_given
from covcat.fetching.build import check_room, make, record_of
from covcat.fetching.choose import Hosts
from covcat.fetching.plan import Options
from covcat.fetching.repair import find_release
from covcat.fetching.run import settle_waiting
from covcat.files import Heard, StoredFile, disk_errors, hashed, link_or_copy, make_folder
from covcat.hosts.base import alone
from covcat.store import manifest
from covcat.store.folder import PULLED
from covcat.store.manifest import Manifest
from covcat.store.remote.crew import Crew
from covcat.store.remote.place import Place
from covcat.store.verify import against_catalog
from covcat.store.waiting import Waiting

_COMING = ".coming"  # ends the name of one that is not whole


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
        NotFoundError: neither the place nor the catalog may lack it.
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
    listing = run.catalog.listing(resource, release)
    if release is not BROUGHT:
        against_catalog(record, release, listing)
    store.prepare()
    store.sweep()
    settle_waiting(store)
    waiting = f"{name}: another covcat is fetching it; waiting"
    with store.lock(name, lambda: run.progress.note(waiting)):
        store.check_free(resource_id, release_id)
        before = record_of(folder, mends=False)
        has_less = before is not None and _check_more(before, record, place)
        if before is None or has_less:
            build = Build(
                run=run,
                resource=resource,
                release=release,
                options=Options(),
                waiting=Waiting(store.partial(resource_id, release_id)),
                listing=listing,
                before=before,
            )
            waits = sum(dict(store.waiting()).get(name, []))
            check_room(record.total_bytes - waits, store)
            source = partial(pieces, place=place, record=record)
            make(build, [source], lambda *_: record)
        came = record.total_files if before is None or has_less else 0
        return Pulled(manifest.data_folder(folder), record, came)


def _check_more(here: Manifest, there: Manifest, place: Place) -> bool:
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
    crew, progress = Crew(place.jobs), build.run.progress
    waiting = build.waiting.folder / PULLED
    with disk_errors("make folders for what comes"):
        make_folder(waiting)
        for parent in {(build.folder / one.path).parent for one in record.files}:
            make_folder(parent)
        for left in waiting.glob(f"*{_COMING}"):  # of a run that was killed
            left.unlink(missing_ok=True)
    task = progress.start(build.name, record.total_bytes)

    def heard(size: int) -> None:
        crew.check()
        progress.advance(task, size)

    def bring(numbered: tuple[int, StoredFile]) -> None:
        number, file = numbered
        here = waiting / f"{number}-{file.sha256[:16]}"
        if not _is_right(here, file, heard):
            key = f"{record.resource}/{record.release}/{file.path}"
            _bring(place, key, file, here, heard)
        with disk_errors(f"write `{file.path}`"):
            link_or_copy(here, build.folder / file.path)

    try:
        crew.do(bring, enumerate(record.files))
    finally:
        progress.finish(task)
        with suppress(OSError):  # something waits there
            waiting.rmdir()
            waiting.parent.rmdir()
    served = alone(build.first_file, "files")
    return [Piece(served, record_given(build, served, "files", record.files), record.files)]


def _is_right(path: Path, file: StoredFile, heard: Heard) -> bool:
    """Tell if an earlier run brought it, by all its bytes."""
    with suppress(OSError):  # it is not here, or cannot be read: it comes again
        if path.stat().st_size == file.bytes and hashed(path, file).sha256 == file.sha256:
            heard(file.bytes)
            return True
    return False


def _bring(place: Place, key: str, file: StoredFile, target: Path, heard: Heard) -> None:
    found, size = hashlib.sha256(), 0
    coming = target.with_name(f"{target.name}.{os.urandom(4).hex()}{_COMING}")
    with disk_errors(f"write `{file.path}`"):
        try:
            with coming.open("xb") as stream:
                for data in place.stream(key):
                    found.update(data)
                    stream.write(data)
                    size += len(data)
                    heard(len(data))
                    if size > file.bytes:
                        break
            if found.hexdigest() != file.sha256:
                raise IntegrityError(
                    f"`{place.address}/{key}` is not what its manifest says: {file.bytes} bytes "
                    f"with sha256 {file.sha256}, got {size} with {found.hexdigest()}",
                    hint=f"covcat verify --at {quote(place.address)} names all that is wrong",
                )
            coming.replace(target)
        finally:
            coming.unlink(missing_ok=True)
