"""Members that come as one stream, back to back: cut by their sizes, each one checked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from covcat.archives.base import CHUNK, BadArchiveError, Member, Open

# Returns up to so many bytes of the stream, none only at its end.
Read = Callable[[int], bytes | memoryview]


class Checksum(Protocol):
    """Sums up the bytes of one member."""

    def update(self, data: bytes | memoryview, /) -> object:
        """Take the next bytes."""
        ...

    def digest(self) -> int | bytes:
        """Return what the archive should have declared."""
        ...


class Crc32:
    """CRC-32, by the fastest implementation at hand."""

    def __init__(self) -> None:
        from isal.isal_zlib import crc32  # 13 times as fast as zlib's

        self._crc32 = crc32
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._value = self._crc32(data, self._value)

    def digest(self) -> int:
        """Return the value so far."""
        return self._value


@dataclass(frozen=True, slots=True)
class MemberPart:
    """One member's part of the stream."""

    member: Member
    size: int  # bytes it takes in the stream: for a folder 0
    checksum: Callable[[], Checksum] | None = None
    declared: int | bytes | None = None


def split(read: Read, parts: Iterable[MemberPart], open_member: Open) -> None:
    """Push each wanted file member; all of them, wanted or not, are checked.

    Raises:
        BadArchiveError: the stream is too short, or a checksum is wrong.
    """
    for part in parts:
        writer = open_member(part.member) if part.member.kind == "file" else None
        checksum = part.checksum() if part.checksum else None
        left = part.size
        while left:
            data = read(min(left, CHUNK))
            if not data:
                raise BadArchiveError(f"ends within `{part.member.name}`")
            left -= len(data)
            if checksum is not None:
                checksum.update(data)
            if writer is not None:
                writer.write(data)
        if checksum is not None and checksum.digest() != part.declared:
            raise BadArchiveError(f"has a wrong checksum for `{part.member.name}`")
        if writer is not None:
            writer.finish()
