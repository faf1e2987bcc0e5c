"""Delete a release, and nothing that covcat did not make.

It is renamed into staging first and deleted there: a kill in the middle leaves nothing half under
a final name, and the next fetch sweeps the rest.
"""

import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from covcat import manifest, verify
from covcat.errors import DiskError, NotFoundError
from covcat.files import disk_errors
from covcat.progress import Silent
from covcat.store import CLOSED, Store


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
    files, size = _measured(folder) if folder else (0, 0)
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
        waiting_files=sum(count for count, _ in waiting),
        waiting_bytes=sum(count for _, count in waiting),
    )


def _folder(store: Store, resource_id: str, release_id: str) -> Path | None:
    """Return the release's folder, if covcat made all of it."""
    final = store.release(resource_id, release_id)
    if not (os.path.lexists(final) or final.parent.is_symlink()):
        return None
    store.demand_free(resource_id, release_id)
    with disk_errors(f"look into `{final}`"):
        if strange := [*strangers(final), *_changed(final)]:
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
    record = manifest.load(folder)
    odd = {one.path for one in record.files if _is_odd(folder / one.path)}
    return sorted({*verify.missed(verify.beside(folder, record)), *odd})


def _changed(folder: Path) -> tuple[str, ...]:
    """Return the files that were changed since they were fetched: somebody's work."""
    return verify.checked(folder, manifest.load(folder), Silent(), quick=True).findings.changed


def _is_odd(path: Path) -> bool:
    with suppress(OSError):
        return not stat.S_ISREG(path.lstat().st_mode)
    return False  # it is missing


def _measured(folder: Path) -> tuple[int, int]:
    """Return how many files lie below a folder, and their bytes."""
    files = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it went away meanwhile
                size += Path(parent, name).lstat().st_size
                files += 1
    return files, size


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
