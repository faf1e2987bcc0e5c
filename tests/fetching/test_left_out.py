"""What is left out by its name need not be safe, and is never written; what is wanted must be."""

import io
import json
import stat
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import py7zr
import pytest
from makers.archives import zip_of
from makers.rars import Entry, rar4_of, rar5_of, redirection5
from makers.releases import Shelf, release_of
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.hosts import World

from covcat.archives import extract
from covcat.archives.base import LockedError
from covcat.archives.rules import Budget, Layout
from covcat.archives.writing import UnpackTarget
from covcat.digests import tree_id
from covcat.errors import ExtractionError

GOOD = {"good.txt": b"g", "b/c.txt": b"c" * 3000}
COMMIT = "a" * 40


def tar_with(name: str, kind: bytes, target: str = "") -> bytes:
    """A tar of what is good and one odd member before it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        odd = tarfile.TarInfo(name)
        odd.type, odd.linkname = kind, target
        archive.addfile(odd)
        for path, data in GOOD.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_with(name: str, data: bytes = b"/etc", mode: int = 0) -> bytes:
    return zip_of({name: data, **GOOD}, modes={name: mode})


def changed(data: bytes, local: int, central: int, form: str, value: int) -> bytes:
    """A zip whose first member has another number in both its headers."""
    made, directory = bytearray(data), data.index(b"PK\x01\x02")
    struct.pack_into(form, made, local, value)
    struct.pack_into(form, made, directory + central, value)
    return bytes(made)


def seven_zip_with(tmp_path: Path) -> bytes:
    folder, buffer = tmp_path / "made", io.BytesIO()
    for path, data in GOOD.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "odd").symlink_to("good.txt")
    with py7zr.SevenZipFile(buffer, "w") as archive:
        for path in ("odd", *GOOD):
            archive.write(folder / path, path)
    return buffer.getvalue()


def rar5_with() -> bytes:
    odd = Entry("odd", b"", extra=redirection5(1, "/etc"), mode=stat.S_IFLNK | 0o777)
    return rar5_of([odd, *(Entry(path, data) for path, data in GOOD.items())])


def rar4_with() -> bytes:
    odd = Entry("odd", b"/etc", mode=stat.S_IFLNK | 0o777)
    return rar4_of([odd, *(Entry(path, data) for path, data in GOOD.items())])


MAKERS: dict[str, tuple[str, str, Callable[[Path], bytes], str]] = {  # format, name, maker, why
    "tar: symbolic link": ("tar", "odd", lambda _: tar_with("odd", b"2", "/etc"), "it is a link"),
    "tar: hard link": ("tar", "odd", lambda _: tar_with("odd", b"1", "good.txt"), "it is a link"),
    "tar: device": ("tar", "odd", lambda _: tar_with("odd", b"3"), "not a regular file"),
    "tar: pipe": ("tar", "odd", lambda _: tar_with("odd", b"6"), "not a regular file"),
    "tar: above": ("tar", "../odd", lambda _: tar_with("../odd", b"0"), "leaves the folder"),
    "tar: folder above": ("tar", "../odd", lambda _: tar_with("../odd", b"5"), "leaves the folder"),
    "tar: absolute": ("tar", "/tmp/odd", lambda _: tar_with("/tmp/odd", b"0"), "is absolute"),
    "tar: link above": (
        "tar",
        "../odd",
        lambda _: tar_with("../odd", b"2", "/etc"),
        "it is a link",
    ),
    "zip: link": ("zip", "odd", lambda _: zip_with("odd", mode=stat.S_IFLNK | 0o777), "a link"),
    "zip: above": ("zip", "a/../../odd", lambda _: zip_with("a/../../odd"), "leaves the folder"),
    "zip: backslash": ("zip", "a\\odd", lambda _: zip_with("a\\odd"), "has a backslash"),
    "zip: encrypted": (
        "zip",
        "odd",
        lambda _: changed(zip_with("odd"), 6, 8, "<H", 1),
        "encrypted",
    ),
    "zip: method": (
        "zip",
        "odd",
        lambda _: changed(zip_with("odd"), 8, 10, "<H", 97),
        "packs `odd`",
    ),
    "zip: patch": ("zip", "odd", lambda _: changed(zip_with("odd"), 6, 8, "<H", 32), "has a patch"),
    "7z: link": ("7z", "odd", seven_zip_with, "it is a link"),
    "rar 5: link": ("rar", "odd", lambda _: rar5_with(), "it is a link"),
    "rar 4: link": ("rar", "odd", lambda _: rar4_with(), "it is a link"),
}


def unpacked(tmp_path: Path, kind: str, data: bytes, layout: Layout) -> dict[str, bytes]:
    """Put an archive through both passes, in a folder of its own; nothing may lie beside it."""
    archive, folder = tmp_path / "archive", tmp_path / "deep" / "out"
    archive.write_bytes(data)
    folder.mkdir(parents=True)
    try:
        place = UnpackTarget(folder, tmp_path / "inside")
        extract.extract(archive, kind, layout, Budget(10**9), place)
        return tree_on_disk(folder)
    finally:
        assert [one.name for one in folder.parent.iterdir()] == ["out"]
        assert not [one for one in folder.rglob("*") if one.is_symlink()]


@pytest.mark.parametrize("made", MAKERS)
@pytest.mark.parametrize("by", ["exclude", "include", "wants"])
def test_what_is_left_out_is_not_written_and_need_not_be_safe(
    tmp_path: Path, made: str, by: str
) -> None:
    kind, name, maker, _ = MAKERS[made]
    layout = {
        "exclude": Layout(exclude=(name,)),
        "include": Layout(include=("*.txt",)),
        "wants": Layout(wants=lambda path: path in GOOD),
    }[by]
    assert unpacked(tmp_path, kind, maker(tmp_path), layout) == GOOD


@pytest.mark.parametrize("made", MAKERS)
def test_what_is_wanted_refuses_the_archive_and_says_how_to_leave_it_out(
    tmp_path: Path, made: str
) -> None:
    kind, name, maker, why = MAKERS[made]
    with pytest.raises((ExtractionError, LockedError)) as caught:
        unpacked(tmp_path, kind, maker(tmp_path), Layout(include=("*",), exclude=("other",)))
    error = caught.value
    assert why in f"{error.message} {error.cause}"
    quoted = f"'{name}'" if "\\" in name else name
    assert error.hint is not None
    said = error.hint.split("; ")
    assert f"to leave it out: covcat fetch … --exclude {quoted}" in said
    assert ("or `links: skip` in its entry" in said) == ("a link" in why)


@pytest.mark.parametrize(
    ("name", "exclude"),
    [("odd", "ODD"), ("odd", "od"), ("odd", "x/odd"), ("images/../odd", "odd"), ("Odd", "odd")],
)
def test_a_name_that_only_looks_like_what_is_left_out_is_wanted(
    tmp_path: Path, name: str, exclude: str
) -> None:
    with pytest.raises(ExtractionError, match="it is a link"):
        unpacked(tmp_path, "tar", tar_with(name, b"2", "/etc"), Layout(exclude=(exclude,)))


def test_a_path_that_leads_out_of_the_folder_that_is_kept_is_refused(tmp_path: Path) -> None:
    data = tar_with("b/../../odd", b"0")
    with pytest.raises(ExtractionError, match="leaves the folder"):
        unpacked(tmp_path, "tar", data, Layout(keep="b/"))


def test_a_name_is_matched_as_files_are_without_dots_and_dropped_folders(tmp_path: Path) -> None:
    odd = {"root/sub/odd": b"/etc", "root/sub/good.txt": b"g"}
    data = zip_of(odd, modes={"root/sub/odd": stat.S_IFLNK | 0o777})
    layout = Layout(strip_root=True, strip=1, exclude=("odd",))
    assert unpacked(tmp_path, "zip", data, layout) == {"good.txt": b"g"}
    (tmp_path / "dots").mkdir()
    dotted = tar_with("./odd", b"2", "/etc")
    assert unpacked(tmp_path / "dots", "tar", dotted, Layout(exclude=("odd",))) == GOOD


def test_a_file_below_the_name_of_a_link_that_is_left_out_is_not_written_through_it(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    data = tar_with("b", b"2", str(outside))
    assert unpacked(tmp_path, "tar", data, Layout(exclude=("b",))) == GOOD
    assert not list(outside.iterdir())


def test_a_zip_that_masks_its_headers_is_refused_whatever_is_left_out(tmp_path: Path) -> None:
    data = changed(zip_with("odd"), 6, 8, "<H", 1 | 8192)
    with pytest.raises(ExtractionError) as caught:
        unpacked(tmp_path, "zip", data, Layout(exclude=("odd",)))
    assert "is encrypted" in (caught.value.cause or "")


def test_extract_names_its_own_option(covcat, tmp_path: Path) -> None:
    Path("a.tar").write_bytes(tar_with("odd [1]", b"2", "/etc"))
    check_said(covcat("extract", "a.tar"), 6, "--exclude 'odd [[]1]'")
    assert covcat("extract", "a.tar", "--exclude", "odd [[]1]").code == 0
    assert tree_on_disk(Path("a")) == GOOD


def test_a_long_or_invisible_name_is_in_no_hint(covcat) -> None:
    for name in ("x" * 5000, "od\u202ed"):
        Path("a.tar").write_bytes(tar_with(name, b"2", "/etc"))
        ran = covcat("extract", "a.tar")
        assert (ran.code, "--exclude" in ran.err) == (6, False)


# ---- repositories ------------------------------------------------------------------------------

LINKED = {"images/a.png": b"a", "docs/README.md": b"r"}


@pytest.fixture
def repository(world: World) -> World:
    """A repository with a link at its top."""
    links = {"README.md": "docs/README.md"}
    world.github.add("test/set", COMMIT, LINKED, links=links)
    return world


def entry(shelf: Shelf, more: str = "", state: str = "branch: master") -> None:
    file = f"host: github, repository: test/set, {state}, unpack: zip{more}"
    shelf.add("set", release_of(file))


@pytest.mark.parametrize("by_file", [[], ["--by-file"]], ids=["archive", "by file"])
@pytest.mark.parametrize(
    ("more", "options", "expected"),
    [
        (", exclude: [README.md]", [], {"images/a.png", "docs/README.md"}),
        (", keep: images/", [], {"images/a.png"}),
        ("", ["--include", "images/*"], {"images/a.png"}),
        ("", ["--exclude", "README.md"], {"images/a.png", "docs/README.md"}),
        ("", ["--exclude", "README.md", "--sample", "2"], {"images/a.png", "docs/README.md"}),
    ],
)
def test_a_repository_with_a_link_comes_without_it(
    covcat, repository: World, shelf: Shelf, by_file, more: str, options, expected: set[str]
) -> None:
    entry(shelf, more)
    ran = covcat("fetch", "set", *by_file, *options, mirror=repository.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == {path: LINKED[path] for path in expected}


@pytest.mark.parametrize("most", [1, 100], ids=["many", "few"])
def test_what_came_without_a_link_is_repaired_without_it(
    covcat, repository: World, shelf: Shelf, monkeypatch, most: int
) -> None:
    monkeypatch.setattr("covcat.fetching.plan.FEW", most)
    entry(shelf)
    ran = covcat("fetch", "set", "--exclude", "README.md", mirror=repository.url)
    for path in LINKED:
        (Path(ran.out.strip()) / path).unlink()
    assert covcat("verify", "set", "--repair", mirror=repository.url).code == 0
    assert tree_on_disk(Path(ran.out.strip())) == LINKED


@pytest.mark.parametrize(("by_file", "code"), [([], 6), (["--by-file"], 5)])
def test_a_repository_with_a_link_is_refused_whole_with_the_way_out(
    covcat, repository: World, shelf: Shelf, by_file, code: int
) -> None:
    entry(shelf)
    ran = covcat("fetch", "set", *by_file, mirror=repository.url)
    assert (ran.code, ran.out) == (code, "")
    assert "hint: to leave it out: covcat fetch … --exclude README.md" in ran.err


@pytest.mark.parametrize("by_file", [[], ["--by-file"]], ids=["archive", "by file"])
def test_the_tree_of_a_folder_is_proven_though_a_link_lies_outside(
    covcat, repository: World, shelf: Shelf, by_file
) -> None:
    blob = "2e65efe2a145dda7ee51d1741299f848e5bf752e"  # git's id of the byte `a`
    pinned = tree_id([("a.png", "100644", blob)])
    entry(shelf, f", tree: {pinned}, keep: images/", f"commit: {COMMIT}")
    ran = covcat("fetch", "set", *by_file, mirror=repository.url)
    check_said(ran, 0, f"verified by git tree {pinned}")


@pytest.mark.parametrize("by_file", [[], ["--by-file"]], ids=["archive", "by file"])
def test_a_pinned_tree_with_a_link_in_it_is_whole_only_with_the_link(
    covcat, repository: World, world: World, shelf: Shelf, by_file
) -> None:
    tree = world.github.add("test/set", COMMIT, LINKED, links={"README.md": "docs/README.md"})
    entry(shelf, f", tree: {tree}", f"commit: {COMMIT}")
    assert covcat("fetch", "set", *by_file, mirror=world.url).code in (5, 6)
    ran = covcat("fetch", "set", "--exclude", "README.md", *by_file, mirror=world.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == LINKED
    entry(shelf, f", tree: {tree}, exclude: [README.md]", f"commit: {COMMIT}")
    ran = covcat("fetch", "set", mirror=world.url)
    assert (ran.code, "a pinned tree is that of all its files" in ran.err) == (5, True)


@pytest.mark.parametrize(
    ("handling", "more"),
    [("skip", {}), ("copy", {"README.md": b"r"})],
)
def test_links_of_a_pinned_tree_are_skipped_or_copied_where_the_entry_says_so(
    covcat, world: World, shelf: Shelf, handling: str, more: dict[str, bytes]
) -> None:
    tree = world.github.add("test/set", COMMIT, LINKED, links={"README.md": "docs/README.md"})
    entry(shelf, f", tree: {tree}, links: {handling}", f"commit: {COMMIT}")
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    assert tree_on_disk(folder) == LINKED | more
    (download,) = json.loads((folder.parent / "manifest.json").read_text())["downloads"]
    said = {"skip": "skipped", "copy": "copied"}[handling]
    link = {"path": "README.md", "target": "docs/README.md", "handled": said}
    assert (download["tree"], download["links"]) == (tree, [link])
    for command in (["verify", "set"], ["fetch", "set"]):
        assert covcat(*command, mirror=world.url).code == 0


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "moving"])
@pytest.mark.parametrize("glob", ["docs/README.md", "docs/*"])
def test_what_is_left_out_is_not_copied_through_a_link(
    covcat, world: World, shelf: Shelf, glob: str, pinned: bool
) -> None:
    tree = world.github.add("test/set", COMMIT, LINKED, links={"README.md": "docs/README.md"})
    more, state = (f", tree: {tree}", f"commit: {COMMIT}") if pinned else ("", "branch: master")
    entry(shelf, f"{more}, links: copy", state)
    ran = covcat("fetch", "set", "--exclude", glob, mirror=world.url)
    check_said(ran, 6, "a link to no file that is unpacked: ", "leads to `docs/README.md`")
    hint = "to leave it out: covcat fetch … --exclude README.md; or `links: skip` in its entry"
    assert f"hint: {hint}\n" in ran.err
    assert not Path("covcat-data/set").exists()
    left_out = ["--exclude", glob, "--exclude", "README.md"]
    ran = covcat("fetch", "set", *left_out, mirror=world.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == {"images/a.png": b"a"}


def test_a_link_is_copied_though_nobody_asked_for_what_it_leads_to(
    covcat, world: World, shelf: Shelf
) -> None:
    """Nor did anybody leave it out."""
    tree = world.github.add("test/set", COMMIT, LINKED, links={"README.md": "docs/README.md"})
    entry(shelf, f", tree: {tree}, links: copy", f"commit: {COMMIT}")
    ran = covcat("fetch", "set", "--include", "README.md", mirror=world.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == {"README.md": b"r"}


@pytest.mark.parametrize("lost", [["README.md"], ["docs/README.md"], ["README.md", "images/a.png"]])
def test_what_was_copied_in_the_place_of_a_link_is_repaired_from_the_archive(
    covcat, world: World, shelf: Shelf, lost: list[str]
) -> None:
    """By itself a host serves a link as the text of its target."""
    tree = world.github.add("test/set", COMMIT, LINKED, links={"README.md": "docs/README.md"})
    entry(shelf, f", tree: {tree}, links: copy", f"commit: {COMMIT}")
    folder = Path(covcat("fetch", "set", mirror=world.url).out.strip())
    for path in lost:
        (folder / path).unlink()
    check_said(covcat("verify", "set", "--repair", mirror=world.url), 0, "repaired")
    assert tree_on_disk(folder) == LINKED | {"README.md": b"r"}
    assert covcat("verify", "set", mirror=world.url).code == 0


def test_links_are_skipped_file_by_file_where_no_tree_is_pinned(
    covcat, repository: World, shelf: Shelf
) -> None:
    entry(shelf, ", links: skip")
    ran = covcat("fetch", "set", "--by-file", mirror=repository.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == LINKED
