"""The top level of a DICOM header (PS3.5, 7.1), element by element; no pixel is read."""

import struct
from collections.abc import Collection, Iterator

from covcat.imaging.readers.file_bytes import FileBytes

_SYNTAX = 0x0002_0010
_BIG_ENDIAN, _DEFLATED = b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99"
_LONGEST_FIRST = 1 << 10  # bytes of the first value of a data set: a name of characters, an id
_UNKNOWN = 0xFFFF_FFFF  # a length that only the end of the value says
_ENDS = (0xFFFE_E00D, 0xFFFE_E0DD)
_LONG = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


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
