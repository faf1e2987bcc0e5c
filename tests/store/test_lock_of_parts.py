"""covcat.lock of a release that lacks files, or of a part: locked, checked and brought as it is."""

import json
from pathlib import Path

import pytest
from makers.archives import RAW, REPOSITORY, git_zip, zip_of
from makers.locks import DATA, LOCK, comes_again, elsewhere, locked
from makers.releases import release_of
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.server import Answer

from covcat.fetching import plan
from covcat.store import lockfile

FILES = DATA / "set/1/files"
SHORT = {path: data for path, data in REPOSITORY.items() if path != "images/one.png"}


@pytest.fixture
def short(covcat, shelf, server):
    """A pinned repository of which the host has lost a file: here, and locked."""
    shelf.add_repository()
    server.serve_repository(git_zip(SHORT))
    assert covcat("fetch", "set", "--allow-missing").code == 0
    assert covcat("lock").code == 0


def serve(server, files) -> None:
    server.serve_repository(git_zip(files))
    for path in REPOSITORY:
        server.serve(f"{RAW}/{path}", Answer(files[path]) if path in files else Answer(status=404))


def edit(change) -> None:
    tree = json.loads(LOCK.read_text())
    for one in tree["releases"]:
        change(one)
    LOCK.write_text(json.dumps(tree))


# ---- files that are missing --------------------------------------------------------------------


def test_a_release_that_lacks_files_is_locked_checked_and_brought_as_it_is(covcat, short) -> None:
    one = locked()["set@1"]
    assert (one["complete"], one["missing"], one["total_files"]) == (False, ["images/one.png"], 3)
    comes_again(covcat)
    assert tree_on_disk(FILES) == SHORT
    assert json.loads((FILES.parent / "manifest.json").read_text())["missing"] == one["missing"]
    assert "nothing to do" in covcat("fetch", "--locked").err


def test_what_its_host_has_again_is_left_out_and_told(covcat, short, server) -> None:
    server.serve_repository(git_zip(REPOSITORY))
    lock = LOCK.read_bytes()
    elsewhere()
    ran = covcat("fetch", "--locked")
    check_said(ran, 0, "1 file came that the lock does not name, and stayed out: `images/one.png`")
    assert tree_on_disk(FILES) == SHORT
    assert covcat("lock", "--check").code == 0
    covcat("lock")
    assert LOCK.read_bytes() == lock
    assert covcat("fetch", "set").code == 0  # without the lock all of it comes
    assert tree_on_disk(FILES) == REPOSITORY
    check_said(covcat("lock", "--check"), 5, "extra: files/images/one.png")


def test_a_folder_that_held_nothing_else_does_not_stay(covcat, shelf, server) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip({"README.md": REPOSITORY["README.md"]}))
    covcat("fetch", "set", "--allow-missing")
    covcat("lock")
    server.serve_repository(git_zip(REPOSITORY))
    elsewhere()
    assert covcat("fetch", "--locked").code == 0
    assert [one.name for one in FILES.iterdir()] == ["README.md"]


def test_a_file_that_is_lost_since_is_named_and_nothing_is_kept(covcat, short, server) -> None:
    less = {path: data for path, data in SHORT.items() if path != "README.md"}
    server.serve_repository(git_zip(less))
    elsewhere()
    check_said(covcat("fetch", "--locked"), 5, "missing: files/README.md")
    assert not (DATA / "set").exists()


@pytest.mark.parametrize("today", [SHORT, REPOSITORY], ids=["short", "whole"])
def test_what_a_person_brought_short_comes_from_its_host_as_short(
    covcat, shelf, server, today
) -> None:
    shelf.add_repository()
    Path("some.zip").write_bytes(zip_of(SHORT))
    assert covcat("import", "set", "some.zip", "--allow-missing").code == 0
    covcat("lock")
    assert locked()["set@1"]["missing"] == ["images/one.png"]
    assert covcat("lock", "--check").code == 0
    serve(server, today)
    elsewhere()
    assert covcat("fetch", "--locked").code == 0
    assert tree_on_disk(FILES) == SHORT
    assert covcat("lock", "--check").code == 0


def test_of_two_releases_one_is_short(covcat, short, shelf, server) -> None:
    shelf.add_web("table", "table.csv")
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,2\n"))
    covcat("fetch", "table")
    ran = covcat("lock")
    assert "set@1: 3 files" in ran.err
    assert "without 1 missing file" in ran.err
    assert "missing" not in locked()["table@1"]  # as before there were any
    comes_again(covcat)


def test_what_is_here_with_less_becomes_what_is_locked(covcat, short, server) -> None:
    elsewhere()
    server.serve_repository(git_zip({"README.md": REPOSITORY["README.md"]}))
    covcat("fetch", "set", "--allow-missing")
    assert covcat("lock", "--check").code == 5
    server.serve_repository(git_zip(SHORT))
    ran = covcat("fetch", "--locked", "--dry-run", "--json")
    assert ran.document["data"]["steps"][0]["reason"] == "here, but less than the lock names"
    assert covcat("fetch", "--locked").code == 0
    assert tree_on_disk(FILES) == SHORT
    assert covcat("lock", "--check").code == 0


def test_a_part_that_is_here_becomes_the_short_whole_that_is_locked(covcat, short, server) -> None:
    elsewhere()
    serve(server, SHORT)
    covcat("fetch", "set", "--include", "*.md")
    assert covcat("fetch", "--locked").code == 0
    assert tree_on_disk(FILES) == SHORT
    assert covcat("lock", "--check").code == 0


def test_more_than_is_locked_is_never_taken_away(covcat, short, server) -> None:
    server.serve_repository(git_zip(REPOSITORY))
    covcat("fetch", "set")
    ran = covcat("fetch", "--locked")
    check_said(ran, 5, "extra: files/images/one.png", "hint: covcat remove set@1")
    assert tree_on_disk(FILES) == REPOSITORY


def test_more_files_than_a_lock_names_may_lack_some_too(covcat, shelf, server, monkeypatch) -> None:
    monkeypatch.setattr(lockfile, "MOST_ROWS", 2)
    shelf.add_repository()
    server.serve_repository(git_zip(SHORT))
    covcat("fetch", "set", "--allow-missing")
    covcat("lock")
    assert (locked()["set@1"]["files"], locked()["set@1"]["missing"]) == ({}, ["images/one.png"])
    comes_again(covcat)
    server.serve_repository(git_zip(REPOSITORY))
    comes_again(covcat)


def test_a_lock_from_before_missing_files_had_names_still_holds(covcat, short, server) -> None:
    edit(lambda one: one.pop("missing"))
    assert covcat("lock", "--check").code == 0
    for files in (SHORT, REPOSITORY):
        server.serve_repository(git_zip(files))
        elsewhere()
        assert covcat("fetch", "--locked").code == 0
        assert tree_on_disk(FILES) == SHORT


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(complete=True),
        lambda one: one.update(missing=["README.md"]),
        lambda one: one.update(missing=[7]),
        lambda one: one.update(missing="images/one.png"),
    ],
    ids=["complete", "there-and-missing", "number", "text"],
)
def test_a_lock_that_contradicts_itself_is_refused(covcat, short, change) -> None:
    edit(change)
    for args in (["fetch", "--locked"], ["lock", "--check"]):
        check_said(covcat(*args), 5, "the lock `covcat.lock` is damaged")


def test_names_of_missing_files_that_were_edited_are_told(covcat, short) -> None:
    text = LOCK.read_text()
    edit(lambda one: one["files"].pop("files/images/two.png"))
    edit(lambda one: one.update(missing=["images/two.png"]))
    assert covcat("lock", "--check").code == 5  # its digest of all files shows that one
    LOCK.write_text(text)
    edit(lambda one: one["missing"].append("../../etc/passwd"))
    check_said(covcat("lock", "--check"), 5, "no longer missing: ../../etc/passwd")
    elsewhere()
    assert (covcat("fetch", "--locked").code, FILES.exists()) == (5, False)


def test_cite_reads_a_lock_of_less_than_everything(covcat, short) -> None:
    ran = covcat("cite", "--from", "covcat.lock")
    assert ran.code == 0
    assert ran.out.startswith("@misc{set,")


# ---- parts -------------------------------------------------------------------------------------

PARTS = {
    "include": ["--include", "images/*"],
    "exclude": ["--exclude", "*.sh", "--exclude", "images/two*"],
    "sample": ["--sample", "2"],
    "sample-of-a-glob": ["--include", "images/*", "--sample", "1"],
}


@pytest.mark.parametrize("few", [100, 0], ids=["by-file", "by-archive"])
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.large
def test_a_part_is_locked_and_comes_again_as_it_is(
    covcat, shelf, server, monkeypatch, part: list[str], few: int
) -> None:
    monkeypatch.setattr(plan, "FEW", few)
    shelf.add_repository()
    serve(server, REPOSITORY)
    assert covcat("fetch", "set", *part).code == 0
    covcat("lock")
    comes_again(covcat)


@pytest.mark.parametrize("few", [100, 0], ids=["by-file", "by-archive"])
def test_a_part_that_lacks_files_comes_again_though_its_host_has_them(
    covcat, shelf, server, monkeypatch, few: int
) -> None:
    monkeypatch.setattr(plan, "FEW", 0)
    shelf.add_repository()
    serve(server, SHORT)
    assert covcat("fetch", "set", "--include", "images/*", "--allow-missing").code == 0
    assert tree_on_disk(FILES) == {"images/two.png": REPOSITORY["images/two.png"]}
    covcat("lock")
    assert locked()["set@1"]["missing"] == ["images/one.png"]
    monkeypatch.setattr(plan, "FEW", few)
    serve(server, REPOSITORY)
    elsewhere()
    ran = covcat("fetch", "--locked")
    assert ran.code == 0, ran.err
    assert tree_on_disk(FILES) == {"images/two.png": REPOSITORY["images/two.png"]}
    assert covcat("lock", "--check").code == 0
    assert "`images/one.png`" in ran.err


# ---- a set that its host lists -----------------------------------------------------------------

DOI = "doi:10.7910/DVN/ABCDEF"
HOST = "host: dataverse, server: 'https://dataverse.harvard.edu', doi: 10.7910/DVN/ABCDEF"
SET = release_of(f"{HOST}, unpack: zip", id="latest")
SERVED = {
    "P1.zip": zip_of({"one.png": b"\x89PNG one"}),
    "P2.zip": zip_of({"two.png": b"\x89PNG two"}),
    "labels.csv": b"id,label\n1,covid\n",
}


def test_an_archive_that_a_person_did_not_bring_is_not_asked_for(covcat, shelf, world) -> None:
    shelf.add("set", SET)
    world.dataverse.add(DOI, SERVED)
    Path("mine").mkdir()
    for name in ("P1.zip", "labels.csv"):
        Path("mine", name).write_bytes(SERVED[name])
    assert covcat("import", "set", "mine", "--allow-missing", mirror=world.url).code == 0
    covcat("lock")
    assert locked()["set@latest"]["missing"] == ["P2.zip"]
    before = tree_on_disk(DATA / "set/latest/files")
    assert covcat("lock", "--check").code == 0
    elsewhere()
    ran = covcat("fetch", "--locked", mirror=world.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(DATA / "set/latest/files") == before
    assert "not asked for, as it is not locked: `P2.zip`" in ran.err
    assert covcat("lock", "--check").code == 0


@pytest.mark.parametrize("is_back", [False, True])
def test_an_archive_that_its_host_had_lost_stays_out(covcat, shelf, world, is_back: bool) -> None:
    shelf.add("set", SET)
    ids = world.dataverse.add(DOI, SERVED)
    path = f"/api/access/datafile/{ids['P2.zip']}"
    world.faults.answer("dataverse.harvard.edu", path, 404, times=1 if is_back else 9)
    assert covcat("fetch", "set", "--allow-missing", mirror=world.url).code == 0
    covcat("lock")
    assert locked()["set@latest"]["missing"] == ["P2.zip"]
    comes_again(covcat, mirror=world.url)


@pytest.mark.parametrize(
    "part", [["--include", "*.zip"], ["--exclude", "labels.csv"], ["--sample", "2"]]
)
def test_a_part_of_a_set_that_grew_comes_again_as_it_was(covcat, shelf, world, part) -> None:
    shelf.add("set", SET)
    world.dataverse.add(DOI, SERVED)
    assert covcat("fetch", "set", *part, mirror=world.url).code == 0
    covcat("lock")
    comes_again(covcat, mirror=world.url)
    before = tree_on_disk(DATA / "set/latest/files")
    more = {f"P{n}.zip": zip_of({"x.png": b"\x89PNG %d" % n}) for n in range(3, 12)}
    world.dataverse.add(DOI, {**SERVED, **more})
    elsewhere()
    ran = covcat("fetch", "--locked", mirror=world.url)
    assert ran.code == 0, ran.err
    assert tree_on_disk(DATA / "set/latest/files") == before
    assert ("not asked for, as it is not locked: `P" in ran.err) or "--sample" in part
    assert covcat("lock", "--check", mirror=world.url).code == 0
