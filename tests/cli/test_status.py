"""status and remove count the same: what is here, and what waits of what is not whole."""

import json
import os
from pathlib import Path

import pytest
from makers.archives import REPOSITORY
from makers.said import check_said
from servers.server import Answer

from covcat.download.parts import Parts, key_of

DATA = Path("covcat-data")
PARTS = DATA / ".covcat/parts"
BODY = b"0123456789" * 50_000
TAG = {"ETag": '"1"', "Accept-Ranges": "bytes"}


def here(covcat) -> list[dict]:
    return covcat("status", "--json").document["data"]["here"]


@pytest.fixture
def broken(covcat, shelf, server):
    """Run covcat after a fetch that was cut: one file is finished, one half here."""
    shelf.add_files("set", {"name": "a.bin"}, {"name": "b.bin"})
    server.serve("/data.example.org/a.bin", Answer(BODY, headers=TAG))
    server.serve("/data.example.org/b.bin", Answer(BODY, headers=TAG, cut=200_000))
    assert covcat("fetch", "set", "--retries", "0").code == 4
    return covcat


def test_what_waits_after_a_broken_fetch_is_told_in_files_and_bytes(broken) -> None:
    (record,) = PARTS.glob("set@1.*.json")
    came = json.loads(record.read_text())["offset"]
    assert 0 < came <= 200_000
    (row,) = here(broken)
    assert (row["id"], row["state"], row["files"]) == ("set@1", "unfinished", 2)
    assert row["bytes"] == len(BODY) + came
    assert row["note"] == "covcat fetch set@1 goes on"
    told = broken("status").err.splitlines()
    assert told[0] == "set@1: covcat fetch set@1 goes on"
    assert told[1].startswith("0 releases and 1 unfinished in `covcat-data`, ")


def test_a_part_alone_is_told_by_its_release(covcat) -> None:
    PARTS.mkdir(parents=True)
    part = Parts(PARTS).new(key_of("cohen@0.1", "x.zip"), "x.zip")
    part.write(b"12345")  # no checkpoint yet
    for name in ("0123456789abcdef.01234567", "..@1.0123456789ab.01234567", "notes"):
        (PARTS / f"{name}.part").write_bytes(b"of nobody knows what")
    (row,) = here(covcat)
    part.close()
    assert (row["id"], row["files"], row["bytes"]) == ("cohen@0.1", 1, 5)


@pytest.mark.parametrize("options", [[], ["--partial"]])
def test_what_waits_is_removed_as_it_was_counted(broken, options: list[str]) -> None:
    (row,) = here(broken)
    ran = broken("remove", "set", *options, "--yes", "--json")
    (gone,) = ran.document["data"]["removed"]
    counted = (gone["files"], gone["waiting_files"], gone["waiting_bytes"])
    assert counted == (0, row["files"], row["bytes"])
    assert (here(broken), list(PARTS.iterdir())) == ([], [])
    assert broken("remove", "set", "--yes").code == 3


def test_a_release_is_removed_as_it_was_counted(covcat, offered) -> None:
    assert covcat("fetch", "set", "--keep-archives").code == 0
    assert covcat("verify").code == 0
    (row,) = here(covcat)
    (would,) = covcat("remove", "set", "-n", "--json").document["data"]["removed"]
    assert (would["files"], would["bytes"]) == (row["files"], row["bytes"])
    assert row["files"] == len(REPOSITORY) + 1


# ---- what was changed --------------------------------------------------------------------------

README = DATA / "set/1/files/README.md"


@pytest.fixture
def rotten(covcat, offered):
    """Run covcat on a release with a file that was damaged on disk."""
    assert covcat("fetch", "set").code == 0
    README.write_bytes(README.read_bytes().swapcase())
    then = (DATA / "set/1/manifest.json").stat().st_mtime + 60
    os.utime(README, (then, then))
    return covcat


def test_a_damaged_file_that_is_recorded_goes_with_force_and_the_refusal_says_so(rotten) -> None:
    for command in ("remove set --yes", "remove set --dry-run"):
        ran = rotten(*command.split())
        check_said(ran, 5, "  files/README.md: modified since, sha256 expected")
        assert ran.err.endswith("hint: covcat remove set@1 --force\n")
        assert README.is_file()
    asks = rotten("remove", "set", "--force")
    check_said(asks, 2, "hint: covcat remove set@1 --force --yes\n")
    check_said(rotten("remove", "set", "--force", "--yes"), 0, "set@1: removed: 4 files")
    assert not README.exists()


@pytest.mark.parametrize("place", ["files/mine.txt", "mine.txt", ".git/HEAD", "files/README.md"])
def test_force_takes_nothing_along_that_covcat_never_recorded(rotten, place: str) -> None:
    path = DATA / "set/1" / place
    if path == README:  # a link in place of a file
        README.unlink()
        README.symlink_to("elsewhere")
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    ran = rotten("remove", "set", "--force", "--yes")
    check_said(ran, 8, place.removesuffix("/HEAD"))
    assert os.path.lexists(path)


def test_litter_that_goes_with_a_release_is_named(covcat, offered) -> None:
    assert covcat("fetch", "set").code == 0
    README.with_name(".DS_Store").write_bytes(b"Finder was here")
    for option in ("--dry-run", "--yes"):
        check_said(covcat("remove", "set", option), 0, "no damage: `files/.DS_Store`")


# ---- what is not there -------------------------------------------------------------------------

ABSENT = {
    "status --data-dir nowhere": "there is no data folder `nowhere`",
    "verify --data-dir nowhere": "there is no data folder `nowhere`",
    "verify set --data-dir nowhere": "`set` is not in `nowhere`",
    "manifest show --data-dir nowhere": "there is no data folder `nowhere`",
    "manifest export --data-dir nowhere": "nothing is in `nowhere`",
    "remove set --yes --data-dir nowhere": "`set` is not in `nowhere`",
    "path set --data-dir nowhere": "`set` is not in `nowhere`",
    "lock --data-dir nowhere": "there is no data folder `nowhere`",
    "lock set --data-dir nowhere": "there is no data folder `nowhere`",
    "lock --check --data-dir nowhere": "there is no data folder `nowhere`",
    "lock --check -o no.lock": "there is no lock `no.lock`",
    "fetch --locked no.lock": "there is no lock `no.lock`",
    "cite --from no.lock": "there is no lock `no.lock`",
    "import set no.zip --data-dir nowhere": "`no.zip` is not there",
    "extract no.zip": "no file `no.zip`",
    "extract --list no.zip": "no file `no.zip`",
    "select --from nowhere": "there is no record of a cohort `nowhere`",
    "catalog check nowhere.yaml": "`nowhere.yaml` is not there",
    "list --catalog nowhere": "the catalog folder `nowhere` is not there",
}


@pytest.mark.parametrize(("line", "said"), ABSENT.items(), ids=ABSENT)
def test_what_is_named_and_not_there_is_not_found_and_not_made(
    covcat, offered, line: str, said: str
) -> None:
    assert covcat("fetch", "sample", "-q").code == 0
    assert covcat("lock").code == 0
    before = sorted(Path().iterdir())
    ran = covcat(*line.split())
    check_said(ran, 3, f"error: {said}\n")
    assert (ran.out, sorted(Path().iterdir())) == ("", before)
