"""Bytes at any place of an open file, of which as few as possible are read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from covcat.files import AT_ONCE, BYTES, read_at

_HEAD = 64  # bytes of the first read: enough for PNG, GIF, BMP, WebP
_AHEAD = 512  # bytes read at least, after that


class FileBytes:
    """An open file, with the block of it that was read last."""

    __slots__ = ("_block", "_handle", "_left", "_start", "ahead", "head")

    def __init__(self, handle: int, most: int) -> None:
        self._handle, self._left, self._start = handle, most, 0  # left: besides the first ones
        self.head = self._block = os.read(handle, _HEAD)
        self.ahead = _AHEAD

    @property
    def is_spent(self) -> bool:
        """Tell if as much has been read as may be."""
        return self._left <= 0

    @property
    def size(self) -> int:
        """Return the size of the whole file."""
        return os.fstat(self._handle).st_size

    def at(self, place: int, size: int) -> bytes:
        """Return `size` bytes from `place` on; EOFError if they are not there or not read."""
        data = self.some(place, size)
        if len(data) < size:
            raise EOFError("it is cut")
        return data

    def some(self, place: int, size: int) -> bytes:
        """Return up to `size` bytes from `place` on."""
        begin = place - self._start
        if begin < 0 or begin + size > len(self._block):
            want = min(max(size, self.ahead), self._left)
            self._block, self._start, begin = read_at(self._handle, want, place), place, 0
            self._left -= len(self._block)
        return self._block[begin : begin + size]

    def find(self, wanted: bytes, place: int) -> int:
        """Return where `wanted` is next."""
        while len(piece := self.some(place, self.ahead)) >= len(wanted):
            if (found := piece.find(wanted)) >= 0:
                return place + found
            place += len(piece) - len(wanted) + 1
        raise EOFError


@contextmanager
def open_bytes(path: str | os.PathLike[str], most: int = 1 << 20) -> Iterator[FileBytes]:
    """Open a file, to read at most so many bytes; a pipe in its place does not block."""
    handle = os.open(path, os.O_RDONLY | BYTES | AT_ONCE)
    try:
        yield FileBytes(handle, most)
    finally:
        os.close(handle)
