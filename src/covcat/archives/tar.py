"""Tar, plain or packed with gzip, bzip2, xz or Zstandard, read once from end to end.

Where GNU tar, bsdtar, Go and Python would list different members, the archive is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal

from covcat.archives.base import (
    CHUNK,
    BadArchiveError,
    Member,
    Open,
    Source,
    SparseError,
    Writer,
    decode_name,
    folder_name,
)
from covcat.archives.streams import Flow, open_unpacked, require_compression
from covcat.archives.tar_headers import (
    BLOCK,
    END,
    MAX_RECORDS,
    Header,
    Records,
    check_harmless,
    has_checksum,
    is_sparse,
    parse,
    parse_records,
    read_decimal,
)

IS_STREAM = True

Kind = Literal["file", "folder", "link", "special"]
_MAX_LONG_NAME = 1 << 16  # bytes
_MAX_ZEROS = 1 << 24  # bytes after the last member
_RECORDS, _RECORDS_PER_MEMBER = 200_000, 100  # of pax: they take long, and no room when packed
_FILES = (b"0", b"\0", b"7")  # 7: contiguous, which all are today
_LINKS = (b"1", b"2")
_SIZE_IS_NO_DATA = (b"1", b"5")  # a hard link's size is its target's
_NEVER_DATA = (b"2", b"3", b"4", b"6")
_PAX = (b"x", b"X")  # X is Sun's
_LARGEST_OCTAL = 0o77777777777  # bytes; a larger file needs a pax size


@dataclass(slots=True)
class _Reading:
    """How far the reading of one archive has come."""

    flow: Flow
    encoding: str | None
    number: int = 0  # of the next entry
    records: int = _RECORDS  # of pax that may still come
    has_pax: bool = False  # headers until here


@dataclass(frozen=True, slots=True)
class _Extension:
    """What the headers before an entry's own say of it."""

    long_name: bytes | None = None
    long_link: bytes | None = None
    records: Records | None = None


_NONE = _Extension()


def holds_tar(first: bytes) -> bool:
    """Whether something that begins with these (at least 512) bytes is a tar with members."""
    return has_checksum(first[:BLOCK])


def members(source: Source) -> Iterator[Member]:
    """List every entry, one by one; whoever stops early has not heard of later damage."""
    with _opened(source) as (flow, is_packed):
        for member, stored in _read_entries(flow, is_packed, source.encoding):
            yield member
            _pass(flow, member, stored, None)


def unpack(source: Source, open_member: Open) -> None:
    """Push the bytes of each file member for which `open_member` gives a writer."""
    with _opened(source) as (flow, is_packed):
        for member, stored in _read_entries(flow, is_packed, source.encoding):
            _pass(flow, member, stored, open_member(member))


@contextmanager
def _opened(source: Source) -> Iterator[tuple[Flow, bool]]:
    """Give what is inside whatever the tar is packed with, and whether it is packed."""
    source.stream.seek(0)
    first = source.stream.read(BLOCK)
    packing = None
    if first != END and not holds_tar(first):  # a member's name may begin as a packed file does
        packing = require_compression(source.stream, "is not a tar")
    with open_unpacked(source.stream, packing) as flow:
        first = flow.peek(BLOCK)
        if first != END and not holds_tar(first):
            raise BadArchiveError(f"is compressed ({packing}) but holds no tar")
        yield flow, packing is not None


def _read_entries(
    flow: Flow, is_packed: bool, encoding: str | None
) -> Iterator[tuple[Member, int]]:
    """Give each entry and the bytes it stores, which are to be passed, and check the end."""
    reading, name = _Reading(flow, encoding), ""
    try:
        while entry := _read_entry(reading):
            name = entry[0].name
            yield entry
    except SparseError:
        raise
    except BadArchiveError as error:
        raise type(error)(f"{error}, after `{name}`" if name else f"{error}") from error
    _check_end(flow, is_packed=is_packed)


def _pass(flow: Flow, member: Member, stored: int, writer: Writer | None) -> None:
    """Go to the end of an entry's data, writing it if it is wanted."""
    what = f"`{member.name}`"
    if writer is None or member.kind != "file":
        is_whole = flow.skip(stored)
    else:
        left = stored
        while left and (piece := flow.piece(left)):
            writer.write(piece)
            left -= len(piece)
        is_whole = not left
    if not (is_whole and _pass_padding(flow, stored, what)):
        raise BadArchiveError(f"ends in the middle of {what}")
    if writer is not None:
        writer.finish()


def _check_end(flow: Flow, *, is_packed: bool) -> None:
    """Read on from the first empty block: only zeros may follow it.

    A plain tar may end with its last member, as some writers leave it; a packed one may not.
    """
    zeros = 0
    while zeros <= _MAX_ZEROS and (piece := flow.piece(CHUNK)):
        zeros += len(piece)
        if bytes(piece).strip(b"\0"):
            raise BadArchiveError("goes on after its last member")
    if zeros > _MAX_ZEROS:
        raise BadArchiveError("has more zeros after its last member than a tar needs")
    if is_packed and zeros < BLOCK:
        raise BadArchiveError("has no end: the part after its last member is missing")


def _read_entry(reading: _Reading) -> tuple[Member, int] | None:
    """Read the headers of the next entry; None at the first empty block or the end."""
    extension, is_global = _NONE, False
    while header := _read_header(reading.flow):
        kind = header.type
        reading.has_pax |= kind in _PAX or kind == b"g"
        if kind in _PAX or kind in (b"L", b"K"):
            extension = _extend(extension, header, reading)
        elif kind in (b"g", b"V"):
            if extension is not _NONE:
                raise BadArchiveError("has an extension header that is not followed by its entry")
            if kind == b"g":
                is_global = True
                check_harmless(_read_records(header, reading))
            elif header.size:
                raise BadArchiveError("has a volume label with data")
        else:
            entry = _make_entry(header, extension, reading)
            reading.number += 1
            reading.records += _RECORDS_PER_MEMBER
            return entry
    if extension is not _NONE or is_global:
        raise BadArchiveError("has an extension header at its end, without an entry")
    return None


def _read_header(flow: Flow) -> Header | None:
    block = flow.take(BLOCK)
    if block == END or not block:
        return None
    if len(block) < BLOCK:
        raise BadArchiveError("ends in the middle of a header")
    if not has_checksum(block):
        raise BadArchiveError("has a damaged header")
    return parse(block)


def _extend(extension: _Extension, header: Header, reading: _Reading) -> _Extension:
    if extension.records is not None:
        raise BadArchiveError("has a pax header that is followed by another extension header")
    if header.type in _PAX:
        return replace(extension, records=_read_records(header, reading))
    is_name = header.type == b"L"
    if (extension.long_name if is_name else extension.long_link) is not None:
        raise BadArchiveError("has two GNU long names for one entry")
    text, _, rest = _read_body(header, reading.flow, _MAX_LONG_NAME).partition(b"\0")
    if not text or rest.strip(b"\0"):
        raise BadArchiveError("has a GNU long name that is empty or has a NUL")
    return replace(extension, long_name=text) if is_name else replace(extension, long_link=text)


def _read_records(header: Header, reading: _Reading) -> Records:
    records = parse_records(_read_body(header, reading.flow, MAX_RECORDS))
    reading.records -= len(records)
    if reading.records < 0:
        raise BadArchiveError("has too many pax records")
    return records


def _read_body(header: Header, flow: Flow, limit: int) -> bytes:
    if header.size > limit:
        raise BadArchiveError(f"has an extension header of {header.size:,} bytes")
    body = flow.take(header.size)
    if len(body) < header.size or not _pass_padding(flow, header.size, "an extension header"):
        raise BadArchiveError("ends in the middle of an extension header")
    return body


def _pass_padding(flow: Flow, size: int, what: str) -> bool:
    """Pass what fills the last block of `size` bytes; False if the end comes first."""
    padding = flow.take(-size % BLOCK)
    if padding.strip(b"\0"):  # GNU tar ends a long name at a NUL, wherever that is
        raise BadArchiveError(f"has bytes after the end of {what}")
    return len(padding) == -size % BLOCK


def _make_entry(header: Header, extension: _Extension, reading: _Reading) -> tuple[Member, int]:
    records = extension.records or {}
    if header.type == b"S" or is_sparse(records):
        label = records.get(b"GNU.sparse.name", header.name).decode("utf-8", "backslashreplace")
        raise SparseError(f"has a sparse file, which covcat does not unpack: `{label}`")
    name = _name(header, extension, reading.encoding)
    stored = _stored(header, records, has_pax=reading.has_pax)
    kind = _kind(header, name, stored)
    name = folder_name(name) if kind == "folder" else name
    size = stored if kind == "file" else 0
    is_executable = kind == "file" and bool(header.mode & 0o100)
    return Member(reading.number, name, kind, size, is_executable), stored


def _kind(header: Header, name: str, stored: int) -> Kind:
    """Return what an entry is, where all readers agree.

    A file whose name ends in a slash is how v7 wrote a folder. Go and Python take only type NUL
    for one, GNU tar and bsdtar `0` too; Python before CVE-2025-13462 was fixed looks at the short
    name even if a long one replaces it.
    """
    if header.type in _NEVER_DATA and stored:  # GNU tar reads on elsewhere for `-t` than for `-x`
        raise BadArchiveError(f"has an entry that cannot have data, and a size for it: `{name}`")
    if header.type == b"5":
        return "folder"
    if header.type not in _FILES:
        return "link" if header.type in _LINKS else "special"
    is_folder = name.endswith("/")
    if is_folder and (header.type != b"\0" or stored):
        raise BadArchiveError(f"has a file whose name ends in a slash: `{name}`")
    if header.type == b"\0" and is_folder != header.name.endswith(b"/"):
        raise BadArchiveError(f"has an entry that is a file by one name only: `{name}`")
    return "folder" if is_folder else "file"


def _stored(header: Header, records: Records, *, has_pax: bool) -> int:
    """Return how many bytes an entry has in the archive.

    A pax size stands where the header cannot say it; a small one that differs is how two readers
    are made to see different members (CVE-2025-62518).
    """
    size = _size(header, records)
    if header.type not in _SIZE_IS_NO_DATA:
        return size
    # bsdtar passes over the data of a folder with a pax size, and, in an archive with any pax
    # header, of a hard link with a size.
    if size and (b"size" in records or (has_pax and header.type == b"1")):
        raise BadArchiveError(f"has a link or folder with a size of {size} in an archive with pax")
    return 0


def _size(header: Header, records: Records) -> int:
    text = records.get(b"size")
    size = header.size if text is None else read_decimal(text, "size")
    is_overflow = size > _LARGEST_OCTAL and header.size in (0, _LARGEST_OCTAL)
    if size != header.size and not (is_overflow and header.type in _FILES):
        raise BadArchiveError(f"has a pax size of {size}, and {header.size} in the header")
    real = records.get(b"SCHILY.realsize")
    if real is not None and read_decimal(real, "size") != size:
        raise BadArchiveError("has a pax header with two sizes")
    return size


def _name(header: Header, extension: _Extension, encoding: str | None) -> str:
    records = extension.records or {}
    path = records.get(b"path")
    is_named_twice = extension.long_name is not None and path is not None
    if is_named_twice or (extension.long_link is not None and b"linkpath" in records):
        raise BadArchiveError("has a GNU long name and a pax name for one entry")
    if path is None:
        return _decode(extension.long_name or header.name, encoding)
    if records.get(b"hdrcharset") == b"BINARY":
        return _decode(path, encoding)
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise BadArchiveError(f"calls a name UTF-8 that is not: {path!r}") from None


def _decode(name: bytes, encoding: str | None) -> str:
    """Return a name: UTF-8 if it can be, since one tar may have names of two systems."""
    with suppress(UnicodeDecodeError):
        return name.decode()
    return decode_name(name, encoding)
