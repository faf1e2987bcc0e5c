"""Headers of DICOM files, which in many sets lack `.dcm`.

Of the top level of a header (PS3.5, 7.1) is read what the image index can use, as it is written
there; no pixel is read.
"""

import struct
import warnings
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row
from covcat.errors import UsageError
from covcat.imaging.readers.file_bytes import FileBytes, open_bytes

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
_SYNTAX = 0x0002_0010
_BIG_ENDIAN, _DEFLATED = b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99"
_LONGEST_FIRST = 1 << 10  # bytes of the first value of a data set: a name of characters, an id
_UNKNOWN = 0xFFFF_FFFF  # a length that only the end of the value says
_ENDS = (0xFFFE_E00D, 0xFFFE_E0DD)
_LONG = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


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


class Deflated(ValueError):  # noqa: N818 -- no fault
    """The data set is packed, and to unpack it all may take any amount of memory."""


def find_elements(head: bytes) -> int | None:
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
        is_explicit = _has_kind(kind) and short <= _LONGEST_FIRST
        if group in (2, 8) and (is_explicit or (order == "<" and length <= _LONGEST_FIRST)):
            return 0
    return None


def read_elements(
    data: FileBytes, begin: int, wanted: Collection[int], most: int | None = None
) -> tuple[dict[int, bytes], str, bool]:
    """Return the values of elements, their byte order, and if more follows after the last of them.

    Raises:
        Deflated: the data set is packed.
        OverflowError: the header is longer than `most` bytes.
        EOFError: it is cut, or too much would have to be read.
        struct.error: it is damaged.
    """
    data.ahead = 1 << 12
    order = ">" if not begin and data.head[:1] == b"\0" else "<"
    last, found = max(wanted), dict[int, bytes]()
    place: int | None = begin
    if order == "<":  # the file's own elements come first, and say how the data set is written
        place, syntax = None, b""
        for tag, at, value, length in _walk(data, begin, "<"):
            if tag > 0x0002_FFFF:
                place = at
                break
            if tag == _SYNTAX:
                syntax = data.at(value, min(length, 64)).rstrip(b"\0 ")
        if syntax == _DEFLATED:
            raise Deflated
        order = ">" if syntax == _BIG_ENDIAN else "<"
    for tag, at, value, length in _walk(data, place, order) if place is not None else ():
        if most is not None and at > most:
            raise OverflowError(most)
        if tag > last:
            return found, order, True
        if tag in wanted and length != _UNKNOWN:
            found[tag] = data.at(value, length)
    return found, order, False


def _walk(data: FileBytes, place: int, order: str) -> Iterator[tuple[int, int, int, int]]:
    """Give tag, place, place of the value and length of every element at the top level."""
    is_explicit, depth = _has_kind(data.some(place + 4, 2)), 0  # whatever the file calls itself
    while len(data.some(place, 8)) == 8:
        head, value = data.at(place, 8), place + 8
        group, element, kind, length = struct.unpack(f"{order}HH2sH", head)
        tag = group << 16 | element
        if not is_explicit or group == 0xFFFE or not _has_kind(kind):  # some sequences are implicit
            (length,) = struct.unpack(f"{order}L", head[4:])
        elif kind in _LONG:
            (length,) = struct.unpack(f"{order}L", data.at(value, 4))
            value += 4
        if tag in _ENDS:
            depth, place = depth - 1, value
            continue
        if not depth:
            yield tag, place, value, length
        if length == _UNKNOWN:  # a sequence, or an item of one
            depth, place = depth + 1, value
        else:
            place = value + length
    if depth or place > data.size or data.is_spent:
        raise EOFError("it is cut")


def _has_kind(letters: bytes) -> bool:
    return letters.isalpha() and letters.isupper()
