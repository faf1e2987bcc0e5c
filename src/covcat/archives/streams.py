"""Compressed streams, read to their very end, a little ahead of whoever takes the bytes.

Every stream must end well and the next must begin where it ends; only zeros may follow the last.
Formats: gzip (RFC 1952), bzip2, xz (its file format 1.2.1) and Zstandard (RFC 8878).
"""

import bz2
import lzma
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, BinaryIO

from covcat.archives.member import CHUNK, BadArchiveError

_INPUT = 1 << 17  # bytes fed to a decompressor at a time
_AHEAD = 8  # pieces of at most CHUNK bytes that may wait for the reader
_WORTH_A_THREAD = 1 << 16  # bytes of a packed file below which starting a thread costs more
_MAX_ZEROS = 1 << 16  # bytes after the last stream: writers fill up tape blocks
MAX_MEMORY = 1 << 28  # bytes
_MAX_ZSTD_WINDOW = 27  # a power of two, in bytes; what `zstd` itself takes without `--long`

_STARTS: Mapping[str, re.Pattern[bytes]] = {
    "gz": re.compile(rb"\x1f\x8b"),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zst": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # a frame, or one to skip
}
_LONGEST_START = 10  # bytes
_NOT_READ: Mapping[str, re.Pattern[bytes]] = {
    "lzma-alone": re.compile(rb"\x5d\0\0"),
    "lzip": re.compile(rb"LZIP"),
    "compress (.Z)": re.compile(rb"\x1f[\x9d\xa0]"),
    "lz4": re.compile(rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18"),
    "lzop": re.compile(rb"\x89LZO\0"),
}


def compression_of(stream: BinaryIO) -> str | None:
    """Return `gz`, `bz2`, `xz`, `zst` or None by how the file begins; leaves it at its start."""
    return _found(_STARTS, stream)


def unread_compression_of(stream: BinaryIO) -> str | None:
    """Return the name of a compression that is known but not read here."""
    return _found(_NOT_READ, stream)


def _found(starts: Mapping[str, re.Pattern[bytes]], stream: BinaryIO) -> str | None:
    stream.seek(0)
    start = stream.read(_LONGEST_START)
    stream.seek(0)
    return next((name for name, pattern in starts.items() if pattern.match(start)), None)


class Unpacked:
    """Bytes taken from one end to the other, in whatever pieces suit the taker."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """`chunks` come in order; none is empty."""
        self._chunks = chunks
        self._chunk = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end; for what is small."""
        at = self._at
        data = self._chunk[at : at + size]
        self._at = at + len(data)
        while len(data) < size and (more := self.piece(size - len(data))):
            data += more
        return data

    def piece(self, limit: int) -> bytes | memoryview:
        """Return up to `limit` bytes as they lie in memory, nothing only at the end."""
        at = self._at
        if at == len(self._chunk):
            self._chunk = next(self._chunks, b"")
            at = 0
        self._at = min(at + limit, len(self._chunk))
        return memoryview(self._chunk)[at : self._at]

    def peek(self, size: int) -> bytes:
        """Return what `take` will."""
        data = self.take(size)
        self._chunk, self._at = data + self._chunk[self._at :], 0
        return data

    def skip(self, size: int) -> bool:
        """Pass over `size` bytes; False if the end comes first."""
        while size and (passed := len(self.piece(size))):
            size -= passed
        return not size


@contextmanager
def unpacked(stream: BinaryIO, compression: str | None) -> Iterator[Unpacked]:
    """Give what is inside a file, from its start; a thread may unpack ahead until the end."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if compression is None:
        yield Unpacked(iter(lambda: stream.read(CHUNK), b""))
    elif size < _WORTH_A_THREAD:
        yield Unpacked(_streams(stream, compression))
    else:
        ahead = _Ahead(_streams(stream, compression))
        try:
            yield Unpacked(ahead.chunks())
        finally:
            ahead.close()


class _Ahead:
    """A thread that makes chunks while those before are used, never more than `_AHEAD` early."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._made: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._is_closed = False
        self._thread = Thread(target=self._run, args=(chunks,), daemon=True)
        self._thread.start()

    def _run(self, chunks: Iterator[bytes]) -> None:
        try:
            for chunk in chunks:
                self._made.put(chunk)
                self._room.acquire()
                if self._is_closed:
                    return
            self._made.put(b"")
        except BaseException as error:  # whatever it is, the taker must hear of it
            self._made.put(error)

    def chunks(self) -> Iterator[bytes]:
        """Give the chunks; raises what the thread met."""
        while chunk := self._made.get():
            if isinstance(chunk, BaseException):
                raise chunk
            self._room.release()
            yield chunk

    def close(self) -> None:
        """Stop the thread after the piece it is at, and wait for that."""
        self._is_closed = True
        self._room.release()
        self._thread.join()


def _streams(packed: BinaryIO, compression: str) -> Iterator[bytes]:
    """Unpack every stream of a file."""
    rest = packed.read(_INPUT)
    while rest := _next_start(packed, rest, compression):
        rest = yield from _stream(packed, rest, _DECOMPRESSORS[compression]())


def _stream(packed: BinaryIO, data: bytes, decompressor: Any) -> Generator[bytes, None, bytes]:
    """Unpack one stream that begins with `data`; returns what was read of the next."""
    while True:
        try:
            piece: bytes = decompressor.decompress(data, CHUNK)
        except Exception as error:  # never used again: CVE-2026-6100, CVE-2026-9669
            raise BadArchiveError(f"is damaged: {error}") from error
        if piece:
            yield piece
        if decompressor.eof:
            rest: bytes = decompressor.unused_data
            return rest
        data = packed.read(_INPUT) if decompressor.needs_input else b""
        if not data and decompressor.needs_input:
            raise BadArchiveError("ends in the middle of its compressed stream")


def _next_start(packed: BinaryIO, rest: bytes, compression: str) -> bytes:
    """Return bytes that begin a stream, or nothing at the end, where zeros may fill up."""
    zeros = 0
    while not (start := rest.lstrip(b"\0")):
        zeros += len(rest)
        rest = packed.read(_INPUT)
        if not rest or zeros > _MAX_ZEROS:
            break
    zeros += len(rest) - len(start)
    if zeros > _MAX_ZEROS:
        raise BadArchiveError(f"has more than {_MAX_ZEROS:,} zeros after its compressed stream")
    if start and len(start) < _LONGEST_START:
        start += packed.read(_INPUT)
    is_next = _STARTS[compression].match(start) and (not zeros or compression == "xz")
    if start and not is_next:
        raise BadArchiveError("goes on after the end of its compressed stream")
    if start and compression == "gz":
        _demand_known_flags(start)
    return start


def _demand_known_flags(start: bytes) -> None:
    """RFC 1952, 2.3.1.2: a reader must refuse flags it does not know, which isal ignores."""
    if len(start) > 3 and start[3] & 0xE0:
        raise BadArchiveError("has reserved flags in its gzip header")


def _gzip() -> Any:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def zstd_decompressor() -> Any:
    """Return a decompressor of one frame."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        module = import_module(name)
    except ImportError as error:
        raise BadArchiveError(f"is packed with zstd, which needs the package `{name}`") from error
    window = {module.DecompressionParameter.window_log_max: _MAX_ZSTD_WINDOW}
    return module.ZstdDecompressor(options=window)


# Each has `decompress(data, max_length)`, `eof`, `needs_input` and `unused_data`.
_DECOMPRESSORS: Mapping[str, Callable[[], Any]] = {
    # Much faster than zlib; checks the header's CRC if there is one, and the trailer.
    "gz": _gzip,
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_MEMORY),
    "zst": zstd_decompressor,
}
