"""Members that come as one stream, back to back: cut by their sizes, each one checked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from isal.isal_zlib import crc32  # 13 times as fast as zlib's

from covcat.archives.base import CHUNK, BadArchiveError, Member, Open


class Crc32:
    """CRC-32, by the fastest implementation at hand, as `hashlib` has its sums."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._value = crc32(data, self._value)

    def digest(self) -> int:
        """Return the value so far."""
        return self._value


@dataclass(frozen=True, slots=True)
class MemberPart:
    """One member's part of the stream."""

    member: Member
    size: int  # bytes it takes in the stream: for a folder 0
    checksum: Callable[[], Any] | None = None  # with `update(data)` and `digest()`
    declared: int | bytes | None = None


def split(
    read: Callable[[int], bytes | memoryview], parts: Iterable[MemberPart], open_member: Open
) -> None:
    """Push each wanted member that has bytes; all of them, wanted or not, are checked.

    `read` returns up to so many bytes of the stream, none only at its end.
    """
    for part in parts:
        has_bytes = part.member.kind == "file" or (part.member.kind == "link" and part.size)
        writer = open_member(part.member) if has_bytes else None
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
