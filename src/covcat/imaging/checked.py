"""That all rows of an index name files of their release: kept, so that it is looked at once.

Of a million rows that takes four seconds, as long as counting them. An index is known again by
the digest of all its bytes, and what is kept lies in a cache that only this user can write to.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from covcat import seal
from covcat.files import make_folder, opened, write_file
from covcat.store import cached
from covcat.version import __version__

_LEAST = 1 << 20  # bytes of a manifest: of a smaller one it takes 30 ms
_MOST_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """Which state of a release an index is of.

    A manifest tells when and from where it came too: `files_sha256` is the same for everybody.
    """

    release: str  # ID@RELEASE
    files: int
    files_sha256: str  # of the lines of SHA256SUMS that begin with files/
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class IndexOrigin:
    """What an index was made of."""

    resource: str
    release: str
    key: str  # changes with all that the rows depend on
    manifest: bytes
    folder: Path  # of the release

    @property
    def name(self) -> str:
        """ID@RELEASE."""
        return f"{self.resource}@{self.release}"


def recall(origin: IndexOrigin, sha256: str) -> ReleaseState | None:
    """Return the state of the release, if an index of these bytes was looked at before."""
    path = _place(origin)
    if path is None or not cached.is_own(path):
        return None
    with suppress(OSError, ValueError, TypeError):
        with opened(path, follow=False) as stream:
            known = seal.unsealed(json.loads(stream.read(_MOST_BYTES)))
        if known is not None and known["of"] == _of(origin, sha256):
            return ReleaseState(**known["state"])
    return None


def remember(origin: IndexOrigin, sha256: str, state: ReleaseState) -> None:
    """Keep that it was looked at, where there is a place for it."""
    if (path := _place(origin)) is not None:
        record = seal.sealed({"of": _of(origin, sha256), "state": asdict(state)})
        with suppress(OSError):
            make_folder(path.parent)
            write_file(path, json.dumps(record).encode())


def _of(origin: IndexOrigin, sha256: str) -> list[str]:
    return [__version__, sha256, origin.key]


def _place(origin: IndexOrigin) -> Path | None:
    return cached.file_of(origin.folder, "checked") if len(origin.manifest) >= _LEAST else None
