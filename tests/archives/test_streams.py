"""Compressed streams, and single files packed with one: read to their end or refused."""

import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

import pytest
from makers.tars import END, entry, source, unpacked

from covcat.archives import single, streams
from covcat.archives.base import BadArchiveError, Member, UnsupportedError

TEXT = b"id,label\n" + b"".join(b"%d,covid\n" % at for at in range(100))
LARGE = random.Random(5).randbytes(1 << 16) * 24  # 1.5 MB that unpack in many pieces


def zst(data: bytes) -> bytes:
    module = zstd_module()
    options = {module.CompressionParameter.checksum_flag: 1}
    packed: bytes = module.compress(data, options=options)
    return packed


def zstd_module() -> Any:
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


Packer = Callable[[bytes], bytes]
PACKERS: dict[str, Packer] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zst,
}
every_packing = pytest.mark.parametrize("packing", PACKERS)


def read(packed: bytes | BinaryIO, packing: str) -> bytes:
    stream = io.BytesIO(packed) if isinstance(packed, bytes) else packed
    with streams.open_unpacked(stream, packing) as flow:
        return b"".join(iter(lambda: bytes(flow.piece(1 << 20)), b""))


def refusal(packed: bytes, packing: str) -> str:
    with pytest.raises(BadArchiveError) as caught:
        read(packed, packing)
    return str(caught.value)


# ---- whole streams -----------------------------------------------------------------------------


@every_packing
def test_streams_one_after_another_are_one(packing: str) -> None:
    chance = random.Random(1)
    for _ in range(15):
        sizes = [chance.choice([0, 1, 4000, 4096, 9000, 70_000]) for _ in range(5)]
        parts = [chance.randbytes(size + chance.randrange(200)) for size in sizes]
        assert read(b"".join(map(PACKERS[packing], parts)), packing) == b"".join(parts)


def test_streams_that_end_where_a_read_ends_are_followed() -> None:
    chance = random.Random(2)
    for size in [*range(4060, 4100, 3), *range((1 << 18) - 40, (1 << 18) + 9, 5)]:
        parts = [chance.randbytes(size), b"more", b"", b"x"]
        assert read(b"".join(gzip.compress(part, 0) for part in parts), "gz") == b"".join(parts)


def test_fifty_thousand_empty_streams_take_no_long_time() -> None:
    start = time.monotonic()
    assert read(gzip.compress(b"") * 50_000, "gz") == b""
    assert time.monotonic() - start < 20  # it was minutes when each copied all that follows


TINY = {
    "zstd frames to skip": (b"\x50\x2a\x4d\x18" + bytes(4), "zst"),
    "gzip members of nothing": (gzip.compress(b""), "gz"),
    "gzip members of one byte": (gzip.compress(b"x"), "gz"),
}


@pytest.mark.parametrize(("stream", "packing"), TINY.values(), ids=TINY)
@pytest.mark.large
def test_too_many_tiny_streams_are_refused_before_they_take_long(
    stream: bytes, packing: str
) -> None:
    start = time.monotonic()
    assert "has 50,0" in refusal(stream * 400_000, packing)
    assert time.monotonic() - start < 15


def test_many_small_streams_are_read_if_they_hold_something(monkeypatch) -> None:
    monkeypatch.setattr(streams, "_MAX_TINY", 10)
    assert read(gzip.compress(bytes(1024)) * 200, "gz") == bytes(1024 * 200)
    assert "compressed streams for" in refusal(gzip.compress(bytes(1000)) * 900, "gz")


@every_packing
def test_zeros_may_fill_up_the_end_but_not_for_ever(packing: str) -> None:
    packed = PACKERS[packing](TEXT)
    assert read(packed + bytes(10_000), packing) == TEXT
    assert "more than 65,536 zeros" in refusal(packed + bytes(70_000), packing)


@every_packing
@pytest.mark.parametrize("rest", [b"x", b"\x1f", b"PK\x03\x04" * 9, bytes(512) + b"x"])
def test_other_bytes_after_the_end_are_refused(packing: str, rest: bytes) -> None:
    assert "goes on after the end" in refusal(PACKERS[packing](TEXT) + rest, packing)


def test_only_xz_may_go_on_after_zeros() -> None:
    for packing, pack in PACKERS.items():
        padded = pack(TEXT) + bytes(8) + pack(TEXT)
        if packing == "xz":
            assert read(padded, packing) == TEXT * 2
        else:
            assert "goes on after the end" in refusal(padded, packing)


# ---- gzip headers ------------------------------------------------------------------------------


def gz(flags: int = 0, fields: bytes = b"", data: bytes = TEXT) -> bytes:
    body = zlib.compressobj(wbits=-15)
    packed = body.compress(data) + body.flush()
    start = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + fields
    if flags & 2:
        start += struct.pack("<H", zlib.crc32(start) & 0xFFFF)
    return start + packed + struct.pack("<II", zlib.crc32(data), len(data))


def test_every_gzip_field_is_passed() -> None:
    alone = {0: b"", 1: b"", 2: b"", 4: b"\5\0extra", 8: b"name\0", 16: b"comment\0"}
    for flags, fields in (alone | {31: b"\5\0extraname\0comment\0"}).items():
        assert read(gz(flags, fields), "gz") == TEXT


ALL_FIELDS = b"\xb8\x0b" + b"e" * 3000 + b"n" * 3000 + b"\0" + b"c" * 3000 + b"\0"
LONG_FIELDS = {
    "a long name": (8, b"n" * 9000 + b"\0"),
    "a long name, checked": (10, b"n" * 9000 + b"\0"),
    "a name that ends at the first feed": (10, b"n" * 4083 + b"\0"),
    "a name that ends after the first feed": (10, b"n" * 4084 + b"\0"),
    "the longest extra field": (6, b"\xff\xff" + bytes(65535)),
    "all fields": (30, ALL_FIELDS),
    "all fields, not checked": (28, ALL_FIELDS),
}


@pytest.mark.parametrize(("flags", "fields"), LONG_FIELDS.values(), ids=LONG_FIELDS)
def test_a_long_gzip_header_is_passed_wherever_it_begins(flags: int, fields: bytes) -> None:
    noise = random.Random(3).randbytes((1 << 18) - 2000)
    assert read(gz(flags, fields), "gz") == TEXT
    for first in (b"", noise):  # the second header lies across two reads of the file
        packed = gz(data=first) + gz(flags, fields) + gz()
        assert read(packed, "gz") == first + TEXT * 2
    for cut in (4, 11, 3000, 4090):
        assert "ends in the middle" in refusal(gz() + gz(flags, fields)[:cut], "gz")


def test_a_gzip_header_of_more_than_a_megabyte_is_refused() -> None:
    assert read(gz(10, b"n" * 1_048_000 + b"\0"), "gz") == TEXT
    said = refusal(gz(8, b"n" * (1 << 21)), "gz")
    assert "has a gzip header of more than 1,048,576 bytes" in said


@pytest.mark.parametrize("bit", [5, 6, 7])
def test_reserved_gzip_flags_are_refused(bit: int) -> None:
    assert "reserved flags" in refusal(gz(1 << bit), "gz")
    assert "reserved flags" in refusal(gz() + gz(1 << bit), "gz")


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gz()[:-8] + bytes(4) + gz()[-4:], id="the checksum"),
        pytest.param(gz()[:-4] + bytes(4), id="the size"),
        pytest.param(gz(2)[:10] + b"\0\0" + gz(2)[12:], id="the header's checksum"),
        pytest.param(b"\x1f\x8b\7" + gz()[3:], id="the method"),
    ],
)
def test_what_gzip_says_of_itself_is_checked(packed: bytes) -> None:
    assert refusal(packed, "gz").startswith("is damaged: ")


# ---- limits ------------------------------------------------------------------------------------


def test_an_xz_dictionary_over_the_limit_is_refused() -> None:
    small = bytearray(lzma.compress(TEXT))
    assert small[16] == 0x16  # LZMA2's dictionary size, 8 MiB for the preset
    small[16] = 40  # 4 GiB - 1
    small[20:24] = struct.pack("<I", zlib.crc32(small[12:20]))
    assert "emory" in refusal(bytes(small), "xz")


def test_a_zstd_window_over_the_limit_is_refused() -> None:
    frame = b"\x28\xb5\x2f\xfd" + b"\0" + bytes([(31 - 10) << 3]) + b"\1\0\0"
    assert refusal(frame, "zst").startswith("is damaged: ")


def test_zstd_frames_to_skip_are_skipped() -> None:
    skipped = b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello"
    assert read(skipped + zst(TEXT) + skipped + zst(TEXT) + skipped, "zst") == TEXT * 2
    assert "ends in the middle" in refusal(zst(TEXT) + skipped[:-1], "zst")


def test_without_the_zstd_package_the_archive_says_which(monkeypatch) -> None:
    name = zstd_module().__name__
    packed = zst(TEXT)
    monkeypatch.setitem(sys.modules, name, None)
    assert f"needs the package `{name}`" in refusal(packed, "zst")


# ---- damage ------------------------------------------------------------------------------------


@every_packing
def test_no_cut_is_missed(packing: str) -> None:
    whole = PACKERS[packing](TEXT)
    for size in range(1, len(whole)):
        assert refusal(whole[:size], packing)


@every_packing
def test_no_flipped_bit_is_missed(packing: str) -> None:
    whole = PACKERS[packing](TEXT)
    for at in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[at // 8] ^= 1 << at % 8
        with suppress(BadArchiveError):
            assert read(bytes(damaged), packing) == TEXT, at


# ---- the thread --------------------------------------------------------------------------------


class Failing(io.BytesIO):
    """A file whose disk fails after a while."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 1 << 19:
            raise OSError("the disk is gone")
        return super().read(size)


@every_packing
def test_no_thread_is_left_behind(packing: str) -> None:
    before = threading.active_count()
    whole = PACKERS[packing](random.Random(1).randbytes(3 << 19))
    assert len(read(whole, packing)) == 3 << 19
    assert "ends in the middle" in refusal(whole[:-1], packing)
    with streams.open_unpacked(io.BytesIO(whole), packing) as flow:
        assert len(flow.take(10)) == 10
    with pytest.raises(KeyboardInterrupt), streams.open_unpacked(io.BytesIO(whole), packing):
        raise KeyboardInterrupt
    with pytest.raises(OSError, match="the disk is gone"):
        read(Failing(whole), packing)
    assert threading.active_count() == before


def test_the_thread_goes_only_so_far_ahead() -> None:
    packed = gzip.compress(bytes(64 << 20), 1)
    assert len(packed) > 1 << 16  # else there is no thread
    made = 0

    def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal made
        for chunk in chunks:
            made += len(chunk)
            yield chunk

    ahead = streams._Ahead(counted(streams._streams(io.BytesIO(packed), "gz")))
    taken = next(ahead.chunks())
    time.sleep(0.3)
    assert len(taken) <= made < 12 << 20
    ahead.close()


# ---- kinds -------------------------------------------------------------------------------------


def test_a_compression_is_known_by_how_it_begins() -> None:
    for packing, pack in PACKERS.items():
        stream = io.BytesIO(pack(TEXT))
        assert (streams.compression_of(stream), stream.tell()) == (packing, 0)
    assert streams.compression_of(io.BytesIO(bz2.compress(b""))) == "bz2"
    for other in (b"", b"BZh is a name", TEXT, b"PK\x03\x04"):
        assert streams.compression_of(io.BytesIO(other)) is None
    with pytest.raises(UnsupportedError, match="lzma-alone"):
        streams.compression_of(io.BytesIO(lzma.compress(b"", lzma.FORMAT_ALONE)))


# ---- single files ------------------------------------------------------------------------------


def asked(packed: bytes, name: str) -> list[Member]:
    members: list[Member] = []
    single.unpack(source(packed, name=name), members.append)
    return members


@every_packing
@pytest.mark.parametrize(
    "data", [b"", TEXT, LARGE, bytes(4096)], ids=["0", "small", "large", "zero"]
)
def test_a_packed_file_is_one_member(packing: str, data: bytes) -> None:
    assert unpacked(PACKERS[packing](data), module=single) == {"scan.nii": data}


@pytest.mark.parametrize(
    ("archive", "member"),
    [
        *((f"a.csv.{packing}", "a.csv") for packing in PACKERS),
        ("SCAN.NII.GZ", "SCAN.NII"),
        ("labels.csv", "labels.csv.unpacked"),
        (".gz", ".gz.unpacked"),
        ("x", "x.unpacked"),
    ],
)
def test_the_member_is_named_after_the_file(archive: str, member: str) -> None:
    packed = gz(8, b"../../etc/passwd\0")
    assert asked(packed, archive) == [Member(0, member, "file", None)]


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (TEXT, "is not compressed"),
        (b"LZIP" + bytes(99), "is packed with lzip"),
        (gzip.compress(entry(b"a", b"x") + END, mtime=0), "holds a tar: it must be declared as"),
        (gzip.compress(TEXT, mtime=0)[:-1], "ends in the middle"),
    ],
)
def test_what_is_not_one_packed_file_is_refused(packed: bytes, said: str) -> None:
    with pytest.raises(BadArchiveError, match=said):
        unpacked(packed, module=single)


def test_a_file_that_is_not_wanted_is_still_read_to_its_end() -> None:
    with pytest.raises(BadArchiveError, match="ends in the middle"):
        single.unpack(source(gzip.compress(TEXT)[:-1]), lambda _: None)
