"""Headers of DICOM files, read by pydicom; the files of a set often lack `.dcm`.

No pixel is read, and of a header only what the image index can use, as it is written there.
"""

import io
import struct
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import UsageError
from covcat.imaging.readers.base import Source

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
_LAST = max(_TAGS.values())
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_LONGEST_FIRST = 1 << 10  # bytes of the first value of a data set: a name of characters, an id
PREAMBLE = "preamble"  # a cell of our own: `missing` where a file begins with its data set
# Bytes in which the header is looked for, one after another. Real ones end within the first two;
# of items without anything in them pydicom makes 90 times what they take in the file.
_READ = (1 << 14, 1 << 18, 1 << 21)


def rows(table: LabelTable, source: Source) -> Iterator[Row]:
    """Give a row for every file; of one that cannot be read, a row with the cell `error`.

    Raises:
        UsageError: pydicom is not installed.
    """
    library = _pydicom()
    for path in source.matching(table.path):
        yield _row(library, path, source.folder / path)


def _pydicom() -> Any:
    try:
        return import_module("pydicom")
    except ImportError as error:
        raise UsageError(
            "DICOM headers need the package pydicom", hint="pip install 'covcat[dicom]'"
        ) from error


def _row(library: Any, path: str, file: Path) -> Row:
    with file.open("rb", buffering=0) as stream:
        head = stream.read(_READ[0])
        begin = data_set_at(head)
        if begin is None:
            return Row({"error": "no DICOM file"}, path)
        if _DEFLATED in head[:1024]:  # pydicom would unpack all of it, however large
            return Row({"error": "a deflated DICOM file: not supported"}, path, path)
        for size in _READ:
            head += stream.read(size - len(head)) or b""
            try:
                cells = _cells(*_elements(library, head))
            except Exception as error:  # pydicom names none for damage: struct's, its own and more
                if len(head) < size:
                    return Row(
                        {"error": f"a damaged header: {error}"}, path, path if begin else None
                    )
                continue  # it may only be cut
            if not cells:
                return Row({"error": "no data set after the file's own header"}, path, path)
            if not begin:
                cells[PREAMBLE] = "missing"
            return Row(cells, path, path if "Rows" in cells else None)
    return Row({"error": f"a header of more than {_READ[-1]} bytes"}, path, path)


def data_set_at(head: bytes) -> int | None:
    """Return where a DICOM file's elements begin; None if these are not its first bytes.

    That is after 128 bytes and `DICM` (PS3.10, 7.1), or at once: older systems, and exports of
    archives, write the bare data set, which begins with an element of the groups 2 or 8.
    """
    if head[128:132] == b"DICM":
        return 132
    if len(head) < 8:
        return None
    for order in "<>":
        group, _, kind, short = struct.unpack(f"{order}HH2sH", head[:8])
        (length,) = struct.unpack(f"{order}L", head[4:8])
        is_explicit = kind.isalpha() and kind.isupper() and short <= _LONGEST_FIRST
        if group in (2, 8) and (is_explicit or (order == "<" and length <= _LONGEST_FIRST)):
            return 0
    return None


def _elements(library: Any, head: bytes) -> tuple[dict[int, Any], list[str]]:
    """Return the elements of _TAGS, raw, and the names of their character sets.

    Raises:
        ValueError: these bytes end before the header does.
        Exception: any other, where they are damaged.
    """
    buffer, after = io.BytesIO(head), list[int]()

    def is_after(tag: int, vr: str | None, length: int) -> bool:
        del vr, length
        after[:] = [tag] if tag > _LAST else []
        return bool(after)

    with warnings.catch_warnings(action="ignore"):  # on how the header is written
        found = library.filereader.read_partial(
            buffer, is_after, force=True, specific_tags=[*_TAGS.values()]
        )
        named = found.get("SpecificCharacterSet") or ""
    elements = {int(one.tag): one for one in found.values() if getattr(one, "is_raw", False)}
    is_cut = buffer.tell() > len(head) or any(
        len(one.value or b"") < one.length for one in elements.values()
    )
    if is_cut or (not after and len(head) in _READ):
        raise ValueError("it is cut")
    return elements, [named] if isinstance(named, str) else [*named]


def _cells(elements: Mapping[int, Any], character_sets: list[str]) -> dict[str, str]:
    return {
        keyword: _numbers(one) if keyword in _NUMBERS else _text(one.value or b"", character_sets)
        for keyword, tag in _TAGS.items()
        if (one := elements.get(tag))
    }


def _numbers(element: Any) -> str:
    """Return unsigned shorts, several as DICOM joins them."""
    order, count = "<" if element.is_little_endian else ">", element.length // 2
    return "\\".join(map(str, struct.unpack(f"{order}{count}H", element.value or b"")))


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
