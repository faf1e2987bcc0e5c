"""Headers of NIfTI volumes, 1 and 2, in both byte orders, packed with gzip or not.

Parsed here, so that no extra is needed: 348 bytes as in https://nifti.nimh.nih.gov/nifti-1, or 540
as in nifti-2.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.imaging.readers.file_bytes import FileBytes, open_bytes

_SIZE = 540  # bytes of the larger header
_PIECE = 512  # bytes of a file that are unpacked at once
_CHANNELS = {128: 3, 2304: 4, 32: 2, 1792: 2, 2048: 2}  # of a datatype: RGB, RGBA, complex


_VERSIONS = (  # bytes, layout, magic; where dim, datatype, pixdim, descrip and magic are in it
    (348, "i36x8h14x2h2x8f3f28x80s116x4s", (b"n+1\0", b"ni1\0"), (1, 9, 11, 22, 23)),
    (540, "i4s4x2h8q24x8dq2d48x80s220x", (b"n+2\0", b"ni2\0"), (4, 2, 12, 23, 1)),
)
STARTS = {struct.pack(f"{order}i", size) for order in "<>" for size, *_ in _VERSIONS}


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """What a header says, as it is written there."""

    dim: tuple[int, ...]  # of each axis
    datatype: int
    bitpix: int  # bits per voxel
    pixdim: tuple[str, ...]  # of each axis, as text
    descrip: str
    order: str  # of bytes, as `struct` has it
    offset: float  # bytes before the voxels; of a file that has none beside it
    slope: float  # 0: values are as stored; else value = slope * stored + intercept
    intercept: float

    @property
    def bits(self) -> int:
        """Bits per voxel and channel."""
        return self.bitpix // _CHANNELS.get(self.datatype, 1)


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for a volume; of a file that is none, one with the cell `error`."""
    del table
    try:
        with open_bytes(file) as data:
            found = read_header(data)
    except zlib.error as error:
        yield Row({"error": f"damaged gzip: {error}"}, path)
        return
    if found is None:
        yield Row({"error": "no NIfTI header"}, path)
    else:
        cells = {
            **{f"dim{axis}": str(size) for axis, size in enumerate(found.dim, 1)},
            "datatype": str(found.datatype),
            "bitpix": str(found.bitpix),
            **{f"pixdim{axis}": size for axis, size in enumerate(found.pixdim[:3], 1)},
            "descrip": found.descrip,
        }
        yield Row(cells, path, path)


def read_header(data: FileBytes) -> NiftiHeader | None:
    """Return the header of a file; None where there is none.

    Raises:
        zlib.error: the packed bytes are damaged.
    """
    if data.head[:2] == b"\x1f\x8b":
        unpacker, head, place = zlib.decompressobj(31), b"", 0  # of a bomb never all
        while len(head) < _SIZE and not unpacker.eof and (piece := data.some(place, _PIECE)):
            head += unpacker.decompress(piece, _SIZE - len(head))
            place += len(piece)
    else:
        head = data.some(0, _SIZE) if data.head[:4] in STARTS else b""
    for order in "<>":
        for size, layout, magic, places in _VERSIONS:
            if len(head) >= size and head[:4] == struct.pack(f"{order}i", size):
                values = struct.unpack_from(order + layout, head)
                dim, kind, pixdim, descrip, own = places
                count, (datatype, bitpix) = values[dim], values[kind : kind + 2]
                if values[own] not in magic or not 1 <= count <= 7:
                    return None
                return NiftiHeader(
                    values[dim + 1 :][:count],
                    datatype,
                    bitpix,
                    tuple(_as_text(one, "f" in layout) for one in values[pixdim + 1 :][:count]),
                    _decoded(values[descrip].partition(b"\0")[0]),
                    order,
                    *values[pixdim + 8 : pixdim + 11],
                )
    return None


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _as_text(number: float, is_short: bool) -> str:
    """Return the shortest text that is this number: 0.7, not 0.699999988079071."""
    if not is_short or not math.isfinite(number):
        return str(number)
    text = ""
    for digits in range(1, 10):
        text = f"{number:.{digits}g}"
        with suppress(OverflowError):  # rounded up beyond the largest
            if struct.unpack("<f", struct.pack("<f", float(text)))[0] == number:
                break
    return text
