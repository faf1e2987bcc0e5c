"""A DICOM file -> its frames, in the window that it names; MONOCHROME1 is turned to white on black.

Pixels come through pydicom, which decodes what is not compressed, and RLE; of what is compressed
as JPEG or JPEG 2000 OpenCV decodes what it can.
"""

import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from covcat.imaging.sizes import Size
from covcat.overlap.features import Grey
from covcat.overlap.opencv import opencv
from covcat.overlap.pairs import NoPicture
from covcat.overlap.windows import Window, to_grey

_MOST_FRAMES = 4_096
_MOST_BYTES = 1 << 31  # of a file whose compressed frames are read
_JPEGS = (  # transfer syntaxes of PS3.6, A: those whose frames OpenCV may decode
    *("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57"),
    *("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
)


def dicom_frames(path: Path, size: Size) -> Iterator[tuple[int, Grey]]:
    """Give number and pixels of each frame."""
    try:
        pydicom = import_module("pydicom")
    except ImportError as error:
        raise NoPicture("DICOM, which needs: pip install 'covcat[dicom]'") from error
    if (size.slices or 1) > _MOST_FRAMES:
        raise NoPicture(f"declares {size.slices:,} frames, more than {_MOST_FRAMES:,}")
    with warnings.catch_warnings(action="ignore"):
        try:
            head = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            syntax = str(getattr(head.file_meta, "TransferSyntaxUID", ""))
            decode = _jpegs if syntax in _JPEGS else _plain
            for number, values in enumerate(decode(pydicom, path, head)):
                yield number, _grey(values, head)
        except (NoPicture, OSError):
            raise
        except MemoryError as error:
            raise NoPicture("DICOM that takes more memory than there is") from error
        except Exception as error:  # pydicom names none
            text = str(error).partition("\n")[0][:200]
            raise NoPicture(f"DICOM that cannot be decoded: {text}") from error


def _plain(pydicom: Any, path: Path, head: Any) -> Iterator[np.ndarray]:
    if getattr(getattr(head, "file_meta", None), "TransferSyntaxUID", None) is None:
        whole = pydicom.dcmread(path, force=True)  # a bare data set, which says it nowhere
        order = whole.original_encoding
        uid = pydicom.uid
        whole.file_meta = pydicom.dataset.FileMetaDataset()
        implicit, explicit = uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian
        whole.file_meta.TransferSyntaxUID = implicit if order[0] else explicit
        yield from pydicom.pixels.iter_pixels(whole, raw=True)
    else:
        yield from pydicom.pixels.iter_pixels(path, raw=True)


def _jpegs(pydicom: Any, path: Path, head: Any) -> Iterator[np.ndarray]:
    if path.stat().st_size > _MOST_BYTES:
        raise NoPicture(f"compressed DICOM of more than {_MOST_BYTES >> 30} GiB")
    cv2, whole = opencv(), pydicom.dcmread(path, force=True)
    count = int(getattr(head, "NumberOfFrames", 1) or 1)
    for data in pydicom.encaps.generate_frames(whole.PixelData, number_of_frames=count):
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None:
            name = whole.file_meta.TransferSyntaxUID.name
            raise NoPicture(f"DICOM compressed as {name}, which OpenCV does not decode")
        if values.shape[:2] != (head.Rows, head.Columns):
            raise NoPicture("DICOM whose frames have another size than it says")
        if values.ndim == 2 and head.get("PixelRepresentation") == 1:
            bits = int(head.BitsStored)
            values = values.astype(np.int32)
            values -= (values >= 1 << (bits - 1)) * (1 << bits)
        yield values


def _grey(values: np.ndarray, head: Any) -> Grey:
    kind = str(head.get("PhotometricInterpretation", "MONOCHROME2"))
    if values.ndim == 3 and not kind.startswith("PALETTE"):
        first = values[..., 0] if kind.startswith("YBR") else values.mean(axis=2)
        return to_grey(first.astype(np.uint8) if values.dtype == np.uint8 else first)
    if not kind.startswith("MONOCHROME") or values.ndim != 2:
        raise NoPicture(f"DICOM of {kind}, which is not decoded")
    slope = float(head.get("RescaleSlope") or 1)
    intercept = float(head.get("RescaleIntercept") or 0)
    if (slope, intercept) != (1.0, 0.0):
        values = values.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return to_grey(values, _window(head), inverted=kind == "MONOCHROME1")


def _window(head: Any) -> Window | None:
    """Return the first window that the file names (PS3.3, C.11.2.1.2)."""
    center, width = (_first(head.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if center is None or width is None or width < 1:
        return None
    return Window(center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    several = isinstance(value, list) or (hasattr(value, "__len__") and not isinstance(value, str))
    try:
        number = float(value[0] if several else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None
