"""Encrypted archives and archives in volumes, damaged in every place: true members, or an error.

A volume is missing, two are swapped, one is of another archive; bytes are turned, an end is cut.
"""

import functools
import io
import random
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from makers.archives import tar_of
from makers.encrypted import FILES, RIGHT, packed_by, rar5, seven_zip
from makers.rars import rar5_volumes
from makers.runs import tree_on_disk

from covcat.archives.base import Opening
from covcat.archives.by_hand import unpacked
from covcat.archives.rules import Layout
from covcat.errors import CovcatError
from covcat.progress import Silent
from torture.fixture import Case, Tally, Verdict, Wish, conduct

COUNT, QUICK, BUDGET = 6000, 60, 600
Pieces = dict[str, bytes]  # the volumes of an archive, by name
OTHER = {**FILES, "c.txt": b"other text\n" * 2500, "scans/b.bin": random.randbytes(300_000)}


def _cut(name: str, data: bytes, endings: str) -> Pieces:
    step = len(data) // len(endings.split()) + 1
    parts = enumerate(endings.split())
    return {f"{name}.{end}": data[at * step : (at + 1) * step] for at, end in parts}


def _zip_s(files: dict[str, bytes]) -> Pieces:
    """As `zip -s` cuts it, whose smallest volume has 64 KB; none where there is no zip."""
    if shutil.which("zip") is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(tar_of(files))) as tar:
            tar.extractall(f"{folder}/in", filter="data")
        command = ["zip", "-q", "-s", "64k", "-r", "../made.zip", *files]
        subprocess.run(command, check=True, cwd=f"{folder}/in")
        return {one.name: one.read_bytes() for one in Path(folder).glob("made.*")}


MAKERS: dict[str, Callable[[dict[str, bytes]], Pieces]] = {
    "zip AES": lambda files: packed_by("zip", "-mem=AES256", f"-p{RIGHT}", files=files),
    "zip ZipCrypto": lambda files: packed_by("zip", "-mem=ZipCrypto", f"-p{RIGHT}", files=files),
    "zip PPMd": lambda files: packed_by("zip", "-mm=PPMd", files=files),
    "7z encrypted": lambda files: {"made.7z": seven_zip(header=False, files=files)},
    "7z with its names": lambda files: {"made.7z": seven_zip(header=True, files=files)},
    "rar encrypted": lambda files: {"made.rar": rar5(files=files)},
    "7z volumes": lambda files: packed_by("7z", "-v64k", files=files),
    "7z volumes encrypted": lambda files: packed_by("7z", "-v64k", f"-p{RIGHT}", files=files),
    "zip.001": lambda files: packed_by("zip", "-v64k", files=files),
    "zip -s": _zip_s,
    "split tar.gz": lambda files: _cut("made.tar.gz", tar_of(files, "gz"), "aa ab ac ad"),
    "rar volumes": lambda files: {
        f"made.part{number}.rar": data
        for number, data in enumerate(rar5_volumes("b.bin", files["scans/b.bin"], 3), 1)
    },
}
LOCKED = {"zip AES", "zip ZipCrypto", "7z encrypted", "7z with its names", "rar encrypted"} | {
    "7z volumes encrypted"
}


@functools.cache
def _made(kind: str) -> tuple[Pieces, Pieces, dict[str, bytes]]:
    """Return an archive, another of the same kind, and what is in the first."""
    true = {"b.bin": FILES["scans/b.bin"]} if kind == "rar volumes" else FILES
    return MAKERS[kind](FILES), MAKERS[kind](OTHER), true


def _turn(pieces: Pieces, other: Pieces, chance: random.Random) -> None:
    name = chance.choice(sorted(pieces))
    data = bytearray(pieces[name])
    ends = (0, min(300, len(data)), max(0, len(data) - 400), len(data))
    low, high = chance.choice([(ends[0], ends[1]), (ends[2], ends[3]), (0, len(data))])
    at = chance.randrange(low, high)
    if chance.random() < 0.6:
        data[at] ^= 1 << chance.randrange(8)
    else:
        size = min(chance.randrange(1, 40), len(data) - at)
        data[at : at + size] = chance.randbytes(size)
    pieces[name] = bytes(data)


def _truncate(pieces: Pieces, other: Pieces, chance: random.Random) -> None:
    name = chance.choice(sorted(pieces))
    left = chance.randrange(len(pieces[name]))
    pieces[name] = pieces[name][: chance.choice([left, max(0, len(pieces[name]) - 1 - left % 40)])]


def _miss(pieces: Pieces, other: Pieces, chance: random.Random) -> None:
    del pieces[chance.choice(sorted(pieces))]


def _swap(pieces: Pieces, other: Pieces, chance: random.Random) -> None:
    one, two = chance.sample(sorted(pieces), 2)
    pieces[one], pieces[two] = pieces[two], pieces[one]


def _mix(pieces: Pieces, other: Pieces, chance: random.Random) -> None:
    """Put a volume of another archive in, or of one file a part of the other at its place."""
    name = chance.choice(sorted(pieces.keys() & other.keys()))
    if len(pieces) > 1:
        pieces[name] = other[name]
        return
    mine, its = pieces[name], other[name]
    at = chance.randrange(1, min(len(mine), len(its)))
    pieces[name] = chance.choice([mine[:at] + its[at:], its[:at] + mine[at:]])


WAYS = {"turned": _turn, "cut": _truncate, "missing": _miss, "swapped": _swap, "mixed": _mix}


def _case(kind: str, way: str, seed: int) -> Verdict:
    chance = random.Random(f"{kind} {way} {seed}")
    whole, other, true = _made(kind)
    if not whole:
        return Verdict(0)
    pieces = dict(whole)
    WAYS[way](pieces, other, chance)
    with tempfile.TemporaryDirectory(prefix="torture-") as made:
        folder = Path(made)
        for name, data in pieces.items():
            (folder / name).write_bytes(data)
        given, out = folder / chance.choice(sorted(pieces)), folder / "out"
        opening = Opening(password=RIGHT if kind in LOCKED else None)
        layout = Layout(command="covcat extract")
        allowed = (6, 7) if kind in LOCKED else (6,)
        try:
            unpacked([given], out, layout, None, None, Silent(), opening)
        except CovcatError as error:
            left = {one.name for one in folder.iterdir()} - set(pieces)
            faults = [f"it left {', '.join(sorted(left))}"] if left else []
            if error.code not in allowed:
                faults.append(f"exit {error.code}: {error.message}")
            return Verdict(faults=faults)
        got = tree_on_disk(out)
        if got != true:
            return Verdict(is_wrong=True, faults=[f"it unpacks to {sorted(got)}, not what it was"])
        is_whole = pieces == whole or way != "missing"
        return Verdict(faults=[] if is_whole else ["a volume is missing, and nobody told"])


def run(wish: Wish) -> list[Tally]:
    kinds = [
        (kind, way)
        for kind in MAKERS
        for way in WAYS
        if len(_made(kind)[0]) > 1 or way not in ("missing", "swapped")
    ]
    cases = [
        Case(f"{kind} {way} #{seed}", functools.partial(_case, kind, way, seed))
        for seed in range(wish.number(COUNT, QUICK) // len(kinds) + 1)
        for kind, way in kinds
    ]
    return [conduct("damage", [one for one in cases if wish.only in one.label], BUDGET)]
