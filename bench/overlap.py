"""Changed copies of pictures that are found as the same, and strangers that are not; beside peers.

Usage: python bench/overlap.py [--shared ../shared] [--pictures N] [--peers]

24 changes of each picture: of the bundled sample, of films that are made, and of real films where
the folder `shared` has them. Then what must not be the same picture: strangers with one burned-in
overlay, follow-ups of one patient (Cohen's table says which), neighbouring slices of volumes that
are made. `--peers` installs imagehash and imagededup's hashes into an environment of their own.
Exit 1 where fewer than 95 % of a change are found, or a wrong pair is.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np

from covcat.overlap.align import WAYS
from covcat.overlap.features import Features, Grey, describe, scaled
from covcat.overlap.opencv import opencv
from covcat.overlap.verify import Sameness, alignments, verify

cv2 = opencv()
ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "catalog" / "bundled" / "sample-1.zip"
COHEN = "real/cohen-0.1-four-files-short.zip"
TABLE = "real/tables/cohen-0.1-metadata.csv"
LEAST = 0.95
Seen = tuple[Features, Grey]

# ---- changes -------------------------------------------------------------------------------------


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
}

# ---- pictures ------------------------------------------------------------------------------------


def members(archive: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, Grey]]:
    """Give name and pixels of an archive's pictures."""
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if name.lower().endswith(endings):
                data = np.frombuffer(opened.read(name), np.uint8)
                grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
                if grey is not None:
                    yield name, grey


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


def seen(grey: Grey) -> Seen:
    """Return a picture as it is compared."""
    features = describe(grey)
    return features, scaled(grey, features.frame)


def compared(a: Seen, b: Seen) -> Sameness | None:
    """Compare in all ways, without asking first if they are worth it."""
    tried = [one for way in WAYS for one in alignments(a[0], b[0], way, is_outline=way == "plain")]
    return verify(a, b, tried) if tried else None


def is_same(a: Seen, b: Seen) -> bool:
    """Tell if two are the same picture."""
    found = compared(a, b)
    return found is not None and found.verdict == "same picture"


# ---- what is told --------------------------------------------------------------------------------


def find_changes(pictures: list[Grey]) -> bool:
    """Print how many of each change are found."""
    originals, is_good = [seen(one) for one in pictures], True
    for name, change in CHANGES.items():
        pairs = zip(originals, pictures, strict=True)
        found = sum(is_same(one, seen(change(grey))) for one, grey in pairs)
        share = found / len(pictures)
        is_good &= share >= LEAST
        missed = "" if share >= LEAST else f"   fewer than {LEAST:.0%}"
        print(f"  {name:22} {found:4} of {len(pictures)}{missed}", flush=True)
    return is_good


def find_wrong(kind: str, pairs: list[tuple[Grey, Grey]]) -> bool:
    """Print how many pairs that are not are told to be the same picture."""
    verdicts = [compared(seen(a), seen(b)) for a, b in pairs]
    same = sum(one is not None and one.verdict == "same picture" for one in verdicts)
    look = sum(one is not None and one.verdict == "look" for one in verdicts)
    print(f"  {kind:44} {same} wrong, {look} look, of {len(pairs)}", flush=True)
    return same == 0


def follow_ups(shared: Path) -> list[tuple[Grey, Grey]]:
    """Return films of one patient on different days, where Cohen's table says so."""
    with (shared / TABLE).open(encoding="utf-8", errors="replace", newline="") as stream:
        rows = [
            (row["Patientid"], row["offset"], row["filename"]) for row in csv.DictReader(stream)
        ]
    films = {Path(name).name: one for name, one in members(shared / COHEN, ENDINGS)}
    pairs = []
    for (patient, day, name), (other, later, second) in combinations(rows, 2):
        if patient == other and day and later and day != later and {name, second} <= films.keys():
            pairs.append((films[name], films[second]))
    return pairs


ENDINGS = (".png", ".jpg", ".jpeg")
PEER = """
import sys, time
from pathlib import Path
from PIL import Image
import imagehash
folder, began = Path(sys.argv[1]), time.monotonic()
of = lambda path: imagehash.phash(Image.open(path), hash_size=16)
originals = {one.stem: of(one) for one in (folder / "originals").iterdir()}
found = wrong = count = 0
for one in sorted((folder / "changed").iterdir()):
    name, count = one.stem.split(" ")[0], count + 1
    near = {key for key, value in originals.items() if value - of(one) <= 16}
    found, wrong = found + (name in near), wrong + len(near - {name})
print(f"  imagehash, 256 bits, distance 16: {found} of {count} found, {wrong} wrong,"
      f" {time.monotonic() - began:.0f} s")
"""


def beside_peers(pictures: list[Grey]) -> None:
    """Print what a peer finds of the same copies, in an environment of its own."""
    with tempfile.TemporaryDirectory(prefix="covcat-bench-") as name:
        folder = Path(name)
        python = folder / "env" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "imagehash"], check=False, timeout=300)
        if done.returncode:
            print("  left out: imagehash could not be installed")
            return
        size = sum(one.stat().st_size for one in (folder / "env").rglob("*") if one.is_file())
        for kind in ("originals", "changed"):
            (folder / kind).mkdir()
        began, found, count = time.monotonic(), 0, 0
        for number, grey in enumerate(pictures):
            cv2.imwrite(str(folder / "originals" / f"{number}.png"), grey)
            original = seen(grey)
            for change, make in CHANGES.items():
                changed = make(grey)
                cv2.imwrite(str(folder / "changed" / f"{number} {change}.png"), changed)
                found, count = found + is_same(original, seen(changed)), count + 1
        took = time.monotonic() - began
        print(f"  covcat: {found} of {count} found, {took:.0f} s with writing the copies")
        subprocess.run([python, "-c", PEER, folder], check=True)
        print(f"  the peer's environment: {size / 1e6:.0f} MB")


def main() -> int:
    """Measure; exit 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--pictures", type=int, default=20, help="of each source")
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    has_real = (given.shared / COHEN).is_file()
    sources = {"sample": [grey for _, grey in members(SAMPLE, ENDINGS)]}
    sources["films that are made"] = [film(seed) for seed in range(given.pictures)]
    if has_real:
        real = [grey for _, grey in members(given.shared / COHEN, ENDINGS)]
        sources["real films"] = real[:: max(1, len(real) // given.pictures)][: given.pictures]
    else:
        print(f"no real films: {given.shared / COHEN} is not there")
    is_good = True
    for name, pictures in sources.items():
        print(f"{name}: {len(pictures)} pictures, found as the same picture")
        is_good &= find_changes(pictures)
    print("not the same picture")
    strangers = [lettered(one) for one in sources.get("real films", sources["films that are made"])]
    is_good &= find_wrong("strangers with one overlay", list(combinations(strangers, 2)))
    for seed in range(3):
        slices = volume(seed)
        near = list(pairwise(slices))
        is_good &= find_wrong(f"neighbouring slices of volume {seed}", near)
    if has_real:
        is_good &= find_wrong("follow-ups of one patient", follow_ups(given.shared))
    if given.peers:
        print("beside a peer, on the last of these")
        beside_peers(list(sources.values())[-1])
    return not is_good


if __name__ == "__main__":
    sys.exit(main())
