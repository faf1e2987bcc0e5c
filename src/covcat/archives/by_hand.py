"""An archive that a person names -> a folder of its files, or a list of them."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from covcat import files as disk
from covcat.archives import base
from covcat.archives.base import Opening
from covcat.archives.extract import Extracted, extract, inspect_all, kind
from covcat.archives.rules import MAX_MEMBERS, Admitted, Budget, Layout
from covcat.archives.volumes import Archive, gather
from covcat.archives.writing import UnpackTarget
from covcat.beside import build_beside
from covcat.errors import DiskError, NotFoundError, UsageError
from covcat.files import disk_errors
from covcat.progress import Progress

_HINT = "free some space, or give a folder on another disk"


def listed(
    paths: Sequence[Path],
    layout: Layout,
    max_bytes: int | None,
    max_files: int | None,
    opening: Opening,
) -> tuple[str, list[Admitted], base.Padding | None]:
    """Check an archive, or its volumes, whole, writing nothing.

    Returns its format, its files and what lies around them.
    """
    archive, form = _found(paths, opening, layout.command)
    budget = _budget(Path.cwd(), max_bytes, max_files)
    return form, *inspect_all(archive, form, layout, budget, opening)


def unpacked(
    paths: Sequence[Path],
    target: Path,
    layout: Layout,
    max_bytes: int | None,
    max_files: int | None,
    progress: Progress,
    opening: Opening,
) -> tuple[str, Extracted]:
    """Unpack an archive to `target`, which is not there yet or empty; return its format too."""
    archive, form = _found(paths, opening, layout.command)
    _check_free(target)
    _check_private(target)
    with build_beside(target, "give another folder") as workshop:
        files = workshop / "files"
        with disk_errors(f"make a folder beside `{target}`"):
            files.mkdir(mode=disk.FOLDER_MODE)
            made = files.lstat()
        place = UnpackTarget(files, workshop / "inside", progress=progress)
        budget = _budget(workshop, max_bytes, max_files)
        done = extract(archive, form, layout, budget, place, opening)
        if not done.files:
            raise NotFoundError(
                f"no file of `{archive.name}` is one that was asked for",
                hint=f"covcat extract {quote(str(paths[0]))} --list",
            )
        with disk_errors(f"move the finished folder to `{target}`"):
            disk.sync(workshop)
            _check_free(target)
            if not os.path.samestat(files.lstat(), made):
                raise DiskError(f"`{files}` was replaced while it was written to")
            if target.is_dir():  # an empty one: what it let others do stays so
                files.chmod(stat.S_IMODE(target.stat().st_mode))
            files.rename(target)
    return form, done


def _found(paths: Sequence[Path], opening: Opening, command: str) -> tuple[Archive, str]:
    """Return what to read of an archive, or of its volumes, and its format."""
    archive = gather(paths)
    if isinstance(archive, Path) and not archive.exists():
        raise NotFoundError(f"no file `{archive}`")
    if isinstance(archive, Path) and not archive.is_file():
        what = "a folder" if archive.is_dir() else "no regular file"
        raise UsageError(f"`{archive}` is {what}: expected an archive")
    return archive, kind(archive, allows_padding=opening.allows_padding, command=command)


def _budget(folder: Path, max_bytes: int | None, max_files: int | None) -> Budget:
    with disk_errors(f"look at the free space of `{folder}`"):
        free = disk.free_bytes(folder)
    most_files = MAX_MEMBERS if max_files is None else max_files
    if max_bytes is not None and max_bytes <= free:
        return Budget(max_bytes, most_files, hint="--max-bytes and --max-files set the limits")
    hint = "--max-files allows more" if max_files else _HINT
    return Budget(free, most_files, is_free_space=True, hint=hint)


def _check_free(target: Path) -> None:
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


def _check_private(target: Path) -> None:
    """Refuse to build where anybody may change what is being written."""
    parent = next(one for one in target.absolute().parents if one.exists())
    with disk_errors(f"look at `{parent}`"):
        mode = parent.stat().st_mode
    if disk.is_anybodys(mode) and not mode & stat.S_ISVTX:
        raise DiskError(
            f"anybody may write to `{parent}`, and could change what is written there",
            hint=f"chmod o-w {quote(str(parent))}, or give a folder in another one",
        )
