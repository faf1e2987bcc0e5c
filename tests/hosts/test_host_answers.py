"""What each host answers beside the file itself, and what covcat makes of it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.releases import release_of
from makers.runs import here
from makers.said import check_said
from servers.hosts import FOR_EVER, World, dataverse, figshare

DATA = b"\x89PNG synthetic" * 300


def entry(shelf, *files: str) -> None:
    """Write the entry `set` whose release has these files, in YAML's short form."""
    shelf.add("set", release_of(*files))


def kinds() -> list[str]:
    record = json.loads(Path("covcat-data/set/1/manifest.json").read_text())
    return [one["verified_by"] for one in record["downloads"]]


DOI = "doi:10.7910/DVN/TEST"
SET = 'host: dataverse, server: "https://dataverse.harvard.edu", doi: 10.7910/DVN/TEST'
FIGSHARE = "host: figshare, article: '5', version: '2', file: '100', name: f0.png"
MENDELEY = "host: mendeley, dataset: abcdefghij, version: '1'"
ZENODO = "host: zenodo, record: '11', name: a.png"
KAGGLE = "host: kaggle, dataset: some/set, version: '2'"


def dataverse_with(checksum: str) -> Callable[[World], object]:
    files = {"a/x.png": DATA, "b/x.png": DATA}
    return lambda world: world.dataverse.add(DOI, files, checksum=checksum)


def kaggle_with(hashes: str) -> Callable[[World], object]:
    return lambda w: w.kaggle.add("some/set", {"x/a.png": DATA}, version="2", hashes=hashes)


def zenodo_in(shape: str | None) -> Callable[[World], object]:
    def serve(world: World) -> None:
        world.zenodo.add("11", {"a.png": DATA, "b c/ü.txt": b"x"})
        world.zenodo.shape = shape or world.zenodo.shape

    return serve


TWICE = {"a/x.png": DATA, "b/x.png": DATA}
TABLE = {"t.csv": b"id,age\n1,40\n"}
NESTED = {f"a/b/c{n}.png": DATA + bytes([n]) for n in range(4)} | {"read me.txt": b"x"}
ZIPS = {"one.zip": zip_of({"a.png": DATA}), "two.zip": zip_of({"two/a.png": DATA})}
UNPACKED = {"one/a.png": DATA, "two/a.png": DATA, "x.nii.gz": b"\x1f\x8bx"}
# what a host has, the entry's line, the files that come, and what verified them
COMES = {
    "dataverse's MD5": (dataverse_with("MD5"), SET, TWICE, "host-md5"),
    "its SHA-1": (dataverse_with("SHA-1"), SET, TWICE, "host-sha1"),
    "its SHA-256": (dataverse_with("SHA-256"), SET, TWICE, "host-sha256"),
    "its SHA-512": (dataverse_with("SHA-512"), SET, TWICE, "host-sha512"),
    "a table that dataverse ingested comes as it was uploaded": (
        *(lambda w: w.dataverse.add(DOI, TABLE, ingested={"t.csv"}), SET),
        *(TABLE, "first-use"),
    ),
    "folders in folders of mendeley": (
        *(lambda w: w.mendeley.add("abcdefghij", NESTED, version="1"), MENDELEY),
        *(NESTED, "host-sha256"),
    ),
    "an archive of a set gets a folder of its name": (
        lambda w: w.mendeley.add("abcdefghij", {**ZIPS, "x.nii.gz": b"\x1f\x8bx"}, version="1"),
        *(f"{MENDELEY}, unpack: any", UNPACKED, "host-sha256"),
    ),
    "zenodo's shape": (zenodo_in(None), ZENODO, {"a.png": DATA}, "host-md5"),
    "zenodo's shape of 2023": (zenodo_in("2023-10"), ZENODO, {"a.png": DATA}, "host-md5"),
    "google's md5": (
        *(kaggle_with("joined"), f"{KAGGLE}, unpack: zip", {"x/a.png": DATA}, "host-md5"),
    ),
    "google's md5 in another line": (
        *(kaggle_with("two lines"), f"{KAGGLE}, unpack: zip", {"x/a.png": DATA}, "host-md5"),
    ),
    "no md5 of google": (
        *(kaggle_with("crc32c only"), f"{KAGGLE}, unpack: zip", {"x/a.png": DATA}, "first-use"),
    ),
}


@pytest.mark.parametrize("case", COMES)
def test_what_a_host_has_comes_and_is_checked_as_well_as_the_host_lets_it_be(
    covcat, world, shelf, case: str
) -> None:
    serve, line, files, kind = COMES[case]
    serve(world)
    entry(shelf, line)
    assert here(covcat("fetch", "set", mirror=world.url)) == files
    assert set(kinds()) == {kind}


# what a host has and does, the entry's line, the exit code, and what is said
REFUSED = {
    "a guestbook is for a person": (
        *(lambda w: w.dataverse.add(DOI, {"x.png": DATA}, guestbook=7), SET, 7),
        "its guestbook must be filled in",
        "hint: open https://doi.org/10.7910/DVN/TEST; then",
    ),
    "a file that is only a link is said to be one": (
        lambda w: w.figshare.add(
            "5", files={}, version="2", links={"100": ("f0.png", "https://example.org/")}
        ),
        *(FIGSHARE, 7, "is only a link to https://example.org/"),
    ),
    "a challenge for browsers is no file": (
        lambda w: w.figshare.add("5", files={"100": ("f0.png", DATA)}, version="2"),
        'host: web, name: f0.png, url: "https://figshare.com/ndownloader/files/100"',
        *(7, "a challenge for browsers is set (HTTP 202)"),
    ),
    "a network that mendeley blocks is told to use a browser": (
        lambda w: (
            w.mendeley.add("abcdefghij", {"a.png": DATA}, version="1"),
            setattr(w.mendeley, "blocks", ("/public-files/",)),
        ),
        *(MENDELEY, 7, "hint: open https://data.mendeley.com/datasets/abcdefghij/1; then"),
    ),
    "a record that was removed is gone": (
        lambda w: (w.zenodo.add("11", {"a.png": DATA}), w.zenodo.remove("11")),
        *(ZENODO, 4, "is gone (HTTP 410)"),
    ),
    "a record without the file names its page": (
        lambda w: w.zenodo.add("11", {"b.png": DATA}),
        *(ZENODO, 4, "Zenodo's record 11 has no file `a.png`"),
    ),
    "bytes that google does not vouch for": (
        lambda w: w.kaggle.add("some/set", {"a.png": DATA}, version="2", wrong={"bundle"}),
        *(f"{KAGGLE}, unpack: zip", 5, "is not what its host says: md5 expected "),
    ),
    "an error that comes with status 200 is no zip": (
        lambda w: (
            w.kaggle.add("some/set", {"a.png": DATA}, version="2"),
            setattr(w.kaggle, "soft_errors", True),
        ),
        "host: kaggle, dataset: some/set, version: '9', unpack: zip",
        *(4, "answered with JSON in place of the file"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_host_does_not_give_is_said_to_be_that(covcat, world, shelf, case: str) -> None:
    serve, line, code, *texts = REFUSED[case]
    serve(world)
    entry(shelf, line)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == code
    assert all(text in ran.err for text in texts)


def test_one_file_of_a_data_set_by_its_id(covcat, world, shelf) -> None:
    ids = world.dataverse.add(DOI, {"a/x.png": DATA, "y.png": DATA})
    entry(shelf, f"{SET}, file: '{ids['a/x.png']}'")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"x.png": DATA}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a\\b", "con\x07trol"])
def test_names_of_a_host_obey_the_rules_of_archives(covcat, world, shelf, name: str) -> None:
    world.dataverse.add(DOI, {"fine.png": DATA, name: DATA})
    entry(shelf, SET)
    check_said(covcat("fetch", "set", mirror=world.url), 5, "dataverse lists the file")
    assert not Path("covcat-data/set").exists()


def test_a_server_without_storage_of_its_own_is_resumed_in_spite_of_itself(
    covcat, world, shelf
) -> None:
    large = bytes(range(256)) * 20_000
    world.dataverse.add(DOI, {"x.bin": large}, redirects=False)
    world.faults.cut(dataverse.HARVARD, "/api/access", after=3_000_000, times=1)
    entry(shelf, SET)
    assert here(covcat("fetch", "set", mirror=world.url)) == {"x.bin": large}
    ranges = [one.headers.get("range") for one in world.asked(dataverse.HARVARD, "/api/access")]
    assert ranges[0] is None
    assert ranges[1] is not None


def test_the_eleventh_file_of_an_article_is_found(covcat, world, shelf) -> None:
    files = {str(100 + n): (f"f{n}.png", DATA) for n in range(25)}
    world.figshare.add("5", files=files, version="2")
    article = "host: figshare, article: '5', version: '2'"
    entry(shelf, *(f"{article}, file: '{id}', name: {name}" for id, (name, _) in files.items()))
    assert len(here(covcat("fetch", "set", mirror=world.url))) == 25
    assert set(kinds()) == {"host-md5"}


def test_a_link_of_ten_seconds_is_asked_for_again(covcat, world, shelf) -> None:
    large = bytes(range(256)) * 20_000
    world.figshare.add("5", files={"100": ("f0.png", large)}, version="2")
    world.links_work_once = True
    world.faults.cut(figshare.STORAGE, "/", after=2_000_000, times=2)
    entry(shelf, FIGSHARE)
    assert here(covcat("fetch", "set", mirror=world.url)) == {"f0.png": large}
    assert len(world.asked("ndownloader.figshare.com")) == 3


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_single_file_is_taken_out_of_the_zip_around_it(covcat, world, shelf, wrapped) -> None:
    table = b"id,age\n" * 50
    world.kaggle.add(
        "some/set", {"d/t.csv": table}, version="2", wrapped=(wrapped and {"d/t.csv"}) or set()
    )
    entry(shelf, f"{KAGGLE}, file: d/t.csv")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"t.csv": table}
    assert covcat("verify", "set").code == 0


def test_an_address_that_expired_is_asked_for_anew(covcat, world, shelf) -> None:
    large = bytes(range(256)) * 20_000
    world.kaggle.add("some/set", {"a.bin": large}, version="2", bundle=zip_of({"a.bin": large}))
    world.links_work_once = True
    world.faults.cut("storage.googleapis.com", "/", after=5_000, times=1)
    entry(shelf, f"{KAGGLE}, unpack: zip")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"a.bin": large}


def test_an_api_that_is_too_busy_is_asked_again(covcat, world: World, shelf) -> None:
    world.zenodo.add("11", {"a.png": DATA})
    world.faults.answer("zenodo.org", "/api/records/11", world.zenodo.too_many(0), times=2)
    entry(shelf, ZENODO)
    ran = covcat("fetch", "set", mirror=world.url)
    assert here(ran) == {"a.png": DATA}
    assert "answered HTTP 429; trying again" in ran.err


@pytest.mark.parametrize("reply", ["a page", "nonsense"])
def test_an_api_that_answers_something_else_is_said_so(covcat, world, shelf, reply) -> None:
    world.zenodo.add("11", {"a.png": DATA})
    if reply == "a page":
        world.faults.page("zenodo.org", "/api/records/11", times=FOR_EVER)
    else:
        world.web.add("https://zenodo.org/api/records/11", b"{oops", "application/json")
    entry(shelf, ZENODO)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code in (4, 7)
    assert "answered with" in ran.err


def test_no_api_is_asked_for_what_is_pinned(covcat, world, shelf) -> None:
    world.zenodo.add("11", {"a.png": DATA})
    entry(shelf, f"{ZENODO}, sha256: {hashlib.sha256(DATA).hexdigest()}")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"a.png": DATA}
    assert [one.path for one in world.requests] == ["/api/records/11/files/a.png/content"]


def test_offline_asks_no_api_either(covcat, world, shelf) -> None:
    entry(shelf, ZENODO)
    check_said(covcat("fetch", "set", "--offline", mirror=world.url), 4, "because --offline is set")
    assert not world.requests
