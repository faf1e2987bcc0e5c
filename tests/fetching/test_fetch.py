"""fetch, end to end through the command line against a loopback server."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from makers.archives import COMMIT, REPOSITORY, git_zip, tar_of, zip_of
from makers.runs import here, tree_on_disk
from makers.said import check_said, record
from servers.server import Answer

DATA = Path("covcat-data")
FILES = DATA / "set" / "1" / "files"


def nothing_is_left() -> bool:
    """True if no release and no part or staging folder is on disk."""
    return not list(DATA.glob("[!.]*")) and not list(DATA.glob(".covcat/staging/*"))


def test_a_pinned_repository_is_fetched_verified_and_recorded(covcat, shelf, server) -> None:
    tree = shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    ran = covcat("fetch", "set")
    assert (ran.code, ran.out) == (0, f"{FILES}\n")
    assert f"4 files, verified by git tree {tree}" in ran.err
    assert tree_on_disk(FILES) == REPOSITORY
    (download,) = record()["downloads"]
    assert (download["tree"], download["commit"]) == (tree, COMMIT)
    assert download["verified_by"] == "git-tree"
    assert {file["path"]: file["mode"] for file in record()["files"]} == {
        "files/README.md": "100644",
        "files/images/one.png": "100644",
        "files/images/two.png": "100644",
        "files/scripts/run.sh": "100755",
    }
    assert {file["verified_by"] for file in record()["files"]} == {"sha256"}


def test_the_sums_file_passes_coreutils(covcat, shelf, server) -> None:
    odd = {**REPOSITORY, "images/100% (1) é.png": b"odd"}
    shelf.add_repository(files=odd)
    server.serve_repository(git_zip(odd))
    assert covcat("fetch", "set").code == 0
    if shutil.which("sha256sum"):
        checked = subprocess.run(
            ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=FILES.parent, check=False
        )
        assert checked.returncode == 0
    lines = (FILES.parent / "SHA256SUMS").read_text().splitlines()
    expected = {f"{hashlib.sha256(data).hexdigest()}  files/{path}" for path, data in odd.items()}
    assert set(lines) == expected


def test_modes_on_disk_are_plain_whatever_the_archive_says(covcat, offered) -> None:
    os.umask(0o022)
    covcat("fetch", "set")
    assert stat.S_IMODE((FILES / "scripts/run.sh").stat().st_mode) == 0o644
    assert stat.S_IMODE(FILES.stat().st_mode) == 0o755
    assert stat.S_IMODE(FILES.parent.stat().st_mode) == 0o755


def test_quiet_prints_the_path_alone_and_a_second_fetch_asks_nobody(
    covcat, offered, server
) -> None:
    ran = covcat("fetch", "set", "-q")
    assert (ran.out, ran.err) == (f"{FILES}\n", "")
    asked = len(server.requests)
    ran = covcat("fetch", "set")
    assert (ran.code, len(server.requests), ran.out) == (0, asked, f"{FILES}\n")
    assert "here and complete; nothing to do" in ran.err


def test_the_test_catalogs_own_cohen_replaces_the_packaged_one(covcat, shelf, server) -> None:
    shelf.add_repository("cohen", override=True)
    server.serve_repository(git_zip(REPOSITORY))
    ran = covcat("fetch", "cohen", "-q")
    assert (ran.code, ran.out) == (0, f"{DATA / 'cohen' / '1' / 'files'}\n")


def test_only_the_kept_folder_is_written_and_its_tree_is_checked(covcat, shelf, server) -> None:
    tree = shelf.add_repository(keep="images/")
    server.serve_repository(git_zip(REPOSITORY))
    assert covcat("fetch", "set").code == 0
    assert sorted(tree_on_disk(FILES)) == ["images/one.png", "images/two.png"]
    (download,) = record()["downloads"]
    assert (download["tree"], download["left_out"]) == (tree, 2)
    assert covcat("verify").code == 0


# ---- what is not right -------------------------------------------------------------------------


def test_another_tree_is_refused_even_if_every_listed_file_is_right(covcat, shelf, server) -> None:
    shelf.add_repository(tree="f" * 40)
    server.serve_repository(git_zip(REPOSITORY))
    check_said(covcat("fetch", "set"), 5, f"git tree expected {'f' * 40}, got")
    assert nothing_is_left()


def test_a_pinned_digest_tells_an_altered_archive(covcat, shelf, server) -> None:
    body = zip_of({"a.txt": b"a"})
    shelf.add_web("plain", "a.zip", unpack="zip", sha256=hashlib.sha256(b"another").hexdigest())
    server.serve("/data.example.org/a.zip", Answer(body))
    ran = covcat("fetch", "plain")
    assert (ran.code, nothing_is_left()) == (5, True)
    assert "is not the pinned file: sha256 expected" in ran.err


# ---- plain files, tar, archives kept -----------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "verified_by"),
    [
        ({"sha256": hashlib.sha256(b"table").hexdigest()}, "sha256"),
        ({"md5": hashlib.md5(b"table").hexdigest()}, "md5"),
        ({"md5_prefix": hashlib.md5(b"table").hexdigest()[:8]}, "md5-prefix"),
        ({}, "first-use"),
    ],
)
def test_a_plain_file_is_verified_by_what_is_pinned(
    covcat, shelf, server, pin, verified_by
) -> None:
    shelf.add_web("plain", "table.csv", **{k: f'"{v}"' for k, v in pin.items()})
    server.serve("/data.example.org/table.csv", Answer(b"table"))
    assert covcat("fetch", "plain").code == 0
    folder = DATA / "plain" / "1"
    assert tree_on_disk(folder / "files") == {"table.csv": b"table"}
    assert record("plain")["downloads"][0]["verified_by"] == verified_by
    assert covcat("verify").code == 0


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz"])
def test_a_tar_is_unpacked_below_its_folder(covcat, shelf, server, packing) -> None:
    shelf.add_web("plain", "a.tar", unpack="tar", into="inner/", exclude='["*.DS_Store"]')
    body = tar_of({"./a/b.txt": b"b", "c.txt": b"c", "a/.DS_Store": b"junk"}, packing)
    server.serve("/data.example.org/a.tar", Answer(body))
    assert covcat("fetch", "plain").code == 0
    files = DATA / "plain" / "1" / "files"
    assert tree_on_disk(files) == {"inner/a/b.txt": b"b", "inner/c.txt": b"c"}


def test_archives_are_kept_on_request_and_reused_without_a_request(covcat, offered, server) -> None:
    ran = covcat("fetch", "set", "--no-extract")
    archives = DATA / "set" / "1" / "archives"
    assert (ran.code, ran.out) == (0, f"{archives}\n")
    assert [path.name for path in archives.iterdir()] == [f"set-{COMMIT}.zip"]
    assert not FILES.exists()
    assert "archives only" in covcat("status").out
    asked = len(server.requests)
    assert covcat("fetch", "set", "--offline").code == 0
    assert len(server.requests) == asked
    assert tree_on_disk(FILES) == REPOSITORY
    assert [path.name for path in archives.iterdir()] == [f"set-{COMMIT}.zip"]
    assert covcat("verify").code == 0


def test_keep_archives_after_the_fact_builds_the_release_anew(covcat, offered) -> None:
    covcat("fetch", "set")
    assert covcat("fetch", "set", "--keep-archives").code == 0
    assert (DATA / "set" / "1" / "archives" / f"set-{COMMIT}.zip").is_file()
    assert tree_on_disk(FILES) == REPOSITORY
    assert "archives/" in (DATA / "set" / "1" / "SHA256SUMS").read_text()


def test_keeping_archives_of_plain_files_asks_for_nothing(covcat, shelf, server) -> None:
    shelf.add_web("plain", "table.csv")
    server.serve("/data.example.org/table.csv", Answer(b"first"), Answer(b"second"))
    assert covcat("fetch", "plain").code == 0
    ran = covcat("fetch", "plain", "--keep-archives")
    assert ran.code == 0, ran.err  # a plain file is its own archive
    assert len(server.requests) == 1


def test_a_branch_is_recorded_at_first_use(covcat, shelf, server) -> None:
    branch = {"repository": "test/set", "branch": "master", "unpack": "zip"}
    shelf.add_files("set", {"host": "github", **branch})
    path = "/codeload.github.com/test/set/zip/refs/heads/master"
    server.serve(path, Answer(git_zip(REPOSITORY), has_length=False))
    assert covcat("fetch", "set").code == 0
    assert record()["downloads"][0]["verified_by"] == "first-use"
    moved = {**REPOSITORY, "README.md": b"moved on"}
    server.serve(path, Answer(git_zip(moved), has_length=False))
    ran = covcat("fetch", "set", "--keep-archives")
    check_said(ran, 5, "has changed upstream: git tree expected")
    assert tree_on_disk(FILES) == REPOSITORY
    assert covcat("fetch", "set", "--require", "pinned", "--keep-archives").code == 5


# ---- several -----------------------------------------------------------------------------------


def test_one_failure_does_not_stop_the_others(covcat, offered) -> None:
    ran = covcat("fetch", "radiopaedia", "set", "figure1")
    assert (ran.code, ran.out) == (9, f"{FILES}\n")
    assert "error: `radiopaedia` is for browsing only" in ran.err
    assert "2 of 3 could not be fetched: radiopaedia, figure1@2020-05-08" in ran.err
    assert "hint: covcat fetch radiopaedia figure1@2020-05-08\n" in ran.err


def test_a_damaged_manifest_does_not_stop_the_others(covcat, offered) -> None:
    covcat("fetch", "set")
    (FILES.parent / "manifest.json").write_text("{}")
    ran = covcat("fetch", "set", "sample")
    assert (ran.code, ran.out) == (5, "covcat-data/sample/1/files\n")
    assert "error: the manifest of `set@1` is damaged" in ran.err
    assert "the manifest of `set@1` is damaged" in covcat("fetch", "set", "sample", "-n").out


def test_failures_of_one_kind_keep_their_code(covcat) -> None:
    assert covcat("fetch", "radiopaedia", "eurorad").code == 7


def test_filters_choose_what_is_fetched(covcat, room, offered, server) -> None:
    ran = covcat("fetch", "--modality", "ct", "--license", "CC-BY-4.0", "--dry-run")
    assert ran.code == 0
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == [
        "id",
        "v7@2020-06-29",
        "covid-19-ar@idc-v25",
        "set@1",
    ]
    assert not server.requests


FILTERS = {
    "what the survey claims": (["--modality", "ct"], {"cord-19": "no ct was found in it"}),
    "one of two": (["--modality", "ct", "--modality", "mri"], {"cord-19": "no ct or mri was"}),
    "both": (["--modality", "xray", "--has", "case-review"], {"cord-19": "no xray or case-review"}),
    "what has no download": (["--modality", "ct"], {"sirm": "for browsing only"}),
    "all": (["--all"], {"bsti": "for browsing only"}),
    "what is large": (
        ["--modality", "mri", "--modality", "us"],
        {"covid-19-ny-sbu": "of 511 GB, by name only"},
    ),
    "only that": (["--access", "browse"], {"eurorad": "for browsing only"}),
}


@pytest.mark.parametrize(("args", "left"), FILTERS.values(), ids=FILTERS)
def test_filters_leave_out_what_was_not_found_or_cannot_be_fetched_and_say_so(
    covcat, room, args, left
) -> None:
    ran = covcat("fetch", *args, "--dry-run", "--json")
    planned = {step["id"].partition("@")[0]: step for step in ran.document["data"]["steps"]}
    assert ran.code == 0
    assert {step["action"] for step in planned.values()} <= {"fetch"}
    (line,) = [line for line in ran.err.splitlines() if line.startswith("left out: ")]
    for id, reason in left.items():
        assert id not in planned
        assert re.search(rf"\b{id}\b[^()]* \({reason}", line)


def test_all_that_can_be_fetched_is_a_plan_that_can_succeed(covcat, room) -> None:
    planned = covcat("fetch", "--all", "--dry-run", "-q")
    listed = covcat("list", "--fetchable", "--format", "ids", "-q").out.split()
    listed.remove("covid-19-ny-sbu")  # of 511 GB
    assert [line.partition("@")[0] for line in planned.out.split()] == listed
    assert len(listed) > 10


def test_with_fetchable_nothing_is_left_out_that_was_asked_for(covcat) -> None:
    assert (
        "left out"
        not in covcat("fetch", "--modality", "ultrasound", "--fetchable", "--dry-run").err
    )


def test_what_a_filter_leaves_out_is_still_asked_for_by_its_name(covcat) -> None:
    assert covcat("fetch", "sirm").code == 7
    assert "cord-19@2020-07-16\tfetch" in covcat("fetch", "cord-19", "--dry-run").out


SAMPLE = (110_332, 111_087)  # bytes of its archive, and of what is in it


@pytest.mark.parametrize("args", [[], ["--dry-run"], ["--json"], ["--dry-run", "--json"]])
def test_a_plan_that_cannot_fit_is_refused_before_the_first_byte(
    covcat, offered, server, monkeypatch, args
) -> None:
    needed = sum(SAMPLE)
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: needed - 1)
    ran = covcat("fetch", "sample", "set", *args)
    assert ran.code == 8
    told = f"not enough space in `covcat-data`: expected {needed:,} bytes, got {needed - 1:,}"
    error = ran.document["error"] if "--json" in args else None
    assert told in (error["message"] if error else ran.err)
    assert "--data-dir" in (error["hint"] if error else ran.err)
    assert not DATA.exists()
    assert not server.requests
    if "--dry-run" in args:  # which shows what it is that does not fit
        shown = ran.document["data"]["total"] if error else ran.out
        assert (shown["needed_bytes"] == needed) if error else "sample@1\tfetch" in shown


def test_room_that_is_just_enough_is_enough(covcat, monkeypatch) -> None:
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: sum(SAMPLE))
    assert covcat("fetch", "sample").code == 0


def test_a_plan_ends_with_what_all_of_it_takes(covcat, shelf, monkeypatch) -> None:
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: 2_000_000_000)
    shelf.add_web("one", "data.zip", unpack="zip")
    for line, said in {
        "sample": "in all: 1 release, 1 download of 110 kB; on disk 221 kB are needed, archives "
        "and unpacked files together, and 2.0 GB are free",
        "one": "in all: 1 release, 1 download of unknown size; the room that this needs is "
        "unknown, and 2.0 GB are free",
        "sample one": "in all: 2 releases, 2 downloads, 1 of them of unknown size, the others 110 "
        "kB; on disk at least 221 kB are needed",
        "mashhad": "in all: 1 release, 1 download or more of unknown size;",
        "stoic": "in all: 1 release, 2 downloads or more of unknown size;",
    }.items():
        assert said in covcat("fetch", *line.split(), "-n").err
    assert "in all: 1 release, 7 downloads of about 477 MB;" in _plan_of(covcat, "medseg")
    assert "8 downloads, 1 of them of unknown size, the others about 477 MB" in _plan_of(
        covcat, "medseg", "one"
    )
    assert "in all" not in _plan_of(covcat, "sirm")


@pytest.mark.parametrize("name", ["covid-19-ar", "cohen"])
def test_a_plan_of_a_part_that_is_nothing_ends_as_the_fetch_would(covcat, name) -> None:
    said = "is one of '--include=nosuch*'"
    check_said(covcat("fetch", name, "--include", "nosuch*", "-n"), 3, said)
    document = json.loads(covcat("fetch", name, "--include", "nosuch*", "-n", "--json").out)
    assert said in document["error"]["message"]
    assert document["data"]["total"]["downloads"] == 0
    covcat("fetch", "sample")  # of what is here whole, nothing lacks that could be asked for
    for words in ([], ["-n"]):
        assert covcat("fetch", "sample", "--include", "nosuch*", *words).code == 0
    both = covcat("fetch", name, "figure1", "--include", "nosuch*", "-n")
    check_said(both, 3, "2 of 2 have no file that is asked for: ")


def _plan_of(covcat, *names: str) -> str:
    return covcat("fetch", *names, "-n").err


def test_several_releases_are_summed_up_before_they_come(covcat, offered) -> None:
    assert "in all: 2 releases, 2 downloads" in covcat("fetch", "sample", "set").err


def test_a_dry_run_touches_nothing(covcat, shelf, server) -> None:
    shelf.add_repository()
    ran = covcat("fetch", "set", "radiopaedia", "--dry-run", "--json")
    steps = ran.document["data"]["steps"]
    assert [(step["id"], step["action"]) for step in steps] == [
        ("set@1", "fetch"),
        ("radiopaedia", "ask"),
    ]
    assert not DATA.exists()
    assert not server.requests


@pytest.mark.parametrize("args", [(), ("cohen", "--modality", "ct"), ("cohen", "--all")])
def test_what_to_fetch_must_be_said_in_one_way(covcat, args) -> None:
    ran = covcat("fetch", *args)
    assert (ran.code, ran.out) == (2, "")
    assert "hint: covcat list" in ran.err


# ---- more than one file, and what is here already ----------------------------------------------


def _two_files(shelf, *files: dict[str, str]) -> None:
    at = "https://data.example.org"
    shelf.add_files("two", *({"url": f"{at}/{n}", **keys} for n, keys in enumerate(files)))


@pytest.mark.parametrize(
    ("second", "said"),
    [("img/1.TXT", "are one path"), ("Img", "are one path"), ("Img/1.txt", "two archives")],
)
def test_two_archives_of_a_release_may_not_collide(
    covcat, shelf, server, second: str, said: str
) -> None:
    _two_files(shelf, *({"name": name, "unpack": "zip"} for name in ("a.zip", "b.zip")))
    server.serve("/data.example.org/0", Answer(zip_of({"Img/1.txt": b"1"})))
    server.serve("/data.example.org/1", Answer(zip_of({second: b"2"})))
    ran = covcat("fetch", "two")
    assert (ran.code, nothing_is_left()) == (6, True)
    assert said in ran.err or "would be one path" in ran.err


def test_equal_names_in_different_folders_are_kept_apart(covcat, shelf, server) -> None:
    _two_files(shelf, *({"name": "x.csv", "into": into} for into in ("a/", "b/")))
    server.serve("/data.example.org/0", Answer(b"0"))
    server.serve("/data.example.org/1", Answer(b"1"))
    assert covcat("fetch", "two", "--no-extract").code == 0
    archives = DATA / "two/1/archives"
    assert tree_on_disk(archives) == {"a/x.csv": b"0", "b/x.csv": b"1"}
    assert covcat("fetch", "two", "--offline").code == 0
    assert tree_on_disk(DATA / "two/1/files") == {"a/x.csv": b"0", "b/x.csv": b"1"}
    assert covcat("verify").code == 0


@pytest.mark.parametrize("second", ["x.csv", "X.CSV"])
@pytest.mark.parametrize("args", [[], ["--no-extract"]])
def test_equal_names_in_one_folder_are_refused_before_anything_comes(
    covcat, shelf, server, second: str, args: list[str]
) -> None:
    _two_files(shelf, {"name": "x.csv"}, {"name": second})
    for number in (0, 1):
        server.serve(f"/data.example.org/{number}", Answer(b"x"))
    ran = covcat("fetch", "two", *args)
    assert (ran.code, nothing_is_left()) == (5, True)
    assert f"`x.csv` and `{second}`, which are one path" in ran.err
    assert not server.requests


def test_no_extract_over_files_keeps_the_files(covcat, offered) -> None:
    covcat("fetch", "set")
    assert covcat("fetch", "set", "--no-extract").code == 0
    assert tree_on_disk(FILES) == REPOSITORY
    assert len(list((FILES.parent / "archives").iterdir())) == 1


def test_a_kept_archive_that_changed_on_disk_is_not_used(covcat, shelf, server) -> None:
    shelf.add_web("plain", "a.zip", unpack="zip")
    server.serve("/data.example.org/a.zip", Answer(zip_of({"a": b"a"})))
    covcat("fetch", "plain", "--no-extract")
    (DATA / "plain/1/archives/a.zip").write_bytes(zip_of({"a": b"b"}))
    check_said(covcat("fetch", "plain"), 5, "changed on disk: sha256 expected")
    assert not (DATA / "plain/1/files").exists()


def test_a_release_without_its_files_is_fetched_again(covcat, offered) -> None:
    covcat("fetch", "set")
    shutil.rmtree(FILES)
    ran = covcat("fetch", "set")
    assert (ran.code, ran.out) == (0, f"{FILES}\n")
    assert "here without its files" in ran.err
    assert tree_on_disk(FILES) == REPOSITORY


def test_what_is_here_without_a_pin_does_not_pass_require(covcat, shelf, server) -> None:
    shelf.add_web("plain", "table.csv")
    server.serve("/data.example.org/table.csv", Answer(b"table"))
    assert covcat("fetch", "plain").code == 0
    check_said(covcat("fetch", "plain", "--require", "pinned"), 5, "is not pinned whole")


def test_a_bomb_stops_at_the_free_space(covcat, shelf, server, monkeypatch) -> None:
    shelf.add_web("plain", "a.zip", unpack="zip")
    server.serve("/data.example.org/a.zip", Answer(zip_of({"a": bytes(1_000_000)})))
    monkeypatch.setattr("covcat.store.folder.Store.free_bytes", lambda self: 500_000)
    ran = covcat("fetch", "plain")
    assert (ran.code, nothing_is_left()) == (8, True)
    assert (
        "unpacks to 1,000,000 bytes or more: expected at most the 500,000 that are free" in ran.err
    )


# ---- a part of a release -----------------------------------------------------------------------

PICTURES = {f"images/{name}.png": name.encode() * 50 for name in "abcde"} | {"t.csv": b"1,2\n"}


def test_a_part_of_a_pinned_state_claims_no_tree(covcat, shelf, server) -> None:
    many = {**REPOSITORY, **{f"more/{number}.txt": b"%d" % number for number in range(120)}}
    shelf.add_repository(files=many)
    server.serve_repository(git_zip(many))
    assert covcat("fetch", "set", "--include", "more/*").code == 0
    (download,) = record()["downloads"]
    assert (download["verified_by"], download["tree"]) == ("sha256", None)
    assert len(tree_on_disk(FILES)) == 120
    assert covcat("verify").code == 0


# ---- what a host says --------------------------------------------------------------------------


def test_require_host_is_judged_when_the_host_has_spoken(covcat, shelf, server) -> None:
    shelf.add_web("plain", "table.csv")
    server.serve("/data.example.org/table.csv", Answer(b"table"))
    ran = covcat("fetch", "plain", "--require", "host")
    assert (ran.code, nothing_is_left()) == (5, True)
    assert "is verified by nothing better than first-use, and --require host asks" in ran.err
    assert len(server.requests) == 1
    assert covcat("fetch", "plain", "--require", "pinned").code == 5
    assert len(server.requests) == 1  # what is not pinned is known beforehand
    pinned = hashlib.sha256(b"table").hexdigest()
    shelf.add_web("plain", "table.csv", sha256=f'"{pinned}"')
    assert covcat("fetch", "plain", "--require", "host").code == 0


# ---- one set in another ------------------------------------------------------------------------


def test_who_fetches_a_set_and_another_that_holds_it_is_warned(covcat, shelf, server) -> None:
    for name in ("inner", "outer"):
        contains = "contains: [{resource: inner, evidence: all of it, source: made up}]\n"
        shelf.add_web(name, f"{name}.zip", unpack="zip")
        entry = shelf.folder / f"{name}.yaml"
        entry.write_text(entry.read_text() + (contains if name == "outer" else ""))
        server.serve(f"/data.example.org/{name}.zip", Answer(zip_of(PICTURES)))
    alone = covcat("fetch", "inner")
    assert "warning: `outer`" not in alone.err
    both = covcat("fetch", "outer")
    assert "warning: `outer` is made of images of `inner` too: all of it" in both.err
    again = covcat("fetch", "inner", "outer")
    assert "is made of images of" not in again.err


# ---- found by an attack ------------------------------------------------------------------------


def test_the_longest_names_that_are_let_in_can_be_read_back(covcat, shelf, server) -> None:
    deep = "/".join(["d"] * 63) + "/" + "n" * 255
    long = "/".join(["x" * 250] * 4) + "/" + "y" * 20
    shelf.add_web("plain", "a.zip", unpack="zip")
    server.serve("/data.example.org/a.zip", Answer(zip_of({deep: b"1", long: b"2"})))
    assert covcat("fetch", "plain", "--keep-archives").code == 0
    assert covcat("verify", "plain").code == 0


def test_archives_of_one_name_may_both_hold_archives(covcat, shelf, server) -> None:
    inner = {"in.zip": zip_of({"x.txt": b"x"})}
    for name in ("a", "b"):
        server.serve(f"/data.example.org/{name}/x.zip", Answer(zip_of(inner)))
    both = {"name": "x.zip", "unpack": "zip", "nested": ["*.zip"]}
    rows = [
        {**both, "url": f"https://data.example.org/{name}/x.zip", "into": f"{name}/"}
        for name in ("a", "b")
    ]
    shelf.add_files("plain", *rows)
    assert here(covcat("fetch", "plain")) == {"a/in/x.txt": b"x", "b/in/x.txt": b"x"}


@pytest.mark.parametrize("key", [{"exclude": ["docs/*"]}, {"strip": '"1"'}], ids=str)
def test_a_pinned_tree_with_files_left_out_is_no_entry(covcat, shelf, key: dict) -> None:
    state = {"commit": "0" * 40, "tree": "1" * 40, "unpack": "zip"}
    shelf.add_files("set", {"host": "github", "repository": "a/b", **state, **key})
    ran = covcat("catalog", "check", str(shelf.folder))
    check_said(ran, 5, "a pinned tree is that of all its files")


def test_what_is_here_is_not_lost_because_upstream_has_less_now(covcat, shelf, server) -> None:
    shelf.add_repository()
    some = {path: data for path, data in REPOSITORY.items() if path != "README.md"}
    server.serve_repository(git_zip(some))
    assert covcat("fetch", "set", "--allow-missing").code == 0
    server.serve_repository(git_zip({path: some[path] for path in list(some)[:1]}))
    ran = covcat("fetch", "set", "--allow-missing", "--keep-archives")
    check_said(ran, 5, "what came of `set@1` lacks 2 files of what is here")
    assert covcat("path", "set").code == 0
    assert len(list(Path("covcat-data/set/1/files").rglob("*.*"))) == len(some)
