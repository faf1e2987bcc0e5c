"""What 7z calls a folder: coders, each of which may take what others give.

Read here, not by py7zr, which takes as long to import as the rest of covcat, and is needed only
where its decoders are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from covcat.archives.base import BadArchiveError

_MOST = 64  # coders, and their streams, of a folder: 7-Zip itself takes no more
_MOST_PROPERTIES = 1 << 20  # bytes
_COMPLEX, _HAS_PROPERTIES = 0x10, 0x20  # of a coder's first byte; the low 4 bits are a length


class Cursor(Protocol):
    """Reads a header, and raises at its end."""

    def take(self, count: int) -> bytes:
        """Return the next bytes."""

    def number(self) -> int:
        """Return the next number."""

    def count(self, limit: int) -> int:
        """Return the next number; raises if it is more."""


@dataclass(slots=True)
class Folder:
    """Coders, from packed streams to the one that comes out."""

    coders: list[dict[str, Any]]  # as py7zr's decoders ask for them
    bonds: list[tuple[int, int]]  # a stream into a coder, and the one out of another that it is
    packed: int  # streams that come from the archive
    outs: int  # streams out of all coders
    sizes: list[int] = field(default_factory=list)  # of what comes out of each
    crc: int | None = None

    @property
    def size(self) -> int:
        """Return the bytes of what no coder takes: the result."""
        taken = {out for _, out in self.bonds}
        return next(size for at, size in enumerate(self.sizes) if at not in taken)


def read_folder(cursor: Cursor) -> Folder:
    """Read the coders and how they are bound; sizes and checksum come later in a header."""
    coders = list(_read_coders(cursor))
    ins = sum(one["numinstreams"] for one in coders)
    outs = sum(one["numoutstreams"] for one in coders)
    if not 0 < outs <= ins <= _MOST:
        raise BadArchiveError(f"has a folder of coders with {ins} streams into them and {outs} out")
    bonds = [(cursor.number(), cursor.number()) for _ in range(outs - 1)]
    into, bound = {one for one, _ in bonds}, {out for _, out in bonds if out < outs}
    if not len(bound) == len(into) == outs - 1:  # so one out is free: the result
        raise BadArchiveError("has a folder whose coders do not fit together")
    packed = ins - len(bonds)
    for _ in range(packed if packed > 1 else 0):  # which of them is which: for 7-Zip alone
        cursor.number()
    return Folder(coders, bonds, packed, outs)


def _read_coders(cursor: Cursor) -> Iterator[dict[str, Any]]:
    for _ in range(cursor.count(_MOST)):
        first = cursor.take(1)[0]
        coder: dict[str, Any] = {"method": cursor.take(first & 15) or b"\0"}
        is_complex = bool(first & _COMPLEX)
        for name in ("numinstreams", "numoutstreams"):
            coder[name] = cursor.count(_MOST) if is_complex else 1
        has_properties = bool(first & _HAS_PROPERTIES)
        size = cursor.count(_MOST_PROPERTIES) if has_properties else 0
        coder["properties"] = cursor.take(size) if has_properties else None
        yield coder
