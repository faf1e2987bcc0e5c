"""What lies beside the releases: parts, waiting files, staging, kept archives, image indexes."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from covcat import manifest, removing
from covcat.download.parts import Parts
from covcat.errors import CovcatError, DiskError
from covcat.files import disk_errors, link_or_copy, make_folder
from covcat.store import CLOSED, INDEX, STAGED, Store

Kind = Literal["part", "partial", "staging", "archives", "index"]
ALWAYS: tuple[Kind, ...] = ("part", "partial", "staging")  # pruned without being asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that could be deleted without losing a release."""

    kind: Kind
    name: str  # ID@RELEASE, or the name on disk
    path: Path
    files: int
    bytes: int
    age: float  # seconds since the newest of its files was written
    in_use: bool


def found(store: Store) -> list[Leftover]:
    """Return everything of each kind, by kind and name."""
    return [*_parts(store), *_partials(store), *_staging(store), *_of_releases(store)]


def _parts(store: Store) -> Iterator[Leftover]:
    if not store.parts.is_dir():
        return
    parts = Parts(store.parts)
    for path, is_free in parts.all():
        yield _measured("part", path.name, path, in_use=not is_free)


def _partials(store: Store) -> Iterator[Leftover]:
    for folder in sorted(store.partial("", "").parent.glob("*@*")):
        if folder.is_dir() and not folder.is_symlink():
            name = folder.name.removesuffix(CLOSED)
            yield _measured("partial", name, folder, in_use=_is_held(store, name))


def _staging(store: Store) -> Iterator[Leftover]:
    if not store.staging.is_dir():
        return
    for folder in sorted(store.staging.iterdir()):
        if STAGED.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            yield _measured("staging", folder.name, folder, in_use=_is_held(store, folder.name))


def _of_releases(store: Store) -> Iterator[Leftover]:
    for resource_id, release_id, folder in store.releases():
        name = f"{resource_id}@{release_id}"
        archives, index = folder / "archives", folder / INDEX
        if archives.is_dir() and _has_files(folder):  # else they are the release
            yield _measured("archives", name, archives, in_use=_is_held(store, name))
        if index.is_file():
            yield _measured("index", name, index, in_use=_is_held(store, name))


def _has_files(folder: Path) -> bool:
    """Tell by the record if the archives are beside the data; a damaged one does not say."""
    with suppress(CovcatError):
        return manifest.load(folder).form == "files"
    return False


def _is_held(store: Store, name: str) -> bool:
    if not store.staging.is_dir() or name.startswith("trash-"):  # there is no lock
        return False
    with store.lock_at_once(name) as is_free:
        return not is_free


def _measured(kind: Kind, name: str, path: Path, *, in_use: bool) -> Leftover:
    files = size = 0
    newest = 0.0
    inside = (Path(parent, one) for parent, _, names in os.walk(path) for one in names)
    for each in inside if path.is_dir() else [path, *path.parent.glob(f"{path.stem}.json*")]:
        with suppress(OSError):  # it went away meanwhile
            status = each.lstat()
            files, size = files + 1, size + status.st_size
            newest = max(newest, status.st_mtime)
    if not files:
        with suppress(OSError):
            newest = path.lstat().st_mtime
    age = max(0.0, time.time() - newest) if newest else 0.0
    return Leftover(
        kind=kind, name=name, path=path, files=files, bytes=size, age=age, in_use=in_use
    )


def dropped(store: Store, one: Leftover) -> bool:
    """Delete it, unless a run took it up meanwhile; say if it was deleted.

    Raises:
        CovcatError: the disk refuses, or a release is not as recorded.
    """
    if one.kind == "part":
        return Parts(store.parts).drop_free(one.path)
    with store.lock_at_once(one.name) as is_free:
        if not is_free or not os.path.lexists(one.path):
            return False
        if one.kind == "archives":
            _drop_archives(store, one.path.parent)
        elif one.kind == "index":
            with disk_errors(f"remove `{one.path}`"):
                one.path.unlink()
        else:
            removing.dispose(store, one.path)
    return True


def _drop_archives(store: Store, folder: Path) -> None:
    """Put in a release's place the same one without its archives, in one step."""
    record = manifest.load(folder)
    if record.form != "files":
        raise DiskError(f"`{folder}` holds nothing but its archives; they stay")
    if strange := removing.strangers(folder):
        raise DiskError(
            f"`{folder}` holds what covcat did not put there; its archives stay",
            hint="move it away, then run the same command again",
            details=strange,
        )
    files = tuple(one for one in record.files if one.path.startswith("files/"))
    lean = replace(
        record,
        files=files,
        total_files=len(files),
        total_bytes=sum(one.bytes for one in files),
        downloads=tuple(replace(one, archive=None) for one in record.downloads),
    )
    with store.workshop() as workshop:
        built = workshop / "release"
        with disk_errors(f"put `{folder}` together without its archives"):
            make_folder(built / "files")
            for one in files:
                make_folder((built / one.path).parent)
                link_or_copy(folder / one.path, built / one.path)
        manifest.write(built, lean)
        store.publish(built, record.resource, record.release)
