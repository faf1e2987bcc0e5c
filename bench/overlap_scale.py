"""Candidates and verification of 100,000 pictures' features: seconds and memory.

Usage: python bench/overlap_scale.py [--pictures N] [--copies N]

Descriptors are random, as those of strangers are nearly; every hundredth picture is a near copy of
another: half of its descriptors with 12 of 256 bits changed. Verification is measured on real
pictures that are made: as many pairs as there are near copies.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from covcat.overlap.candidates import Descriptors, candidates
from covcat.overlap.describing import described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import (
    FINEST,
    MOST_POINTS,
    MOST_TURNED,
    STEP,
    Features,
    Frame,
    Points,
    method,
)
from covcat.overlap.find import find_overlap
from covcat.overlap.opencv import opencv
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent

cv2 = opencv()
POINTS, TURNED = MOST_POINTS, MOST_TURNED
ALIKE = 200  # features of a near copy that are the original's
PLACES = np.random.default_rng(20).uniform((0, 0, FINEST, 0), (512, 512, 200, 360), (ALIKE, 4))
MOST_SECONDS, MOST_GB = 180, 2.5


def features(rows: np.ndarray, turned: np.ndarray, noise: np.random.Generator) -> Features:
    """Return a picture of which only descriptors and outline matter."""
    places = np.column_stack(
        [
            noise.uniform(0, 512, (len(rows), 2)),
            FINEST * STEP ** noise.integers(0, 11, len(rows)),
            noise.uniform(0, 360, len(rows)),
        ]
    )
    places[:ALIKE] = PLACES[:ALIKE]  # of all pictures: copies lie as they are
    points = Points(places.astype(np.float32), rows, *np.split(turned, 3))
    frame = Frame(0, 0, 512, 512, 1.0)
    return Features(512, 512, noise.bytes(32), noise.bytes(32), frame, points)


def look_up(count: int) -> tuple[float, int, int]:
    """Return seconds of the search alone, how many near copies it found, and all it gave."""
    noise, descriptors, kept, planted = np.random.default_rng(19), Descriptors(), [], set()
    taken = 0.0
    for number in range(count):
        rows = noise.integers(0, 256, (POINTS, 32), np.uint8)
        turned = noise.integers(0, 256, (3 * TURNED, 32), np.uint8)
        if number % 100 == 0:
            kept.append((number, rows))
        elif number % 100 == 99:
            of, original = kept[int(noise.integers(len(kept)))]
            rows[:ALIKE] = original[:ALIKE]
            bits = noise.integers(0, 256, (ALIKE, 12))
            for column in bits.T:
                rows[np.arange(ALIKE), column // 8] ^= (1 << (column % 8)).astype(np.uint8)
            planted.add((of, number))
        made = features(rows, turned, noise)
        began = time.monotonic()
        descriptors.add(made)
        taken += time.monotonic() - began
    began = time.monotonic()
    found = {(one.a, one.b) for one in candidates(descriptors, Silent())}
    taken += time.monotonic() - began
    descriptors.close()
    print(
        f"{count:,} pictures, {count * POINTS:,} descriptors: {len(planted & found):,} of"
        f" {len(planted):,} near copies are candidates, of {len(found):,} in all; {taken:.0f} s"
    )
    return taken, len(planted), len(found)


def compare(pairs: int) -> float:
    """Return the seconds that comparing takes a pair, on all cores."""
    with tempfile.TemporaryDirectory(prefix="covcat-bench-") as name:
        folder = Path(name) / "films"
        folder.mkdir()
        for number in range(pairs):
            noise = np.random.default_rng((19, number))
            sizes = ((4, 30), (9, 25), (30, 15), (120, 8))
            film = 120 + sum(
                cv2.resize(noise.normal(0, by, (side, side)).astype(np.float32), (1024, 1024))
                for side, by in sizes
            )
            film = np.clip(film, 3, 252).astype(np.uint8)
            cv2.imwrite(str(folder / f"{number}.jpg"), film)
            cv2.imwrite(str(folder / f"{number} small.jpg"), film[60:, 40:])
        store = FeatureStore.open(Path(name) / "features.sqlite", method())
        made = described(of_folder(folder, "films", Silent()), store, Silent())
        began = time.monotonic()
        found = find_overlap([made], Silent(), within=True)
        taken = (time.monotonic() - began) / max(1, found.candidates)
    print(f"verification: {found.candidates} pairs of 1 megapixel, {taken * 1000:.0f} ms a pair")
    return taken


def main() -> int:
    """Measure; exit 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--copies", type=int, default=200, help="pairs that are compared")
    given = parser.parse_args()
    taken, planted, _ = look_up(given.pictures)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    each = compare(given.copies)
    total = taken + each * planted
    print(
        f"in all {total:.0f} s with verification of the {planted:,} near copies (at most"
        f" {MOST_SECONDS}); peak memory {peak:.2f} GB (at most {MOST_GB})"
    )
    return not (total <= MOST_SECONDS and peak <= MOST_GB)


if __name__ == "__main__":
    sys.exit(main())
