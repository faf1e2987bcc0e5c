"""Measure the image index against a plain pandas + Pillow loop, as ratios in one run.

Usage: python bench/index.py [--quick]

100,000 tiny images (PNG and JPEG) with a table of labels, and a table of 1,000,000 rows in Cohen's
form without images, as text and as a full sheet of a workbook; --quick takes a tenth. All are whole
processes on files in memory, in turn, so that a busy machine slows all of them. Each leaves a table
on disk, but for `read_csv` alone; that of covcat has every raw cell beside the labels in one
vocabulary. "less start-up" leaves out what each takes for a release of one image. The exit code is
always 0: a ratio is for people to read, not for a gate that depends on the machine.
"""

import csv
import hashlib
import importlib.util
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median

from extract import Command, Run, Runs, covcat, last_error
from start import environment

IMAGES, ROWS, SHEET_ROWS = 100_000, 1_000_000, 1_048_575
RUNS = 3
MOST_MIB = 500  # of memory, for a table
SEED = 19
HEADER = (
    *("patientid", "offset", "sex", "age", "finding", "survival", "view", "modality", "date"),
    *("location", "filename", "doi", " url", "license", "clinical notes", "other notes", ""),
)
WORDS = ("lung", "lobe", "opacity", "ground", "glass", "left", "right", "no", "effusion", "seen")
ENTRY = """\
id: {id}
title: Made for a measurement
organization: covcat
homepage: https://example.org/{id}
homepage_source: made up
summary: Synthetic.
found: {{ct: N, xray: Y, mri: N, ultrasound: N, metadata: Y, case_review: N, source: made up}}
license:
  spdx: LicenseRef-per-image
  allows: {{commercial: unknown, derivatives: unknown, redistribution: unknown}}
  source: made up
  per_image: {{table: metadata.csv, column: license}}
access: open
citation: [{{entry: misc, key: {id}, source: made up, fields: {{title: A set, year: "2020"}}}}]
releases:
  - id: "1"
    source: made up
    files: [{{host: web, name: a.zip, url: "https://example.org/a.zip", unpack: zip}}]
tables:
  - reader: delimited
    path: metadata.csv
    source: made up
    columns:
      patient_id: patientid
      offset: offset
      sex: sex
      age: age
      finding: finding
      survival: survival
      view: view
      modality: modality
      date: date
      location: location
      filename: filename
      doi: doi
      url: url
      license: license
      clinical_notes: clinical_notes
      other_notes: other_notes
    image: "{{filename}}"
    match: name
    dates: mdy
"""
PEERS = {
    "images": {
        "pandas + Pillow": """
import pandas, pathlib, sys
sys.path.append(sys.argv[1])
from PIL import Image
folder, out = pathlib.Path(sys.argv[2]), sys.argv[3]
rows = []
for path in folder.rglob("*"):
    if path.suffix in (".png", ".jpg"):
        with Image.open(path) as image:
            rows.append((path.name, str(path), path.stat().st_size, *image.size, image.mode))
names = ["filename", "path", "bytes", "width", "height", "mode"]
found = pandas.DataFrame(rows, columns=names)
table = pandas.read_csv(folder / "metadata.csv", dtype=str, na_filter=False)
table.merge(found, how="outer").to_csv(out)
"""
    },
    "sheet": {},  # pandas reads it through openpyxl, which takes minutes
    "table": {
        "read_csv": """
import pandas, sys
pandas.read_csv(sys.argv[2] + "/metadata.csv", dtype=str, na_filter=False)
""",
        "read_csv, to_sql": """
import pandas, sqlite3, sys
table = pandas.read_csv(sys.argv[2] + "/metadata.csv", dtype=str, na_filter=False)
table.to_sql("images", sqlite3.connect(sys.argv[3]), index=False)
""",
    },
}


# ---- what is measured --------------------------------------------------------------------------


def png(number: int) -> bytes:
    """Return a grey picture of 16 to 47 pixels a side."""
    width, height = 16 + number % 32, 16 + number % 31
    lines = b"".join(
        b"\0" + bytes((number + row) % 251 for _ in range(width)) for row in range(height)
    )

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">L", zlib.crc32(name + data))
        return struct.pack(">L", len(data)) + name + data + check

    head = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg(number: int) -> bytes:
    """Return the header of a JPEG after 4 kB of metadata, as cameras write it, and no picture."""

    def segment(mark: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data

    frame = struct.pack(">BHHB", 8, 16 + number % 31, 16 + number % 32, 1) + b"\x01\x11\x00"
    parts = [
        segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        segment(0xED, number.to_bytes(4, "big") * 1024),
        segment(0xDB, b"\0" + b"\x01" * 64),
        segment(0xC0, frame),
        segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
    ]
    return b"\xff\xd8" + b"".join(parts) + b"\0\xff\xd9"


def rows(count: int) -> Iterator[list[str]]:
    """Yield rows of labels as Cohen's table has them."""
    random_ = random.Random(SEED)
    findings = ("COVID-19", "COVID-19, ARDS", "SARS", "No Finding", "Pneumonia/Viral/COVID-19", "")
    licenses = ("CC BY-NC-SA", "CC BY 4.0", "CC BY-NC-ND", "", "listed as authorized for everyone")
    for number in range(count):
        sex, age = random_.choice(("M", "F", "")), random_.randint(18, 95)
        place = f"Hospital {number % 400}, City, Country"
        date = f"{random_.choice(('January', 'March'))} {random_.randint(1, 28)}, 2020"
        name = f"{number:07}.{'png' if number % 2 else 'jpg'}"
        notes = " ".join(random_.choices(WORDS, k=20))
        yield [
            *(str(number // 3), str(random_.randint(-2, 30)), sex, str(age)),
            *(random_.choice(findings), random_.choice("YN"), random_.choice(("PA", "AP Supine"))),
            *("X-ray", date, place, name, "10.1056/nejmc2001272"),
            *("https://example.org/paper", random_.choice(licenses), notes, "", ""),
        ]


def write_workbook(path: Path, count: int) -> None:
    """Write the columns of rows up to `filename` as a workbook whose texts stand in the cells."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = f'<Relationships><Relationship Id="r1" Type="{kind}/{{}}" Target="{{}}"/>'
    parts = {
        "_rels/.rels": relation.format("officeDocument", "xl/workbook.xml") + "</Relationships>",
        "xl/_rels/workbook.xml.rels": relation.format("worksheet", "s.xml") + "</Relationships>",
        "xl/workbook.xml": '<workbook><sheets><sheet name="s" id="r1"/></sheets></workbook>',
    }
    width = HEADER.index("filename") + 1
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name, text in parts.items():
            book.writestr(name, text)
        with book.open("xl/s.xml", "w") as sheet:
            sheet.write(b"<worksheet><sheetData>")
            for row in chain((HEADER,), rows(count)):
                cells = (f'<c t="inlineStr"><is><t>{one}</t></is></c>' for one in row[:width])
                sheet.write(f"<row>{''.join(cells)}</row>".encode())
            sheet.write(b"</sheetData></worksheet>")


def make(folder: Path, id: str, labels: int, images: int) -> None:
    """Make a release with so many rows of labels and images, as if it had been fetched."""
    from covcat.catalog import load
    from covcat.files import StoredFile
    from covcat.store import manifest

    (folder / "catalog").mkdir(exist_ok=True)
    entry = ENTRY.format(id=id)
    if id == "sheet":
        entry = entry.replace("delimited", "sheet").replace("metadata.csv", "metadata.xlsx")
    (folder / "catalog" / f"{id}.yaml").write_text(entry)
    release = folder / "data" / id / "1"
    files = release / "files"
    files.mkdir(parents=True)
    if id == "sheet":
        write_workbook(files / "metadata.xlsx", labels)
    else:
        with (files / "metadata.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(HEADER)
            writer.writerows(rows(labels))
    for number in range(images):
        path = files / f"{number % 100:02}" / f"{number:07}.{'png' if number % 2 else 'jpg'}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((png if number % 2 else jpeg)(number))
    stored = []
    for path in sorted(one for one in files.rglob("*") if one.is_file()):
        data = path.read_bytes()
        name = path.relative_to(release).as_posix()
        stored.append(
            StoredFile(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        )
    resource, known = load.load((folder / "catalog",)).find(f"{id}@1")
    assert known is not None
    manifest.write(release, manifest.made(resource, known, (), stored, (), "files"))


# ---- measuring ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """Where everything lies."""

    folder: Path
    pillow: Path  # what Pillow was installed into, or nothing

    def command(self, program: str, case: str, id: str) -> Command:
        """Return how a program is asked for a table of a release."""
        data = self.folder / "data"
        if program == "covcat":
            options = ["--data-dir", str(data), "--catalog", str(self.folder / "catalog")]
            return [str(covcat()), *options, "-q", "images", id, "--where", "0", "--paths"]
        files, out = data / id / "1" / "files", self.folder / "out"
        return [sys.executable, "-c", PEERS[case][program], *map(str, (self.pillow, files, out))]

    def run(self, program: str, case: str, id: str) -> Run:
        """Run a program once, without what an earlier run left."""
        (self.folder / "out").unlink(missing_ok=True)
        (self.folder / "data" / id / "1" / "index.sqlite").unlink(missing_ok=True)
        return timed(self.command(program, case, id))


def timed(arguments: Command) -> Run:
    """Run a process, and return what it took."""
    start = time.perf_counter()
    process = subprocess.Popen(
        arguments,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    error = (last_error(said) or "failed") if process.returncode else ""
    return Run(taken, usage.ru_maxrss, error, usage.ru_utime + usage.ru_stime)


def measure(setting: Setting, case: str, id: str, runs: int) -> dict[str, Runs]:
    """Time all programs in turn; which goes first changes from round to round."""
    programs = ["covcat", *PEERS[case]]
    found = {program: Runs() for program in programs}
    for number in range(runs):
        turn = number % len(programs)
        for program in programs[turn:] + programs[:turn]:
            if not found[program].error:
                found[program].add(setting.run(program, case, id))
    return found


def line(case: str, peer: str, found: dict[str, Runs], starts: dict[str, Runs], count: int) -> str:
    """Say how covcat did against one peer in a line."""
    if found[peer].error:
        return f"{case:7} {peer:16} skipped: {found[peer].error}"
    ours, theirs = median(found["covcat"].seconds), median(found[peer].seconds)
    less = [
        took - median(starts[program].seconds)
        for program, took in (("covcat", ours), (peer, theirs))
    ]
    each = [f"{1e6 * seconds / count:9.1f}" for seconds in (ours, theirs)]
    return (
        f"{case:7} {peer:16} {ours:8.2f} {theirs:8.2f} {ours / theirs:6.2f} "
        f"{less[0] / less[1]:13.2f} {each[0]} {each[1]} "
        f"{found['covcat'].peak / 1024:10.0f} {found[peer].peak / 1024:8.0f}"
    )


def compare(setting: Setting, case: str, count: int) -> None:
    """Measure one release, and print a line for each peer."""
    starts = measure(setting, case, "tiny", RUNS)
    found = measure(setting, case, case, RUNS)
    if found["covcat"].error:
        print(f"{case:7} covcat: {found['covcat'].error}", flush=True)
        return
    for peer in PEERS[case]:
        print(line(case, peer, found, starts, count), flush=True)
    if case != "images":
        print(memory_line(case, found["covcat"].peak / 1024), flush=True)


def memory_line(case: str, peak: float) -> str:
    """Say how much memory a table took: what was needed for the rows is on disk."""
    verdict = "met" if peak <= MOST_MIB else "missed"
    return f"{case:7} peak memory {peak:.0f} MiB   target {MOST_MIB} MiB: {verdict}"


def install_pillow(folder: Path) -> str:
    """Install Pillow into a folder of its own; return why it could not be had, or ""."""
    if importlib.util.find_spec("PIL") is not None:
        return ""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--target", str(folder), "pillow"], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else last_error(done.stderr) or "pip failed"


def report(folder: Path, is_quick: bool) -> None:
    """Make the releases, and measure both."""
    setting = Setting(folder, folder / "pillow")
    if why := install_pillow(setting.pillow):
        print(f"Pillow cannot be had, so the loop is skipped: {why}")
        PEERS["images"].clear()
    images, labels = (IMAGES // 10, ROWS // 10) if is_quick else (IMAGES, ROWS)
    sheet = SHEET_ROWS // 10 if is_quick else SHEET_ROWS
    releases = (
        ("tiny", 1, 1),
        ("images", images, images),
        ("table", labels, 0),
        ("sheet", sheet, 0),
    )
    for id, *counts in releases:
        made = [sys.executable, __file__, "--make", str(folder), id, *map(str, counts)]
        subprocess.run(made, check=True)  # its memory is not taken for that of what is measured
    print(f"median of {RUNS} runs, {images:,} images and {labels:,} rows of labels")
    print(
        f"{'case':7} {'peer':16} {'covcat s':>8} {'peer s':>8} {'ratio':>6} "
        f"{'less start-up':>13} {'covcat µs':>9} {'peer µs':>9} {'covcat MiB':>10} {'peer MiB':>8}",
        flush=True,
    )
    compare(setting, "images", images)
    compare(setting, "table", labels)
    compare(setting, "sheet", sheet)


def main() -> None:
    """Work in memory where that is possible."""
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return
    if covcat() is None:
        print(f"note: covcat is not installed beside {sys.executable}", file=sys.stderr)
        return
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        report(Path(folder), "--quick" in sys.argv[1:])


if __name__ == "__main__":
    main()
