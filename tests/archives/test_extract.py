"""Every rule on what an archive may contain, through the function that decides."""

import errno
import io
import os
import stat
import struct
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.rars import rar4_of, rar5_of
from makers.runs import tree_on_disk
from makers.seven_zips import seven_zip_of
from makers.zips import Made, zip_made

from covcat.archives import FORMATS, extract, writing
from covcat.archives.rules import Budget, Layout
from covcat.archives.writing import UnpackTarget
from covcat.errors import DiskError, ExtractionError

GOOD = {"a.txt": b"a", "b/c.txt": b"c" * 3000, "empty.txt": b""}
ONE_FILE = {"gz", "bz2", "xz", "zst"}  # they hold no names: tests/archives/test_streams.py
MAKERS = {
    "zip": {"zip": zip_of},
    "tar": {p or "plain": lambda m, p=p: tar_of(m, p) for p in ("", "gz", "bz2", "xz")},
    "7z": {"7z": seven_zip_of},
    "rar": {"rar4": rar4_of, "rar5": rar5_of},
}
KINDS = [(kind, name) for kind, makers in MAKERS.items() for name in makers]


PLAIN = Layout()


def unpacked(tmp_path: Path, kind: str, data: bytes, layout: Layout = PLAIN) -> dict[str, bytes]:
    """Put an archive through both passes; return what was written."""
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    extract.extract(archive, kind, layout, Budget(10**9), UnpackTarget(folder, tmp_path / "inside"))
    return tree_on_disk(folder)


def refused(tmp_path: Path, kind: str, data: bytes) -> ExtractionError:
    """Return the error; nothing may have been written outside the staging folder."""
    with pytest.raises(ExtractionError) as info:
        unpacked(tmp_path, kind, data)
    assert {path.name for path in tmp_path.iterdir()} <= {"archive", "out", "a"}
    return info.value


def test_every_format_has_a_maker() -> None:
    assert MAKERS.keys() == FORMATS.keys() - ONE_FILE


@pytest.mark.parametrize(("kind", "packing"), KINDS)
def test_a_good_archive_is_written_whole(tmp_path: Path, kind: str, packing: str) -> None:
    assert unpacked(tmp_path, kind, MAKERS[kind][packing](GOOD)) == GOOD


@pytest.mark.parametrize(("kind", "packing"), KINDS)
@pytest.mark.parametrize(
    "name",
    [
        *("/tmp/canary", "../canary", "a/../../canary", "a/../b", "C:/x", "..\\canary", "a\\b"),
        *("esc\x1b[2J", "bidi\u202e", "line\u2028", "a//b", "a/./b", "x" * 300, "d/" * 70 + "d"),
    ],
)
def test_an_unsafe_name_fails_the_whole_archive(
    tmp_path: Path, kind: str, packing: str, name: str
) -> None:
    if packing == "rar4":  # whose separator on Windows is a backslash: it is read as a slash
        name = name.replace("a\\b", "a\\..\\b")
    error = refused(tmp_path, kind, MAKERS[kind][packing]({"fine.txt": b"f", name: b"x"}))
    assert "is refused as unsafe because of" in error.message


@pytest.mark.parametrize(("kind", "packing"), KINDS)
@pytest.mark.parametrize(
    "names",
    [
        ("Readme.txt", "README.TXT"),
        ("caf\u00e9", "cafe\u0301"),
        ("stra\u00dfe", "strasse"),
        ("a", "a/b"),
        ("a/b", "A/c"),
        ("a.", "a"),
        ("d/x ", "d/x"),
    ],
)
def test_names_that_are_one_path_somewhere_are_refused(
    tmp_path: Path, kind: str, packing: str, names: tuple[str, str]
) -> None:
    error = refused(tmp_path, kind, MAKERS[kind][packing](dict.fromkeys(names, b"x")))
    assert "would be one path" in error.message


@pytest.mark.parametrize(("kind", "packing"), KINDS)
def test_an_archive_cut_anywhere_never_looks_whole(tmp_path: Path, kind: str, packing: str) -> None:
    whole = MAKERS[kind][packing](GOOD)
    archive = tmp_path / "archive"
    place = UnpackTarget(None, tmp_path / "inside")  # its files are only hashed
    cuts = 400 if kind in ("zip", "tar") else 40
    for length in range(0, len(whole), max(1, len(whole) // cuts)):
        archive.write_bytes(whole[:length])
        with suppress(ExtractionError):
            done = extract.extract(archive, kind, PLAIN, Budget(10**9), place)
            assert len(done.files) == len(GOOD), length


def tar_with(**fields: object) -> bytes:
    """A tar with one good file and one member of these fields."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        good, info = tarfile.TarInfo("good.txt"), tarfile.TarInfo("odd")
        archive.addfile(good)
        for name, value in fields.items():
            setattr(info, name, value)
        archive.addfile(info)
    return buffer.getvalue()


ODD = [
    ("tar", tar_with(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "it is a link"),
    ("tar", tar_with(type=tarfile.LNKTYPE, linkname="good.txt"), "it is a link"),
    ("tar", tar_with(type=tarfile.CHRTYPE), "not a regular file"),
    ("tar", tar_with(type=tarfile.BLKTYPE), "not a regular file"),
    ("tar", tar_with(type=tarfile.FIFOTYPE), "not a regular file"),
    ("zip", zip_of({"a": b"/etc"}, modes={"a": stat.S_IFLNK | 0o777}), "it is a link"),
    ("zip", zip_of({"a": b""}, modes={"a": stat.S_IFIFO | 0o644}), "not a regular file"),
]


@pytest.mark.parametrize(("kind", "data", "said"), ODD)
def test_links_and_special_files_fail_the_archive(
    tmp_path: Path, kind: str, data: bytes, said: str
) -> None:
    assert said in refused(tmp_path, kind, data).message


# ---- zip structure -----------------------------------------------------------------------------


def _renamed_in_directory(data: bytes) -> bytes:
    directory = data.index(b"PK\x01\x02")
    return data[:directory] + data[directory:].replace(b"a.txt", b"z.txt")


def _twice(data: bytes) -> bytes:
    """Two directory entries that share one local member."""
    directory = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entries = data[directory:end] * 2
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 2, 2, len(entries))
    return data[:directory] + entries + bytes(tail)


ONE = zip_of({"a.txt": b"a" * 100})
MORE = Made(method=8, packed=b"\x03\x00", size=5000)  # no bytes, deflated


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"junk" + ONE, "4 bytes before its first member", id="a prefix"),
        pytest.param(ONE + b"junk", "after its end", id="a tail"),
        pytest.param(_renamed_in_directory(ONE), "", id="two names"),
        pytest.param(zip_made(MORE), "shorter than it declares", id="declares more"),
        pytest.param(_twice(ONE), "overlap", id="overlapping"),
        pytest.param(zip_of({}), "no files", id="empty"),
        pytest.param(zip_of({"a/": b""}), "no files", id="only a folder"),
        pytest.param(b"", "", id="zero bytes"),
        pytest.param(tar_of(GOOD), "", id="a tar"),
    ],
)
def test_a_zip_that_contradicts_itself_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    error = refused(tmp_path, "zip", data)
    assert said in f"{error.message} {error.cause}"


def test_a_hidden_local_member_is_found(tmp_path: Path) -> None:
    two = zip_of({"a.txt": b"a" * 50, "b.txt": b"b" * 50})
    directory = two.index(b"PK\x01\x02")
    second = two.index(b"PK\x01\x02", directory + 4)
    end = two.index(b"PK\x05\x06")
    tail = bytearray(two[end:])
    struct.pack_into("<HHII", tail, 8, 1, 1, end - second, directory)
    hidden = two[:directory] + two[second:end] + bytes(tail)
    assert "hidden bytes" in (refused(tmp_path, "zip", hidden).cause or "")


def test_a_nul_in_a_zip_name_does_not_cut_it(tmp_path: Path) -> None:
    data = zip_of({"ok.txtX../x": b"x"}).replace(b"ok.txtX", b"ok.txt\0")
    assert "control or invisible character" in refused(tmp_path, "zip", data).message


def test_utf8_names_without_the_flag_are_read_and_others_refused(tmp_path: Path) -> None:
    def unflagged(name: bytes) -> bytes:
        placeholder = b"n" * len(name)
        return zip_of({placeholder.decode(): b"x"}).replace(placeholder, name)

    (tmp_path / "a").mkdir()
    assert unpacked(tmp_path / "a", "zip", unflagged("é.png".encode())) == {"é.png": b"x"}
    assert "no encoding is declared" in refused(tmp_path, "zip", unflagged(b"\xe9.png")).message


# ---- layout ------------------------------------------------------------------------------------

ROOTED = zip_of({"r-1/": b"", "r-1/a.txt": b"a", "r-1/data/b.txt": b"b", "r-1/x/.DS_Store": b"j"})


@pytest.mark.parametrize(
    ("layout", "paths"),
    [
        (Layout(strip_root=True), ["a.txt", "data/b.txt", "x/.DS_Store"]),
        (Layout(strip_root=True, keep="data/"), ["data/b.txt"]),
        (Layout(strip_root=True, exclude=("*.DS_Store",)), ["a.txt", "data/b.txt"]),
        (Layout(into="in/", exclude=("*/x/*", "*/data/*")), ["in/r-1/a.txt"]),
    ],
)
def test_a_layout_places_members(tmp_path: Path, layout: Layout, paths: list[str]) -> None:
    assert sorted(unpacked(tmp_path, "zip", ROOTED, layout)) == paths


MAC = {"r/a.txt": b"a", "r/._a.txt": b"j", "__MACOSX/r/._a.txt": b"j", "r/.git/config": b"token"}


@pytest.mark.parametrize(
    ("layout", "paths"),
    [
        (Layout(), ["__MACOSX/r/._a.txt", "r/._a.txt", "r/.git/config", "r/a.txt"]),
        (Layout(litter=()), ["r/a.txt"]),
        (Layout(litter=["in/._a.txt"], strip_root=True, into="in/"), ["in/._a.txt", "in/a.txt"]),
        (Layout(litter=["._a.txt"], strip=1), ["._a.txt", "a.txt"]),
        (Layout(litter=["r/._a.txt"], into="r/", own_folder="r"), ["r/._a.txt", "r/a.txt"]),
    ],
)
def test_litter_stays_only_where_it_is_known(tmp_path: Path, layout: Layout, paths) -> None:
    assert sorted(unpacked(tmp_path, "zip", zip_of(MAC), layout)) == paths


def test_an_archive_of_litter_alone_has_no_files(tmp_path: Path) -> None:
    litter = zip_of({"__MACOSX/._a.txt": b"j", ".DS_Store": b"j"})
    with pytest.raises(ExtractionError, match="has no files in it"):
        unpacked(tmp_path, "zip", litter, Layout(litter=()))


@pytest.mark.parametrize("members", [{"a.txt": b""}, {"r/a.txt": b"", "s/b.txt": b""}])
def test_a_git_archive_has_one_root_folder(tmp_path: Path, members) -> None:
    with pytest.raises(ExtractionError, match="is not a git archive"):
        unpacked(tmp_path, "zip", zip_of(members), Layout(strip_root=True))


def test_a_link_that_waits_at_a_members_path_is_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    outside.write_bytes(b"untouched")
    (folder / "a.txt").symlink_to(outside)
    with pytest.raises(ExtractionError, match="would be one path"):
        unpacked(tmp_path, "zip", ONE)
    assert outside.read_bytes() == b"untouched"


def test_a_file_that_takes_less_than_it_is_given_is_written_whole(
    tmp_path: Path, monkeypatch
) -> None:
    whole = os.write
    monkeypatch.setattr(writing.os, "write", lambda handle, data: whole(handle, bytes(data)[:7]))
    assert unpacked(tmp_path, "zip", zip_of(GOOD)) == GOOD


def test_a_full_disk_is_a_disk_error(tmp_path: Path, monkeypatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(writing, "_create", lambda path, root: os.dup(full))
    with pytest.raises(DiskError, match="cannot write"):
        unpacked(tmp_path, "zip", ONE)
    os.close(full)


def test_large_archives_inside_a_zip_are_unpacked_though_threads_write_them_at_once(
    tmp_path: Path,
) -> None:
    scans = {f"p{number}": os.urandom(300_000) for number in range(12)}
    inside = {f"{name}.zip": zip_of({"scan": data}) for name, data in scans.items()}
    found = unpacked(tmp_path, "zip", zip_of(inside), Layout(nested=("*.zip",)))
    assert found == {f"{name}/scan": data for name, data in scans.items()}


def test_a_disk_with_no_room_for_the_folder_of_an_inner_archive_says_that_and_not_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def fill(path: Path, *args: object, **options: object) -> None:
        if "inside" in path.parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        make(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", fill)
    with pytest.raises(DiskError, match="make a folder for `a"):
        unpacked(tmp_path, "zip", zip_of({"a.zip": zip_of(GOOD)}), Layout(nested=("*.zip",)))
