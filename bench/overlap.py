"""Changed copies of pictures that are found as the same, and strangers that are not; beside peers.

Usage: python bench/overlap.py [--shared ../shared] [--quick] [--pictures N] [--peers] [--scans CT]

26 changes of each picture: of the bundled sample, of films that are made, and of real films of two
collections where the folder `shared` has them, one of a patient. The copies of one change lie in
one folder and the originals in another, and covcat compares the two as it compares any sets: what
it pairs with another original than its own is wrong. Then what is not the same: strangers with one
burned-in overlay, follow-ups of one patient (Cohen's table says which), neighbouring slices of
volumes that are made; each pair is laid onto each other without asking if that is worth it.
`--scans` takes slices of real CT too, of each project of InVesalius (.inv3) there (Debian's
package `invesalius-examples` has one): neighbours, means of two neighbours beside the first of
them, and neighbours that are changed, in three windows.
`--peers` compares with others' tools (bench/peers.py).
Exit 1 where fewer than 95 % of a change are found, or a wrong pair is.
"""

import argparse
import csv
import plistlib
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from itertools import combinations, cycle, islice, pairwise
from pathlib import Path

import numpy as np
from changes import CHANGES, film, lettered, volume
from peers import beside_peers

from covcat.overlap.align import WAYS
from covcat.overlap.describing import described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import Features, Grey, describe, method, scaled
from covcat.overlap.find import find_overlap
from covcat.overlap.opencv import opencv
from covcat.overlap.pairs import SAME
from covcat.overlap.pictures import of_folder
from covcat.overlap.verify import Sameness, alignments, verify
from covcat.overlap.windows import Window, to_grey
from covcat.progress import Silent

cv2 = opencv()
ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "catalog" / "bundled" / "sample-1.zip"
COHEN = "real/cohen-0.1-four-files-short.zip"
TABLE = "real/tables/cohen-0.1-metadata.csv"
DRAWN = (  # one of each view: the others are the same drawing
    "synthetic-01-0-pa.png",
    "synthetic-04-1-l.png",
    "synthetic-05-3-axial.png",
    "synthetic-10-0-convex.png",
)
ONE_FILM = (  # seen side by side: the table has one film at two dates
    {"F4341CE7-73C9-45C6-99C8-8567A5484B63.jpeg", "E63574A7-4188-4C8D-8D17-9D67A18A1AFA.jpeg"},
    {"D5ACAA93-C779-4E22-ADFA-6A220489F840.jpeg", "35AF5C3B-D04D-4B4B-92B7-CB1F67D83085.jpeg"},
)
HANNOVER = "real/hannover-ad7ab099.zip"
WINDOWS = {"brain": (0, 80), "soft tissue": (-160, 240), "bone": (-600, 1400)}  # Hounsfield units
ENDINGS = (".png", ".jpg", ".jpeg")
LEAST = 0.95
REAL, FULL, QUICK = 2, 24, 6  # collections; pictures of each source
Seen = tuple[Features, Grey]

# ---- pictures ------------------------------------------------------------------------------------


def members(archive: Path, stems: Iterable[str] | None = None) -> Iterator[tuple[str, Grey]]:
    """Give file name and pixels of an archive's pictures; of those alone, if they are named."""
    wanted = None if stems is None else set(stems)
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            file = Path(name)
            if file.suffix.lower() not in ENDINGS or (wanted and file.stem not in wanted):
                continue
            data = np.frombuffer(opened.read(name), np.uint8)
            grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
            if grey is not None:
                yield file.name, grey


def films_of_patients(shared: Path, count: int) -> Iterator[tuple[str, Grey]]:
    """Give films of both collections, one of a patient: theirs would be alike."""
    with (shared / TABLE).open(encoding="utf-8", errors="replace", newline="") as stream:
        cohen = {
            row["Patientid"]: Path(row["filename"]).stem
            for row in csv.DictReader(stream)
            if row["modality"] == "X-ray"
        }
    with zipfile.ZipFile(shared / HANNOVER) as opened:
        name = next(one for one in opened.namelist() if one.endswith("/data.csv"))
        with opened.open(name) as raw:
            rows = list(csv.DictReader(TextIOWrapper(raw, "utf-8")))
    hannover = {row["patient_id"]: row["image_id"] for row in rows}
    for archive, stems in ((COHEN, cohen), (HANNOVER, hannover)):
        every = sorted(stems.values())
        some = every[:: max(1, REAL * len(every) // count)]
        yield from islice(members(shared / archive, some), count // REAL)


def sources(shared: Path, count: int) -> dict[str, list[Grey]]:
    """Return the originals, by where they come from."""
    found = {
        "sample": [grey for name, grey in members(SAMPLE) if name in DRAWN],
        "made": [film(seed) for seed in range(count)],
    }
    if all((shared / one).is_file() for one in (COHEN, TABLE, HANNOVER)):
        found["real"] = [grey for _, grey in films_of_patients(shared, count)]
    else:
        print(f"no real films: {shared} has no {COHEN} or {HANNOVER}")
    return found


def follow_ups(shared: Path) -> list[tuple[Grey, Grey]]:
    """Return films of one patient on different days, where Cohen's table says so."""
    with (shared / TABLE).open(encoding="utf-8", errors="replace", newline="") as stream:
        rows = [
            (row["Patientid"], row["offset"], row["filename"]) for row in csv.DictReader(stream)
        ]
    films = dict(members(shared / COHEN))
    pairs = []
    for (patient, day, name), (other, later, second) in combinations(rows, 2):
        is_known = {name, second} <= films.keys() and {name, second} not in ONE_FILM
        if patient == other and day and later and day != later and is_known:
            pairs.append((films[name], films[second]))
    return pairs


def slices_of(project: Path) -> np.ndarray:
    """Return the slices of a CT in a project of InVesalius, in Hounsfield units."""
    with tarfile.open(project) as opened:
        names = {Path(one).name: one for one in opened.getnames()}
        matrix = plistlib.loads(opened.extractfile(names["main.plist"]).read())["matrix"]
        data = opened.extractfile(names[matrix["filename"]]).read()
    return np.frombuffer(data, matrix["dtype"]).reshape(matrix["shape"])


# ---- what is found -------------------------------------------------------------------------------


def write_copies(folder: Path, originals: dict[str, list[Grey]]) -> None:
    """Write the originals as `originals/SOURCE-N.png`, a change as `CHANGE/SOURCE-N.png`."""
    changes = {"originals": lambda grey: grey} | CHANGES
    for name, change in changes.items():
        (folder / name).mkdir()
        for source, pictures in originals.items():
            for number, grey in enumerate(pictures):
                cv2.imwrite(str(folder / name / f"{source}-{number}.png"), change(grey))


def find_changes(folder: Path, originals: dict[str, list[Grey]]) -> bool:
    """Print how many of each change are found, and what is paired with a stranger."""
    store = FeatureStore.open(folder / "features.sqlite", method())
    began = time.monotonic()
    sets = {
        kind: described(of_folder(folder / kind, kind, Silent()), store, Silent())
        for kind in ("originals", *CHANGES)
    }
    described_after = time.monotonic() - began
    is_good, looked_at, wrong = True, 0, list[str]()
    print(f"  {'found as the same':22}" + "".join(f"{source:>10}" for source in originals))
    for change in CHANGES:
        overlap = find_overlap([sets["originals"], sets[change]], Silent(), within=False)
        same = [one for one in overlap.pairs if one.verdict in SAME]
        found = [Path(one.a.path).stem for one in same if one.a.path == one.b.path]
        wrong += [
            f"{one.a.path} = {one.b.path} ({change})" for one in same if one.a.path != one.b.path
        ]
        looked_at += overlap.candidates
        is_good &= tell_change(change, found, originals)
    print(f"  wrong pairs: {len(wrong)} {', '.join(wrong[:9])}")
    files = sum(len(one.set.files) for one in sets.values())
    print(
        f"  {time.monotonic() - began:.0f} s, {described_after:.0f} of them for the features of"
        f" {files} pictures; {looked_at} pairs looked at",
        flush=True,
    )
    return is_good and not wrong


def tell_change(change: str, found: list[str], originals: dict[str, list[Grey]]) -> bool:
    """Print a row of the table."""
    by = Counter(one.partition("-")[0] for one in found)
    cells = "".join(f"{by[one]:4} of {len(some):2}" for one, some in originals.items())
    share = by.total() / sum(map(len, originals.values()))
    missed = "" if share >= LEAST else f"   fewer than {LEAST:.0%}"
    print(f"  {change:22}{cells}   {share:6.1%}{missed}", flush=True)
    return share >= LEAST


def seen(grey: Grey) -> Seen:
    """Return a picture as it is compared."""
    features = describe(grey)
    return features, scaled(grey, features.frame)


def compared(a: Seen, b: Seen) -> Sameness | None:
    """Compare in all ways, without asking first if they are worth it."""
    tried = [one for way in WAYS for one in alignments(a[0], b[0], way, is_outline=way == "plain")]
    return verify(a, b, tried) if tried else None


def find_wrong(kind: str, pairs: list[tuple[Grey, Grey]]) -> bool:
    """Print how many pairs that are not are told to be the same picture."""
    known: dict[int, Seen] = {}
    for grey in (one for pair in pairs for one in pair):
        if id(grey) not in known:
            known[id(grey)] = seen(grey)
    verdicts = [compared(known[id(a)], known[id(b)]) for a, b in pairs]
    same = sum(one is not None and one.verdict == "same picture" for one in verdicts)
    look = sum(one is not None and one.verdict == "look" for one in verdicts)
    print(f"  {kind:44} {same} wrong, {look} look, of {len(pairs)}", flush=True)
    return same == 0


def find_wrong_slices(folder: Path, step: int) -> bool:
    """Print how many slices of real CT are told to be the same; of every so manieth slice."""
    is_good = True
    for project in sorted(folder.rglob("*.inv3")):
        scan = slices_of(project)
        for window, values in WINDOWS.items():
            wanted = Window(*map(float, values))
            some = [
                (to_grey(a, wanted), to_grey(b, wanted))
                for a, b in islice(pairwise(scan), 0, None, step)
            ]
            means = [
                (a, to_grey((one.astype(np.float32) + other) / 2, wanted))
                for (a, _), (one, other) in zip(
                    some, islice(pairwise(scan), 0, None, step), strict=True
                )
            ]
            changed = [(a, change(b)) for (a, b), change in zip(some, cycle(CHANGES.values()))]
            for kind, pairs in (("neighbours", some), ("means", means), ("changed", changed)):
                is_good &= find_wrong(f"{project.stem}, {window}: {kind}", pairs)
    return is_good


def main() -> int:
    """Measure; exit 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--pictures", type=int, default=FULL, help="of each source")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pictures of each source")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--scans", type=Path, metavar="CT", help="folder of .inv3 files")
    given = parser.parse_args()
    count, began = QUICK if given.quick else given.pictures, time.monotonic()
    originals = sources(given.shared, count)
    with tempfile.TemporaryDirectory(prefix="covcat-bench-") as name:
        write_copies(Path(name), originals)
        is_good = find_changes(Path(name), originals)
        if given.peers:
            beside_peers(Path(name))
    print("not the same picture")
    strangers = [lettered(one) for one in originals.get("real", originals["made"])]
    is_good &= find_wrong("strangers with one overlay", list(combinations(strangers, 2)))
    for seed in range(1 if given.quick else 3):
        near = list(pairwise(volume(seed)))
        is_good &= find_wrong(f"neighbouring slices of volume {seed}", near)
    if "real" in originals:
        pairs = follow_ups(given.shared)
        is_good &= find_wrong("follow-ups of one patient", pairs[: count * 10])
    if given.scans:
        is_good &= find_wrong_slices(given.scans, 8 if given.quick else 1)
    print(f"{time.monotonic() - began:.0f} s")
    return not is_good


if __name__ == "__main__":
    sys.exit(main())
