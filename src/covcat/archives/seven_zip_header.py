"""The header of a 7z archive, after 7zFormat.txt and the method list of the LZMA SDK.

Read here, not by py7zr: that one refuses more than 65,536 packed streams, rewrites backslashes
in names, and takes the last size of a BCJ2 folder for the folder's; and not by `7zz l`, which
prints other characters than a name has.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from zlib import crc32

from covcat.archives.base import BadArchiveError
from covcat.archives.seven_zip_streams import END, MAX_FILES, Cursor, Streams, read_streams

MAGIC = b"7z\xbc\xaf\x27\x1c"
START = 32  # bytes before the first packed stream
MAX_HEADER = 64 << 20

_HEADER, _PROPERTIES, _STREAMS, _FILES = 1, 2, 4, 5  # no known writer makes 3, more streams
_MAX_PROPERTIES = 16  # of the archive, which nothing needs: few writers make any
_EMPTY_STREAMS, _EMPTY_FILES, _ANTI, _NAMES = range(14, 18)
_ATTRIBUTES, _PACKED_HEADER, _PADDING = 21, 23, 25
_WIDTHS = {18: 8, 19: 8, 20: 8, _ATTRIBUTES: 4, 24: 8}  # bytes for a file: three times, a start
_MAX_PADDINGS = 16  # 7-Zip aligns each property with one at most
_AES = b"\x06\xf1\x07\x01"


@dataclass(frozen=True, slots=True)
class File:
    """One entry."""

    name: str | None
    size: int
    crc: int | None
    has_stream: bool
    is_empty_file: bool
    attributes: int | None


@dataclass(frozen=True, slots=True)
class Header:
    """All that the header says."""

    streams: Streams
    files: tuple[File, ...]


Unpack = Callable[[BinaryIO, Streams], bytes]


def read_header(stream: BinaryIO, unpack: Unpack) -> Header:
    """Read the header at the end; `unpack` gives the bytes of the header's own folder.

    Raises:
        BadArchiveError: it contradicts itself or the file.
    """
    data, end = _last_part(stream)
    if not data:
        _check_filled(0, end)
        return Header(Streams(0, (), (), ()), ())
    cursor = Cursor(data)
    kind = cursor.number()
    if kind == _PACKED_HEADER:
        cursor, end = _unpacked(cursor, end, stream, unpack)
        kind = cursor.number()
    if kind != _HEADER:
        raise BadArchiveError("has no header that can be read")
    header = _header(cursor)
    _check_filled(header.streams.offset, 0)
    _check_filled(header.streams.end, end)
    return header


def _unpacked(cursor: Cursor, end: int, stream: BinaryIO, unpack: Unpack) -> tuple[Cursor, int]:
    """Return the header that is packed in the last stream, and where the streams before it end."""
    streams = read_streams(cursor)
    cursor.check_end()
    if len(streams.folders) != 1 or not 0 < streams.folders[0].size <= MAX_HEADER:
        raise BadArchiveError(f"has a packed header of more than {MAX_HEADER >> 20} MB")
    check_no_password(streams)
    _check_filled(streams.end, end)
    data = unpack(stream, streams)
    if crc32(data) != streams.folders[0].crc is not None:
        raise BadArchiveError("has a wrong checksum for its header")
    return Cursor(data), streams.offset


def _check_filled(found: int, due: int) -> None:
    """Check that a stream begins or ends where the one beside it does, as all writers have it."""
    if found != due:
        raise BadArchiveError("has bytes between its streams that belong to nothing")


def check_no_password(streams: Streams) -> None:
    """Raise if a folder is encrypted."""
    if any(coder.method == _AES for folder in streams.folders for coder in folder.coders):
        raise BadArchiveError("is encrypted, and covcat has no password for it")


def _last_part(stream: BinaryIO) -> tuple[bytes, int]:
    """Return what the start header points at, and where: it must be the end of the file."""
    stream.seek(0)
    start = stream.read(START)
    if start[:6] != MAGIC:
        raise BadArchiveError("does not start as 7z does (self-extracting ones are not read)")
    if len(start) < START or crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        raise BadArchiveError("has a wrong checksum for its start")
    offset, size, crc = struct.unpack("<QQI", start[12:])
    end = stream.seek(0, 2)
    if START + offset + size > end:
        raise BadArchiveError(
            f"is cut off, or one volume of several that must be put together: it has {end:,} "
            f"bytes of {START + offset + size:,}"
        )
    if START + offset + size < end:
        raise BadArchiveError("goes on after its end")
    if size > MAX_HEADER:
        raise BadArchiveError(f"has a header of more than {MAX_HEADER >> 20} MB")
    stream.seek(START + offset)
    data = stream.read(size)
    if len(data) != size or crc32(data) != crc:
        raise BadArchiveError("has a wrong checksum for its header")
    return data, offset


# ---- files -------------------------------------------------------------------------------------


def _header(cursor: Cursor) -> Header:
    streams = Streams(0, (), (), ())
    files: tuple[File, ...] = ()
    seen: set[int] = set()
    while (mark := cursor.number()) != END:
        _check_once(mark, seen)
        if mark == _PROPERTIES:
            _skip_properties(cursor)
        elif mark == _STREAMS:
            streams = read_streams(cursor)
        elif mark == _FILES:
            files = _files(cursor, streams)
        else:
            raise BadArchiveError(f"has mark {mark} in its header, which covcat cannot read")
    cursor.check_end()
    check_no_password(streams)
    if sum(one.has_stream for one in files) != len(streams.files):
        raise BadArchiveError("has another number of files than of their contents")
    return Header(streams, files)


def _skip_properties(cursor: Cursor) -> None:
    """Pass over the properties of the archive, so few and small that they hide nothing."""
    for _ in range(_MAX_PROPERTIES):
        if cursor.number() == END:
            return
        cursor.take(cursor.count(_MAX_PROPERTIES))
    raise BadArchiveError("has too many properties of its own")


def _files(cursor: Cursor, streams: Streams) -> tuple[File, ...]:
    count = cursor.count(MAX_FILES)
    rows = _Rows(count)
    seen: set[int] = set()
    paddings = 0
    while (mark := cursor.number()) != END:
        part = cursor.take(cursor.count())
        if mark != _PADDING:
            _check_once(mark, seen)
            rows.take(mark, Cursor(part))
        elif (paddings := paddings + 1) > _MAX_PADDINGS or part.strip(b"\0"):
            raise BadArchiveError("has paddings in its header as no writer makes them")
    contents = iter(streams.files)
    empty_files = iter(rows.empty_files)
    files = []
    for name, is_empty, attributes in zip(rows.names, rows.empty, rows.attributes, strict=True):
        size, crc = (0, None) if is_empty else next(contents, (-1, None))
        if size < 0:
            raise BadArchiveError("has more files than contents")
        is_empty_file = is_empty and next(empty_files, False)
        files.append(File(name, size, crc, not is_empty, is_empty_file, attributes))
    return tuple(files)


def _check_once(mark: int, seen: set[int]) -> None:
    """Refuse a part that comes again: thousands of them would take hours to read."""
    if mark in seen:
        raise BadArchiveError(f"has the part {mark} of its header twice")
    seen.add(mark)


class _Rows:
    """What the header says of all files, one property after the other."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.names: list[str] | list[None] = [None] * count
        self.empty = [False] * count
        self.empty_files: list[bool] = []  # one for each that is empty: not a folder
        self.attributes: list[int | None] = [None] * count

    def take(self, mark: int, cursor: Cursor) -> None:
        """Read one property to its end; times are passed over."""
        if mark == _EMPTY_STREAMS:
            self.empty = cursor.bits(self._count)
        elif mark == _EMPTY_FILES:
            self.empty_files = cursor.bits(sum(self.empty))
        elif mark == _ANTI:
            if any(cursor.bits(sum(self.empty))):
                raise BadArchiveError("tells to delete files, as an incremental archive does")
        elif mark == _NAMES:
            cursor.check_inside()
            self.names = _names(cursor.rest(), self._count)
        elif mark in _WIDTHS:
            has = cursor.bits_or_all(self._count)
            cursor.check_inside()
            data = cursor.take(_WIDTHS[mark] * sum(has))
            if mark == _ATTRIBUTES:
                values = iter(struct.unpack(f"<{sum(has)}I", data))
                self.attributes = [next(values) if one else None for one in has]
        else:
            raise BadArchiveError(f"has mark {mark} among its files, which covcat cannot read")
        cursor.check_end()


def _names(data: bytes, count: int) -> list[str]:
    """Return the names: UTF-16, each one ended by a NUL."""
    try:
        names = data.decode("utf-16-le").split("\0")
    except UnicodeDecodeError:
        raise BadArchiveError("has a name that is not Unicode") from None
    if names.pop() or len(names) != count:
        raise BadArchiveError("has another number of names than of files, or a NUL in a name")
    return names
