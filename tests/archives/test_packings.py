"""Every way of packing zip and 7z members, small ones and large ones, with and without 7-Zip."""

import io
import lzma
import struct
import sys
import zipfile
import zlib
from importlib import import_module
from pathlib import Path

import inflate64
import py7zr
import pytest
from makers.archives import zip_of
from makers.runs import tree_on_disk

from covcat.archives import extract, tools
from covcat.archives.rules import Budget, Layout
from covcat.archives.writing import Place
from covcat.errors import ExtractionError

MEMBERS = {"a.txt": b"a" * 100, "b/large.bin": bytes(range(256)) * 1200, "empty": b""}


def unpacked(tmp_path: Path, kind: str, data: bytes) -> dict[str, bytes]:
    (tmp_path / "archive").write_bytes(data)
    (tmp_path / "out").mkdir()
    place = Place(tmp_path / "out", tmp_path / "inside")
    extract.extract(tmp_path / "archive", kind, Layout(), Budget(10**8), place)
    return tree_on_disk(tmp_path / "out")


def zip_by_library(method: int) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)
    return whole.getvalue()


def deflate64(data: bytes) -> bytes:
    deflater = inflate64.Deflater()
    return deflater.deflate(data) + deflater.flush()


def zstd(data: bytes) -> bytes:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return import_module(name).compress(data)


def zip_packed(method: int, pack) -> bytes:
    """Return a zip of a method that the standard library cannot write."""
    body, directory = b"", b""
    for name, data in MEMBERS.items():
        packed = pack(data)
        sizes = struct.pack("<3I2H", zlib.crc32(data), len(packed), len(data), len(name), 0)
        head = struct.pack("<4H", 0, method, 0, 0x21) + sizes
        directory += b"PK\x01\x02" + struct.pack("<2H", 20, 20) + head
        directory += struct.pack("<3H2I", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\x03\x04" + struct.pack("<H", 20) + head + name.encode() + packed
    end = struct.pack("<4H2IH", 0, 0, 3, 3, len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(zip_by_library(zipfile.ZIP_STORED), id="stored"),
        pytest.param(zip_by_library(zipfile.ZIP_DEFLATED), id="deflate"),
        pytest.param(zip_by_library(zipfile.ZIP_BZIP2), id="bzip2"),
        pytest.param(zip_by_library(zipfile.ZIP_LZMA), id="lzma"),
        pytest.param(zip_packed(9, deflate64), id="deflate64"),
        pytest.param(zip_packed(93, zstd), id="zstd"),
        pytest.param(zip_packed(95, lzma.compress), id="xz"),
    ],
)
def test_a_zip_of_every_method_is_read(tmp_path: Path, data: bytes) -> None:
    assert unpacked(tmp_path, "zip", data) == MEMBERS


@pytest.mark.parametrize("method", [8, 9, 12, 14, 93, 95])
def test_bytes_that_are_not_of_the_method_are_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(ExtractionError):
        unpacked(tmp_path, "zip", zip_packed(method, lambda data: b"\xff" * 20 + data))


def test_a_method_that_is_not_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError) as info:
        unpacked(tmp_path, "zip", zip_packed(98, bytes))
    assert "method 98 (ppmd): not supported" in (info.value.cause or "")


@pytest.mark.parametrize(("flag", "said"), [(1, "encrypted"), (32, "patch"), (8192, "encrypted")])
def test_flags_that_hide_the_data_are_refused(tmp_path: Path, flag: int, said: str) -> None:
    raw = bytearray(zip_of({"a": b"1"}))
    for at in (6, raw.index(b"PK\x01\x02") + 8):
        raw[at : at + 2] = (int.from_bytes(raw[at : at + 2], "little") | flag).to_bytes(2, "little")
    with pytest.raises(ExtractionError) as info:
        unpacked(tmp_path, "zip", bytes(raw))
    assert said in (info.value.cause or "")


def wide(raw: bytes, *, record: int = 44, moved: int = 0, count: int | None = None) -> bytes:
    """Give a zip ZIP64 end records, which may be wrong."""
    end = raw.index(b"PK\x05\x06")
    _, _, _, entries, length, offset, _ = struct.unpack("<4H2IH", raw[end + 4 :])
    entries = entries if count is None else count
    numbers = struct.pack("<2H2I4Q", 45, 45, 0, 0, entries, entries, length, offset)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end + moved, 1)
    most = struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    first = b"PK\x06\x06" + struct.pack("<Q", record) + numbers
    return raw[:end] + first + locator + b"PK\x05\x06" + most


def test_a_zip64_end_is_read(tmp_path: Path) -> None:
    assert unpacked(tmp_path, "zip", wide(zip_of(MEMBERS))) == MEMBERS


@pytest.mark.parametrize("wrong", [{"record": 60}, {"moved": 1}, {"count": 9}])
def test_a_zip64_end_that_contradicts_the_zip_is_refused(tmp_path: Path, wrong) -> None:
    with pytest.raises(ExtractionError):
        unpacked(tmp_path, "zip", wide(zip_of(MEMBERS), **wrong))


FILTERS = {
    "copy": [{"id": py7zr.FILTER_COPY}],
    "lzma": [{"id": py7zr.FILTER_LZMA}],
    "lzma2": [{"id": py7zr.FILTER_LZMA2}],
    "bzip2": [{"id": py7zr.FILTER_BZIP2}],
    "deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "bcj": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2}],
    "delta": [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2}],
    "zstd": [{"id": py7zr.FILTER_ZSTD}],
}


def seven_zip(filters: list[dict[str, int]], password: str | None = None) -> bytes:
    whole = io.BytesIO()
    with py7zr.SevenZipFile(whole, "w", filters=filters, password=password) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(data, name)
    return whole.getvalue()


@pytest.mark.parametrize("has_tool", [True, False], ids=["by 7-Zip", "by py7zr"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_7z_of_every_method_is_read(
    tmp_path: Path, monkeypatch, name: str, has_tool: bool
) -> None:
    if not has_tool:
        monkeypatch.setattr(tools, "_usable", lambda family, trial: None)
    assert unpacked(tmp_path, "7z", seven_zip(FILTERS[name])) == MEMBERS


@pytest.mark.parametrize("has_tool", [True, False], ids=["by 7-Zip", "by py7zr"])
def test_a_7z_that_is_damaged_or_cut_is_refused(tmp_path: Path, monkeypatch, has_tool) -> None:
    if not has_tool:
        monkeypatch.setattr(tools, "_usable", lambda family, trial: None)
    whole = seven_zip(FILTERS["lzma2"])  # bytes 6 and 7 are a version, which says nothing
    for number, at in enumerate([*range(6), *range(8, len(whole), len(whole) // 40)]):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        for data in (bytes(damaged), whole[:at]):
            folder = tmp_path / f"{number}-{len(data)}"
            folder.mkdir()
            with pytest.raises(ExtractionError):
                assert unpacked(folder, "7z", data) != MEMBERS, at


def test_an_encrypted_7z_says_so(tmp_path: Path) -> None:
    filters = [{"id": py7zr.FILTER_LZMA2}, {"id": py7zr.FILTER_CRYPTO_AES256_SHA256}]
    with pytest.raises(ExtractionError) as info:
        unpacked(tmp_path, "7z", seven_zip(filters, "secret"))
    assert "encrypted" in (info.value.cause or "")
