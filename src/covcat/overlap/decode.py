"""A file -> its pictures in grey, 8 bits: one, or one for each slice, page or frame.

As they are shown: turned as a camera's Exif says, palettes and CMYK resolved, what is transparent
as if it were not. Of an animated GIF or WebP only the first frame is taken, of a clip a few that
are spread over it. What a file is, its content says. Nothing is decoded that declares too many
pixels.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from covcat.files import opened
from covcat.imaging.sizes import Size, read_size
from covcat.overlap.dicom_pixels import dicom_frames
from covcat.overlap.features import Grey
from covcat.overlap.nifti_voxels import nifti_slices
from covcat.overlap.opencv import MOST_PIXELS, opencv
from covcat.overlap.pairs import NoPicture
from covcat.overlap.windows import to_grey

_MOST_BYTES = 1 << 29  # of a file that is read into memory
_MOST_PAGES = 2_000
FRAMES = 8  # of a clip, that are compared
_MOST_FRAMES = 3_000  # that are gone through: two minutes of ultrasound
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND"}  # what a whole file has near its end
_SCAN = b"\xff\xda"


def frames(path: Path) -> Iterator[tuple[int, Grey]]:
    """Give number, from 0, and pixels of each picture of a file.

    Raises:
        NoPicture: it has none that can be compared; also in the middle, where it is damaged.
        OSError: the disk fails.
    """
    size = read_size(path)
    if size is None:
        raise NoPicture("no picture, or its header is damaged")
    if size.width * size.height > MOST_PIXELS:
        raise NoPicture(
            f"declares {size.width:,} x {size.height:,} pixels, more than {MOST_PIXELS:,} are not"
            " decoded"
        )
    yield from _BY_FORMAT.get(size.format, _stills)(path, size)


def first_shown(size: Size) -> int:
    """Return which of its pictures, from 0, stands for a file: of a volume the middle slice."""
    return (size.slices or 1) // 2 if size.format in ("nifti", "dicom") else 0


def _stills(path: Path, size: Size) -> Iterator[tuple[int, Grey]]:
    with opened(path) as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise NoPicture(f"a picture of more than {_MOST_BYTES >> 20} MiB")
    _check_whole(data, size)
    cv2, buffer = opencv(), np.frombuffer(data, np.uint8)
    if size.format == "tiff" and size.slices is None:
        yield from _pages(buffer)
        return
    try:
        values = cv2.imdecode(buffer, cv2.IMREAD_ANYDEPTH)  # grey, as deep as it is
    except cv2.error as error:
        raise NoPicture(f"OpenCV cannot decode it: {error.err or error}") from error
    if values is None:
        what = "damaged, or" if size.format in _ENDS else "cut, damaged, or"
        raise NoPicture(f"{what} of a kind of {size.format} that OpenCV does not decode")
    yield 0, to_grey(values)


def _check_whole(data: bytes, size: Size) -> None:
    """Refuse what is cut: some versions of OpenCV decode the first half, and leave grey below."""
    end = _ENDS.get(size.format)
    begin = _after_segments(data) if size.format == "jpeg" else 0
    if end and data.find(end, begin) < 0:
        raise NoPicture(f"cut: the end of the {size.format} is missing")


def _after_segments(data: bytes) -> int:
    """Return where the scan of a JPEG begins: a thumbnail in a segment before has its own end."""
    place = max(data.find(b"\xff\xd8\xff"), 0) + 2
    while data[place : place + 1] == b"\xff" and data[place : place + 2] != _SCAN:
        place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
    return place


def _pages(buffer: np.ndarray) -> Iterator[tuple[int, Grey]]:
    """Give the pages of a TIFF, one at a time."""
    cv2 = opencv()
    for number in range(_MOST_PAGES):
        try:
            good, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_ANYDEPTH, range=(number, number + 1))
        except cv2.error:
            good, pages = False, ()
        if not good or not pages:
            break
        yield number, to_grey(pages[0])
    else:
        raise NoPicture(f"more than {_MOST_PAGES:,} pages")
    if number == 0:
        raise NoPicture("cut, damaged, or of a kind of tiff that OpenCV does not decode")


def _frames_of_clip(path: Path, size: Size) -> Iterator[tuple[int, Grey]]:
    """Give the number and pixels of frames, by OpenCV's FFmpeg, where it is built with it."""
    cv2 = opencv()
    clip = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    try:
        if not clip.isOpened():
            raise NoPicture(f"a clip ({size.format}) that OpenCV does not decode")
        count = min(max(int(clip.get(cv2.CAP_PROP_FRAME_COUNT)), 1), _MOST_FRAMES)
        wanted = {round((part + 0.5) * count / FRAMES - 0.5) for part in range(FRAMES)}
        given = 0
        for number in range(max(wanted) + 1):
            if not clip.grab():  # the header promised more, or it is cut
                break
            if number in wanted:
                good, picture = clip.retrieve()
                if good and picture is not None:
                    given += 1
                    yield number, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        if not given:
            raise NoPicture(f"a clip ({size.format}) of which no frame can be decoded")
    finally:
        clip.release()


_BY_FORMAT: dict[str, Callable[[Path, Size], Iterator[tuple[int, Grey]]]] = {
    "dicom": dicom_frames,
    "nifti": nifti_slices,
    **dict.fromkeys(("mp4", "mov", "avi", "mpeg"), _frames_of_clip),
}
