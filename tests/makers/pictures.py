"""Pictures made in code that are as hard to tell apart as films: smooth shapes, edges, grain."""

import cv2
import numpy as np


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
