"""What a person downloaded by hand is recognised, verified, and recorded as brought by hand."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from builders import REPOSITORY, git_zip, tar_of, zip_of
from imitations import World, stock

REAL = Path(__file__).parents[2] / "shared" / "real" / "figure1-95bb569e.zip"
KAGGLE = """
releases:
  - id: "2"
    source: made up
    files:
      - {host: kaggle, dataset: some/set, version: "2", unpack: zip, exclude: ["*.DS_Store"]}
"""


def doubled(files: dict[str, bytes], root: str = "archive") -> dict[str, bytes]:
    """Return files as Kaggle's zips hold them: each twice, with what a desktop leaves."""
    found = {}
    for path, data in files.items():
        found[f"{root}/{path}"] = data
        found[f"{root}/{root}/{path}"] = data
        found[f"__MACOSX/{root}/._{path.rpartition('/')[2]}"] = b"junk"
    return {**found, f"{root}/.DS_Store": b"junk"}


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


def here(ran) -> dict[str, bytes]:
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def record(id: str = "set") -> dict:
    (found,) = Path("covcat-data", id).glob("*/manifest.json")
    return json.loads(found.read_text())


# ---- a release with a listing ------------------------------------------------------------------

PACKINGS = {
    "as GitHub packs it": lambda: written("set.zip", git_zip(REPOSITORY)),
    "as Kaggle packs it": lambda: written("archive.zip", zip_of(doubled(REPOSITORY))),
    "as a tar": lambda: written("set.tar.gz", tar_of(REPOSITORY, "gz")),
    "as a folder": lambda: unpacked("mine", doubled(REPOSITORY)),
    "with more beside it": lambda: written("set.zip", zip_of({**REPOSITORY, "x.txt": b"mine"})),
}


@pytest.mark.parametrize("way", PACKINGS)
def test_a_listed_release_is_recognised_however_it_is_packed(covcat, shelf, way: str) -> None:
    tree = shelf.add_repository()
    path = PACKINGS[way]()
    ran = covcat("import", "set", path)
    assert here(ran) == REPOSITORY
    (transfer,) = record()["downloads"]
    assert (transfer["verified_by"], transfer["tree"]) == ("git-tree", tree)
    assert transfer["imported_from"] == Path(path).name
    assert "4 files recognised by their contents" in ran.err
    assert covcat("verify", "set").code == 0
    assert "nothing to do" in covcat("fetch", "set").err


def test_nothing_of_the_persons_own_is_moved_or_shared(covcat, shelf) -> None:
    shelf.add_repository()
    folder = unpacked("mine", REPOSITORY)
    assert covcat("import", "set", folder).code == 0
    own = Path("mine/README.md")
    own.write_bytes(b"changed later")
    assert covcat("verify", "set").code == 0
    assert own.stat().st_nlink == 1


def test_two_archives_make_one_release(covcat, shelf) -> None:
    shelf.add_repository()
    first = {path: REPOSITORY[path] for path in list(REPOSITORY)[:2]}
    second = {path: REPOSITORY[path] for path in list(REPOSITORY)[2:]}
    paths = [written("1.zip", zip_of(first)), written("2.zip", zip_of(second))]
    assert here(covcat("import", "set", *paths)) == REPOSITORY
    assert [one["imported_from"] for one in record()["downloads"]] == ["1.zip", "2.zip"]
    assert covcat("verify", "set").code == 0


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


def test_missing_files_can_be_allowed(covcat, shelf) -> None:
    shelf.add_repository()
    some = {path: data for path, data in REPOSITORY.items() if path != "README.md"}
    path = written("some.zip", zip_of(some))
    assert covcat("import", "set", path).code == 5
    assert here(covcat("import", "set", path, "--allow-missing")) == some
    assert record()["missing"] == ["README.md"]


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
    ran = covcat("import", "set", folder)
    assert ran.code == 5
    assert "missing: README.md" in ran.err


@pytest.mark.skipif(not REAL.exists(), reason="the real archive is not beside this checkout")
@pytest.mark.parametrize("is_wrong", [False, True])
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
        assert ran.code == 5
        assert "1 changed" in ran.err
        assert "changed: images/COVID-00002.jpg" in ran.err
    else:
        assert here(ran) == files
        assert record("figure1")["downloads"][0]["verified_by"] == "git-tree"
        assert "58 files recognised by their contents; 58 more are copies of these" in ran.err


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
    ran = covcat("import", "set", path, mirror=world.url)
    assert ran.code == 5
    assert "`archive.zip` is no archive" in ran.err


def test_a_pinned_digest_decides(covcat, world, shelf) -> None:
    data = zip_of({"a.png": b"\x89PNG"})
    digest = hashlib.sha256(data).hexdigest()
    shelf.add("set", KAGGLE.replace("unpack: zip,", f"unpack: zip, sha256: {digest},"))
    wrong = covcat("import", "set", written("w.zip", zip_of({"b": b"x"})), mirror=world.url)
    assert wrong.code == 5
    assert f"sha256 expected {digest}, got " in wrong.err
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
    assert ran.code == 5
    assert "changed: P003.rar" in ran.err
    assert "missing: P002.rar" in ran.err


def test_offline_a_set_is_taken_as_it_is(covcat, patients: dict[str, bytes]) -> None:
    ran = covcat("import", "mashhad", unpacked("mine", patients), "--offline", mirror=None)
    assert len(here(ran)) == 15
    assert {one["verified_by"] for one in record("mashhad")["downloads"]} == {"first-use"}
    assert "what its host says of the files is not compared" in ran.err


def test_what_offers_no_download_can_be_brought_too(covcat) -> None:
    scan = zip_of({"case1/a.jpg": b"\xff\xd8\xff"})
    folder = unpacked("mine", {"b.jpg": b"\xff\xd8\xff2", "scans.zip": scan})
    ran = covcat("import", "sirm", folder, mirror=None)
    assert here(ran) == {"b.jpg": b"\xff\xd8\xff2", "scans/case1/a.jpg": b"\xff\xd8\xff"}
    assert ran.out == "covcat-data/sirm/local/files\n"
    assert covcat("verify", "sirm").code == 0


# ---- the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["nobody", "x.zip"], 3, "the catalog has no resource `nobody`"),
        (["figure1", "absent.zip"], 3, "`absent.zip` is not there"),
        (["figure1"], 2, "missing argument"),
        (["figure1@9", "x.zip"], 3, "has no release `9`"),
    ],
)
def test_what_cannot_be_imported_is_said_in_a_sentence(covcat, args, code, said) -> None:
    ran = covcat("import", *args)
    assert ran.code == code
    assert said in ran.err.lower()
    assert "Traceback" not in ran.err
