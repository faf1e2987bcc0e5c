"""Files -> small pictures that a page holds, decoded by the one decoder, on all cores."""

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from covcat import engine
from covcat.engine import Died, Task
from covcat.imaging.sizes import read_size
from covcat.overlap.decode import first_shown, frames
from covcat.overlap.describing import silence_decoders
from covcat.overlap.opencv import opencv
from covcat.overlap.pairs import NoPicture
from covcat.progress import Progress

SIDE = 160  # pixels of the longer side
_QUALITY = 50  # of WebP: 2 to 3 kB for a film
MEDIA_TYPE = "image/webp"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of a file, as WebP."""

    data: bytes
    width: int
    height: int
    slice: int | None  # of a volume: which of its slices, from 1


def make_thumbnails(
    files: Iterable[tuple[Path, int]], progress: Progress
) -> dict[Path, Thumbnail | str]:
    """Return a small picture of each file, or why there is none; a file comes with its bytes.

    Of a volume the middle slice is taken, of a clip, and what has pages, the first that is decoded.
    """
    tasks = [Task(str(path), size, str(path)) for path, size in dict(files).items()]
    found: dict[Path, Thumbnail | str] = {}
    with closing(engine.run(make_thumbnail, tasks, progress, "pictures")) as batches:
        for batch in batches:
            for task, result in batch:
                died = f"its decoder died ({result.cause})" if isinstance(result, Died) else None
                found[Path(task.key)] = died or result
    return found


def make_thumbnail(name: str) -> Thumbnail | str:
    """Return a small picture of one file, or why there is none: the engine's work."""
    silence_decoders()
    path = Path(name)
    try:
        if (size := read_size(path)) is None:
            return "no picture, or its header is damaged"
        wanted = first_shown(size)
        for _, grey in islice(frames(path), wanted, None):
            is_one = size.format not in ("nifti", "dicom") or (size.slices or 1) == 1
            return _shrunk(grey, None if is_one else wanted + 1)
    except NoPicture as error:
        return str(error)
    except MemoryError:
        return "takes more memory than there is"
    except OSError as error:
        return f"cannot be read: {os.strerror(error.errno or 0)}"
    return "has no such slice"


def _shrunk(grey: Any, slice: int | None) -> Thumbnail:
    cv2 = opencv()
    height, width = grey.shape
    scale = min(1.0, SIDE / max(height, width))
    sides = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(grey, sides, interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    assert good
    return Thumbnail(data.tobytes(), *sides, slice)
