"""Measure `covcat split` of a million rows, and how many people move when more come.

Usage: python bench/split.py [--quick]

A synthetic release of 1,000,000 pictures of 200,000 patients, as if it had been fetched; a tenth of
it with --quick. Timed are whole processes, with the index there already: `images` into a csv of the
same columns, which reads and writes the same rows, and `split` into one. Then scikit-learn's
StratifiedGroupKFold, where it is installed, on the same people in memory: seconds, and how many
move to another side when the last tenth of the patients comes. The exit code is always 0.
"""

import csv
import hashlib
import importlib.util
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from extract import Command, covcat
from index import ENTRY, HEADER, timed

PICTURES, EACH = 1_000_000, 5  # pictures, and of each patient about so many
TARGET = 10.0  # seconds of processors: others may be at work
COLUMNS = "image_id,path,patient_id,finding,view,split"
OLD = 0.9  # of the patients, before the others come
SEED = 19


def rows(count: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield patient, finding, view and name of each picture."""
    random_ = random.Random(SEED)
    patients = count // EACH
    findings, weights = (
        ("COVID-19", "No Finding", "SARS", "ARDS", "Pneumocystis"),
        (50, 40, 8, 1.9, 0.1),
    )
    for number in range(count):
        patient = number if number < patients else int(patients * random_.random() ** 1.3)
        finding = random_.choices(findings, weights)[0]
        yield f"P{patient:06}", finding, random_.choice(("PA", "AP", "Lateral")), f"{number:07}.png"


def make(folder: Path, count: int) -> None:
    """Make the release: its pictures are links, and their digests are made up."""
    from covcat.catalog import load
    from covcat.files import StoredFile
    from covcat.store import manifest

    (folder / "catalog").mkdir()
    (folder / "catalog" / "big.yaml").write_text(ENTRY.format(id="big"))
    release = folder / "data" / "big" / "1"
    files = release / "files"
    files.mkdir(parents=True)
    places = {key: HEADER.index(key) for key in ("patientid", "finding", "view", "filename")}
    stored = []
    with (files / "metadata.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for cells in rows(count):
            row = [""] * len(HEADER)
            for place, cell in zip(places.values(), cells, strict=True):
                row[place] = cell
            writer.writerow(row)
            name = f"{cells[3][:3]}/{cells[3]}"
            if cells[3][3:7] == "0000":  # disks allow some 65,000 links to one file
                (files / cells[3][:3]).mkdir()
                (one := files / name).write_bytes(b"x")
            else:
                os.link(one, files / name)
            digest = hashlib.sha256(name.encode()).hexdigest()
            stored.append(StoredFile(path=f"files/{name}", bytes=1, sha256=digest))
    data = (files / "metadata.csv").read_bytes()
    whole = hashlib.sha256(data).hexdigest()
    stored.append(StoredFile(path="files/metadata.csv", bytes=len(data), sha256=whole))
    resource, known = load.load((folder / "catalog",)).find("big@1")
    assert known is not None
    manifest.write(release, manifest.made(resource, known, (), stored, (), "files"))


def command(folder: Path, *args: str) -> Command:
    """Return how covcat is asked."""
    options = ["--data-dir", str(folder / "data"), "--catalog", str(folder / "catalog"), "-q"]
    return [str(covcat()), *options, *args, "--columns", COLUMNS, "--force"]


def measure(folder: Path, count: int) -> None:
    """Time the commands, and print a line for each."""
    timed([*command(folder, "images", "big")[:-3], "--where", "0", "--paths"])  # makes the index
    output = ("--output", str(folder / "split.csv"))
    for name, args in {
        "images": ("images", "big"),
        "split": ("split", "big", "--stratify", "finding,view"),
        "split again, with its lock": ("split", "big"),
    }.items():
        ran = timed(command(folder, *args, *output))
        said = f"covcat {name}: {ran.error}" if ran.error else ""
        peak = f"peak {ran.peak / 1024:.0f} MiB"
        verdict = "met" if ran.processors < TARGET * count / PICTURES else "missed"
        target = f"   target {TARGET:.0f} s for {PICTURES:,}: {verdict}" if "split" in name else ""
        took = f"{ran.seconds:6.1f} s, {ran.processors:.1f} s of processors"
        print(said or f"{name:28} {took}   {peak}{target}", flush=True)


def moved(count: int) -> None:
    """Compare with scikit-learn: seconds, and who moves when the last tenth comes."""
    from covcat.overlap import split

    people: dict[str, int] = {}
    of = [people.setdefault(patient, len(people)) for patient, *_ in rows(count)]
    finding = [one for _, one, *_ in rows(count)]
    old = int(OLD * len(people))
    shares = split.read_shares("80,20")
    before, after = (split.sides_of([*people][:end], shares, 7) for end in (old, len(people)))
    print(f"covcat: {(before != after[:old]).sum():,} of {old:,} people move")
    if importlib.util.find_spec("sklearn") is None:
        print("scikit-learn: skipped, it is not installed here")
        return
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    groups, labels = np.array(of), np.array(finding)
    found = []
    start = time.perf_counter()
    for kept in (groups < old, groups >= 0):
        folds = StratifiedGroupKFold(5).split(labels[kept], labels[kept], groups[kept])
        side = np.zeros(len(people), dtype=int)
        for number, (_, test) in enumerate(folds):
            side[groups[kept][test]] = number
        found.append(side[:old])
    taken = (time.perf_counter() - start) / 2
    print(
        f"scikit-learn: {taken:.1f} s in memory; {(found[0] != found[1]).sum():,} of {old:,} move"
    )


def main() -> None:
    """Make the release, and measure."""
    count = PICTURES // 10 if "--quick" in sys.argv else PICTURES
    folder = Path(tempfile.mkdtemp(prefix="covcat-bench-"))
    try:
        make(folder, count)
        measure(folder, count)
    finally:
        shutil.rmtree(folder)
    moved(count)


if __name__ == "__main__":
    main()
