"""Measure `covcat verify` against `sha256sum -c SHA256SUMS`, as ratios in one run.

Usage: python bench/verify.py [--quick]

10,000 files of 2 GB in memory (with `--quick` 2,000 of 0.4 GB), imported by covcat, then checked
in turn by whole processes, so that a busy machine slows all of them. Then one file is changed, one
removed and one added: each must be named. The exit code is always 0: a ratio is for people to
read, not for a gate that depends on the machine.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from start import environment

FILES, QUICK_FILES = 10_000, 2_000
BYTES = 200_000  # of a file, on average
RUNS, QUICK_RUNS = 5, 3
TARGET = 0.4  # of sha256sum's time
ENTRY = """\
id: bench
title: Made up for a measurement
organization: covcat
homepage: https://example.org/bench
homepage_source: made up
summary: Made up for a measurement.
found: {ct: Y, xray: N, mri: N, ultrasound: N, metadata: N, case_review: N, source: made up}
license:
  spdx: CC0-1.0
  allows: {commercial: "yes", derivatives: "yes", redistribution: "yes"}
  source: made up
access: open
citation:
  - {entry: misc, key: bench, source: made up, fields: {title: A measurement, year: "2020"}}
releases:
  - id: "1"
    source: made up
    files: [{host: web, url: "https://example.org/bench.zip", name: bench.zip, unpack: zip}]
"""

Command = list[str]


def fill(folder: Path, count: int, about: int = BYTES) -> None:
    """Write `count` files of odd sizes, `about` so many bytes, none of them like another."""
    chance = random.Random(7)
    noise = chance.randbytes(1 << 20)
    for number in range(count):
        path = folder / f"patient{number // 100:03}" / f"slice {number % 100:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = chance.randrange(about // 2, about * 3 // 2)
        start = chance.randrange(len(noise))
        body = (noise[start:] + noise)[:size]
        path.write_bytes(number.to_bytes(8, "big") + body)


def seconds(command: Command, folder: Path) -> tuple[float, float]:
    """Run a command; return how long the whole process took, and how long on processors."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode:
        print(f"note: {' '.join(command)} ended with {done.returncode}", file=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(covcat: Command, release: Path, runs: int) -> None:
    """Time all in turn, and print a line for each."""
    programs = {
        "sha256sum -c": ["sha256sum", "--quiet", "-c", "SHA256SUMS"],
        "covcat verify": [*covcat, "verify", "bench"],
        "covcat verify --quick": [*covcat, "verify", "bench", "--quick"],
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    busy: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, command in programs.items():
            taken, on_processors = seconds(command, release)
            times[name].append(taken)
            busy[name].append(on_processors)
    base = times["sha256sum -c"]
    for name, found in times.items():
        ratios = [one / two for one, two in zip(found, base, strict=True)]
        text = f"{name:22} {median(found):7.2f} s  {median(found) / median(base):5.2f}"
        text += f"  {median(busy[name]):6.2f} s   {min(ratios):.2f} to {max(ratios):.2f}"
        if name == "covcat verify":
            is_met = median(found) / median(base) <= TARGET
            text += f"   target {TARGET}: {'met' if is_met else 'missed'}"
        print(text, flush=True)


def meddle(covcat: Command, release: Path) -> None:
    """Change, remove and add a file, and print what is said of them."""
    files = release / "files"
    changed = files / "patient007" / "slice 07.png"
    changed.write_bytes(changed.read_bytes()[:-1] + b"\0")
    (files / "patient003" / "slice 03.png").unlink()
    (files / "patient000" / "new.png").write_bytes(b"new")
    done = subprocess.run(
        [*covcat, "verify", "bench"], env=environment(), capture_output=True, text=True, check=False
    )
    print(f"one changed, one missing, one extra: exit {done.returncode}")
    print("".join(f"{line[:76]}\n" for line in done.stderr.splitlines() if "bench@1: " in line))


def main() -> None:
    """Work in memory where that is possible."""
    is_quick = "--quick" in sys.argv
    count, runs = (QUICK_FILES, QUICK_RUNS) if is_quick else (FILES, RUNS)
    script = "from covcat.cli.main import main; main()"
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        (folder / "shelf").mkdir()
        (folder / "shelf" / "bench.yaml").write_text(ENTRY, encoding="utf-8")
        fill(folder / "came", count)
        covcat = [sys.executable, "-c", script, "--data-dir", str(folder / "data")]
        covcat += ["--catalog", str(folder / "shelf")]
        adopt = [*covcat, "import", "bench", str(folder / "came"), "--offline", "-q"]
        subprocess.run(adopt, env=environment(), check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder / "came")
        release = folder / "data" / "bench" / "1"
        total = sum(path.stat().st_size for path in release.rglob("*.png"))
        print(f"{count:,} files, {total:,} bytes; {runs} runs each; {os.cpu_count()} cores")
        print(f"{'program':22} {'median':>9}  ratio  {'processors':>9}   ratios of single runs")
        measure(covcat, release, runs)
        meddle(covcat, release)


if __name__ == "__main__":
    main()
