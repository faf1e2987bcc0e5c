"""Delete a release, and nothing that covcat did not make.

It is renamed into staging first and deleted there: a kill in the middle leaves nothing half under
a final name, and the next fetch sweeps the rest.
"""

import os
import shutil
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from covcat.download.parts import Parts
from covcat.errors import CovcatError, DiskError, NotFoundError
from covcat.files import disk_errors, link_or_copy, make_folder
from covcat.progress import Silent
from covcat.store import manifest, verify
from covcat.store.folder import CLOSED, INDEX, STAGED, Store

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What would be deleted of one release; a folder that is None is not there."""

    id: str
    release: str
    folder: Path | None
    files: int = 0  # of the release, with its record
    bytes: int = 0
    waiting: tuple[Path, ...] = ()  # folders of files that wait for the others
    waiting_files: int = 0
    waiting_bytes: int = 0

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.id}@{self.release}"


def known(store: Store) -> list[tuple[str, str]]:
    """Return (resource id, release id) of all that lies here, whole or waiting."""
    found = {(one, release) for one, release, _ in store.releases()}
    for folder in store.partial("", "").parent.glob("*@*"):
        one, _, release = folder.name.removesuffix(CLOSED).partition("@")
        if release[:1] not in ("", "."):
            found.add((one, release))
    return sorted(found)


def look(store: Store, resource_id: str, release_id: str, *, partial: bool = False) -> Removal:
    """Say what would be deleted, with `partial` only of the files that wait.

    Raises:
        NotFoundError: there is nothing.
        DiskError: there is something that covcat did not put there.
        IntegrityError: the record is damaged, so that nobody knows what covcat put there.
    """
    folder = None if partial else _folder(store, resource_id, release_id)
    files, size, _ = _measured(folder) if folder else (0, 0, 0.0)
    waits = _waiting(store, resource_id, release_id)
    waiting = [_measured(one) for one in waits]
    if folder is None and not waits:
        what = "no file of it waits" if partial else "it is not"
        raise NotFoundError(
            f"nothing of `{resource_id}@{release_id}` to remove: {what} in `{store.folder}`",
            hint="covcat status",
        )
    return Removal(
        id=resource_id,
        release=release_id,
        folder=folder,
        files=files,
        bytes=size,
        waiting=tuple(waits),
        waiting_files=sum(count for count, _, _ in waiting),
        waiting_bytes=sum(size for _, size, _ in waiting),
    )


def _folder(store: Store, resource_id: str, release_id: str) -> Path | None:
    """Return the release's folder, if covcat made all of it."""
    final = store.release(resource_id, release_id)
    if not (os.path.lexists(final) or final.parent.is_symlink()):
        return None
    store.check_free(resource_id, release_id)
    with disk_errors(f"look into `{final}`"):
        is_now = verify.checked(final, manifest.load(final), Silent(), quick=True)
        if strange := [*strangers(final), *is_now.findings.changed]:  # somebody's work
            raise DiskError(
                f"`{final}` holds what covcat did not put there; nothing was removed",
                hint="move it away, then run the same command again",
                details=strange,
            )
    return final


def strangers(folder: Path) -> list[str]:
    """Return what lies in a release folder, is not covcat's, and would be missed.

    Raises:
        IntegrityError: the record is damaged.
        DiskError: a folder in it cannot be looked into.
    """
    record, odd = manifest.load(folder), set[str]()
    for file in record.files:
        with suppress(OSError):  # it is missing
            if not stat.S_ISREG((folder / file.path).lstat().st_mode):
                odd.add(file.path)
    return sorted({*verify.missed(verify.beside(folder, record)), *odd})


def _measured(path: Path) -> tuple[int, int, float]:
    """Return how many files lie below a folder, their bytes, and when the newest was written.

    A file is a part: its record beside it counts too.
    """
    files, size, newest = 0, 0, 0.0
    inside = (Path(parent, one) for parent, _, names in os.walk(path) for one in names)
    for each in inside if path.is_dir() else [path, *path.parent.glob(f"{path.stem}.json*")]:
        with suppress(OSError):  # it went away meanwhile
            status = each.lstat()
            files, size = files + 1, size + status.st_size
            newest = max(newest, status.st_mtime)
    return files, size, newest


def _waiting(store: Store, resource_id: str, release_id: str) -> list[Path]:
    folder = store.partial(resource_id, release_id)
    both = (folder, folder.with_name(folder.name + CLOSED))
    return [one for one in both if one.is_dir() and not one.is_symlink()]


def remove(store: Store, what: Removal, *, partial: bool = False) -> Removal:
    """Delete a release; its lock is the caller's. Looks again: a run may have changed it.

    Raises:
        CovcatError: as `look`, or the disk refuses.
    """
    what = look(store, what.id, what.release, partial=partial)
    for folder in (what.folder, *what.waiting):
        if folder is not None:
            dispose(store, folder)
    if what.folder is not None:
        with suppress(OSError):  # it holds other releases
            what.folder.parent.rmdir()
    return what


def dispose(store: Store, folder: Path) -> None:
    """Delete a folder: one rename into staging, from where a killed run's rest is swept.

    Raises:
        DiskError: it cannot be moved, or not all of it deleted.
    """
    trash = store.staging / f"trash-{os.urandom(8).hex()}"  # a name that `Store.sweep` knows
    with disk_errors(f"remove `{folder}`"):
        folder.rename(trash)
        shutil.rmtree(trash, onerror=_unless_gone)


def _unless_gone(_function: object, _path: str, reason: object) -> None:
    """Another process may sweep the same folder."""
    error = reason[1] if isinstance(reason, tuple) else reason
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        raise error


def found(store: Store) -> list[Leftover]:
    """Return everything of each kind, by kind and name."""
    leftovers = []
    if store.parts.is_dir():
        for path, is_free in Parts(store.parts).all():
            leftovers.append(_leftover("part", path.name, path, in_use=not is_free))
    for folder in _folders(store.partial("", "").parent):
        name = folder.name.removesuffix(CLOSED)
        if "@" in name:
            leftovers.append(_leftover("partial", name, folder, in_use=_is_held(store, name)))
    for folder in _folders(store.staging):
        if STAGED.fullmatch(folder.name):
            is_held = _is_held(store, folder.name)
            leftovers.append(_leftover("staging", folder.name, folder, in_use=is_held))
    for resource_id, release_id, folder in store.releases():
        name = f"{resource_id}@{release_id}"
        archives, index = folder / "archives", folder / INDEX
        if archives.is_dir() and _has_files(folder):  # else they are the release
            leftovers.append(_leftover("archives", name, archives, in_use=_is_held(store, name)))
        if index.is_file():
            leftovers.append(_leftover("index", name, index, in_use=_is_held(store, name)))
    return leftovers


def _folders(parent: Path) -> list[Path]:
    inside = sorted(parent.iterdir()) if parent.is_dir() else []
    return [one for one in inside if one.is_dir() and not one.is_symlink()]


def _has_files(folder: Path) -> bool:
    """Tell by the record if the archives are beside the data; a damaged one does not say."""
    with suppress(CovcatError):
        return manifest.load(folder).form == "files"
    return False


def _is_held(store: Store, name: str) -> bool:
    if not store.staging.is_dir() or name.startswith("trash-"):  # there is no lock
        return False
    with store.lock_at_once(name) as is_mine:
        return is_mine is False


def _leftover(kind: Kind, name: str, path: Path, *, in_use: bool) -> Leftover:
    files, size, newest = _measured(path)
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
    with store.lock_at_once(one.name) as is_mine:
        if is_mine is False or not os.path.lexists(one.path):
            return False
        if one.kind == "archives":
            _drop_archives(store, one.path.parent)
        elif one.kind == "index":
            with disk_errors(f"remove `{one.path}`"):
                one.path.unlink()
        else:
            dispose(store, one.path)
    return True


def _drop_archives(store: Store, folder: Path) -> None:
    """Put in a release's place the same one without its archives, in one step."""
    record = manifest.load(folder)
    if record.form != "files":
        raise DiskError(f"`{folder}` holds nothing but its archives; they stay")
    if strange := strangers(folder):
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
