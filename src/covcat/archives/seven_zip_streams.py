"""Streams and folders of a 7z archive, after 7zFormat.txt of the LZMA SDK.

Counts are believed only as far as the bytes that are left can hold them, so a hostile header
costs no more than its own size.
"""

import struct
from dataclasses import dataclass

from covcat.archives.base import BadArchiveError

MAX_FILES = 400_000  # each may have a folder of its own, which takes about 1 KB of memory
_MAX_CODERS = 1_000_000  # of all folders
_MAX_EMPTY = 64  # packed bytes of nothing: bzip2's are 14, those of BCJ2 over LZMA about 30
_MAX_STREAMS = 64  # of one folder, and coders: the limits of 7-Zip itself

END = 0
_PACKED, _FOLDERS, _SUBSTREAMS, _SIZES, _CRCS, _FOLDER, _UNPACKED, _COUNTS = range(6, 14)


@dataclass(frozen=True, slots=True)
class Coder:
    """One step of unpacking."""

    method: bytes
    ins: int
    outs: int
    properties: bytes | None


@dataclass(frozen=True, slots=True)
class Folder:
    """A chain of coders over its own packed streams; what comes out is cut into files."""

    coders: tuple[Coder, ...]
    packed: int  # how many packed streams go in
    main: int  # which of the coders' outs is the result
    is_chain: bool  # each coder has one in and one out, and feeds the next one
    sizes: tuple[int, ...] = ()  # of all outs
    crc: int | None = None  # of the result

    @property
    def size(self) -> int:
        """Bytes of the result."""
        return self.sizes[self.main]


@dataclass(frozen=True, slots=True)
class Streams:
    """Packed streams, the folders over them, and the files within those."""

    offset: int  # of the first packed stream, after START
    packed: tuple[int, ...]  # sizes
    folders: tuple[Folder, ...]
    files: tuple[tuple[int, int | None], ...]  # size and CRC, in order
    sums: tuple[int | None, ...] = ()  # CRCs of the packed streams: py7zr writes them

    @property
    def end(self) -> int:
        """Where the last packed stream ends, after START."""
        return self.offset + sum(self.packed)


class Cursor:
    """Reads numbers and bytes from the header, never past its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > len(self._data) - self._at:
            raise BadArchiveError("has a header that ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def check_end(self) -> None:
        """Check that all was read: bytes that nobody reads may hide anything."""
        if self._at != len(self._data):
            raise BadArchiveError("has bytes in its header that belong to nothing")

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self.take(len(self._data) - self._at)

    def number(self) -> int:
        """Return the next number: the first byte's leading ones count the bytes that follow."""
        if self._at == len(self._data):
            raise BadArchiveError("has a header that ends too early")
        first = self._data[self._at]  # not by `take`: a header may have millions of numbers
        self._at += 1
        if first < 0x80:
            return first
        more = 8 - (first ^ 0xFF).bit_length()
        low = int.from_bytes(self.take(more), "little")
        return low | (first & (0x7F >> more)) << 8 * more if more < 8 else low

    def count(self, limit: int | None = None) -> int:
        """Return a number of things that take a byte or more each."""
        number = self.number()
        if number > (len(self._data) - self._at if limit is None else limit):
            raise BadArchiveError("has a header that promises more than it can hold")
        return number

    def check_inside(self) -> None:
        """Check that what follows is here, not in a stream of its own, as nothing writes it."""
        if self.take(1)[0]:
            raise BadArchiveError("keeps parts of its header elsewhere")

    def expect(self, mark: int) -> None:
        """Read a mark that must be this one."""
        if (found := self.number()) != mark:
            raise BadArchiveError(f"has mark {found} in its header where {mark} is due")

    def bits(self, count: int) -> list[bool]:
        """Return a row of bits, the highest of each byte first."""
        row = self.take((count + 7) // 8)
        return [bool(row[at >> 3] & 0x80 >> (at & 7)) for at in range(count)]

    def bits_or_all(self, count: int) -> list[bool]:
        """Return a row of bits that may be replaced by one byte for "all"."""
        return [True] * count if self.take(1)[0] else self.bits(count)

    def crcs(self, count: int) -> list[int | None]:
        """Return the CRCs that are there."""
        has = self.bits_or_all(count)
        values = iter(struct.unpack(f"<{sum(has)}I", self.take(4 * sum(has))))
        return [next(values) if one else None for one in has]


def read_streams(cursor: Cursor) -> Streams:
    """Read the part of a header that says where the bytes are."""
    offset, packed, sums = 0, tuple[int, ...](), tuple[int | None, ...]()
    folders: tuple[Folder, ...] = ()
    mark = cursor.number()
    if mark == _PACKED:
        offset, packed, sums = _packed(cursor)
        mark = cursor.number()
    if mark == _FOLDERS:
        folders = _folders(cursor, len(packed))
        mark = cursor.number()
    if sum(folder.packed for folder in folders) != len(packed):
        raise BadArchiveError("has other packed streams than its folders need")
    files = tuple((folder.size, folder.crc) for folder in folders)
    if mark == _SUBSTREAMS:
        files = _substreams(cursor, folders, packed)
        mark = cursor.number()
    if mark != END:
        raise BadArchiveError(f"has mark {mark} in its header where the streams end")
    return Streams(offset, packed, folders, files, sums)


def _packed(cursor: Cursor) -> tuple[int, tuple[int, ...], tuple[int | None, ...]]:
    offset, count = cursor.number(), cursor.count(_MAX_CODERS)
    cursor.expect(_SIZES)
    sizes = tuple(cursor.number() for _ in range(count))
    mark = cursor.number()
    sums: list[int | None] = []
    if mark == _CRCS:
        sums = cursor.crcs(count)
        mark = cursor.number()
    if mark != END:
        raise BadArchiveError(f"has mark {mark} in its header where the packed streams end")
    return offset, sizes, tuple(sums)


def _folders(cursor: Cursor, packed: int) -> tuple[Folder, ...]:
    cursor.expect(_FOLDER)
    count = cursor.count(min(packed, MAX_FILES))  # each needs a packed stream or more
    cursor.check_inside()
    known: dict[Coder, Coder] = {}  # most folders have the same ones
    chains: list[Folder] = []
    coders = 0
    for _ in range(count):
        chains.append(_chain(cursor, known))
        coders += len(chains[-1].coders)
        if coders > _MAX_CODERS:
            raise BadArchiveError(f"has more than {_MAX_CODERS:,} coders")
    cursor.expect(_UNPACKED)
    sizes = [tuple(cursor.number() for one in ch.coders for _ in range(one.outs)) for ch in chains]
    mark = cursor.number()
    crcs: list[int | None] = [None] * count
    if mark == _CRCS:
        crcs = cursor.crcs(count)
        mark = cursor.number()
    if mark != END:
        raise BadArchiveError(f"has mark {mark} in its header where the folders end")
    return tuple(
        Folder(ch.coders, ch.packed, ch.main, ch.is_chain, size, crc)
        for ch, size, crc in zip(chains, sizes, crcs, strict=True)
    )


def _chain(cursor: Cursor, known: dict[Coder, Coder]) -> Folder:
    """Read a folder's coders and how they are bound together."""
    row = [_coder(cursor) for _ in range(cursor.count(_MAX_STREAMS))]
    coders = tuple(known.setdefault(one, one) for one in row)
    ins, outs = sum(one.ins for one in coders), sum(one.outs for one in coders)
    if not 0 < outs <= ins <= _MAX_STREAMS:
        raise BadArchiveError("has a folder without coders, or with too many")
    bonds = [(cursor.number(), cursor.number()) for _ in range(outs - 1)]
    packed = ins - len(bonds)
    if packed > 1:
        for _ in range(packed):
            cursor.number()
    bound = {out for _, out in bonds}
    free = set(range(outs)) - bound
    if len(free) != 1 or len({into for into, _ in bonds}) != len(bonds):
        raise BadArchiveError("has a folder whose coders do not fit together")
    is_chain = ins == outs and all(into == out + 1 for into, out in bonds)
    return Folder(coders, packed, free.pop(), is_chain)


def _coder(cursor: Cursor) -> Coder:
    flags = cursor.take(1)[0]
    if flags & 0xC0:
        raise BadArchiveError("has a coder of a kind that is not defined")
    method = cursor.take(flags & 15)
    ins, outs = (cursor.count(_MAX_STREAMS), cursor.count(_MAX_STREAMS)) if flags & 16 else (1, 1)
    properties = cursor.take(cursor.count()) if flags & 32 else None
    return Coder(method, ins, outs, properties)


def _substreams(
    cursor: Cursor, folders: tuple[Folder, ...], packed: tuple[int, ...]
) -> tuple[tuple[int, int | None], ...]:
    """Return size and CRC of each file, in order."""
    counts = [1] * len(folders)
    mark = cursor.number()
    if mark == _COUNTS:
        counts = [cursor.count(MAX_FILES) for _ in folders]
        _check_use(folders, counts, packed)
        mark = cursor.number()
    if sum(counts) > MAX_FILES:
        raise BadArchiveError(f"has more than {MAX_FILES:,} files: too many for 7z")
    sizes = [
        _cut(folder, count, cursor if mark == _SIZES else None)
        for folder, count in zip(folders, counts, strict=True)
    ]
    if mark == _SIZES:
        mark = cursor.number()
    known = [count == 1 and f.crc is not None for f, count in zip(folders, counts, strict=True)]
    unknown = sum(count for count, has in zip(counts, known, strict=True) if not has)
    row_of_crcs: list[int | None] = [None] * unknown
    if mark == _CRCS:
        row_of_crcs = cursor.crcs(unknown)
        mark = cursor.number()
    if mark != END:
        raise BadArchiveError(f"has mark {mark} in its header where the files' streams end")
    crcs = iter(row_of_crcs)
    return tuple(
        (size, folder.crc if has else next(crcs))
        for folder, row, has in zip(folders, sizes, known, strict=True)
        for size in row
    )


def _cut(folder: Folder, count: int, cursor: Cursor | None) -> list[int]:
    """Return the sizes of a folder's files: of all but the last one they are written."""
    row = [cursor.number() for _ in range(count - 1)] if cursor else []
    if count and (len(row) < count - 1 or sum(row) > folder.size):
        raise BadArchiveError("has a folder whose files are larger than it")
    return [*row, folder.size - sum(row)] if count else []


def _check_use(folders: tuple[Folder, ...], counts: list[int], packed: tuple[int, ...]) -> None:
    """Refuse folders that unpack to what no file has.

    7-Zip writes a folder without files when all that it was to hold could not be read: then
    nothing comes out of it, and what goes in is a coder's empty stream.
    """
    first = 0
    for folder, count in zip(folders, counts, strict=True):
        size = sum(packed[first : first + folder.packed])
        first += folder.packed
        if not count and (folder.size or size > _MAX_EMPTY):
            raise BadArchiveError("has packed bytes that belong to no file")
