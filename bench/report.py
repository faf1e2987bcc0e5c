"""Make pages of what is here: bytes, seconds and memory; beside ydata-profiling on the same table.

Usage: python bench/report.py [--shared ../shared] [--peer] [--quick]

The bundled sample; Cohen 0.1, Figure 1, Hannover, where the folder `shared` has them; 1,000 films
that are made; a table of 100,000 rows with 3,000 films. `--peer` installs ydata-profiling into an
environment of its own, and gives it the same rows as CSV. `--quick` takes a tenth. Each line is of
a whole process whose image index is there already. Targets: 1.5 MB and 15 s for 1,000 pictures,
60 s and 500 MB for 100,000 rows.
"""

import argparse
import subprocess
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

import index
import numpy as np
from extract import Run, covcat
from index import timed

from covcat.overlap.opencv import opencv

cv2 = opencv()
PROFILE = """
import pandas, sys, ydata_profiling
table = pandas.read_csv(sys.argv[1], low_memory=False)
ydata_profiling.ProfileReport(table, minimal=True, progress_bar=False).to_file(sys.argv[2])
"""
REAL = {
    "cohen@0.1": "cohen-0.1-four-files-short.zip",
    "figure1": "figure1-95bb569e.zip",
    "hannover": "hannover-ad7ab099.zip",
}


def film(number: int) -> bytes:
    """Return a grey picture of 512 pixels a side, with edges and grain."""
    noise = np.random.default_rng(number)
    rough = cv2.resize(noise.normal(120, 50, (12, 12)).astype(np.float32), (512, 512))
    grey = np.clip(rough + noise.normal(0, 6, (512, 512)), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg" if number % 2 == 0 else ".png", grey)[1].tobytes()


def make(folder: Path, id: str, labels: int, films: int) -> None:
    """Make a release with a table of so many rows, and films of the first of them."""
    index.jpeg = index.png = film
    index.make(folder, id, labels, films)


def run(folder: Path, *words: str) -> Run:
    """Run covcat on the data of a folder."""
    options = ["--data-dir", str(folder / "data"), "-q"]
    if (folder / "catalog").is_dir():
        options += ["--catalog", str(folder / "catalog")]
    return timed([str(covcat()), *options, *words])


def tell(case: str, program: str, ran: Run, page: Path) -> None:
    """Print a line."""
    size = f"{page.stat().st_size / 1e6:8.2f}" if page.is_file() else "       ?"
    numbers = ran.error or f"{size} MB {ran.seconds:8.2f} s {ran.peak / 1024:8.0f} MiB"
    print(f"{case:28} {program:16} {numbers}", flush=True)


def measure(case: str, folder: Path, ids: Sequence[str], python: Path | None) -> None:
    """Make a page of some releases, and the peer's of the same rows."""
    table, page = folder / "rows.csv", folder / "page.html"
    run(folder, "images", *ids, "--all", "--format", "csv", "-o", str(table), "--force")
    tell(case, "covcat", run(folder, "report", *ids, "-o", str(page), "--force"), page)
    if python is not None:
        page = folder / "profile.html"
        tell(
            case,
            "ydata-profiling",
            timed([str(python), "-c", PROFILE, str(table), str(page)]),
            page,
        )


def peer(folder: Path) -> Path | None:
    """Install ydata-profiling into an environment of its own; None if it cannot be had."""
    venv.create(folder / "peer", with_pip=True)
    python = folder / "peer" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "ydata-profiling", "setuptools<81"]
    if subprocess.run(pip, check=False).returncode:
        print("ydata-profiling cannot be installed: left out")
        return None
    return python


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    part = 10 if asked.quick else 1
    with tempfile.TemporaryDirectory(prefix="covcat-bench-") as name:
        folder = Path(name)
        python = peer(folder) if asked.peer else None
        real = folder / "real"
        run(real, "fetch", "sample")
        measure("sample", real, ["sample"], python)
        zips = {id: asked.shared / "real" / zip for id, zip in REAL.items()}
        if all(zip.is_file() for zip in zips.values()):
            for id, zip in zips.items():
                run(real, "import", id, str(zip.absolute()), "--allow-missing")
            measure("cohen, figure1, hannover", real, [*zips], python)
        made = folder / "made"
        made.mkdir()
        make(made, "films", 1_000 // part, 1_000 // part)
        measure(f"{1_000 // part:,} films", made, ["films"], python)
        make(made, "rows", 100_000 // part, 3_000 // part)
        measure(f"{100_000 // part:,} rows, {3_000 // part:,} films", made, ["rows"], python)


if __name__ == "__main__":
    main()
