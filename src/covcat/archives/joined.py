"""Members that come as one stream, back to back: cut by their sizes, each one checked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from covcat.archives.base import CHUNK, BadArchiveError, Member, Open


class Stream(Protocol):
    """Where the bytes come from; `read` returns b"" at its end."""

    def read(self, count: int, /) -> bytes:
        """Return up to `count` bytes."""
        ...


class Checksum(Protocol):
    """Sums up the bytes of one member."""

    def update(self, data: bytes, /) -> object:
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

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._value = self._crc32(data, self._value)

    def digest(self) -> int:
        """Return the value so far."""
        return self._value


class Unchecked:
    """For members whose archive declares no checksum."""

    def update(self, data: bytes) -> None:
        """Take the next bytes."""

    def digest(self) -> int:
        """Return what `Piece.declared` says for them."""
        return 0


@dataclass(frozen=True, slots=True)
class Piece:
    """One member's part of the stream."""

    member: Member
    size: int  # bytes it takes in the stream: for a folder 0
    checksum: Callable[[], Checksum] = Unchecked
    declared: int | bytes = 0


def split(stream: Stream, pieces: Iterable[Piece], open_member: Open) -> None:
    """Push each wanted file member; all of them, wanted or not, are checked.

    Raises:
        BadArchiveError: the stream is too short, or a checksum is wrong.
    """
    for piece in pieces:
        writer = open_member(piece.member) if piece.member.kind == "file" else None
        checksum = piece.checksum()
        left = piece.size
        while left:
            data = stream.read(min(left, CHUNK))
            if not data:
                raise BadArchiveError(f"ends within `{piece.member.name}`")
            left -= len(data)
            checksum.update(data)
            if writer is not None:
                writer.write(data)
        if checksum.digest() != piece.declared:
            raise BadArchiveError(f"has a wrong checksum for `{piece.member.name}`")
        if writer is not None:
            writer.finish()
