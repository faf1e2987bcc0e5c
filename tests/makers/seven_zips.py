"""7z archives from `{name: bytes}`, stored: writers of others refuse the names that tests need.

After 7zFormat.txt of the LZMA SDK.
"""

import struct
from collections.abc import Mapping
from zlib import crc32


def seven_zip_of(members: Mapping[str, bytes]) -> bytes:
    """Return an archive with one folder of the method Copy."""
    full = [data for data in members.values() if data]
    packed = b"".join(full)
    header = b"\x01" + (_streams(full) if full else b"") + _files(members) + b"\0"
    start = struct.pack("<QQI", len(packed), len(header), crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", crc32(start)) + start + packed + header


def number(value: int) -> bytes:
    """Return 7z's integer: the first byte's leading ones count the bytes that follow."""
    for more in range(8):
        if value < 1 << (7 * (more + 1)):
            first = (0xFF00 >> more) & 0xFF | value >> (8 * more)
            return bytes([first]) + (value & ((1 << 8 * more) - 1)).to_bytes(more, "little")
    return b"\xff" + value.to_bytes(8, "little")


def _streams(full: list[bytes]) -> bytes:
    total = number(sum(map(len, full)))
    pack = b"\x06" + number(0) + number(1) + b"\x09" + total + b"\0"
    folder = b"\x07\x0b" + number(1) + b"\0" + number(1) + b"\x01\0" + b"\x0c" + total + b"\0"
    sizes = b"".join(number(len(data)) for data in full[:-1])
    sums = b"".join(struct.pack("<I", crc32(data)) for data in full)
    parts = b"\x08\x0d" + number(len(full)) + (b"\x09" + sizes if sizes else b"")
    return b"\x04" + pack + folder + parts + b"\x0a\x01" + sums + b"\0\0"


def _files(members: Mapping[str, bytes]) -> bytes:
    names = b"\0" + b"".join(f"{name}\0".encode("utf-16-le", "surrogatepass") for name in members)
    found = b"\x05" + number(len(members))
    empty = [not data for data in members.values()]
    if any(empty):
        bits = _bits(empty)
        found += b"\x0e" + number(len(bits)) + bits
        files = _bits([True] * sum(empty))
        found += b"\x0f" + number(len(files)) + files
    return found + b"\x11" + number(len(names)) + names + b"\0"


def _bits(flags: list[bool]) -> bytes:
    text = "".join("1" if flag else "0" for flag in flags)
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))
