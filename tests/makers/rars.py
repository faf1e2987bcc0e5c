"""RAR archives from `{name: bytes}`: nobody else may write RAR, so their headers are made here.

After the RAR 5.0 technical note (rarlab.com/technote.htm) and, for RAR 4, its older edition.
Members are stored, or packed as literals only: a Huffman table, then each byte's code.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

MAGIC5, MAGIC4 = b"Rar!\x1a\x07\x01\x00", b"Rar!\x1a\x07\x00"
UNIX_LINK, WINDOWS_LINK, JUNCTION, HARD_LINK, FILE_COPY = 1, 2, 3, 4, 5  # RAR 5 redirections


@dataclass(frozen=True)
class Entry:
    """One member, and what is odd about it."""

    name: str | bytes
    data: bytes = b""
    packed: bool = False  # as literals; else stored
    mode: int = 0o100644
    folder: bool = False
    crc: int | None = None  # instead of the right one; RAR 5 writes none if it is -1
    size: int | None = None  # declared instead of the right one
    extra: bytes = b""  # RAR 5: further records, RAR 4: after the name
    flags: int = 0  # more of the header's flags
    dictionary: int = 0  # RAR 5: 128 KB << this
    version: int = 0  # of RAR 5's algorithm: 1 is RAR 7; of RAR 4's: 29 if it is 0
    method: int | None = None

    @property
    def raw_name(self) -> bytes:
        return self.name if isinstance(self.name, bytes) else self.name.encode()


Members = Mapping[str, bytes] | Iterable[Entry]


def entries(members: Members, **same: Any) -> Iterable[Entry]:
    """Return entries; `same` holds for all of them."""
    if isinstance(members, Mapping):
        return [Entry(name, data, **same) for name, data in members.items()]
    return members


# ---- RAR 5 --------------------------------------------------------------------------------------


def rar5_of(members: Members, **same: Any) -> bytes:
    return b"".join(rar5_pieces(members, **same))


def rar5_pieces(
    members: Members, *, main: int = 0, end: bool = True, **same: Any
) -> Iterator[bytes]:
    """Yield the archive piece by piece: a large one need not fit in memory."""
    yield MAGIC5 + block5(1, vint(main))
    for entry in entries(members, **same):
        yield from member5(entry)
    if end:
        yield block5(5, vint(0))


def member5(entry: Entry, block_type: int = 2) -> Iterator[bytes]:
    """Yield the header and the data of one file (2) or service (3) block."""
    data = pack5(entry.data) if entry.packed else entry.data
    crc = crc32(entry.data) if entry.crc is None else entry.crc
    has_crc = crc >= 0 and not entry.folder
    fields = vint(entry.folder | 4 * has_crc) + vint(_or(entry.size, len(entry.data)))
    fields += vint(entry.mode)
    if has_crc:
        fields += struct.pack("<I", crc)
    method = _or(entry.method, int(entry.packed))
    fields += vint(entry.version | method << 7 | entry.dictionary << 10) + vint(1)  # on Unix
    fields += vint(len(entry.raw_name)) + entry.raw_name
    yield block5(block_type, fields, extra=entry.extra, data_size=len(data), flags=entry.flags)
    yield data


def block5(
    block_type: int, fields: bytes, *, extra: bytes = b"", data_size: int = 0, flags: int = 0
) -> bytes:
    """Return a header with its checksum; the data area follows it."""
    flags |= (1 if extra else 0) | (2 if data_size else 0)
    body = vint(block_type) + vint(flags)
    body += (vint(len(extra)) if extra else b"") + (vint(data_size) if data_size else b"")
    body += fields + extra
    sized = vint(len(body)) + body
    return struct.pack("<I", crc32(sized)) + sized


def rar5_volumes(name: str, data: bytes, count: int = 2) -> list[bytes]:
    """Return the volumes of a set with one stored file that is cut into equal parts."""
    volumes = []
    for number, entry in enumerate(_parts(name, data, count, 0x08, 0x10)):
        main = vint(1 | 2) + vint(number) if number else vint(1)
        end = block5(5, vint(0 if number == count - 1 else 1))
        volumes.append(b"".join((MAGIC5, block5(1, main), *member5(entry), end)))
    return volumes


def _parts(name: str, data: bytes, count: int, before: int, after: int) -> Iterator[Entry]:
    """Cut a file; `before` and `after` are the flags of what has other parts there."""
    step = -(-len(data) // count)
    for number in range(count):
        part = data[number * step : (number + 1) * step]
        is_last = number == count - 1
        flags = (before if number else 0) | (0 if is_last else after)
        crc = crc32(data if is_last else part)  # the last part has that of the whole file
        yield Entry(name, part, crc=crc, size=len(data), flags=flags)


def redirection5(kind: int, target: str) -> bytes:
    """Return the extra record that makes a member a link."""
    return record5(5, vint(kind) + vint(0) + vint(len(target)) + target.encode())


def record5(kind: int, body: bytes) -> bytes:
    record = vint(kind) + body
    return vint(len(record)) + record


def vint(number: int) -> bytes:
    """Return RAR 5's variable-length integer: 7 bits a byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def pack5(data: bytes) -> bytes:
    """Pack as one block of literals."""
    bits = _tables(306 + 64 + 16 + 44) + _literals(data)
    packed = _bytes(bits)
    size = len(packed).to_bytes(3, "little")
    flags = (len(bits) - 1) % 8 | (3 - 1) << 3 | 0x40 | 0x80  # 3 size bytes, last block, tables
    check = 0x5A ^ flags ^ size[0] ^ size[1] ^ size[2]
    return bytes((flags, check)) + size + packed


# ---- RAR 4 --------------------------------------------------------------------------------------


def rar4_of(members: Members, **same: Any) -> bytes:
    return b"".join(rar4_pieces(members, **same))


def rar4_pieces(
    members: Members, *, main: int = 0, end: bool = True, **same: Any
) -> Iterator[bytes]:
    yield MAGIC4 + block4(0x73, main, bytes(6))
    for entry in entries(members, **same):
        yield from member4(entry)
    if end:
        yield block4(0x7B, 0x4000, b"")


def member4(entry: Entry, block_type: int = 0x74) -> Iterator[bytes]:
    """Yield the header and the data of one file; Unix is its system."""
    data = pack4(entry.data) if entry.packed else entry.data
    crc = crc32(entry.data) if entry.crc is None else entry.crc
    method = 0x30 + _or(entry.method, int(entry.packed))
    name = entry.raw_name
    size = _or(entry.size, len(entry.data))
    how = (0x21 << 16, entry.version or 29, method, len(name), entry.mode)
    fields = struct.pack("<IIBIIBBHI", len(data), size, 3, crc, *how)
    flags = entry.flags | 0x8000 | (0xE0 if entry.folder else 0)
    yield block4(block_type, flags, fields + name + entry.extra)
    yield data


def rar4_volumes(name: str, data: bytes, count: int = 2) -> list[bytes]:
    """Return the volumes of a set with one stored file, named as `.partN.rar`."""
    volumes = []
    for number, entry in enumerate(_parts(name, data, count, 0x01, 0x02)):
        main = block4(0x73, 0x01 | 0x10 | (0 if number else 0x100), bytes(6))
        end = block4(0x7B, 0x4000 | (0 if number == count - 1 else 1), b"")
        volumes.append(b"".join((MAGIC4, main, *member4(entry), end)))
    return volumes


def block4(block_type: int, flags: int, fields: bytes) -> bytes:
    """Return a header with its 16-bit checksum."""
    checked = struct.pack("<BHH", block_type, flags, 7 + len(fields)) + fields
    return struct.pack("<H", crc32(checked) & 0xFFFF) + checked


def pack4(data: bytes) -> bytes:
    """Pack as literals: no PPMd, no earlier tables; it ends with symbol 256, "a new file"."""
    return _bytes("00" + _tables(299 + 60 + 17 + 28) + _literals(data) + "0" + "00")


# ---- Huffman tables -----------------------------------------------------------------------------


def _tables(symbols: int) -> str:
    """Return the bits of the tables: length 9 for each byte, 1 for symbol 256, else 0.

    The lengths are written in a code of their own, of 20 symbols with 4-bit lengths: 1 is "00",
    9 is "01", 17 (repeat the last one, 11 times and more) is "10", 19 (zeros, the same) is "11".
    """
    lengths = [0] * 20
    lengths[1] = lengths[9] = lengths[17] = lengths[19] = 2
    bits = "".join(f"{length:04b}" for length in lengths)
    return bits + "01" + _run("10", 255) + "00" + _run("11", symbols - 257)


def _literals(data: bytes) -> str:
    return "".join(f"1{byte:08b}" for byte in data)


def _run(code: str, count: int) -> str:
    bits = ""
    while count:
        part = min(count, 138)
        part = count - 11 if 0 < count - part < 11 else part
        bits += f"{code}{part - 11:07b}"
        count -= part
    return bits


def _bytes(bits: str) -> bytes:
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
