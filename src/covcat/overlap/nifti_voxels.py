"""A NIfTI volume -> its slices along the third axis, as they are stored: rows may be upside down.

Of more than three axes the first volume is taken. A packed one is unpacked as it is read.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import numpy as np

from covcat.files import opened
from covcat.imaging.readers.file_bytes import open_bytes
from covcat.imaging.readers.nifti import NiftiHeader, read_header
from covcat.imaging.sizes import Size
from covcat.overlap.features import Grey
from covcat.overlap.opencv import MOST_PIXELS
from covcat.overlap.pairs import NoPicture
from covcat.overlap.windows import to_grey

_WIDTHS = {"u": (2, 512, 768, 1280), "i": (256, 4, 8, 1024)}  # of 1, 2, 4, 8 bytes: nifti1.h
_KINDS = {
    code: f"{kind}{1 << power}"
    for kind, codes in _WIDTHS.items()
    for power, code in enumerate(codes)
} | {16: "f4", 64: "f8"}
_RGB = 128
_MOST_VOXELS = 1 << 31
_MOST_OFFSET = 1 << 24  # bytes of header extensions that are gone over


def nifti_slices(path: Path, size: Size) -> Iterator[tuple[int, Grey]]:
    """Give number and pixels of each slice."""
    with open_bytes(path) as data:
        header = read_header(data)
    if header is None:
        raise NoPicture("no NIfTI header")
    kind, slices = _kind(header), size.slices or 1
    if size.width * size.height * slices > min(_MOST_VOXELS, MOST_PIXELS * slices):
        raise NoPicture(f"declares more than {_MOST_VOXELS:,} voxels")
    channels = 3 if header.datatype == _RGB else 1
    each = size.width * size.height * channels * kind.itemsize
    with ExitStack() as held:
        stream = held.enter_context(opened(path))
        voxels: IO[bytes] = stream
        if stream.peek(2)[:2] == b"\x1f\x8b":
            voxels = cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
            held.callback(voxels.close)
        try:
            voxels.read(int(header.offset))
            for number in range(slices):
                data_of_slice = voxels.read(each)
                if len(data_of_slice) < each:
                    raise NoPicture(f"cut: {number} of {slices} slices are there")
                values = np.frombuffer(data_of_slice, kind)
                yield number, _grey(values, size, header, channels)
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise NoPicture(f"damaged gzip: {error}") from error


def _kind(header: NiftiHeader) -> np.dtype:
    if not 0 < header.offset <= _MOST_OFFSET:
        raise NoPicture("its voxels are in another file, or nowhere")
    if header.datatype == _RGB:
        return np.dtype("u1")
    if header.datatype not in _KINDS:
        raise NoPicture(f"NIfTI of datatype {header.datatype}, which is not decoded")
    return np.dtype(header.order + _KINDS[header.datatype])


def _grey(values: np.ndarray, size: Size, header: NiftiHeader, channels: int) -> Grey:
    shape = (size.height, size.width)
    if channels == 3:
        return to_grey(values.reshape(*shape, 3).mean(axis=2).astype(np.uint8))
    values = values.reshape(shape)
    if header.slope not in (0.0, 1.0) or header.intercept != 0.0:
        with np.errstate(all="ignore"):  # forged numbers
            scale = header.slope or 1.0
            values = values.astype(np.float32) * np.float32(scale) + np.float32(header.intercept)
    return to_grey(values)
