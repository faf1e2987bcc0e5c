"""The image index of a release: its files and label tables -> image records, in SQLite.

The file lies beside the manifest, or in the cache of a user who may not write there. It is made
anew when the manifest, the catalog's entry or covcat's own rules change, or when its seal is
broken. Rows are written as they are read: a million need little
more memory than ten.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote

from covcat import seal
from covcat.beside import build_beside
from covcat.catalog import matching
from covcat.catalog.entries import BROUGHT, LabelTable, Release, Resource
from covcat.catalog.load import Catalog
from covcat.catalog.selection import matches
from covcat.catalog.yaml import packaged_catalog
from covcat.errors import DiskError, IntegrityError, NotFoundError
from covcat.files import FILE_MODE, IS_WINDOWS, disk_errors, hashed
from covcat.imaging import build
from covcat.imaging.build import tables_of
from covcat.imaging.checked import IndexOrigin
from covcat.imaging.opening import Index, open_index
from covcat.progress import Progress
from covcat.store import cached, overlaps
from covcat.store.folder import INDEX, Store
from covcat.store.manifest import load, raw

__all__ = ["VERSION", "Index", "here", "index_of"]

VERSION = "14"  # of what covcat makes of the same files
_TRIES = 3  # while another process changes the release
_NO_ENTRY = (errno.EACCES, errno.EPERM, errno.EROFS)


def here(
    catalog: Catalog, store: Store, names: Sequence[str] = ()
) -> list[tuple[Resource, Release]]:
    """Return the releases on disk that are named, `ID` or `ID@RELEASE`; by default all."""
    lying = {(one, release) for one, release, _ in store.releases()}
    if names:
        named = [_named(catalog, store, name, lying) for name in names]
        return list({(one.id, release.id): (one, release) for one, release in named}.values())
    pairs = [(one, release) for one in catalog.resources for release in _releases(one).values()]
    if found := [(one, release) for one, release in pairs if (one.id, release.id) in lying]:
        return found
    raise NotFoundError(
        f"nothing of the catalog is in `{store.folder}`", hint="covcat fetch figure1"
    )


def _releases(resource: Resource) -> dict[str, Release]:
    """Return by id what may be here of a resource: its releases, and what a person brought."""
    return {one.id: one for one in (*resource.releases, BROUGHT)}


def _named(
    catalog: Catalog, store: Store, name: str, lying: set[tuple[str, str]]
) -> tuple[Resource, Release]:
    """Take of an ID the default release, or the newest other one that is here."""
    id, at, wanted = name.partition("@")
    is_brought = bool(id) and wanted == BROUGHT.id
    resource, release = catalog.find(id if is_brought else name)
    known = [one for one in _releases(resource).values() if (resource.id, one.id) in lying]
    if is_brought:
        release = BROUGHT
    elif not at and release not in known:
        release = known[-1] if known else None
    if release is not None and release in known:
        return resource, release
    is_for_browsing = is_brought or resource.default_release is None
    hint = f"covcat import {quote(id)} FILE…" if is_for_browsing else f"covcat fetch {quote(name)}"
    raise NotFoundError(f"`{name}` is not in `{store.folder}`", hint=hint)


def index_of(resource: Resource, release: Release, store: Store, progress: Progress) -> Index:
    """Return the index of a release that is here, made now if it is not up to date.

    Raises:
        IntegrityError: the manifest or a label table is damaged; its hint is None if the tables
            are as they were recorded, so that `verify` would find nothing.
    """
    folder = store.release(resource.id, release.id)
    for _ in range(_TRIES):
        origin = _origin_of(folder, resource, release)
        own = cached.file_of(folder, "index")
        for place in (folder / INDEX, own if own is not None and cached.is_own(own) else None):
            if place is not None and (known := open_index(place, origin)) is not None:
                return known
        progress.note(f"{origin.name}: making its image index")
        try:
            with _workshop(store, folder) as (workshop, place):
                path = workshop / INDEX
                path.touch(mode=FILE_MODE)  # sqlite would let only its maker write
                build.write(path, origin.key, resource, release, folder, progress)
                seal.append(path)
                if IS_WINDOWS:  # moves nothing that is open
                    path = path.replace(place)
                # opened before anybody can remove it; None if it is not of `origin`
                if (made := open_index(path, origin)) is not None:
                    if not IS_WINDOWS:
                        path.replace(place)
                    made.path = place
                    return made
        except IntegrityError as error:
            hint = error.hint
            if hint is None and _is_altered(tables_of(resource, release), folder):
                hint = f"covcat verify {origin.name}"
            text = f"{origin.name}: {error.message}"
            raise type(error)(text, cause=error.cause, hint=hint, details=error.details) from error
    raise DiskError(
        f"cannot make the image index of {resource.id}@{release.id}: the release changes "
        "while it is read",
        hint="run the same command again when nothing else works on it",
    )


@contextmanager
def _workshop(store: Store, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give a private folder to build in, and the place of the index: beside the manifest.

    Who may only read that has it in a cache of their own.
    """
    place, doing = folder / INDEX, f"put the image index into `{folder}`"
    with ExitStack() as held:
        try:
            with disk_errors(doing):
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, "", str(folder))
            store.prepare()
            workshop = held.enter_context(store.workshop())
        except DiskError as error:
            own = cached.file_of(folder, "index")
            if own is None or getattr(error.__cause__, "errno", None) not in _NO_ENTRY:
                raise
            place, doing = own, f"put the image index into `{own}`"
            try:
                workshop = held.enter_context(build_beside(own, None))
            except DiskError as other:
                other.hint = "set XDG_CACHE_HOME to a folder that you may write to"
                raise other from error
        with disk_errors(doing):
            yield workshop, place


def _is_altered(tables: Iterable[LabelTable], folder: Path) -> bool:
    """Tell if the manifest or a label table is not as it was recorded."""
    globs = [f"files/{one.path}" for one in tables if one.reader not in matching.OF_IMAGES]
    try:
        files = [one for one in load(folder).files if matches(one.path, globs)]
        with disk_errors("read a label table"):
            return any(hashed(folder / one.path, one).sha256 != one.sha256 for one in files)
    except (IntegrityError, DiskError):
        return True


def _origin_of(folder: Path, resource: Resource, release: Release) -> IndexOrigin:
    """Return what an index of the release is made of now."""
    words = packaged_catalog() / "vocabulary" / "terms.yaml"
    manifest, tables = raw(folder), tables_of(resource, release)
    states = set()  # size and time of the tables: somebody may have mended one by hand
    with disk_errors("read the label tables"):
        for table in tables:
            place, _, name = table.path.rpartition("/")
            if table.reader in matching.OF_IMAGES or set(place) & set("*?["):
                continue
            with suppress(OSError), os.scandir(folder / "files" / place) as entries:
                for one in entries:
                    if fnmatchcase(one.name, name):
                        state = one.stat()
                        states.add((f"{place}/{one.name}", state.st_size, state.st_mtime_ns))
        parts = [
            VERSION.encode(),
            manifest,
            words.read_bytes(),
            repr((tables, resource.pictures, resource.license)).encode(),
            repr(sorted(states)).encode(),
            overlaps.known(folder),
        ]
    whole = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
    return IndexOrigin(resource.id, release.id, whole.hexdigest(), manifest, folder)
