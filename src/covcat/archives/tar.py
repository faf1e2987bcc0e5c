"""Tar, plain or packed with gzip, bzip2, xz or Zstandard, read once from end to end.

Where GNU tar, bsdtar, Go and Python would list different members, the archive is refused.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from covcat.archives import padding, tar_headers
from covcat.archives.base import (
    CHUNK,
    BadArchiveError,
    CutOffError,
    EncodingError,
    Member,
    Open,
    PaddedError,
    Padding,
    Source,
    UnsafeError,
    UnsupportedError,
    Writer,
    decode_name,
    folder_name,
    label,
)
from covcat.archives.streams import Flow, open_unpacked, require_compression
from covcat.archives.tar_headers import (
    BLOCK,
    END,
    Header,
    Records,
    has_checksum,
    has_times,
    resembles,
)

IS_STREAM = True

_MAX_LONG_NAME = 1 << 16  # bytes
_MAX_ZEROS = 1 << 24  # bytes after the last member
_RECORD = 20 * BLOCK  # that writers fill up with zeros, or else they leave just two blocks
_RECORDS, _RECORDS_PER_MEMBER = 200_000, 100  # of pax: they take long, and no room when packed
_FILES = (b"0", b"\0", b"7")  # 7: contiguous, which all are today
_LINKS = (b"1", b"2")
_FOLDERS = (b"5", b"D")  # D is of `tar --listed-incremental`: its data are the names in it
_SIZE_IS_NO_DATA = (b"1", b"5")  # a hard link's size is its target's
_NEVER_DATA = (b"2", b"3", b"4", b"6")
_PAX = (b"x", b"X")  # X is Sun's
_GNU_NAME, _GNU_LINK = b"L", b"K"
_EXTENSIONS = (*_PAX, _GNU_NAME, _GNU_LINK)
_REPACK = (
    "pack it again without holes: mkdir plain && tar -xf {} -C plain && "
    "tar -cf plain.tar -C plain . (bsdtar: -c --no-read-sparse -f)"
)
_LARGEST_OCTAL = 0o77777777777  # bytes; a larger file needs a pax size


@dataclass(slots=True)
class _Reading:
    """How far the reading of one archive has come."""

    flow: Flow
    source: Source
    number: int = 0  # of the next entry
    at: int = 0  # bytes since the tar began
    records: int = _RECORDS  # of pax that may still come
    has_pax: bool = False  # headers until here


def unpack(source: Source, open_member: Open) -> None:
    """Push the bytes of each file member for which `open_member` gives a writer."""
    source.stream.seek(0)
    first = source.stream.read(BLOCK)
    packing = None
    if first != END and not has_checksum(first):  # a member's name may begin as a packed file does
        packing = require_compression(source.stream, "is not a tar")
    trailing: list[int] = []
    with open_unpacked(source.stream, packing, trailing) as flow:
        first = flow.peek(BLOCK)
        if first != END and not has_checksum(first):
            raise UnsupportedError(f"is compressed ({packing}) but holds no tar")
        reading = _Reading(flow, source)
        while True:
            for member, stored in _read_entries(reading):
                _pass(reading, member, stored, open_member(member))
            if not _goes_on(reading, is_packed=packing is not None):
                break
    if trailing:
        source.pass_over(Padding(after=sum(trailing)))


def _read_entries(reading: _Reading) -> Iterator[tuple[Member, int]]:
    """Give each entry and the bytes it stores, which are to be passed before the next."""
    name = ""
    try:
        while entry := _read_entry(reading):
            name = entry[0].name
            yield entry
    except (UnsupportedError, PaddedError):
        raise
    except BadArchiveError as error:
        raise type(error)(f"{error}, after `{name}`" if name else f"{error}") from error


def _pass(reading: _Reading, member: Member, stored: int, writer: Writer | None) -> None:
    """Go to the end of an entry's data, writing it if it is wanted."""
    flow, what = reading.flow, f"`{member.name}`"
    reading.at += stored + -stored % BLOCK
    if writer is None or member.kind != "file":
        is_whole = flow.skip(stored)
    else:
        left = stored
        while left and (piece := flow.piece(left)):
            writer.write(piece)
            left -= len(piece)
        is_whole = not left
    if not (is_whole and _pass_padding(flow, stored, what)):
        raise CutOffError(f"ends in the middle of {what}")
    if writer is not None:
        writer.finish()


def _pass_padding(flow: Flow, size: int, what: str) -> bool:
    """Pass what fills the last block of `size` bytes; False if the end comes first."""
    padding = flow.take(-size % BLOCK)
    if padding.strip(b"\0"):  # GNU tar ends a long name at a NUL, wherever that is
        raise UnsafeError(f"has bytes after the end of {what}")
    return len(padding) == -size % BLOCK


def _goes_on(reading: _Reading, *, is_packed: bool) -> bool:
    """Read on from the first empty block; True if another tar begins after the zeros there.

    A plain tar may end with its last member, as some writers leave it; a packed one may not.
    """
    flow, zeros = reading.flow, 0
    while zeros <= _MAX_ZEROS and (piece := flow.piece(CHUNK)):
        rest = bytes(piece).lstrip(b"\0")
        zeros += len(piece) - len(rest)
        if rest:
            flow.go_back(len(rest))
            return _another_begins(reading, zeros)
    if zeros > _MAX_ZEROS:
        raise UnsafeError("has more zeros after its last member than a tar needs")
    if is_packed and zeros < BLOCK:
        raise CutOffError("has no end: the part after its last member is missing")
    return False


def _another_begins(reading: _Reading, zeros: int) -> bool:
    """Tell a further tar from what else follows `zeros` bytes and the empty block before them.

    Only a proper end is one: where zeros came into a tar by damage, members are behind them.
    """
    flow, end = reading.flow, reading.at + zeros
    is_record = zeros == BLOCK or not end % _RECORD
    if not zeros % BLOCK and has_checksum(flow.peek(BLOCK)):
        if zeros < BLOCK or not is_record:
            raise UnsafeError(f"goes on after {zeros + BLOCK:,} zeros, which are no end of a tar")
        reading.source.pass_over(Padding(archives=1))
        reading.at = 0
        return True
    rest = flow.take(padding.MOST_AFTER + 1)
    padding.check_after(rest)
    blocks = [rest[at : at + BLOCK] for at in range(-zeros % BLOCK, len(rest), BLOCK)]
    if zeros < BLOCK or any(map(has_checksum, blocks)) or any(map(resembles, blocks[:1])):
        raise UnsafeError("goes on after its last member")
    reading.source.pass_over(Padding(after=len(rest)))
    return False


def _read_entry(reading: _Reading) -> tuple[Member, int] | None:
    """Read the headers of the next entry; None at the first empty block or the end."""
    long: dict[bytes, bytes] = {}  # GNU's long names, of the entry and of its link
    records: Records | None = None
    is_global = False
    while header := _read_header(reading):
        kind = header.type
        is_extension = kind in _EXTENSIONS
        reading.has_pax |= kind in (*_PAX, b"g")
        if is_extension and records is not None:
            raise UnsafeError("has a pax header that is followed by another extension header")
        if kind in _PAX:
            records = _read_records(header, reading)
        elif is_extension:
            if kind in long:
                raise UnsafeError("has two GNU long names for one entry")
            long[kind], _, rest = _read_body(header, reading, _MAX_LONG_NAME).partition(b"\0")
            if not long[kind] or rest.strip(b"\0"):
                raise UnsafeError("has a GNU long name that is empty or has a NUL")
        elif kind not in (b"g", b"V"):
            return _make_entry(header, long, records or {}, reading)
        elif long or records is not None:
            raise UnsafeError("has an extension header that is not followed by its entry")
        elif kind == b"g":
            is_global = True
            tar_headers.check_harmless(_read_records(header, reading))
        elif header.size:
            raise UnsafeError("has a volume label with data")
    if long or records is not None or is_global:
        raise UnsafeError("has an extension header at its end, without an entry")
    return None


def _read_header(reading: _Reading) -> Header | None:
    block = reading.flow.take(BLOCK)
    reading.at += len(block)
    if block == END or not block:
        return None
    if len(block) < BLOCK:
        raise CutOffError("ends in the middle of a header")
    if not has_checksum(block):
        raise BadArchiveError("has a damaged header")
    header = tar_headers.parse(block)
    if header.type == b"D" or has_times(block):
        reading.source.pass_over(Padding(incremental=1))
    return header


def _read_records(header: Header, reading: _Reading) -> Records:
    records = tar_headers.parse_records(_read_body(header, reading, tar_headers.MAX_RECORDS))
    reading.records -= len(records)
    if reading.records < 0:
        raise UnsafeError("has too many pax records")
    return records


def _read_body(header: Header, reading: _Reading, limit: int) -> bytes:
    if header.size > limit:
        raise UnsafeError(f"has an extension header of {header.size:,} bytes")
    body = reading.flow.take(header.size)
    reading.at += header.size + -header.size % BLOCK
    what = "an extension header"
    if len(body) < header.size or not _pass_padding(reading.flow, header.size, what):
        raise CutOffError(f"ends in the middle of {what}")
    return body


def _make_entry(
    header: Header, long: dict[bytes, bytes], records: Records, reading: _Reading
) -> tuple[Member, int]:
    if header.type == b"S" or any(key.startswith(tar_headers.SPARSE) for key in records):
        label = records.get(b"GNU.sparse.name", header.name).decode("utf-8", "backslashreplace")
        raise UnsupportedError(
            f"has a sparse file, which covcat does not unpack: `{label}`", _REPACK
        )
    name = _name(header, long, records, reading.source.encoding)
    stored = _stored(header, records, has_pax=reading.has_pax)
    kind = _kind(header, name, stored)
    name = folder_name(name) if kind == "folder" else name
    size = stored if kind == "file" else 0
    is_executable = kind == "file" and bool(header.mode & 0o100)
    target = _target(header, long, records, reading.source.encoding) if kind == "link" else None
    member = Member(
        reading.number,
        name,
        kind,
        size,
        is_executable,
        target=target,
        is_hard=header.type == b"1",
    )
    reading.number += 1
    reading.records += _RECORDS_PER_MEMBER
    return member, stored


def _name(header: Header, long: dict[bytes, bytes], records: Records, encoding: str | None) -> str:
    path = records.get(b"path")
    is_named_twice = _GNU_NAME in long and path is not None
    if is_named_twice or (_GNU_LINK in long and b"linkpath" in records):
        raise UnsafeError("has a GNU long name and a pax name for one entry")
    name = long.get(_GNU_NAME, header.name) if path is None else path
    with suppress(UnicodeDecodeError):  # without a declaration too: a tar may be of two systems
        return name.decode()
    if path is None or records.get(b"hdrcharset") == b"BINARY":
        return decode_name(name, encoding)
    raise UnsafeError(f"calls a name UTF-8 that is not: `{label(name)}`")


def _target(
    header: Header, long: dict[bytes, bytes], records: Records, encoding: str | None
) -> str:
    """Return where a link leads; "" if that is in no encoding that is known."""
    raw = records.get(b"linkpath", long.get(_GNU_LINK, header.link))
    try:
        return raw.decode() if raw.isascii() or not encoding else decode_name(raw, encoding)
    except (UnicodeDecodeError, EncodingError):
        return ""


def _stored(header: Header, records: Records, *, has_pax: bool) -> int:
    """Return how many bytes an entry has in the archive.

    A pax size stands where the header cannot say it; a small one that differs is how two readers
    are made to see different members (CVE-2025-62518).
    """
    said = records.get(b"size")
    size = header.size if said is None else tar_headers.read_decimal(said)
    is_overflow = size > _LARGEST_OCTAL and header.size in (0, _LARGEST_OCTAL)
    if size != header.size and not (is_overflow and header.type in _FILES):
        raise UnsafeError(f"has a pax size of {size}, and {header.size} in the header")
    real = records.get(b"SCHILY.realsize")
    if real is not None and tar_headers.read_decimal(real) != size:
        raise UnsafeError("has a pax header with two sizes")
    if header.type not in _SIZE_IS_NO_DATA:
        return size
    # bsdtar passes over the data of a folder with a pax size, and, in an archive with any pax
    # header, of a hard link with a size.
    if size and (said is not None or (has_pax and header.type == b"1")):
        raise UnsafeError(f"has a link or folder with a size of {size} in an archive with pax")
    return 0


def _kind(header: Header, name: str, stored: int) -> Literal["file", "folder", "link", "special"]:
    """Return what an entry is, where all readers agree.

    A file whose name ends in a slash is how v7 wrote a folder. Go and Python take only type NUL
    for one, GNU tar and bsdtar `0` too; Python before CVE-2025-13462 was fixed looks at the short
    name even if a long one replaces it.
    """
    if header.type in _NEVER_DATA and stored:  # GNU tar reads on elsewhere for `-t` than for `-x`
        raise UnsafeError(f"has an entry that cannot have data, and a size for it: `{name}`")
    if header.type in _FOLDERS:
        return "folder"
    if header.type not in _FILES:
        return "link" if header.type in _LINKS else "special"
    is_folder = name.endswith("/")
    if is_folder and (header.type != b"\0" or stored):
        raise UnsafeError(f"has a file whose name ends in a slash: `{name}`")
    if header.type == b"\0" and is_folder != header.name.endswith(b"/"):
        raise UnsafeError(f"has an entry that is a file by one name only: `{name}`")
    return "folder" if is_folder else "file"
