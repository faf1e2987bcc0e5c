"""How zip packs members: a decompressor for each method that covcat unpacks.

Numbers and names: APPNOTE.TXT 6.3.10, section 4.4.5; the LZMA header: section 5.8.8.
"""

import bz2
import lzma
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from covcat.archives.member import BadArchiveError
from covcat.archives.streams import MAX_MEMORY

_LZMA_END = 2  # flag bit 1: the stream has an end marker
_NAMES = {
    1: "shrink",
    2: "reduce",
    3: "reduce",
    4: "reduce",
    5: "reduce",
    6: "implode",
    9: "deflate64",
    20: "zstd (of before 2020)",
    93: "zstd",
    96: "jpeg",
    97: "wavpack",
    98: "ppmd",  # pyppmd is killed by damaged data, and cannot say where its stream ends
    99: "AES encryption",
}


class Decompressor(Protocol):
    """One packed stream; made anew for each member, and dropped after any error."""

    @property
    def eof(self) -> bool:
        """True when the stream has come to its end."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What followed the end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack up to `max_length` bytes."""
        ...


def method_name(method: int) -> str:
    """Say a method that covcat may not know, as a person can look it up."""
    return f"method {method}" + (f" ({_NAMES[method]})" if method in _NAMES else "")


def _deflate(flags: int, size: int) -> Decompressor:  # noqa: ARG001 -- as all of METHODS
    from isal import isal_zlib

    return isal_zlib.decompressobj(-15)


def _bzip2(flags: int, size: int) -> Decompressor:  # noqa: ARG001
    return bz2.BZ2Decompressor()


def _zstd(flags: int, size: int) -> Decompressor:  # noqa: ARG001
    from covcat.archives.streams import zstd_decompressor

    return zstd_decompressor()  # type: ignore[no-any-return]


def _xz(flags: int, size: int) -> Decompressor:  # noqa: ARG001
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_MEMORY)


class _Lzma:
    """Reads zip's own LZMA header, then a raw stream with or without an end marker."""

    def __init__(self, flags: int, size: int) -> None:
        self._has_end = bool(flags & _LZMA_END)
        self._left = size
        self._start = b""
        self._raw: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        return self._raw is not None and (self._raw.eof or (not self._has_end and self._left <= 0))

    @property
    def unused_data(self) -> bytes:
        return self._raw.unused_data if self._raw is not None else b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._raw is None:
            self._start += data
            if len(self._start) < 9:
                return b""
            data = self._start[9:]
            self._raw = self._opened(self._start[:9])
        if not self._has_end:  # without a marker the size is the end
            max_length = max(0, min(max_length, self._left))
        unpacked = self._raw.decompress(data, max_length)
        self._left -= len(unpacked)
        return unpacked

    def _opened(self, header: bytes) -> lzma.LZMADecompressor:
        _, _, length, properties, dictionary = struct.unpack("<BBHBI", header)
        if length != 5 or properties >= 9 * 5 * 5:
            raise BadArchiveError("has an LZMA header that is damaged")
        if dictionary > MAX_MEMORY:
            raise BadArchiveError(f"asks for {dictionary:,} bytes of memory to unpack")
        rest, lc = divmod(properties, 9)
        pb, lp = divmod(rest, 5)
        lzma1 = {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma1])


class _Deflate64:
    """Feeds the inflater little by little: it gives all that its input holds, at once."""

    _PIECE = 1 << 12  # bytes in: at most 1,030 times as many come out

    def __init__(self, flags: int, size: int) -> None:  # noqa: ARG002
        import inflate64

        self._inflater = inflate64.Inflater()
        self._ready = bytearray()
        self._input = b""

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof) and not self._ready and not self._input

    @property
    def unused_data(self) -> bytes:
        return b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._input += data
        while self._input and len(self._ready) < max_length:
            piece, self._input = self._input[: self._PIECE], self._input[self._PIECE :]
            if self._inflater.eof:
                raise BadArchiveError("has bytes after the end of a deflate64 stream")
            self._ready += self._inflater.inflate(piece)
        unpacked = bytes(self._ready[:max_length])
        del self._ready[:max_length]
        return unpacked


# method -> (flags, declared size) -> a decompressor; method 0 is stored
METHODS: Mapping[int, Callable[[int, int], Decompressor]] = {
    8: _deflate,
    9: _Deflate64,
    12: _bzip2,
    14: _Lzma,
    93: _zstd,
    95: _xz,
}
