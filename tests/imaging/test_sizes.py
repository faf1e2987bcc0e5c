"""The size of a picture is what its content says, whatever its name; damage gives None."""

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makers.tables import (
    avi,
    big_tiff,
    bmp,
    box,
    dicom,
    dicom_sequence,
    gif,
    jpeg,
    mp4,
    mpeg,
    nifti,
    old_bmp,
    packed_nifti,
    png,
    segment,
    tiff,
    webp,
)

from covcat.imaging import sizes
from covcat.imaging.sizes import Size, read_size

QUICK = settings(max_examples=400, derandomize=True, suppress_health_check=list(HealthCheck))
EXIF = segment(0xE1, b"Exif\0\0" + jpeg(9, 9)[:60000])  # holds a smaller JPEG, as cameras do
LONG = b"".join(segment(0xE2, bytes(60000)) for _ in range(60))  # 3.6 MB of colour profile
PRIVATE = {  # sequences of Philips and Siemens, some of unknown length and in other encodings
    0x0008_1140: (b"SQ", dicom_sequence(b"\x28\0\x10\0US\2\0\7\0" + b"\x28\0\x11\0US\2\0\7\0")),
    0x0009_1010: (b"UN", dicom_sequence(b"\x28\0\x10\0\2\0\0\0\7\0")),
    0x0019_1010: (b"OB", bytes(70_000)),
}
PICTURES = {
    "png": (png(17, 33), Size(17, 33, 1, 8, "png")),
    "png of 16 bits": (png(299, 299, 16), Size(299, 299, 1, 16, "png")),
    "png of one bit": (png(299, 1, 1), Size(299, 1, 1, 1, "png")),
    "jpeg": (jpeg(640, 480), Size(640, 480, 1, 8, "jpeg")),
    "progressive jpeg": (jpeg(640, 480, frame=0xC2), Size(640, 480, 1, 8, "jpeg")),
    "jpeg of 12 bits": (jpeg(640, 480, frame=0xC1, bits=12), Size(640, 480, 1, 12, "jpeg")),
    "lossless jpeg": (jpeg(640, 480, frame=0xC3, bits=16), Size(640, 480, 1, 16, "jpeg")),
    "jpeg-ls": (jpeg(640, 480, frame=0xF7, bits=12), Size(640, 480, 1, 12, "jpeg")),
    "jpeg with a thumbnail": (jpeg(640, 480, before=EXIF), Size(640, 480, 1, 8, "jpeg")),
    "jpeg with much metadata": (jpeg(640, 480, before=LONG), Size(640, 480, 1, 8, "jpeg")),
    "jpeg with junk in it": (
        jpeg(640, 480, before=b"junk\xff\0" * 300 + b"\xff" * 9 + b"\xff\x01"),
        Size(640, 480, 1, 8, "jpeg"),
    ),
    "jpeg after junk": (b"\r\n\0\0" + jpeg(640, 480), Size(640, 480, 1, 8, "jpeg")),
    "gif": (gif(320, 200), Size(320, 200, None, 4, "gif")),
    "bmp": (bmp(320, 200), Size(320, 200, 1, 8, "bmp")),
    "bmp from the top down": (bmp(320, -200, 8), Size(320, 200, 1, 8, "bmp")),
    "bmp of OS/2": (old_bmp(320, 200), Size(320, 200, 1, 8, "bmp")),
    "tiff": (tiff(512, 512), Size(512, 512, 1, 16, "tiff")),
    "tiff of the other order": (tiff(512, 256, ">"), Size(512, 256, 1, 16, "tiff")),
    "tiff with more pages": (tiff(512, 256, following=999), Size(512, 256, None, 16, "tiff")),
    "tiff beyond 4 GiB": (big_tiff(512, 256), Size(512, 256, 1, 1, "tiff")),
    "that of the other order": (big_tiff(512, 256, ">"), Size(512, 256, 1, 1, "tiff")),
    "webp": (webp(550, 368), Size(550, 368, 1, 8, "webp")),
    "lossless webp": (webp(550, 368, "VP8L"), Size(550, 368, 1, 8, "webp")),
    "extended webp": (webp(550, 368, "VP8X"), Size(550, 368, 1, 8, "webp")),
    "animated webp": (webp(550, 368, "VP8A"), Size(550, 368, None, 8, "webp")),
    "mp4": (mp4(1024, 768), Size(1024, 768, None, None, "mp4")),
    "mp4 of version 1": (mp4(1024, 768, version=1), Size(1024, 768, None, None, "mp4")),
    "mov": (mp4(1024, 768, b"qt  "), Size(1024, 768, None, None, "mov")),
    "old mov": (mp4(1024, 768, b""), Size(1024, 768, None, None, "mov")),
    "avi": (avi(640, 480), Size(640, 480, 30, None, "avi")),
    "mpeg": (mpeg(352, 288), Size(352, 288, None, None, "mpeg")),
    "nifti": (nifti(630, 630, 45), Size(630, 630, 45, 16, "nifti")),
    "nifti of the other order": (nifti(630, 512, 45, order=">"), Size(630, 512, 45, 16, "nifti")),
    "nifti of two axes": (nifti(512, 512), Size(512, 512, 1, 16, "nifti")),
    "nifti of four axes": (nifti(512, 512, 20, 3), Size(512, 512, 20, 16, "nifti")),
    "nifti of colours": (nifti(64, 64, 9, kind=(128, 24)), Size(64, 64, 9, 8, "nifti")),
    "nifti 2": (nifti(512, 512, 300, version=2), Size(512, 512, 300, 16, "nifti")),
    "nifti 2 of the other order": (
        nifti(512, 512, 300, version=2, order=">"),
        Size(512, 512, 300, 16, "nifti"),
    ),
    "packed nifti": (packed_nifti(512, 512, 100), Size(512, 512, 100, 16, "nifti")),
    "dicom": (dicom(), Size(256, 512, 1, 12, "dicom")),
    "implicit dicom": (dicom("implicit"), Size(256, 512, 1, 12, "dicom")),
    "big-endian dicom": (dicom("big"), Size(256, 512, 1, 12, "dicom")),
    "dicom with sequences": (dicom(more=PRIVATE), Size(256, 512, 1, 12, "dicom")),
    "implicit dicom with them": (
        dicom("implicit", {0x0009_1010: PRIVATE[0x0009_1010]}),
        Size(256, 512, 1, 12, "dicom"),
    ),
    "dicom of many frames": (
        dicom(more={0x0028_0008: (b"IS", b"30 ")}),
        Size(256, 512, 30, 12, "dicom"),
    ),
    "dicom without BitsStored": (dicom(more={0x0028_0101: None}), Size(256, 512, 1, None, "dicom")),
}


def written(folder: Path, data: bytes, name: str = "picture.jpg") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", PICTURES)
def test_the_size_is_read_from_the_header_of_a(name, tmp_path) -> None:
    data, size = PICTURES[name]
    assert read_size(written(tmp_path, data)) == size


@pytest.mark.parametrize("suffix", ["", ".png", ".jpg", ".nii.gz", ".avi", ".dcm", ".txt"])
def test_the_name_of_a_file_says_nothing(suffix, tmp_path) -> None:
    for data, size in PICTURES.values():
        assert read_size(os.fspath(written(tmp_path, data, f"picture{suffix}"))) == size


@pytest.mark.parametrize("name", sorted(set(PICTURES) - {"dicom without BitsStored"}))
def test_a_cut_picture_has_its_true_size_or_none(name, tmp_path) -> None:
    data, size = PICTURES[name]
    path = written(tmp_path, b"")
    step = max(1, len(data) // 400)
    for length in {*range(min(len(data), 700)), *range(0, len(data), step)}:
        path.write_bytes(data[:length])
        found = read_size(path)
        assert found in (None, size), length
        assert found is None or length >= 10


NOT_PICTURES = {
    "nothing": b"",
    "a table": b"filename,finding\na.png,COVID-19\n" * 50,
    "a page": b"<!DOCTYPE html><title>Log in</title>" * 50,
    "zeros": bytes(100_000),
    "a word that starts as BMP does": b"BMI,age,sex\n31,50,F\n" * 50,
    "a resource fork": b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4000),
    "a PNG without pixels": png(0, 5),
    "a JPEG without lines": jpeg(640, 0),
    "a JPEG that ends before its frame": b"\xff\xd8" + segment(0xE0, bytes(9)) + b"\xff\xd9",
    "a JPEG with a segment of no length": b"\xff\xd8\xff\xe0\0\0" + bytes(600),
    "a JPEG of nothing but filling": b"\xff\xd8" + b"\xff" * 3_000_000,
    "a JPEG of nothing but junk": b"\xff\xd8" + b"\xff\0" * 1_500_000,
    "a TIFF whose directory is elsewhere": b"II*\0\xff\xff\xff\xff" + bytes(600),
    "a TIFF with the version of none": b"II\x2b\1" + bytes(600),
    "a BMP of two planes": bmp(5, 5)[:26] + b"\2" + bmp(5, 5)[27:],
    "a JPEG of nothing but marks": b"\xff\xd8" + b"\xff\x01" * 20_000,
    "a JPEG that is cut within its thumbnail": jpeg(640, 480, before=EXIF)[:150],
    "a film whose frames are JPEG, without tables": box(b"mdat", jpeg(9, 9)),
    "an MP4 without tables": box(b"ftyp", b"isom" * 3) + box(b"mdat", bytes(9000)),
    "an MP4 of sound": mp4(0, 0),
    "an MP4 of boxes within boxes": box(b"ftyp", b"isom") + b"\0\0\0\1moov" + b"\xff" * 9000,
    "an MP4 with a box of no size": box(b"ftyp", b"isom") + b"\0\0\0\4moov" + bytes(900),
    "a NIfTI with the magic of none": nifti(5, 5, magic=b"abc\0"),
    "a NIfTI of no axes": nifti(),
    "a NIfTI of a negative axis": nifti(512, -512, 3),
    "a NIfTI of more than there can be": nifti(2**40, 5, version=2),
    "gzip of something else": b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\x03\0" + bytes(8),
    "damaged gzip": packed_nifti(512, 512, 100)[:40] + b"\xff" * 500,
    "a deflated DICOM": dicom("deflated"),
    "a DICOM without a size": dicom(more={0x0028_0010: None}),
    "a DICOM of a negative number of frames": dicom(more={0x0028_0008: (b"IS", b"-3")}),
    "a DICOM of many frames, in words": dicom(more={0x0028_0008: (b"IS", b"many")}),
    "a DICOM with a header of 18 MB": dicom(
        more={0x0009_1001 + number: (b"LO", b"x" * 60_000) for number in range(300)}
    ),
}


@pytest.mark.parametrize("name", NOT_PICTURES)
def test_no_size_is_made_up_for(name, tmp_path) -> None:
    started = time.monotonic()
    assert read_size(written(tmp_path, NOT_PICTURES[name])) is None
    assert time.monotonic() - started < 5


def test_what_is_not_a_file_has_no_size(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing.png", "with\0nul.png"):
        assert read_size(path) is None


EVERYTHING = NOT_PICTURES | {name: data for name, (data, _) in PICTURES.items()}


def test_no_more_than_a_megabyte_of_a_file_is_read(tmp_path, monkeypatch) -> None:
    read = []

    def counted(function):
        def run(*args):
            data = function(*args)
            read.append(len(data))
            return data

        return run

    def read_by(data: bytes) -> list[int]:
        read.clear()
        read_size(written(tmp_path, data))
        return read

    monkeypatch.setattr(sizes.os, "read", counted(os.read))
    monkeypatch.setattr(sizes.os, "pread", counted(os.pread))
    for name, data in EVERYTHING.items():
        assert sum(read_by(data)) <= 2**20 + 64, name
    for name in ("png", "gif", "bmp", "webp"):
        (only,) = read_by(EVERYTHING[name])
        assert only <= 64
    assert sum(read_by(EVERYTHING["jpeg with much metadata"])) < 50_000


SMALL = [data for _, data in sorted(EVERYTHING.items()) if len(data) < 20_000]


@QUICK
@given(
    data=st.sampled_from(SMALL),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6),
    end=st.floats(0.1, 1),
)
@pytest.mark.large
def test_no_damage_raises(data, edits, end, tmp_path_factory) -> None:
    mutated = bytearray(data)
    for place, new in edits:
        begin = int(place**3 * len(mutated))  # mostly in the header
        mutated[begin : begin + len(new)] = new
    path = written(tmp_path_factory.getbasetemp(), bytes(mutated[: int(end * len(mutated))]))
    found = read_size(path)
    assert found is None or 0 < min(found.width, found.height) <= 2**31 - 1


@QUICK
@given(
    start=st.sampled_from(sorted({data[:40] for data in SMALL})),
    cut=st.integers(0, 40),
    rest=st.binary(max_size=3000),
)
def test_no_noise_after_a_true_start_raises(start, cut, rest, tmp_path_factory) -> None:
    read_size(written(tmp_path_factory.getbasetemp(), start[:cut] + rest))


def test_many_small_files_take_little_time(tmp_path) -> None:
    chosen = random.Random(1).choices([png(40, 30), jpeg(40, 30), tiff(40, 30)], k=300)
    paths = [written(tmp_path, data, f"{number}.png") for number, data in enumerate(chosen)]
    started = time.process_time()
    assert all(read_size(path) for path in paths)
    assert time.process_time() - started < 300 * 200e-6  # a machine ten times as slow as ours
