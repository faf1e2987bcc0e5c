"""Three kinds of refusal: damaged (where), unsafe (what), not supported (what to do)."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.rars import rar4_of
from makers.seven_zips import seven_zip_of
from makers.tars import END, entry
from makers.zips import Made, zip_made

FILES = {"a.txt": b"some text of a file\n" * 40}
ZIP, SEVEN = zip_of(FILES), seven_zip_of(FILES)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


DAMAGED = {
    "a zip with a wrong byte": (".zip", flipped(ZIP, 45), "`a.txt`"),
    "a zip without its end": (".zip", ZIP[:-9], "its end is missing"),
    "a 7z that is cut off": (".7z", SEVEN[:-5], "is cut off"),
    "a 7z with a wrong byte": (".7z", flipped(SEVEN, 40), "checksum for `a.txt`"),
    "a packed tar that is cut off": (".tar.gz", tar_of(FILES, "gz")[:-9], "ends in the middle"),
    "a tar that is cut off": (".tar", tar_of(FILES)[:700], "in the middle of `a.txt`"),
    "a rar that is cut off": (".rar", rar4_of(FILES)[:-8], "has no end"),
}
UNSAFE = {
    "a way out": (".zip", zip_of({"../x": b"x"}), "--exclude"),
    "two names that are one": (".zip", zip_of({"a": b"", "A": b""}), "would be one path"),
    "bytes before a zip": (".zip", zip_made(Made(), mark=b"PK\x03\x04"), ""),
    "two headers that differ": (".zip", zip_made(Made(flags=1, local_flags=0)), "differ"),
    "bytes after a tar": (".tar", entry(b"a") + END + b"more", "bytes after its end"),
    "bytes after a 7z": (".7z", SEVEN + b"more", "goes on after its end"),
}
UNSUPPORTED = {
    "a method of zip": (".zip", zip_made(Made(method=6)), "method 6 (implode)", "--exclude"),
    "lzip": (".tar.lz", b"LZIP" + bytes(600), "lzip", "lzip -d a.tar.lz"),
    "compress": (".tar.Z", b"\x1f\x9d\x90" + bytes(600), "compress (.Z)", "gunzip a.tar.Z"),
    "lzma": (".lzma", b"\x5d\0\0\x80" + bytes(600), "lzma-alone", "xz -d"),
    "lz4": (".lz4", b"\x04\x22\x4d\x18" + bytes(600), "lz4", "lz4 -d a.lz4"),
    "cpio": (".cpio", b"070707" + b"0" * 600, "cpio", "bsdtar -xf a.cpio"),
    "iso": (".iso", bytes(0x8001) + b"CD001\1" + bytes(4000), "ISO 9660", "bsdtar -xf a.iso"),
    "xar": (".xar", b"xar!\0\x1c\0\1" + bytes(600), "xar", "bsdtar -xf a.xar"),
    "another format than its name": (".zip", SEVEN, "is of the format 7z", "mv a.zip a.7z"),
    "no archive": (".zip", b"%PDF-1.4", "starts like a PDF", "file a.zip"),
}


def said(covcat, name: str, data: bytes) -> str:
    Path(name).write_bytes(data)
    ran = covcat("extract", name, "out")
    assert ran.code == 6, ran.err
    assert not Path("out").exists()
    return ran.err


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_damaged_is_called_that_with_where(covcat, case: str) -> None:
    suffix, data, where = DAMAGED[case]
    words = said(covcat, f"a{suffix}", data)
    assert f"error: `a{suffix}` is damaged\ncause: " in words
    assert where in words


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_unsafe_is_refused_as_that_with_what(covcat, case: str) -> None:
    suffix, data, what = UNSAFE[case]
    words = said(covcat, f"a{suffix}", data)
    assert f"error: `a{suffix}` is refused as unsafe" in words
    assert what in words


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_is_not_supported_is_called_that_with_what_to_do(covcat, case: str) -> None:
    suffix, data, what, hint = UNSUPPORTED[case]
    words = said(covcat, f"a{suffix}", data)
    assert f"error: `a{suffix}` is not supported\ncause: " in words
    assert what in words
    assert hint in words.partition("\nhint: ")[2]


WRITERS = {
    "cpio": ("--format", "cpio"),
    "ISO 9660": ("--format", "iso9660"),
    "xar": ("--format", "xar"),
    "lzip": ("--lzip",),
    "compress (.Z)": ("-Z",),
    "lzma-alone": ("--lzma",),
    "lz4": ("--lz4",),
}


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is not installed")
@pytest.mark.parametrize("form", WRITERS)
def test_what_a_real_tool_writes_is_named_as_what_it_is(covcat, form: str) -> None:
    Path("scan.txt").write_bytes(FILES["a.txt"])
    subprocess.run(["bsdtar", "-cf", "a.bin", *WRITERS[form], "scan.txt"], check=True)
    words = said(covcat, "a.bin", Path("a.bin").read_bytes())
    assert "`a.bin` is not supported" in words
    assert form in words


def test_a_zip_that_python_would_read_in_part_is_damaged_where_it_is(covcat) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("scans/one.png", b"1" * 500)
        archive.writestr("scans/two.png", b"2" * 500)
    whole = Path("a.zip").read_bytes()
    words = said(covcat, "a.zip", flipped(whole, whole.index(b"2" * 500) + 9))
    assert "cause: has a wrong checksum for `scans/two.png`" in words
