"""OpenCV, which comes with the extra `overlap`."""

import os
from functools import cache
from importlib import import_module
from typing import Any

from covcat.errors import UsageError

MOST_PIXELS = 100_000_000  # that a picture may declare


@cache
def opencv() -> Any:
    """Return the module `cv2`, quiet and on one thread: the work is shared out by pictures.

    Raises:
        UsageError: it is not installed.
    """
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)  # is read when it is loaded
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        cv2: Any = import_module("cv2")
    except ImportError as error:
        raise UsageError(
            "to decode pictures needs the package opencv-python-headless",
            hint="pip install 'covcat[overlap]'",
        ) from error
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
