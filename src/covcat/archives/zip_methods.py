"""How zip packs members: a decompressor for each method that covcat unpacks.

Numbers and names: APPNOTE.TXT 6.3.10, section 4.4.5; the LZMA header: section 5.8.8.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from covcat.archives.base import BadArchiveError, UnsafeError, UnsupportedError
from covcat.archives.streams import MAX_MEMORY, zstd_decompressor
from covcat.archives.zip_directory import LZMA_END

SMALL = 1 << 17  # bytes, packed and unpacked: below, what surrounds a member costs most
NAMES = {
    1: "shrink",
    **dict.fromkeys((2, 3, 4, 5), "reduce"),
    6: "implode",
    9: "deflate64",
    20: "zstd (of before 2020)",
    93: "zstd",
    96: "jpeg",
    97: "wavpack",
    98: "ppmd",
    99: "AES encryption",
}


def _deflate(flags: int, packed: int, size: int) -> Any:  # noqa: ARG001 -- as METHODS
    """Choose zlib where it costs no time: isal takes incomplete Huffman codes, which it refuses."""
    if packed + size <= SMALL:
        return zlib.decompressobj(-15)
    from isal import isal_zlib

    return isal_zlib.decompressobj(-15)


class _Lzma:
    """Turns zip's own LZMA header into that of a .lzma file, whose decoder knows where it ends.

    The raw decoder does not: without an end marker it would stop at the declared size, whatever
    follows. This one demands that the range coder is at its end there.
    """

    def __init__(self, flags: int, packed: int, size: int) -> None:  # noqa: ARG002
        self._size = b"\xff" * 8 if flags & LZMA_END else struct.pack("<Q", size)
        self._start = b""
        self._alone = lzma.LZMADecompressor(lzma.FORMAT_ALONE)

    eof = property(lambda self: self._alone.eof)
    unused_data = property(lambda self: self._alone.unused_data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if len(self._start) < 9:
            self._start += data
            if len(self._start) < 9:
                return b""
            _, _, length, properties, dictionary = struct.unpack("<BBHBI", self._start[:9])
            if length != 5 or properties >= 9 * 5 * 5:
                raise BadArchiveError("has an LZMA header that is damaged")
            if dictionary > MAX_MEMORY:
                raise UnsupportedError(f"asks for {dictionary:,} bytes of memory to unpack")
            data = self._start[4:9] + self._size + self._start[9:]
        return self._alone.decompress(data, max_length)


class _Deflate64:
    """Feeds the inflater little by little: it gives all that its input holds, at once.

    It does not say how much of its input was behind the end of the stream. So the last byte is fed
    alone: with it, and not before, the stream must end.
    """

    _PIECE = 1 << 12  # bytes in: at most 1,030 times as many come out
    unused_data = b""

    def __init__(self, flags: int, packed: int, size: int) -> None:  # noqa: ARG002
        import inflate64

        self._inflater = inflate64.Inflater()
        self._ready = bytearray()
        self._input = b""
        self._left = packed  # bytes that were not fed yet

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof) and not self._ready and not self._left

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._input += data
        while self._input and len(self._ready) < max_length:
            size = min(self._PIECE, max(1, self._left - 1))
            piece, self._input = self._input[:size], self._input[size:]
            if self._inflater.eof:
                raise UnsafeError("has bytes after the end of a deflate64 stream")
            self._ready += self._inflater.inflate(piece)
            self._left -= len(piece)
        unpacked = bytes(self._ready[:max_length])
        del self._ready[:max_length]
        return unpacked


# method -> (flags, packed size, declared size) -> the decompressor of one stream, dropped after any
# error, with `decompress(data, max_length)`, `eof` and `unused_data`; method 0 is stored
METHODS: Mapping[int, Callable[[int, int, int], Any]] = {
    8: _deflate,
    9: _Deflate64,
    12: lambda *_: bz2.BZ2Decompressor(),
    14: _Lzma,
    93: lambda *_: zstd_decompressor(),
    95: lambda *_: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_MEMORY),
}
