"""remove and cache: what covcat made goes, whole; what it did not make stays."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import filelock
import pytest
from makers.archives import REPOSITORY, git_zip
from makers.runs import tree_on_disk
from servers.server import Answer

DATA = Path("covcat-data")
RELEASE = DATA / "set/1"
STAGING = DATA / ".covcat/staging"
DAY = 86400


@pytest.fixture
def fetched(covcat, shelf, server):
    """A repository with its archive kept, and a plain file."""
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    shelf.add_web("table", "table.csv")
    server.serve("/data.example.org/table.csv", Answer(b"a,b\n1,2\n"))
    assert covcat("fetch", "set", "table", "--keep-archives").code == 0


def wait(name: str = "set@1", *, days: int = 0) -> Path:
    """Let a finished file of a release wait, as a broken run leaves it."""
    folder = DATA / ".covcat/partial" / name
    (folder / "0-abcd").mkdir(parents=True)
    for path in (folder / "0-abcd/one.zip", folder / "journal.jsonl"):
        path.write_bytes(b"0123456789")
        aged(path, days)
    return folder


def aged(path: Path, days: int) -> None:
    then = path.stat().st_mtime - days * DAY
    os.utime(path, (then, then))


def part(*, days: int = 0) -> Path:
    path = DATA / ".covcat/parts" / "0123456789abcdef.01234567.part"
    path.write_bytes(b"x" * 100)
    path.with_suffix(".json").write_text("{}")
    aged(path, days)
    aged(path.with_suffix(".json"), days)
    return path


# ---- remove ------------------------------------------------------------------------------------


def test_a_release_is_removed_with_what_waits_of_it(covcat, fetched) -> None:
    folder = wait()
    ran = covcat("remove", "set", "--yes")
    assert ran.code == 0
    assert "set@1: removed: 5 files, 2.7 kB; 1 waiting file, 10 B\n" in ran.err
    assert not (DATA / "set").exists()
    assert not folder.exists()
    assert not list(STAGING.iterdir())
    assert (DATA / "table/1/files/table.csv").is_file()
    assert covcat("fetch", "set").code == 0


def test_a_dry_run_says_what_and_how_much_and_removes_nothing(covcat, fetched) -> None:
    before = tree_on_disk(DATA)
    ran = covcat("remove", "set", "table@1", "--dry-run", "--json")
    assert (ran.code, tree_on_disk(DATA)) == (0, before)
    data = ran.document["data"]
    assert data["dry_run"] is True
    data_files = [*RELEASE.glob("files/**/*"), *RELEASE.glob("archives/*")]  # with no record
    size = sum(path.stat().st_size for path in data_files if path.is_file())
    assert (data["removed"][0]["id"], data["removed"][0]["bytes"]) == ("set@1", size)
    assert "would free" in covcat("remove", "set", "-n").err


@pytest.mark.parametrize("place", ["files/mine.txt", "mine.txt", "files/a\nb\x1b[2J", "notes/a"])
def test_what_covcat_did_not_put_there_is_named_and_everything_stays(
    covcat, fetched, place
) -> None:
    (RELEASE / place).parent.mkdir(exist_ok=True)
    (RELEASE / place).write_text("mine")
    before = tree_on_disk(DATA)
    ran = covcat("remove", "table", "set", "--yes")
    assert (ran.code, tree_on_disk(DATA)) == (8, before)
    assert place.encode("unicode_escape").decode() in ran.err
    assert "\x1b" not in ran.err


def test_a_link_in_place_of_a_file_is_not_covcats(covcat, fetched) -> None:
    (RELEASE / "files/README.md").unlink()
    (RELEASE / "files/README.md").symlink_to("/etc/hostname")
    (RELEASE / "files/more").symlink_to("/etc")
    ran = covcat("remove", "set", "--yes")
    assert ran.code == 8
    assert "files/README.md" in ran.err
    assert "files/more" in ran.err


@pytest.mark.parametrize("level", ["set", "set/1"])
def test_a_folder_that_is_a_link_is_not_followed(covcat, fetched, tmp_path, level) -> None:
    elsewhere = tmp_path / "elsewhere"
    (DATA / level).rename(elsewhere)
    (DATA / level).symlink_to(elsewhere)
    before = tree_on_disk(elsewhere)
    assert covcat("remove", "set@1", "--yes").code == 8
    assert tree_on_disk(elsewhere) == before


def test_a_folder_without_a_manifest_is_not_removed(covcat, fetched) -> None:
    (DATA / "set/2").mkdir()
    (DATA / "set/2/mine.txt").write_text("mine")
    for name in ("set@2", "set"):
        ran = covcat("remove", name, "--yes")
        assert ran.code == 8
        assert "covcat did not make it" in ran.err
    assert covcat("remove", "set@1", "--yes").code == 0
    assert (DATA / "set/2/mine.txt").read_text() == "mine"


def test_a_damaged_manifest_stops_the_removal(covcat, fetched) -> None:
    (RELEASE / "manifest.json").write_text("{}")
    assert covcat("remove", "set", "--yes").code == 5
    assert (RELEASE / "files/README.md").is_file()


NOT_HERE = ["figure1", "set@2", "set --partial"]
LEADING_ELSEWHERE = ["..", "../shelf", "set@../table", ".covcat", "set@..", "set@"]


@pytest.mark.parametrize("args", [*NOT_HERE, *LEADING_ELSEWHERE])
def test_what_is_not_here_is_not_found_and_a_name_leads_nowhere_else(covcat, fetched, args) -> None:
    before = tree_on_disk(Path())
    assert covcat("remove", *args.split(), "--yes").code == 3
    assert tree_on_disk(Path()) == before


def test_what_was_removed_before_the_disk_refused_is_told(covcat, fetched, monkeypatch) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if "table" in self.parts:
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    ran = covcat("remove", "set", "table", "--json", "--yes")
    assert ran.code == 8
    assert [one["id"] for one in ran.document["data"]["removed"]] == ["set@1"]
    assert (RELEASE.exists(), (DATA / "table/1").exists()) == (False, True)


def test_a_planted_name_of_waiting_files_leads_nowhere_else(covcat, fetched) -> None:
    wait("set@..")
    before = tree_on_disk(DATA / "table")
    assert covcat("remove", "set", "--yes").code == 0
    assert tree_on_disk(DATA / "table") == before
    assert covcat("remove", "set", "--yes").code == 3


def test_only_the_waiting_files_go_with_partial(covcat, fetched) -> None:
    folder = wait()
    other = wait("figure1@2020-05-08")
    assert covcat("remove", "set", "--partial", "--yes").code == 0
    assert (folder.exists(), other.exists(), RELEASE.is_dir()) == (False, True, True)
    assert covcat("remove", "figure1", "--yes").code == 0  # nothing else of it is here
    assert not other.exists()


def test_the_release_is_renamed_away_before_anything_is_deleted(
    covcat, fetched, monkeypatch
) -> None:
    seen = []

    def stop(path, **_: object) -> None:
        seen.append(Path(path))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stop)
        assert covcat("remove", "set", "--yes").code == 130
    assert not RELEASE.exists()
    assert seen[0].parent == STAGING
    assert (seen[0] / "files/README.md").is_file()
    assert covcat("fetch", "set").code == 0  # sweeps it
    assert not list(STAGING.iterdir())


def test_a_killed_removal_leaves_nothing_under_a_final_name(covcat, fetched) -> None:
    script = (
        "import filelock, os, shutil, signal, sys\n"  # importing some filelocks calls rmtree too
        "from covcat.cli import main\n"
        "shutil.rmtree = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.argv = ['covcat', 'remove', 'set@1', '--yes', '--catalog', 'shelf']\n"
        "main.main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert ran.returncode == -signal.SIGKILL
    assert not RELEASE.exists()
    assert "staging" in kinds(covcat)
    assert covcat("cache", "prune").code == 0
    assert not list(STAGING.iterdir())


def test_a_removal_waits_for_a_run_that_works_with_the_release(
    covcat, fetched, monkeypatch
) -> None:
    import fcntl

    said = []
    with (DATA / ".covcat/locks/set@1.lock").open("w") as other_run:
        fcntl.flock(other_run, fcntl.LOCK_EX)

        def hear(_: object, text: str) -> None:
            said.append((text, RELEASE.exists()))
            fcntl.flock(other_run, fcntl.LOCK_UN)

        monkeypatch.setattr("covcat.cli.session.Session.say", hear)
        assert covcat("remove", "set", "--yes").code == 0
    assert said[0] == ("set@1: another covcat works with it; waiting", True)


@pytest.mark.parametrize(("answer", "is_there"), [("y\n", False), ("n\n", True), ("", True)])
def test_a_person_is_asked_and_may_say_no(covcat, fetched, monkeypatch, answer, is_there) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ran = covcat("remove", "set")
    assert (ran.code, RELEASE.exists()) == (0, is_there)
    assert "remove? [y/N]" in ran.err


@pytest.mark.parametrize("option", ["--yes", "-y"])
def test_nobody_is_asked_who_said_yes(covcat, fetched, monkeypatch, option) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert covcat("remove", "set", option).code == 0
    assert not RELEASE.exists()


@pytest.mark.parametrize("options", [[], ["--no-input"]])
def test_nothing_is_removed_where_nobody_can_be_asked(covcat, fetched, options) -> None:
    ran = covcat("remove", "set", *options)
    assert ran.code == 2
    assert "hint: covcat remove set@1 --yes" in ran.err
    assert RELEASE.exists()


class Terminal:
    """What a person types."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


# ---- cache -------------------------------------------------------------------------------------


def kinds(covcat, *args: str) -> dict[str, dict]:
    rows = covcat("cache", "list", "--json", *args).document["data"]["cache"]
    return {one["kind"]: one for one in rows}


def test_the_cache_lists_every_kind_with_size_and_age(covcat, fetched) -> None:
    part(days=3)
    wait(days=20)
    (STAGING / "0123456789abcdef").mkdir()
    (STAGING / "0123456789abcdef" / "one.png").write_bytes(b"half")
    (RELEASE / "index.sqlite").write_bytes(b"made anew")
    found = kinds(covcat)
    assert sorted(found) == ["archives", "index", "part", "partial", "staging"]
    assert (found["part"]["bytes"], found["part"]["days"]) == (102, 3.0)
    assert (found["partial"]["name"], found["partial"]["days"]) == ("set@1", 20.0)
    assert covcat("cache", "list").out.startswith("kind\tname\t")


def test_prune_drops_what_stopped_on_its_way_and_nothing_else(covcat, fetched) -> None:
    path, folder = part(), wait()
    (STAGING / "0123456789abcdef").mkdir()
    (STAGING / "mine").mkdir()
    (RELEASE / "index.sqlite").write_bytes(b"made anew")
    before = tree_on_disk(DATA / "set")
    dry = covcat("cache", "prune", "--dry-run", "--json").document["data"]
    assert (len(dry["pruned"]), path.exists()) == (3, True)
    assert covcat("cache", "prune").code == 0
    assert not path.exists()
    assert not path.with_suffix(".json").exists()
    assert not folder.exists()
    assert [one.name for one in STAGING.iterdir()] == ["mine"]
    assert tree_on_disk(DATA / "set") == before


def test_the_cache_does_not_list_what_holds_nothing_and_prune_drops_it(covcat, fetched) -> None:
    part()
    (DATA / ".covcat/partial/set@1/files").mkdir(parents=True)
    (STAGING / "0123456789abcdef" / "files").mkdir(parents=True)
    assert sorted(kinds(covcat)) == ["archives", "part"]
    names = [line.split("\t")[0] for line in covcat("cache", "list").out.splitlines()[1:]]
    assert sorted(names) == ["archives", "part"]
    assert covcat("cache", "prune").code == 0
    assert not list((DATA / ".covcat/partial").iterdir())
    assert not list(STAGING.iterdir())


def test_a_removal_that_was_killed_is_swept_after_the_cache_was_looked_at(covcat, fetched) -> None:
    rest = STAGING / f"trash-{'0' * 16}"
    (rest / "files").mkdir(parents=True)
    (rest / "files/one.png").write_bytes(b"half gone")
    assert kinds(covcat)["staging"]["in_use"] is False
    assert covcat("fetch", "set").code == 0
    assert not rest.exists()


@pytest.mark.parametrize("odd", ["link", "pipe", "folder"])
def test_a_part_that_is_no_file_stops_nothing(covcat, fetched, odd: str) -> None:
    path = DATA / ".covcat/parts" / "fedcba9876543210.01234567.part"
    {
        "link": lambda: path.symlink_to("/etc/passwd"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[odd]()
    mine = part()
    assert "part" in kinds(covcat)
    assert covcat("cache", "prune").code == 0
    assert not mine.exists()


def test_prune_by_age_leaves_what_is_younger(covcat, fetched) -> None:
    path, folder = part(days=3), wait(days=20)
    assert covcat("cache", "prune", "--older-than", "14d").code == 0
    assert (path.exists(), folder.exists()) == (True, False)
    assert covcat("cache", "prune", "--older-than", "60h").code == 0
    assert not path.exists()


@pytest.mark.parametrize("age", ["14", "d", "", "-1d", "1y", "14 days", "²d"])
def test_an_age_that_is_none_is_refused(covcat, fetched, age) -> None:
    ran = covcat("cache", "prune", f"--older-than={age}")
    assert ran.code == 2
    assert "such as 14d" in ran.err


def test_what_a_living_run_holds_is_not_pruned(covcat, fetched) -> None:
    import fcntl

    path, folder = part(), wait()
    (STAGING / "0123456789abcdef").mkdir()
    locks = DATA / ".covcat/locks"
    with (
        path.open() as held,
        filelock.FileLock(locks / "set@1.lock"),
        filelock.FileLock(locks / "0123456789abcdef.lock"),
    ):
        fcntl.flock(held, fcntl.LOCK_EX)
        ran = covcat("cache", "prune")
        assert ran.code == 0
        assert "set@1: in use; left as it is" in ran.err
        assert path.exists()
        assert folder.exists()
        assert (STAGING / "0123456789abcdef").exists()
        assert {one["in_use"] for one in kinds(covcat).values() if one["kind"] != "archives"} == {
            True
        }


def test_kept_archives_go_and_the_release_stays_verified(covcat, fetched) -> None:
    archive = next((RELEASE / "archives").rglob("*.zip"))
    (RELEASE / "index.sqlite").write_bytes(b"made anew")
    assert covcat("cache", "prune", "--archives", "--indexes").code == 0
    assert not archive.exists()
    assert not (RELEASE / "index.sqlite").exists()
    assert tree_on_disk(RELEASE / "files") == REPOSITORY
    record = json.loads((RELEASE / "manifest.json").read_text())
    assert (record["total_files"], record["downloads"][0]["archive"]) == (4, None)
    assert covcat("verify").code == 0
    assert "nothing to do" in covcat("fetch", "set").err


def test_archives_that_are_the_release_stay(covcat, shelf, server) -> None:
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    covcat("fetch", "set", "--no-extract")
    (RELEASE / "files").mkdir()  # somebody made it, or a tool of theirs
    before = tree_on_disk(RELEASE)
    assert covcat("cache", "prune", "--archives").code == 0
    assert tree_on_disk(RELEASE) == before


def test_archives_beside_a_file_of_the_users_own_stay(covcat, fetched) -> None:
    (RELEASE / "files/mine.txt").write_text("mine")
    before = tree_on_disk(RELEASE)
    assert covcat("cache", "prune", "--archives").code == 8
    assert tree_on_disk(RELEASE) == before


def test_an_empty_or_missing_data_folder_has_no_cache(covcat) -> None:
    ran = covcat("cache", "list", "--json")
    assert (ran.code, ran.document["data"]) == (0, {"cache": []})
    assert covcat("cache", "prune").code == 0
    assert not DATA.exists()
