"""Synthetic files: small, valid in their formats, the same for the same name, never a patient's."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping

from makers.archives import tar_of, zip_of
from makers.tables import dicom as dicom_file

from covcat.catalog.series import Series

METADATA = (
    "patientid,offset,sex,age,finding,survival,intubated,intubation_present,went_icu,in_icu,"
    "needed_supplemental_O2,extubated,temperature,pO2_saturation,leukocyte_count,"
    "neutrophil_count,lymphocyte_count,view,modality,date,location,folder,filename,doi,url,"
    "license,clinical_notes,other_notes,\n"
)
PAPERS = (
    "cord_uid,sha,source_x,title,doi,pmcid,pubmed_id,license,abstract,publish_time,authors,"
    "journal,mag_id,who_covidence_id,arxiv_id,pdf_json_files,pmc_json_files,url,s2_id\n"
)
_PICTURE_SIDE = 16


def made(path: str) -> bytes:
    """Return a file that is what its name says."""
    name = path.rpartition("/")[2].lower()
    for suffix, make in _MAKERS.items():
        if name.endswith(suffix):
            return make(path)
    return plain(path)


def seed_of(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4])


def plain(path: str) -> bytes:
    return f"made up: {path}\n".encode() * (1 + seed_of(path) % 5)


def noise(path: str, size: int = 600) -> bytes:
    """Return bytes that do not pack."""
    count = -(-size // 32)
    blocks = (hashlib.sha256(f"{path}:{at}".encode()).digest() for at in range(count))
    return b"".join(blocks)[:size]


def png(path: str) -> bytes:
    side, pixels = _PICTURE_SIDE, noise(path, _PICTURE_SIDE**2)
    rows = b"".join(b"\0" + pixels[at : at + side] for at in range(0, len(pixels), side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def jpeg(path: str) -> bytes:
    """Return 8 x 8 pixels of one grey: a DC code of 7 bits, then the end of the block."""
    one_code = bytes((1, *(0 for _ in range(15))))
    segments = (
        (0xFE, noise(path, 32)),  # a comment, so that no two are the same
        (0xDB, b"\0" + b"\x08" * 64),
        (0xC0, b"\x08\0\x08\0\x08\x01\x01\x11\0"),
        (0xC4, b"\x00" + one_code + b"\x07"),
        (0xC4, b"\x10" + one_code + b"\x00"),
        (0xDA, b"\x01\x01\x00\x00\x3f\x00"),
    )
    head = b"".join(
        bytes((0xFF, mark)) + struct.pack(">H", len(data) + 2) + data for mark, data in segments
    )
    return b"\xff\xd8" + head + bytes((0x40 | seed_of(path) % 64, 0x7F)) + b"\xff\xd9"


def nifti(path: str) -> bytes:
    """Return a gzipped volume of 4 x 4 x 4 voxels of 16 bits."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 4, 4, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    header[344:348] = b"n+1\0"
    return gzip.compress(bytes(header) + noise(path, 128), mtime=0)


def dicom(path: str) -> bytes:
    """Return the beginning of a DICOM file: 128 zeros, DICM, a few elements, some bytes."""
    syntax = _element(0x0002, 0x0010, b"UI", b"1.2.840.10008.1.2.1\0")
    meta = _element(0x0002, 0x0000, b"UL", struct.pack("<I", len(syntax))) + syntax
    body = _element(0x0008, 0x0060, b"CS", b"CT") + _element(0x0010, 0x0020, b"LO", b"MADEUP")
    return (
        bytes(128)
        + b"DICM"
        + meta
        + body
        + _element(0x0020, 0x4000, b"LT", noise(path, 200).hex().encode())
    )


def slice_of(one: Series, number: int) -> bytes:
    """Return a whole DICOM file of a series, longer where the series is to have so many bytes."""
    told = {
        0x0008_0060: (b"CS", one.modality.encode()),
        0x0010_0020: (b"LO", one.patient.encode()),
        0x0018_5101: (b"CS", b"AP"),
        0x0020_000D: (b"UI", one.study.encode()),
        0x0020_000E: (b"UI", one.uid.encode()),
        0x0020_0013: (b"IS", str(number).encode()),
        0x7FE0_0010: (b"OW", noise(f"{one.uid} {number}", 64)),
    }
    more = one.bytes // one.objects - len(dicom_file(more=told))
    pixels = told[0x7FE0_0010][1] + bytes(max(0, more))
    return dicom_file(more={**told, 0x7FE0_0010: (b"OW", pixels)})


def _element(group: int, element: int, kind: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", group, element, kind, len(value)) + value


def metadata(pictures: Iterable[str]) -> bytes:
    known = {"sex": "F", "age": "50", "finding": "COVID-19", "view": "PA", "modality": "X-ray"}
    places = [path.rpartition("/") for path in pictures]
    rows = [
        {**known, "patientid": str(number), "folder": folder, "filename": name}
        for number, (folder, _, name) in enumerate(places, 1)
    ]
    return _table(METADATA, rows)


def papers(*uids: str) -> bytes:
    known = {"source_x": "made up", "license": "cc-by"}
    return _table(PAPERS, [{**known, "cord_uid": uid, "title": f"A paper {uid}"} for uid in uids])


def _table(header: str, rows: Iterable[Mapping[str, str]]) -> bytes:
    names = header.rstrip("\n").split(",")
    lines = [",".join(row.get(name, "") for name in names) + "\n" for row in rows]
    return (header + "".join(lines)).encode()


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """Return a tar whose packed bytes are the same each time."""
    return gzip.compress(tar_of(members), mtime=0)


_MAKERS: Mapping[str, Callable[[str], bytes]] = {
    ".png": png,
    **dict.fromkeys((".jpg", ".jpeg"), jpeg),
    ".nii.gz": nifti,
    ".dcm": dicom,
    "metadata.csv": lambda path: metadata([f"images/{seed_of(path)}.png"]),
    "severity-scores.csv": lambda _: b"## made up\nfilename,geographic_mean,opacity_mean\n",
    "bounding_boxes.json": lambda _: b'{"images": [], "annotations": [], "categories": []}',
    ".zip": lambda path: zip_of({"made-up.txt": plain(path)}),
    **dict.fromkeys((".mp4", ".mpeg", ".avi", ".gif"), noise),
}
