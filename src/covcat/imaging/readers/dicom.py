"""Headers of DICOM files, which in many sets lack `.dcm`.

Of a header is read what the image index can use, as it is written there.
"""

import struct
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import UsageError
from covcat.imaging.readers.dicom_header import Deflated, find_elements, read_elements
from covcat.imaging.readers.file_bytes import open_bytes

_TAGS = {  # keyword: (group, element) of PS3.6
    "ImageType": 0x0008_0008,
    "SOPClassUID": 0x0008_0016,
    "SOPInstanceUID": 0x0008_0018,
    "StudyDate": 0x0008_0020,
    "SeriesDate": 0x0008_0021,
    "AcquisitionDate": 0x0008_0022,
    "ContentDate": 0x0008_0023,
    "Modality": 0x0008_0060,
    "Manufacturer": 0x0008_0070,
    "InstitutionName": 0x0008_0080,
    "StudyDescription": 0x0008_1030,
    "SeriesDescription": 0x0008_103E,
    "ManufacturerModelName": 0x0008_1090,
    "PatientID": 0x0010_0020,
    "PatientSex": 0x0010_0040,
    "PatientAge": 0x0010_1010,
    "BodyPartExamined": 0x0018_0015,
    "SliceThickness": 0x0018_0050,
    "ProtocolName": 0x0018_1030,
    "PatientPosition": 0x0018_5100,
    "ViewPosition": 0x0018_5101,
    "StudyInstanceUID": 0x0020_000D,
    "SeriesInstanceUID": 0x0020_000E,
    "SeriesNumber": 0x0020_0011,
    "InstanceNumber": 0x0020_0013,
    "PatientOrientation": 0x0020_0020,
    "Laterality": 0x0020_0060,
    "SliceLocation": 0x0020_1041,
    "ImageComments": 0x0020_4000,
    "SamplesPerPixel": 0x0028_0002,
    "PhotometricInterpretation": 0x0028_0004,
    "NumberOfFrames": 0x0028_0008,
    "Rows": 0x0028_0010,
    "Columns": 0x0028_0011,
    "PixelSpacing": 0x0028_0030,
    "BitsAllocated": 0x0028_0100,
    "BitsStored": 0x0028_0101,
}
_NUMBERS = {"SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored"}  # of VR US
_CHARACTER_SETS = 0x0008_0005
_WANTED = {*_TAGS.values(), _CHARACTER_SETS}
PREAMBLE = "preamble"  # a cell of our own: `missing` where a file begins with its data set
_MOST = 1 << 21  # bytes of a header; real ones end within the first 256 kB


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for a file; if it cannot be read, one with the cell `error`.

    Raises:
        UsageError: pydicom is not installed.
    """
    del table
    try:
        import_module("pydicom")  # for texts in other character sets
    except ImportError as error:
        raise UsageError(
            "DICOM headers need the package pydicom", hint="pip install 'covcat[dicom]'"
        ) from error
    yield _read_row(path, file)


def _read_row(path: str, file: Path) -> Row:
    with open_bytes(file, _MOST) as data:
        begin = find_elements(data.some(0, 132))
        if begin is None:
            return Row({"error": "no DICOM file"}, path)
        too_long = Row({"error": f"a header of more than {_MOST} bytes"}, path, path)
        try:
            elements, order, _ = read_elements(data, begin, _WANTED, _MOST)
            cells = _cells(elements, order)
        except Deflated:
            return Row({"error": "a deflated DICOM file: not supported"}, path, path)
        except OverflowError:
            return too_long
        except OSError:
            raise
        except Exception as error:  # pydicom names none for character sets
            if data.is_spent:
                return too_long
            return Row({"error": f"a damaged header: {error}"}, path, path if begin else None)
    if not cells:
        return Row({"error": "no data set after the file's own header"}, path, path)
    if not begin:
        cells[PREAMBLE] = "missing"
    return Row(cells, path, path if "Rows" in cells else None)


def _cells(elements: Mapping[int, bytes], order: str) -> dict[str, str]:
    character_sets = _plain(elements.get(_CHARACTER_SETS, b"")).split("\\")
    cells = {}
    for keyword, tag in _TAGS.items():
        if (value := elements.get(tag)) is None:
            continue
        if keyword in _NUMBERS:  # unsigned shorts, several as DICOM joins them
            numbers = struct.unpack(f"{order}{len(value) // 2}H", value)
            cells[keyword] = "\\".join(map(str, numbers))
        else:
            cells[keyword] = _text(value, character_sets)
    return cells


def _text(value: bytes, character_sets: list[str]) -> str:
    """Return a value without its padding."""
    if value.isascii() and b"\x1b" not in value:
        return _plain(value)
    charset = import_module("pydicom.charset")
    with warnings.catch_warnings(action="ignore"):
        encodings = charset.convert_encodings(character_sets)
        text = str(charset.decode_bytes(value.rstrip(b"\0 "), encodings, set()))
    return _plain(value) if "\ufffd" in text else text


def _plain(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("latin-1")
