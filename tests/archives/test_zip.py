"""Zips whose records, flags or packed streams say two things: what another reader could see."""

import io
import lzma
import random
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from itertools import product
from pathlib import Path

import inflate64
import pytest
from makers.archives import zip_of
from makers.unpacking import extracted, refusal
from makers.zips import Made, zip_made

from covcat.archives import base, extract, zip_end, zip_methods
from covcat.archives.rules import Budget, Layout
from covcat.errors import ExtractionError

TEXT = b"hello world " * 20
LARGE = bytes(range(256)) * 1200  # unpacked piece by piece, by other decompressors
NOISE = random.Random(0).randbytes(1 << 20)
DEFLATE, DEFLATE64, LZMA = 8, 9, 14
EMPTY_DEFLATED = b"\x03\x00"


# ---- the end records ---------------------------------------------------------------------------


def with_wide_end(data: bytes, **narrow: int) -> bytes:
    """Give a zip a ZIP64 end record, and other numbers in the narrow one."""
    at = data.rindex(b"PK\x05\x06")
    names = ("disk", "first_disk", "here", "entries", "length", "offset")
    numbers = dict(zip(names, struct.unpack_from("<4H2I", data, at + 4), strict=True))
    record = struct.pack("<Q2H2I4Q", 44, 45, 45, *numbers.values())
    locator = struct.pack("<IQI", 0, at, 1)
    end = struct.pack("<4H2IH", *(numbers | narrow).values(), 0)
    return data[:at] + b"PK\x06\x06" + record + b"PK\x06\x07" + locator + b"PK\x05\x06" + end


@pytest.mark.parametrize(
    "narrow",
    [
        pytest.param({}, id="all said twice"),
        pytest.param({"here": 0xFFFF, "entries": 0xFFFF}, id="counts left to the wide one"),
        pytest.param({"length": 2**32 - 1, "offset": 2**32 - 1}, id="places left to it"),
        pytest.param({"disk": 0xFFFF, "first_disk": 0xFFFF}, id="disks left to it"),
    ],
)
def test_a_narrow_end_may_leave_a_number_to_the_wide_one(tmp_path: Path, narrow) -> None:
    data = with_wide_end(zip_made(Made(data=TEXT)), **narrow)
    assert extracted(tmp_path, data) == {"a": TEXT}


@pytest.mark.parametrize("narrow", [{"offset": 0xFFFF}, {"length": 0xFFFF}, {"entries": 2}])
def test_a_narrow_end_with_a_number_of_its_own_is_refused(tmp_path: Path, narrow) -> None:
    # with an offset of 0xFFFF unzip takes it for the directory's, and lists another one there
    data = with_wide_end(zip_made(Made(data=TEXT)), **narrow)
    assert "two end records that differ" in refusal(tmp_path, data)


@pytest.mark.parametrize(
    ("mark", "at", "number"),
    [
        pytest.param(b"PK\x06\x06", 4, 60, id="its length"),
        pytest.param(b"PK\x06\x07", 8, 1, id="its place"),
        pytest.param(b"PK\x06\x06", 32, 9, id="its count"),
    ],
)
def test_a_wide_end_that_contradicts_the_zip_is_refused(
    tmp_path: Path, mark: bytes, at: int, number: int
) -> None:
    data = bytearray(with_wide_end(zip_made(Made()), here=0xFFFF, entries=0xFFFF))
    assert extracted(tmp_path, bytes(data)) == {"a": b""}
    struct.pack_into("<Q", data, data.index(mark) + at, number)
    (tmp_path / "again").mkdir()
    refusal(tmp_path / "again", bytes(data))


def test_a_count_of_64_bits_is_never_cut(tmp_path: Path) -> None:
    data = zip_made(*(Made(f"{one}") for one in range(65_538)), count=2)
    assert "counts 2 entries" in refusal(tmp_path, with_wide_end(data))


def with_directory(tmp_path: Path, entries: int, length: int) -> Path:
    """Write a file with holes whose end claims a directory of that length."""
    path = tmp_path / "a.zip"
    with path.open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.seek(4 + length)
        numbers = struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, entries, entries, length, 4)
        stream.write(b"PK\x06\x06" + numbers)
        stream.write(b"PK\x06\x07" + struct.pack("<IQI", 0, 4 + length, 1))
        stream.write(b"PK\x05\x06" + struct.pack("<4H2IH", *[0xFFFF] * 4, *[2**32 - 1] * 2, 0))
    return path


@pytest.mark.parametrize(
    ("entries", "length", "said"),
    [
        pytest.param(1, 3 << 30, "counts 1 entries in a directory of", id="too long for one"),
        pytest.param(0, 46, "counts 0 entries in a directory of", id="bytes of no entry"),
        pytest.param(1000, 45_999, "counts 1000 entries in a directory", id="too short for them"),
        pytest.param(500_001, 23_000_046, "at most 500,000 are read", id="too many"),
        pytest.param(500_000, 3 << 30, "at most 268,435,456 are read", id="too many bytes"),
    ],
)
def test_a_directory_out_of_bounds_is_refused_before_it_is_read(
    tmp_path: Path, entries: int, length: int, said: str
) -> None:
    reads: list[int] = []

    class Watched(zip_end.FileWindow):
        def read_at(self, offset: int, size: int) -> bytes:
            reads.append(size)
            return super().read_at(offset, size)

    path = with_directory(tmp_path, entries, length)
    with path.open("rb") as stream, pytest.raises(base.BadArchiveError, match=said):
        zip_end.read_end(Watched(stream))
    assert max(reads) < 1 << 18
    with pytest.raises(ExtractionError) as info:
        extract.inspect(path, "zip", Layout(), Budget(10**9))
    assert said in (info.value.cause or "")


def test_a_directory_in_another_order_than_its_members_is_read(tmp_path: Path) -> None:
    made = [Made(name, name.encode() * 50) for name in "abcd"]
    body, entries = b"", []
    for one in made:
        local, entry = one.headers(len(body))
        body, entries = body + local, [entry, *entries]
    directory = b"".join(entries)
    end = struct.pack("<4H2IH", 0, 0, 4, 4, len(directory), len(body), 0)
    data = body + directory + b"PK\x05\x06" + end
    assert extracted(tmp_path, data) == {one.name: one.data for one in made}
    placed = extract.inspect(tmp_path / "a.zip", "zip", Layout(), Budget(10**9))
    assert [(one.member.number, one.path) for one in placed] == [*enumerate("dcba")]


# ---- methods -----------------------------------------------------------------------------------

MEMBERS = {"a.txt": b"a" * 100, "b/large.bin": LARGE, "empty": b""}


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


def zip_packed(method: int, pack: Callable[[bytes], bytes]) -> bytes:
    """Return a zip of a method that the standard library cannot write."""
    return zip_made(*(Made(name, data, method, pack(data)) for name, data in MEMBERS.items()))


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
    assert extracted(tmp_path, data) == MEMBERS


@pytest.mark.parametrize("method", [8, 9, 12, 14, 93, 95])
def test_bytes_that_are_not_of_the_method_are_refused(tmp_path: Path, method: int) -> None:
    refusal(tmp_path, zip_packed(method, lambda data: b"\xff" * 20 + data))


def test_a_method_that_is_not_read_is_named(tmp_path: Path) -> None:
    assert "method 97 (wavpack): not supported" in refusal(tmp_path, zip_packed(97, bytes))


@pytest.mark.parametrize(("flag", "said"), [(64, "encrypted"), (32, "patch"), (8192, "encrypted")])
def test_flags_that_hide_the_data_are_refused(tmp_path: Path, flag: int, said: str) -> None:
    raw = bytearray(zip_of({"a": b"1"}))
    for at in (6, raw.index(b"PK\x01\x02") + 8):
        raw[at : at + 2] = (int.from_bytes(raw[at : at + 2], "little") | flag).to_bytes(2, "little")
    assert said in refusal(tmp_path, bytes(raw))


# ---- deflate -----------------------------------------------------------------------------------


class Bits:
    """Writes bits as deflate has them: the lowest first."""

    def __init__(self) -> None:
        self._value, self._count = 0, 0

    def put(self, value: int, count: int) -> "Bits":
        self._value |= value << self._count
        self._count += count
        return self

    def put_code(self, code: str) -> "Bits":
        for bit in code:
            self.put(int(bit), 1)
        return self

    def bytes(self) -> bytes:
        return self._value.to_bytes((self._count + 7) // 8, "little")


def of_one_block(literals: dict[int, int], distances: int, codes: list[str]) -> bytes:
    """Return a last, dynamic block: code lengths of literals, one of all `distances` codes."""
    lengths = [literals.get(number, 0) for number in range(257)] + [2] * distances
    bits = Bits().put(1, 1).put(2, 2).put(0, 5).put(distances - 1, 5).put(14, 4)
    for number in (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1):
        bits.put(2 if number in (0, 1, 2, 3) else 0, 3)
    for length in lengths:
        bits.put_code(f"{length:02b}")
    for code in codes:
        bits.put_code(code)
    return bits.bytes()


# 97 is `a`, 256 the end; each set leaves codes that mean nothing, or none
COMPLETE = of_one_block({97: 1, 98: 2, 256: 2}, 4, ["0", "0", "11"])
INCOMPLETE = [
    pytest.param(of_one_block({97: 2, 98: 2, 256: 2}, 4, ["00", "00", "10"]), id="literals"),
    pytest.param(of_one_block({97: 1, 98: 2, 256: 2}, 3, ["0", "0", "11"]), id="distances"),
]


@pytest.mark.parametrize("packed", INCOMPLETE)
def test_an_incomplete_set_of_codes_is_refused_in_a_small_member(
    tmp_path: Path, packed: bytes
) -> None:
    # isal takes it, zlib does not: so the file would be there for some readers only
    made = Made(data=b"aa", method=DEFLATE, packed=packed)
    assert "has damaged data in `a`" in refusal(tmp_path, zip_made(made))


def test_members_at_the_border_of_small_and_large_are_read(tmp_path: Path) -> None:
    made = []
    for size in range(zip_methods.SMALL // 2 - 16, zip_methods.SMALL // 2 + 8):
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = deflater.compress(NOISE[:size]) + deflater.flush()
        made.append(Made(f"{size}", NOISE[:size], DEFLATE, packed))
    assert {len(one.packed) + len(one.data) > zip_methods.SMALL for one in made} == {False, True}
    assert extracted(tmp_path, zip_made(*made)) == {one.name: one.data for one in made}


# ---- LZMA --------------------------------------------------------------------------------------

# the standard library always writes an end marker, so these were cut out of a 7z that 7-Zip made
UNMARKED = {
    TEXT: bytes.fromhex("1a0205005d0010000000341949ee8de917893a335ffd825ed80c880000"),
    b"": bytes.fromhex("1a0205005d000001000000000000"),
    bytes(5000): bytes.fromhex(
        "1a0205005d0018000000006ffdffffa3b7ff473e481572396151b89228e6a38607f9eecdce05ef00"
    ),
}


def marked(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
    packed = compressor.compress(data) + compressor.flush()
    return struct.pack("<BBHBI", 9, 20, 5, 93, 1 << 16) + packed


ODD = {
    "a complete set of codes": Made(data=b"aa", method=DEFLATE, packed=COMPLETE),
    "a level said in one header": Made(method=DEFLATE, packed=EMPTY_DEFLATED, local_flags=2),
}
for plain, packed in UNMARKED.items():
    ODD[f"LZMA of {len(plain)} bytes, unmarked"] = Made("a", plain, LZMA, packed)
for plain in (b"", TEXT, LARGE, NOISE):
    ODD[f"LZMA of {len(plain)} bytes, marked"] = Made("a", plain, LZMA, marked(plain), flags=2)


@pytest.mark.parametrize("made", ODD.values(), ids=ODD.keys())
def test_what_all_readers_take_alike_is_read(tmp_path: Path, made: Made) -> None:
    assert extracted(tmp_path, zip_made(made)) == {"a": made.data}


WRONG = {
    "longer than its size": Made(data=TEXT[:10], method=LZMA, packed=UNMARKED[TEXT]),
    "longer than its size, marked": Made(data=TEXT[:10], method=LZMA, packed=marked(TEXT * 50)),
    "longer than its size, large": Made(data=NOISE[:200_000], method=LZMA, packed=marked(NOISE)),
    "a byte less": Made(data=TEXT[:-1], method=LZMA, packed=UNMARKED[TEXT]),
    "a tail": Made(data=TEXT, method=LZMA, packed=UNMARKED[TEXT] + b"\0"),
    "a tail after the marker": Made(data=TEXT, method=LZMA, packed=marked(TEXT) + b"x", flags=2),
    "cut": Made(data=TEXT, method=LZMA, packed=UNMARKED[TEXT][:-1]),
    "deflate64 that is cut": Made(data=TEXT, method=DEFLATE64, packed=deflate64(TEXT)[:-1]),
    "no marker where one is said": Made(data=TEXT, method=LZMA, packed=UNMARKED[TEXT], flags=2),
    "a header only": Made(data=TEXT, method=LZMA, packed=UNMARKED[TEXT][:8]),
}


@pytest.mark.parametrize("made", WRONG.values(), ids=WRONG.keys())
def test_a_stream_that_does_not_end_with_its_member_is_refused(tmp_path: Path, made: Made) -> None:
    assert re.search("is damaged|as unsafe", refusal(tmp_path, zip_made(made)))


def test_an_end_marker_must_be_said_in_both_headers(tmp_path: Path) -> None:
    made = Made(data=TEXT, method=LZMA, packed=marked(TEXT), flags=0, local_flags=2)
    assert "two headers that differ" in refusal(tmp_path, zip_made(made))


# ---- deflate64 ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 20, 4000, 4090, 4096, 5000, 70_000, 1 << 20])
def test_deflate64_of_any_length_is_read(tmp_path: Path, size: int) -> None:
    files = {"noise": NOISE[:size], "zeros": bytes(size)}
    made = [Made(name, data, DEFLATE64, deflate64(data)) for name, data in files.items()]
    assert extracted(tmp_path, zip_made(*made)) == files


@pytest.mark.parametrize("tail", [1, 2, 300, 4095, 4096, 4097, 200_000])
@pytest.mark.parametrize("size", [0, 20, 4090, 300_000])
def test_hidden_bytes_after_deflate64_are_found(tmp_path: Path, size: int, tail: int) -> None:
    packed = deflate64(NOISE[:size]) + b"H" * tail
    made = Made(data=NOISE[:size], method=DEFLATE64, packed=packed)
    assert "after the end of a deflate64 stream" in refusal(tmp_path, zip_made(made))


# ---- folders -----------------------------------------------------------------------------------

B = Made("b", b"x")
DOS_HOSTS = (0, 6, 11, 14)


@pytest.mark.parametrize("host", DOS_HOSTS)
def test_a_folder_by_its_dos_attribute_has_a_folders_name(tmp_path: Path, host: int) -> None:
    made = Made("dir", host=host, attributes=0x10)
    assert "`dir` both a file and a folder" in refusal(tmp_path, zip_made(made, B))


FOLDERS = {
    "no bytes": Made("d/", attributes=0o40755 << 16),
    "no bytes, deflated": Made("d/", method=DEFLATE, packed=EMPTY_DEFLATED, attributes=0),
    "no bytes, called deflated": Made("d/", method=DEFLATE, packed=b"", attributes=0),
}
for host, attributes in product(DOS_HOSTS, (0, 0x10, 0x20)):
    made = Made("d/", host=host, attributes=attributes)
    FOLDERS[f"by its name, of system {host} with attributes {attributes}"] = made


@pytest.mark.parametrize("made", FOLDERS.values(), ids=FOLDERS.keys())
def test_an_empty_folder_is_passed_over(tmp_path: Path, made: Made) -> None:
    assert extracted(tmp_path, zip_made(made, B)) == {"b": b"x"}


FULL_FOLDERS = {
    "two bytes of junk": Made("d/", method=DEFLATE, packed=b"XX", attributes=0),
    "one byte of junk": Made("d/", method=DEFLATE, packed=b"X", attributes=0),
    "a checksum": Made("d/", crc=99, attributes=0),
    "a checksum, deflated": Made("d/", method=DEFLATE, packed=EMPTY_DEFLATED, crc=99, attributes=0),
    "deflated by another method": Made("d/", method=12, packed=EMPTY_DEFLATED, attributes=0),
    "stored": Made("d/", b"x", attributes=0),
}


@pytest.mark.parametrize("made", FULL_FOLDERS.values(), ids=FULL_FOLDERS.keys())
def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, made: Made) -> None:
    assert "has data in the folder `d/`" in refusal(tmp_path, zip_made(made, B))


def test_the_folders_that_java_and_python_write_are_read(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d/", b"")  # two bytes, as java.util.zip writes it
        archive.mkdir("e")
        archive.writestr("e/a", TEXT)
    assert extracted(tmp_path, whole.getvalue()) == {"e/a": TEXT}
