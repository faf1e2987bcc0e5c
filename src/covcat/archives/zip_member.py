"""A member of a zip, and where its packed bytes are."""

from dataclasses import dataclass

from covcat.archives.base import Member
from covcat.archives.zip_directory import AES, ENCRYPTED
from covcat.archives.zip_methods import SMALL

PPMD = 98  # a method; pyppmd is killed by damaged data, and cannot say where its stream ends


@dataclass(slots=True)
class ZipMember(Member):
    """A million of these must fit into memory."""

    size: int
    flags: int = 0
    method: int = 0
    crc: int = 0
    packed: int = 0
    data: int = 0  # where its bytes start
    has_crc: bool = True  # the second form of AES leaves it out

    @property
    def is_small(self) -> bool:
        """Whether handing it to a thread costs more than it brings."""
        return self.packed + self.size <= SMALL

    @property
    def is_encrypted(self) -> bool:
        """Whether it needs a password."""
        return bool(self.flags & ENCRYPTED)

    @property
    def needs_tool(self) -> bool:
        """Whether no library here unpacks it."""
        return self.is_encrypted or self.method in (AES, PPMD)
