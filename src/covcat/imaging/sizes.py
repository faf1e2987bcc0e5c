"""Width, height and depth of a picture from the first bytes of its file; nothing is decoded.

What a file is, its content says, never its name: 17 `.jpg` of Cohen's collection are PNG, 34 `.png`
of COVID-CT are JPEG, 8 `.avi` of POCUS are MP4.
"""

import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from struct import error as StructError  # noqa: N812 (a class, whatever it is called)
from struct import unpack

from covcat.imaging.readers import dicom, nifti
from covcat.imaging.readers.file_bytes import FileBytes, open_bytes

_LARGEST = 2**31 - 1  # pixels of one axis
SUFFIXES = (  # of files whose pixels are known here, or that are damaged
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".tif", ".tiff", ".bmp", ".webp"),
    *(".nii", ".nii.gz", ".dcm", ".dicom"),
)
_DAMAGED = (OSError, EOFError, ValueError, OverflowError, LookupError, StructError, zlib.error)


@dataclass(frozen=True, slots=True)
class Size:
    """What a picture's header says of its pixels."""

    width: int
    height: int
    slices: int | None  # of a volume its third axis; of a film 1
    bits: int | None  # per pixel and channel, as stored
    format: str  # png, jpeg, gif, bmp, tiff, webp, nifti, dicom, mp4, mov, avi, mpeg


def read_size(path: str | os.PathLike[str]) -> Size | None:
    """Return the size of a picture; None for what is none, is damaged, cut or not here."""
    with suppress(OSError, ValueError), open_bytes(path) as data:
        first = _BY_START.get(data.head[:2])
        for read in (first, *_OTHERS) if first else _OTHERS:
            with suppress(*_DAMAGED):
                if (size := read(data)) is None:
                    continue
                axes = (size.width, size.height, 1 if size.slices is None else size.slices)
                if min(axes) > 0 and max(axes) <= _LARGEST:
                    return size
    return None


def _png(data: FileBytes) -> Size | None:
    if data.head[:8] != b"\x89PNG\r\n\x1a\n" or data.head[12:16] != b"IHDR":
        return None
    width, height, bits = unpack(">LLB", data.head[16:25])
    return Size(width, height, 1, bits, "png")


def _jpeg(data: FileBytes, place: int = 0) -> Size | None:
    """Walk from marker to marker, past metadata of any length, to the frame's header."""
    place += 2
    for _ in range(10_000):
        mark = data.at(place, 2)
        if mark[0] != 0xFF or mark[1] in (0x00, 0xFF):  # junk or filling, which decoders skip
            place = data.find(b"\xff", place + 1)
        elif mark[1] in _FRAMES:
            bits, height, width = unpack(">BHH", data.at(place + 4, 5))
            return Size(width, height, 1, bits, "jpeg")
        elif mark[1] in (0xD9, 0xDA):  # the end, the scan: both come after the frame's header
            return None
        elif mark[1] in _ALONE:
            place += 2
        else:
            (length,) = unpack(">H", data.at(place + 2, 2))
            if length < 2:
                return None
            place += 2 + length
    return None


_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOFn, without DHT, JPG, DAC; JPEG-LS
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def _late_jpeg(data: FileBytes) -> Size | None:
    """A JPEG after some bytes of junk; in anything else it is a thumbnail or a frame."""
    place = data.head.find(b"\xff\xd8\xff", 1)
    is_inside = data.head[:2] in _BY_START or data.head[4:8] in _FIRST_BOXES
    return _jpeg(data, place) if place > 0 and not is_inside else None


def _gif(data: FileBytes) -> Size | None:
    if data.head[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    width, height, flags = unpack("<HHB", data.head[6:11])
    bits = (flags & 7) + 1 if flags & 0x80 else None  # of the table that all frames share
    return Size(width, height, None, bits, "gif")  # how many frames, only its end says


def _bmp(data: FileBytes) -> Size | None:
    (size,) = unpack("<L", data.head[14:18])
    if data.head[:2] != b"BM" or size not in (12, 40, 52, 56, 64, 108, 124):
        return None
    form, end = ("<HHHH", 26) if size == 12 else ("<llHH", 30)
    width, height, planes, bits = unpack(form, data.head[18:end])
    if planes != 1:
        return None
    bits = {1: 1, 2: 2, 4: 4, 8: 8, 24: 8, 32: 8}.get(bits)
    return Size(width, abs(height), 1, bits, "bmp")  # a negative height: from the top down


def _tiff(data: FileBytes) -> Size | None:
    """Read the first directory; a picture may follow in another one."""
    order = "<" if data.head[:2] == b"II" else ">"
    (version,) = unpack(f"{order}H", data.head[2:4])
    if version not in (42, 43):
        return None
    many, offset, size, wide = ("H", "L", 2, 4) if version == 42 else ("Q", "Q", 8, 8)  # BigTIFF
    (place,) = unpack(order + offset, data.head[wide : 2 * wide])
    (count,) = unpack(order + many, data.at(place, size))
    place += size
    found = {256: 0, 257: 0, 258: 1}  # width, height, bits, with their defaults
    for number in range(min(count, 4096)):
        entry = data.at(place + number * (4 + 2 * wide), 4 + 2 * wide)
        tag, kind, length = unpack(f"{order}HH{offset}", entry[: 4 + wide])
        if tag in found and kind in _INTEGERS:
            form, bytes_each = _INTEGERS[kind]
            value = entry[4 + wide :]
            if length * bytes_each > wide:  # the values do not fit here: this is where they are
                value = data.at(unpack(order + offset, value)[0], bytes_each)
            (found[tag],) = unpack(order + form, value[:bytes_each])
    (following,) = unpack(order + offset, data.at(place + count * (4 + 2 * wide), wide))
    return Size(found[256], found[257], None if following else 1, found[258], "tiff")


_INTEGERS = {3: ("H", 2), 4: ("L", 4), 16: ("Q", 8)}  # of TIFF's kinds: SHORT, LONG, LONG8


def _riff(data: FileBytes) -> Size | None:
    kind = data.head[8:16]
    if kind == b"AVI LIST" and data.head[20:28] == b"hdrlavih":
        frames, *_, width, height = unpack("<6L", data.at(48, 24))
        return Size(width, height, frames or None, None, "avi")
    if kind == b"WEBPVP8 " and data.head[23:26] == b"\x9d\x01\x2a":
        width, height = unpack("<HH", data.head[26:30])
        return Size(width & 0x3FFF, height & 0x3FFF, 1, 8, "webp")
    if kind == b"WEBPVP8L" and data.head[20] == 0x2F:
        (both,) = unpack("<L", data.head[21:25])
        return Size((both & 0x3FFF) + 1, (both >> 14 & 0x3FFF) + 1, 1, 8, "webp")
    if kind == b"WEBPVP8X":
        width, height = (int.from_bytes(data.at(at, 3), "little") + 1 for at in (24, 27))
        return Size(width, height, None if data.head[20] & 2 else 1, 8, "webp")  # 2: animated
    return None


def _mp4(data: FileBytes) -> Size | None:
    """MP4 and QuickTime: the first track that is shown."""
    if data.head[4:8] not in _FIRST_BOXES:
        return None
    found = _track(data, 0, _LARGEST**2, 0)
    is_mp4 = data.head[4:8] == b"ftyp" and data.head[8:12] != b"qt  "
    return Size(*found, None, None, "mp4" if is_mp4 else "mov") if found else None


_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}
_BOXES = (b"moov", b"trak", b"tkhd")  # each within the one before


def _track(data: FileBytes, place: int, end: int, depth: int) -> tuple[int, int] | None:
    while place + 8 <= end:
        size, name = unpack(">L4s", data.at(place, 8))
        inside = place + 8
        if size == 1:
            (size,) = unpack(">Q", data.at(inside, 8))
            inside += 8
        after = min(place + size if size else end, end)
        if after < inside:
            return None
        if name == _BOXES[depth]:
            if depth == 2:
                width, height = unpack(">LL", data.at(after - 8, 8))
                return (width >> 16, height >> 16) if width and height else None  # sound has none
            if found := _track(data, inside, after, depth + 1):
                return found
        place = after
    return None


def _mpeg(data: FileBytes) -> Size | None:
    if data.head[:4] not in (b"\0\0\1\xba", b"\0\0\1\xb3"):
        return None
    data.ahead = 1 << 14
    place = data.find(b"\0\0\1\xb3", 0)
    both = int.from_bytes(data.at(place + 4, 3), "big")
    return Size(both >> 12, both & 0xFFF, None, None, "mpeg")


def _nifti(data: FileBytes) -> Size | None:
    if (found := nifti.read_header(data)) is None:
        return None
    width, height, slices = (*found.dim, 1, 1)[:3]
    return Size(width, height, slices, found.bits or None, "nifti")


def _dicom(data: FileBytes) -> Size | None:
    begin = dicom.find_elements(data.some(0, 132))
    if begin is None:
        return None
    found, order, goes_on = dicom.read_elements(data, begin, _DICOM)
    if not goes_on:  # to the pixels: it is cut
        return None
    numbers = {tag: unpack(f"{order}H", found[tag])[0] for tag in _DICOM[1:] if tag in found}
    frames = int(found.get(_DICOM[0], b"").strip(b"\0 ") or 1)
    _, rows, columns, bits = _DICOM
    return Size(numbers[columns], numbers[rows], frames, numbers.get(bits), "dicom")


_DICOM = (0x0028_0008, 0x0028_0010, 0x0028_0011, 0x0028_0101)  # frames, rows, columns, BitsStored


_Read = Callable[[FileBytes], Size | None]
_BY_START: dict[bytes, _Read] = {
    b"\x89P": _png,
    b"\xff\xd8": _jpeg,
    b"GI": _gif,
    b"BM": _bmp,
    b"II": _tiff,
    b"MM": _tiff,
    b"RI": _riff,
    **{start[:2]: _nifti for start in nifti.STARTS},
    b"\x1f\x8b": _nifti,
}
_OTHERS: tuple[_Read, ...] = (_mp4, _mpeg, _dicom, _late_jpeg)
