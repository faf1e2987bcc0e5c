"""Unpacks the folders of a 7z archive with py7zr's decoders, one after the other.

Only its decoders are used: its reader keeps whole folders in memory at times, and its writers
are told apart by names.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from covcat.archives.base import CHUNK, BadArchiveError, words
from covcat.archives.joined import Crc32
from covcat.archives.seven_zip_streams import Folder, Streams

_START = 32  # bytes before the first packed stream
_READ = 32 << 10  # packed bytes fed at once; more would pile up in the decoder
_READ_UNBOUNDED = 4 << 10  # to Zstandard and Deflate, which py7zr never stops: 128 MB at worst
_WRITE = 4 << 20  # unpacked bytes asked for at once
_COPY = b"\0"
_PPMD = b"\x03\x04\x01"
_UNBOUNDED = {b"\x04\xf7\x11\x01", b"\x04\x01\x08", b"\x04\x01\x09"}


def check_packed(stream: BinaryIO, streams: Streams) -> None:
    """Check the packed bytes that have a checksum of their own.

    Raises:
        BadArchiveError: they have another one.
    """
    stream.seek(_START + streams.offset)
    for size, declared in zip(streams.packed, streams.sums, strict=False):
        if declared is None:
            stream.seek(size, 1)
            continue
        checksum, left = Crc32(), size
        while left and (data := stream.read(min(left, CHUNK))):
            checksum.update(data)
            left -= len(data)
        if left or checksum.digest() != declared:
            raise BadArchiveError("has a wrong checksum for its packed bytes")


class Folders:
    """All that the folders unpack to, as one stream."""

    def __init__(self, stream: BinaryIO, streams: Streams) -> None:
        self._pieces = _unpacked(stream, streams)
        self._rest = memoryview(b"")

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, or b"" after the last folder.

        Raises:
            BadArchiveError: a folder is damaged, or its method is not supported.
        """
        while not self._rest:
            try:
                piece = next(self._pieces, None)
            except BadArchiveError:
                raise
            except Exception as error:  # each of the decoders has classes of its own
                raise BadArchiveError(f"cannot be unpacked: {words(error)[:200]}") from error
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = self._rest[:count], self._rest[count:]
        return bytes(data)


def _unpacked(stream: BinaryIO, streams: Streams) -> Iterator[bytes]:
    at, first = _START + streams.offset, 0
    for folder in streams.folders:
        packed = streams.packed[first : first + folder.packed]
        stream.seek(at)
        yield from _folder(stream, folder, sum(packed))
        at, first = at + sum(packed), first + folder.packed


def _folder(stream: BinaryIO, folder: Folder, packed: int) -> Iterator[bytes]:
    decoder = _decoder(folder, packed)
    left, is_idle = folder.size, False
    while left:
        data = decoder.decompress(stream, min(left, _WRITE))
        left -= len(data)
        if not data and is_idle and decoder.consumed >= packed:
            raise BadArchiveError("has a packed stream that ends too early")
        is_idle = not data
        if data:
            yield data


def _decoder(folder: Folder, packed: int) -> Any:
    """Return py7zr's decoder of a folder that it can read safely."""
    from py7zr.compressor import SevenZipDecompressor

    methods = {coder.method for coder in folder.coders}
    if not folder.is_chain:  # py7zr takes it for one
        raise BadArchiveError("binds its coders in a way that only 7-Zip unpacks")
    if _PPMD in methods:  # damage kills the whole process
        raise BadArchiveError("is packed with PPMd, which only 7-Zip unpacks safely")
    if packed != folder.size and methods == {_COPY}:
        raise BadArchiveError("has other bytes than it declares in a folder that is only stored")
    coders = [
        {
            "method": coder.method,
            "numinstreams": coder.ins,
            "numoutstreams": coder.outs,
            "properties": coder.properties,
        }
        for coder in folder.coders
    ]
    piece = _READ_UNBOUNDED if methods & _UNBOUNDED else _READ
    return SevenZipDecompressor(coders, packed, list(folder.sizes), folder.crc, blocksize=piece)
