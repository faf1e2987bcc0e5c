"""The digests of one file, computed as its bytes come, beside the transfer once that is large."""

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hashlib import _Hash


REGULAR = "100644"
EXECUTABLE = "100755"
LINK = "120000"
VerifiedBy = Literal[
    "sha256",  # pinned for the file, or for every member by the listing
    "git-tree",
    "git-blob",
    "md5",
    "host-sha512",  # host-…: its API, or its answer, says so now
    "host-sha256",
    "host-sha1",
    "host-md5",
    "md5-prefix",
    "first-use",  # nothing is published: recorded now, and a later difference is an error
    "unknown-length",  # the same, and nobody said where it ends: it may have been cut off
]
Stamp = tuple[int, int, int, int]  # inode, bytes, times of the last changes
PINNED: tuple[VerifiedBy, ...] = ("sha256", "git-tree", "git-blob", "md5")
UNPUBLISHED: tuple[VerifiedBy, ...] = ("first-use", "unknown-length")  # no digest was compared
WEAK: tuple[VerifiedBy, ...] = ("md5-prefix", *UNPUBLISHED)  # not enough for `--require host`
Hash = Literal["sha256", "sha512", "sha1", "md5", "git-blob"]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what differs after a file was changed or replaced: else its digest still holds."""
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's digest must be, or begin with, and what may be claimed where it is."""

    kind: Hash
    value: str  # lower-case hex
    means: VerifiedBy


_INLINE = 4 << 20  # bytes: a thread costs more than hashing so few
_WAITING = 16  # pieces that may wait for the thread: a bound on memory


class Digests:
    """Sha256, which is always recorded, and what else is known of a file."""

    def __init__(self, kinds: Iterable[Hash] = (), size: int | None = None) -> None:
        """Start all of `kinds`; git's blob id starts with the size, which must be known then."""
        self.size = 0  # bytes taken
        self._found: dict[str, _Hash] = {"sha256": hashlib.sha256()}
        for kind in kinds:
            if kind == "git-blob":
                self._found[kind] = blob_hasher(size or 0)
            elif kind != "sha256":
                self._found[kind] = hashlib.new(kind, usedforsecurity=False)
        self._thread: threading.Thread | None = None
        self._queue: queue.Queue[bytes | Callable[[str], object] | None]
        self._error: Exception | None = None

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        if self._thread is not None:
            self._put(data)
            return
        self._hash(data)
        if self.size > _INLINE:
            self._queue = queue.Queue(_WAITING)
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def when_here(self, act: Callable[[str], object]) -> None:
        """Call `act` with the sha256 of all bytes so far, as soon as it is known."""
        if self._thread is None:
            act(self._found["sha256"].hexdigest())
        else:
            self._put(act)

    def settle(self) -> None:
        """Wait until everything is hashed; raise what an `act` of `when_here` raised."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error

    @property
    def sha256(self) -> str:
        """The one that is always known; call `settle` first."""
        return self._found["sha256"].hexdigest()

    def hexdigest(self, kind: str) -> str | None:
        """Return a digest, if it was asked for; call `settle` first."""
        return self._found[kind].hexdigest() if kind in self._found else None

    def _put(self, item: bytes | Callable[[str], object]) -> None:
        if self._error is not None:
            self.settle()
        self._queue.put(item)

    def _hash(self, data: bytes) -> None:
        for digest in self._found.values():
            digest.update(data)

    def _work(self) -> None:
        """Hash what comes; after an error go on taking, or the transfer would wait for ever."""
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue
            try:
                if callable(item):
                    item(self._found["sha256"].hexdigest())
                else:
                    self._hash(item)
            except Exception as error:  # raised again by `settle`, where it can be answered
                self._error = error


def blob_hasher(size: int) -> "_Hash":
    """Start the id of a file of `size` bytes; feed it the bytes, then ask `hexdigest()`."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def blob_id(data: bytes) -> str:
    """Return the id of a file of these bytes."""
    hasher = blob_hasher(len(data))
    hasher.update(data)
    return hasher.hexdigest()


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
    # Git sorts a folder as if its name ended in a slash.
    files.sort(key=lambda one: (one[0] + "/" if one[1] == "40000" else one[0]).encode())
    body = b"".join(
        b"%s %s\0%s" % (mode.encode(), name.encode(), bytes.fromhex(oid))
        for name, mode, oid in files
    )
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
