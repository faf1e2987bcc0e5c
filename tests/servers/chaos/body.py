"""The bytes that are served: made from a seed, so that a harness can say which ones are wrong."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

BLOCK = 32  # bytes that tell where in a stream they are
SPARSE_BLOCK = 1 << 20


@lru_cache(maxsize=32)
def _stream(seed: int, size: int) -> bytes:
    """Return what SHAKE makes of the seed: a shorter stream is the beginning of a longer one."""
    return hashlib.shake_128(b"%d" % seed).digest(size)


@lru_cache(maxsize=8)
def _zip(seed: int, inner: int) -> bytes:
    """Return a zip that stores one member, `x.bin`: the stream of a seed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("x.bin"), _stream(seed, inner))
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream of a seed."""

    seed: int = 1
    size: int = 200_003

    @property
    def data(self) -> bytes:
        return _stream(self.seed, self.size)

    def read(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


@dataclass(frozen=True, slots=True)
class Zip:
    """What `_zip` makes."""

    seed: int
    inner: int

    @property
    def size(self) -> int:
        return len(_zip(self.seed, self.inner))

    def read(self, start: int, stop: int) -> bytes:
        return _zip(self.seed, self.inner)[start:stop]


@dataclass(frozen=True, slots=True)
class Sparse:
    """Gigabytes for nothing: zeros, with the block's number at the start of each MiB."""

    size: int

    def read(self, start: int, stop: int) -> bytes:
        first, stop = start // SPARSE_BLOCK, min(stop, self.size)
        numbers = range(first, -(-stop // SPARSE_BLOCK))
        blocks = b"".join(i.to_bytes(8, "big") + bytes(SPARSE_BLOCK - 8) for i in numbers)
        offset = first * SPARSE_BLOCK
        return blocks[start - offset : stop - offset]


Content = Stream | Zip | Sparse


def content_of(kind: str, seed: int, size: int) -> Content:
    if kind == "zip":
        return Zip(seed, size)
    return Sparse(size) if kind == "sparse" else Stream(seed, size)


def difference(path: Path, expected: Content) -> str:
    """Return in words how a file differs from what it should be, or nothing."""
    size = path.stat().st_size
    step = 1 << 22
    with path.open("rb") as stream:
        for start in range(0, max(size, expected.size), step):
            got, want = stream.read(step), expected.read(start, start + step)
            if got[: len(want)] != want[: len(got)]:
                return f"{_where(got, want, start)}; {size} bytes of {expected.size}"
    return "" if size == expected.size else f"{size} bytes of {expected.size}, these right"


def _where(got: bytes, want: bytes, start: int) -> str:
    """Name the first wrong byte, and the place of the stream that its block really comes from."""
    at = next(i for i, (one, other) in enumerate(zip(got, want, strict=False)) if one != other)
    piece = got[at : at + BLOCK]
    for seed in (1, 2, 3):
        found = _stream(seed, 200_003).find(piece)
        if found >= 0:
            return f"wrong from byte {start + at}: there is byte {found} of seed {seed}"
    return f"wrong from byte {start + at}: there is {piece[:12]!r}"
