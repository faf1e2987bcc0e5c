"""Git's content ids, computed without git: what pins a repository's files and folders.

SHA-1 is weak against deliberate collisions; bound to a whole tree it still pins every name, mode
and byte. Formats: git's Documentation/gitformat-pack and `git cat-file -p`.
"""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

REGULAR = "100644"
EXECUTABLE = "100755"


def blob_hasher(size: int) -> "_Hash":
    """Start the id of a file of `size` bytes; feed it the bytes, then ask `hexdigest()`."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def tree_id(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return the id of the folder that holds `entries`: (path, mode, blob id), in any order."""
    files: list[tuple[str, str, str]] = []
    folders: dict[str, list[tuple[str, str, str]]] = {}
    for path, mode, blob in entries:
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, []).append((rest, mode, blob))
        else:
            files.append((name, mode, blob))
    files += [(name, "40000", tree_id(inside)) for name, inside in folders.items()]
    body = b"".join(
        b"%s %s\0%s" % (mode.encode(), name.encode(), bytes.fromhex(oid))
        for name, mode, oid in sorted(files, key=_git_order)
    )
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _git_order(entry: tuple[str, str, str]) -> bytes:
    """Git sorts a folder as if its name ended in a slash."""
    name, mode, _ = entry
    return (name + "/" if mode == "40000" else name).encode()
