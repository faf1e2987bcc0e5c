"""Pictures made in code that are as hard to tell apart as films: smooth shapes, edges, grain."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import cv2
import numpy as np

_APART = 0.045  # of the depth in which all shapes are others


def film(seed: int, width: int = 700, height: int = 600) -> np.ndarray:
    """Return a grey picture of its own: lungs, ribs and grain of that seed."""
    noise = np.random.default_rng(seed)
    shapes = sum(
        cv2.resize(
            noise.normal(0, size, (side, side)).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for side, size in ((4, 30), (9, 25), (30, 18), (90, 12))
    )
    picture = np.clip(120 + shapes, 5, 250).astype(np.uint8)
    for _ in range(24):  # vessels and ribs
        ends = noise.integers(0, (width, height), (2, 2))
        tone = int(noise.integers(30, 240))
        cv2.line(
            picture,
            ends[0].tolist(),
            ends[1].tolist(),
            tone,
            int(noise.integers(2, 9)),
            cv2.LINE_AA,
        )
    return cv2.GaussianBlur(picture, (0, 0), 1.2)


def encoded(picture: np.ndarray, suffix: str = ".png", *options: int) -> bytes:
    """Return a picture as a file of that kind; `options` are OpenCV's."""
    good, data = cv2.imencode(suffix, picture, list(options))
    assert good
    return data.tobytes()


def write_pictures(folder: Path, pictures: Mapping[str, np.ndarray]) -> Path:
    """Write pictures below a folder, as the suffix of each name says; return the folder."""
    for name, pixels in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels, path.suffix))
    return folder


@cache
def slices() -> tuple[np.ndarray, ...]:
    """Return three neighbouring slices, and last the mean of the first and the third."""
    noise = np.random.default_rng(7)
    first, last = (
        cv2.resize(noise.normal(0, 1, (14, 14)), (256, 256), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    )
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    head = np.clip((0.9 - np.hypot(x, y * 0.85)) * 60, 0, 1)
    every = []
    for depth in np.arange(3) * _APART:
        bone = 110 + 90 * np.tanh(3 * (np.cos(depth) * first + np.sin(depth) * last))
        every.append(head * bone + noise.normal(0, 1.5, (256, 256)) + 4)
    every.append((every[0] + every[2]) / 2)
    return tuple(np.clip(one, 0, 255).astype(np.uint8) for one in every)
