"""Which relative paths are safe on every system; pure text rules, for archives and manifests."""

import re
import unicodedata
from collections.abc import Sequence

MAX_NAME_BYTES = 1_024
MAX_PART_BYTES = 255
MAX_DEPTH = 64
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
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") for char in name):
        return "its name has a control or invisible character"
    if "\\" in name:
        return "its name has a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "its path is absolute"
    return _unsafe_parts(name.split("/"))


def _unsafe_parts(parts: Sequence[str]) -> str | None:
    if ".." in parts:
        return "its path leaves the folder with `..`"
    if "" in parts or "." in parts:
        return "its path has an empty part"
    if len(parts) > MAX_DEPTH:
        return f"its path is {len(parts)} levels deep, more than {MAX_DEPTH}"
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"a part of its path has more than {MAX_PART_BYTES} bytes"
    return None


def collision_key(path: str) -> str:
    """Return a text that is equal for paths that some file system takes for one."""
    parts = unicodedata.normalize("NFKC", path).casefold().split("/")
    return "/".join(unicodedata.normalize("NFKC", part.rstrip(". ")) for part in parts)
