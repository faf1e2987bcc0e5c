"""Zips as other programs write them: numbers said twice, counts that are cut, a mark in front."""

import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.rars import Entry, rar4_of, rar5_of
from makers.seven_zips import seven_zip_of
from makers.unpacking import extracted, refusal
from makers.zips import DESCRIPTOR, SPLIT, WIDE, Made, zip_made, zip_pieces
from servers.server import Answer

from covcat.archives import extract, zip_end
from covcat.archives.rules import Budget, Layout
from covcat.errors import ExtractionError

TEXT = b"hello world " * 20
DEFLATED = zlib.compress(TEXT, wbits=-15)
FIRST, LAST = Made("first", b"1"), Made("last", b"2")
ALL = ("size", "packed", "offset")
SIZES = {"size": WIDE, "packed": WIDE}


def listed(tmp_path: Path, pieces: list[bytes]) -> dict[str, int | None]:
    with (tmp_path / "a.zip").open("wb") as stream:
        stream.writelines(pieces)
    placed = extract.inspect(tmp_path / "a.zip", "zip", Layout(), Budget(10**11))
    return {one.path: one.member.size for one in placed}


# ---- ZIP64 fields with more than is left to them -------------------------------------------------

GO = {"zip64": ALL, "says": SIZES, "flags": DESCRIPTOR}
AGREEING: Mapping[str, Mapping] = {
    "as Go has it": GO,
    "as zip-rs has it": {"zip64": ("size", "packed"), "says": {"size": WIDE}},
    "all three, and only the size left to them": {"zip64": ALL, "says": {"size": WIDE}},
    "as DotNetZip has it, with the disk": {"zip64": (*ALL, "disk"), "says": SIZES},
    "all four, and nothing left to them": {"zip64": (*ALL, "disk")},
    "the offset too left to them": {"zip64": ALL, "says": SIZES | {"offset": WIDE}},
    "as zip -fz has it": {"zip64": ("size",), "says": {"size": WIDE}},
    "only the offset, and left to it": {"zip64": ("offset",), "says": {"offset": WIDE}},
}


@pytest.mark.parametrize("shape", AGREEING.values(), ids=AGREEING.keys())
def test_a_zip64_field_may_say_again_what_the_header_says(tmp_path: Path, shape: Mapping) -> None:
    data = zip_made(FIRST, Made(data=TEXT, method=8, packed=DEFLATED, **shape), LAST)
    assert extracted(tmp_path, data) == {"a": TEXT, "first": b"1", "last": b"2"}


DISAGREEING: Mapping[str, Mapping] = {
    "another offset": {"zip64": ("size", "packed", 0), "says": SIZES},
    "another packed size": {"zip64": ("size", 9, "offset"), "says": {"size": WIDE}},
    "another size, and nothing left to it": {"zip64": (9, "packed", "offset")},
    "another disk": {"zip64": (*ALL, 1), "says": SIZES},
    # here some readers take the field's first number, and some the one in its own place
    "the packed size left to the second": {"zip64": ("size", "packed"), "says": {"packed": WIDE}},
    "the offset left to the third": {"zip64": ALL, "says": {"offset": WIDE}},
    "the packed size skipped": {"zip64": ("size", "offset"), "says": {"size": WIDE}},
    "too little": {"zip64": ("size",), "says": SIZES},
    "nothing": {"says": {"size": WIDE}},
    "a number too many": {"zip64": (*ALL, "disk", "disk"), "says": SIZES},
}


@pytest.mark.parametrize("shape", DISAGREEING.values(), ids=DISAGREEING.keys())
def test_a_zip64_field_that_readers_may_take_in_two_ways_is_refused(
    tmp_path: Path, shape: Mapping
) -> None:
    data = zip_made(FIRST, Made(data=TEXT, method=8, packed=DEFLATED, **shape), LAST)
    assert "ZIP64 field that does not fit for `a`" in refusal(tmp_path, data)


def of_zeros(size: int) -> bytes:
    """Deflate zeros, of which the first 16 MiB are deflated and then repeated."""
    block = 1 << 24
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflater.compress(bytes(block)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return packed * (size // block) + b"\x03\x00"


@pytest.mark.parametrize("size", [1 << 32, 5 << 30])
def test_a_go_zip_with_a_member_of_4_gib_or_more_is_listed(tmp_path: Path, size: int) -> None:
    large = Made("large.nii", method=8, packed=of_zeros(size), crc=0xD202EF8D, size=size, **GO)
    pieces = zip_pieces([FIRST, large, LAST])
    assert listed(tmp_path, pieces) == {"first": 1, "large.nii": size, "last": 1}


# ---- counts of 16 bits ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [65_535, 65_536, 65_539])
@pytest.mark.large
def test_a_count_without_zip64_may_be_cut_to_16_bits_as_macos_does(
    tmp_path: Path, number: int
) -> None:
    made = [Made(f"{one % 250}/{one}.png") for one in range(number)]
    assert len(listed(tmp_path, zip_pieces(made, count=number % 65_536))) == number


@pytest.mark.parametrize(
    ("number", "count"),
    [(3, 2), (2, 3), (2, 0xFFFF), (65_539, 4), (65_539, 0xFFFF)],
    ids=["one too many", "one too few", "the most", "cut, one too few", "kept at the most"],
)
@pytest.mark.large
def test_a_count_that_cannot_be_a_cut_one_is_refused(
    tmp_path: Path, number: int, count: int
) -> None:
    data = zip_made(*(Made(f"{one}") for one in range(number)), count=count)
    assert f"counts {count} entries" in refusal(tmp_path, data)


def test_entries_that_a_cut_count_hides_are_limited_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_end, "_MAX_ENTRIES", 65_537)
    data = zip_made(*(Made(f"{one}") for one in range(65_538)), count=2)
    assert "has 65,538 entries: at most 65,537 are read" in refusal(tmp_path, data)


def test_places_cut_to_32_bits_are_refused_in_words(tmp_path: Path) -> None:
    with (tmp_path / "a.zip").open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.seek((1 << 32) + 100)
        stream.write(b"PK\x01\x02" + bytes(42))
        stream.write(b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, 46, 100, 0))
    with pytest.raises(ExtractionError) as info:
        extract.inspect(tmp_path / "a.zip", "zip", Layout(), Budget(10**11))
    assert "is larger than 4 GiB and has no ZIP64 record" in (info.value.cause or "")


# ---- the root folder -----------------------------------------------------------------------------

FOLDER = 0o40755 << 16
ROOTS = {
    "as Dropbox has it": [Made("/", attributes=0, host=0), Made("a", TEXT)],
    "with a mode": [Made("/", attributes=FOLDER), Made("a", TEXT)],
    "as Java has it": [Made("/", method=8, packed=b"\3\0", attributes=0), Made("a", TEXT)],
    "with its sizes later": [Made("/", flags=DESCRIPTOR, attributes=0), Made("a", TEXT)],
    "at the end": [Made("a", TEXT), Made("/", attributes=FOLDER)],
    "as ./": [Made("./", attributes=FOLDER), Made("a", TEXT)],
}


@pytest.mark.parametrize("made", ROOTS.values(), ids=ROOTS.keys())
def test_an_entry_for_the_root_folder_is_passed_over(tmp_path: Path, made: list[Made]) -> None:
    assert extracted(tmp_path, zip_made(*made)) == {"a": TEXT}


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(Made("//", attributes=FOLDER), id="twice"),
        pytest.param(Made("/.", b"x"), id="a file in it"),
        pytest.param(Made("/etc/", attributes=FOLDER), id="a folder in it"),
        pytest.param(Made("/../", attributes=FOLDER), id="above it"),
        pytest.param(Made("/./", attributes=FOLDER), id="in itself"),
        pytest.param(Made("", attributes=0), id="no name"),
        pytest.param(Made("/", attributes=0o120777 << 16), id="a link"),
        pytest.param(Made("/", b"x", attributes=FOLDER), id="with data"),
        pytest.param(Made("/", attributes=0o100644 << 16), id="called a file"),
    ],
)
def test_what_only_looks_like_the_root_folder_is_refused(tmp_path: Path, made: Made) -> None:
    assert "`a.zip`" in refusal(tmp_path, zip_made(made, Made("a", TEXT)))


def test_the_root_folder_is_passed_over_in_a_tar(tmp_path: Path) -> None:
    assert extracted(tmp_path, tar_with_folder("/"), "tar") == {"a": TEXT}


def tar_with_folder(name: str) -> bytes:
    """Make a tar's first entry a folder of that name."""
    data = bytearray(tar_of({"x": b"", "a": TEXT}))
    data[:100] = name.encode().ljust(100, b"\0")
    data[156:157] = b"5"
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(tar_with_folder(""), "tar", id="tar"),
        pytest.param(rar4_of([Entry("", folder=True), Entry("a", TEXT)]), "rar", id="RAR 4"),
        pytest.param(rar5_of([Entry("", folder=True), Entry("a", TEXT)]), "rar", id="RAR 5"),
        pytest.param(seven_zip_of({"": b"", "a": TEXT}), "7z", id="7z"),
    ],
)
def test_a_folder_without_a_name_is_not_the_root_folder(
    tmp_path: Path, data: bytes, kind: str
) -> None:
    assert "it has no name" in refusal(tmp_path, data, kind)


# ---- a split zip of one piece --------------------------------------------------------------------

MARKS = pytest.mark.parametrize("mark", [SPLIT, b"PK00"], ids=["as zip -s", "as WinZip"])


@MARKS
def test_a_splitters_mark_before_the_only_piece_is_read(tmp_path: Path, mark: bytes) -> None:
    data = zip_made(FIRST, Made(data=TEXT, **GO), mark=mark)
    assert extracted(tmp_path, data) == {"first": b"1", "a": TEXT}


@MARKS
def test_a_download_that_begins_with_a_splitters_mark_is_the_file(
    covcat, shelf, server, mark: bytes
) -> None:
    shelf.add_web("plain", "a.zip", unpack="zip")
    server.serve("/data.example.org/a.zip", Answer(zip_made(Made(data=TEXT), mark=mark)))
    ran = covcat("fetch", "plain")
    assert ran.code == 0, ran.err


def test_zip_that_needed_one_piece_only_is_read(tmp_path: Path) -> None:
    if shutil.which("zip") is None:
        pytest.skip("zip is not installed")
    (tmp_path / "r.bin").write_bytes(noise := os.urandom(20_000))
    subprocess.run(["zip", "-q", "-s", "64k", "one.zip", "r.bin"], cwd=tmp_path, check=True)
    data = (tmp_path / "one.zip").read_bytes()
    assert data[:4] == SPLIT
    assert extracted(tmp_path, data) == {"r.bin": noise}


PLAIN = zip_of({"a": TEXT})
MISMARKED = {
    "offsets that leave it out": SPLIT + PLAIN,
    "offsets that leave the other out": b"PK00" + PLAIN,
    "two of them": zip_made(FIRST, mark=SPLIT + SPLIT),
    "one of each": zip_made(FIRST, mark=b"PK00" + SPLIT),
    "bytes after it": zip_made(FIRST, mark=SPLIT + b"hidden"),
    "bytes after the other": zip_made(FIRST, mark=b"PK00hidden"),
    "another one": zip_made(FIRST, mark=b"PK11"),
}


@pytest.mark.parametrize("data", MISMARKED.values(), ids=MISMARKED.keys())
def test_no_other_bytes_may_come_before_the_members(tmp_path: Path, data: bytes) -> None:
    assert "`a.zip`" in refusal(tmp_path, data)


@pytest.mark.parametrize("name", ["a.zip", "download"])
def test_the_first_of_several_pieces_is_called_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(zip_made(FIRST, mark=SPLIT)[:40])
    with pytest.raises(ExtractionError, match="is one volume of several"):
        extract.kind(tmp_path / name)


def test_a_marked_zip_with_bytes_after_its_end_is_not_called_a_volume(tmp_path: Path) -> None:
    assert "1 byte after its end" in refusal(tmp_path, zip_made(FIRST, mark=SPLIT) + b"x")
