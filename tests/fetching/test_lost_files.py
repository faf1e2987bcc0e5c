"""Of several files, those that a host has lost or refuses: named, and the rest kept if allowed."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Shelf
from makers.archives import REPOSITORY, git_zip, zip_of
from makers.releases import git_rows, release_of
from makers.runs import tree_on_disk
from makers.said import check_said, record
from servers.hosts import Reply, World

from covcat.catalog import listing

DOI = "10.7910/DVN/AAAAAA"
DATAVERSE = f"host: dataverse, server: 'https://dataverse.harvard.edu', doi: {DOI}"
SET = {
    "a/P1.zip": zip_of({"1.png": b"1"}),
    "b/P2.zip": zip_of({"1.png": b"2"}),
    "notes.txt": b"n",
}
KEPT = {"a/P1/1.png": b"1", "notes.txt": b"n"}
WORDS = {401: "a login is asked for", 403: "access is refused", 404: "is gone", 410: "is gone"}
CODES = {401: 7, 403: 7, 404: 4, 410: 4, 451: 7}


@dataclass
class Case:
    """A release `set@1` of several files, and the address at which one of them is."""

    world: World
    shelf: Shelf
    url: str
    lost: str = "b/P2.zip"

    def entry(self, *files: str) -> None:
        self.shelf.add("set", release_of(*files))

    def lose(self, status: int = 404) -> None:
        self.world.web.answer(self.url, Reply(status, [], b""))

    def find(self) -> None:
        self.world.web._answers.clear()


def files() -> dict[str, bytes]:
    return tree_on_disk(Path("covcat-data/set/1/files"))


@pytest.fixture
def case(world: World, shelf: Shelf) -> Case:
    """A set of a Dataverse."""
    ids = world.dataverse.add(DOI, SET)
    found = Case(
        world, shelf, f"https://dataverse.harvard.edu/api/access/datafile/{ids['b/P2.zip']}"
    )
    found.entry(f"{DATAVERSE}, unpack: zip")
    return found


@pytest.mark.parametrize("status", list(CODES))
def test_what_is_lost_of_a_set_is_named_by_its_path_and_the_rest_waits(
    covcat, case: Case, status: int
) -> None:
    case.lose(status)
    ran = covcat("fetch", "set", mirror=case.world.url)
    assert (ran.code, ran.out) == (CODES[status], "")
    assert f"error: `b/P2.zip`: `{case.world.url}/" in ran.err
    assert WORDS.get(status, "legal reasons") in ran.err
    assert "here and not asked for again: 2 of 3 files" in ran.err
    assert "covcat fetch set@1 --allow-missing keeps what did come" in ran.err
    assert ("covcat import set@1 FILE…" in ran.err) == (CODES[status] == 7)
    assert not Path("covcat-data/set/1").exists()


@pytest.mark.parametrize("status", list(CODES))
@pytest.mark.large
def test_the_rest_is_kept_where_that_is_allowed_and_only_the_lost_is_asked_for_again(
    covcat, case: Case, status: int
) -> None:
    case.lose(status)
    ran = covcat("fetch", "set", "--allow-missing", mirror=case.world.url)
    check_said(ran, 0, "set@1: missing, as allowed: `b/P2.zip`: ")
    assert files() == KEPT
    assert (record()["complete"], record()["missing"]) == (False, ["b/P2.zip"])
    (here,) = json.loads(covcat("status", "--json").out)["data"]["here"]
    assert here["state"] == "1 file missing"
    assert "missing: files/b/P2.zip" in covcat("verify", "set").err
    again = covcat("fetch", "set", "--allow-missing", mirror=case.world.url)
    assert (again.code, "here, incomplete as allowed" in again.err) == (0, True)

    before = len(case.world.requests)
    ran = covcat("fetch", "set", mirror=case.world.url)
    assert (ran.code, "`b/P2.zip`: " in ran.err) == (CODES[status], True)
    assert files() == KEPT
    case.find()
    assert covcat("fetch", "set", mirror=case.world.url).code == 0
    asked = {one.path for one in case.world.requests[before:] if "/datafile/" in one.path}
    assert asked == {case.url.removeprefix("https://dataverse.harvard.edu")}
    assert files() == {**KEPT, "b/P2/1.png": b"2"}
    assert (record()["complete"], record()["missing"]) == (True, [])


def test_trouble_with_the_network_is_no_loss(covcat, case: Case) -> None:
    case.lose(500)
    ran = covcat("fetch", "set", "--allow-missing", "--retries", "1", mirror=case.world.url)
    assert (ran.code, "`b/P2.zip`: " in ran.err) == (4, True)
    assert "--allow-missing keeps" not in ran.err
    assert not Path("covcat-data/set/1").exists()
    assert "here and not asked for again: 2 of 3 files" in ran.err


def test_a_loss_beside_trouble_with_the_network_is_not_allowed_yet(covcat, case: Case) -> None:
    case.lose(404)
    case.entry(
        f"{DATAVERSE}, unpack: zip", "host: web, name: w.txt, url: 'https://x.example/w.txt'"
    )
    case.world.web.answer("https://x.example/w.txt", Reply(503, [], b""))
    ran = covcat("fetch", "set", "--allow-missing", "--retries", "0", mirror=case.world.url)
    check_said(ran, 4, "2 of 4 files of `set@1` did not come")
    assert not Path("covcat-data/set/1").exists()


def test_a_challenge_for_browsers_is_no_loss(covcat, case: Case) -> None:
    case.world.web.challenge(case.url)
    ran = covcat("fetch", "set", "--allow-missing", mirror=case.world.url)
    assert (ran.code, Path("covcat-data/set/1").exists()) == (7, False)


def test_a_lost_file_can_be_left_out_by_the_name_that_is_said(covcat, case: Case) -> None:
    case.lose()
    assert covcat("fetch", "set", "--exclude", "b/P2.zip", mirror=case.world.url).code == 0
    assert files() == KEPT


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("more", [[], ["--allow-missing"]], ids=["", "allowed"])
def test_where_nothing_comes_there_is_no_release(
    covcat, shelf: Shelf, world: World, more: list[str], status: int
) -> None:
    for names in (["a.bin"], ["a.bin", "b.bin"]):
        case = Case(world, shelf, "")
        case.entry(*(f"host: web, name: {one}, url: 'https://x.example/{one}'" for one in names))
        for one in names:
            world.web.answer(f"https://x.example/{one}", Reply(status, [], b""))
        ran = covcat("fetch", "set", *more, mirror=world.url)
        assert (ran.code, ran.out) == (CODES[status], "")
        assert "--allow-missing keeps" not in ran.err
        assert not Path("covcat-data/set").exists()


def test_a_part_of_which_nothing_comes_is_no_release(covcat, case: Case) -> None:
    case.lose()
    ran = covcat("fetch", "set", "--include", "b/*", "--allow-missing", mirror=case.world.url)
    assert (ran.code, Path("covcat-data/set/1").exists()) == (4, False)


# ---- other hosts -------------------------------------------------------------------------------


def web(case: Case) -> None:
    for name, data in SET.items():
        case.world.web.add(f"https://x.example/{name}", data)
    case.entry(
        "host: web, name: P1.zip, url: 'https://x.example/a/P1.zip', unpack: zip, into: a/P1/",
        "host: web, name: P2.zip, url: 'https://x.example/b/P2.zip', unpack: zip, into: b/P2/",
        "host: web, name: notes.txt, url: 'https://x.example/notes.txt'",
    )
    case.url, case.lost = "https://x.example/b/P2.zip", "b/P2/P2.zip"


def zenodo(case: Case) -> None:
    case.world.zenodo.add("7", {name.rpartition("/")[2]: data for name, data in SET.items()})
    case.entry(
        "host: zenodo, record: '7', name: P1.zip, unpack: zip, into: a/P1/",
        "host: zenodo, record: '7', name: P2.zip, unpack: zip, into: b/P2/",
        "host: zenodo, record: '7', name: notes.txt",
    )
    case.url, case.lost = "https://zenodo.org/api/records/7/files/P2.zip/content", "b/P2/P2.zip"


def figshare(case: Case) -> None:
    named = zip(("11", "12", "13"), SET.items(), strict=True)
    case.world.figshare.add(
        "9", {id: (name.rpartition("/")[2], data) for id, (name, data) in named}
    )
    case.entry(
        "host: figshare, article: '9', version: '1', file: '11', name: P1.zip, unpack: zip, into: a/P1/",
        "host: figshare, article: '9', version: '1', file: '12', name: P2.zip, unpack: zip, into: b/P2/",
        "host: figshare, article: '9', version: '1', file: '13', name: notes.txt",
    )
    case.url, case.lost = "https://ndownloader.figshare.com/files/12", "b/P2/P2.zip"


def mendeley(case: Case) -> None:
    id = case.world.mendeley.add("abcdef123", SET)["b/P2.zip"]
    case.entry("host: mendeley, dataset: abcdef123, version: '1', unpack: zip")
    place = "https://data.mendeley.com/public-files/datasets/abcdef123/files"
    case.url, case.lost = f"{place}/{id}/file_downloaded", "b/P2.zip"


@pytest.mark.parametrize("host", [web, zenodo, figshare, mendeley])
@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.large
def test_one_file_of_any_host_may_be_lost(
    covcat, shelf: Shelf, world: World, host, status: int
) -> None:
    case = Case(world, shelf, "")
    host(case)
    case.lose(status)
    ran = covcat("fetch", "set", mirror=world.url)
    assert (ran.code, f"error: `{case.lost}`: " in ran.err) == (CODES[status], True)
    assert covcat("fetch", "set", "--allow-missing", mirror=world.url).code == 0
    assert files() == KEPT
    assert record()["missing"] == [case.lost]


def test_a_file_that_its_host_does_not_list_any_more_is_lost_too(
    covcat, shelf: Shelf, world: World
) -> None:
    case = Case(world, shelf, "")
    zenodo(case)
    world.zenodo.add("7", {"P1.zip": SET["a/P1.zip"], "notes.txt": b"n"})
    ran = covcat("fetch", "set", mirror=world.url)
    assert (ran.code, "error: `b/P2/P2.zip`: Zenodo's record 7 has no file" in ran.err) == (4, True)
    assert "here and not asked for again: 2 of 3 files" in ran.err
    assert covcat("fetch", "set", "--allow-missing", mirror=world.url).code == 0
    assert (files(), record()["missing"]) == (KEPT, ["b/P2/P2.zip"])


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_file_of_a_repository_may_be_lost_where_they_come_one_by_one(
    covcat, shelf: Shelf, world: World, is_listed: bool
) -> None:
    commit, case = "a" * 40, Case(world, shelf, "")
    tree = world.github.add("test/set", commit, REPOSITORY)
    case.entry(f"host: github, repository: test/set, commit: {commit}, tree: {tree}, unpack: zip")
    if is_listed:
        (shelf.folder / "listings").mkdir()
        listing.write(shelf.folder / "listings/set@1.tsv.gz", git_rows(REPOSITORY))
        entry = shelf.folder / "set.yaml"
        total = sum(map(len, REPOSITORY.values()))
        contents = f"contents: {{files: {len(REPOSITORY)}, bytes: {total}}}"
        more = f"    listing: listings/set@1.tsv.gz\n    {contents}\n"
        entry.write_text(entry.read_text() + more)
    case.url = f"https://raw.githubusercontent.com/test/set/{commit}/images/one.png"
    case.lose()
    assert covcat("fetch", "set", "--by-file", "--allow-missing", mirror=world.url).code == 0
    assert files().keys() == REPOSITORY.keys() - {"images/one.png"}
    assert record()["missing"] == ["images/one.png"]
    case.find()
    assert covcat("fetch", "set", mirror=world.url).code == 0
    assert {one["verified_by"] for one in record()["downloads"]} == {"git-tree"}


def test_a_content_that_git_lfs_lost_is_missing_and_not_its_pointer(
    covcat, shelf: Shelf, world: World
) -> None:
    case, world.github.lfs_header = Case(world, shelf, ""), {}
    world.github.add("test/set", "b" * 40, {"a.bin": b"a" * 500, "b.txt": b"b"}, lfs=["a.bin"])
    case.entry("host: github, repository: test/set, branch: master, unpack: zip")
    answer = {"objects": [{"oid": "0" * 64, "size": 500, "error": {"code": 404, "message": "no"}}]}
    case.url = "https://github.com/test/set.git/info/lfs/objects/batch"
    world.web.answer(case.url, Reply(200, [], json.dumps(answer).encode()))
    check_said(covcat("fetch", "set", mirror=world.url), 4, "`a.bin`")
    assert covcat("fetch", "set", "--allow-missing", mirror=world.url).code == 0
    assert (files(), record()["missing"]) == ({"b.txt": b"b"}, ["a.bin"])
    case.find()
    assert covcat("fetch", "set", mirror=world.url).code == 0
    assert files() == {"a.bin": b"a" * 500, "b.txt": b"b"}


def test_what_is_here_is_not_lost_with_what_its_host_lost(covcat, case: Case) -> None:
    assert covcat("fetch", "set", mirror=case.world.url).code == 0
    case.lose()
    ran = covcat("fetch", "set", "--allow-missing", "--keep-archives", mirror=case.world.url)
    assert (ran.code, "lacks 1 file of what is here" in ran.err) == (5, True)
    assert files() == {**KEPT, "b/P2/1.png": b"2"}


# ---- of what is listed, some is not in the archive ---------------------------------------------

TWO = "images/two.png"


@pytest.fixture
def lacking(covcat, offered, server):
    """Run covcat on a repository whose archive lacks a file of its listing."""
    server.serve_repository(git_zip({k: v for k, v in REPOSITORY.items() if k != TWO}))
    ran = covcat("fetch", "set")
    check_said(ran, 5, "covcat fetch set@1 --allow-missing keeps what did come", TWO)
    server.requests.clear()
    return covcat


def waits() -> list[Path]:
    return [*Path("covcat-data/.covcat/partial/set@1").glob("*/*")]


def test_an_archive_that_lacks_files_waits_and_is_kept_without_asking_again(
    lacking, server
) -> None:
    assert not Path("covcat-data/set").exists()
    ran = lacking("fetch", "set", "--allow-missing")
    check_said(ran, 0, "is here from an earlier run", "1 file missing, as allowed")
    assert server.requests == []
    assert files().keys() == REPOSITORY.keys() - {TWO}
    assert record()["missing"] == [TWO]
    assert waits() == []


def test_without_leave_to_lack_it_is_asked_for_anew_and_only_one_of_it_waits(
    lacking, server
) -> None:
    assert (lacking("fetch", "set").code, len(server.requests)) == (5, 1)
    assert len(waits()) == 1
    server.serve_repository(git_zip(REPOSITORY))
    assert lacking("fetch", "set").code == 0
    assert files() == REPOSITORY


def test_what_waits_and_lacks_is_not_kept_once_it_was_changed(lacking, server) -> None:
    (kept,) = waits()
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert lacking("fetch", "set", "--allow-missing").code == 0
    assert len(server.requests) == 1


def test_what_is_wrong_does_not_wait(covcat, offered, server) -> None:
    server.serve_repository(git_zip({"README.md": b"another"}))
    assert covcat("fetch", "set").code == 5
    assert waits() == []
