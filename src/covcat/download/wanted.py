"""What a transfer works with: the file that is wanted, and what all transfers of a run share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from covcat.download.pace import ConnectionLimit, RateLimit
from covcat.download.parts import Parts
from covcat.download.remote import Network, RemoteFile
from covcat.progress import Progress

if TYPE_CHECKING:
    from covcat.download.http import Web


@dataclass(frozen=True, slots=True)
class Transfers:
    """What all transfers of one run share."""

    web: "Web"
    network: Network
    limit: RateLimit
    slots: ConnectionLimit
    parts: Parts
    progress: Progress


@dataclass(frozen=True, slots=True)
class Target:
    """A file, and how it is called while it comes."""

    served: RemoteFile
    name: str
    key: str  # of its parts: the same in every run
    room: int | None = None  # most bytes that may come where the size is unknown
    within: int | None = None  # the task of the progress that this one is a part of

    @property
    def is_pinned(self) -> bool:
        """True if a digest of the whole file decides in the end."""
        return any(one.means != "md5-prefix" for one in self.served.digests)
