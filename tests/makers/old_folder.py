"""A data folder as commit d314246 wrote it: its records as they were, the data made again.

The records beside this module, in old/, are those that a run of that commit left, of the bundled
sample and of made-up releases. Beyond them a folder has SHA256SUMS, empty lock files, and no more.
"""

import io
import zipfile
from base64 import b64decode
from hashlib import sha256
from json import loads
from pathlib import Path

from covcat.catalog.yaml import packaged_catalog
from makers.archives import REPOSITORY
from makers.releases import Shelf

RECORDS = Path(__file__).parent / "old"
LABELS = b"patient,finding\n1,COVID-19\n"
NOTES = b"notes of the authors\n"
SCANS = b64decode(
    "UEsDBBQAAAAIAAAAqFBLDsriCwAAAAkAAAAIAAAAQ1QvYS5wbmcryEwuKS1KVUgEAFBLAwQUAAAACAAAAKhQ8V/D"
    "ewsAAAAJAAAACAAAAENUL2IucG5nK8hMLiktSlVIAgBQSwECFAMUAAAACAAAAKhQSw7K4gsAAAAJAAAACAAAAAAA"
    "AAAAAAAAgAEAAAAAQ1QvYS5wbmdQSwECFAMUAAAACAAAAKhQ8V/DewsAAAAJAAAACAAAAAAAAAAAAAAAgAExAAAA"
    "Q1QvYi5wbmdQSwUGAAAAAAIAAgBsAAAAYgAAAAAA"
)
PICTURES = {"CT/a.png": b"picture a", "CT/b.png": b"picture b"}
BIG = b"".join(sha256(b"%d" % number).digest() for number in range(8000))
CUT = 150_000  # bytes of it came
SERVED = {"big.bin": BIG, "scans.zip": SCANS, "labels.csv": LABELS, "notes.txt": NOTES}
PART = "cut@1.2ef32caa6d2a.752c0d18"
IDS = ("packed", "part", "repo", "sample", "whole")


def _sample() -> dict[str, bytes]:
    packed = (packaged_catalog() / "bundled/sample-1.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def write(data: Path, shelf: Shelf) -> Path:
    """Write the data folder, the catalog of what is in it, and its lock file, which is returned."""
    held = {
        "packed": {"archives/labels.csv": LABELS, "archives/scans.zip": SCANS},
        "part": {"files/labels.csv": LABELS},
        "repo": {f"files/{path}": data for path, data in REPOSITORY.items()},
        "sample": {f"files/{path}": data for path, data in _sample().items()},
        "whole": {
            f"files/{path}": data for path, data in {**PICTURES, "labels.csv": LABELS}.items()
        },
    }
    for id, contents in held.items():
        folder = data / id / "1"
        for path, content in contents.items():
            _put(folder / path, content)
        _put(folder / "manifest.json", (RECORDS / f"{id}.json").read_bytes())
        sums = [f"{sha256(contents[path]).hexdigest()}  {path}\n" for path in sorted(contents)]
        _put(folder / "SHA256SUMS", "".join(sums).encode())
    private = data / ".covcat"
    for id in (*IDS, "cut", "waits"):
        _put(private / "locks" / f"{id}@1.lock", b"")
    waiting = private / "partial" / "waits@1"
    journal = (RECORDS / "journal.jsonl").read_bytes()
    _put(waiting / "journal.jsonl", journal)
    for line in map(loads, journal.splitlines()):
        _put(waiting / line["path"], SERVED[line["name"]])
    for name in ("partial/waits@1/2-19a20c31", "partial/cut@1/0-bb2592e7", "staging"):
        (private / name).mkdir(parents=True)
    _put(private / "parts" / f"{PART}.part", BIG[:CUT])
    _put(private / "parts" / f"{PART}.json", (RECORDS / f"{PART}.json").read_bytes())
    for id in ("packed", "part", "whole"):
        _add(shelf, id, "scans.zip", "labels.csv")
    _add(shelf, "waits", "labels.csv", "scans.zip", "notes.txt")
    _add(shelf, "cut", "big.bin")
    shelf.add_repository("repo")
    lock = data.parent / "covcat.lock"
    _put(lock, (RECORDS / "covcat.lock").read_bytes())
    return lock


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _add(shelf: Shelf, id: str, *names: str) -> None:
    shelf.add_pinned(id, {name: SERVED[name] for name in names})
