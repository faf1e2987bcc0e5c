"""Compressed streams, read to their very end.

The standard library's readers swallow any error in a second stream (bz2, lzma) and take a missing
end for the end; here each stream must end well, and only zeros may follow the last.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from covcat.archives.member import CHUNK, BadArchiveError

MEMORY = 1 << 28  # bytes that an xz dictionary may take
_KEPT = 1024  # bytes behind the position that `seek` may return to: tarfile steps back by one

DECOMPRESSORS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY),
}


class Unpacked:
    """What is inside a compressed file, as a file that goes forward only."""

    def __init__(self, packed: BinaryIO, make: Callable[[], Any]) -> None:
        """`make` starts a decompressor for one stream."""
        self._packed, self._make = packed, make
        self._decompressor = make()
        self._input = b""
        self._window = bytearray()
        self._start = 0  # where in the unpacked bytes the window starts
        self._position = 0
        self._is_done = False

    def tell(self) -> int:
        """Return the position in the unpacked bytes."""
        return self._position

    def seek(self, position: int) -> int:
        """Go to a position; only a little way back."""
        if position < self._start:
            raise BadArchiveError("has headers that point back")
        self._position = position
        return position

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes from the position, fewer only at the end."""
        while not self._is_done and self._start + len(self._window) < self._position + size:
            self._window += self._next()
            self._drop(max(0, min(len(self._window), self._position - self._start) - _KEPT))
        begin = self._position - self._start
        data = bytes(self._window[begin : begin + size])
        self._position += len(data)
        return data

    def _drop(self, size: int) -> None:
        del self._window[:size]
        self._start += size

    def _next(self) -> bytes:
        """Return the next piece of unpacked bytes, or nothing and be done."""
        if self._decompressor.eof:
            return self._next_stream()
        if not self._input:
            self._input = self._packed.read(CHUNK)
            if not self._input and getattr(self._decompressor, "needs_input", True):
                raise BadArchiveError("ends in the middle of its compressed stream")
        data: bytes = self._decompressor.decompress(self._input, CHUNK)
        self._input = getattr(self._decompressor, "unconsumed_tail", b"")
        return data

    def _next_stream(self) -> bytes:
        """Go on with the stream that follows; zeros may fill up the end."""
        rest = self._decompressor.unused_data or self._packed.read(CHUNK)
        while rest and not rest.strip(b"\0"):
            rest = self._packed.read(CHUNK)
        if not rest:
            self._is_done = True
            return b""
        self._decompressor = self._make()
        self._input = rest
        return b""
