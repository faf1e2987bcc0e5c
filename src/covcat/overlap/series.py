"""Pictures of one series, or of one file: slices of one body, never the same picture.

Neighbours may agree as well as copies do. DICOM says whose slice a file is: SeriesInstanceUID.
"""

import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from covcat.imaging.readers.dicom import Deflated, find_elements, read_elements
from covcat.imaging.readers.file_bytes import open_bytes
from covcat.overlap.describing import DescribedSet
from covcat.overlap.pairs import Picture

_SERIES, _INSTANCE = 0x0020_000E, 0x0008_0018
_MOST = 1 << 21  # bytes of a header

_Slice = tuple[str, int]  # an instance of DICOM, or a file, and the frame of it


class SeriesOfPictures:
    """Knows of which series the pictures of some sets are; each file is read once."""

    def __init__(self, sets: Iterable[DescribedSet]) -> None:
        self._sets = {one.set.name: one for one in sets}
        self._known: dict[str, tuple[str, str]] = {}  # series and instance, by sha256

    def parts(self, a: Iterable[Picture], b: Iterable[Picture]) -> bool:
        """Tell if copies of two pictures are two slices of one series, or two frames of a file.

        One slice that lies there twice, such as compressed anew, is one.
        """
        ours, theirs = self._slices(a), self._slices(b)
        return any(ours[one].isdisjoint(theirs[one]) for one in ours.keys() & theirs.keys())

    def _slices(self, pictures: Iterable[Picture]) -> dict[str, set[_Slice]]:
        found: dict[str, set[_Slice]] = {}
        for one in pictures:
            if one.sha256 not in self._known:
                self._known[one.sha256] = series_of(self._sets[one.set].file(one))
            series, instance = self._known[one.sha256]
            key = (instance or one.sha256, one.frame)
            found.setdefault(series or one.sha256, set()).add(key)
        return found


def series_of(file: Path) -> tuple[str, str]:
    """Return which series and instance a DICOM file says it is of; "" where it does not say."""
    damage = (OSError, EOFError, OverflowError, Deflated, struct.error, ValueError)
    with suppress(*damage), open_bytes(file, _MOST) as data:
        begin = find_elements(data.some(0, 132))
        if begin is not None:
            wanted = (_SERIES, _INSTANCE)
            elements, _, _ = read_elements(data, begin, wanted, _MOST)
            values = (elements.get(one, b"").rstrip(b"\0 ").decode("latin-1") for one in wanted)
            return next(values), next(values)
    return "", ""
