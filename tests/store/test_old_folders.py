"""A data folder that commit d314246 wrote is read, verified, repaired, taken on and removed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from makers import old_folder
from makers.archives import COMMIT, REPOSITORY
from makers.releases import Shelf
from makers.runs import Ran, tree_on_disk
from servers.hosts import World

DATA = Path("covcat-data")
RELEASES = [f"{id}@1" for id in old_folder.IDS]


@pytest.fixture
def old(shelf: Shelf, world: World, covcat: Callable[..., Ran]) -> Callable[..., Ran]:
    """Run covcat beside the old folder; the hosts serve what they served then."""
    old_folder.write(DATA, shelf)
    world.github.add("test/set", COMMIT, REPOSITORY)
    for name, body in old_folder.SERVED.items():
        world.web.add(f"https://data.example.org/{name}", body)
    return lambda *args: covcat(*args, mirror=world.url)


def test_its_releases_and_what_waits_are_seen(old) -> None:
    here = {one["id"]: one for one in old("status", "--json").document["data"]["here"]}
    assert list(here) == [*RELEASES, "cut@1", "waits@1"]
    assert [one["state"] for one in here.values()] == [
        *("archives only", "a part: '--include=*.csv'", "complete", "complete", "complete"),
        *("unfinished", "unfinished"),
    ]
    assert (here["waits@1"]["files"], here["waits@1"]["bytes"]) == (2, 255)
    assert here["repo@1"]["verified_by"] == "git-tree"


def test_it_is_verified_and_compared_with_its_lock(old) -> None:
    verified = old("verify", "--json").document["data"]["verified"]
    assert [(one["id"], one["ok"]) for one in verified] == [(id, True) for id in RELEASES]
    checked = old("lock", "--check", "--json")
    assert checked.code == 0
    assert (checked.document["data"]["checked"], checked.document["data"]["drift"]) == (
        RELEASES,
        [],
    )
    written = json.loads(Path("covcat.lock").read_text())
    assert old("lock").code == 0
    assert json.loads(Path("covcat.lock").read_text()) == written


def test_its_damage_is_found_and_repaired(old) -> None:
    (DATA / "whole/1/files/CT/a.png").write_bytes(b"picture ?")
    (DATA / "repo/1/files/scripts/run.sh").unlink()
    (DATA / "sample/1/files/README.md").write_bytes(b"")
    assert old("verify").code == 5
    assert old("verify", "--repair").code == 0
    assert old("verify").code == 0
    assert (DATA / "whole/1/files/CT/a.png").read_bytes() == b"picture a"


def test_a_fetch_takes_on_what_waits_there(old, world) -> None:
    assert old("fetch", "waits").code == 0
    assert [one.path for one in world.requests] == ["/notes.txt"]
    found = tree_on_disk(DATA / "waits/1/files")
    rest = {"labels.csv": old_folder.LABELS, "notes.txt": old_folder.NOTES}
    assert found == {**old_folder.PICTURES, **rest}
    assert not (DATA / ".covcat/partial/waits@1").exists()


def test_a_fetch_takes_on_the_part_of_a_file(old, world) -> None:
    assert old("fetch", "cut").code == 0
    (request,) = world.requests
    assert request.headers["range"] == f"bytes={old_folder.CUT}-"
    assert tree_on_disk(DATA / "cut/1/files") == {"big.bin": old_folder.BIG}


def test_a_fetch_keeps_what_is_there_and_makes_a_part_whole(old, world) -> None:
    assert old("fetch", "whole", "repo", "sample").code == 0
    assert old("fetch", "packed", "--no-extract").code == 0
    assert world.requests == []
    assert old("fetch", "part").code == 0
    assert set(tree_on_disk(DATA / "part/1/files")) == {*old_folder.PICTURES, "labels.csv"}


def test_it_is_fetched_again_by_its_lock(old) -> None:
    assert old("remove", *old_folder.IDS, "--yes").code == 0
    assert old("fetch", "--locked").code == 0
    assert old("lock", "--check").code == 0


def test_it_is_removed(old) -> None:
    assert old("remove", *old_folder.IDS, "waits", "cut", "--yes").code == 0
    assert [path.name for path in DATA.iterdir()] == [".covcat"]
    assert not list((DATA / ".covcat/partial").iterdir())
    assert not list((DATA / ".covcat/staging").iterdir())
