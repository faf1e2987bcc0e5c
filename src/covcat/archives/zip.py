"""Zip, by the standard library's reader and a structural walk of our own.

The reader alone accepts overlapping, hidden, prefixed and trailing data (Python before 3.11.8
even quoted overlaps, CVE-2024-0450), so the local headers are walked before anything is read.
"""

import stat
import struct
import zipfile
from typing import BinaryIO

from covcat.archives.member import MAX_MEMBERS, BadArchiveError, Member, Open, copy

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LOCAL = struct.Struct("<4s5H3I2H")
_END_BYTES = 22  # of the end-of-central-directory record, without its comment
_DESCRIPTORS = (12, 16, 20, 24)  # bytes that may follow a member whose flag 3 is set
_ENCRYPTED, _DESCRIPTOR, _PATCH, _STRONG, _UTF8, _MASKED = 1, 8, 32, 64, 2048, 8192
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def members(stream: BinaryIO) -> list[Member]:
    """List every entry, after the structure has been found consistent."""
    with zipfile.ZipFile(stream) as archive:
        if len(archive.infolist()) > MAX_MEMBERS:
            raise BadArchiveError(f"has more than {MAX_MEMBERS:,} members")
        _check_structure(archive, stream)
        return [_member(number, info) for number, info in enumerate(archive.infolist())]


def unpack(stream: BinaryIO, open_member: Open) -> None:
    """Push the bytes of each wanted member; the reader checks every CRC."""
    with zipfile.ZipFile(stream) as archive:
        for number, info in enumerate(archive.infolist()):
            writer = open_member(_member(number, info))
            if writer is not None:
                with archive.open(info) as source:
                    copy(source, writer)  # type: ignore[arg-type]  # ZipExtFile reads bytes


def comment(stream: BinaryIO) -> str:
    """Return the archive's comment: git writes the commit id there."""
    with zipfile.ZipFile(stream) as archive:
        return archive.comment.decode("ascii", "replace")


def _member(number: int, info: zipfile.ZipInfo) -> Member:
    _check_entry(info)
    mode = info.external_attr >> 16
    name = _name(info)
    match stat.S_IFMT(mode):
        case stat.S_IFLNK:
            kind = "link"
        case 0 | stat.S_IFREG:
            kind = "folder" if name.endswith("/") else "file"
        case stat.S_IFDIR:
            kind = "folder"
        case _:
            kind = "special"
    if (kind == "folder") != name.endswith("/"):
        raise BadArchiveError(f"calls `{name}` both a file and a folder")
    if kind == "folder" and info.file_size:
        raise BadArchiveError(f"has data in the folder `{name}`")
    return Member(number, name, kind, info.file_size, bool(mode & 0o111))  # type: ignore[arg-type]


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if info.flag_bits & (_ENCRYPTED | _STRONG | _MASKED):
        raise BadArchiveError(f"is encrypted (`{name}`), and covcat has no password for it")
    if info.flag_bits & _PATCH or info.compress_type not in _METHODS:
        raise BadArchiveError(f"packs `{name}` with method {info.compress_type}: not supported")


def _name(info: zipfile.ZipInfo) -> str:
    """Return the whole name; zipfile's own `filename` is cut at a NUL."""
    name = info.orig_filename
    if info.flag_bits & _UTF8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")  # UTF-8 whose flag was not set: usual on macOS
    except UnicodeDecodeError:
        raise BadArchiveError(f"has a name of unknown encoding: `{name}`") from None


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a name as the directory has them."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _check_structure(archive: zipfile.ZipFile, stream: BinaryIO) -> None:
    """Walk the local headers: they must fill the space before the directory without a gap."""
    position = 0
    for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
        gap = info.header_offset - position
        if gap < 0:
            raise BadArchiveError(f"has members that overlap (`{info.orig_filename}`)")
        if gap:
            raise BadArchiveError(f"has {gap} hidden bytes before `{info.orig_filename}`")
        position = _end_of_member(info, stream, archive.start_dir)
    if position != archive.start_dir:
        raise BadArchiveError(f"has {archive.start_dir - position} hidden bytes after its members")
    _check_end(archive, stream)


def _end_of_member(info: zipfile.ZipInfo, stream: BinaryIO, directory: int) -> int:
    stream.seek(info.header_offset)
    raw = stream.read(_LOCAL.size)
    if len(raw) < _LOCAL.size:
        raise BadArchiveError(f"has no local header for `{info.orig_filename}`")
    magic, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _LOCAL.unpack(raw)
    name = stream.read(name_bytes)
    if (magic, method, name) != (b"PK\x03\x04", info.compress_type, _raw_name(info)):
        raise BadArchiveError(f"has two headers that differ for `{info.orig_filename}`")
    header = _LOCAL.size + int(name_bytes) + int(extra_bytes)
    end = info.header_offset + header + info.compress_size
    if flags & _DESCRIPTOR:
        return _end_of_descriptor(stream, end, directory)
    known = (crc, packed, size)
    wide = 0xFFFFFFFF in (packed, size)  # the real sizes are in a ZIP64 extra field
    if not wide and known != (info.CRC, info.compress_size, info.file_size):
        raise BadArchiveError(f"has two headers that differ for `{info.orig_filename}`")
    return end


def _end_of_descriptor(stream: BinaryIO, end: int, directory: int) -> int:
    """Find where the next header starts after a data descriptor of one of its four shapes."""
    for length in _DESCRIPTORS:
        stream.seek(end + length)
        if end + length == directory or stream.read(4) == b"PK\x03\x04":
            return end + length
    raise BadArchiveError("has a data descriptor of no known shape")


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
