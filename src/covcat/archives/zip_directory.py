"""A zip's directory, read strictly: two readers of one zip must see the same members.

The standard library accepts overlapping, hidden, prefixed and trailing data, and never looks at
most of what a local header says; parser differentials of that kind are what uv's and PyPI's zip
checks refuse. Here every byte is accounted for: members fill the file from its first byte to the
directory, local headers say what the directory says, and the end records count it all.
Field layout: APPNOTE.TXT 6.3.10, sections 4.3 to 4.6.
"""

import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from covcat.archives.base import BadArchiveError, Padding, SplitError, UnsafeError
from covcat.archives.padding import check_after, check_hides_nothing
from covcat.archives.zip_end import SPLIT, End, FileWindow, check_few, place_in, read_end, start_of

LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s2B5H3I5H2I")
_WIDE = 0xFFFFFFFF  # the real size is in a ZIP64 extra field
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # extra fields
ENCRYPTED, DESCRIPTOR, PATCH, STRONG, UTF8, MASKED = 1, 8, 32, 64, 2048, 8192
_FLAGS = ENCRYPTED | DESCRIPTOR | PATCH | STRONG | UTF8 | MASKED  # must agree in both headers
AES, _AES_FIELD = 99, 0x9901  # a method, and the extra field that says more of it
LZMA, LZMA_END = 14, 2  # a method, and its flag: the stream has an end marker


class Entry(NamedTuple):
    """One entry, as its two headers agree."""

    number: int  # its place in the directory
    name: bytes
    unicode_name: bytes | None  # Info-ZIP's second name, in UTF-8
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    host: int  # the system whose attributes `attributes` holds
    attributes: int
    offset: int  # of the local header
    aes: bytes = b""  # the extra field of an entry that is encrypted with AES

    @property
    def has_crc(self) -> bool:
        """False where the second form of AES leaves it out."""
        return not (self.method == AES and self.aes[:2] == b"\2\0")

    @property
    def label(self) -> str:
        """The name for messages."""
        return self.name.decode("utf-8", "backslashreplace")


def read_directory(
    window: FileWindow, pass_over: Callable[[Padding], None]
) -> Iterator[tuple[Entry, int]]:
    """Read and check all headers; give entries as they lie there, and where their bytes start.

    `pass_over` is asked first whether what lies before and after them may be there. One at a time:
    all of a million, with both names and all numbers, would take 400 MB.
    """
    end = read_end(window)
    raw = window.read_at(end.directory, end.directory_bytes)
    places, offsets = _places(raw, end)
    order = sorted(range(len(places)), key=offsets.__getitem__)
    first = min(offsets, default=end.directory)
    mark = start_of(window.read_at(0, 8)) or 0  # of a splitter, which the places count
    before = first if first != mark or end.starts[0] else 0
    if before or end.after:
        _check_padding(window, before, end)
        pass_over(Padding(before=before, after=len(end.after)))
    position = first
    for rank, number in enumerate(order):
        entry = _entry(raw, places[number], number, end.starts)
        if entry.offset != position:
            raise _gap(entry.offset - position, "before", entry)
        position = offsets[order[rank + 1]] if rank + 1 < len(order) else end.directory
        data = _data_offset(entry, window)
        _check_space(entry, data + entry.packed, position, window)
        yield entry, data
    if position != end.directory:
        raise UnsafeError(f"has {end.directory - position} hidden bytes before its directory")


def _check_padding(window: FileWindow, before: int, end: End) -> None:
    if end.is_split:
        raise UnsafeError("has bytes before or after it, and comes in zip's own volumes")
    check_hides_nothing(window.pieces(0, before), "before its first member")
    check_after(end.after)


def _gap(gap: int, side: str, entry: Entry) -> BadArchiveError:
    if gap < 0:
        return UnsafeError(f"has members that overlap (`{entry.label}`)")
    return UnsafeError(f"has {gap} hidden bytes {side} `{entry.label}`")


def _places(raw: bytes, end: End) -> "tuple[array[int], array[int]]":
    """Find where each entry starts and where its local header is.

    The entries must fill the directory and be as many as the end says.
    """
    places, offsets = array("Q"), array("Q")
    position = 0
    unpack, header = _CENTRAL.unpack_from, _CENTRAL.size
    while position < len(raw):
        if len(raw) - position < header or raw[position : position + 4] != b"PK\x01\x02":
            raise BadArchiveError(f"has a directory that is damaged after {len(places)} entries")
        head = unpack(raw, position)
        offset = head[-1]
        if head[14] or offset == _WIDE:  # of a later volume, or in an extra field
            offset = _entry(raw, position, len(places), end.starts).offset
        else:
            offset += end.starts[0]
        if offset > end.directory:
            label = _entry(raw, position, len(places), end.starts).label
            raise BadArchiveError(f"has no local header for `{label}`")
        places.append(position)
        check_few(len(places))
        offsets.append(offset)
        position += header + head[11] + head[12] + head[13]  # name, extra fields, comment
    if position != len(raw) or len(places) % end.modulus != end.entries:
        raise UnsafeError(f"counts {end.entries} entries and has {len(places)}")
    return places, offsets


def _entry(raw: bytes, position: int, number: int, starts: tuple[int, ...]) -> Entry:
    """Read the directory's entry that starts at `position`."""
    head = _CENTRAL.unpack_from(raw, position)
    (_, _, host, _, flags, method, _, _, crc, packed, size, names, extras, _) = head[:14]
    disk, _, attributes, offset = head[14:]
    begin = position + _CENTRAL.size
    name = raw[begin : begin + names]
    extra = raw[begin + names : begin + names + extras]
    entry = Entry(number, name, None, flags, method, crc, packed, size, host, attributes, offset)
    if extra or _WIDE in (packed, size, offset):
        entry, disk = _with_extra(entry, _extra_fields(extra, entry), disk)
    if not (disk or starts[0]):
        return entry
    return entry._replace(offset=place_in(starts, disk, entry.offset))


def _with_extra(entry: Entry, extra: dict[int, bytes], disk: int) -> tuple[Entry, int]:
    """Take the wide sizes, the volume and the second name from the extra fields.

    Readers take from a ZIP64 field what the header leaves to it, in this order; Go and others
    write more into it. That is the same for all readers only where each number stands in its own
    place, as it would if the header left all to it.
    """
    field = _wide_values(extra.get(_ZIP64, b""), entry)
    wide = field.copy()
    places = []
    for narrow in (entry.size, entry.packed, entry.offset):
        if narrow == _WIDE and not wide:
            raise _misfit(entry)
        places.append(wide.pop(0) if narrow == _WIDE else narrow)
    if disk == 0xFFFF:
        if len(wide) != 1:
            raise SplitError
        disk = wide[0]
    elif wide and field != [*places, disk][: len(field)]:
        raise _misfit(entry)
    size, packed, offset = places
    name = _unicode_path(extra.get(_UNICODE_PATH), entry)
    aes = extra.get(_AES_FIELD, b"")
    found = entry._replace(size=size, packed=packed, offset=offset, unicode_name=name, aes=aes)
    return found, disk


def _wide_values(field: bytes, entry: Entry) -> list[int]:
    """Split a ZIP64 field: 8 bytes a value, the disk's last and of 4."""
    count, rest = divmod(len(field), 8)
    if rest not in (0, 4) or count > 3:
        raise _misfit(entry)
    return list(struct.unpack(f"<{count}Q{'I' if rest else ''}", field))


def _misfit(entry: Entry) -> BadArchiveError:
    return UnsafeError(f"has a ZIP64 field that does not fit for `{entry.label}`")


def _extra_fields(raw: bytes, entry: Entry) -> dict[int, bytes]:
    """Split extra fields by id: none may come twice, and they fill their space."""
    found: dict[int, bytes] = {}
    position = 0
    while position < len(raw):
        is_head = len(raw) - position >= 4
        kind, length = struct.unpack_from("<HH", raw, position) if is_head else (0, 1 << 16)
        field = raw[position + 4 : position + 4 + length]
        if len(field) < length or kind in found:
            raise UnsafeError(f"has extra fields that do not fit for `{entry.label}`")
        found[kind] = field
        position += 4 + length
    return found


def _unicode_path(field: bytes | None, entry: Entry) -> bytes | None:
    """Return Info-ZIP's second name, which may only say in UTF-8 what the first cannot."""
    if field is None:
        return None
    if field[:5] != struct.pack("<BI", 1, zlib.crc32(entry.name)):
        raise UnsafeError(f"gives `{entry.label}` a second name that is not its own")
    if field[5:] != entry.name and (entry.name.isascii() or entry.flags & UTF8):
        raise UnsafeError(f"gives `{entry.label}` a second name")
    return field[5:]


def _data_offset(entry: Entry, window: FileWindow) -> int:
    """Check that the local header says what the directory says; return where its data starts."""
    raw = window.read_at(entry.offset, LOCAL.size + len(entry.name))
    if len(raw) < LOCAL.size or raw[:4] != b"PK\x03\x04":
        raise BadArchiveError(f"has no local header for `{entry.label}`")
    _, _, flags, method, _, _, crc, packed, size, names, extras = LOCAL.unpack_from(raw)
    mask = _FLAGS | LZMA_END if method == LZMA else _FLAGS
    is_same = (
        raw[LOCAL.size :] == entry.name
        and names == len(entry.name)
        and method == entry.method
        and not (flags ^ entry.flags) & mask
    )
    data: int = entry.offset + LOCAL.size + names + extras
    is_same &= bool(extras) or not entry.aes
    if is_same and extras:
        extra = _extra_fields(window.read_at(data - extras, extras), entry)
        if _unicode_path(extra.get(_UNICODE_PATH), entry) not in (None, entry.unicode_name):
            raise UnsafeError(f"gives `{entry.label}` a second name")
        is_same = extra.get(_AES_FIELD, b"") == entry.aes
        size, packed = _local_sizes(size, packed, extra.get(_ZIP64, b""), entry)
    if (crc, packed, size) != (entry.crc, entry.packed, entry.size):
        is_same &= bool(flags & DESCRIPTOR) and crc in (0, entry.crc)
        is_same &= packed in (0, entry.packed) and size in (0, entry.size)
    if not is_same:
        raise UnsafeError(f"has two headers that differ for `{entry.label}`")
    return data


def _local_sizes(size: int, packed: int, field: bytes, entry: Entry) -> tuple[int, int]:
    wide = _wide_values(field, entry)
    if wide and _WIDE in (size, packed) and len(wide) == 1 + (size == packed):
        size = wide.pop(0) if size == _WIDE else size
        return size, wide.pop(0) if packed == _WIDE else packed
    if wide and wide[:2] not in ([entry.size, entry.packed], [0, 0]):
        raise _misfit(entry)
    if wide and _WIDE in (size, packed):
        return (wide[0] if size == _WIDE else size), (wide[1] if packed == _WIDE else packed)
    return size, packed


def _check_space(entry: Entry, end: int, next_offset: int, window: FileWindow) -> None:
    """A member reaches to the next one; only a data descriptor may lie between."""
    left = next_offset - end
    if not entry.flags & DESCRIPTOR:
        if left:
            raise _gap(left, "after", entry)
        return
    values = entry.crc, entry.packed, entry.size
    forms = [struct.pack("<I2Q", *values)]
    if max(values) < 1 << 32:
        forms.append(struct.pack("<3I", *values))
    found = window.read_at(end, left) if left in (12, 16, 20, 24) else b""
    if found not in forms and found not in [SPLIT + form for form in forms]:
        raise UnsafeError(f"has a data descriptor that differs for `{entry.label}`")
