"""Compressed streams, read to their very end, a little ahead of whoever takes the bytes.

Every stream must end well and the next must begin where it ends; only zeros may follow the last.
Formats: gzip (RFC 1952), bzip2, xz (its file format 1.2.1) and Zstandard (RFC 8878).
"""

import bz2
import lzma
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, BinaryIO

from covcat.archives import padding
from covcat.archives.base import (
    CHUNK,
    BadArchiveError,
    CutOffError,
    UnsafeError,
    UnsupportedError,
    describe,
)

_INPUT = 1 << 18  # bytes read, and at most fed to a decompressor, at a time
_FIRST_INPUT = 1 << 12  # bytes fed to a new one, which copies what it leaves: streams may be tiny
_PIECE = 1 << 18  # bytes unpacked at a time: what the processor's caches hold
_AHEAD = 32  # pieces that may wait for the reader
_WORTH_A_THREAD = 1 << 16  # bytes of a packed file below which starting a thread costs more
_MAX_ZEROS = 1 << 16  # bytes after the last stream: writers fill up tape blocks
MAX_MEMORY = 1 << 28  # bytes
_MAX_TINY = 50_000  # streams, beyond one for each KB unpacked: every new one costs up to 0.1 ms
_MAX_HEADER = 1 << 20  # bytes
_RESERVED_FLAGS = 0xE0  # of gzip; a reader must refuse them (RFC 1952, 2.3.1.2), isal does not
_CHECKED, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16  # flags of gzip
_MAX_ZSTD_WINDOW = 27  # a power of two, in bytes; what `zstd` itself takes without `--long`

_STARTS: Mapping[str, re.Pattern[bytes]] = {
    "gz": re.compile(rb"\x1f\x8b"),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zst": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # a frame, or one to skip
}
_MAGIC = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")  # most begin so
_LONGEST_START = 10  # bytes
# What is known and not read here, with the program that unpacks it.
_NOT_READ: Mapping[str, tuple[re.Pattern[bytes], str]] = {
    "lzma-alone": (re.compile(rb"\x5d\0\0"), "xz -d --format=lzma -S '' {}"),
    "lzip": (re.compile(rb"LZIP"), "lzip -d {}"),
    "compress (.Z)": (re.compile(rb"\x1f[\x9d\xa0]"), "gunzip {}"),
    "lz4": (re.compile(rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18"), "lz4 -d {}"),
    "lzop": (re.compile(rb"\x89LZO\0"), "lzop -d {}"),
}


def compression_of(stream: BinaryIO) -> str | None:
    """Return `gz`, `bz2`, `xz`, `zst` or None by how the file begins; leaves it at its start."""
    stream.seek(0)
    start = stream.read(_LONGEST_START)
    stream.seek(0)
    for name, (pattern, how) in _NOT_READ.items():
        if pattern.match(start):
            raise UnsupportedError(
                f"is packed with {name}, which covcat does not read",
                f"{how}, then covcat extract with what that leaves",
            )
    return next((name for name, pattern in _STARTS.items() if pattern.match(start)), None)


def require_compression(stream: BinaryIO, otherwise: str) -> str:
    """Return what the file is packed with, or raise that it is not, as `otherwise` says."""
    if packing := compression_of(stream):
        return packing
    raise BadArchiveError(otherwise)


class Flow:
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
        if len(data) > self._at:  # it began in the chunk before
            self._chunk, self._at = data + self._chunk[self._at :], len(data)
        self._at -= len(data)
        return data

    def go_back(self, size: int) -> None:
        """Make the end of the last `piece` the next to come."""
        self._at -= size

    def skip(self, size: int) -> bool:
        """Pass over `size` bytes; False if the end comes first."""
        if self._at + size <= len(self._chunk):
            self._at += size
            return True
        while size and (passed := len(self.piece(size))):
            size -= passed
        return not size


@contextmanager
def open_unpacked(
    stream: BinaryIO, compression: str | None, trailing: list[int] | None = None
) -> Iterator[Flow]:
    """Give what is inside a file, from its start; a thread may unpack ahead until the end.

    Bytes after the last stream are refused without `trailing`, which else gets their number.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if compression is None:
        yield Flow(iter(lambda: stream.read(CHUNK), b""))
    elif size < _WORTH_A_THREAD:
        yield Flow(_streams(stream, compression, trailing))
    else:
        ahead = _Ahead(_streams(stream, compression, trailing))
        try:
            yield Flow(ahead.chunks())
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


def _streams(
    packed: BinaryIO, compression: str, trailing: list[int] | None = None
) -> Iterator[bytes]:
    """Unpack every stream of a file."""
    flow = Flow(iter(lambda: packed.read(_INPUT), b""))
    number = size = 0
    while _begins(flow, compression, trailing if number else None):
        header = _gzip_header(flow) if compression == "gz" else 0
        number += 1
        for piece in _stream(flow, _DECOMPRESSORS[compression](), max(header, _FIRST_INPUT)):
            size += len(piece)
            yield piece
        if number > _MAX_TINY + size // 1024:
            raise UnsafeError(f"has {number:,} compressed streams for {size:,} bytes")


def _stream(flow: Flow, decompressor: Any, feed: int) -> Iterator[bytes]:
    """Unpack one stream, leaving what follows it; `feed` bytes go into it first."""
    data = flow.piece(feed)
    while True:
        try:
            piece: bytes = decompressor.decompress(data, _PIECE)
        except Exception as error:  # never used again: CVE-2026-6100, CVE-2026-9669
            raise BadArchiveError(f"is damaged: {describe(error)}") from error
        if piece:
            yield piece
        if decompressor.eof:
            flow.go_back(len(decompressor.unused_data))
            return
        data = b""
        if decompressor.needs_input:
            feed = min(2 * feed, _INPUT)
            data = flow.piece(feed)
            if not data:
                raise CutOffError("ends in the middle of its compressed stream")


def _begins(flow: Flow, compression: str, trailing: list[int] | None) -> bool:
    """Whether another stream begins here; False at the end, where zeros may fill up."""
    zeros = 0
    while flow.peek(1) == b"\0":
        piece = bytes(flow.piece(_MAX_ZEROS))
        rest = len(piece.lstrip(b"\0"))
        flow.go_back(rest)
        zeros += len(piece) - rest
        if zeros > _MAX_ZEROS:
            raise UnsafeError(f"has more than {_MAX_ZEROS:,} zeros after its compressed stream")
    start = flow.peek(_LONGEST_START)
    if not start:
        return False
    if not _STARTS[compression].match(start) or (zeros and compression != "xz"):
        what = "goes on after the end of its compressed stream"
        if trailing is None or _resembles_stream(start):
            raise UnsafeError(what)
        more = flow.take(padding.MOST_AFTER + 1)
        padding.check_after(more)
        trailing.append(len(more))
        return False
    if compression == "gz" and len(start) > 3 and start[3] & _RESERVED_FLAGS:
        raise UnsafeError("has reserved flags in its gzip header")
    return True


def _resembles_stream(start: bytes) -> bool:
    """Whether bytes are like the start of a stream: one damaged there must not become padding."""
    for magic in _MAGIC:
        alike = sum(one == two for one, two in zip(start, magic, strict=False))
        if 2 * alike >= len(magic) or magic.startswith(start):  # or cut off in the middle of it
            return True
    return any(one.match(start) for one in _STARTS.values())


def _gzip_header(flow: Flow) -> int:
    """Return a header's length, all of which must be fed at once: isal loses its place in it."""
    look = 10
    while True:
        start = flow.peek(look)
        flags = start[3] if len(start) > 3 else 0
        size = 10
        if flags & _EXTRA:
            size += 2 + int.from_bytes(start[10:12], "little")
        for flag in (_NAME, _COMMENT):
            if flags & flag:
                size = (start.find(b"\0", size) + 1) or look + 1
        size += 2 * bool(flags & _CHECKED)
        if size <= look or len(start) < look:
            return size
        if look == _MAX_HEADER:
            raise UnsupportedError(f"has a gzip header of more than {_MAX_HEADER:,} bytes")
        look = max(2 * look, _FIRST_INPUT)


def _gzip() -> Any:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def zstd_decompressor() -> Any:
    """Return a decompressor of one frame."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        module = import_module(name)
    except ImportError as error:
        raise UnsupportedError(f"is packed with zstd, which needs the package `{name}`") from error
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
