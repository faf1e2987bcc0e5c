"""RAR: what is read, what is refused, and that damage is never read as something else."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rarfile
from makers import rars, unpacking
from makers.rars import (
    MAGIC4,
    MAGIC5,
    Entry,
    block4,
    block5,
    member4,
    member5,
    rar4_of,
    rar4_pieces,
    rar5_of,
    rar5_pieces,
    vint,
)

from covcat.archives import rar, rar_listing, tools
from covcat.archives.base import DAMAGE, BadArchiveError, Member, Source
from covcat.errors import ExtractionError

SCAN = bytes(range(256)) * 40
FILES = {"a/one.dcm": SCAN, "a/two.dcm": b"two" * 500, "empty": b"", "three.txt": b"three\n"}
Maker = Callable[..., bytes]


def files_of(folder: Path, data: bytes, encoding: str | None = None) -> dict[str, bytes]:
    (folder / "in.rar").write_bytes(data)
    return unpacking.files_of(rar, folder / "in.rar", encoding)


def members_of(folder: Path, data: bytes, encoding: str | None = None) -> list[Member]:
    (folder / "in.rar").write_bytes(data)
    return unpacking.members_of(rar, folder / "in.rar", encoding)


END4 = block4(0x7B, 0x4000, b"")
BOTH = pytest.mark.parametrize("make", [rar4_of, rar5_of], ids=["RAR 4", "RAR 5"])


# ---- what is read ------------------------------------------------------------------------------


@BOTH
def test_files_come_out_as_they_went_in(tmp_path: Path, make: Maker) -> None:
    assert files_of(tmp_path, make(FILES, packed=True)) == FILES


@BOTH
def test_folders_and_executables_are_known(tmp_path: Path, make: Maker) -> None:
    run, data = Entry("scripts/run", b"#!", mode=0o100755), Entry("scripts/data", b"x")
    archive = make([Entry("scripts", folder=True, mode=0o40755), run, data])
    members = members_of(tmp_path, archive)
    assert [(one.number, one.name, one.kind, one.size, one.is_executable) for one in members] == [
        (0, "scripts/", "folder", 0, True),
        (1, "scripts/run", "file", 2, True),
        (2, "scripts/data", "file", 1, False),
    ]


@BOTH
def test_names_that_a_command_line_could_mistake_are_only_names(
    tmp_path: Path, make: Maker
) -> None:
    files = {"-o/etc": b"1", "@list": b"2", "*": b"3", "a?[b]": b"4", "--": b"5", "$(id)": b"6"}
    assert files_of(tmp_path, make(files)) == files


@pytest.mark.parametrize("name", ["-o.rar", "@list.rar", "scan *?.rar", "Проба 7.rar", "P001.rar"])
def test_the_archive_may_have_any_name_and_neighbours(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    for neighbour in (name, "P002.rar"):
        (tmp_path / neighbour).write_bytes(rar5_of(FILES))
    assert unpacking.files_of(rar, tmp_path / name) == FILES


def test_unwanted_members_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "in.rar"
    path.write_bytes(rar5_of(FILES))
    assert unpacking.files_of(rar, path, wanted="two") == {"a/two.dcm": FILES["a/two.dcm"]}


@pytest.mark.parametrize(
    ("make", "old"),
    [
        (rar5_of, Entry("x", b"OLD", extra=rars.record5(4, vint(0) + vint(1)))),
        (rar4_of, Entry("x;1", b"OLD", flags=0x800)),
    ],
)
def test_old_versions_of_files_are_left_out(tmp_path: Path, make: Maker, old: Entry) -> None:
    data = make([old, Entry("x", b"new"), Entry("y", b"Y")])
    assert files_of(tmp_path, data) == {"x": b"new", "y": b"Y"}


def test_services_beside_files_are_left_out(tmp_path: Path) -> None:
    stream = member5(Entry("STM", b":stream of NTFS"), block_type=3)
    comment = member5(Entry("CMT", b"a comment"), block_type=3)
    padded_end = block5(5, vint(0)) + bytes(20)
    pieces = (*rar5_pieces({"x": b"X"}, end=False), *stream, *comment, padded_end)
    assert files_of(tmp_path, b"".join(pieces)) == {"x": b"X"}


def test_a_comment_makes_nobody_run_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    for name in ("unrar", "unar", "7z", "7zz", "bsdtar"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    rarfile.tool_setup.__globals__["CURRENT_SETUP"] = None
    comment = Entry("CMT", b"a packed comment", packed=True)
    pieces = (*rar4_pieces({"x": b"X"}, end=False), *member4(comment, block_type=0x7A), END4)
    assert [one.name for one in members_of(tmp_path, b"".join(pieces))] == ["x"]
    assert not ran.exists()


def test_blake2sp_is_checked_where_the_archive_has_it(tmp_path: Path) -> None:
    good = rars.record5(2, vint(0) + rarfile.Blake2SP(SCAN).digest())
    bad = rars.record5(2, vint(0) + rarfile.Blake2SP(SCAN + b"x").digest())
    assert files_of(tmp_path, rar5_of([Entry("x", SCAN, extra=good, crc=-1)])) == {"x": SCAN}
    with pytest.raises(BadArchiveError, match=r"has a wrong checksum for `x`|cannot be unpacked"):
        files_of(tmp_path, rar5_of([Entry("x", SCAN, extra=bad, crc=-1)]))


# ---- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "encoding", "name"),
    [
        ("Лёгкие.dcm".encode(), None, "Лёгкие.dcm"),
        ("肺.dcm".encode("gbk"), "gbk", "肺.dcm"),
        ("Lungenödem".encode("cp437"), "cp437", "Lungenödem"),
        (b"windows\\path\\x", None, "windows/path/x"),
    ],
)
def test_a_rar_4_name_without_unicode_has_the_declared_encoding(
    tmp_path: Path, raw: bytes, encoding: str | None, name: str
) -> None:
    assert files_of(tmp_path, rar4_of([Entry(raw, b"x")]), encoding) == {name: b"x"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (rar4_of([Entry("肺".encode("gbk"))]), "not UTF-8, and no encoding is declared: `.*`"),
        (rar5_of([Entry(b"\xff\xfe")]), "calls a name UTF-8 that is not"),
        (rar4_of([Entry(b"good\0bad")]), "has a NUL in the name `good`"),
        (rar5_of([Entry(b"good\0bad")]), "has a NUL in the name `good`"),
        # half a surrogate pair
        (rar4_of([Entry(b"x\0\0\x80\0\xd8", flags=0x200)]), "cannot be read"),
    ],
)
def test_a_name_that_cannot_be_known_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadArchiveError, match=message):
        members_of(tmp_path, data)


# `Проба` in steps of two bits, high byte 4; then one sign of another alphabet, and ASCII
STEPS = b"\x04\x55\x1f\x40\x3e\x31\x60\x30\xba\x80.x"
CUT_NAMES = {
    "nothing of it": b"",
    "only the high byte": STEPS[:1],
    "steps without what they add": STEPS[:2],
    "a step of one byte": STEPS[:7],
    "half a step of two bytes": STEPS[:9],
    "a run without its length": b"\x04\xc0",
    "a run without its correction": b"\x04\xc0\x83",
    "a run beyond the plain name": b"\x04\xc0\x08",
}


@pytest.mark.parametrize("packed", CUT_NAMES.values(), ids=CUT_NAMES.keys())
def test_a_unicode_name_of_rar_4_that_is_cut_off_is_refused(tmp_path: Path, packed: bytes) -> None:
    # rarfile would take the plain name, 7-Zip what there is of the other, bsdtar a third one
    data = rar4_of([Entry(b"?????_.x\0" + packed, b"x", flags=0x200)])
    with pytest.raises(BadArchiveError, match="has a Unicode name that is cut off, for `"):
        members_of(tmp_path, data)


@pytest.mark.parametrize(
    ("packed", "name"),
    [(STEPS, "Проба肺.x"), (b"\x04\xc0\x83\x10", "яяяяя"), (b"\x04\xc0\x06", "?????_.x")],
    ids=["steps", "a run with a correction", "a run"],
)
def test_a_unicode_name_of_rar_4_is_read(tmp_path: Path, packed: bytes, name: str) -> None:
    header, data = member4(Entry(b"?????_.x\0" + packed, b"x", flags=0x200))
    large = block4(0x74, 0x8300, header[7:32] + bytes(8) + header[32:])  # with sizes of 64 bits
    for one in (header, large):
        pieces = (MAGIC4, block4(0x73, 0, bytes(6)), one, data, END4)
        assert files_of(tmp_path, b"".join(pieces)) == {name: b"x"}


# ---- kinds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "make", "kind"),
    [
        *(
            (Entry("l", extra=rars.redirection5(kind, "x")), rar5_of, "link")
            for kind in (
                rars.UNIX_LINK,
                rars.WINDOWS_LINK,
                rars.JUNCTION,
                rars.HARD_LINK,
                rars.FILE_COPY,
            )
        ),
        (Entry("l", b"/etc", mode=0o120777), rar4_of, "link"),
        (Entry("p", mode=0o010644), rar4_of, "special"),
        (Entry("d", mode=0o060644), rar5_of, "special"),
    ],
)
def test_links_and_specials_are_called_so(
    tmp_path: Path, entry: Entry, make: Maker, kind: str
) -> None:
    members = members_of(tmp_path, make([Entry("x", b"X"), entry]))
    assert [one.kind for one in members] == ["file", kind]


# ---- refused -----------------------------------------------------------------------------------


def two_mains5(entries: list[Entry]) -> bytes:
    first, second = entries
    main, end = block5(1, vint(0)), block5(5, vint(0))
    return b"".join((MAGIC5, main, *member5(first), main, *member5(second), end))


def strange_block4(entries: list[Entry]) -> bytes:
    strange = block4(0x7F, 0x8000, b"\6\0\0\0") + b"hidden"
    return b"".join((*rar4_pieces(entries, end=False), strange, END4))


def without_long4(entries: list[Entry]) -> bytes:
    """A file without the flag for data, which rarfile reads 4 bytes early; the next one in it.

    The name ends where rarfile takes the header to end, or the checksum would be wrong.
    """
    header, data = member4(entries[0])
    return b"".join((MAGIC4, block4(0x73, 0, bytes(6)), block4(0x74, 0, header[7:]), data, END4))


_ENCRYPTION5 = rars.record5(1, vint(0) + vint(0) + b"\x0f" + bytes(32))


OPEN4, OPEN5 = (b"".join(pieces(FILES, end=False)) for pieces in (rar4_pieces, rar5_pieces))
LINK5 = rars.redirection5(rars.UNIX_LINK, "x")
IN_ENDS = "data in its main header or in its end"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"MZ" + rar5_of(FILES), "self-extracting"),
        (b"RE\x7e\x5e\0\0\0", "is of RAR 1.4"),
        (rar5_of([Entry("x", b"X", extra=_ENCRYPTION5)]), r"is encrypted \(`x`\)"),
        (rar4_of([Entry("x", b"X", flags=0x04)]), r"is encrypted \(`x`\)"),
        (MAGIC5 + block5(4, vint(0) * 2 + b"\x0f" + bytes(16)), "is encrypted, its names too"),
        (rar4_of([], main=0x80), "is encrypted"),
        (rar5_of(FILES, end=False), "has no end|damaged headers"),
        (rar4_of(FILES, end=False), "has no end"),
        (rar5_of(FILES) + b"x", "goes on after its end"),
        (rar4_of(FILES) + rar4_of(FILES), "goes on after its end"),
        (MAGIC5 + block5(1, vint(0)) + block5(9, b"") + block5(5, vint(0)), "has no end"),
        (rar5_of([Entry("x", b"X", folder=True)]), "has data in the folder `x`"),
        (rar5_of([Entry("x/", b"X")]), "both a file and a folder"),
        (rar4_of([Entry("x", b"X", method=7)]), "unknown method"),
        (rar5_of([Entry("x", method=1, size=1 << 30, dictionary=12)]), "dictionary of 512 MB"),
        (rar5_of([Entry("x", b"X", method=1, dictionary=15, version=1)]), "dictionary of 4,096 MB"),
        (rar5_of([Entry("x", b"X", crc=7)]), r"wrong checksum for `x`|cannot be unpacked"),
        (rar4_of([Entry("x", b"X", crc=7)]), r"wrong checksum for `x`|cannot be unpacked"),
        (rar5_of([Entry("x", b"X", size=5)]), "stops too early"),
        (rar5_of([Entry("x", b"XYZ", size=1)]), "more than it declares|wrong checksum|fails"),
        (MAGIC4, "has no end"),
        (rar5_of([Entry("x", b"X", flags=16), Entry("x", b"Y", flags=8)]), "none is due"),
        (rar5_of([Entry("x", b"X", flags=24), Entry("y", b"Y")], main=1), "a part of another file"),
        (MAGIC5 + b"".join(member5(Entry("x", b"X"))) + block5(5, vint(0)), "not the first"),
        (rar5_of([Entry("d", b"hidden", folder=True, size=0)]), "has data in the folder `d`"),
        (rar4_of([Entry("d", b"hidden", folder=True, size=0)]), "has data in the folder `d`"),
        (rar5_of([Entry("l", b"hidden", size=0, extra=LINK5)]), "has data in the link `l`"),
        (OPEN5 + block5(5, vint(0), data_size=6) + b"hidden", IN_ENDS),
        (OPEN4 + block4(0x7B, 0xC000, b"\6\0\0\0") + b"hidden", IN_ENDS),
        (MAGIC5 + block5(1, vint(0), data_size=6) + b"hidden" + block5(5, vint(0)), IN_ENDS),
        (OPEN5 + block5(5, vint(1)), "does not say it is one"),
    ],
)
def test_what_is_not_whole_and_plain_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadArchiveError, match=message):
        files_of(tmp_path, data)


HIDDEN4 = b"".join(member4(Entry("y", b"Y")))
GOES_ON = "goes on in another volume, but does not say it is one"
UNKNOWN = "with an algorithm that is not known"


@pytest.mark.parametrize("packed", [False, True], ids=["stored", "packed"])
@pytest.mark.parametrize(
    ("make", "entries", "message"),
    [
        (
            two_mains5,
            [Entry("x"), Entry("y")],
            "main header that is not the first, or not the only",
        ),
        (strange_block4, [Entry("x", b"X")], "block of the unknown type 127"),
        (without_long4, [Entry("x" * 29, HIDDEN4)], "two sizes for the data of"),
        (rar4_of, [Entry("x", b"X", flags=2)], GOES_ON),
        (rar5_of, [Entry("x", b"X", flags=16)], GOES_ON),
        (rar5_of, [Entry("x", b"X", flags=8)], "begins within a file"),
        (
            rar5_of,
            [Entry("x", flags=16), Entry("y")],
            "has `y` where a part of another file is due",
        ),
        (rar5_of, [Entry("x", b"X", version=2)], UNKNOWN),
        (rar4_of, [Entry("x", b"X", version=30)], UNKNOWN),
    ],
)
def test_what_no_tool_reads_is_refused_even_where_none_is_needed(
    tmp_path: Path, make: Maker, entries: list[Entry], message: str, packed: bool
) -> None:
    with pytest.raises(BadArchiveError, match=message):
        files_of(tmp_path, make([replace(one, packed=packed) for one in entries]))


def test_a_flood_of_headers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rar_listing, "MAX_HEADERS", 50)
    with pytest.raises(BadArchiveError, match="has more than 50 headers"):
        members_of(tmp_path, rar5_of({f"f{number}": b"" for number in range(60)}))


@BOTH
def test_stored_files_need_no_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Maker
) -> None:
    monkeypatch.setattr(rar, "rar_tool", lambda version: pytest.fail("a tool was looked for"))
    assert files_of(tmp_path, make(FILES)) == FILES


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("printf XY", "more than it declares"),
        ("printf Y", "wrong checksum for `x`"),
        ("exit 0", "stops too early"),
        ("printf X; exit 3", "fails"),
    ],
)
def test_a_tool_that_prints_something_else_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    fake = tmp_path / "unar"
    fake.write_text(f"#!/bin/sh\n{body}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(rar, "rar_tool", lambda *_, **__: tools.Tool("unar", fake))
    with pytest.raises(BadArchiveError, match=message):
        files_of(tmp_path, rar5_of({"x": b"X"}, packed=True))


@pytest.mark.parametrize("name", ["unar", "bsdtar", "unrar", "7zz"])
def test_other_tools_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tools, "_bundled", lambda: None)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setitem(tools._READERS, "RAR", (name,))
    read_by = [make for make, version in ((rar4_of, 4), (rar5_of, 5)) if tools.rar_tool(version)]
    for make in read_by:  # unar and bsdtar fail at some literals-only streams that 7-Zip reads
        contents = {"one": b"covcat can read this", "two": SCAN, "three": b"3" * 500}
        data = make([Entry(name, contents[name], packed=name == "one") for name in contents])
        assert files_of(tmp_path, data) == contents


# ---- volumes -----------------------------------------------------------------------------------


VOLUMES = pytest.mark.parametrize(
    "make", [rars.rar4_volumes, rars.rar5_volumes], ids=["RAR 4", "RAR 5"]
)


@VOLUMES
def test_volumes_are_read_from_the_first(tmp_path: Path, make: Callable[..., list[bytes]]) -> None:
    for number, volume in enumerate(make("x.bin", SCAN, 3), start=1):
        (tmp_path / f"set.part{number}.rar").write_bytes(volume)
    assert unpacking.files_of(rar, tmp_path / "set.part1.rar") == {"x.bin": SCAN}
    with pytest.raises(BadArchiveError, match="of several volumes: begin with the first"):
        unpacking.files_of(rar, tmp_path / "set.part2.rar")
    (tmp_path / "set.part2.rar").unlink()
    with pytest.raises(BadArchiveError, match=r"`set\.part2\.rar` is missing"):
        unpacking.files_of(rar, tmp_path / "set.part1.rar")


@VOLUMES
def test_bytes_after_the_end_of_a_volume_are_refused(
    tmp_path: Path, make: Callable[..., list[bytes]]
) -> None:
    for number in range(1, 4):
        for at, volume in enumerate(make("x.bin", SCAN, 3), start=1):
            after = b"\0\0hidden" if at == number else bytes(20)
            (tmp_path / f"set.part{at}.rar").write_bytes(volume + after)
        with pytest.raises(BadArchiveError, match="goes on after its end"):
            unpacking.files_of(rar, tmp_path / "set.part1.rar")


def test_parts_of_another_file_are_refused(tmp_path: Path) -> None:
    first, other = rars.rar5_volumes("x.bin", SCAN)[0], rars.rar5_volumes("y.bin", SCAN)[1]
    (tmp_path / "set.part1.rar").write_bytes(first)
    for wrong, message in (
        (other, "part of `y.bin` where none is due"),
        (first, "where a part of another file is due"),
    ):
        (tmp_path / "set.part2.rar").write_bytes(wrong)
        with pytest.raises(BadArchiveError, match=message):
            unpacking.files_of(rar, tmp_path / "set.part1.rar")


@pytest.mark.parametrize("changed", ["set.part1.rar", "set.part2.rar"])
def test_a_volume_that_changes_after_it_was_listed_is_refused(tmp_path: Path, changed: str) -> None:
    for number, volume in enumerate(rars.rar5_volumes("x.bin", SCAN), start=1):
        (tmp_path / f"set.part{number}.rar").write_bytes(volume)
    path, shelf = tmp_path / "set.part1.rar", dict[str, bytes]()
    with path.open("rb") as stream:
        source = Source(path, stream)
        members = rar.members(source)
        copy = (tmp_path / changed).read_bytes()
        (tmp_path / changed).unlink()
        (tmp_path / "keeps the number").touch()
        (tmp_path / changed).write_bytes(copy)
        with pytest.raises(BadArchiveError, match="was changed while it was read"):
            rar.unpack(source, members, lambda member: unpacking.Kept(member, shelf))
    assert not shelf


# ---- damage ------------------------------------------------------------------------------------

SMALL = {"one": b"first file", "two": b"second, a little longer"}


def outcome(path: Path, data: bytes) -> dict[str, bytes] | None:
    """Return what is read, or None where it is refused."""
    path.write_bytes(data)
    try:
        return unpacking.files_of(rar, path)
    except (*DAMAGE, ExtractionError):
        return None


@BOTH
@pytest.mark.parametrize("packed", [False, True], ids=["stored", "packed"])
def test_a_damaged_archive_is_never_read_as_something_else(
    tmp_path: Path, make: Maker, packed: bool
) -> None:
    whole = make(SMALL, packed=packed)
    path = tmp_path / "in.rar"
    for at in range(len(whole)):
        assert outcome(path, whole[:at]) is None, at
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        assert outcome(path, bytes(flipped)) in (None, SMALL), at
