"""Delete a release, and nothing that covcat did not make.

It is renamed into staging first and deleted there: a kill in the middle leaves nothing half under
a final name, and the next fetch sweeps the rest.
"""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Literal

from covcat.download.parts import Parts
from covcat.errors import CovcatError, DiskError, IntegrityError, NotFoundError
from covcat.files import disk_errors, link_or_copy, make_folder
from covcat.progress import Silent
from covcat.store import cached, manifest, shards, verify
from covcat.store.folder import CLOSED, FEATURES, INDEX, OVERLAP, STAGED, Store

Kind = Literal["part", "partial", "shards", "staging", "archives", "index", "features", "overlap"]
_BESIDE: dict[Kind, str] = {"index": INDEX, "features": FEATURES, "overlap": OVERLAP}
ALWAYS: tuple[Kind, ...] = ("part", "partial", "shards", "staging")  # pruned without being asked


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
    files: int = 0  # of the release, as its record and `status` count them
    bytes: int = 0
    litter: tuple[str, ...] = ()  # of desktops, which goes with it
    waiting: tuple[Path, ...] = ()  # folders of files that wait for the others
    parts: tuple[Path, ...] = ()  # what came of files that were broken off
    waiting_files: int = 0
    waiting_bytes: int = 0

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.id}@{self.release}"


def known(store: Store) -> list[tuple[str, str]]:
    """Return (resource id, release id) of all that lies here, whole or waiting."""
    found = {(one, release) for one, release, _ in store.releases()}
    names = [name for name, _ in (*store.partials(), *store.waiting())]
    pairs = {name.partition("@")[::2] for name in names}
    return sorted(found | {pair for pair in pairs if pair[1][:1] not in ("", ".")})


def look(
    store: Store,
    resource_id: str,
    release_id: str,
    *,
    partial: bool = False,
    force: bool = False,
) -> Removal:
    """Say what would be deleted, with `partial` only of the files that wait.

    Recorded files that were changed go only with `force`, what nobody recorded never.
    """
    final, name = store.release(resource_id, release_id), f"{resource_id}@{release_id}"
    wait = store.partial(resource_id, release_id)
    both = (wait, wait.with_name(wait.name + CLOSED))
    waits = tuple(one for one in both if one.is_dir() and not one.is_symlink())
    parts = tuple(path for one, path, _ in Parts(store.parts).waiting() if one == name)
    sizes = dict(store.waiting()).get(name, [])
    found = Removal(
        id=resource_id,
        release=release_id,
        folder=None,
        waiting=waits,
        parts=parts,
        waiting_files=len(sizes),
        waiting_bytes=sum(sizes),
    )
    if not partial and (os.path.lexists(final) or final.parent.is_symlink()):
        return _with_release(store, found, final, force=force)
    if not waits and not parts:
        what = "no file of it waits" if partial else "it is not"
        raise NotFoundError(
            f"nothing of `{name}` to remove: {what} in `{store.folder}`", hint="covcat status"
        )
    return found


def _with_release(store: Store, found: Removal, folder: Path, *, force: bool) -> Removal:
    """Add the release itself, if nothing of it would be missed."""
    store.check_free(found.id, found.release)
    with disk_errors(f"look into `{folder}`"):
        record = manifest.load(folder)
        is_now = verify.checked(folder, record, Silent(), quick=True)
        _check_own(folder, record, "nothing was removed")
    changed = is_now.findings.changed
    if changed and not force:
        raise IntegrityError(
            f"`{found.name}` is not as it was fetched, and what was changed would be lost; "
            "nothing was removed",
            details=changed,
            hint=f"covcat remove {quote(found.name)} --force",
        )
    return replace(
        found,
        folder=folder,
        files=record.total_files,
        bytes=record.total_bytes,
        litter=is_now.litter,
    )


def _check_own(folder: Path, record: manifest.Manifest, what_stays: str) -> None:
    """Refuse what lies in a release folder, is not covcat's, and would be missed."""
    odd = set[str]()
    for file in record.files:
        with suppress(OSError):  # it is missing
            if not stat.S_ISREG((folder / file.path).lstat().st_mode):
                odd.add(file.path)
    beside = verify.missed(verify.beside(folder, record))
    if strange := sorted({*beside, *odd}):  # somebody's work
        raise DiskError(
            f"`{folder}` holds what covcat did not put there; {what_stays}",
            hint="move it away, then run the same command again",
            details=strange,
        )


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


def remove(store: Store, what: Removal, *, partial: bool = False, force: bool = False) -> Removal:
    """Delete a release; its lock is the caller's. Looks again: a run may have changed it."""
    what = look(store, what.id, what.release, partial=partial, force=force)
    for path in what.parts:
        Parts(store.parts).drop_free(path)
    found = shards.folder(what.folder) if what.folder is not None else None
    for folder in (what.folder, *what.waiting, found):
        if folder is not None and folder.is_dir():
            _dispose(store, folder)
    if what.folder is not None:
        with suppress(OSError):  # it holds other releases
            what.folder.parent.rmdir()
    return what


def _dispose(store: Store, folder: Path) -> None:
    """Delete a folder: one rename into staging, from where a killed run's rest is swept."""

    def unless_gone(_function: object, _path: str, reason: object) -> None:
        error = reason[1] if isinstance(reason, tuple) else reason
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise error  # else another process sweeps the same folder

    trash = store.staging / f"trash-{os.urandom(8).hex()}"  # a name that `Store.sweep` knows
    with disk_errors(f"remove `{folder}`"):
        folder.rename(trash)
        shutil.rmtree(trash, onerror=unless_gone)


def found(store: Store) -> list[Leftover]:
    """Return everything of each kind, by kind and name."""
    leftovers = []
    for kind, name, path, in_use in _lying(store):
        files, size, newest = _measured(path)
        if not files:
            with suppress(OSError):
                newest = path.lstat().st_mtime
        age = max(0.0, time.time() - newest) if newest else 0.0
        leftovers.append(
            Leftover(
                kind=kind, name=name, path=path, files=files, bytes=size, age=age, in_use=in_use
            )
        )
    return leftovers


def _lying(store: Store) -> Iterator[tuple[Kind, str, Path, bool]]:
    """Give kind, name and path of each, and whether a run has it."""
    if store.parts.is_dir():
        for path, is_free in Parts(store.parts).all():
            yield "part", path.name, path, not is_free
    staged = sorted(store.staging.iterdir()) if store.staging.is_dir() else []
    folders: list[tuple[Kind, str, Path]] = [("partial", *one) for one in store.partials()]
    folders += [("shards", one.name, one) for one in shards.folders(store.folder)]
    folders += [("staging", one.name, one) for one in staged if STAGED.fullmatch(one.name)]
    for kind, name, folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            yield kind, name, folder, _is_held(store, name)
    for resource_id, release_id, folder in store.releases():
        name = f"{resource_id}@{release_id}"
        if (folder / "archives").is_dir():
            with suppress(CovcatError):  # a damaged record does not say
                if manifest.load(folder).form == "files":  # else they are the release
                    yield "archives", name, folder / "archives", _is_held(store, name)
        for beside, own in _BESIDE.items():
            if (folder / own).is_file():
                yield beside, name, folder / own, _is_held(store, name)
    cache: dict[Kind, list[tuple[str, Path]]] = {
        "index": [
            *cached.files("index"),
            *cached.files("checked"),
        ],  # whoever reads one has it open
        "features": cached.files("features"),
        "overlap": cached.files("overlap"),
    }
    for beside, files in cache.items():
        for name, path in files:
            yield beside, name, path, False


def _is_held(store: Store, name: str) -> bool:
    if not store.staging.is_dir() or name.startswith("trash-"):  # there is no lock
        return False
    with store.lock_at_once(name) as is_mine:
        return is_mine is False


def dropped(store: Store, one: Leftover) -> bool:
    """Delete it, unless a run took it up meanwhile; say if it was deleted."""
    if one.kind == "part":
        return Parts(store.parts).drop_free(one.path)
    with store.lock_at_once(one.name) as is_mine:
        if is_mine is False or not os.path.lexists(one.path):
            return False
        if one.kind == "archives":
            _drop_archives(store, one.path.parent)
        elif one.kind in _BESIDE:
            with disk_errors(f"remove `{one.path}`"):
                one.path.unlink()
        else:
            _dispose(store, one.path)
    return True


def _drop_archives(store: Store, folder: Path) -> None:
    """Put in a release's place the same one without its archives, in one step."""
    record = manifest.load(folder)
    if record.form != "files":
        raise DiskError(f"`{folder}` holds nothing but its archives; they stay")
    _check_own(folder, record, "its archives stay")
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
