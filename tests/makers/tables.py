"""Label tables and headers of pictures, made by hand with every quirk that the real ones have."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from covcat.catalog.entries import LabelTable, Reader
from covcat.imaging.readers.base import ReleaseFiles


def source_of(folder: Path, files: Mapping[str, bytes | str]) -> ReleaseFiles:
    """Write files below a folder, as a release has them."""
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
    return ReleaseFiles(folder, sorted(files))


def text_of(header: str, *rows: str) -> bytes:
    """A table of these lines."""
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


def label_table(path: str = "t.csv", reader: Reader = "delimited", **keys: Any) -> LabelTable:
    """What a catalog says of a table."""
    return LabelTable(path=path, source="made up", reader=reader, **keys)


# ---- tables ------------------------------------------------------------------------------------

COHEN_FEBRUARY = (  # no modality, one column of notes, a view that is none
    "Patientid,offset,sex,age,finding,survival,view,date,location,filename,doi,url,license,notes\n"
    "2,0,M,65,COVID-19,Y,CT,January 22 2020,Vietnam,a.jpeg,10.1056/nejmc2001272,,,\n"
)
COHEN_01 = (  # leading space in ` url`, an unnamed column for what an unquoted comma cut off
    "Patientid,offset,sex,age,finding,survival,view,modality,date,location,filename,doi, url,"
    "license,clinical notes,other notes,\n"
    '2,-270,M,65,"COVID-19, ARDS",Y,PA,X-ray,"January 22, 2020","Cho Ray, Vietnam",a.JPG,,'
    "https://example.org/a,,,by hand,\n"
    "3,?,,,todo,?,?,X-ray,1/2/20,,b.png,,,CC BY-NC-SA,fever, cut off here,the rest\n"
)
COHEN_02 = (
    "patientid,offset,sex,age,finding,RT_PCR_positive,survival,view,modality,date,location,folder,"
    "filename,doi,url,license,clinical_notes,other_notes,\n"
    "310,2,F,50,Pneumonia/Viral/Herpes ,Unclear,,AP Supine,X-ray,2020,Italy,images,c.jpg,,,"
    " ,38\ufffdC,,\n"
    "119,,,,Pneumonia/Viral/COVID-19,Y,,Axial,CT,2020,China,volumes,x.nii.gz,,,Apache 2.0,,,\n"
)
FIGURE1 = (
    "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,"
    "artifacts/distortion,notes\n"
    "COVID-00003a,,,early 40s,COVID-19,,38\u00b0C,,AP erect,X-ray,,patient\u2019s second film\n"
    "COVID-00004,,,50+,,,,,,X-ray,,\n"
).encode("cp1252")
ACTUALMED = (
    b"patientid,offset,sex,age,finding,survival,temperature,pO2_saturation,view,modality,"
    b"artifacts/distortion,notes,imagename\r\n"
    b"CR.1.2.840.1,,,,COVID-19,,,,PA,X-ray,,"
    b'"Portable, date taken (YYYYMMDD): 20200313",CR.1.2.840.1.png\r\n'
    b"DX.1.2.840.2,,,,,,,,AP,X-ray,,Inconclusive,DX.1.2.840.2.png\r\n"
)
POCUS = (
    b"Date added,Filename,Label,Gender,Age,Area according to DEGUM,,Effusion\r\n"
    b'01.04.20,Cov-a+b(1),COVID-19,m,40,"left\nbase",free text,none\r\n'
    b"02.04.20,Reg-nephropocus,regular,42,w,,,\r\n"
    b"02.04.20,Reg-nephropocus,Regular,A,nd,,,\r\n"
)
SEVERITY = (  # Cohen's annotations: comments, padded with commas, before the header
    "## scores by three radiologists,,\n## CC BY-SA,,\n## more,,\nfilename,geographic_mean,opacity\n"
    "a.jpg,1.0,2.0\n"
)
COVIDX = (
    "47c78742-4998 47c78742-4998.png normal\n"
    "3 SARS-10.1148rg.242035193-Fig8a-day0.jpeg pneumonia cohen\n"
    "COVID 119 COVID-19(119).png COVID-19 sirm\n"
    "COVID 120 COVID-19(120).png COVID-19\n"
    "ANON  7 ANON7.png negative rnsa\n"
    "419639-001863 MIDRC-RICORD-1C-419639-001863-27599-0.png positive ricord\n"
    "this line is another one\n"
    "\n"
    "x.png normal\n"
)
NON_COVID_CT = ",image name,patient id\n0,1%0.jpg,Patient 1\n1,1%1.jpg,Patient 1\n"
CORD_19 = (
    "cord_uid,sha,title,publish_time,authors,url\n"
    'ug7v899j,d1;d2,"A title, long",2020-12-31,"Wang, Lucy; Lo, Kyle",https://a; https://b\n'
    "ug7v899j,,Another,,,\n"
)


def workbook(rows: Iterable[Sequence[object]], **more: Iterable[Sequence[object]]) -> bytes:
    """An xlsx; `more` are further sheets by name."""
    book = Workbook()
    book.remove(book.active)
    for title, lines in {"positive_captions": rows, **more}.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(list(line))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def with_parts(book: bytes, parts: Mapping[str, bytes]) -> bytes:
    """A workbook of which some parts are others."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(buffer, "w", 8) as new:
        for one in old.infolist():
            new.writestr(one.filename, parts.get(one.filename, old.read(one)))
    return buffer.getvalue()


def sheet_xml(body: str, before: str = "") -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'{before}<worksheet xmlns="{space}"><sheetData>{body}</sheetData></worksheet>'.encode()


def darwin(tags: Sequence[str], lungs: int = 0, more: Sequence[Any] = (), **image: Any) -> bytes:
    """One image of V7, with its tags flattened."""
    polygon = {"path": [{"x": 379, "y": 5.0}, {"x": 379, "y": 7.0}, {"x": 383, "y": 7.0}]}
    tree = {
        "image": {
            "seq": 6452,
            "width": 784,
            "height": 663,
            "filename": "00006452.png",
            "original_filename": "1-s2.0-a.png",
            "url": "https://darwin.example.org/1?token=secret",
            "thumbnail_url": "https://darwin.example.org/2?token=secret",
            "workview_url": "https://darwin.example.org/workview?image=6452",
            **image,
        },
        "dataset": "COVID-19 Chest X-Ray Dataset",
        "annotated": True,
        "annotations": [
            *({"name": tag, "tag": {}} for tag in tags),
            *({"name": "Lung", "polygon": polygon} for _ in range(lungs)),
            *more,
        ],
    }
    return json.dumps(tree).encode()


def coco(boxes: Mapping[str, Sequence[Any]], **image: Any) -> bytes:
    """Boxes of both lungs by the name of a film, as Cohen's lung_bounding_boxes.json has them."""
    names = list(boxes)
    tree = {
        "info": {"description": "made up"},
        "categories": [
            {"supercategory": "Lungs", "id": 1, "name": "Right Lung"},
            {"supercategory": "Lungs", "id": 2, "name": "Left Lung"},
        ],
        "images": [
            {"license": 1, "file_name": name, "height": 6, "width": 8, "id": n, **image}
            for n, name in enumerate(names, 1)
        ],
        "annotations": [
            {
                "segmentation": [],
                "image_id": n,
                "bbox": box,
                "id": 10 * n + side,
                "category_id": side,
            }
            for n, name in enumerate(names, 1)
            for side, box in enumerate(boxes[name], 1)
        ],
        "licenses": [{"id": 1, "name": "Attribution License"}],
    }
    return json.dumps(tree).encode()


# ---- films -------------------------------------------------------------------------------------


def png(width: int, height: int, bits: int = 8) -> bytes:

    header = struct.pack(">LLBBBBB", width, height, bits, 0, 0, 0, 0)
    lines = (b"\0" * (1 + (width * bits + 7) // 8)) * height
    return png_of({b"IHDR": header, b"IDAT": zlib.compress(lines), b"IEND": b""})


def png_of(chunks: Mapping[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))
        for name, data in chunks.items()
    )


def segment(mark: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data


def jpeg(width: int, height: int, frame: int = 0xC0, bits: int = 8, before: bytes = b"") -> bytes:
    """A JPEG without its pixels; `before` stands between its start and the frame's header."""
    header = struct.pack(">BHHBBBB", bits, height, width, 1, 1, 0x11, 0)
    tables = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xDB, bytes(65))
    scan = segment(0xC4, bytes(20)) + segment(frame, header) + segment(0xDA, b"\1\1\0\0\x3f\0")
    return b"\xff\xd8" + before + tables + scan + b"\x12\x34\xff\xd9"


def gif(width: int, height: int) -> bytes:
    """A GIF with a table of 16 colours."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x83, 0, 0) + bytes(48) + b"\x3b"


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    """A BMP; a negative height is one that runs from the top down."""
    info = struct.pack("<LllHHLLllLL", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<LHHL", 54, 0, 0, 54) + info


def old_bmp(width: int, height: int) -> bytes:
    """A BMP as OS/2 had it."""
    return b"BM" + struct.pack("<LHHLLHHHH", 26, 0, 0, 26, 12, width, height, 1, 8)


def tiff(width: int, height: int, order: str = "<", bits: int = 16, following: int = 0) -> bytes:
    """A TIFF of three channels, whose bits stand elsewhere than in the directory."""
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HL", 42, 8)
    entries = [(256, 3, 1, width), (257, 4, 1, height), (258, 3, 3, 62), (262, 3, 1, 2)]
    packed = b"".join(
        struct.pack(f"{order}HHL", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else b"")
        + (struct.pack(f"{order}L", value) if kind == 4 or count > 1 else b"")
        for tag, kind, count, value in entries
    )
    whole = start + struct.pack(f"{order}H", len(entries)) + packed
    return whole + struct.pack(f"{order}LHHH", following, bits, bits, bits)


def big_tiff(width: int, height: int, order: str = "<") -> bytes:
    """A BigTIFF; without bits, which means 1."""
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
    entries = [(256, 16, width), (257, 16, height)]
    packed = b"".join(
        struct.pack(f"{order}HHQQ", tag, kind, 1, value) for tag, kind, value in entries
    )
    return start + struct.pack(f"{order}Q", len(entries)) + packed + bytes(8)


def webp(width: int, height: int, kind: str = "VP8 ") -> bytes:
    """A WebP: lossy, lossless (VP8L) or extended (VP8X; VP8A is that one, animated)."""
    data = {
        "VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height),
        "VP8L": b"\x2f" + struct.pack("<L", (width - 1) | (height - 1) << 14),
        "VP8X": bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
    }
    data["VP8A"] = b"\2" + data["VP8X"][1:]
    name = kind.replace("A", "X").encode()
    body = b"WEBP" + name + struct.pack("<L", len(data[kind])) + data[kind]
    return b"RIFF" + struct.pack("<L", len(body)) + body


# ---- films that move ---------------------------------------------------------------------------


def box(name: bytes, data: bytes, wide: bool = False) -> bytes:
    """A box of MP4; `wide` ones have their size in 64 bits."""
    if wide:
        return struct.pack(">L4sQ", 1, name, len(data) + 16) + data
    return struct.pack(">L4s", len(data) + 8, name) + data


def mp4(width: int, height: int, brand: bytes = b"isom", version: int = 0) -> bytes:
    """An MP4 whose pixels come before its tables, with a track of sound first."""

    def track(across: int, down: int) -> bytes:
        start = bytes([version, 0, 0, 7]) + bytes(84 if version else 72)
        return box(b"trak", box(b"tkhd", start + struct.pack(">LL", across << 16, down << 16)))

    start = box(b"ftyp", brand + bytes(4)) if brand else box(b"wide", b"")
    pixels = box(b"mdat", b"\xff\xd8\xff" * 5000, wide=True)
    tracks = box(b"mvhd", bytes(100)) + track(0, 0) + track(width, height)
    return start + pixels + box(b"moov", tracks)


def avi(width: int, height: int, frames: int = 30) -> bytes:
    header = struct.pack("<4L", 40000, 0, 0, 16) + struct.pack(
        "<6L", frames, 0, 1, 0, width, height
    )
    chunk = b"hdrlavih" + struct.pack("<L", 56) + header + bytes(16)
    return b"RIFF" + struct.pack("<L", 9999) + b"AVI LIST" + struct.pack("<L", len(chunk)) + chunk


def mpeg(width: int, height: int) -> bytes:
    pack = b"\0\0\1\xba\x21\0\1\0\1\x80\0\1" + b"\0\0\1\xbb\0\0" + bytes(3000)
    return pack + b"\0\0\1\xb3" + (width << 12 | height).to_bytes(3, "big") + b"\x13\xff\xff"


# ---- volumes -----------------------------------------------------------------------------------


def nifti(
    *sizes: int,
    order: str = "<",
    version: int = 1,
    kind: tuple[int, int] = (4, 16),
    pixdim: float = 0.7,
    descrip: bytes = b"made by hand",
    magic: bytes = b"n+%d\0",
) -> bytes:
    """A NIfTI volume of some axes, its voxels cut off; `kind` is datatype and bits."""
    count = len(sizes)
    dim = [count, *sizes, *[1] * (7 - count)]
    steps = [1.0, *[pixdim] * 7]
    head = bytearray(348 if version == 1 else 540)
    struct.pack_into(f"{order}i", head, 0, len(head))
    if version == 1:
        fields = [(40, "8h", dim), (70, "2h", kind), (76, "8f", steps), (148, "80s", [descrip])]
    else:
        fields = [(16, "8q", dim), (12, "2h", kind), (104, "8d", steps), (240, "80s", [descrip])]
    for place, form, values in fields:
        struct.pack_into(order + form, head, place, *values)
    name = magic % version if b"%" in magic else magic
    place = 344 if version == 1 else 4
    head[place : place + len(name)] = name
    return bytes(head) + bytes(64)


def packed_nifti(*sizes: int, **more: Any) -> bytes:
    """A volume packed with gzip; as ITK writes it, with the name of the file in the header."""
    buffer = io.BytesIO()
    with gzip.GzipFile("volume.nii", "wb", fileobj=buffer, mtime=0) as stream:
        stream.write(nifti(*sizes, **more) + bytes(100_000))
    return buffer.getvalue()


_LONG = {b"OB", b"OW", b"SQ", b"UN", b"UT"}
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_BIG, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
SYNTAXES = {"explicit": _EXPLICIT, "implicit": _IMPLICIT, "big": _BIG, "deflated": _DEFLATED}
Element = tuple[int, bytes, bytes | int]


def dicom_element(one: Element, order: str = "<", is_explicit: bool = True) -> bytes:
    """An element: tag, kind, value; a number is an unsigned short, None a length that is unknown."""
    tag, kind, value = one
    data = struct.pack(f"{order}H", value) if isinstance(value, int) else value
    if kind != b"SQ" and len(data) % 2:
        data += b"\0" if kind in {b"UI", b"OB", b"UN"} else b" "
    length = 0xFFFFFFFF if kind in {b"SQ", b"UN"} else len(data)  # sequences end with a mark here
    start = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if not is_explicit:
        return start + struct.pack(f"{order}L", length) + data
    if kind in _LONG:
        return start + kind + b"\0\0" + struct.pack(f"{order}L", length) + data
    return start + kind + struct.pack(f"{order}H", length) + data


def dicom_sequence(inside: bytes, order: str = "<") -> bytes:
    """What a sequence of one item holds, both without a length."""

    def mark(element: int, length: int) -> bytes:
        return struct.pack(f"{order}HHL", 0xFFFE, element, length)

    return mark(0xE000, 0xFFFFFFFF) + inside + mark(0xE00D, 0) + mark(0xE0DD, 0)


CT = {  # as the Mashhad set's, with identifying values removed
    0x0008_0018: (b"UI", b"1.2.3.4.5"),
    0x0008_0020: (b"DA", b"20200313"),
    0x0008_0060: (b"CS", b"CT"),
    0x0008_0070: (b"LO", b"NeuViz"),
    0x0010_0010: (b"PN", b"never^read"),
    0x0010_0020: (b"LO", b"P 17"),
    0x0010_0040: (b"CS", b"M"),
    0x0010_1010: (b"AS", b"047Y"),
    0x0018_0050: (b"DS", b"1.50"),
    0x0020_000D: (b"UI", b"1.2.3.4"),
    0x0020_0013: (b"IS", b"12"),
    0x0028_0002: (b"US", 1),
    0x0028_0010: (b"US", 512),
    0x0028_0011: (b"US", 256),
    0x0028_0100: (b"US", 16),
    0x0028_0101: (b"US", 12),
    0x7FE0_0010: (b"OW", b"\1\2" * 40),
}


def dicom(syntax: str = "explicit", more: Mapping[int, Any] = {}, is_cut: bool = False) -> bytes:
    """A slice of CT; `more` adds elements, or takes them away (None)."""
    order, is_explicit = (">" if syntax == "big" else "<"), syntax != "implicit"
    elements = {tag: one for tag, one in sorted({**CT, **more}.items()) if one is not None}
    body = b"".join(
        dicom_element((tag, kind, value), order, is_explicit)
        for tag, (kind, value) in elements.items()
    )
    if syntax == "deflated":
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
    meta = dicom_element((0x0002_0010, b"UI", SYNTAXES[syntax].encode()))
    meta = dicom_element((0x0002_0001, b"OB", b"\0\1")) + meta
    length = struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(meta))
    whole = bytes(128) + b"DICM" + length + meta + body
    return whole[: -len(body) + 30] if is_cut else whole
