"""What a person downloaded by hand is recognised, verified, and recorded as brought by hand."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from makers.archives import COMMIT, REPOSITORY, doubled, git_zip, tar_of, zip_of
from makers.releases import git_rows, release_of
from makers.runs import here
from makers.said import check_said, record
from servers.hosts import World, stock

from covcat.catalog import listing
from covcat.download import remote
from covcat.fetching import brought, from_files
from covcat.text import format_size

REAL = Path(__file__).parents[3] / "shared" / "real" / "figure1-95bb569e.zip"
KAGGLE = release_of(
    'host: kaggle, dataset: some/set, version: "2", unpack: zip, exclude: ["*.DS_Store"]', id="2"
)


def written(name: str, data: bytes) -> str:
    Path("downloads").mkdir(exist_ok=True)
    path = Path("downloads") / name
    path.write_bytes(data)
    return str(path)


def unpacked(folder: str, files: dict[str, bytes]) -> str:
    for path, data in files.items():
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


# ---- a release with a listing ------------------------------------------------------------------


def test_nothing_of_the_persons_own_is_moved_or_shared(covcat, shelf) -> None:
    shelf.add_repository()
    folder = unpacked("mine", REPOSITORY)
    assert covcat("import", "set", folder).code == 0
    own = Path("mine/README.md")
    own.write_bytes(b"changed later")
    assert covcat("verify", "set").code == 0
    assert own.stat().st_nlink == 1


def test_a_listed_file_that_looks_like_an_archive_is_taken_as_it_is(covcat, shelf) -> None:
    """COVID-CT lists a workbook beside its zips, V7 zips of annotations: all of these are zips."""
    zips = {
        "COVID-CT-MetaInfo.xlsx": zip_of({"xl/workbook.xml": b"<workbook/>"}),
        "annotations/covid-only.zip": zip_of({"1676192.json": b"{}"}),
    }
    shelf.add_repository(files={**REPOSITORY, **zips})
    given = [written(path.rpartition("/")[2], data) for path, data in zips.items()]
    ran = covcat("import", "set", written("rest.zip", zip_of(REPOSITORY)), *given)
    assert here(ran) == {**REPOSITORY, **zips}


def test_what_differs_is_named_and_nothing_is_kept(covcat, shelf) -> None:
    shelf.add_repository()
    other = {**REPOSITORY, "images/one.png": b"another picture", "extra.txt": b"x"}
    del other["README.md"]
    ran = covcat("import", "set", written("wrong.zip", zip_of(other)))
    assert (ran.code, ran.out) == (5, "")
    assert "`wrong.zip` is not `set@1`: 1 changed, 1 missing, 2 extra" in ran.err
    assert "changed: images/one.png: sha256 expected " in ran.err
    assert "missing: README.md" in ran.err
    assert "extra: extra.txt" in ran.err
    assert not Path("covcat-data/set").exists()
    assert not list(Path("covcat-data/.covcat/staging").iterdir())


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("archive.zip", b"<!doctype html><title>Sign in</title>", "starts like a web page"),
        ("download", b"<html><title>Sign in</title>", "starts like a web page"),
        ("archive.zip", b"", "is empty"),
        ("archive.zip", b"\x17\x03\x03 noise", "of no format that covcat knows"),
    ],
)
def test_a_page_saved_in_place_of_the_archive_is_called_so_not_a_list_of_missing_files(
    covcat, shelf, name: str, data: bytes, cause: str
) -> None:
    shelf.add_repository()
    ran = covcat("import", "set", written(name, data))
    check_said(ran, 5, f"`{name}` is not the archive of `set@1`", cause, "hint: open https://")
    assert "missing" not in ran.err
    assert not Path("covcat-data/set").exists()


def test_a_wrong_extension_is_said_with_the_name_that_mends_it(covcat, shelf) -> None:
    shelf.add_repository()
    ran = covcat("import", "set", written("set.zip", tar_of(REPOSITORY)))
    check_said(ran, 5, "is called `.zip`, and is of the format tar", "hint: mv set.zip set.tar")


def test_a_download_that_broke_off_is_to_be_made_again(covcat, shelf) -> None:
    shelf.add_repository()
    ran = covcat("import", "set", written("half.zip", git_zip(REPOSITORY)[:300]))
    check_said(ran, 6, "`half.zip` is damaged", "hint: download it again")


def test_what_only_lacks_files_is_told_how_to_keep_it_though_another_release_has_some(
    covcat, shelf
) -> None:
    shelf.add_repository()
    some = {k: v for k, v in REPOSITORY.items() if k != "README.md"}
    path = written("my set.zip", zip_of(some))
    ran = covcat("import", "set", path)
    check_said(ran, 5, f"hint: covcat import set@1 '{path}' --allow-missing keeps what is there")
    assert covcat("import", "set", path, "--allow-missing").code == 0


def test_a_file_of_another_set_is_told_which_that_is(covcat, shelf) -> None:
    shelf.add_repository()
    shelf.add_repository("other", files={"a.png": b"\x89PNG of another", "b.txt": b"text"})
    path = written("mine.zip", zip_of(REPOSITORY))
    ran = covcat("import", "other", path)
    of = len(REPOSITORY)
    check_said(ran, 5, f"hint: covcat import set@1 {path}: {of} of its {of} files are in it")


def test_an_unsafe_or_damaged_archive_is_refused_like_any_other(covcat, shelf) -> None:
    shelf.add_repository()
    unsafe = covcat("import", "set", written("a.zip", zip_of({"../out": b"x", **REPOSITORY})))
    assert unsafe.code == 6
    whole = bytearray(git_zip(REPOSITORY))
    whole[100] ^= 1
    assert covcat("import", "set", written("b.zip", bytes(whole))).code == 6
    assert not Path("out").exists()


def test_links_in_a_folder_are_not_followed(covcat, shelf) -> None:
    shelf.add_repository()
    folder = unpacked("mine", {p: d for p, d in REPOSITORY.items() if p != "README.md"})
    Path("secret").write_bytes(REPOSITORY["README.md"])
    os.symlink(Path("secret").absolute(), Path(folder) / "README.md")
    check_said(covcat("import", "set", folder), 5, "missing: README.md")


@pytest.mark.skipif(not REAL.exists(), reason="the real archive is not beside this checkout")
@pytest.mark.parametrize("is_wrong", [False, True])
@pytest.mark.large
def test_the_real_figure1_as_kaggle_would_pack_it(covcat, is_wrong: bool) -> None:
    import zipfile

    with zipfile.ZipFile(REAL) as archive:
        files = {
            name.partition("/")[2]: archive.read(name)
            for name in archive.namelist()
            if not name.endswith("/")
        }
    assert len(files) == 58
    if is_wrong:
        files["images/COVID-00002.jpg"] = b"\xff\xd8\xff another picture"
    ran = covcat("import", "figure1", written("archive.zip", zip_of(doubled(files))))
    if is_wrong:
        check_said(ran, 5, "1 changed", "changed: images/COVID-00002.jpg")
    else:
        assert here(ran) == files
        assert record("figure1")["downloads"][0]["verified_by"] == "git-tree"
        assert "58 files recognised by contents; copies of these besides: 58" in ran.err


# ---- a release without a listing ---------------------------------------------------------------


def test_an_archive_that_nobody_describes_is_recorded_at_first_use(covcat, world, shelf) -> None:
    shelf.add("set", KAGGLE)
    files = {"x/a.png": b"\x89PNG", "x/.DS_Store": b"junk"}
    path = written("my download (1).zip", zip_of(files))
    ran = covcat("import", "set", path, mirror=world.url)
    assert here(ran) == {"x/a.png": b"\x89PNG"}
    (transfer,) = record()["downloads"]
    assert transfer["verified_by"] == "first-use"
    assert transfer["imported_from"] == "my download (1).zip"
    assert transfer["url"] == "https://www.kaggle.com/datasets/some/set"
    assert covcat("verify", "set", mirror=world.url).code == 0


def test_the_folder_that_it_was_unpacked_to_will_do(covcat, world, shelf) -> None:
    shelf.add("set", KAGGLE)
    folder = unpacked("mine", {"x/a.png": b"\x89PNG", "x/.DS_Store": b"junk"})
    assert here(covcat("import", "set", folder, mirror=world.url)) == {"x/a.png": b"\x89PNG"}
    assert covcat("verify", "set", mirror=world.url).code == 0


def test_a_page_that_was_saved_as_data_is_no_archive(covcat, world, shelf) -> None:
    shelf.add("set", KAGGLE)
    path = written("archive.zip", b"<!doctype html><title>Sign in</title>")
    check_said(covcat("import", "set", path, mirror=world.url), 5, "starts like a web page")


def test_a_pinned_digest_decides(covcat, world, shelf) -> None:
    data = zip_of({"a.png": b"\x89PNG"})
    digest = hashlib.sha256(data).hexdigest()
    shelf.add("set", KAGGLE.replace("unpack: zip,", f"unpack: zip, sha256: {digest},"))
    wrong = covcat("import", "set", written("w.zip", zip_of({"b": b"x"})), mirror=world.url)
    check_said(wrong, 5, f"sha256 expected {digest}, got ")
    ran = covcat("import", "set", written("right.zip", data), mirror=world.url)
    assert here(ran) == {"a.png": b"\x89PNG"}
    assert record()["downloads"][0]["verified_by"] == "sha256"


DOI = "doi:10.7910/DVN/6ACUZI"


@pytest.fixture
def patients(world: World) -> dict[str, bytes]:
    """Put five patients into the Dataverse; return their archives."""
    served = {name: data for name, (data, _) in stock.patients(5).items()}
    world.dataverse.add(DOI, served)
    return served


def test_a_folder_of_archives_is_compared_with_what_the_host_says(
    covcat, world, patients: dict[str, bytes]
) -> None:
    folder = unpacked("mine", patients)
    ran = covcat("import", "mashhad", folder, mirror=world.url)
    assert len(here(ran)) == 15
    assert {one["verified_by"] for one in record("mashhad")["downloads"]} == {"host-md5"}
    assert covcat("verify", "mashhad").code == 0


def test_a_wrong_and_a_missing_archive_of_a_set_are_named(
    covcat, world, patients: dict[str, bytes]
) -> None:
    some = {name: data for name, data in patients.items() if name != "P002.rar"}
    some["P003.rar"] = some["P003.rar"][:-1] + bytes([some["P003.rar"][-1] ^ 1])
    ran = covcat("import", "mashhad", unpacked("mine", some), mirror=world.url)
    check_said(ran, 5, "changed: P003.rar", "missing: P002.rar")


def test_offline_a_set_is_taken_as_it_is(covcat, patients: dict[str, bytes]) -> None:
    ran = covcat("import", "mashhad", unpacked("mine", patients), "--offline", mirror=None)
    assert len(here(ran)) == 15
    assert {one["verified_by"] for one in record("mashhad")["downloads"]} == {"first-use"}
    assert "what its host says of the files is not compared" in ran.err
    assert covcat("status", "--json").document["data"]["here"][0]["state"] == "as brought"


def test_a_set_is_refused_where_its_host_does_not_answer_and_nobody_said_offline(
    covcat, patients: dict[str, bytes]
) -> None:
    nobody = "http://127.0.0.1:9"
    ran = covcat("import", "mashhad", unpacked("mine", patients), "--retries=0", mirror=nobody)
    check_said(ran, 4, "--offline takes what you give it, compared with nothing")
    assert not Path("covcat-data/mashhad").exists()


def test_what_is_given_of_a_complete_release_has_to_be_there_and_is_not_called_part_of_it(
    covcat,
) -> None:
    assert covcat("fetch", "sample").code == 0
    assert covcat("import", "sample", "absent.zip").code == 3
    ran = covcat("import", "sample", written("x.zip", zip_of({"x": b"x"})))
    check_said(ran, 0, "here and complete; what was given is not looked at")


BROUGHT = {  # what lies in a folder, and what comes of it where that is less or more
    "alike or long": ({"P1/IM1": b"a", "P2/IM1": b"b", "x" * 255: b"c"}, None),
    "a desktop's name": ({"a.txt": b"a", "Icon\r": b""}, {"a.txt": b"a"}),
    "an archive alone": ({"P1.zip": zip_of({"a.png": b"1"})}, {"a.png": b"1"}),
    "an archive among files": (
        {"b.jpg": b"2", "scans.zip": zip_of({"case1/a.jpg": b"1"})},
        {"b.jpg": b"2", "scans/case1/a.jpg": b"1"},
    ),
}


@pytest.mark.parametrize(("files", "expected"), BROUGHT.values(), ids=BROUGHT)
def test_what_offers_no_download_can_be_brought_too(covcat, files, expected) -> None:
    ran = covcat("--offline", "import", "sirm", unpacked("mine", files), mirror=None)
    assert here(ran) == (expected or files)
    assert ran.out == "covcat-data/sirm/local/files\n"
    assert covcat("verify", "sirm").code == 0


# ---- what is here already ----------------------------------------------------------------------


@pytest.fixture
def repository(world: World, shelf) -> str:
    """Put the repository into the catalog and the world; return its tree."""
    world.github.add("test/set", COMMIT, REPOSITORY)
    return shelf.add_repository()


def some(*names: str) -> dict[str, bytes]:
    return {name: REPOSITORY[name] for name in names}


def test_a_part_that_is_here_stays_and_grows(covcat, world, repository: str) -> None:
    covcat("fetch", "set", "--include", "images/*", mirror=world.url)
    ran = covcat("import", "set", written("1.zip", zip_of(some("README.md"))), "--allow-missing")
    assert set(here(ran)) == {"README.md", "images/one.png", "images/two.png"}
    assert "1 file recognised by contents; 2 here already" in ran.err
    assert [one["name"] for one in record()["downloads"]] == ["one.png", "two.png", "1.zip"]
    assert record()["missing"] == ["scripts/run.sh"]
    assert here(covcat("import", "set", written("2.zip", git_zip(REPOSITORY)))) == REPOSITORY
    assert {one["verified_by"] for one in record()["downloads"]} == {"git-tree"}
    assert record()["downloads"][-1]["tree"] == repository
    assert covcat("verify", "set").code == 0


@pytest.mark.parametrize("more", [[], ["--allow-missing"]])
def test_an_incomplete_release_is_completed_by_what_lacks(covcat, shelf, more: list[str]) -> None:
    shelf.add_repository()
    first = {path: data for path, data in REPOSITORY.items() if path != "README.md"}
    covcat("import", "set", written("1.zip", zip_of(first)), "--allow-missing")
    ran = covcat("import", "set", written("2.zip", zip_of(some("README.md"))), *more)
    assert here(ran) == REPOSITORY
    assert [one["imported_from"] for one in record()["downloads"]] == ["1.zip", "2.zip"]
    assert covcat("verify", "set").code == 0
    assert {path.stat().st_nlink for path in Path("covcat-data/set").rglob("*.png")} == {1}


def test_what_brings_nothing_is_refused_though_some_is_here(covcat, shelf) -> None:
    shelf.add_repository()
    covcat("import", "set", written("1.zip", zip_of(some("README.md"))), "--allow-missing")
    ran = covcat("import", "set", written("x.zip", zip_of({"x": b"x"})), "--allow-missing")
    check_said(ran, 5, "`x.zip` is not `set@1`")


def test_an_archive_that_is_here_stays(covcat, world, repository: str) -> None:
    covcat("fetch", "set", "--no-extract", mirror=world.url)
    before = sorted(Path("covcat-data/set/1/archives").iterdir())
    ran = covcat("import", "set", written("1.zip", zip_of(some("README.md"))), "--allow-missing")
    assert here(ran) == some("README.md")
    assert sorted(Path("covcat-data/set/1/archives").iterdir()) == before
    assert len(before) == 1


def test_a_damaged_file_is_mended_or_named(covcat, shelf) -> None:
    shelf.add_repository()
    first = some("README.md", "images/one.png")
    covcat("import", "set", written("1.zip", zip_of(first)), "--allow-missing")
    own = Path("covcat-data/set/1/files/README.md")
    own.write_bytes(b"damaged")
    rest = written("2.zip", zip_of(some("images/two.png", "images/one.png")))
    ran = covcat("import", "set", rest, "--allow-missing")
    check_said(ran, 5, "would be lost: files/README.md")
    assert own.read_bytes() == b"damaged"
    assert here(covcat("import", "set", written("3.zip", git_zip(REPOSITORY)))) == REPOSITORY
    assert covcat("verify", "set").code == 0


def test_without_a_listing_nothing_replaces_what_is_here(covcat, world, shelf) -> None:
    shelf.add("set", KAGGLE)
    world.kaggle.add("some/set", {"a.png": b"\x89PNG1", "b.png": b"\x89PNG2"}, version="2")
    covcat("fetch", "set", "--include", "a.png", mirror=world.url)
    for files in ({"nothing.txt": b"alike"}, {"a.png": b"\x89PNG1", "evil": b"x"}):
        ran = covcat("import", "set", written("x.zip", zip_of(files)), mirror=world.url)
        check_said(ran, 5, "it would lose 1 download now here", "hint: covcat fetch set@2")
    assert Path("covcat-data/set/2/files/a.png").exists()
    assert record()["downloads"][0]["verified_by"] == "host-md5"


def test_without_a_listing_the_very_same_is_taken_and_not_shared(covcat, world, shelf) -> None:
    shelf.add("set", KAGGLE)
    data = zip_of({"a.png": b"\x89PNG1", "b.png": b"\x89PNG2"})
    world.kaggle.add("some/set", {"a.png": b"\x89PNG1"}, version="2", bundle=data)
    covcat("fetch", "set", "--keep-archives", "--include", "a.png", mirror=world.url)
    path = written("own.zip", data)
    assert len(here(covcat("import", "set", path, mirror=world.url))) == 2
    assert record()["downloads"][0]["verified_by"] == "host-md5"
    with open(path, "ab") as stream:
        stream.write(b"changed later")
    assert covcat("verify", "set").code == 0


@pytest.mark.parametrize("way", [[], ["--by-file"]])
def test_a_pinned_tree_is_the_very_same_however_it_is_packed(
    covcat, world, shelf, way: list[str]
) -> None:
    world.github.add("test/set", COMMIT, REPOSITORY)
    tree = world.github.commit("test/set", COMMIT).trees[""]
    state = f"commit: {COMMIT}, tree: {tree}"
    shelf.add("set", release_of(f"host: github, repository: test/set, {state}, unpack: zip"))
    covcat("fetch", "set", "--include", "images/*", *way, mirror=world.url)
    ran = covcat("import", "set", written("own.zip", git_zip(REPOSITORY, name="other")))
    assert here(ran) == REPOSITORY
    assert record()["downloads"][0]["tree"] == tree


def test_a_set_grows_only_with_all_that_is_here(covcat, shelf) -> None:
    shelf.add_files("set", {"name": "a.png"}, {"name": "b.png"})
    one, two = written("a.png", b"\x89PNG1"), written("b.png", b"\x89PNG2")
    assert len(here(covcat("import", "set", one, "--allow-missing"))) == 1
    check_said(covcat("import", "set", two, "--allow-missing"), 5, "would be lost: a.png")
    assert len(here(covcat("import", "set", one, two))) == 2
    assert record()["complete"]


# ---- odd sources -------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["set", "sirm"])
def test_the_data_folder_is_no_part_of_what_is_brought(covcat, shelf, id: str) -> None:
    shelf.add_repository()
    unpacked("mine", REPOSITORY)
    os.chdir("mine")
    assert here(covcat("import", id, ".")) == REPOSITORY
    assert covcat("verify", id).code == 0


def test_the_data_folder_itself_is_refused(covcat, shelf) -> None:
    shelf.add_repository()
    Path("covcat-data").mkdir()
    assert covcat("import", "set", "covcat-data").code == 2


@pytest.mark.parametrize("root", ["", "top/"])
def test_files_of_a_set_are_found_by_path_digest_or_name(covcat, world, shelf, root: str) -> None:
    entry = "{host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/TEST}"
    shelf.add("set", KAGGLE.partition("      - {")[0] + f"      - {entry}\n")
    files = {"a/x.png": b"\x89PNG1", "b/x.png": b"\x89PNG2", "c/y.png": b"\x89PNG3"}
    world.dataverse.add("doi:10.7910/DVN/TEST", files)
    named = {root + path: data for path, data in files.items()}
    named["renamed"] = named.pop(root + "c/y.png")
    assert here(covcat("import", "set", unpacked("mine", named), mirror=world.url)) == files


@pytest.mark.parametrize("where", ["", "set/", "Downloads/set (1)/"])
@pytest.mark.parametrize("lacks", ["", "data/"])
def test_files_of_one_name_are_told_apart_by_folders_too_many_or_too_few(
    covcat, world, shelf, where: str, lacks: str
) -> None:
    entry = "{host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/TEST}"
    shelf.add("set", KAGGLE.partition("      - {")[0] + f"      - {entry}\n")
    files = {"data/a/x.png": b"\x89PNG1", "data/b/x.png": b"\x89PNG1", "data/.DS_Store": b"j"}
    world.dataverse.add("doi:10.7910/DVN/TEST", files)
    given = {where + path.removeprefix(lacks): data for path, data in files.items()}
    ran = covcat("import", "set", unpacked("mine", given), mirror=world.url)
    assert here(ran) == files  # its host lists the .DS_Store too


def odd_folder() -> str:
    folder = unpacked("mine", {"a.txt": b"a", "b\nc.txt": b"b", "d\\e.txt": b"c"})
    os.symlink("/etc/passwd", "mine/link")
    os.mkfifo("mine/pipe")
    with open(b"mine/\xff.txt", "wb") as stream:
        stream.write(b"x")
    return folder


def test_nothing_is_left_out_silently(covcat, shelf) -> None:
    ran = covcat("import", "sirm", odd_folder())
    assert ran.code == 5
    assert "`mine` holds names that no release may have" in ran.err
    assert "links and special files of `mine` left out: `link`, `pipe`" in ran.err
    assert not Path("covcat-data/sirm").exists()
    shelf.add_repository()
    listed = covcat("import", "set", unpacked("mine", REPOSITORY))
    assert here(listed) == REPOSITORY
    assert "3 files of `mine` left out, unsafe names" in listed.err


def test_a_folder_that_cannot_be_read_is_an_error_but_a_desktops_own(covcat, monkeypatch) -> None:
    unpacked("other", {"a.txt": b"a", "@eaDir/a.txt/SYNO": b"x"})
    unpacked("mine", {"a.txt": b"a", "locked/b.txt": b"b"})
    scan = os.scandir

    def refuse(path):
        if str(path).endswith(("@eaDir", "locked")):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ran = covcat("import", "sirm", "mine")
    check_said(ran, 8, "cannot read `mine/locked`")
    assert "--data-dir" not in ran.err
    assert here(covcat("import", "sirm", "other")) == {"a.txt": b"a"}


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_a_desktop_leaves_counts_where_it_is_listed(covcat, shelf, is_folder: bool) -> None:
    files = {**REPOSITORY, "data/.DS_Store": b"listed", "Thumbs.db": b"listed too"}
    shelf.add_repository(files=files)
    more = {**files, "more/.DS_Store": b"not listed"}
    path = unpacked("mine", more) if is_folder else written("set.zip", zip_of(more))
    ran = covcat("import", "set", path)
    assert here(ran) == files
    assert "left out" not in ran.err


def test_an_archive_that_is_swapped_meanwhile_is_refused(covcat, world, shelf, monkeypatch) -> None:
    good, evil = zip_of({"a.bin": b"GOOD"}), zip_of({"a.bin": b"EVIL"})
    shelf.add_web("set", "w.zip", unpack="zip", sha256=hashlib.sha256(good).hexdigest())
    path, compared = written("w.zip", good), remote.compared

    def swap(*args):
        os.rename(written("other", evil), path)
        return compared(*args)

    monkeypatch.setattr(from_files, "compared", swap)
    check_said(covcat("import", "set", path), 5, "changed while it was read")
    assert not Path("covcat-data/set").exists()


def test_a_listed_archive_that_changes_meanwhile_is_refused(covcat, shelf, monkeypatch) -> None:
    shelf.add_repository()
    path, pooled = written("w.zip", git_zip(REPOSITORY)), brought.read_given

    def change(*args):
        found = pooled(*args)
        written("w.zip", b"something else")
        return found

    monkeypatch.setattr(brought, "read_given", change)
    check_said(covcat("import", "set", path), 5, "changed while it was read")


def test_equal_contents_are_files_of_their_own(covcat, shelf) -> None:
    files = {"a": b"same", "b": b"same", "c/empty": b"", "d/empty": b""}
    shelf.add_repository(files=files)
    assert here(covcat("import", "set", written("set.zip", git_zip(files)))) == files
    links = {one.stat().st_nlink for one in Path("covcat-data/set").rglob("*") if one.is_file()}
    assert links == {1}


def test_names_that_are_not_utf8_are_recorded_in_letters(covcat, world, shelf) -> None:
    shelf.add("set", KAGGLE)
    path = Path("m\udcff.zip")
    path.write_bytes(zip_of({"a.txt": b"a"}))
    assert len(here(covcat("import", "set", str(path), mirror=world.url))) == 1
    assert record()["downloads"][0]["imported_from"] == "m\\xff.zip"
    shelf.add_repository("other")
    assert here(covcat("import", "other", str(Path(unpacked("n\udcff", REPOSITORY)))))
    assert record("other")["downloads"][0]["imported_from"] == "n\\xff"


# ---- litter ------------------------------------------------------------------------------------

CLONE = {
    "metadata.csv": b"patientid,finding,filename\n",
    "images/a.png": b"\x89PNG",
    ".gitignore": b"*.log\n",
    ".DS_Store": b"j",
    ".git/config": b"url = https://somebody:made-up-token@example.org/x.git",
    ".git/objects/ab/cd": b"x",
    "sub/module/.git": b"gitdir: ../../.git/modules/sub",
    "sub/module/b.txt": b"b",
    "sub/old/.svn/entries": b"12",
}
KEPT = ["metadata.csv", "images/a.png", ".gitignore", "sub/module/b.txt"]
MOVING = release_of("host: github, repository: test/set, branch: main, unpack: zip")


def stored() -> bytes:
    """All that a run left in the data folder."""
    return b"".join(one.read_bytes() for one in Path("covcat-data").rglob("*") if one.is_file())


def test_version_control_in_a_clone_is_left_out_and_told(covcat, shelf) -> None:
    shelf.add("set", MOVING)
    ran = covcat("--offline", "import", "set", unpacked("mine", CLONE))
    assert here(ran) == {path: CLONE[path] for path in KEPT}
    assert "`.git` of `mine` left out: 2 files of version control" in ran.err
    assert "`sub/module/.git` of `mine` left out: 1 file of version control" in ran.err
    assert "1 file that desktops left in `mine` left out" in ran.err
    assert b"made-up-token" not in stored()


def test_a_clone_of_a_listed_state_has_no_version_control_either(covcat, shelf) -> None:
    shelf.add_repository()
    clone = {**REPOSITORY, ".git/config": CLONE[".git/config"], ".git/index": b"DIRC"}
    ran = covcat("import", "set", unpacked("mine", clone))
    assert here(ran) == REPOSITORY
    assert "`.git` of `mine` left out: 2 files" in ran.err
    assert "left out as none" not in ran.err
    assert b"made-up-token" not in stored()


@pytest.mark.parametrize("packing", ["zip", "tar.gz"])
def test_a_clone_that_a_desktop_packed_is_read_without_litter(covcat, shelf, packing: str) -> None:
    shelf.add("set", MOVING)
    members = {f"set-main/{path}": data for path, data in CLONE.items()}
    members["__MACOSX/set-main/._metadata.csv"] = b"j"
    data = zip_of(members) if packing == "zip" else tar_of(members, "gz")
    ran = covcat("--offline", "import", "set", written(f"set-main.{packing}", data))
    assert here(ran) == {path: CLONE[path] for path in KEPT}
    assert "6 files of desktops or version control left out" in ran.err
    assert b"made-up-token" not in stored()


def test_archives_of_a_set_are_unpacked_without_litter(covcat, shelf) -> None:
    entry = "{host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/TEST, "
    shelf.add("set", KAGGLE.partition("      - {")[0] + f"      - {entry}unpack: zip}}\n")
    one = zip_of({"P1/a.png": b"\x89PNG", "__MACOSX/P1/._a.png": b"j", "P1/Thumbs.db": b"j"})
    folder = unpacked("mine", {"P1.zip": one, "P2.zip": zip_of({"b.png": b"\x89PNG2"})})
    ran = covcat("--offline", "import", "set", folder)
    assert here(ran) == {"P1/a.png": b"\x89PNG", "P2/b.png": b"\x89PNG2"}


# ---- a folder with the download in it ----------------------------------------------------------

DOWNLOADED = {
    "listed": (None, lambda: {"set.zip": git_zip(REPOSITORY)}),
    "listed, with more": (None, lambda: {"set.zip": git_zip(REPOSITORY), "notes.txt": b"mine"}),
    "listed, in two": (
        None,
        lambda: {"1.zip": zip_of(dict([*REPOSITORY.items()][:2])), "2.tgz": tar_of(REPOSITORY)},
    ),
    "moving": (MOVING, lambda: {"set-main.zip": git_zip(REPOSITORY), ".DS_Store": b"j"}),
    "a set of Kaggle": (KAGGLE, lambda: {"archive (1).zip": zip_of(REPOSITORY)}),
}


@pytest.mark.parametrize("way", DOWNLOADED)
def test_the_folder_that_holds_the_archive_will_do(covcat, shelf, way: str) -> None:
    entry, files = DOWNLOADED[way]
    _ = shelf.add("set", entry) if entry else shelf.add_repository()
    ran = covcat("--offline", "import", "set", unpacked("Downloads", files()))
    assert here(ran) == REPOSITORY
    assert covcat("verify", "set").code == 0


# ---- what a release is made of -----------------------------------------------------------------


def test_a_source_of_nothing_is_not_recorded(covcat, shelf) -> None:
    shelf.add_repository()
    paths = [written("good.zip", git_zip(REPOSITORY)), written("unrelated.txt", b"x")]
    ran = covcat("import", "set", *paths)
    assert here(ran) == REPOSITORY
    assert [one["name"] for one in record()["downloads"]] == ["good.zip"]
    assert "nothing of `unrelated.txt` is the release's" in ran.err


@pytest.fixture
def pointers(world: World, shelf) -> dict[str, bytes]:
    """Put a repository with a large file into the catalog; return what git has."""
    files = {"a.bin": b"large" * 999, "R.md": b"x"}
    world.github.add("test/set", COMMIT, files, lfs={"a.bin"})
    found = dict(world.github.files("test/set", COMMIT))
    shelf.add_repository(files=found)
    return found


def test_a_pointer_of_git_lfs_is_no_data(covcat, pointers: dict[str, bytes]) -> None:
    ran = covcat("import", "set", written("git.zip", git_zip(pointers)))
    assert ran.code == 5
    assert "1 pointer of Git LFS came without" in ran.err
    assert "pointer: a.bin" in ran.err
    assert "hint: covcat fetch set@1" in ran.err


def lfs(data: bytes, extension: str = "") -> bytes:
    """What git has in the place of a large file."""
    oid, version = hashlib.sha256(data).hexdigest(), "version https://git-lfs.github.com/spec/v1\n"
    return f"{version}{extension}oid sha256:{oid}\nsize {len(data)}\n".encode()


POINTERS = {
    "COVID/a.png": lfs(b"a" * 999),
    "COVID/b.png": lfs(b"b" * 999, f"ext-0-case sha256:{'0' * 64}\n"),
}
NO_POINTERS = {
    "README.md": b"version https://git-lfs.github.com/spec/v1 is how its pointers begin\n",
    "docs/lfs.md": b"Run `git lfs pull`:\n\n" + lfs(b"x"),
    "docs/more.md": lfs(b"x") + b"is what you see without it.\n",
    "x.csv": b"oid sha256:" + b"0" * 64 + b"\nsize 3\n",
}


@pytest.mark.parametrize("entry", [MOVING, KAGGLE])
@pytest.mark.parametrize("is_folder", [False, True])
def test_pointers_that_nobody_lists_are_no_data_either(
    covcat, shelf, entry: str, is_folder: bool
) -> None:
    shelf.add("set", entry)
    files = {f"set-main/{path}": data for path, data in {**POINTERS, **NO_POINTERS}.items()}
    path = unpacked("mine", files) if is_folder else written("set-main.zip", zip_of(files))
    ran = covcat("--offline", "import", "set", path)
    assert (ran.code, ran.out) == (5, "")
    assert "2 pointers of Git LFS came without what is pointed to" in ran.err
    assert "COVID/a.png" in ran.err
    assert "COVID/b.png" in ran.err
    assert "git lfs pull where you cloned it" in ran.err
    assert not Path("covcat-data/set").exists()


def test_a_text_about_git_lfs_is_no_pointer(covcat, shelf) -> None:
    shelf.add("set", KAGGLE)
    ran = covcat("--offline", "import", "set", unpacked("mine", NO_POINTERS))
    assert here(ran) == NO_POINTERS


@pytest.mark.parametrize("has_pointer", [False, True])
def test_the_content_of_a_pointer_is(covcat, pointers: dict[str, bytes], has_pointer: bool) -> None:
    files = {"a.bin": b"large" * 999, "R.md": b"x"}
    more = [written("git.zip", git_zip(pointers))] if has_pointer else []
    ran = covcat("import", "set", *more, written("set.zip", zip_of(files)))
    assert here(ran) == files
    (one,) = (one for one in record()["files"] if one["path"] == "files/a.bin")
    assert one["lfs"]
    assert {one["verified_by"] for one in record()["downloads"]} == {"git-tree"}
    assert covcat("verify", "set").code == 0


def test_a_repository_beside_another_file_has_no_tree_of_all(covcat, shelf) -> None:
    shelf.add_repository()
    data = b"\x89PNG more"
    row = listing.ListedFile("w.png", None, None, len(data), hashlib.sha256(data).hexdigest())
    rows = [*git_rows(REPOSITORY), row]
    listing.write(shelf.folder / "listings" / "set@1.tsv.gz", rows)
    entry = (shelf.folder / "set.yaml").read_text()
    web = "      - {host: web, url: 'https://data.example.org/w.png', name: w.png}\n    listing:"
    entry = entry.replace("    listing:", web)
    contents = f"files: {len(rows)}, bytes: {sum(one.bytes for one in rows)}"
    head, _, rest = entry.partition("contents: {")
    shelf.folder.joinpath("set.yaml").write_text(
        head + "contents: {" + contents + "}" + rest.partition("}")[2]
    )
    ran = covcat("import", "set", written("s.zip", git_zip(REPOSITORY)), written("w.png", data))
    assert here(ran) == {**REPOSITORY, "w.png": data}
    assert covcat("verify", "set").code == 0


# ---- the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["nobody", "x.zip"], 3, "the catalog has no resource `nobody`"),
        (["figure1", "absent.zip"], 3, "`absent.zip` is not there"),
        (["figure1"], 2, "path"),
        (["figure1@9", "x.zip"], 3, "has no release `9`"),
        (["figure1", ""], 2, "the path is empty"),
        (["figure1", "x" * 5000], 8, "cannot read `xxx"),
    ],
)
def test_what_cannot_be_imported_is_said_in_a_sentence(covcat, args, code, said) -> None:
    ran = covcat("import", *args)
    assert ran.code == code
    assert said in ran.err.lower()
    assert "Traceback" not in ran.err
    assert not Path("covcat-data").exists()


def test_what_is_not_there_or_is_a_pipe_leaves_a_data_folder_as_it_was(covcat) -> None:
    assert covcat("fetch", "sample").code == 0
    before = sorted(Path("covcat-data").rglob("*"))
    os.mkfifo("pipe")
    for path in ("absent.zip", "pipe"):
        ran = covcat("import", "figure1", written("x.zip", zip_of({"x": b"x"})), path)
        check_said(ran, 3, f"error: `{path}` is ")
        assert sorted(Path("covcat-data").rglob("*")) == before


def test_files_that_are_recorded_without_a_download_are_kept_as_found_there(covcat, shelf) -> None:
    shelf.add_repository()
    folder = unpacked("mine", {k: v for k, v in REPOSITORY.items() if k != "README.md"})
    assert covcat("import", "set", folder, "--allow-missing").code == 0
    manifest = Path("covcat-data/set/1/manifest.json")
    tree = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**tree, "downloads": []}))
    rest = unpacked("rest", {"README.md": REPOSITORY["README.md"]})
    assert here(covcat("import", "set", rest)) == REPOSITORY
    kinds = {one["imported_from"]: one["verified_by"] for one in record()["downloads"]}
    assert kinds == {"files": "git-tree", "rest": "git-tree"}
    assert covcat("verify", "set").code == 0


def test_an_import_tells_how_far_it_has_read_what_was_given(
    covcat, shelf, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr("covcat.cli.progress._KnownTasks.heartbeat", 0)
    shelf.add_repository()
    for path, data in REPOSITORY.items():
        (tmp_path / "given" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / path).write_bytes(data)
    ran = covcat("import", "set", str(tmp_path / "given"))
    size = format_size(sum(map(len, REPOSITORY.values())))
    assert f"reading given: {size} of {size}" in ran.err
    assert f"writing set@1: {size} of {size}" in ran.err
    assert ran.code == 0
