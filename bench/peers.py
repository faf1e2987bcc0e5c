"""What other tools find of the same copies: each in an environment of its own.

A peer prints the pairs of an original and a copy that it calls the same, one a line, and is run
as its own documents say, with its own defaults where it has any.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_SECONDS = 900  # that an installation, or a peer, may take
_INSTALLED = "import sysconfig; print(sysconfig.get_path('purelib'))"

IMAGEHASH = """
import imagehash
from PIL import Image
every = {str(one): imagehash.phash(Image.open(one), hash_size=16) for one in folder.rglob("*.png")}
for a, hash_a in every.items():
    for b, hash_b in every.items():
        if a < b and hash_a - hash_b <= LIMIT:
            pairs.append((a, b))
"""
IMAGEDEDUP = """
from imagededup.methods import PHash, DHash
if __name__ == "__main__":
    found = METHOD().find_duplicates(image_dir=str(folder), recursive=True, LIMIT)
    pairs += [(a, b) for a, others in found.items() for b in others]
"""
FASTDUP = """
import fastdup
made = fastdup.create(work_dir=str(folder.parent / "fastdup"), input_dir=str(folder))
made.run(threshold=LIMIT, overwrite=True, print_summary=False)
rows = made.similarity()
pairs += list(zip(rows["filename_from"], rows["filename_to"]))
"""
PEERS = (  # name, package, program
    ("256-bit DCT hash <= 16 (imagehash)", "imagehash", IMAGEHASH.replace("LIMIT", "16")),
    ("256-bit DCT hash <= 31 (imagehash)", "imagehash", IMAGEHASH.replace("LIMIT", "31")),
    (
        "imagededup PHash <= 10, its default",
        "imagededup",
        IMAGEDEDUP.replace("METHOD", "PHash").replace("LIMIT", "max_distance_threshold=10"),
    ),
    (
        "imagededup DHash <= 4",
        "imagededup",
        IMAGEDEDUP.replace("METHOD", "DHash").replace("LIMIT", "max_distance_threshold=4"),
    ),
    ("fastdup >= 0.90, its default", "fastdup", FASTDUP.replace("LIMIT", "0.9")),
    ("fastdup >= 0.96", "fastdup", FASTDUP.replace("LIMIT", "0.96")),
)
_FRAME = """
import json, sys, time
from pathlib import Path
folder, pairs, began = Path(sys.argv[1]), [], time.monotonic()
PROGRAM
if __name__ == "__main__":
    names = [(Path(a).stem, Path(b).stem) for a, b in pairs]
    out = {"pairs": names, "seconds": time.monotonic() - began}
    Path(sys.argv[2]).write_text(json.dumps(out))
"""


def beside_peers(folder: Path) -> None:
    """Print what each finds of the copies, in folders below this one, with their originals."""
    pictures, copies = folder / "pictures", list[str]()
    pictures.mkdir()
    for one in sorted(folder.glob("*/*.png")):
        name = one.stem if one.parent.name == "originals" else f"{one.stem} {one.parent.name}"
        (pictures / f"{name}.png").hardlink_to(one)
        copies += [name] if " " in name else []
    environments: dict[str, tuple[Path | None, str]] = {}
    print(f"peers, {len(copies)} copies    found   wrong   seconds   installed MB", flush=True)
    with tempfile.TemporaryDirectory(prefix="covcat-peers-") as name:
        for title, package, program in PEERS:
            if package not in environments:
                environments[package] = install(package, Path(name) / package)
            python, said = environments[package]
            row = said if python is None else run(python, program, pictures, copies) + said
            print(f"  {title:36} {row}", flush=True)


def install(package: str, folder: Path) -> tuple[Path | None, str]:
    """Return the Python of a new environment with a package, and its size; or None and why not."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    asked = [python, "-c", _INSTALLED]
    home = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    before = _size(home)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
    try:
        done = subprocess.run(
            pip, check=False, timeout=MOST_SECONDS, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return None, f"left out: not installed after {MOST_SECONDS} s"
    if done.returncode:
        return None, f"left out: not installed: {done.stderr.strip().splitlines()[-1][:90]}"
    return python, f"{(_size(home) - before) / 1e6:10.0f}"


def _size(folder: Path) -> int:
    return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file())


def run(python: Path, program: str, folder: Path, copies: list[str]) -> str:
    """Return how many copies a peer pairs with their original, and how many pairs are wrong."""
    with tempfile.TemporaryDirectory(prefix="covcat-peer-") as name:
        script, out = Path(name) / "peer.py", Path(name) / "out.json"
        script.write_text(_FRAME.replace("PROGRAM", program))
        began = time.monotonic()
        try:
            done = subprocess.run(
                [python, script, folder, out],
                check=False,
                timeout=MOST_SECONDS,
                capture_output=True,
                text=True,
                cwd=name,
            )
        except subprocess.TimeoutExpired:
            return f"left out: not done after {MOST_SECONDS} s; installed MB "
        if not out.is_file():
            said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            return f"left out: {said[:90]}; installed MB "
        took = time.monotonic() - began
        pairs = {frozenset(pair) for pair in json.loads(out.read_text())["pairs"]}
    found, wrong = set[str](), 0
    for a, b in (sorted(pair) for pair in pairs if len(pair) == 2):
        original, copy = (a, b) if " " in b else (b, a)
        if " " in original or " " not in copy:
            continue  # two copies, or two originals
        if copy.partition(" ")[0] == original:
            found.add(copy)
        else:
            wrong += 1
    return f"{len(found) / len(copies):9.1%} {wrong:7,} {took:9.0f}"
