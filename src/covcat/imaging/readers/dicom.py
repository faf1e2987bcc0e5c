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

_KEYWORDS = (  # of PS3.6, from its first group to its last
    *("ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate", "AcquisitionDate"),
    *("ContentDate", "Modality", "Manufacturer", "InstitutionName", "StudyDescription"),
    *("SeriesDescription", "ManufacturerModelName", "PatientID", "PatientSex", "PatientAge"),
    *("BodyPartExamined", "SliceThickness", "ProtocolName", "PatientPosition", "ViewPosition"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"),
    *("PatientOrientation", "ImagePositionPatient", "ImageOrientationPatient", "Laterality"),
    *("SliceLocation", "ImageComments", "SamplesPerPixel"),
    *("PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing"),
    *("BitsAllocated", "BitsStored"),
)
_NUMBERS = {"SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored"}  # of VR US
_CHARACTER_SETS = 0x0008_0005
PREAMBLE = "preamble"  # a cell of our own: `missing` where a file begins with its data set
_MOST = 1 << 21  # bytes of a header; real ones end within the first 256 kB


def read_rows(path: str, file: Path, table: LabelTable) -> Iterator[Row]:
    """Give a row for a file; if it cannot be read, one with the cell `error`."""
    del table
    try:
        known = import_module("pydicom").datadict.keyword_dict
    except ImportError as error:
        raise UsageError(
            "DICOM headers need the package pydicom", hint="pip install 'covcat[dicom]'"
        ) from error
    yield _read_row(path, file, {keyword: known[keyword] for keyword in _KEYWORDS})


def _read_row(path: str, file: Path, tags: Mapping[str, int]) -> Row:
    wanted = {*tags.values(), _CHARACTER_SETS}
    with open_bytes(file, _MOST) as data:
        begin = find_elements(data.some(0, 132))
        if begin is None:
            return Row({"error": "no DICOM file"}, path)
        too_long = Row({"error": f"a header of more than {_MOST} bytes"}, path, path)
        try:
            elements, order, _ = read_elements(data, begin, wanted, _MOST)
            cells = _cells(tags, elements, order)
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


def _cells(tags: Mapping[str, int], elements: Mapping[int, bytes], order: str) -> dict[str, str]:
    character_sets = _unpad(elements.get(_CHARACTER_SETS, b"")).split("\\")
    cells = {}
    for keyword, tag in tags.items():
        if (value := elements.get(tag)) is None:
            continue
        if keyword in _NUMBERS:  # unsigned shorts, several as DICOM joins them
            numbers = struct.unpack(f"{order}{len(value) // 2}H", value)
            cells[keyword] = "\\".join(map(str, numbers))
        elif value.isascii() and b"\x1b" not in value:
            cells[keyword] = _unpad(value)
        else:
            charset = import_module("pydicom.charset")
            with warnings.catch_warnings(action="ignore"):
                encodings = charset.convert_encodings(character_sets)
                text = str(charset.decode_bytes(value.rstrip(b"\0 "), encodings, set()))
            cells[keyword] = _unpad(value) if "\ufffd" in text else text
    return cells


def _unpad(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("latin-1")
