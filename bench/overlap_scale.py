"""The whole search over 100,000 pictures' features, and the same run again: seconds and memory.

Usage: python bench/overlap_scale.py [--pictures N]

Of every hundred pictures one is a film of a megapixel that is made, and one a crop of it: real
files, whose features are made as ever, and which are decoded to be verified. The others are
features alone: random descriptors, as those of strangers are nearly, as many as the method keeps.
Timed are reading features, candidates, verification and keeping what was found, then a second run
that asks whether all is as it was. Making features is measured by bench/features.py.
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from covcat.engine import Task, run
from covcat.overlap.again import find_or_recall
from covcat.overlap.describing import described
from covcat.overlap.feature_store import Described, FeatureStore, packed
from covcat.overlap.features import (
    FINEST,
    LONGEST,
    MOST_POINTS,
    MOST_TURNED,
    STEP,
    Features,
    Frame,
    Points,
    method,
)
from covcat.overlap.find import Overlap
from covcat.overlap.opencv import opencv
from covcat.overlap.pictures import PictureFile, PictureSet, of_folder
from covcat.progress import Silent

EACH = 100  # pictures, of which one is a film and one its copy
SIDE = 1024  # pixels of a film
STEPS = 16  # of scale, that strangers' points are of
BATCH = 500  # pictures that are kept at once
MOST_SECONDS, MOST_GB, MOST_AGAIN = 180, 2.5, 0.02


class Stages(Silent):
    """Hears how long each stage takes; they follow each other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._label, self._began = "", 0.0

    def start(self, label: str, total: int | None, within: int | None = None, **_: object) -> int:
        """Hear that a stage begins."""
        self._label, self._began = label, time.monotonic()
        return super().start(label, total, within)

    def finish(self, task: int) -> None:
        """Hear that it ends."""
        taken = time.monotonic() - self._began
        self.seconds[self._label] = self.seconds.get(self._label, 0) + taken
        super().finish(task)


def make_film(task: tuple[str, int]) -> None:
    """Write a film, smooth shapes, and a crop of it."""
    cv2, (folder, number) = opencv(), task
    noise = np.random.default_rng((19, number))
    film = 120 + sum(
        cv2.resize(noise.normal(0, by, (side, side)).astype(np.float32), (SIDE, SIDE))
        for side, by in ((4, 30), (9, 25), (30, 15), (120, 8))
    )
    film = np.clip(film, 3, 252).astype(np.uint8)
    cv2.imwrite(f"{folder}/{number}.jpg", film)
    cv2.imwrite(f"{folder}/{number} crop.jpg", film[60:, 40:])


def stranger(noise: np.random.Generator) -> Features:
    """Return a picture that is like no other."""
    places = np.column_stack(
        [
            noise.uniform(0, LONGEST - 1, (MOST_POINTS, 2)),
            FINEST * STEP ** noise.integers(0, STEPS, MOST_POINTS),
            noise.uniform(0, 360, MOST_POINTS),
        ]
    )
    rows = noise.integers(0, 256, (MOST_POINTS, 32), np.uint8)
    turned = noise.integers(0, 256, (3, min(MOST_POINTS, MOST_TURNED), 32), np.uint8)
    points = Points(places.astype(np.float32), rows, *turned)
    frame = Frame(0, 0, LONGEST, LONGEST, 1.0)
    return Features(LONGEST, LONGEST, noise.bytes(32), noise.bytes(32), frame, points)


def strangers(count: int) -> Iterator[list[Described]]:
    """Give what is kept of so many, some at a time."""
    noise = np.random.default_rng(20)
    for start in range(0, count, BATCH):
        yield [
            Described(noise.bytes(32).hex(), ((0, packed(stranger(noise))),))
            for _ in range(min(BATCH, count - start))
        ]


def make(work: Path, count: int) -> PictureSet:
    """Return the set, whose features are kept."""
    folder, store = work / "films", FeatureStore.open(work / "kept", method())
    folder.mkdir()
    films = [Task(str(one), SIDE**2, (str(folder), one)) for one in range(count // EACH)]
    for _ in run(make_film, films, Silent(), "films"):
        pass
    real = described(of_folder(folder, "set", Silent()), store, Silent()).set.files
    others = list[PictureFile]()
    for some in strangers(count - len(real)):
        store.add(some)
        for one in some:
            path = f"{one.sha256}.png"
            others.append(PictureFile("set", path, one.sha256, SIDE**2, folder / path))
    return PictureSet("set", folder, (*real, *others))


def search(pictures: PictureSet, kept: Path, stages: Stages) -> tuple[Overlap, float, float]:
    """Return what was found, the seconds it took, and those of all cores together."""
    began, before = time.monotonic(), cpu()
    made = described(pictures, FeatureStore.open(kept, method()), stages)
    found = find_or_recall([made], stages, within=True)
    return found, time.monotonic() - began, cpu() - before


def cpu() -> float:
    """Return the seconds of processors, of this process and of those that have ended."""
    return sum(os.times()[:4])


def peak() -> float:
    """Return the most memory of this process, in GB; of a child Linux tells its parent's too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> int:
    """Measure; exit 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    count = parser.parse_args().pictures
    work, stages = Path(tempfile.mkdtemp(prefix="covcat-bench-")), Stages()
    try:
        pictures = make(work, count)
        print(f"{len(pictures.files):,} pictures of {MOST_POINTS} features are kept", flush=True)
        found, first, first_cpu = search(pictures, work / "kept", stages)
        memory = peak()
        again, second, second_cpu = search(pictures, work / "kept", Stages())
    finally:
        shutil.rmtree(work)
    copies = sum(one.verdict == "same picture" for one in found.pairs)
    print(
        f"first run: {first:.0f} s, {first_cpu:.0f} s of processors (at most {MOST_SECONDS} s): "
        + ", ".join(f"{label} {taken:.0f} s" for label, taken in stages.seconds.items())
    )
    print(
        f"{found.candidates:,} pairs were looked at; {copies:,} of {count // EACH:,} copies found"
    )
    print(f"memory without the workers': {memory:.2f} GB (at most {MOST_GB})")
    share = second / first
    print(
        f"second run: {second:.1f} s, {second_cpu:.1f} s of processors = {share:.1%} of the first"
        f" (at most {MOST_AGAIN:.0%})"
    )
    is_good = first <= MOST_SECONDS and memory <= MOST_GB and share <= MOST_AGAIN
    return not (is_good and again == found)


if __name__ == "__main__":
    sys.exit(main())
