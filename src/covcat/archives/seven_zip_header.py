"""The header of a 7z archive, after 7zFormat.txt of the LZMA SDK.

py7zr reads the coders of a folder, and the rest is read here: py7zr's reader takes gigabytes and
minutes for hostile counts, refuses more than 65,536 packed streams, misreads checksums of which
some lack, and rewrites backslashes in names. `7zz l` prints other characters than a name has.
Counts are believed only as far as the bytes that are left can hold them, so a hostile header
costs no more than its own size.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple
from zlib import crc32

from covcat.archives.base import (
    BadArchiveError,
    CutOffError,
    PasswordError,
    UnsafeError,
    UnsupportedError,
    decrypting,
)
from covcat.archives.seven_zip_folder import Folder, read_folder

MAGIC = b"7z\xbc\xaf\x27\x1c"
START = 32  # bytes before the first packed stream
MAX_HEADER = 64 << 20
MAX_FILES = 400_000  # each may have a folder of its own, which takes about 1 KB of memory
_MAX_CODERS = 1_000_000  # of all folders
_MAX_CYCLES = 24  # rounds of a password, as a power of two: 7-Zip itself takes no more
_MAX_EMPTY = 64  # packed bytes of nothing: bzip2's are 14, those of BCJ2 over LZMA about 30
_MAX_PROPERTIES = 16  # of the archive, which nothing needs: few writers make any
_MAX_PADDINGS = 16  # 7-Zip aligns each property with one at most

_END, _HEADER, _PROPERTIES, _STREAMS, _FILES = 0, 1, 2, 4, 5  # no known writer makes 3
_PACKED, _FOLDERS, _SUBSTREAMS, _SIZES, _CRCS, _FOLDER, _UNPACKED, _COUNTS = range(6, 14)
_EMPTY_STREAMS, _EMPTY_FILES, _ANTI, _NAMES = range(14, 18)
_ATTRIBUTES, _PACKED_HEADER, _PADDING = 21, 23, 25
_TIMES = {18, 19, 20, 24}  # three times, and where in a sparse file its bytes start
_OF_FILES = (_EMPTY_STREAMS, _EMPTY_FILES, _ANTI, _NAMES, _ATTRIBUTES, *_TIMES)
AES = b"\x06\xf1\x07\x01"


class Item(NamedTuple):
    """One file or folder."""

    name: str | None
    size: int
    crc: int | None
    has_stream: bool
    is_empty_file: bool
    attributes: int


@dataclass(slots=True)
class Streams:
    """Packed streams, the folders over them, and the files within those."""

    offset: int = 0  # of the first packed stream, after START
    packed: list[int] = field(default_factory=list)  # sizes
    sums: list[int | None] = field(default_factory=list)  # their CRCs: py7zr writes them
    folders: list[Folder] = field(default_factory=list)
    files: list[tuple[int, int | None]] = field(default_factory=list)  # size and CRC, in order
    is_encrypted: bool = False
    has_proved: bool = False  # the password: the header that it opened has its checksum

    def packed_of_folders(self) -> list[list[int]]:
        """Return the sizes of each folder's packed streams."""
        sizes = iter(self.packed)
        return [[next(sizes) for _ in range(one.packed)] for one in self.folders]


def read_header(
    stream: BinaryIO, unpack: Callable[[BinaryIO, Streams], bytes], password: str | None
) -> tuple[Streams, list[Item]]:
    """Read the header at the end; `unpack` gives the bytes of the header's own folder."""
    data, end = _read_last_part(stream)
    if not data:
        _check_filled(0, end)
        return Streams(), []
    cursor = _HeaderCursor(data)
    secret, has_proved = None, False  # a password that nothing has proved yet
    if cursor.number() == _PACKED_HEADER:
        packed = _read_streams(cursor)
        cursor.check_end()
        if len(packed.folders) != 1 or not 0 < packed.files[0][0] <= MAX_HEADER:
            raise UnsupportedError(f"has a packed header of more than {MAX_HEADER >> 20} MB")
        _check_filled(packed.offset + sum(packed.packed), end)
        if packed.is_encrypted and password is None:
            raise PasswordError("is encrypted, its names too")
        secret = password if packed.is_encrypted else None
        with decrypting(secret):
            data, end = unpack(stream, packed), packed.offset
            if crc32(data) != packed.folders[0].crc is not None:
                raise BadArchiveError("has a wrong checksum for its header")
        if packed.folders[0].crc is not None:
            secret, has_proved = None, packed.is_encrypted
    streams, entries = _read_plain(data, secret)
    streams.has_proved = has_proved
    if streams.is_encrypted and password is None:
        raise PasswordError("is encrypted")
    _check_filled(streams.offset, 0)
    _check_filled(sum(streams.packed), end)
    return streams, entries


def _read_plain(data: bytes, secret: str | None) -> tuple[Streams, list[Item]]:
    """Read a header that is not packed; nothing proved yet that the secret that opened it fits."""
    with decrypting(secret):
        try:
            if (cursor := _HeaderCursor(data)).number() == _HEADER:
                return _read_parts(cursor)
        except UnsupportedError:  # marks that nobody knows: so does one wrong secret in 256 begin
            if secret is None:
                raise
        raise BadArchiveError("has no header that can be read")


def _read_last_part(stream: BinaryIO) -> tuple[bytes, int]:
    """Return what the start header points at, and where: it must be the end of the file."""
    stream.seek(0)
    start = stream.read(START)
    if start[:6] != MAGIC:
        raise UnsupportedError("does not start as 7z does (self-extracting ones are not read)")
    if len(start) < START or crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        raise BadArchiveError("has a wrong checksum for its start")
    offset, size, crc = struct.unpack("<QQI", start[12:])
    end = stream.seek(0, 2)
    if START + offset + size > end:
        error = CutOffError(
            f"is cut off, or one volume of several that must be put together: it has {end:,} "
            f"bytes of {START + offset + size:,}"
        )
        error.lacking = START + offset + size - end
        raise error
    if START + offset + size < end:
        raise UnsafeError("goes on after its end")
    if size > MAX_HEADER:
        raise UnsupportedError(f"has a header of more than {MAX_HEADER >> 20} MB")
    stream.seek(START + offset)
    data = stream.read(size)
    if len(data) != size or crc32(data) != crc:
        raise BadArchiveError("has a wrong checksum for its header")
    return data, offset


def _check_filled(found: int, due: int) -> None:
    """Check that a stream begins or ends where the one beside it does, as all writers have it."""
    if found != due:
        raise UnsafeError("has bytes between its streams that belong to nothing")


class _HeaderCursor(io.BytesIO):
    """Reads numbers and bytes from the header, never past its end."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._size = len(data)

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > self._size - self.tell():
            raise BadArchiveError("has a header that ends too early")
        return self.read(count)

    def check_end(self) -> None:
        """Check that all was read: bytes that nobody reads may hide anything."""
        if self.tell() != self._size:
            raise UnsafeError("has bytes in its header that belong to nothing")

    def number(self) -> int:
        """Return the next number: the first byte's leading ones count the bytes that follow."""
        first = self.take(1)[0]
        more = 8 - (first ^ 0xFF).bit_length()
        low = int.from_bytes(self.take(more), "little") if more else 0
        return low | (first & (0x7F >> more)) << 8 * more

    def count(self, limit: int | None = None) -> int:
        """Return a number of things that take a byte or more each."""
        number = self.number()
        if number > (self._size - self.tell() if limit is None else limit):
            raise BadArchiveError("has a header that promises more than it can hold")
        return number

    def check_inside(self) -> None:
        """Check that what follows is here, not in a stream of its own, as nothing writes it."""
        if self.take(1)[0]:
            raise UnsupportedError("keeps parts of its header elsewhere")

    def expect(self, mark: int, found: int | None = None) -> None:
        """Check a mark, the next one if it was not read yet."""
        found = self.number() if found is None else found
        if found != mark:
            raise BadArchiveError(f"has mark {found} in its header where {mark} is due")

    def bits(self, count: int) -> list[bool]:
        """Return a row of bits, the highest of each byte first."""
        row = self.take((count + 7) // 8)
        return [bool(row[at >> 3] & 0x80 >> (at & 7)) for at in range(count)]

    def values(self, count: int, form: str, *, may_be_outside: bool = False) -> list[int | None]:
        """Return numbers of which some may lack; one byte in place of the bits says "all"."""
        has = [True] * count if self.take(1)[0] else self.bits(count)
        if may_be_outside:
            self.check_inside()
        code = f"<{sum(has)}{form}"
        found = iter(struct.unpack(code, self.take(struct.calcsize(code))))
        return [next(found) if one else None for one in has]

    def sums(self, count: int, mark: int | None = None) -> list[int | None]:
        """Return CRCs, if there are any, and pass the mark after them: that of the end."""
        mark = self.number() if mark is None else mark
        sums: list[int | None] = [None] * count
        if mark == _CRCS:
            sums, mark = self.values(count, "I"), self.number()
        self.expect(_END, mark)
        return sums


def _read_streams(cursor: _HeaderCursor) -> Streams:
    """Read the part of a header that says where the bytes are."""
    streams = Streams()
    mark = cursor.number()
    if mark == _PACKED:
        streams.offset, count = cursor.number(), cursor.count(_MAX_CODERS)
        cursor.expect(_SIZES)
        streams.packed = [cursor.number() for _ in range(count)]
        streams.sums = cursor.sums(count)
        mark = cursor.number()
    if mark == _FOLDERS:
        streams.folders = _read_folders(cursor, len(streams.packed))
        mark = cursor.number()
    if sum(one.packed for one in streams.folders) != len(streams.packed):
        raise BadArchiveError("has other packed streams than its folders need")
    for coder in (one for folder in streams.folders for one in folder.coders):
        if coder["method"] == AES:
            streams.is_encrypted = True
            if coder["properties"][:1] and coder["properties"][0] & 0x3F > _MAX_CYCLES:
                raise UnsupportedError("is encrypted so that a password would take hours to try")
    streams.files = [(one.size, one.crc) for one in streams.folders]
    if mark == _SUBSTREAMS:
        streams.files = _read_substreams(cursor, streams)
        mark = cursor.number()
    cursor.expect(_END, mark)
    return streams


def _read_folders(cursor: _HeaderCursor, packed: int) -> list[Folder]:
    cursor.expect(_FOLDER)
    count = cursor.count(min(packed, MAX_FILES))  # each needs a packed stream or more
    cursor.check_inside()
    folders: list[Folder] = []
    coders = 0
    for _ in range(count):
        folders.append(read_folder(cursor))
        coders += len(folders[-1].coders)
        if coders > _MAX_CODERS:
            raise UnsupportedError(f"has more than {_MAX_CODERS:,} coders")
    cursor.expect(_UNPACKED)
    for folder in folders:
        folder.sizes = [cursor.number() for _ in range(folder.outs)]
    for folder, crc in zip(folders, cursor.sums(count), strict=True):
        folder.crc = crc
    return folders


def _read_substreams(cursor: _HeaderCursor, streams: Streams) -> list[tuple[int, int | None]]:
    """Return size and CRC of each file, in order."""
    counts = [1] * len(streams.folders)
    mark = cursor.number()
    if mark == _COUNTS:
        counts = [cursor.count(MAX_FILES) for _ in streams.folders]
        mark = cursor.number()
    if sum(counts) > MAX_FILES:
        raise UnsupportedError(f"has more than {MAX_FILES:,} files: too many for 7z")
    rows: list[tuple[list[int], int | None]] = []  # the sizes of a folder's files; the only CRC
    for (whole, crc), count, packed in zip(
        streams.files, counts, streams.packed_of_folders(), strict=True
    ):
        # 7-Zip writes a folder without files when all that it was to hold could not be read: then
        # nothing comes out of it, and what goes in is a coder's empty stream.
        if not count and (whole or sum(packed) > _MAX_EMPTY):
            raise UnsafeError("has packed bytes that belong to no file")
        row = [cursor.number() for _ in range(count - 1)] if mark == _SIZES else []
        if count and (len(row) < count - 1 or sum(row) > whole):
            raise BadArchiveError("has a folder whose files are larger than it")
        row += [whole - sum(row)] * bool(count)  # the last one's is not written
        rows.append((row, crc if count == 1 else None))
    if mark == _SIZES:
        mark = cursor.number()
    crcs = iter(cursor.sums(sum(len(row) for row, crc in rows if crc is None), mark))
    return [(size, next(crcs) if crc is None else crc) for row, crc in rows for size in row]


def _read_parts(cursor: _HeaderCursor) -> tuple[Streams, list[Item]]:
    streams, entries = Streams(), list[Item]()
    seen: set[int] = set()
    while (mark := cursor.number()) != _END:
        _check_once(mark, seen)
        if mark == _PROPERTIES:  # of the archive: so few and small that they hide nothing
            left = _MAX_PROPERTIES
            while left and cursor.number() != _END:
                cursor.take(cursor.count(_MAX_PROPERTIES))
                left -= 1
            if not left:
                raise UnsafeError("has too many properties of its own")
        elif mark == _STREAMS:
            streams = _read_streams(cursor)
        elif mark == _FILES:
            entries = _read_entries(cursor, streams)
        else:
            raise UnsupportedError(f"has mark {mark} in its header, which covcat cannot read")
    cursor.check_end()
    if sum(one.has_stream for one in entries) != len(streams.files):
        raise BadArchiveError("has another number of files than of their contents")
    return streams, entries


def _check_once(mark: int, seen: set[int]) -> None:
    """Refuse a part that comes again: thousands of them would take hours to read."""
    if mark in seen:
        raise UnsafeError(f"has the part {mark} of its header twice")
    seen.add(mark)


def _read_entries(cursor: _HeaderCursor, streams: Streams) -> list[Item]:
    count = cursor.count(MAX_FILES)
    parts = _read_properties(cursor)

    def bits(mark: int, size: int) -> list[bool]:
        return parts[mark].bits(size) if mark in parts else [False] * size

    is_empty = bits(_EMPTY_STREAMS, count)
    is_file = iter(bits(_EMPTY_FILES, sum(is_empty)))  # one for each that is empty
    if any(bits(_ANTI, sum(is_empty))):
        raise UnsafeError("tells to delete files, as an incremental archive does")
    names: list[str] | list[None] = [None] * count
    if _NAMES in parts:  # in UTF-16, each ended by a NUL
        parts[_NAMES].check_inside()
        try:
            names = parts[_NAMES].read().decode("utf-16-le").split("\0")
        except UnicodeDecodeError:
            raise BadArchiveError("has a name that is not Unicode") from None
        if names.pop() or len(names) != count:
            raise UnsafeError("has another number of names than of files, or a NUL in a name")
    attributes: list[int | None] = [None] * count
    if _ATTRIBUTES in parts:
        attributes = parts[_ATTRIBUTES].values(count, "I", may_be_outside=True)
    for mark in parts.keys() & _TIMES:
        parts[mark].values(count, "Q", may_be_outside=True)
    for part in parts.values():
        part.check_end()
    contents = iter(streams.files)
    entries = []
    for name, empty, attribute in zip(names, is_empty, attributes, strict=True):
        size, crc = (0, None) if empty else next(contents, (-1, None))
        if size < 0:
            raise BadArchiveError("has more files than contents")
        is_empty_file = empty and next(is_file)
        entries.append(Item(name, size, crc, not empty, is_empty_file, attribute or 0))
    return entries


def _read_properties(cursor: _HeaderCursor) -> dict[int, _HeaderCursor]:
    """Return what the header says of all files, by its mark."""
    parts: dict[int, _HeaderCursor] = {}
    seen: set[int] = set()
    paddings = 0
    while (mark := cursor.number()) != _END:
        part = cursor.take(cursor.count())
        if mark == _PADDING:
            paddings += 1
            if paddings > _MAX_PADDINGS or part.strip(b"\0"):
                raise UnsafeError("has paddings in its header as no writer makes them")
            continue
        if mark not in _OF_FILES:
            raise UnsupportedError(f"has mark {mark} among its files, which covcat cannot read")
        _check_once(mark, seen)
        parts[mark] = _HeaderCursor(part)
    return parts
