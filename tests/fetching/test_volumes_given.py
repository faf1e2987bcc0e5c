"""Volumes of an archive that a person gives are taken as the archive, wherever they lie."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import git_zip, tar_of, zip_of
from makers.encrypted import RIGHT, packed_by
from makers.rars import rar4_volumes, rar5_volumes
from makers.releases import release_of
from makers.runs import here, tree_on_disk
from makers.said import check_said, record
from servers.server import Answer

from covcat.archives import extract
from covcat.names import whole_of

FILES = {"a.png": os.urandom(200_000)}
ENTRY = release_of("host: web, url: 'https://data.example.org/pack', name: pack, unpack: KIND")


def cut(name: str, data: bytes, *endings: str) -> dict[str, bytes]:
    """Pieces of equal size, but for the last."""
    size = len(data) // len(endings) + 1
    return {
        name + ending: data[number * size : (number + 1) * size]
        for number, ending in enumerate(endings)
    }


def split_zip() -> dict[str, bytes]:
    """As `zip -s 64k` writes it: pack.z01 to pack.z03, pack.zip."""
    if shutil.which("zip") is None:
        pytest.skip("zip is not installed")
    folder = Path("made")
    folder.mkdir()
    (folder / "a.png").write_bytes(FILES["a.png"])
    subprocess.run(["zip", "-q", "-s", "64k", "pack.zip", "a.png"], check=True, cwd=folder)
    made = {one.name: one.read_bytes() for one in sorted(folder.glob("pack.z*"))}
    shutil.rmtree(folder)
    return made


SETS: dict[str, tuple[str, Callable[[], dict[str, bytes]]]] = {
    "zip -s": ("zip", split_zip),
    "7zz -v": ("7z", lambda: packed_by("7z", "-v64k", files=FILES)),
    "pieces of a zip": ("zip", lambda: cut("t.zip", zip_of(FILES), ".001", ".002", ".003")),
    "pieces of a tar.gz": ("tar", lambda: cut("t.tar.gz", tar_of(FILES, "gz"), ".aa", ".ab")),
    "rar 5": (
        "rar",
        lambda: dict(
            zip(
                ("t.part1.rar", "t.part2.rar", "t.part3.rar"),
                rar5_volumes("a.png", FILES["a.png"], 3),
                strict=True,
            )
        ),
    ),
    "rar 4": (
        "rar",
        lambda: dict(
            zip(("t.part1.rar", "t.part2.rar"), rar4_volumes("a.png", FILES["a.png"]), strict=True)
        ),
    ),
}
WAYS = ("one", "all", "folder")


def put(folder: str, files: dict[str, bytes]) -> list[str]:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        Path(folder, name).write_bytes(data)
    return [f"{folder}/{name}" for name in files]


def offer(shelf, kind: str, *, is_listed: bool, files: dict[str, bytes] = FILES) -> None:
    if is_listed:
        shelf.add_repository(files=files)
    else:
        shelf.add("set", ENTRY.replace("KIND", kind))


@pytest.mark.parametrize("is_listed", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made", SETS)
@pytest.mark.large
def test_volumes_are_imported_as_the_archive_that_they_are_of(
    covcat, shelf, made: str, way: str, is_listed: bool
) -> None:
    kind, write = SETS[made]
    offer(shelf, kind, is_listed=is_listed)
    volumes = write()
    paths = put("mine", volumes)
    given = {"one": paths[-1:], "all": paths, "folder": ["mine"]}[way]
    ran = covcat("--offline", "import", "set", *given)
    assert here(ran) == FILES
    assert "nothing of" not in ran.err
    assert tree_on_disk(Path("mine")) == volumes
    if way != "folder" or not is_listed:
        (one,) = record("set")["downloads"]
        sha256 = hashlib.sha256(b"".join(volumes.values())).hexdigest()
        assert one["imported_from"].rpartition(".")[2] in ("zip", "7z", "gz", "rar")
        assert (one["bytes"], one["sha256"]) == (sum(map(len, volumes.values())), sha256)
    assert covcat("verify", "set").code == 0


@pytest.mark.parametrize("is_listed", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made", SETS)
def test_those_that_are_missing_are_named_and_nothing_is_left_behind(
    covcat, shelf, made: str, way: str, is_listed: bool
) -> None:
    kind, write = SETS[made]
    offer(shelf, kind, is_listed=is_listed)
    volumes = write()
    gone = sorted(volumes)[0]
    paths = put("mine", {name: data for name, data in volumes.items() if name != gone})
    given = {"one": paths[-1:], "all": paths, "folder": ["mine"]}[way]
    ran = covcat("--offline", "import", "set", *given)
    check_said(ran, 6, f"comes in several volumes: `{gone}` is missing")
    assert "staging" not in ran.err
    assert not Path("covcat-data/set").exists()
    assert list(Path("covcat-data/.covcat/staging").iterdir()) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_volumes_in_a_folder_of_a_site_for_browsing_are_one_or_refused(
    covcat, is_whole: bool
) -> None:
    volumes = SETS["pieces of a zip"][1]()
    put("mine", dict([*volumes.items()][not is_whole :]))
    ran = covcat("import", "sirm", "mine")
    if is_whole:
        assert here(ran) == FILES
    else:
        check_said(ran, 6, "`t.zip` comes in several volumes: `t.zip.001` is missing")
        assert not Path("covcat-data/sirm").exists()


def test_the_last_ones_are_named_where_the_archive_tells_how_much_it_lacks(covcat, shelf) -> None:
    offer(shelf, "7z", is_listed=False)
    paths = put("mine", dict([*SETS["7zz -v"][1]().items()][:2]))
    ran = covcat("--offline", "import", "set", *paths)
    check_said(ran, 6, "`made.7z.003`, `made.7z.004` are missing")


def test_volumes_in_several_folders_are_one_archive_if_all_are_given(covcat, shelf) -> None:
    offer(shelf, "zip", is_listed=True)
    paths = []
    for number, (name, data) in enumerate(SETS["pieces of a zip"][1]().items()):
        paths += put(f"part {number}", {name: data})
    assert here(covcat("--offline", "import", "set", *reversed(paths))) == FILES


@pytest.mark.parametrize("way", ["all", "folders"])
def test_two_sets_of_the_same_names_are_told_apart_by_their_folders(
    covcat, shelf, way: str
) -> None:
    files = {"train/one.png": os.urandom(9000), "test/two.png": os.urandom(9000)}
    offer(shelf, "zip", is_listed=True, files=files)
    paths = []
    for path, data in files.items():
        folder, name = path.split("/")
        paths += put(f"mine/{folder}", cut("t.zip", zip_of({name: data}), ".001", ".002"))
    given = paths if way == "all" else ["mine"]
    assert here(covcat("--offline", "import", "set", *given)) == files


def test_each_of_several_archives_of_a_release_may_be_in_volumes(covcat, shelf) -> None:
    packed = {one: zip_of({f"{one}.png": os.urandom(9000)}) for one in ("train", "test", "val")}
    shelf.add_pinned("set", {f"{one}.zip": data for one, data in packed.items()})
    put("mine", cut("train.zip", packed["train"], ".001", ".002"))
    put("mine/more", cut("test.zip", packed["test"], ".aa", ".ab", ".ac"))
    put("mine", {"val.zip": packed["val"]})
    ran = covcat("--offline", "import", "set", "mine")
    assert {*here(ran)} == {"train.png", "test.png", "val.png"}
    assert {one["verified_by"] for one in record("set")["downloads"]} == {"sha256"}
    Path("mine/more/test.zip.ab").unlink()
    shutil.rmtree("covcat-data")
    ran = covcat("--offline", "import", "set", "mine")
    check_said(ran, 5, "1 missing", "`test.zip` comes in several volumes: `test.zip.ab` is missing")


def test_volumes_that_a_release_has_as_files_are_taken_as_they_are(covcat, shelf) -> None:
    pieces = cut("t.zip", zip_of(FILES), ".001", ".002")
    shelf.add_pinned("set", pieces)
    paths = put("mine", pieces)
    for given in (paths, ["mine"]):
        assert here(covcat("--offline", "import", "set", *given)) == pieces
        shutil.rmtree("covcat-data")
    offer(shelf, "zip", is_listed=True, files=pieces)
    Path("mine/t.zip.001").rename("mine/u.zip.001")  # renamed by a browser: known by contents
    Path("mine/t.zip.002").rename("mine/u.zip.002")
    assert here(covcat("--offline", "import", "set", "mine/u.zip.001", "mine/u.zip.002")) == pieces


def test_an_archive_that_a_release_keeps_packed_is_put_together(covcat, shelf) -> None:
    shelf.add_files("set", {"name": "t.zip", "unpack": "none"})
    paths = put("mine", cut("t.zip", zip_of(FILES), ".001", ".002"))
    assert here(covcat("--offline", "import", "set", *paths)) == {"t.zip": zip_of(FILES)}


def test_a_state_of_a_repository_in_pieces_is_known_by_its_tree(covcat, shelf) -> None:
    shelf.add_repository(files=FILES)
    paths = put("mine", cut("set-main.zip", git_zip(FILES), ".001", ".002"))
    assert here(covcat("--offline", "import", "set", *paths)) == FILES
    (one,) = record("set")["downloads"]
    assert one["tree"]


@pytest.mark.parametrize("made", SETS)
def test_where_archives_are_kept_only_pieces_make_one(covcat, shelf, server, made: str) -> None:
    kind, write = SETS[made]
    volumes, other = write(), zip_of({"b.txt": b"b"})
    lost = whole_of(min(volumes))
    shelf.add_files("set", {"name": "b.zip", "unpack": "zip"}, {"name": lost, "unpack": kind})
    server.serve("/data.example.org/b.zip", Answer(other))
    server.serve(f"/data.example.org/{lost}", Answer(b"gone", 404))
    assert covcat("fetch", "set", "--keep-archives", "--allow-missing").code == 0
    paths = [*put("mine", volumes), *put("mine", {"b.zip": other})]
    ran = covcat("--offline", "import", "set", *paths)
    if made in ("zip -s", "rar 5", "rar 4"):
        check_said(ran, 2, f"keeps its archives: expected `{lost}` as one file")
    else:
        assert here(ran) == {**FILES, "b.txt": b"b"}
        kept = Path("covcat-data/set/1/archives", lost)
        assert kept.read_bytes() == b"".join(volumes.values())
        assert covcat("verify", "set").code == 0


@pytest.mark.parametrize("made", SETS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.large
def test_a_release_is_repaired_with_volumes(covcat, shelf, made: str, way: str) -> None:
    offer(shelf, "zip", is_listed=True)
    assert covcat("--offline", "import", "set", *put("whole", FILES)).code == 0
    harmed = Path("covcat-data/set/1/files/a.png")
    harmed.write_bytes(b"?")
    volumes = SETS[made][1]()
    paths = put("mine", volumes)
    given = {"one": paths[:1], "all": paths, "folder": ["mine"]}[way]
    options = [word for one in given for word in ("--from", one)]
    ran = covcat("--offline", "verify", "set", "--repair", *options)
    check_said(ran, 0, "1 file taken of what was given")
    assert harmed.read_bytes() == FILES["a.png"]
    assert "nothing of" not in ran.err


def test_a_repair_says_which_volumes_are_missing_and_goes_on_with_what_else_there_is(
    covcat, shelf
) -> None:
    offer(shelf, "zip", is_listed=True)
    assert covcat("--offline", "import", "set", *put("whole", FILES)).code == 0
    Path("covcat-data/set/1/files/a.png").write_bytes(b"?")
    paths = put("mine", dict([*SETS["pieces of a zip"][1]().items()][1:]))
    ran = covcat("--offline", "verify", "set", "--repair", "--from", paths[0], "--from", "whole")
    check_said(ran, 0, "`t.zip.001` is missing: nothing of it is taken")


def test_volumes_of_an_encrypted_archive_are_imported_with_its_password(covcat, shelf) -> None:
    offer(shelf, "7z", is_listed=False)
    paths = put("mine", packed_by("7z", "-v64k", f"-p{RIGHT}", "-mhe=on", files=FILES))
    Path("word").write_text(f"{RIGHT}\n")
    check_said(covcat("--offline", "import", "set", *paths), 7, "`made.7z` needs a password")
    assert here(covcat("--offline", "import", "set", "--password-file", "word", *paths)) == FILES
    text = Path("covcat-data/set/1/manifest.json").read_text()
    assert RIGHT not in text


@pytest.mark.parametrize("is_listed", [False, True])
@pytest.mark.parametrize("way", ["one", "folder"])
def test_a_volume_that_changes_while_it_is_read_is_refused(
    covcat, shelf, monkeypatch, way: str, is_listed: bool
) -> None:
    """The one that nobody named, too."""
    offer(shelf, "zip", is_listed=is_listed)
    paths = put("mine", SETS["pieces of a zip"][1]())

    def extracted(*args):
        done = real(*args)
        Path(paths[1]).touch()
        return done

    real = extract.extract
    monkeypatch.setattr(extract, "extract", extracted)
    given = paths[:1] if way == "one" else ["mine"]
    check_said(covcat("--offline", "import", "set", *given), 5, "changed while it was read")
    assert not Path("covcat-data/set").exists()


def test_other_files_that_are_numbered_are_left_in_peace(covcat, shelf) -> None:
    files = {"notes.zip.2020": b"a year", "b/scan.rar-part7": b"?", "b/._x.zip.002": b"?"}
    shelf.add("set", ENTRY.replace("unpack: KIND", "unpack: none"))
    paths = {"pack": b"the file", **files}
    for path, data in paths.items():
        put(str(Path("mine", path).parent), {Path(path).name: data})
    assert here(covcat("--offline", "import", "set", "mine")) == {"pack": b"the file"}


def test_a_hint_names_the_volumes_as_they_were_given(covcat, shelf) -> None:
    shelf.add_repository(files={**FILES, "b.txt": b"b"})
    paths = put("my files", cut("t.zip", zip_of(FILES), ".001", ".002"))
    ran = covcat("--offline", "import", "set", *paths)
    check_said(ran, 5, "`t.zip` is not `set@1`: 1 missing")
    assert "import set@1 'my files/t.zip.001' 'my files/t.zip.002' --allow-missing" in ran.err


# ---- what a site made of one folder: zips that each have some of the files --------------------

DRIVE = "Set-20200401T120000Z"
PARTS = {
    f"{DRIVE}-001.zip": {"Set/a/1.png": b"1"},
    f"{DRIVE}-002.zip": {"Set/b/2.png": b"2", "Set/a/3.png": b"3"},
    f"{DRIVE}-003.zip": {"Set/notes.txt": b"n"},
}
ALL = {path: data for part in PARTS.values() for path, data in part.items()}


def put_parts(*gone: int) -> list[str]:
    numbered = enumerate(PARTS.items(), start=1)
    return put("mine", {one: zip_of(files) for at, (one, files) in numbered if at not in gone})


@pytest.mark.parametrize("way", WAYS)
def test_zips_that_a_site_made_of_one_folder_are_one_archive(covcat, shelf, way: str) -> None:
    paths = put_parts()
    given = {"one": paths[-1:], "all": paths[::-1], "folder": ["mine"]}[way]
    shelf.add_files("set", {"name": "set.zip", "unpack": "zip"})
    assert here(covcat("--offline", "import", "set", *given)) == ALL
    assert record()["downloads"][0]["imported_from"] == f"{DRIVE}.zip"
    site = here(covcat("--offline", "import", "sirm", *given))
    assert {path.partition("Set/")[2]: data for path, data in site.items()} == {
        path.partition("/")[2]: data for path, data in ALL.items()
    }
    if way != "folder":
        assert covcat("extract", *given, "out").code == 0
        assert tree_on_disk(Path("out")) == ALL
        ran = covcat("extract", *given, "--list", "--format", "ids")
        assert sorted(ran.out.split()) == sorted(ALL)


@pytest.mark.parametrize("way", WAYS)
def test_of_them_those_before_the_last_are_named_if_they_are_missing(
    covcat, shelf, way: str
) -> None:
    paths = put_parts(1, 2) if way == "one" else put_parts(2)
    given = {"one": paths, "all": paths, "folder": ["mine"]}[way]
    said = f"comes in several volumes: `{DRIVE}-00{1 if way == 'one' else 2}.zip`"
    for id in ("set", "sirm"):
        shelf.add_files("set", {"name": "set.zip", "unpack": "zip"})
        check_said(covcat("--offline", "import", id, *given), 6, said)
        assert not Path("covcat-data", id).exists()
    if way != "folder":
        check_said(covcat("extract", *given, "out"), 6, said)


@pytest.mark.parametrize("way", ["all", "folder"])
def test_where_a_listing_says_what_lacks_the_others_are_taken(covcat, shelf, way: str) -> None:
    shelf.add_repository(files=ALL)
    given = put_parts(2) if way == "all" else [*put_parts(2), "mine"][-1:]
    ran = covcat("--offline", "import", "set", *given)
    check_said(ran, 5, f"`{DRIVE}-002.zip` is missing; taking what is here", "2 missing")
    ran = covcat("--offline", "import", "set", *given, "--allow-missing")
    assert here(ran) == {path: ALL[path] for path in ("Set/a/1.png", "Set/notes.txt")}
    put_parts()
    assert here(covcat("--offline", "import", "set", f"mine/{DRIVE}-002.zip")) == ALL


def test_one_zip_alone_is_all_of_a_folder_and_damage_in_one_is_of_that(covcat, shelf) -> None:
    shelf.add_files("set", {"name": "set.zip", "unpack": "zip"})
    alone = put_parts(2, 3)
    assert here(covcat("--offline", "import", "set", *alone)) == PARTS[f"{DRIVE}-001.zip"]
    paths = put_parts()
    Path(paths[1]).write_bytes(Path(paths[1]).read_bytes()[:-9])
    ran = covcat("extract", *paths, "out")
    check_said(ran, 6, f"`{DRIVE}-002.zip` is damaged")
    put("mine", {f"{DRIVE}-002.zip": zip_of({"set/A/1.PNG": b"1"})})
    check_said(covcat("extract", *paths, "out"), 6, "of two archives would be one path")
    assert not Path("out").exists()
