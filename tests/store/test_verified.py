"""What a release may lack, and when it was verified: --known-missing, verified.json, status."""

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from makers.archives import REPOSITORY, git_zip, zip_of
from makers.said import check_said, record
from servers.server import Answer

from covcat.store import verified

DATA = Path("covcat-data")
RELEASE = DATA / "set/1"
NOTE = RELEASE / "verified.json"
LACKING = "images/two.png"


@pytest.fixture
def lacking(covcat, shelf, server):
    """Run covcat on a pinned release whose host has lost a file."""
    shelf.add_repository()
    server.serve_repository(git_zip({k: v for k, v in REPOSITORY.items() if k != LACKING}))
    assert covcat("fetch", "set", "--allow-missing").code == 0
    assert record()["missing"] == [LACKING]
    return covcat


@pytest.fixture
def whole(covcat, offered):
    """Run covcat on a whole release."""
    assert covcat("fetch", "set").code == 0
    return covcat


def row_of(covcat) -> dict:
    (row,) = covcat("status", "--json").document["data"]["here"]
    return row


# ---- known to be missing -----------------------------------------------------------------------


def test_what_the_manifest_says_is_missing_is_damage_until_that_is_accepted(lacking) -> None:
    ran = lacking("verify")
    check_said(ran, 5, f"  set@1: missing: files/{LACKING}\n", "verify set@1 --known-missing")
    for way in ([], ["--quick"], ["--repair"]):
        ran = lacking("verify", "--known-missing", *way)
        check_said(ran, 0, "3 files as recorded", "; 1 file missing, as its manifest says\n")
    (row,) = lacking("verify", "--known-missing", "--json").document["data"]["verified"]
    assert (row["ok"], row["complete"], row["missing"]) == (True, False, [])
    assert row["known_missing"] == [f"files/{LACKING}"]


HARM = {
    "another is missing": (lambda: (RELEASE / "files/README.md").unlink(), "missing: files/READ"),
    "another was changed": (
        lambda: (RELEASE / "files/README.md").write_bytes(b"x"),
        "changed: files/README.md: bytes expected 25",
    ),
    "it is here with other bytes": (
        lambda: (RELEASE / "files" / LACKING).write_bytes(b"other"),
        f"changed: files/{LACKING}: not as the catalog lists it",
    ),
    "it is a link": (
        lambda: (RELEASE / "files" / LACKING).symlink_to("one.png"),
        f"changed: files/{LACKING}: not as the catalog lists it",
    ),
    "a stranger is here": (
        lambda: (RELEASE / "files/mine.txt").write_text("mine"),
        "extra: files/mine.txt",
    ),
}


@pytest.mark.parametrize(("harm", "said"), HARM.values(), ids=HARM)
def test_no_more_is_accepted_than_is_known_to_be_missing(lacking, harm, said: str) -> None:
    harm()
    for way in ([], ["--quick"]):
        ran = lacking("verify", "--known-missing", *way)
        check_said(ran, 5, f"  set@1: {said}")
        assert ran.err.count("  set@1: ") == 1


def test_a_further_missing_file_is_mended_by_what_the_hint_says(lacking) -> None:
    (RELEASE / "files/README.md").unlink()
    ran = lacking("verify", "--known-missing")
    check_said(ran, 5, "hint: covcat verify set@1 --repair --known-missing\n")
    assert LACKING not in ran.err
    ran = lacking("verify", "set@1", "--repair", "--known-missing")
    check_said(ran, 0, "repaired files/README.md", "; 1 file missing, as its manifest says")


def test_a_manifest_that_calls_a_recorded_file_missing_is_believed_by_nobody(whole) -> None:
    path = RELEASE / "manifest.json"
    tree = {**record(), "complete": False, "missing": [LACKING]}
    path.write_text(json.dumps(tree))
    (RELEASE / "files" / LACKING).unlink()
    ran = whole("verify", "--known-missing")
    check_said(ran, 5, f"it names `files/{LACKING}` as here and as missing")


def test_what_was_missing_and_is_here_as_the_catalog_lists_it_is_right(lacking) -> None:
    (RELEASE / "files" / LACKING).write_bytes(REPOSITORY[LACKING])
    assert lacking("verify", "--known-missing").code == 0
    ran = lacking("verify")
    check_said(ran, 5, f"extra: files/{LACKING}")
    assert "missing: " not in ran.err


def test_nobody_says_what_an_unpinned_missing_file_should_be(covcat, shelf, server) -> None:
    shelf.add_files("set", {"name": "a.csv"}, {"name": "b.csv"})
    server.serve("/data.example.org/a.csv", Answer(b"a"))
    assert covcat("fetch", "set", "--allow-missing").code == 0
    assert covcat("verify", "--known-missing").code == 0
    (RELEASE / "files/b.csv").write_bytes(b"b")
    check_said(covcat("verify", "--known-missing"), 5, "extra: files/b.csv")


def test_a_lock_of_what_lacks_files_agrees_with_it_and_with_nothing_less(lacking) -> None:
    assert lacking("lock").code == 0
    check_said(lacking("lock", "--check"), 0, "1 release as `covcat.lock` names them")
    (RELEASE / "files" / LACKING).write_bytes(b"other")
    check_said(lacking("lock", "--check"), 5, f"extra: files/{LACKING}")
    (RELEASE / "files" / LACKING).unlink()
    (RELEASE / "files/README.md").unlink()
    check_said(lacking("lock", "--check"), 5, "missing: files/README.md")


# ---- when, and what was found ------------------------------------------------------------------


def test_status_tells_when_a_release_was_verified_and_what_was_found(whole) -> None:
    assert "verdict" not in row_of(whole)
    for way, harm, verdict in (
        ([], lambda: None, "ok"),
        (["--quick"], lambda: None, "ok (quick)"),
        (["--quick"], (RELEASE / "files/README.md").unlink, "differs (quick)"),
        ([], lambda: None, "differs"),
        (["--repair"], lambda: None, "ok"),
        ([], lambda: (RELEASE / "mine.txt").write_text("mine"), "differs"),
    ):
        harm()
        before = verified.manifest.now()
        assert whole("verify", *way).code == (0 if verdict.startswith("ok") else 5)
        row = row_of(whole)
        assert row["verdict"] == verdict
        assert before <= row["verified_at"] <= verified.manifest.now()
    header, cells = whole("status").out.splitlines()
    told = dict(zip(header.split("\t"), cells.split("\t"), strict=True))
    assert (told["verified_at"], told["verdict"]) == (row["verified_at"], "differs")
    table = whole("status", "--format", "table").out
    assert row["verified_at"][:10] in table
    assert row["verified_at"] not in table


def test_what_lacks_files_is_ok_only_where_that_was_accepted(lacking) -> None:
    for way, verdict in (([], "differs"), (["--known-missing"], "ok")):
        lacking("verify", *way)
        assert (row_of(lacking)["verdict"], row_of(lacking)["state"]) == (verdict, "1 file missing")
    found = json.loads(NOTE.read_text())
    assert (found["known_missing"], found["missing"]) == (1, 0)


def test_a_repair_that_fails_leaves_the_verdict_that_it_found(whole, server) -> None:
    assert whole("verify").code == 0
    (RELEASE / "files/README.md").unlink()
    assert whole("verify", "--repair", "--offline").code == 4
    assert row_of(whole)["verdict"] == "differs"


def test_no_command_takes_the_note_for_a_file_of_the_release(whole, tmp_path) -> None:
    assert whole("lock").code == 0
    for command in ("verify", "verify --quick", "verify --repair", "lock --check", "status"):
        ran = whole(*command.split())
        assert (ran.code, "verified.json" in ran.err) == (0, False), ran.err
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=RELEASE, capture_output=True)
    assert sums.returncode == 0
    assert "verified.json" not in (RELEASE / "SHA256SUMS").read_text()
    assert "verified.json" not in (RELEASE / "manifest.json").read_text()
    for form in ("json", "csv", "sha256sums", "croissant"):
        assert "verified.json" not in whole("manifest", "export", "--format", form).out
    assert whole("manifest", "export", "--format", "bagit", "-o", "bag").code == 0
    assert not list(Path("bag").rglob("verified.json"))
    shutil.copytree(RELEASE, "copy")
    ran = whole("import", "set", "copy", "--data-dir", "other")
    assert (ran.code, "left out" in ran.err) == (0, False), ran.err
    assert NOTE.is_file()
    (RELEASE / "files/README.md").unlink()
    assert whole("verify", "--repair").code == 0
    assert whole("remove", "set", "--yes").code == 0
    assert not RELEASE.exists()


def test_the_records_of_a_release_that_is_brought_are_no_data(covcat, shelf, server) -> None:
    shelf.add_web("set", "data.zip", unpack="zip")
    server.serve("/data.example.org/data.zip", Answer(zip_of({"a.csv": b"a"})))
    assert covcat("fetch", "set").code == 0
    assert covcat("verify", "set").code == 0
    assert covcat("import", "set", str(RELEASE), "--data-dir", "other").code == 0
    names = {path.name for path in Path("other/set/1/files").rglob("*") if path.is_file()}
    assert names == {"a.csv"}


def test_the_note_moves_with_its_release_and_not_into_a_newer_one(whole) -> None:
    assert whole("verify").code == 0
    DATA.rename("moved")
    (row,) = whole("status", "--json", "--data-dir", "moved").document["data"]["here"]
    assert row["verdict"] == "ok"
    Path("moved").rename(DATA)
    note = NOTE.read_bytes()
    assert whole("fetch", "set", "--keep-archives").code == 0
    assert not NOTE.exists()
    NOTE.write_bytes(note)  # as a tool that merges two copies of a folder does
    assert "verdict" not in row_of(whole)


FORGED = {
    "cut": lambda: NOTE.write_bytes(NOTE.read_bytes()[:50]),
    "binary": lambda: NOTE.write_bytes(b"\0\xff"),
    "deep": lambda: NOTE.write_bytes(b"[" * 60_000),
    "of a newer covcat": lambda: NOTE.write_text('{"schema": "covcat.verified/2"}'),
    "a pipe": lambda: (NOTE.unlink(), os.mkfifo(NOTE)),
    "a link": lambda: (NOTE.rename("elsewhere"), NOTE.symlink_to(Path("elsewhere").absolute())),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_note_that_is_none_is_passed_over_and_written_anew(whole, forge) -> None:
    assert whole("verify").code == 0
    forge()
    assert "verdict" not in row_of(whole)
    assert whole("verify").code == 0
    assert row_of(whole)["verdict"] == "ok"
    assert not NOTE.is_symlink()


def test_where_nothing_can_be_written_verify_says_so_once_and_does_its_work(
    whole, monkeypatch
) -> None:
    assert whole("fetch", "sample", "-q").code == 0

    def refuse(path: Path, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(verified, "write_file", refuse)
    ran = whole("verify")
    assert (ran.code, ran.err.count("note: `status` will not tell of this")) == (0, 1)
    assert "set@1: 4 files as recorded" in ran.err
    (RELEASE / "files/README.md").unlink()
    check_said(whole("verify"), 5, "set@1: missing: files/README.md")
    assert not NOTE.exists()
    assert list((DATA / ".covcat/staging").iterdir()) == []
