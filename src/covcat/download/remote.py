"""What is asked of a host, and what came: how to reach it, where a file is, what arrived."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from covcat.catalog.files import AnyFile
from covcat.digests import Digest, VerifiedBy
from covcat.download import STORES
from covcat.errors import DiskError, IntegrityError, UsageError
from covcat.files import MORE_SPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How to reach hosts, and how hard to try."""

    mirror: str | None = None  # asked as MIRROR/host/path in place of https://host/path
    copies: str | None = None  # a place in a store that is asked for a release before any host
    offline: bool = False
    timeout: float = 30  # seconds of silence, on connecting and on each read
    allow_private: bool = False  # let redirects lead to private addresses
    retries: int = 5  # after the first try; kept progress renews them
    pause: float = 0.5  # seconds before the first retry; doubled before each further one
    patience: float = math.inf  # seconds: who asks to wait longer is not asked again
    jobs: int | None = None  # files at once; also connections to one host, where it is set
    limit_rate: float | None = None  # bytes a second, of all connections together
    slowest: tuple[int, float] = (64 << 10, 60)  # fewer bytes in so many seconds: a stall
    checkpoint: int = 64 << 20  # bytes between two records of how far a download is

    def __post_init__(self) -> None:
        """Refuse a password in the mirror's address, and tell a store from a web address.

        It would be sent, and recorded.
        """
        if self.mirror is not None and "@" in self.mirror:
            raise UsageError("the mirror has a user name in it: it never receives credentials")
        if self.mirror is not None and self.mirror.startswith(STORES):
            object.__setattr__(self, "copies", self.mirror)
            object.__setattr__(self, "mirror", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file as its host serves it now; a catalog's File may stand for a thousand of these."""

    file: AnyFile  # what the catalog says of it, or of the set that it belongs to
    name: str  # as kept
    id: str = ""  # by which the host knows it
    entry: int = 0  # number of `file` in its release
    folder: str = ""  # below `files/`: where it, or what it is unpacked to, goes
    own_folder: str = ""  # the last of these folders, if it is named after the file itself
    unpack: str = "none"
    bytes: int | None = None
    digests: tuple[Digest, ...] = ()  # all must hold; strongest first
    has_claim: bool = False  # the answer's headers bring the host's md5
    breaks: int | None = None  # transfers that may break off before another way is tried
    mode: str | None = None  # git's
    is_alone: bool = True  # the catalog names it; else it is one of a set

    @property
    def path(self) -> str:
        """Return how it is called among the files of its release, as served."""
        own = f"{self.own_folder}/" if self.own_folder else ""
        return self.folder.removesuffix(own) + self.name


class Room:
    """The bytes that files may take together, where their sizes are not known before."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken: dict[str, int] = {}  # by the key of each file
        self._lock = threading.Lock()

    def give_back(self, size: int) -> None:
        """Add what has become free since."""
        with self._lock:
            self._size += size

    def take(self, key: str, size: int) -> int | None:
        """Let a file have `size` bytes in all; else return how many there are for it."""
        with self._lock:
            left = self._size - sum(self._taken.values()) + self._taken.get(key, 0)
            if size > left:
                return max(0, left)
            self._taken[key] = max(size, self._taken.get(key, 0))
            return None


@dataclass(frozen=True, slots=True)
class Target:
    """A file, and how it is called while it comes."""

    remote: RemoteFile
    name: str
    key: str  # of its parts: the same in every run
    room: Room | None = None  # shared with the others; None where the size is known
    within: int | None = None  # the task of the progress that this one is a part of
    about: int | None = None  # bytes, for who waits, where the host does not say how many

    @property
    def is_pinned(self) -> bool:
        """True if a digest of the whole file decides in the end."""
        return any(one.means != "md5-prefix" for one in self.remote.digests)

    def check_size(self, size: int, url: str) -> None:
        """Stop a body that goes on beyond what is pinned, or what there is room for."""
        remote = self.remote
        if remote.bytes is not None and size > remote.bytes:
            raise IntegrityError(f"`{url}` is longer than expected: {remote.bytes} bytes")
        bound = remote.file.max_bytes if remote.unpack == "none" else None
        if bound is not None and size > bound:
            raise IntegrityError(f"`{url}` is longer than the catalog allows: {bound} bytes")
        if self.room is not None and (left := self.room.take(self.key, size)) is not None:
            raise DiskError(
                f"`{url}` goes on beyond the {left} bytes that there is room for",
                hint=MORE_SPACE,
            )


@dataclass(frozen=True, slots=True)
class Login:
    """Headers with a secret in them, and the one host that they may be sent to."""

    host: str
    headers: Mapping[str, str] = field(repr=False)
    scheme: str = "https"  # http only in a private network, by an entry that says so
    hint: str = ""  # where it is to be had, if its host refuses
    at_once: bool = False  # an API gave them with the address; else after the host refused without


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where to ask for a file right now: an address, or a path for what covcat brings along."""

    url: str  # that is recorded: it has no secret in it
    name: str  # what the file is called when it is kept
    path: Path | None = None
    signed: str | None = field(default=None, repr=False)  # asked in place of `url`; expires
    login: Login | None = None
    private: bool = False  # its entry says that it is of a private network


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that arrived whole and passed every digest that is pinned for it."""

    path: Path
    name: str
    url: str  # the one asked for
    final_url: str  # after redirects
    mirror: str | None  # asked in place of the hosts
    bytes: int
    sha256: str
    md5: str | None
    verified_by: VerifiedBy
    finished_at: str  # UTC, ISO 8601
    imported_from: str | None = None  # name of what a person brought, in place of a transfer


def compared(
    remote: RemoteFile,
    known: Sequence[Digest],
    url: str,
    size: int,
    hexdigest: Callable[[str], str | None],
) -> VerifiedBy:
    """Compare a file's size and digests with what they must be; return the strongest of these."""
    if remote.bytes is not None and size != remote.bytes:
        raise IntegrityError(f"`{url}`: expected {remote.bytes} bytes, got {size}")
    for one in known:
        got = (hexdigest(one.kind) or "")[: len(one.value)]
        if one.value != got:
            what = "what its host says" if one.means.startswith("host-") else "the pinned file"
            raise IntegrityError(
                f"`{remote.path}` is not {what}: {one.kind} expected {one.value}, got {got} "
                f"(`{url}`)",
                hint="it was changed upstream or on the way; nothing was kept",
            )
    return known[0].means if known else "first-use"
