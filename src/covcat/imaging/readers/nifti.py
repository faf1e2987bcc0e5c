"""Headers of NIfTI volumes, 1 and 2, in both byte orders, packed with gzip or not.

Parsed here, so that no extra is needed: 348 bytes as in https://nifti.nimh.nih.gov/nifti-1, or 540
as in nifti-2.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.imaging.readers.file_bytes import FileBytes, open_bytes

_SIZE = 540  # bytes of the larger header
_PIECE = 512  # bytes of a file that are unpacked at once
_CHANNELS = {128: 3, 2304: 4, 32: 2, 1792: 2, 2048: 2}  # of a datatype: RGB, RGBA, complex


@dataclass(frozen=True, slots=True)
class _Version:
    """Where the fields are in one version of the header: `struct` format and offset."""

    size: int
    magic: tuple[bytes, bytes]
    magic_at: int
    dim: tuple[str, int]
    kind: tuple[str, int]  # datatype, bitpix
    pixdim: tuple[Literal["8f", "8d"], int]
    descrip_at: int


_VERSIONS = (
    _Version(348, (b"n+1\0", b"ni1\0"), 344, ("8h", 40), ("2h", 70), ("8f", 76), 148),
    _Version(540, (b"n+2\0", b"ni2\0"), 4, ("8q", 16), ("2h", 12), ("8d", 104), 240),
)
STARTS = {struct.pack(f"{order}i", form.size) for order in "<>" for form in _VERSIONS}


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """What a header says, as it is written there."""

    dim: tuple[int, ...]  # of each axis
    datatype: int
    bitpix: int  # bits per voxel
    pixdim: tuple[str, ...]  # of each axis, as text
    descrip: str

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
        for form in _VERSIONS:
            if len(head) >= form.size and head[:4] == struct.pack(f"{order}i", form.size):
                return _parsed(head, order, form)
    return None


def _parsed(head: bytes, order: str, form: _Version) -> NiftiHeader | None:
    if head[form.magic_at : form.magic_at + 4] not in form.magic:
        return None
    count, *sizes = struct.unpack_from(order + form.dim[0], head, form.dim[1])
    if not 1 <= count <= 7:
        return None
    datatype, bitpix = struct.unpack_from(order + form.kind[0], head, form.kind[1])
    pixdim = struct.unpack_from(order + form.pixdim[0], head, form.pixdim[1])
    descrip = head[form.descrip_at : form.descrip_at + 80].partition(b"\0")[0]
    try:
        text = descrip.decode("utf-8")
    except UnicodeDecodeError:
        text = descrip.decode("latin-1")
    return NiftiHeader(
        tuple(sizes[:count]),
        datatype,
        bitpix,
        tuple(_shortest(size, form.pixdim[0]) for size in pixdim[1 : count + 1]),
        text,
    )


def _shortest(size: float, form: str) -> str:
    """Return the shortest text that is this number: 0.7, not 0.699999988079071."""
    if form == "8d" or size != size or abs(size) == float("inf"):
        return str(size)
    text = ""
    for digits in range(1, 10):
        text = f"{size:.{digits}g}"
        with suppress(OverflowError):  # rounded up beyond the largest
            if struct.unpack("<f", struct.pack("<f", float(text)))[0] == size:
                break
    return text
