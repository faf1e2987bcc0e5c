"""Zips whose headers say what a test wants: no library writes contradictions.

After APPNOTE.TXT 6.3.10, sections 4.3 to 4.6.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WIDE = 0xFFFFFFFF  # the number is in a ZIP64 field
DESCRIPTOR = 8  # a flag: sizes and checksum follow the data
SPLIT = b"PK\x07\x08"  # a splitter's mark, and that of a data descriptor


@dataclass(frozen=True)
class Made:
    """One entry to be built; what is None is as the data has it."""

    name: str = "a"
    data: bytes = b""
    method: int = 0
    packed: bytes | None = None
    flags: int = 0
    local_flags: int | None = None
    crc: int | None = None
    host: int = 3
    attributes: int = 0o100644 << 16
    size: int | None = None
    # of the directory: the names of what its ZIP64 field holds, or numbers in their place; and
    # what its header says in place of its own size, packed, offset, disk
    zip64: tuple[str | int, ...] = ()
    says: Mapping[str, int] = field(default_factory=dict)

    def headers(self, offset: int) -> tuple[bytes, bytes]:
        """Return its local part, and its entry in the directory."""
        packed = self.data if self.packed is None else self.packed
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        size = len(self.data) if self.size is None else self.size
        own = {"size": size, "packed": len(packed), "offset": offset, "disk": 0}
        local_flags = self.flags if self.local_flags is None else self.local_flags
        is_later = local_flags & DESCRIPTOR
        before = (0, 0, 0) if is_later else (crc, own["packed"], size)
        after = SPLIT + _descriptor(crc, own["packed"], size, self.zip64) if is_later else b""
        local = b"PK\x03\x04" + struct.pack("<2H", 20, local_flags) + self._middle(*before)
        local += struct.pack("<H", 0) + self.name.encode() + packed + after
        said = own | self.says
        extra = _zip64([own[one] if isinstance(one, str) else one for one in self.zip64])
        entry = b"PK\x01\x02" + struct.pack("<2BHH", 20, self.host, 20, self.flags)
        entry += self._middle(crc, said["packed"], said["size"])
        entry += struct.pack(
            "<4H2I", len(extra), 0, said["disk"], 0, self.attributes, said["offset"]
        )
        return local, entry + self.name.encode() + extra

    def _middle(self, crc: int, packed: int, size: int) -> bytes:
        """Return what both headers have alike, from the method to the name's length."""
        numbers = (self.method, 0, 33, crc, packed, size, len(self.name.encode()))
        return struct.pack("<3H3IH", *numbers)


def _descriptor(crc: int, packed: int, size: int, wide: tuple[str | int, ...]) -> bytes:
    return struct.pack("<IQQ" if wide else "<III", crc, packed, size)


def _zip64(numbers: list[int]) -> bytes:
    """Return the ZIP64 field: 8 bytes a number, 4 for the fourth."""
    body = b"".join(one.to_bytes(4 if at == 3 else 8, "little") for at, one in enumerate(numbers))
    return struct.pack("<2H", 1, len(body)) + body if numbers else b""


def zip_made(*made: Made, mark: bytes = b"", count: int | None = None) -> bytes:
    """Return a zip; `mark` comes before its members, `count` is said in place of their number."""
    return b"".join(zip_pieces(made, mark, count))


def zip_pieces(made: Iterable[Made], mark: bytes = b"", count: int | None = None) -> list[bytes]:
    """Return the zip in pieces, for one of many entries."""
    pieces, entries, offset = [mark], [], len(mark)
    for one in made:
        local, entry = one.headers(offset)
        pieces.append(local)
        entries.append(entry)
        offset += len(local)
    said = len(entries) if count is None else count
    length = sum(map(len, entries))
    end = struct.pack("<4H2IH", 0, 0, said, said, length, offset, 0)
    return [*pieces, *entries, b"PK\x05\x06" + end]
