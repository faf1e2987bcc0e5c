"""Draw the synthetic sample that comes with covcat, and write its listing.

Usage: python scripts/make_sample.py

Every picture is computed from the numbers below: no patient, no photograph, no random source. The
same zlib gives the same bytes; another one may pack them otherwise, and then the digest in
catalog/sample.yaml, which this script prints, changes with it.
"""

import csv
import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from covcat.catalog.listing import ListedFile, totals, write
from covcat.digests import blob_id

CATALOG = Path(__file__).parents[1] / "catalog"
ZIP = CATALOG / "bundled" / "sample-1.zip"
LISTING = CATALOG / "listings" / "sample@1.tsv.gz"

SIZE = 256  # pixels, both ways
STEP = 6  # between grey levels: few of them, so that the pictures pack well
NOTE = "synthetic: drawn by make_sample.py"

README = """\
# covcat's synthetic sample

Twelve grey pictures that a short program (scripts/make_sample.py of covcat) drew from ellipses:
"X-rays", "CT slices" and "ultrasound" that look a little like the real thing, and metadata.csv
with made-up labels in the columns of Cohen et al.'s COVID-19 Image Data Collection.

No patient is in it and nothing was measured. It is for trying out covcat and for its tests.
It is not for training, evaluating or demonstrating any model.
"""
LICENSE = """\
CC0 1.0 Universal: to the extent possible under law, the authors of covcat have waived all
copyright and related or neighbouring rights to this sample (its pictures, metadata.csv and
README.md). It is offered as it is, without warranty of any kind. The full text of the waiver is
at https://creativecommons.org/publicdomain/zero/1.0/legalcode
"""


# ---- pictures ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Adds `grey` inside an ellipse, softly towards its edge, or only along its edge."""

    x: float
    y: float
    width: float  # half of it
    height: float
    grey: float
    is_ring: bool = False

    def at(self, x: int, y: int) -> float:
        """Return what it adds to the pixel."""
        across, along = (x - self.x) / self.width, (y - self.y) / self.height
        distance = across * across + along * along
        if self.is_ring:
            return self.grey * max(0.0, 1.0 - 12.0 * abs(distance - 1.0))
        return self.grey * min(1.0, max(0.0, 1.0 - distance) * 4.0)


Shapes = tuple[Ellipse, ...]

RIBS = tuple(Ellipse(128, 60 + 30 * n, 104, 34, 16, is_ring=True) for n in range(6))
LUNGS = (Ellipse(82, 122, 40, 82, -84), Ellipse(174, 122, 40, 82, -84))
FRONT = (
    Ellipse(128, 150, 122, 170, 148),  # body
    *LUNGS,
    *RIBS,
    Ellipse(128, 128, 13, 130, 34),  # spine
    Ellipse(148, 160, 38, 42, 46),  # heart
)
SIDE = (
    Ellipse(128, 140, 92, 160, 140),
    Ellipse(118, 118, 58, 84, -78),
    Ellipse(186, 128, 14, 124, 44),
    Ellipse(104, 158, 32, 38, 48),
    *(Ellipse(124, 70 + 34 * n, 74, 30, 12, is_ring=True) for n in range(4)),
)
SLICE = (
    Ellipse(128, 132, 118, 92, 138),
    Ellipse(78, 126, 38, 62, -118),
    Ellipse(178, 126, 38, 62, -118),
    Ellipse(128, 118, 30, 40, 32),
    Ellipse(128, 192, 18, 20, 90),
    Ellipse(128, 132, 110, 84, 30, is_ring=True),
)
PLEURA = (Ellipse(128, -40, 132, 132, 150, is_ring=True), Ellipse(128, 60, 150, 60, 40))
A_LINES = tuple(Ellipse(128, -40, 132 + d, 132 + d, 210 - d, is_ring=True) for d in (60, 120))
B_LINES = tuple(Ellipse(x, 170, 7, 110, 96) for x in (92, 130, 160))


def blobs(*places: tuple[int, int]) -> Shapes:
    """Return cloudy patches at the places."""
    return tuple(Ellipse(x, y, 20 + (x + y) % 9, 16 + x % 7, 58) for x, y in places)


# 3 x 5 pixels a letter, a digit a row
LETTERS = {"S": "74717", "Y": "55222", "N": "65555", "T": "72222"}
LETTERS |= {"H": "55755", "E": "74747", "I": "72227", "C": "74447"}


def stamp() -> set[tuple[int, int]]:
    """Return the pixels of the word SYNTHETIC, at the lower left."""
    return {
        (6 + 8 * place + 2 * column + dx, 242 + 2 * row + dy)
        for place, letter in enumerate("SYNTHETIC")
        for row, bits in enumerate(LETTERS[letter])
        for column in range(3)
        if int(bits) & (4 >> column)
        for dx in (0, 1)
        for dy in (0, 1)
    }


def in_fan(x: int, y: int) -> bool:
    """Return whether a convex probe would see the pixel."""
    across, along = x - 128, y + 40
    return abs(across) * 10 <= along * 6 and 60**2 <= across**2 + along**2 <= 276**2


def draw(shapes: Shapes, seed: int, *, is_fan: bool) -> Iterator[bytes]:
    """Yield the rows of a picture, a byte a pixel."""
    word = stamp()
    for y in range(SIZE):
        row = bytearray(SIZE)
        for x in range(SIZE):
            if (x, y) in word:
                row[x] = 255
            elif not is_fan or in_fan(x, y):
                grain = ((x * 73856093 ^ y * 19349663 ^ seed * 83492791) >> 5) % 3
                grey = 14 + grain + sum(shape.at(x, y) for shape in shapes)
                row[x] = min(240, max(0, int(grey) // STEP * STEP))
        yield bytes(row)


def png(rows: Iterator[bytes]) -> bytes:
    """Pack rows as an 8-bit grey PNG whose comment says what it is."""
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = [
        (b"IHDR", header),
        (b"tEXt", b"Comment\0" + NOTE.encode()),
        (b"IDAT", pixels),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


# ---- images and their labels -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Image:
    """A picture and its row of metadata.csv; every value is made up."""

    patient: int
    offset: int
    sex: str
    age: int
    finding: str
    survival: str
    view: str
    modality: str
    date: str
    shapes: Shapes

    @property
    def name(self) -> str:
        """File name, from what the picture stands for."""
        view = self.view.lower().replace(" ", "-")
        return f"synthetic-{self.patient:02}-{self.offset}-{view}.png"

    @property
    def row(self) -> list[object]:
        """Cells in the order of HEADER."""
        who = [self.patient, self.offset, self.sex, self.age, self.finding, self.survival]
        what = [self.view, self.modality, self.date, "nowhere", self.name, "", "", "CC0-1.0"]
        return [*who, *what, NOTE, "no patient: not for training"]


HEADER = (
    "patientid,offset,sex,age,finding,survival,view,modality,date,location,filename,doi,url,"
    "license,clinical_notes,other_notes\n"
)

X, C, U = "X-ray", "CT", "Ultrasound"
COVID, NONE, OTHER = "COVID-19", "No Finding", "Pneumonia"
EARLY, LATE = blobs((70, 160)), blobs((70, 160), (84, 120), (180, 170))
IMAGES = [
    Image(1, 0, "M", 65, COVID, "Y", "PA", X, "2020-03-01", FRONT + EARLY),
    Image(1, 4, "M", 65, COVID, "Y", "PA", X, "2020-03-05", FRONT + LATE),
    Image(2, 2, "F", 52, COVID, "N", "AP", X, "2020-03-02", FRONT + LATE),
    Image(2, 7, "F", 52, COVID, "N", "AP Supine", X, "2020-03-07", FRONT + LATE + EARLY),
    Image(3, 0, "F", 41, NONE, "Y", "PA", X, "2020-03-03", FRONT),
    Image(4, 1, "M", 33, OTHER, "Y", "L", X, "2020-03-04", SIDE + blobs((120, 150))),
    Image(5, 3, "M", 58, COVID, "Y", "Axial", C, "2020-03-08", SLICE + blobs((70, 150), (186, 99))),
    Image(6, 5, "F", 70, COVID, "", "Axial", C, "2020-03-09", SLICE + blobs((80, 96), (74, 152))),
    Image(7, 0, "M", 47, NONE, "Y", "Axial", C, "2020-03-10", SLICE),
    Image(8, 2, "F", 29, OTHER, "Y", "Axial", C, "2020-03-11", SLICE + blobs((180, 160))),
    Image(9, 6, "M", 61, COVID, "Y", "Convex", U, "2020-03-12", PLEURA + B_LINES),
    Image(10, 0, "F", 36, NONE, "Y", "Convex", U, "2020-03-13", PLEURA + A_LINES),
]


def metadata() -> bytes:
    """Return metadata.csv."""
    text = io.StringIO()
    text.write(HEADER)
    csv.writer(text, lineterminator="\n").writerows(image.row for image in IMAGES)
    return text.getvalue().encode()


# ---- the zip and its listing -------------------------------------------------------------------


def members() -> dict[str, bytes]:
    """Return every file of the sample by its path."""
    texts = {"LICENSE": LICENSE.encode(), "README.md": README.encode(), "metadata.csv": metadata()}
    pictures = {
        f"images/{image.name}": png(draw(image.shapes, seed, is_fan=image.modality == U))
        for seed, image in enumerate(IMAGES, 1)
    }
    return dict(sorted((texts | pictures).items()))


def pack(files: dict[str, bytes]) -> bytes:
    """Zip the files so that the same files always give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)
    return packed.getvalue()


def listed(path: str, data: bytes) -> ListedFile:
    """Return the row of the listing for one file."""
    return ListedFile(path, None, blob_id(data), len(data), hashlib.sha256(data).hexdigest())


def main() -> None:
    """Write the zip and the listing, and print what catalog/sample.yaml must say."""
    files = members()
    data = pack(files)
    ZIP.write_bytes(data)
    rows = {path: listed(path, content) for path, content in files.items()}
    write(LISTING, rows.values())
    print(f"bytes: {len(data)}\nsha256: {hashlib.sha256(data).hexdigest()}")
    print(totals(row.bytes for row in rows.values()))


if __name__ == "__main__":
    main()
