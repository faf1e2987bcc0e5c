"""The end records of a zip, which say where its directory is, read strictly.

Field layout: APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from covcat.archives.base import (
    BadArchiveError,
    CutOffError,
    SplitError,
    UnsafeError,
    UnsupportedError,
)
from covcat.archives.padding import MOST_AFTER
from covcat.files import read_at

SPLIT = b"PK\x07\x08"  # a splitter's mark, in front of the first volume; or of the only one
_SPLIT_MARKS = (SPLIT, b"PK00")
_PIECE = 1 << 17  # bytes at once: larger buffers are fresh pages from the kernel each time
_MAX_ZEROS = 1 << 16  # that some tools leave behind the end
_MOST = (*[0xFFFF] * 4, *[0xFFFFFFFF] * 2)  # by field: the real number is in the ZIP64 record
_DIRECTORIES = (b"PK\x01\x02", b"PK\x05\x06")  # how one begins, or the end where it is empty
_ENTRY = 46  # bytes of a directory's entry, before its name, extra fields and comment
_CUT = 1 << 32  # where a number of 32 bits starts again
# Checked before the directory is read, since what a file costs in memory must not be its own
# choice. Most that is real has far less; the caller's own limits come later.
_MAX_ENTRIES = 500_000  # each takes up to 800 bytes of memory until all are unpacked
_MAX_DIRECTORY = 1 << 28
_END = struct.Struct("<4s4H2IH")
_WIDE_END = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")


class NoEndError(CutOffError):
    """There is no end record."""


@dataclass(frozen=True, slots=True)
class End:
    """What the end records say of the directory."""

    entries: int
    directory: int  # its offset
    directory_bytes: int
    comment: bytes
    starts: tuple[int, ...]  # of the volumes, from which its places count
    modulus: int  # of the count: macOS writes more than 65,535 entries, and their last 16 bits
    after: bytes = b""  # what follows it, if that is not a few zeros alone
    is_split: bool = False  # into zip's own volumes, from whose starts its places count


class FileWindow:
    """Reads a shared file at any place; small neighbouring reads cost one system call."""

    def __init__(self, stream: BinaryIO, block: int = 1 << 16) -> None:
        """At least `block` bytes are read at once; `stream` may be of several volumes."""
        joined = getattr(stream, "raw", None)
        self.starts: tuple[int, ...] = getattr(joined, "starts", (0,))  # of the volumes
        pread = getattr(joined, "pread", None)
        if pread is not None:
            self._pread, self.size = pread, self.starts[-1]
        else:
            handle = stream.fileno()
            self._pread = lambda size, offset: read_at(handle, size, offset)
            self.size = os.fstat(handle).st_size
        self._least = block
        self._block, self._start = b"", 0

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end of the file."""
        begin = offset - self._start
        if begin < 0 or begin + size > len(self._block):
            self._block = self._pread(max(size, self._least), offset)
            self._start, begin = offset, 0
        return self._block[begin : begin + size]

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        """Give `size` bytes from `offset` on, in pieces."""
        while size:
            data = self._pread(min(size, _PIECE), offset)
            if not data:
                raise BadArchiveError("became shorter while it was read")
            yield data
            offset, size = offset + len(data), size - len(data)


def start_of(head: bytes) -> int | None:
    """Return where a zip that begins with `head` has its first record; None if it is no zip.

    A tool that splits zips writes a mark first, and leaves it there if one piece was enough.
    """
    at = len(SPLIT) if head.startswith(_SPLIT_MARKS) else 0
    return at if head.startswith((b"PK\x03\x04", b"PK\x05\x06"), at) else None


def place_in(starts: tuple[int, ...], volume: int, offset: int) -> int:
    """Return where a place in a volume is, when all are read as one file."""
    if volume and volume >= len(starts) - 1:
        raise SplitError
    return starts[volume] + offset


def count_volumes(window: FileWindow) -> int:
    """Return how many volumes the end of a zip counts."""
    _, position, (disk, *_), _ = _find_end(window)
    if disk == _MOST[0] and position >= _LOCATOR.size:
        raw = window.read_at(position - _LOCATOR.size, _LOCATOR.size)
        magic, _, _, disks = _LOCATOR.unpack(raw)
        return int(disks) if magic == b"PK\x06\x07" else 1
    return int(disk) + 1


def _find_end(window: FileWindow) -> tuple[bytes, int, tuple[int, ...], bytes]:
    """Return the end record's comment, its place, its numbers and what follows it.

    It is the last one, as readers take it: what follows it has none.
    """
    start, at, tail = window.size, -1, b""
    for beyond in (_MAX_ZEROS, MOST_AFTER):
        if at < 0:
            start = max(0, window.size - _END.size - 0xFFFF - beyond)
            tail = window.read_at(start, window.size - start)
            at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise NoEndError("is not a zip, or its end is missing")
    _, disk, first_disk, here, entries, length, offset, comments = _END.unpack_from(tail, at)
    after = at + _END.size
    comment, rest = tail[after : after + comments], tail[after + comments :]
    if len(comment) != comments:
        raise CutOffError("ends in the middle of its comment")
    rest = rest if rest.strip(b"\0") or len(rest) > _MAX_ZEROS else b""
    return comment, start + at, (disk, first_disk, here, entries, length, offset), rest


def read_end(window: FileWindow) -> End:
    """Find the end record.

    Its places count from where the zip begins, or from where its file does: what lies before it
    may have been put there later, or was there when it was made. Both are real.
    """
    comment, position, narrow, after = _find_end(window)
    disk, first_disk, here, entries, length, offset = narrow
    wide, base = _wide_end(window, position), None
    if wide is not None:
        position, numbers, base = wide
        fields = zip(narrow, numbers, _MOST, strict=True)
        if any(one not in (two, most) for one, two, most in fields):
            raise UnsafeError("has two end records that differ")
        disk, first_disk, here, entries, length, offset = numbers
    is_whole = not (disk or first_disk) and here == entries
    if not is_whole and (disk + 2 != len(window.starts) or first_disk > disk or here > entries):
        raise SplitError
    offset = place_in(window.starts, first_disk, offset)
    modulus = 1 << (16 if wide is None else 64)
    is_split = bool(disk or first_disk)
    end = End(entries, offset, length, comment, window.starts, modulus, after, is_split)
    gap = _check_bounds(end, position)
    if base not in (None, gap) or (gap and window.read_at(offset, 4) in _DIRECTORIES):
        raise UnsafeError("has two places where its directory may be")
    starts = (window.starts[0] + gap, *window.starts[1:])
    return replace(end, directory=offset + gap, starts=starts) if gap else end


def _check_bounds(end: End, position: int) -> int:
    """Check that the directory reaches to where the end records start, and can be read.

    It may not have another number of entries than fit into it. Returns the bytes before what its
    places count from.
    """
    length = end.directory_bytes
    gap = position - end.directory - length
    if gap < 0:
        raise BadArchiveError(
            f"has a directory that ends at {position - gap}, not where its end starts, {position}"
        )
    if gap and gap % _CUT == 0 and end.modulus == 1 << 16:
        raise UnsupportedError(
            "is larger than 4 GiB and has no ZIP64 record, as macOS writes it: its places and "
            "sizes are cut off, and readers disagree on them; pack it again with another tool"
        )
    if gap and end.is_split:
        raise UnsafeError(f"has {gap} hidden bytes before its members or its directory")
    least = -(-length // (_ENTRY + 3 * 0xFFFF))
    least += (end.entries - least) % end.modulus  # the first number from there that is cut to it
    if least * _ENTRY > length:
        raise UnsafeError(f"counts {end.entries} entries in a directory of {length} bytes")
    check_few(end.entries)
    if length > _MAX_DIRECTORY:
        raise UnsupportedError(
            f"has a directory of {length:,} bytes: at most {_MAX_DIRECTORY:,} are read"
        )
    return gap


def check_few(entries: int) -> None:
    """Refuse more entries than fit into memory."""
    if entries > _MAX_ENTRIES:
        raise UnsupportedError(f"has {entries:,} entries: at most {_MAX_ENTRIES:,} are read")


def _wide_end(window: FileWindow, end: int) -> tuple[int, tuple[int, ...], int] | None:
    """Return where the ZIP64 record starts, its numbers, and how far before that it is said to be.

    None if there is none.
    """
    if end < _LOCATOR.size:
        return None
    raw = window.read_at(end - _LOCATOR.size, _LOCATOR.size)
    magic, disk, offset, disks = _LOCATOR.unpack(raw)
    if magic != b"PK\x06\x07":
        return None
    if disks not in (0, 1, len(window.starts) - 1):
        raise SplitError
    offset = place_in(window.starts, disk, offset)
    expected = end - _LOCATOR.size - _WIDE_END.size
    base = expected - offset
    record = window.read_at(expected, _WIDE_END.size) if 0 <= base <= expected else b""
    if record[:4] != b"PK\x06\x06" or (base and window.read_at(offset, 4) == record[:4]):
        raise UnsafeError("has a ZIP64 end record that is not where its locator says")
    _, length, _, _, *numbers = _WIDE_END.unpack(record)
    if length != _WIDE_END.size - 12:
        raise BadArchiveError("has a ZIP64 end record of a wrong length")
    return expected, tuple(numbers), base
