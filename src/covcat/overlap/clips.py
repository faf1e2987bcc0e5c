"""A clip -> a few of its frames, spread over it."""

from collections.abc import Iterator
from pathlib import Path

from covcat.imaging.sizes import Size
from covcat.overlap.features import Grey
from covcat.overlap.opencv import opencv
from covcat.overlap.reasons import NoPicture

FRAMES = 8  # of a clip, that are compared
_MOST_FRAMES = 3_000  # that are gone through: two minutes of ultrasound


def clip_frames(path: Path, size: Size) -> Iterator[tuple[int, Grey]]:
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
