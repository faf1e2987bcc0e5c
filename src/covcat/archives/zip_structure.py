"""Is a zip consistent? Local headers against the directory, with no byte unaccounted for.

zipfile alone accepts overlapping, hidden, prefixed and trailing data (before 3.11.8 even quoted
overlaps, CVE-2024-0450), and never looks at most of what a local header says: two readers of such
a file may see two different archives (uv's and PyPI's checks exist for that reason).
Field layout: APPNOTE.TXT 6.3.10, sections 4.3 to 4.6.
"""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from covcat.archives.member import BadArchiveError

_LOCAL = struct.Struct("<4s5H3I2H")
_END_BYTES = 22  # of the end-of-central-directory record, without its comment
_WIDE = 0xFFFFFFFF  # the real size is in a ZIP64 extra field
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # extra fields
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 1, 8, 64, 2048, 8192
_FLAGS = _ENCRYPTED | _DESCRIPTOR | _STRONG | _UTF8 | _MASKED  # must agree in both headers


def check(archive: zipfile.ZipFile, stream: BinaryIO) -> None:
    """Walk the local headers: they must fill the space before the directory without a gap.

    Raises:
        BadArchiveError: naming the member that contradicts itself or another.
    """
    position = 0
    for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
        gap = info.header_offset - position
        if gap < 0:
            raise BadArchiveError(f"has members that overlap (`{info.orig_filename}`)")
        if gap:
            raise BadArchiveError(f"has {gap} hidden bytes before `{info.orig_filename}`")
        position = _end_of_member(info, stream)
    if position != archive.start_dir:
        raise BadArchiveError(f"has {archive.start_dir - position} hidden bytes after its members")
    _check_end(archive, stream)


@dataclass(frozen=True, slots=True)
class _Local:
    """What a local header says."""

    flags: int
    method: int
    crc: int
    packed: int
    size: int
    name: bytes
    extra: dict[int, bytes]
    bytes: int  # of the header itself


def _end_of_member(info: zipfile.ZipInfo, stream: BinaryIO) -> int:
    local = _local_header(info, stream)
    _check_unicode_path(info, _extra_fields(info.extra, info))
    _check_unicode_path(info, local.extra)
    same = (local.method, local.name, local.flags & _FLAGS)
    if same != (info.compress_type, _raw_name(info), info.flag_bits & _FLAGS):
        raise _differs(info)
    end = info.header_offset + local.bytes + info.compress_size
    if local.flags & _DESCRIPTOR:
        return end + _descriptor_bytes(info, stream, end)
    if (local.crc, *_sizes(local)) != (info.CRC, info.compress_size, info.file_size):
        raise _differs(info)
    return end


def _differs(info: zipfile.ZipInfo) -> BadArchiveError:
    return BadArchiveError(f"has two headers that differ for `{info.orig_filename}`")


def _local_header(info: zipfile.ZipInfo, stream: BinaryIO) -> _Local:
    stream.seek(info.header_offset)
    raw = stream.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
        raise BadArchiveError(f"has no local header for `{info.orig_filename}`")
    _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _LOCAL.unpack(raw)
    name, extra = stream.read(name_bytes), stream.read(extra_bytes)
    total = _LOCAL.size + int(name_bytes) + int(extra_bytes)
    return _Local(flags, method, crc, packed, size, name, _extra_fields(extra, info), total)


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a name as the directory has them."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _extra_fields(raw: bytes, info: zipfile.ZipInfo) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while raw:
        kind, length = struct.unpack("<HH", raw[:4]) if len(raw) >= 4 else (0, len(raw))
        if len(raw) < 4 + length or kind in found:
            raise BadArchiveError(f"has extra fields that do not fit for `{info.orig_filename}`")
        found[kind], raw = raw[4 : 4 + length], raw[4 + length :]
    return found


def _check_unicode_path(info: zipfile.ZipInfo, extra: dict[int, bytes]) -> None:
    """Info-ZIP's second name must be the first one: some readers use it, some do not."""
    field = extra.get(_UNICODE_PATH)
    if field is None:
        return
    raw = _raw_name(info)
    if field[:5] != struct.pack("<BI", 1, zlib.crc32(raw)) or field[5:] != raw:
        raise BadArchiveError(f"gives `{info.orig_filename}` a second name")


def _sizes(local: _Local) -> tuple[int, int]:
    """Return (packed, size), from the ZIP64 field where the header points there."""
    field = local.extra.get(_ZIP64, b"")
    wide = list(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
    size = wide.pop(0) if local.size == _WIDE and wide else local.size
    packed = wide.pop(0) if local.packed == _WIDE and wide else local.packed
    return packed, size


def _descriptor_bytes(info: zipfile.ZipInfo, stream: BinaryIO, end: int) -> int:
    """Return the length of the data descriptor; it must say what the directory says."""
    stream.seek(end)
    found = stream.read(24)
    for magic in (b"PK\x07\x08", b""):
        for sizes in ("II", "QQ"):
            try:
                expected = magic + struct.pack(
                    f"<I{sizes}", info.CRC, info.compress_size, info.file_size
                )
            except struct.error:  # a size that needs the wide form
                continue
            if found.startswith(expected):
                return len(expected) + _rest_of_wide(found, expected, sizes)
    raise BadArchiveError(f"has a data descriptor that differs for `{info.orig_filename}`")


def _rest_of_wide(found: bytes, expected: bytes, sizes: str) -> int:
    """A wide descriptor of an empty member starts like a narrow one: take its zeros too."""
    rest = found[len(expected) : len(expected) + 8]
    return 8 if sizes == "II" and rest == bytes(8) else 0


def _check_end(archive: zipfile.ZipFile, stream: BinaryIO) -> None:
    """Nothing may follow the end record and its comment, and it must count every entry."""
    stream.seek(0, 2)
    total = stream.tell()
    stream.seek(total - len(archive.comment) - _END_BYTES)
    record = stream.read(_END_BYTES)
    if record[:4] != b"PK\x05\x06":
        raise BadArchiveError("has bytes after its end")
    disk, start_disk, here, entries = struct.unpack("<4H", record[4:12])
    if (disk, start_disk) not in ((0, 0), (0xFFFF, 0xFFFF), (0, 0xFFFF)):
        raise BadArchiveError("is one volume of several")
    if 0xFFFF not in (here, entries) and {here, entries} != {len(archive.infolist())}:
        raise BadArchiveError(f"counts {entries} entries and has {len(archive.infolist())}")
