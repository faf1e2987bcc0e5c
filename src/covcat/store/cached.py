"""The user's cache: indexes, and overlaps, of releases whose folder this user may not write to.

What is known of pictures lies there too, also of those in folders of the user's own.
"""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from covcat.files import IS_WINDOWS, is_anybodys

Kind = Literal["index", "checked", "overlap", "features"]
_SUFFIXES: Mapping[Kind, str] = {
    "index": ".sqlite",
    "checked": ".checked.json",  # which index was looked at
    "overlap": ".overlap.json",  # which pictures of a release are elsewhere too
    "features": ".sqlite",  # of the pictures of any folder
}
_LONGEST = 50  # characters of a name: 255 bytes hold two of them, whatever their script


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


def file_of(folder: Path, kind: Kind) -> Path | None:
    """Return where the cache keeps what is known of a folder, there or not; None without a home.

    A newer state of the folder takes the place of an older one: what is kept says of which it is.
    """
    base = features_place() if kind == "features" else place()
    return None if base is None else base / f"{_named(folder)}{_SUFFIXES[kind]}"


def features_place() -> Path | None:
    """Return the folder that the features of pictures lie in, of releases and of others."""
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
    return f"{above}@{name}.{key}"


def has(path: Path) -> bool:
    """Tell if a file is one of the cache's."""
    return path.parent in (place(), features_place())


def is_own(index: Path) -> bool:
    """Tell if an index is there, and none but this user can have put it there."""
    try:
        folder, file = index.parent.stat(), index.lstat()
    except OSError:
        return False
    if is_anybodys(folder.st_mode) or is_anybodys(file.st_mode):
        return False
    return IS_WINDOWS or {folder.st_uid, file.st_uid} == {os.geteuid()}


def files(kind: Kind) -> list[tuple[str, Path]]:
    """Return all of a kind: ID@RELEASE, or the last two names of a folder, and the path."""
    folder, suffix = features_place() if kind == "features" else place(), _SUFFIXES[kind]
    found = sorted(folder.glob(f"[!.]*@*.*{suffix}")) if folder is not None else []
    return [(one.name.removesuffix(suffix).rpartition(".")[0], one) for one in found]
