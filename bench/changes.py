"""Changes of pictures, and pictures that are made: what bench/overlap.py measures with."""

from collections.abc import Callable

import numpy as np

from covcat.overlap.features import Grey
from covcat.overlap.opencv import opencv

cv2 = opencv()


def jpeg(grey: Grey, quality: int) -> Grey:
    """Return it as JPEG leaves it."""
    data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def gamma(grey: Grey, by: float) -> Grey:
    """Return it with other tones."""
    return cv2.LUT(grey, np.round(255 * (np.arange(256) / 255) ** by).astype(np.uint8))


def sized(grey: Grey, width: int, height: int) -> Grey:
    """Return it in another size."""
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)


def window(grey: Grey) -> Grey:
    """Return it with a tenth of its tones cut off at each end."""
    low, high = np.percentile(grey, (10, 90))
    return np.clip((grey - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)


def clahe(grey: Grey) -> Grey:
    """Return it evened out locally."""
    return cv2.createCLAHE(2.0, (8, 8)).apply(grey)


def lettered(grey: Grey) -> Grey:
    """Return it with what a viewer burns in."""
    written, (height, width) = grey.copy(), grey.shape
    texts = (
        (0.03, 0.06, "PORTABLE"),
        (0.7, 0.06, "L"),
        (0.03, 0.95, "AP 12:33"),
        (0.6, 0.95, "ID 3"),
    )
    for x, y, text in texts:
        at, size = (int(x * width), int(y * height)), width / 500
        cv2.putText(written, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, max(1, int(2 * size)))
    return written


def cropped(grey: Grey, left: float, top: float, right: float, bottom: float) -> Grey:
    """Return it without these shares of its sides."""
    height, width = grey.shape
    rows = slice(int(height * top), height - int(height * bottom))
    return np.ascontiguousarray(grey[rows, int(width * left) : width - int(width * right)])


def bordered(grey: Grey) -> Grey:
    """Return it with black around it."""
    height, width = grey.shape
    sides = (height // 10, height // 10, width // 6, width // 6)
    return cv2.copyMakeBorder(grey, *sides, cv2.BORDER_CONSTANT, value=0)


def turned(grey: Grey, angle: float) -> Grey:
    """Return it turned within its frame."""
    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    return cv2.warpAffine(grey, matrix, (width, height))


def mirrored(grey: Grey) -> Grey:
    """Return it from right to left."""
    return np.ascontiguousarray(grey[:, ::-1])


def half(grey: Grey) -> Grey:
    """Return it in half its size."""
    return sized(grey, grey.shape[1] // 2, grey.shape[0] // 2)


CHANGES: dict[str, Callable[[Grey], Grey]] = {
    "JPEG q75": lambda one: jpeg(one, 75),
    "JPEG q30": lambda one: jpeg(one, 30),
    "half size": half,
    "224 x 224": lambda one: sized(one, 224, 224),
    "299 x 299 JPEG": lambda one: jpeg(sized(one, 299, 299), 75),
    "gamma 0.6": lambda one: gamma(one, 0.6),
    "gamma 1.7": lambda one: gamma(one, 1.7),
    "window": window,
    "equalise": cv2.equalizeHist,
    "CLAHE": clahe,
    "invert": lambda one: 255 - one,
    "burned text": lettered,
    "crop 5 % a side": lambda one: cropped(one, 0.05, 0.05, 0.05, 0.05),
    "crop 15 % a side": lambda one: cropped(one, 0.15, 0.15, 0.15, 0.15),
    "crop 20 % a side": lambda one: cropped(one, 0.2, 0.2, 0.2, 0.2),
    "crop 30 % of a side": lambda one: cropped(one, 0.3, 0.0, 0.05, 0.2),
    "crop 30 % a side": lambda one: cropped(one, 0.3, 0.3, 0.3, 0.3),
    "border": bordered,
    "turned by 3": lambda one: turned(one, 3),
    "turned by 90": lambda one: cv2.rotate(one, cv2.ROTATE_90_CLOCKWISE),
    "mirror": mirrored,
    "crop gamma JPEG": lambda one: jpeg(gamma(cropped(one, 0.1, 0.1, 0.1, 0.1), 0.7), 50),
    "mirror CLAHE half": lambda one: half(clahe(mirrored(one))),
    "invert text JPEG": lambda one: jpeg(lettered(255 - one), 60),
    "mirror invert": lambda one: 255 - mirrored(one),
    "mirror invert crop": lambda one: 255 - mirrored(cropped(one, 0.1, 0.1, 0.1, 0.1)),
}


def film(seed: int) -> Grey:
    """Return smooth shapes, edges and grain of that seed."""
    noise = np.random.default_rng(seed)
    shapes = sum(
        cv2.resize(noise.normal(0, by, (side, side)).astype(np.float32), (900, 800))
        for side, by in ((4, 30), (9, 25), (30, 18), (90, 12))
    )
    drawn = np.clip(120 + shapes, 5, 250).astype(np.uint8)
    for _ in range(24):
        ends = noise.integers(0, (900, 800), (2, 2)).tolist()
        tone, width = int(noise.integers(30, 240)), int(noise.integers(2, 9))
        cv2.line(drawn, ends[0], ends[1], tone, width, cv2.LINE_AA)
    return cv2.GaussianBlur(drawn, (0, 0), 1.2)


def volume(seed: int) -> list[Grey]:
    """Return neighbouring slices: structures that move and change a little from one to the next."""
    noise = np.random.default_rng(seed)
    grid = noise.normal(0, 1, (12, 40, 40)).astype(np.float32)
    slices = []
    for depth in np.linspace(0, 10.9, 34):
        lower, share = int(depth), depth - int(depth)
        plane = grid[lower] * (1 - share) + grid[lower + 1] * share
        smooth = cv2.resize(plane, (512, 512), interpolation=cv2.INTER_CUBIC)
        grain = noise.normal(0, 3, (512, 512))
        slices.append(np.clip(128 + 60 * smooth + grain, 0, 255).astype(np.uint8))
    return slices
