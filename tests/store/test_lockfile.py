"""covcat.lock: pin what is here, get exactly that elsewhere, and tell drift."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from makers.archives import REPOSITORY
from makers.locks import DATA, LOCK, comes_again, elsewhere, locked
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.server import Answer

from covcat.store import lockfile
from covcat.store.folder import Store


@pytest.fixture
def fetched(covcat, offered, shelf, server):
    """A pinned repository and a file that nobody pins, both here."""
    shelf.add_web("table", "table.csv")
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,2\n"))
    assert covcat("fetch", "set", "table").code == 0


# ---- lock --------------------------------------------------------------------------------------


def test_a_lock_names_releases_downloads_and_every_file_in_its_own_line(covcat, fetched) -> None:
    ran = covcat("lock")
    assert (ran.code, ran.out) == (0, "covcat.lock\n")
    one = locked()["set@1"]
    assert one["files"] == {
        f"files/{path}": hashlib.sha256(data).hexdigest() for path, data in REPOSITORY.items()
    }
    lines = (DATA / "set/1/SHA256SUMS").read_bytes()
    assert one["files_sha256"] == hashlib.sha256(lines).hexdigest()
    assert (one["license"], one["form"], one["complete"]) == ("CC-BY-4.0", "files", True)
    (download,) = one["downloads"]
    assert download["verified_by"] == "git-tree"
    assert "tree" in download
    assert "sha256" not in download  # the archive is packed anew at each request
    (plain,) = locked()["table@1"]["downloads"]
    assert plain["url"] == "https://data.example.org/table.csv"
    assert plain["verified_by"] == "first-use"
    for path in REPOSITORY:  # a line for each file, and sorted keys
        assert sum(f'"files/{path}"' in line for line in LOCK.read_text().splitlines()) == 1
    assert list(one) == sorted(one)


def test_the_same_state_gives_the_same_bytes_wherever_it_was_fetched_and_is_no_drift(
    covcat, fetched
) -> None:
    covcat("lock")
    first = LOCK.read_bytes()
    covcat("lock")
    assert LOCK.read_bytes() == first
    checked = covcat("lock", "--check")
    assert (checked.code, checked.out) == (0, "")
    assert "2 releases as `covcat.lock` names them" in checked.err
    comes_again(covcat)


def test_a_named_release_alone_is_replaced_and_the_others_stay(covcat, fetched) -> None:
    covcat("lock")
    before = locked()
    shutil.rmtree(DATA / "table")
    ran = covcat("lock", "set")
    assert locked() == before
    assert "table@1 as before" in ran.err
    ran = covcat("lock")
    assert "table@1 no longer in it: not here" in ran.err
    assert list(locked()) == ["set@1"]


def test_what_is_not_here_is_not_locked(covcat, fetched) -> None:
    ran = covcat("lock", "figure1")
    assert (ran.code, LOCK.exists()) == (3, False)
    assert "hint: covcat fetch figure1" in ran.err
    elsewhere()
    assert covcat("lock").code == 3


def test_a_file_that_is_no_lock_is_not_overwritten(covcat, fetched) -> None:
    Path("notes.txt").write_text("mine")
    assert covcat("lock", "--output", "notes.txt").code == 5
    assert Path("notes.txt").read_text() == "mine"


def test_a_file_that_is_no_lock_is_written_over_by_force(covcat, fetched) -> None:
    Path("covcat.lock").write_text("mine")
    refused = covcat("lock")
    assert (refused.code, "covcat lock --force" in refused.err) == (5, True)
    assert covcat("lock", "--force").code == 0
    assert covcat("lock", "--check").code == 0


def test_a_lock_that_cannot_be_written_leaves_the_old_one(covcat, fetched, monkeypatch) -> None:
    covcat("lock", "table")
    before = LOCK.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert covcat("lock").code == 8
    assert LOCK.read_bytes() == before
    assert not list(Path().glob(".covcat.lock*"))


# ---- fetch --locked ----------------------------------------------------------------------------


def test_ids_and_a_lock_of_another_name_may_be_given(covcat, fetched) -> None:
    covcat("lock", "-o", "paper.lock")
    elsewhere()
    assert covcat("fetch", "--locked", "paper.lock", "table").code == 0
    assert not (DATA / "set").exists()
    assert covcat("fetch", "--locked", "./paper.lock", "figure1").code == 3
    assert covcat("fetch", "--locked").code == 3


def test_a_changed_upstream_is_refused_by_name_and_nothing_is_published(
    covcat, fetched, server
) -> None:
    covcat("lock")
    elsewhere()
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,3\n"))
    ran = covcat("fetch", "--locked", "table")
    assert ran.code == 5
    old, new = (hashlib.sha256(data).hexdigest() for data in (b"a,b\n1,2\n", b"a,b\n1,3\n"))
    assert f"changed: files/table.csv: sha256 expected {old}, got {new}" in ran.err
    assert not (DATA / "table").exists()
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,2\n"))  # what waited is dropped
    assert covcat("fetch", "--locked", "table").code == 0


def test_what_is_here_and_differs_is_refused_without_a_request(covcat, fetched, server) -> None:
    covcat("lock")
    elsewhere()
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,3\n"))
    covcat("fetch", "table")
    asked = len(server.requests)
    ran = covcat("fetch", "--locked", "table")
    assert (ran.code, len(server.requests)) == (5, asked)
    assert "hint: covcat remove table@1" in ran.err
    assert "changed: files/table.csv" in ran.err
    assert (DATA / "table/1/files/table.csv").read_bytes() == b"a,b\n1,3\n"


def test_what_another_process_brought_meanwhile_must_be_what_is_locked(
    covcat, fetched, server, monkeypatch
) -> None:
    covcat("lock")
    elsewhere()
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,3\n"))
    covcat("fetch", "table")
    DATA.rename("brought")
    take = Store.lock

    def lock(store: Store, name: str, *more):
        if name == "table@1":
            shutil.copytree("brought/table", DATA / "table")
        return take(store, name, *more)

    monkeypatch.setattr(Store, "lock", lock)
    ran = covcat("fetch", "--locked", "table")
    assert (ran.code, ran.out) == (5, "")
    assert "changed: files/table.csv" in ran.err


@pytest.mark.large
def test_releases_of_many_hosts_come_again_as_they_were(covcat, stock) -> None:
    names = ["cohen", "covid-ct", "mashhad", "medseg", "kermany"]
    assert covcat("fetch", *names, *stock.options, mirror=None).code == 0
    covcat("lock", *stock.options, mirror=None)
    other = [*stock.options, "--data-dir", "other"]
    assert covcat("fetch", "--locked", *other, mirror=None).code == 0
    covcat("lock", "-o", "other.lock", *other, mirror=None)
    assert Path("other.lock").read_bytes() == LOCK.read_bytes()
    for name in names:
        assert tree_on_disk(Path("other", name)).keys() == tree_on_disk(DATA / name).keys()


def test_parts_of_a_release_are_locked_together(covcat, offered) -> None:
    assert covcat("fetch", "set", "--include", "images/one*").code == 0
    assert covcat("fetch", "set", "--include", "*.md").code == 0
    covcat("lock")
    elsewhere()
    assert covcat("fetch", "--locked").code == 0
    assert sorted(tree_on_disk(DATA / "set/1/files")) == ["README.md", "images/one.png"]
    assert covcat("lock", "--check").code == 0
    assert "nothing to do" in covcat("fetch", "--locked").err
    assert covcat("fetch", "set").code == 0
    ran = covcat("fetch", "--locked")  # more is here than the lock names
    check_said(ran, 5, "extra: files/images/two.png")


def test_a_part_that_is_here_grows_to_the_whole_that_is_locked(covcat, fetched) -> None:
    covcat("lock")
    elsewhere()
    assert covcat("fetch", "set", "--include", "*.md").code == 0
    assert covcat("fetch", "--locked", "set").code == 0
    assert tree_on_disk(DATA / "set/1/files") == REPOSITORY


def test_locked_archives_stay_archives(covcat, offered) -> None:
    assert covcat("fetch", "set", "--no-extract").code == 0
    covcat("lock")
    assert next(iter(locked()["set@1"]["files"])).startswith("archives/")
    elsewhere()
    assert covcat("fetch", "--locked").code == 0
    assert not (DATA / "set/1/files").exists()
    assert covcat("fetch", "set").code == 0
    assert covcat("fetch", "--locked").code == 5


@pytest.mark.parametrize(
    "more", [["--all"], ["--include", "*"], ["--no-extract"], ["--allow-missing"], ["--sample=1"]]
)
def test_nothing_else_than_the_lock_can_be_asked_for(covcat, fetched, more) -> None:
    covcat("lock")
    check_said(covcat("fetch", "--locked", *more), 2, "leave out")


def test_a_dry_run_of_a_locked_fetch_says_what_it_would_do(covcat, fetched) -> None:
    covcat("lock")
    shutil.rmtree(DATA / "table")
    ran = covcat("fetch", "--locked", "--dry-run", "--json")
    steps = {one["id"]: one["action"] for one in ran.document["data"]["steps"]}
    assert steps == {"set@1": "keep", "table@1": "fetch"}


def test_a_catalog_that_pins_something_else_is_refused_before_anything_is_asked(
    covcat, fetched, shelf, server
) -> None:
    covcat("lock")
    elsewhere()
    Path("covcat-data").mkdir()
    shelf.add_repository(files={**REPOSITORY, "README.md": b"# another\n"})
    asked = len(server.requests)
    for args in (["fetch", "--locked"], ["lock", "--check"]):
        ran = covcat(*args)
        assert (ran.code, len(server.requests)) == (5, asked)
        assert "files/README.md: sha256 expected" in ran.err
        assert "git tree expected" in ran.err
    more = {path: data for path, data in REPOSITORY.items() if path != "README.md"}
    shelf.add_repository(files={**more, "new.txt": b"new"})
    ran = covcat("lock", "--check")
    assert "catalog: files/README.md: not in the catalog's listing" in ran.err
    assert "catalog: files/new.txt: in the catalog's listing, not in the lock" in ran.err
    (shelf.folder / "set.yaml").unlink()
    ran = covcat("fetch", "--locked")
    check_said(ran, 3, "the lock names `set@1`, which the catalog does not have")


def test_more_files_than_a_lock_lists_are_pinned_by_their_digest(
    covcat, fetched, server, monkeypatch
) -> None:
    monkeypatch.setattr(lockfile, "MOST_ROWS", 3)
    ran = covcat("lock")
    assert "pinned by one digest" in ran.err
    assert locked()["set@1"]["files"] == {}
    assert covcat("lock", "--check").code == 0
    elsewhere()
    assert covcat("fetch", "--locked").code == 0


# ---- lock --check ------------------------------------------------------------------------------


def test_each_kind_of_drift_is_named(covcat, fetched, shelf, server) -> None:
    covcat("lock")
    (DATA / "set/1/files/README.md").unlink()
    (DATA / "set/1/files/mine.txt").write_text("mine")
    (DATA / "table").rename(DATA / "gone")
    shelf.add_web("other", "other.csv")
    server.serve("/data.example.org/other.csv", Answer(b"x\n"))
    shutil.rmtree(DATA / "gone")
    covcat("fetch", "other")
    ran = covcat("lock", "--check", "--json")
    assert ran.code == 5
    drift = {(one["id"], one["kind"], one["what"]) for one in ran.document["data"]["drift"]}
    assert drift == {
        ("set@1", "files", "missing: files/README.md"),
        ("set@1", "files", "extra: files/mine.txt"),
        ("table@1", "missing", "not here"),
        ("other@1", "extra", "here, and not in the lock"),
    }
    assert covcat("lock", "--check", "table").code == 5


def test_a_release_that_was_fetched_anew_with_other_files_is_drift(covcat, fetched, server) -> None:
    covcat("lock")
    shutil.rmtree(DATA / "table")
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,3\n"))
    covcat("fetch", "table")
    ran = covcat("lock", "--check")
    check_said(ran, 5, "table@1: files: changed: files/table.csv: sha256 expected")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"covcat.lock/1"', '"covcat.lock/2"'),
        ('"form": "files"', '"form": "film"'),
        ('"files/table.csv": "', '"files/table.csv": "0'),
        ('"files/table.csv"', '"files/../../table.csv"'),
        ('"total_files": 1', '"total_files": 2'),
        ('"id": "table"', '"id": "../table"'),
        ('"id": "table"', '"id": "set"'),
        ('"selection": []', '"selection": ["--evil"]'),
        ('"entry": 0', '"entry": -1'),
        ("{", "{{"),
        ("{", "[" * 100_000),
    ],
)
def test_an_edited_lock_is_refused(covcat, fetched, old, new) -> None:
    covcat("lock")
    text = LOCK.read_text()
    assert old in text
    LOCK.write_text(text.replace(old, new))
    for args in (["fetch", "--locked"], ["lock", "--check"]):
        check_said(covcat(*args), 5, "covcat.lock")


def test_a_missing_lock_says_how_to_make_one(covcat, fetched) -> None:
    for args in (["fetch", "--locked"], ["lock", "--check"]):
        check_said(covcat(*args), 3, "hint: covcat lock\n")
