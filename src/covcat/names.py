"""Which relative paths cannot lead outside or hide anything; pure text rules.

Names that only Windows dislikes (`NUL`, `a?b`) pass: covcat runs on POSIX systems.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_NAME_BYTES = 1_024
MAX_PART_BYTES = 255
MAX_DEPTH = 64
_HIDDEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
_DRIVE = re.compile(r"[A-Za-z]:")


def unsafe_name(name: str) -> str | None:
    """Return why a member's name is refused, or None if it is safe on every system.

    The rules are those of Go's `filepath.IsLocal` and uv, and those of reliability case lists:
    no absolute or parent paths, no backslash or drive, no control or invisible characters.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > MAX_NAME_BYTES:  # before anything quadratic touches it (CVE-2026-3276)
        return f"its name has {size} bytes, more than {MAX_NAME_BYTES}"
    if not name:
        return "it has no name"
    if not _is_plain(name) and any(unicodedata.category(char) in _HIDDEN for char in name):
        return "its name has a control or invisible character"
    if "\\" in name:
        return "its name has a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "its path is absolute"
    return _unsafe_parts(name.split("/"), size)


def _unsafe_parts(parts: Sequence[str], size: int) -> str | None:
    if ".." in parts:
        return "its path leaves the folder with `..`"
    if "" in parts or "." in parts:
        return "its path has an empty part"
    if len(parts) > MAX_DEPTH:
        return f"its path is {len(parts)} levels deep, more than {MAX_DEPTH}"
    if size > MAX_PART_BYTES and any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"a part of its path has more than {MAX_PART_BYTES} bytes"
    return None


def collision_key(path: str) -> str:
    """Return a text that is equal for paths that some file system takes for one."""
    if _is_plain(path) and ". " not in path:
        path = path.lower()
        if not path.endswith((".", " ")) and "./" not in path and " /" not in path:
            return path
    parts = unicodedata.normalize("NFKC", path).casefold().split("/")
    return "/".join(unicodedata.normalize("NFKC", part.rstrip(". ")) for part in parts)


def _is_plain(text: str) -> bool:
    """True for printable ASCII, which needs no look at each character."""
    return text.isascii() and text.isprintable()


def collision(paths: Iterable[tuple[str, bool]]) -> tuple[str, str] | None:
    """Return two paths that some file system takes for one, or a file where a folder is due.

    `paths` are (path, is it a file); equal folders may come again, equal files may not.
    """
    spelt: dict[str, str] = {}  # key -> the path as first spelt
    files: set[str] = set()
    known: set[str] = set()  # folders, as spelt, that have been looked at with all above them
    for path, is_file in paths:
        parts = path.split("/")
        for depth in range(len(parts), 0, -1):
            part = "/".join(parts[:depth])
            if part in known:
                break
            key = collision_key(part)
            file = is_file and depth == len(parts)
            if key in spelt and (spelt[key] != part or file or key in files):
                return spelt[key], path
            spelt[key] = part
            (files if file else known).add(key if file else part)
    return None
