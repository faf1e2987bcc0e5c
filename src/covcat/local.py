"""Any archive on disk -> a folder, by one rename: what `covcat extract` does.

The files are written into a hidden folder beside the target, which is private while it is built
and goes away whatever happens.
"""

import os
import shutil
import stat
from pathlib import Path
from shlex import quote

from covcat import extract
from covcat.admit import MAX_MEMBERS, Budget, Layout, Placed
from covcat.errors import DiskError, NotFoundError, UsageError
from covcat.extract import Extracted
from covcat.files import FOLDER_MODE, disk_errors, sync, workshop_beside
from covcat.progress import Progress
from covcat.sink import Place

_HINT = "free some space, or give a folder on another disk"
_SPARE = 0.05  # of the free space, left to others


def listed(
    archive: Path,
    layout: Layout,
    max_bytes: int | None,
    max_files: int | None,
    encoding: str | None,
) -> tuple[str, list[Placed]]:
    """Check an archive whole and return its format and its files, writing nothing.

    Raises:
        NotFoundError: it is not there.
        ExtractionError: it is damaged, unsafe, too large or of no known format.
    """
    kind = _kind(archive)
    budget = _budget(Path.cwd(), max_bytes, max_files)
    return kind, extract.inspect(archive, kind, layout, budget, encoding)


def unpacked(
    archive: Path,
    target: Path,
    layout: Layout,
    max_bytes: int | None,
    max_files: int | None,
    encoding: str | None,
    progress: Progress,
) -> tuple[str, Extracted]:
    """Unpack an archive to `target`, which is not there yet or empty; return its format too.

    Raises:
        NotFoundError: the archive is not there.
        ExtractionError: it is damaged, unsafe, too large or of no known format.
        DiskError: the disk refused, or the target is in use.
    """
    kind = _kind(archive)
    _demand_free(target)
    _demand_private(target)
    with workshop_beside(target) as workshop:
        files = workshop / "files"
        with disk_errors(f"make a folder beside `{target}`"):
            files.mkdir(mode=FOLDER_MODE)
            made = files.lstat()
        place = Place(files, workshop / "inside", progress=progress)
        budget = _budget(workshop, max_bytes, max_files)
        done = extract.extract(archive, kind, layout, budget, place, encoding)
        with disk_errors(f"move the finished folder to `{target}`"):
            sync(workshop)
            _demand_free(target)
            _demand_same(files, made)
            if target.is_dir():  # an empty one: what it let others do stays so
                files.chmod(stat.S_IMODE(target.stat().st_mode))
            files.rename(target)
    return kind, done


def _demand_same(folder: Path, made: os.stat_result) -> None:
    """Check that nobody put something else where the files were written."""
    if not os.path.samestat(folder.lstat(), made):
        raise DiskError(f"`{folder}` was replaced while it was written to")


def _kind(archive: Path) -> str:
    if not archive.exists():
        raise NotFoundError(f"no file `{archive}`")
    if not archive.is_file():
        what = "a folder" if archive.is_dir() else "no regular file"
        raise UsageError(f"`{archive}` is {what}: expected an archive")
    return extract.kind(archive)


def _budget(folder: Path, max_bytes: int | None, max_files: int | None) -> Budget:
    with disk_errors(f"look at the free space of `{folder}`"):
        free = int(shutil.disk_usage(folder).free * (1 - _SPARE))
    most_files = MAX_MEMBERS if max_files is None else max_files
    if max_bytes is not None and max_bytes <= free:
        return Budget(max_bytes, most_files, hint="--max-bytes and --max-files set the limits")
    return Budget(
        free, most_files, is_free_space=True, hint="--max-files allows more" if max_files else _HINT
    )


def _demand_free(target: Path) -> None:
    with disk_errors(f"look at `{target}`"):
        if target.exists() and target.resolve() in (Path.cwd(), *Path.cwd().parents):
            raise UsageError(
                f"`{target}` is the folder that you are in: expected a new one",
                hint="give the name of a folder that is not there yet",
            )
        is_empty = target.is_dir() and not target.is_symlink() and not any(target.iterdir())
        if not is_empty and (target.exists() or target.is_symlink()):
            raise DiskError(
                f"`{target}` is there already, and is not an empty folder",
                hint="give another folder, or move this one away",
            )


def _demand_private(target: Path) -> None:
    """Refuse to build where anybody may change what is being written."""
    parent = next(one for one in target.absolute().parents if one.exists())
    with disk_errors(f"look at `{parent}`"):
        mode = parent.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise DiskError(
            f"anybody may write to `{parent}`, and could change what is written there",
            hint=f"chmod o-w {quote(str(parent))}, or give a folder in another one",
        )
