"""The user's cache: indexes, and overlaps, of releases whose folder this user may not write to.

What is known of pictures lies there too, also of those in folders of the user's own.
"""

import hashlib
import os
import sys
from pathlib import Path

from covcat.files import IS_WINDOWS, is_anybodys

_SUFFIX = ".sqlite"
_LONGEST = 50  # characters of a name: 255 bytes hold two of them, whatever their script
_OVERLAP, _CHECKED = ".overlap.json", ".checked.json"


def place() -> Path | None:
    """Return the folder that they lie in, there or not; None where nobody has a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):  # the XDG specification: others are ignored
        return Path(base) / "covcat" / "indexes"
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and no such user: containers
        return None
    caches = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return caches / "covcat" / "indexes"


def index_of(release: Path) -> Path | None:
    """Return where the index of a release folder lies, there or not.

    A newer state of the folder takes the place of an older one: the index itself says of which
    manifest it is.
    """
    folder = place()
    return None if folder is None else folder / _named(release)


def features_of(folder: Path) -> Path | None:
    """Return where the features of a folder's pictures lie, there or not: a release, or others."""
    base = features_place()
    return None if base is None else base / _named(folder)


def features_place() -> Path | None:
    """Return the folder of these."""
    base = place()
    return None if base is None else base.with_name("features")


def answers_place() -> Path | None:
    """Return the file of what hosts' APIs answered, there or not."""
    base = place()
    return None if base is None else base.with_name("answers.json")


def _named(folder: Path) -> str:
    key = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
    whole = folder.absolute()
    above, name = (one.name.lstrip(".")[-_LONGEST:] or "_" for one in (whole.parent, whole))
    return f"{above}@{name}.{key}{_SUFFIX}"


def has(path: Path) -> bool:
    """Tell if a file is one of the cache's."""
    return path.parent in (place(), features_place())


def overlap_of(release: Path) -> Path | None:
    """Return where it lies which pictures of a release folder are elsewhere too, there or not."""
    index = index_of(release)
    return None if index is None else index.with_suffix(_OVERLAP)


def checked_of(release: Path) -> Path | None:
    """Return where it lies which index of a release folder was looked at, there or not."""
    index = index_of(release)
    return None if index is None else index.with_suffix(_CHECKED)


def is_own(index: Path) -> bool:
    """Tell if an index is there, and none but this user can have put it there."""
    try:
        folder, file = index.parent.stat(), index.lstat()
    except OSError:
        return False
    if is_anybodys(folder.st_mode) or is_anybodys(file.st_mode):
        return False
    return IS_WINDOWS or {folder.st_uid, file.st_uid} == {os.geteuid()}


def indexes() -> list[tuple[str, Path]]:
    """Return ID@RELEASE and path of each, of whatever data folder."""
    return _inside(place(), _SUFFIX)


def checks() -> list[tuple[str, Path]]:
    """Return the same of each record of an index that was looked at."""
    return _inside(place(), _CHECKED)


def overlaps() -> list[tuple[str, Path]]:
    """Return the same of each record of an overlap."""
    return _inside(place(), _OVERLAP)


def features() -> list[tuple[str, Path]]:
    """Return ID@RELEASE, or the last two names of a folder, and path of each."""
    return _inside(features_place(), _SUFFIX)


def _inside(folder: Path | None, suffix: str) -> list[tuple[str, Path]]:
    found = sorted(folder.glob(f"[!.]*@*.*{suffix}")) if folder is not None else []
    return [(one.name.removesuffix(suffix).rpartition(".")[0], one) for one in found]
