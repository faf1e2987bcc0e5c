"""What a user asks covcat to write never lands in a release, or in covcat's own folders."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.runs import Ran, tree_on_disk

Covcat = Callable[..., Ran]

WRITING = {  # all that writes where a user says
    "images": ("images", "-o", "{}.csv"),
    "images, a database": ("images", "-o", "{}.sqlite"),
    "select, a folder": ("select", "-o", "{}"),
    "select, a list": ("select", "-o", "{}.txt"),
    "lock": ("lock", "-o", "{}.lock"),
    "manifest export": ("manifest", "export", "-o", "{}.csv"),
    "manifest export, a bag": ("manifest", "export", "--format", "bagit", "-o", "{}"),
    "extract": ("extract", "a.zip", "{}"),
}
RELEASE = "is inside the release `sample@1`"
PLACES = {
    "in files": ("covcat-data/sample/1/files/x", RELEASE),
    "beside the manifest": ("covcat-data/sample/1/x", RELEASE),
    "by way of ..": ("covcat-data/sample/1/files/images/../../x", RELEASE),
    "by way of a link": ("shortcut/x", RELEASE),
    "by way of a link and ..": ("shortcut/../x", RELEASE),
    "in a release that lost its sums": ("covcat-data/bare/1/x", "inside the release `bare@1`"),
    "in a release that was moved": ("papers/data/files/x", "is inside the release `papers@data`"),
    "in covcat's own folder": ("covcat-data/.covcat/partial/x", "is inside covcat's own folder"),
}


@pytest.fixture
def here(covcat: Covcat) -> None:
    covcat("fetch", "sample", "-q")
    covcat("images", "-q")
    shutil.copytree("covcat-data/sample/1", "papers/data")
    Path("shortcut").symlink_to("covcat-data/sample/1/files/images")
    Path("covcat-data/bare/1").mkdir(parents=True)
    Path("covcat-data/bare/1/manifest.json").write_text("{}")
    Path("a.zip").write_bytes(zip_of({"a.txt": b"a"}))


@pytest.mark.parametrize("args", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize(("place", "said"), PLACES.values(), ids=PLACES)
def test_nothing_is_written_into_a_release(
    covcat: Covcat, here: None, args: tuple[str, ...], place: str, said: str
) -> None:
    before = tree_on_disk(Path())
    words = [one.replace("{}", place) for one in args]
    names = ["sample"] if args[0] != "extract" else []
    ran = covcat(*words, *names)
    assert (ran.code, ran.out) == (2, ""), ran
    assert said in ran.err
    assert "hint: give another " in ran.err
    assert tree_on_disk(Path()) == before


def test_a_lock_behind_a_link_is_written_into_no_release(covcat: Covcat, here: None) -> None:
    Path("my.lock").symlink_to("covcat-data/sample/1/files/README.md")
    before = tree_on_disk(Path())
    ran = covcat("lock", "sample", "-o", "my.lock")
    assert (ran.code, RELEASE in ran.err) == (2, True)
    assert tree_on_disk(Path()) == before


@pytest.mark.parametrize("args", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("place", ["new", "covcat-data/new", "papers/new", "covcat-data/sample/n"])
@pytest.mark.large
def test_beside_a_release_there_is_room(
    covcat: Covcat, here: None, args: tuple[str, ...], place: str
) -> None:
    words = [one.replace("{}", place) for one in args]
    ran = covcat(*words, *(["sample"] if args[0] != "extract" else []))
    assert ran.code == 0, ran


def test_no_export_is_taken_for_the_record_of_a_release(covcat: Covcat, here: None) -> None:
    ran = covcat("lock", "sample", "-o", "covcat-data/sample/2/manifest.json")
    assert (ran.code, "taken for the record of a release" in ran.err) == (2, True)
