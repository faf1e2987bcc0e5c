"""Where things lie on disk: release folders, parts, staging, locks, free space.

Layout and crash-safe order: docs/how-it-flows.md. A release folder appears by one rename; nothing
partial ever has a final name.
"""

import errno
import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from covcat.beside import OTHER
from covcat.download.parts import Parts
from covcat.errors import DiskError, UsageError
from covcat.files import (
    ASIDE,
    FILE_MODE,
    FOLDER_MODE,
    PRIVATE_MODE,
    check_local,
    disk_errors,
    exchange,
    free_bytes,
    is_anybodys,
    link_or_copy,
    make_folder,
    sync,
    sync_folder,
)
from covcat.names import is_litter

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
INDEX = "index.sqlite"
FEATURES = "features.sqlite"  # of the pictures: by what `overlap` tells that two are the same
VERIFIED = "verified.json"  # when, and what `verify` found
OVERLAP = "overlap.json"  # which of them are elsewhere too, as it found
OWN = frozenset(  # what lies beside the data of a release; SQLite has a journal while it writes
    {MANIFEST, SUMS, INDEX, VERIFIED, OVERLAP, FEATURES, f"{FEATURES}-journal"}
)
PRIVATE = ".covcat"
CLOSED = ".done"  # ends the name of a folder of waiting files whose release is just being published
PULLED = "pulled"  # in such a folder, where files wait that `pull` brought
STAGED = re.compile(r"[0-9a-f]{16}|trash-[0-9a-f]{16}")  # names of folders in staging


class Store:
    """A data folder, as --data-dir names it. Making the object touches nothing."""

    def __init__(self, folder: Path) -> None:
        check_local(folder, "the data folder")
        self.folder, own = folder, folder / PRIVATE
        self.staging = own / "staging"  # in which releases are built before their one rename
        self.parts = own / "parts"  # files that are being downloaded
        self.locks = own / "locks"  # nothing depends on them but tidiness
        self.pushed = own / "pushed"  # journals of pushes that were broken off
        self._private = (own, self.staging, self.parts, own / "partial", self.locks)
        self._workshop: os.stat_result | None = None  # the one that this process works in

    def partial(self, resource_id: str, release_id: str) -> Path:
        """Return where finished files of a release wait for the others."""
        return self.folder / PRIVATE / "partial" / f"{resource_id}@{release_id}"

    def partials(self) -> list[tuple[str, Path]]:
        """Return ID@RELEASE and folder of all that waits, or did until it was published now."""
        folders = sorted(self.partial("", "").parent.glob("*@*"))
        return [(one.name.removesuffix(CLOSED), one) for one in folders]

    def waiting(self) -> list[tuple[str, list[int]]]:
        """Return, by ID@RELEASE, the sizes of the files that are here of what is not whole.

        Those are finished ones that wait for others, and what came of one that was broken off.
        """
        found: dict[str, list[int]] = {}
        for name, folder in self.partials():
            with suppress(OSError):  # it is being published just now
                sizes = [path.stat().st_size for path in folder.glob("*/*")]
                found.setdefault(name, []).extend(sizes)
        for name, _, size in Parts(self.parts).waiting():
            found.setdefault(name, []).append(size)
        return sorted((name, sizes) for name, sizes in found.items() if sizes)

    def release(self, resource_id: str, release_id: str) -> Path:
        """Return the final folder of a release, there or not."""
        return self.folder / resource_id / release_id

    def releases(self) -> list[tuple[str, str, Path]]:
        """Return (resource id, release id, folder) of all that is here, by name."""
        with disk_errors(f"use the data folder `{self.folder}`"):
            try:
                os.scandir(self.folder).close()
            except FileNotFoundError:
                return []
        return [
            (manifest.parent.parent.name, manifest.parent.name, manifest.parent)
            for manifest in sorted(self.folder.glob(f"[!.]*/[!.]*/{MANIFEST}"))
        ]

    def closed(self) -> list[Path]:
        """Return the folders that may hold releases, and that this user may not look into."""
        with suppress(OSError):
            every = [*self.folder.glob("[!.]*"), *self.folder.glob("[!.]*/[!.]*")]
            inside = [one for one in every if not is_litter(one.name) and one.is_dir()]
            return [one for one in inside if not os.access(one, os.R_OK | os.X_OK)]
        return []

    def prepare(self) -> None:
        """Make the data folder and covcat's private folders in it."""
        with disk_errors(f"use the data folder `{self.folder}`"):
            make_folder(self.folder)
            mode = self.folder.stat().st_mode
            if is_anybodys(mode) and not mode & stat.S_ISVTX:
                folder = shlex.quote(str(self.folder))
                raise DiskError(
                    f"anybody may write to the data folder `{self.folder}`",
                    hint=f"chmod o-w {folder}, or choose another with --data-dir",
                )
            self._check_own(makes=True)

    def _is_own(self) -> bool:
        """Tell if nobody planted what covcat sweeps and deletes in; all of it is there."""
        with suppress(OSError, DiskError):
            self._check_own()
            return True
        return False

    def _check_own(self, *, makes: bool = False) -> None:
        """Refuse private folders that somebody else planted: `sweep` deletes in them."""
        is_public = is_anybodys(self.folder.stat().st_mode)  # sticky, such as /tmp
        for one in self._private:
            if makes:
                one.mkdir(mode=FOLDER_MODE, exist_ok=True)
            status = one.lstat()
            strange = is_public and status.st_uid != os.geteuid()
            if not stat.S_ISDIR(status.st_mode) or is_anybodys(status.st_mode) or strange:
                raise DiskError(
                    f"`{one}` is not a private folder of covcat's own",
                    hint="look at what it is, remove it, or choose another --data-dir than "
                    f"{self.folder}",
                )

    def lock(
        self, name: str, wait: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[bool | None]:
        """Hold `name` for this process; another one waits, after it has called `wait`.

        Correctness does not depend on locks.
        """
        return self.lock_at_once(name, wait)

    @contextmanager
    def lock_at_once(
        self, name: str, wait: Callable[[], None] | None = None
    ) -> Iterator[bool | None]:
        """Hold `name`: False if another process does, None on a file system without locks.

        Anybody of the group may take it, whatever the umask of its maker.
        """
        import filelock

        lock = filelock.FileLock(self.locks / f"{name}.lock", timeout=0, mode=FILE_MODE)
        is_mine: bool | None = True
        try:
            try:
                lock.acquire()
            except filelock.Timeout:
                is_mine = wait is not None
                if wait is not None:
                    wait()
                    lock.acquire(timeout=-1)
        except (OSError, NotImplementedError):
            is_mine = None
        try:
            yield is_mine
        finally:
            lock.release()

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """Give a private folder under staging, and sweep it away in the end, come what may."""
        name = os.urandom(8).hex()  # `secrets` takes 5 ms to import
        folder = self.staging / name
        with self.lock(name):  # before the folder exists, so that `sweep` never sees it unlocked
            try:
                with disk_errors("make a staging folder"):
                    folder.mkdir(mode=PRIVATE_MODE)
                    self._workshop = folder.stat()
                yield folder
            finally:
                self._workshop = None
                self._remove(folder)  # under another name: a worker elsewhere may be writing in it
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError):  # none where no folder may be made; Windows removes it
                    (self.locks / f"{name}.lock").unlink()

    @property
    def has_litter(self) -> bool:
        """True if a run that was killed, or one that lives, has something in staging."""
        with suppress(OSError):
            return any(True for _ in self.staging.iterdir())
        return False

    def closing(self) -> list[Path]:
        """Return the folders of waiting files whose release is, or was, just being published."""
        found = self.partial("", "").parent.glob(f"[!.@]*@*{CLOSED}")
        return list(found) if self._is_own() else []

    def sweep(self) -> None:
        """Remove what killed runs left in staging; a folder whose run lives is locked."""
        if not self._is_own():
            return
        self._restore()
        # Before the locks are looked at: each of these has had its own by now.
        folders = [one for one in self.staging.iterdir() if STAGED.fullmatch(one.name)]
        for lock in self.locks.glob(f"{'[0-9a-f]' * 16}.lock"):
            with suppress(OSError), self.lock_at_once(lock.stem) as is_mine:
                if is_mine:
                    self._remove(self.staging / lock.stem)
                    lock.unlink(missing_ok=True)
        locked = {lock.stem for lock in self.locks.glob(f"{'[0-9a-f]' * 16}.lock")}
        for folder in folders:
            if folder.name not in locked:
                self._remove(folder)

    def _remove(self, folder: Path) -> None:
        """Drop a folder of staging, under another name first.

        Where locks do not work its run may be alive and give it its final name meanwhile: then
        the renaming fails here or there, but nothing is deleted that has a final name.
        """
        trash = self.staging / f"trash-{os.urandom(8).hex()}"
        with suppress(OSError):
            folder.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)

    def _restore(self) -> None:
        """Put back the older state where a run was killed between the two renames of a swap."""
        for aside in self.folder.glob(f"[!.]*/.*{ASIDE}"):
            final = aside.with_name(aside.name[1 : -len(ASIDE)])
            if final.parent.is_symlink() or not (aside / MANIFEST).is_file():
                continue
            name = f"{final.parent.name}@{final.name}"
            with suppress(OSError), self.lock_at_once(name) as is_mine:  # else it is swapped now
                if is_mine and final.exists():
                    shutil.rmtree(aside, ignore_errors=True)
                elif is_mine:
                    aside.rename(final)

    def free_bytes(self) -> int:
        """Return the bytes that may be used here, a little being left to others."""
        return free_bytes(self.folder)

    def check_free(self, resource_id: str, release_id: str) -> None:
        """Refuse a release whose name is taken by what has no manifest, or by a link."""
        final = self.release(resource_id, release_id)
        strange = final.parent.is_symlink() or final.is_symlink()
        if strange or (final.exists() and not (final / MANIFEST).is_file()):
            raise DiskError(
                f"`{final}` is in the way, and covcat did not make it",
                hint="move it away, then run the same command again",
            )

    def publish(self, built: Path, resource_id: str, release_id: str) -> Path:
        """Give a finished folder its final name, in place of an older state if there is one."""
        final = self.release(resource_id, release_id)
        with disk_errors(f"move the finished release to `{final}`"):
            make_folder(final.parent)
            self.check_free(resource_id, release_id)
            if (final / FEATURES).is_file() and not (final / f"{FEATURES}-journal").exists():
                link_or_copy(final / FEATURES, built / FEATURES)  # they are by sha256: most hold
            sync(built)
            workshop, now = self._workshop, built.parent.stat()
            if workshop is not None and not os.path.samestat(workshop, now):
                # where locks do not work, another process may have swept some of what it held
                raise FileNotFoundError(errno.ENOENT, "swept by another process", str(built.parent))
            if final.exists():
                exchange(built, final)
            else:
                built.rename(final)
            sync_folder(final.parent)
        return final


def check_outside(data: Path, target: Path, hint: str = OTHER) -> None:
    """Refuse a target that would change what is in a data folder, or a release anywhere."""
    check_local(target, "the target")
    with disk_errors(f"look at `{target}`"):
        top = Path(os.path.realpath(data))
        beside = Path(os.path.realpath(target.absolute().parent)) / target.name
        for place in (beside, Path(os.path.realpath(target))):
            if wrong := _wrong(top, place):
                raise UsageError(f"`{target}` {wrong}", hint=hint)


def _wrong(data: Path, place: Path) -> str:
    """Say why a place, free of links and of `..`, is none for a file of a user's own."""
    if place.is_relative_to(data / PRIVATE):
        return f"is inside covcat's own folder `{data / PRIVATE}`"
    for folder in place.parents:
        is_ours = folder.parents[1:2] == (data,)
        if os.path.lexists(folder / MANIFEST) and (is_ours or os.path.lexists(folder / SUMS)):
            name = f"{folder.parent.name}@{folder.name}"
            return f"is inside the release `{name}`" + ("" if is_ours else f" (`{folder}`)")
    if place.name == MANIFEST and place.parents[2:3] == (data,):
        return "would be taken for the record of a release"
    return ""
