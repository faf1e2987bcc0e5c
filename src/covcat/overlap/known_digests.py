"""The sha256 of a user's files, kept by what the disk says of each: who changes one changes that.

As git has it: a file that was changed within the last moment is hashed again, since its time stamp
would be the same if it changed once more.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from covcat.digests import Stamp

if TYPE_CHECKING:  # without the extra there is none
    from covcat.overlap.feature_store import FeatureStore

_MOMENT = 2_000_000_000  # nanoseconds: FAT counts two seconds


def read_digests(store: "FeatureStore", stamps: Mapping[str, Stamp]) -> dict[str, str]:
    """Return the sha256 of those files, by path, that are as they were."""
    paths = {_key(path): path for path in stamps}
    found: dict[str, str] = {}
    for key, data in store.kept(paths):
        path, before, digest = paths[key], data[:-32], data[-32:]
        if before == _told(stamps[path]):
            found[path] = digest.hex()
    return found


def keep_digests(
    store: "FeatureStore", looked: Iterable[tuple[str, Stamp, str]], began_ns: int
) -> None:
    """Keep the sha256 of files, by path, that nobody changed shortly before somebody looked.

    Raises:
        DiskError: it cannot be written.
    """
    store.keep(
        {
            _key(path): _told(stamp) + bytes.fromhex(sha256)
            for path, stamp, sha256 in looked
            if max(stamp[2:]) + _MOMENT < began_ns
        }
    )


def _key(path: str) -> bytes:
    return hashlib.sha256(b"file\0" + os.fsencode(path)).digest()[:16]


def _told(stamp: Stamp) -> bytes:
    return repr(stamp).encode()
