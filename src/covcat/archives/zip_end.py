"""A zip's end records: where its directory is, how many entries it has, and nothing after it."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from covcat.archives.member import BadArchiveError, SplitError

_END = struct.Struct("<4s4H2IH")
_WIDE_END = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_MAX_ZEROS = 1 << 16  # that some tools leave behind the end
_MOST = (*[0xFFFF] * 4, *[0xFFFFFFFF] * 2)  # by field: the real number is in the ZIP64 record
_ENTRY = 46  # bytes of a directory's entry, before its name, extra fields and comment
_CUT = 1 << 32  # where a number of 32 bits starts again
# Checked before the directory is read, since what a file costs in memory must not be its own
# choice. Most that is real has far less; the caller's own limits come later.
_MAX_ENTRIES = 500_000  # each takes up to 800 bytes of memory until all are unpacked
_MAX_DIRECTORY = 1 << 28

ReadAt = Callable[[int, int], bytes]


class NoEndError(BadArchiveError):
    """There is no end record."""


@dataclass(frozen=True, slots=True)
class End:
    """What the end records say of the directory."""

    entries: int
    directory: int  # its offset
    directory_bytes: int
    comment: bytes
    modulus: int  # of the count: macOS writes more than 65,535 entries, and their last 16 bits

    def counts(self, found: int) -> bool:
        """Whether `found` entries are as many as the record says."""
        return found % self.modulus == self.entries


def read_end(read_at: ReadAt, size: int) -> End:
    """Find the end record; `size` is the file's.

    Raises:
        BadArchiveError: there is none, it contradicts itself, or something follows it.
    """
    start = max(0, size - _END.size - 0xFFFF - _MAX_ZEROS)
    tail = read_at(start, size - start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise NoEndError("is not a zip, or its end is missing")
    _, disk, first_disk, here, entries, length, offset, comments = _END.unpack_from(tail, at)
    comment, rest = _split(tail[at + _END.size :], comments)
    if len(comment) != comments or rest.strip(b"\0") or len(rest) > _MAX_ZEROS:
        raise BadArchiveError("has bytes after its end")
    position = start + at
    wide = _wide_end(read_at, position)
    if wide is not None:
        position, numbers = wide
        narrow = (disk, first_disk, here, entries, length, offset)
        fields = zip(narrow, numbers, _MOST, strict=True)
        if any(one not in (two, most) for one, two, most in fields):
            raise BadArchiveError("has two end records that differ")
        disk, first_disk, here, entries, length, offset = numbers
    if disk or first_disk or here != entries:
        raise SplitError
    end = End(entries, offset, length, comment, 1 << (16 if wide is None else 64))
    _demand_place(end, position)
    _demand_bounds(end)
    return end


def _demand_place(end: End, position: int) -> None:
    """Check that the directory reaches to where the end records start."""
    ends = end.directory + end.directory_bytes
    if ends > position:
        raise BadArchiveError(
            f"has a directory that ends at {ends}, not where its end starts, {position}"
        )
    gap = position - ends
    if gap and gap % _CUT == 0 and end.modulus == 1 << 16:
        raise BadArchiveError(
            "is larger than 4 GiB and has no ZIP64 record, as macOS writes it: its places and "
            "sizes are cut off, and readers disagree on them; pack it again with another tool"
        )
    if gap:
        raise BadArchiveError(f"has {gap} hidden bytes before its members or its directory")


def _demand_bounds(end: End) -> None:
    """Refuse a directory that cannot have so many entries, or that is too large to be read."""
    entries, length = end.entries, end.directory_bytes
    least = -(-length // (_ENTRY + 3 * 0xFFFF))
    least += (entries - least) % end.modulus  # the first number from there on that is cut to it
    if least * _ENTRY > length:
        raise BadArchiveError(f"counts {entries} entries in a directory of {length} bytes")
    demand_few(entries)
    if length > _MAX_DIRECTORY:
        raise BadArchiveError(
            f"has a directory of {length:,} bytes: at most {_MAX_DIRECTORY:,} are read"
        )


def demand_few(entries: int) -> None:
    """Refuse more entries than fit into memory."""
    if entries > _MAX_ENTRIES:
        raise BadArchiveError(f"has {entries:,} entries: at most {_MAX_ENTRIES:,} are read")


def _split(raw: bytes, size: int) -> tuple[bytes, bytes]:
    return raw[:size], raw[size:]


def _wide_end(read_at: ReadAt, end: int) -> tuple[int, tuple[int, ...]] | None:
    """Return where the ZIP64 record starts and its numbers, if there is one."""
    if end < _LOCATOR.size:
        return None
    raw = read_at(end - _LOCATOR.size, _LOCATOR.size)
    magic, disk, offset, disks = _LOCATOR.unpack(raw)
    if magic != b"PK\x06\x07":
        return None
    if disk or disks > 1:
        raise SplitError
    expected = end - _LOCATOR.size - _WIDE_END.size
    record = read_at(offset, _WIDE_END.size) if offset == expected else b""
    if record[:4] != b"PK\x06\x06":
        raise BadArchiveError("has a ZIP64 end record that is not where its locator says")
    _, length, _, _, *numbers = _WIDE_END.unpack(record)
    if length != _WIDE_END.size - 12:
        raise BadArchiveError("has a ZIP64 end record of a wrong length")
    return expected, tuple(numbers)
