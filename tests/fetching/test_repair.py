"""verify --repair: only what is damaged comes again, from wherever it can be had."""

import json
import os
import shutil
from pathlib import Path

import pytest
from makers.archives import COMMIT, RAW, REPOSITORY, git_zip, zip_of
from makers.releases import git_rows
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.server import Answer

from covcat.store import folder as stores

RELEASE = Path("covcat-data/set/1")
README = RELEASE / "files/README.md"


@pytest.fixture
def fetched(covcat, offered, server):
    """Run covcat on a data folder that holds one release."""
    assert covcat("fetch", "set", "-q").code == 0
    server.requests.clear()
    return covcat


def asked(server) -> list[str]:
    return [path for path, _ in server.requests]


def left_behind() -> list[str]:
    private = Path("covcat-data/.covcat")
    found = [one for part in ("staging", "partial") for one in (private / part).rglob("*")]
    return [str(one) for one in found if one.is_file()]


def harm() -> None:
    """Change one file, remove another."""
    README.write_bytes(b"# something else entirely\n")
    (RELEASE / "files/images/two.png").unlink()


# ---- files -------------------------------------------------------------------------------------


def test_only_the_damaged_files_are_asked_for_and_the_release_is_as_it_was(fetched, server) -> None:
    before = tree_on_disk(RELEASE)
    kept = (RELEASE / "files/images/one.png").stat().st_ino
    harm()
    ran = fetched("verify", "--repair")
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert sorted(asked(server)) == [f"{RAW}/README.md", f"{RAW}/images/two.png"]
    assert "set@1: repaired files/README.md\n" in ran.err
    assert "set@1: 4 files as recorded (every byte), 2 of them repaired\n" in ran.err
    assert tree_on_disk(RELEASE) == before
    assert (RELEASE / "files/images/one.png").stat().st_ino == kept
    assert fetched("verify").code == 0
    assert left_behind() == []


def test_what_is_right_is_not_touched(fetched, server) -> None:
    before = RELEASE.stat().st_ino
    ran = fetched("verify", "--repair", "--json")
    assert ran.document["data"]["verified"] == [
        {
            "id": "set@1",
            "ok": True,
            "files": 4,
            "repaired": [],
            "new_record": False,
            "missing": [],
        }
    ]
    assert (RELEASE.stat().st_ino, asked(server)) == (before, [])


def test_json_names_what_was_repaired(fetched) -> None:
    harm()
    (row,) = fetched("verify", "--repair", "--json").document["data"]["verified"]
    assert row["repaired"] == ["files/README.md", "files/images/two.png"]
    assert row["ok"] is True


def test_an_extra_file_stops_the_repair_and_stays(fetched, server) -> None:
    harm()
    (RELEASE / "files/notes.txt").write_text("mine")
    before = tree_on_disk(RELEASE)
    ran = fetched("verify", "--repair")
    assert ran.code == 8
    assert "holds files that covcat did not put there" in ran.err
    assert "  files/notes.txt\n" in ran.err
    assert "missing: files/images/two.png" in ran.err
    assert (tree_on_disk(RELEASE), asked(server)) == (before, [])


def test_offline_it_says_what_it_needs(fetched, server) -> None:
    harm()
    before = tree_on_disk(RELEASE)
    ran = fetched("verify", "--repair", "--offline")
    assert ran.code == 4
    assert "error: the repair needs what is not here, and --offline is set" in ran.err
    assert "changed: files/README.md" in ran.err
    assert "missing: files/images/two.png" in ran.err
    assert "hint: the same command without --offline" in ran.err
    assert (tree_on_disk(RELEASE), asked(server), left_behind()) == (before, [], [])


def test_what_is_another_upstream_is_refused_and_nothing_changes(fetched, server) -> None:
    harm()
    before = tree_on_disk(RELEASE)
    server.serve(f"{RAW}/README.md", Answer(b"# a synthetic repositorY\n"))
    check_said(fetched("verify", "--repair"), 5, "`README.md` is not the pinned file")
    assert tree_on_disk(RELEASE) == before


def test_quick_and_repair_exclude_each_other(fetched) -> None:
    assert fetched("verify", "--quick", "--repair").code == 2


@pytest.mark.parametrize("as_what", ["a link", "a folder", "a link for a folder"])
def test_links_and_folders_in_the_place_of_files_are_replaced(fetched, as_what, tmp_path) -> None:
    before = tree_on_disk(RELEASE)
    (tmp_path / "victim").mkdir()
    victim = tmp_path / "victim/README.md"
    victim.write_bytes(b"mine")
    if as_what == "a link":
        README.unlink()
        README.symlink_to(victim)
    elif as_what == "a folder":
        README.unlink()
        README.mkdir()
    else:
        shutil.rmtree(RELEASE / "files/scripts")
        (RELEASE / "files/scripts").write_bytes(b"")  # an extra file: it stays
        assert fetched("verify", "--repair").code == 8
        (RELEASE / "files/scripts").unlink()
    assert fetched("verify", "--repair").code == 0
    assert (tree_on_disk(RELEASE), victim.read_bytes()) == (before, b"mine")


def test_a_kept_archive_is_opened_again_without_any_network(covcat, offered) -> None:
    assert covcat("fetch", "set", "--keep-archives", "-q").code == 0
    before = tree_on_disk(RELEASE)
    harm()
    assert covcat("verify", "--repair", "--offline").code == 0
    assert tree_on_disk(RELEASE) == before


def test_a_damaged_archive_of_a_repository_comes_again_if_its_tree_is_the_same(
    covcat, offered, server
) -> None:
    assert covcat("fetch", "set", "--keep-archives", "-q").code == 0
    (archive,) = (RELEASE / "archives").iterdir()
    archive.write_bytes(b"cut")
    reordered = dict(reversed(REPOSITORY.items()))  # packed anew: other bytes, the same tree
    server.serve_repository(git_zip(reordered))
    assert covcat("verify").code == 5
    assert covcat("verify", "--repair").code == 0
    assert archive.read_bytes() == git_zip(reordered)
    assert covcat("verify").code == 0


def test_archives_without_files_are_repaired_too(covcat, shelf, server) -> None:
    shelf.add_web("set", "a.zip", unpack="zip")
    server.serve("/data.example.org/a.zip", Answer(zip_of({"x.csv": b"0"})))
    assert covcat("fetch", "set", "--no-extract", "-q").code == 0
    before = tree_on_disk(RELEASE)
    (RELEASE / "archives/a.zip").write_bytes(b"")
    assert covcat("verify", "--repair").code == 0
    assert tree_on_disk(RELEASE) == before


@pytest.fixture
def three(covcat, shelf, server):
    """Run covcat on a release of two archives and a plain file, none of which is pinned."""
    zips = [{"name": f"{one}.zip", "unpack": "zip", "into": f"{one}/"} for one in "ab"]
    shelf.add_files("set", *zips, {"name": "t.csv"})
    server.serve("/data.example.org/a.zip", Answer(zip_of({"x [1].csv": b"0", "y.csv": b"1"})))
    server.serve("/data.example.org/b.zip", Answer(zip_of({"x.csv": b"2", "y.csv": b"3"})))
    server.serve("/data.example.org/t.csv", Answer(b"table"))
    assert covcat("fetch", "set", "-q").code == 0
    server.requests.clear()
    return covcat


@pytest.mark.parametrize(
    ("path", "needs"), [("a/x [1].csv", "a.zip"), ("b/y.csv", "b.zip"), ("t.csv", "t.csv")]
)
def test_only_the_download_that_holds_a_file_comes_again(three, server, path, needs) -> None:
    before = tree_on_disk(RELEASE)
    (RELEASE / "files" / path).write_bytes(b"?")
    assert three("verify", "set", "--repair").code == 0
    assert asked(server) == [f"/data.example.org/{needs}"]
    assert tree_on_disk(RELEASE) == before


def test_what_nobody_pins_must_be_what_was_recorded(three, server) -> None:
    (RELEASE / "files/a/y.csv").unlink()
    before = tree_on_disk(RELEASE)
    server.serve("/data.example.org/a.zip", Answer(zip_of({"x [1].csv": b"0", "y.csv": b"9"})))
    ran = three("verify", "--repair")
    check_said(ran, 5, "`files/a/y.csv` of `set@1` is another one upstream: sha256 expected")
    assert tree_on_disk(RELEASE) == before
    server.serve("/data.example.org/a.zip", Answer(zip_of({"x [1].csv": b"0", "y.csv": b"1"})))
    assert three("verify", "--repair").code == 0  # the wrong one does not wait for the next try


def test_what_is_served_without_the_file_is_said_so(three, server) -> None:
    (RELEASE / "files/a/y.csv").unlink()
    server.serve("/data.example.org/a.zip", Answer(zip_of({"x [1].csv": b"0"})))
    ran = three("verify", "--repair")
    assert ran.code in (5, 6), ran.err
    assert "files/a/y.csv" in ran.err


def test_a_part_of_a_release_stays_that_part(covcat, offered, server) -> None:
    assert covcat("fetch", "set", "--include", "images/*", "-q").code == 0
    before = tree_on_disk(RELEASE)
    (RELEASE / "files/images/two.png").unlink()
    server.requests.clear()
    assert covcat("verify", "--repair").code == 0
    assert (tree_on_disk(RELEASE), asked(server)) == (before, [f"{RAW}/images/two.png"])


def test_a_branch_is_asked_for_the_commit_that_was_fetched(covcat, shelf, server) -> None:
    branch = {"repository": "test/set", "branch": "main", "unpack": "zip"}
    shelf.add_files("set", {"host": "github", **branch})
    headers = {"Content-Type": "application/zip"}
    main = "/codeload.github.com/test/set/zip/refs/heads/main"
    server.serve(main, Answer(git_zip(REPOSITORY), headers=headers, has_length=False))
    assert covcat("fetch", "set", "-q").code == 0
    before = tree_on_disk(RELEASE)
    server.serve(main, Answer(git_zip({"new": b"state"}, commit="f" * 40), headers=headers))
    rows = [
        {"type": "blob", "path": one.path, "mode": one.mode, "sha": one.blob, "size": one.bytes}
        for one in git_rows(REPOSITORY)
    ]
    api = f"/api.github.com/repos/test/set/git/trees/{COMMIT}?recursive=1"
    server.serve(api, Answer(json.dumps({"tree": rows}).encode()))
    server.serve(f"{RAW}/README.md", Answer(REPOSITORY["README.md"]))
    README.unlink()
    assert covcat("verify", "--repair").code == 0
    assert tree_on_disk(RELEASE) == before


def test_what_a_killed_repair_left_is_swept_though_all_is_right(fetched) -> None:
    staging = Path("covcat-data/.covcat/staging/0123456789abcdef/release")
    staging.mkdir(parents=True)
    (staging / "manifest.json").write_text("{}")
    waiting = Path("covcat-data/.covcat/partial/set@1.done/0-01234567")
    waiting.mkdir(parents=True)
    (waiting / "README.md").write_text("x")
    assert fetched("verify", "--repair").code == 0
    assert left_behind() == []


def test_one_release_that_cannot_be_repaired_does_not_stop_the_others(
    fetched, shelf, server
) -> None:
    shelf.add_web("other", "t.csv")
    server.serve("/data.example.org/t.csv", Answer(b"table"))
    assert fetched("fetch", "other", "-q").code == 0
    server.serve("/data.example.org/t.csv", Answer(b"gone", 404))
    Path("covcat-data/other/1/files/t.csv").unlink()
    harm()
    ran = fetched("verify", "--repair")
    assert ran.code == 4
    assert "missing: files/t.csv" in ran.err
    assert ran.err.count("missing: files/t.csv") == 1  # told when it happened, then summed up
    assert "error: 1 of 2 could not be repaired: other@1" in ran.err
    assert "set@1: 4 files as recorded (every byte), 2 of them repaired" in ran.err


# ---- the record --------------------------------------------------------------------------------

DAMAGE = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "not JSON": lambda text: "\0\1\2",
    "edited": lambda text: text.replace('"files/README.md"', '"files/readme.md"'),
    "another digest": lambda text: text.replace('"sha256": "', '"sha256": "f'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_manifest_is_made_anew_from_the_listing(fetched, server, damage) -> None:
    manifest = RELEASE / "manifest.json"
    before, files = json.loads(manifest.read_text()), tree_on_disk(RELEASE / "files")
    sums = (RELEASE / "SHA256SUMS").read_bytes()
    manifest.write_text(damage(manifest.read_text()))
    assert "hint: covcat verify set@1 --repair\n" in fetched("verify").err
    ran = fetched("verify", "--repair")
    assert ran.code == 0, ran.err
    assert "4 of 4 files are as the catalog lists them" in ran.err
    assert "wrote manifest.json and SHA256SUMS anew" in ran.err
    after = json.loads(manifest.read_text())
    assert after["files"] == before["files"]
    assert [one["verified_by"] for one in after["downloads"]] == ["git-tree"]
    assert (RELEASE / "SHA256SUMS").read_bytes() == sums
    assert (tree_on_disk(RELEASE / "files"), asked(server)) == (files, [])
    assert fetched("verify").code == 0
    assert fetched("fetch", "set", "-q").code == 0
    assert asked(server) == []


def test_a_damaged_manifest_and_a_damaged_file_are_both_repaired(fetched, server) -> None:
    files = tree_on_disk(RELEASE / "files")
    harm()
    text = (RELEASE / "manifest.json").read_text()
    from hashlib import sha256

    right, wrong = sha256(REPOSITORY["README.md"]), sha256(README.read_bytes())
    (RELEASE / "manifest.json").write_text(text.replace(right.hexdigest(), wrong.hexdigest()))
    ran = fetched("verify", "--repair")
    assert ran.code == 0, ran.err
    assert sorted(asked(server)) == [f"{RAW}/README.md", f"{RAW}/images/two.png"]
    assert "2 of 4 files are as the catalog lists them" in ran.err
    assert tree_on_disk(RELEASE / "files") == files
    assert fetched("verify").code == 0


def test_with_a_damaged_manifest_the_users_own_files_stop_the_repair(fetched) -> None:
    (RELEASE / "manifest.json").write_text("{")
    (RELEASE / "files/notes.txt").write_text("mine")
    before = tree_on_disk(RELEASE)
    assert fetched("verify", "--repair").code == 8
    assert tree_on_disk(RELEASE) == before


def test_changed_sums_are_written_anew(fetched, server) -> None:
    before = tree_on_disk(RELEASE)
    (RELEASE / "SHA256SUMS").write_text("nothing\n")
    assert "SHA256SUMS: not as recorded" in fetched("verify").err
    assert fetched("verify", "--repair").code == 0
    assert (tree_on_disk(RELEASE), asked(server)) == (before, [])


def test_without_a_listing_a_damaged_manifest_needs_a_new_fetch(three) -> None:
    (RELEASE / "manifest.json").write_text("{")
    before = tree_on_disk(RELEASE)
    ran = three("verify", "--repair")
    check_said(ran, 5, "hint: mv covcat-data/set/1 set-1.damaged && covcat fetch set@1")
    assert tree_on_disk(RELEASE) == before


def test_a_manifest_of_a_newer_covcat_is_not_repaired(fetched) -> None:
    manifest = RELEASE / "manifest.json"
    manifest.write_text(manifest.read_text().replace("covcat.manifest/1", "covcat.manifest/2"))
    before = tree_on_disk(RELEASE)
    check_said(fetched("verify", "--repair"), 5, "made by a newer covcat")
    assert tree_on_disk(RELEASE) == before


# ---- the disk ----------------------------------------------------------------------------------


def test_a_disk_that_refuses_leaves_the_release_as_it_was(fetched, monkeypatch) -> None:
    harm()
    before = tree_on_disk(RELEASE)

    def full(folder: Path) -> None:
        raise OSError(28, os.strerror(28), str(folder))

    monkeypatch.setattr(stores, "sync", full)
    ran = fetched("verify", "--repair")
    assert ran.code == 8
    assert os.strerror(28) in ran.err
    assert tree_on_disk(RELEASE) == before
    monkeypatch.undo()


def test_a_disk_without_hard_links_is_copied_on(fetched, monkeypatch) -> None:
    before = tree_on_disk(RELEASE)
    harm()

    def refuse(*args: object, **more: object) -> None:
        raise OSError(1, os.strerror(1))

    monkeypatch.setattr(os, "link", refuse)
    assert fetched("verify", "--repair").code == 0
    assert tree_on_disk(RELEASE) == before


# ---- litter that an older covcat took along ----------------------------------------------------


@pytest.fixture
def older(covcat, shelf, server, monkeypatch):
    """Let a zip with litter, which nobody pins, be unpacked and recorded as it was."""
    shelf.add_web("set", "w.zip", unpack="zip")
    data = zip_of({"a.txt": b"a", "__MACOSX/._a.txt": b"j"})
    server.serve("/data.example.org/w.zip", *[Answer(data)] * 3)
    with monkeypatch.context() as patch:
        patch.setattr("covcat.archives.rules.is_litter", lambda path: False)
        assert covcat("fetch", "set", "-q").code == 0
        assert covcat("lock").code == 0
    assert (RELEASE / "files/__MACOSX/._a.txt").is_file()
    return covcat


@pytest.mark.parametrize("command", [["verify", "--repair"], ["fetch", "set", "--keep-archives"]])
def test_recorded_litter_is_mended_and_kept(older, command: list[str]) -> None:
    if command[0] == "verify":
        (RELEASE / "files/__MACOSX/._a.txt").unlink()
    assert older(*command).code == 0
    assert (RELEASE / "files/__MACOSX/._a.txt").read_bytes() == b"j"
    assert older("verify").code == 0


def test_a_lock_of_a_release_with_litter_gets_the_same_without(older) -> None:
    assert older("remove", "set", "--yes").code == 0
    assert older("fetch", "--locked").code == 0
    assert list(tree_on_disk(RELEASE / "files")) == ["a.txt"]
    assert older("lock", "--check").code == 0
