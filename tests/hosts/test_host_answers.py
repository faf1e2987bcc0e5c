"""What each host answers beside the file itself, and what covcat makes of it."""

import json
from pathlib import Path

import pytest
from makers.archives import zip_of
from servers.hosts import FOR_EVER, World, dataverse, figshare

DATA = b"\x89PNG synthetic" * 300


def entry(shelf, *files: str, more: str = "") -> None:
    """Write the entry `set` whose release has these files, in YAML's short form."""
    rows = "".join(f"      - {{{one}}}\n" for one in files)
    shelf.add("set", f'\nreleases:\n  - id: "1"\n    source: made up\n{more}    files:\n{rows}')


def here(ran) -> dict[str, bytes]:
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def kinds() -> list[str]:
    record = json.loads(Path("covcat-data/set/1/manifest.json").read_text())
    return [one["verified_by"] for one in record["downloads"]]


# ---- dataverse ---------------------------------------------------------------------------------

DOI = "doi:10.7910/DVN/TEST"
SET = 'host: dataverse, server: "https://dataverse.harvard.edu", doi: 10.7910/DVN/TEST'


@pytest.mark.parametrize(
    ("checksum", "kind"),
    [
        ("MD5", "host-md5"),
        ("SHA-1", "host-sha1"),
        ("SHA-256", "host-sha256"),
        ("SHA-512", "host-sha512"),
    ],
)
def test_any_digest_of_dataverse_is_checked(covcat, world, shelf, checksum, kind) -> None:
    world.dataverse.add(DOI, {"a/x.png": DATA, "b/x.png": DATA}, checksum=checksum)
    entry(shelf, SET)
    assert here(covcat("fetch", "set", mirror=world.url)) == {"a/x.png": DATA, "b/x.png": DATA}
    assert set(kinds()) == {kind}


def test_a_table_that_dataverse_ingested_comes_as_it_was_uploaded(covcat, world, shelf) -> None:
    table = b"id,age\n1,40\n"
    world.dataverse.add(DOI, {"t.csv": table}, ingested={"t.csv"})
    entry(shelf, SET)
    assert here(covcat("fetch", "set", mirror=world.url)) == {"t.csv": table}
    assert kinds() == ["first-use"]


def test_a_guestbook_is_for_a_person(covcat, world, shelf) -> None:
    world.dataverse.add(DOI, {"x.png": DATA}, guestbook=7)
    entry(shelf, SET)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 7
    assert "its guestbook must be filled in" in ran.err
    assert "hint: open https://doi.org/10.7910/DVN/TEST; then" in ran.err


def test_one_file_of_a_data_set_by_its_id(covcat, world, shelf) -> None:
    ids = world.dataverse.add(DOI, {"a/x.png": DATA, "y.png": DATA})
    entry(shelf, f"{SET}, file: '{ids['a/x.png']}'")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"x.png": DATA}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a\\b", "con\x07trol"])
def test_names_of_a_host_obey_the_rules_of_archives(covcat, world, shelf, name: str) -> None:
    world.dataverse.add(DOI, {"fine.png": DATA, name: DATA})
    entry(shelf, SET)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 5
    assert "dataverse lists the file" in ran.err
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


# ---- figshare ----------------------------------------------------------------------------------


def figshare_entry(shelf, count: int = 1) -> None:
    entry(
        shelf,
        *(
            f"host: figshare, article: '5', version: '2', file: '{100 + n}', name: f{n}.png"
            for n in range(count)
        ),
    )


def test_the_eleventh_file_of_an_article_is_found(covcat, world, shelf) -> None:
    files = {str(100 + n): (f"f{n}.png", DATA) for n in range(25)}
    world.figshare.add("5", files=files, version="2")
    figshare_entry(shelf, 25)
    assert len(here(covcat("fetch", "set", mirror=world.url))) == 25
    assert set(kinds()) == {"host-md5"}


def test_a_link_of_ten_seconds_is_asked_for_again(covcat, world, shelf) -> None:
    large = bytes(range(256)) * 20_000
    world.figshare.add("5", files={"100": ("f0.png", large)}, version="2")
    world.links_work_once = True
    world.faults.cut(figshare.STORAGE, "/", after=2_000_000, times=2)
    figshare_entry(shelf)
    assert here(covcat("fetch", "set", mirror=world.url)) == {"f0.png": large}
    assert len(world.asked("ndownloader.figshare.com")) == 3


def test_a_file_that_is_only_a_link_is_said_to_be_one(covcat, world, shelf) -> None:
    world.figshare.add(
        "5", files={}, version="2", links={"100": ("f0.png", "https://example.org/")}
    )
    figshare_entry(shelf)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 7
    assert "is only a link to https://example.org/" in ran.err


def test_a_challenge_for_browsers_is_no_file(covcat, world, shelf) -> None:
    url = "https://figshare.com/ndownloader/files/100"
    world.figshare.add("5", files={"100": ("f0.png", DATA)}, version="2")
    entry(shelf, f'host: web, name: f0.png, url: "{url}"')
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 7
    assert "a challenge for browsers is set (HTTP 202)" in ran.err


# ---- mendeley ----------------------------------------------------------------------------------


def test_folders_in_folders_of_mendeley(covcat, world, shelf) -> None:
    files = {f"a/b/c{n}.png": DATA + bytes([n]) for n in range(4)} | {"read me.txt": b"x"}
    world.mendeley.add("abcdefghij", files, version="1")
    entry(shelf, "host: mendeley, dataset: abcdefghij, version: '1'")
    assert here(covcat("fetch", "set", mirror=world.url)) == files
    assert set(kinds()) == {"host-sha256"}


def test_an_archive_of_a_set_gets_a_folder_of_its_name(covcat, world, shelf) -> None:
    files = {"one.zip": zip_of({"a.png": DATA}), "two.zip": zip_of({"two/a.png": DATA})}
    world.mendeley.add("abcdefghij", {**files, "x.nii.gz": b"\x1f\x8bx"}, version="1")
    entry(shelf, "host: mendeley, dataset: abcdefghij, version: '1', unpack: any")
    assert here(covcat("fetch", "set", mirror=world.url)) == {
        "one/a.png": DATA,
        "two/a.png": DATA,
        "x.nii.gz": b"\x1f\x8bx",
    }


def test_a_network_that_mendeley_blocks_is_told_to_use_a_browser(covcat, world, shelf) -> None:
    world.mendeley.add("abcdefghij", {"a.png": DATA}, version="1")
    world.mendeley.blocks = ("/public-files/",)
    entry(shelf, "host: mendeley, dataset: abcdefghij, version: '1'")
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 7
    assert "hint: open https://data.mendeley.com/datasets/abcdefghij/1; then" in ran.err


# ---- zenodo ------------------------------------------------------------------------------------

ZENODO = "host: zenodo, record: '11', name: a.png"


@pytest.mark.parametrize("shape", [None, "2023-10"])
def test_zenodos_shapes_are_understood(covcat, world, shelf, shape: str | None) -> None:
    world.zenodo.add("11", {"a.png": DATA, "b c/ü.txt": b"x"})
    if shape:
        world.zenodo.shape = shape
    entry(shelf, ZENODO)
    assert here(covcat("fetch", "set", mirror=world.url)) == {"a.png": DATA}
    assert kinds() == ["host-md5"]


def test_a_record_that_was_removed_is_gone(covcat, world, shelf) -> None:
    world.zenodo.add("11", {"a.png": DATA})
    world.zenodo.remove("11")
    entry(shelf, ZENODO)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 4
    assert "is gone (HTTP 410)" in ran.err


def test_a_record_without_the_file_names_its_page(covcat, world, shelf) -> None:
    world.zenodo.add("11", {"b.png": DATA})
    entry(shelf, ZENODO)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 4
    assert "Zenodo's record 11 has no file `a.png`" in ran.err


# ---- kaggle ------------------------------------------------------------------------------------

KAGGLE = "host: kaggle, dataset: some/set, version: '2'"


@pytest.mark.parametrize(
    ("hashes", "kind"),
    [("joined", "host-md5"), ("two lines", "host-md5"), ("crc32c only", "first-use")],
)
def test_what_google_says_of_a_transfer_is_checked(covcat, world, shelf, hashes, kind) -> None:
    world.kaggle.add("some/set", {"x/a.png": DATA}, version="2", hashes=hashes)
    entry(shelf, f"{KAGGLE}, unpack: zip")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"x/a.png": DATA}
    assert kinds() == [kind]


def test_bytes_that_google_does_not_vouch_for_are_refused(covcat, world, shelf) -> None:
    world.kaggle.add("some/set", {"a.png": DATA}, version="2", wrong={"bundle"})
    entry(shelf, f"{KAGGLE}, unpack: zip")
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 5
    assert "is not what its host says: md5 expected " in ran.err


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_single_file_is_taken_out_of_the_zip_around_it(covcat, world, shelf, wrapped) -> None:
    table = b"id,age\n" * 50
    world.kaggle.add(
        "some/set", {"d/t.csv": table}, version="2", wrapped=(wrapped and {"d/t.csv"}) or set()
    )
    entry(shelf, f"{KAGGLE}, file: d/t.csv")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"t.csv": table}
    assert covcat("verify", "set").code == 0


def test_an_error_that_comes_with_status_200_is_no_zip(covcat, world, shelf) -> None:
    world.kaggle.add("some/set", {"a.png": DATA}, version="2")
    world.kaggle.soft_errors = True
    entry(shelf, "host: kaggle, dataset: some/set, version: '9', unpack: zip")
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code in (4, 7)
    assert "answered with JSON in place of the file" in ran.err


def test_an_address_that_expired_is_asked_for_anew(covcat, world, shelf) -> None:
    large = bytes(range(256)) * 20_000
    world.kaggle.add("some/set", {"a.bin": large}, version="2", bundle=zip_of({"a.bin": large}))
    world.links_work_once = True
    world.faults.cut("storage.googleapis.com", "/", after=5_000, times=1)
    entry(shelf, f"{KAGGLE}, unpack: zip")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"a.bin": large}


# ---- all ---------------------------------------------------------------------------------------


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
    import hashlib

    entry(shelf, f"{ZENODO}, sha256: {hashlib.sha256(DATA).hexdigest()}")
    assert here(covcat("fetch", "set", mirror=world.url)) == {"a.png": DATA}
    assert [one.path for one in world.requests] == ["/api/records/11/files/a.png/content"]


def test_offline_asks_no_api_either(covcat, world, shelf) -> None:
    entry(shelf, ZENODO)
    ran = covcat("fetch", "set", "--offline", mirror=world.url)
    assert ran.code == 4
    assert "because --offline is set" in ran.err
    assert not world.requests
