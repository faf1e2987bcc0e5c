"""A repository's files one by one: by wish, because few are wanted, or because archives break."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from makers.archives import COMMIT
from makers.releases import git_rows
from makers.runs import here
from makers.said import check_said, record
from servers.hosts import FOR_EVER, World

from covcat import hosts
from covcat.catalog import listing
from covcat.catalog.files import GitHubFile
from covcat.digests import tree_id
from covcat.download.api import Api
from covcat.download.http import Web
from covcat.download.remote import Network, RemoteFile
from covcat.errors import NetworkError
from covcat.hosts.base import HostContext
from covcat.progress import Silent

FILES = {
    "README.md": b"# made up\n",
    "images/a b%1+(c).png": b"\x89PNG one" * 400,
    "images/two.png": b"\x89PNG two" * 400,
    "metadata.csv": b"filename\ntwo.png\n",
    "run.sh": b"#!/bin/sh\n",
}
REPOSITORY = {"host": "github", "repository": "a/set", "unpack": "zip"}
LARGE = b"what git lfs keeps " * 5000
RAW, CODELOAD, API = "raw.githubusercontent.com", "codeload.github.com", "api.github.com"


def pinned(shelf, files=FILES, *, tree: str | None = None, unknown: set[str] = frozenset()) -> None:
    """Write an entry with a tree id and a listing; sizes and sha256 of `unknown` are left out."""
    rows = [
        listing.ListedFile(one.path, one.mode, one.blob, None, None) if one.path in unknown else one
        for one in git_rows(files)
    ]
    found = tree or tree_id((one.path, one.mode, one.blob) for one in rows)
    (shelf.folder / "listings").mkdir()
    listing.write(shelf.folder / "listings" / "set@1.tsv.gz", rows)
    totals = listing.totals(one.bytes for one in rows)
    contents = f"files: {totals.files}, bytes: {totals.bytes}, of_unknown_size: {len(unknown)}"
    more = f"    listing: listings/set@1.tsv.gz\n    contents: {{{contents}}}\n"
    shelf.add_files("set", {**REPOSITORY, "commit": COMMIT, "tree": found}, more=more)


def moving(shelf) -> None:
    """Write an entry of a branch."""
    shelf.add_files("set", {**REPOSITORY, "branch": "main"})


def tree_of(files=FILES) -> str:
    """Return the id of the tree of a repository."""
    return tree_id((one.path, one.mode, one.blob) for one in git_rows(files))


@pytest.fixture
def repository(world: World) -> World:
    modes = {"run.sh": "100755"}
    world.github.add("a/set", COMMIT, FILES, branch="main", modes=modes)
    return world


def test_an_archive_that_breaks_twice_is_followed_by_its_files(covcat, repository, shelf) -> None:
    pinned(shelf)
    repository.faults.cut(CODELOAD, "/", after=300, framing="chunked", times=FOR_EVER)
    ran = covcat("fetch", "set", mirror=repository.url)
    assert here(ran) == FILES
    assert len(repository.asked(CODELOAD)) == 2
    assert "asking for its files one by one" in ran.err


def test_an_archive_that_breaks_once_is_asked_for_again(covcat, repository, shelf) -> None:
    pinned(shelf)
    repository.faults.cut(CODELOAD, "/", after=300, framing="chunked", times=1)
    assert here(covcat("fetch", "set", mirror=repository.url)) == FILES
    assert not repository.asked(RAW)


def test_where_neither_way_works_both_failures_are_said(covcat, repository, shelf) -> None:
    pinned(shelf)
    repository.faults.cut(CODELOAD, "/", after=300, framing="chunked", times=FOR_EVER)
    repository.faults.answer(RAW, "/", 404, times=FOR_EVER)
    ran = covcat("fetch", "set", mirror=repository.url)
    assert (ran.code, ran.out) == (4, "")
    assert "nor did its files come one by one" in ran.err
    assert not Path("covcat-data/set").exists()


def test_a_wrong_file_is_named_and_only_it_is_asked_for_again(covcat, repository, shelf) -> None:
    pinned(shelf)
    repository.faults.corrupt(RAW, f"/a/set/{COMMIT}/images/two.png")
    ran = covcat("fetch", "set", "--by-file", mirror=repository.url)
    check_said(ran, 5, "`images/two.png` is not the pinned file: sha256 expected ")
    repository.faults.clear()
    before = len(repository.asked(RAW))
    assert here(covcat("fetch", "set", "--by-file", mirror=repository.url)) == FILES
    assert len(repository.asked(RAW)) == before + 1


def test_the_api_says_the_sizes_that_a_listing_lacks(covcat, repository, shelf) -> None:
    pinned(shelf, unknown={"images/two.png"})
    assert covcat("fetch", "set", "--by-file", mirror=repository.url).code == 0
    assert [one["verified_by"] for one in record()["files"] if "two" in one["path"]] == ["git-blob"]


@pytest.mark.parametrize("truncates", [False, True])
def test_a_branch_comes_as_one_commit_that_its_tree_says(
    covcat, repository, shelf, truncates: bool
) -> None:
    moving(shelf)
    repository.github.api.truncates = truncates
    ran = covcat("fetch", "set", "--by-file", mirror=repository.url)
    assert here(ran) == FILES
    assert {one.path.split("/")[3] for one in repository.asked(RAW)} == {COMMIT}
    assert {one["verified_by"] for one in record()["downloads"]} == {"host-sha1"}


@pytest.mark.parametrize(
    ("kind", "target"), [("links", "README.md"), ("submodules", "c" * 40)], ids=["link", "other"]
)
def test_links_and_other_repositories_are_refused(covcat, world, shelf, kind, target) -> None:
    world.github.add("a/set", COMMIT, FILES, branch="main", **{kind: {"elsewhere": target}})
    moving(shelf)
    ran = covcat("fetch", "set", "--by-file", mirror=world.url)
    check_said(ran, 5, "the repository holds `elsewhere`, which is a link or another repository")


def test_a_listing_of_another_tree_is_refused(covcat, repository, shelf) -> None:
    pinned(shelf, tree="1" * 40)
    ran = covcat("fetch", "set", "--by-file", mirror=repository.url)
    check_said(ran, 5, f"git tree expected {'1' * 40}, got ")


def test_few_files_of_many_come_without_the_archive(covcat, repository, shelf) -> None:
    pinned(shelf)
    ran = covcat("fetch", "set", "--include", "metadata.csv", mirror=repository.url)
    assert here(ran) == {"metadata.csv": FILES["metadata.csv"]}
    assert not repository.asked(CODELOAD)
    assert record()["selection"] == ["--include=metadata.csv"]
    assert covcat("verify", "set").code == 0
    whole = covcat("fetch", "set", mirror=repository.url)
    assert here(whole) == FILES
    assert record()["selection"] == []


# ---- git lfs -----------------------------------------------------------------------------------


CT = "volumes/ct.nii.gz"
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    f"oid sha256:{hashlib.sha256(LARGE).hexdigest()}\nsize {len(LARGE)}\n"
).encode()


@pytest.mark.parametrize("state", ["pinned", "branch"])
@pytest.mark.parametrize("way", [["--by-file"], []], ids=["by file", "in the archive"])
def test_what_git_lfs_keeps_takes_the_place_of_its_pointer(
    covcat, direct, shelf, way: list[str], state: str
) -> None:
    files, modes = {**FILES, CT: LARGE}, {"run.sh": "100755"}
    direct.github.add("a/set", COMMIT, files, branch="main", lfs={CT}, modes=modes)
    if state == "pinned":
        pinned(shelf, {**FILES, CT: POINTER})
    else:
        moving(shelf)
    ran = covcat("fetch", "set", *way, mirror=None)
    assert here(ran) == files
    assert "1 pointer of Git LFS; fetching" in ran.err
    (kept,) = [one for one in record()["files"] if one["lfs"]]
    kind = "sha256" if state == "pinned" else "host-sha1" if way else "first-use"
    assert (kept["path"], kept["verified_by"]) == (f"files/{CT}", kind)
    assert covcat("verify", "set", mirror=None).code == 0
    assert not direct.leaks


def test_a_repository_over_its_quota_of_git_lfs_says_so(covcat, world, shelf) -> None:
    world.github.add("a/set", COMMIT, {"a.bin": LARGE}, branch="main", lfs={"a.bin"})
    world.github.over_quota = {"a/set"}
    moving(shelf)
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code in (4, 7)
    assert "over its data quota" in ran.err
    assert not Path("covcat-data/set").exists()


# ---- assets of releases ------------------------------------------------------------------------


@pytest.mark.parametrize("has_digest", [True, False])
def test_an_asset_of_a_release_is_checked_by_githubs_digest(
    covcat, direct, shelf, has_digest: bool
) -> None:
    data = b"a table\n" * 100
    direct.github.add("a/set", COMMIT, FILES, branch="main", tag="v1")
    direct.github.release("a/set", "v1", {"t.csv": data}, digests=has_digest)
    asset = {"repository": "a/set", "tag": "v1", "asset": "t.csv"}
    shelf.add_files("set", {"host": "github", **asset})
    ran = covcat("fetch", "set", mirror=None)
    assert here(ran) == {"t.csv": data}
    expected = "host-sha256" if has_digest else "first-use"
    assert [one["verified_by"] for one in record()["downloads"]] == [expected]
    assert not direct.leaks


def test_an_address_that_an_api_names_may_not_be_a_private_one(covcat, world, shelf) -> None:
    world.github.add("a/set", COMMIT, {"a.bin": LARGE}, branch="main", lfs={"a.bin"})
    answer = {"objects": [{"actions": {"download": {"href": "https://127.0.0.1/a"}}}]}
    web = Web(Network(pause=0), world.transport())
    ask = HostContext(Api(web, Network(pause=0), Silent()))
    url = "https://github.com/a/set.git/info/lfs/objects/batch"
    world.web.add(url, json.dumps(answer).encode(), "application/json")
    file = GitHubFile(host="github", repository="a/set", branch="main", unpack="zip")
    served = RemoteFile(file=file, name="a.bin", id=f"lfs:{'0' * 64}:main/a.bin", bytes=1)
    location = hosts.locate(served, ask)
    with (
        pytest.raises(NetworkError, match="which is at the private address"),
        web.get(location.signed or "", login=location.login),
    ):
        pass
    assert "https://127.0.0.1/a" not in repr(location)


# ---- what may be claimed -----------------------------------------------------------------------


@pytest.mark.parametrize("require", ["any", "pinned"])
def test_a_file_of_unknown_size_is_compared_though_the_api_says_nothing(
    covcat, repository, shelf, require: str
) -> None:
    pinned(shelf, unknown={"images/two.png"})
    tree = f"https://api.github.com/repos/a/set/git/trees/{COMMIT}"
    repository.web.add(tree, b'{"tree": [], "truncated": false}', "application/json")
    fetch = ("fetch", "set", "--include", "images/two.png", "--require", require)
    assert covcat(*fetch, mirror=repository.url).code == 0
    assert [one["verified_by"] for one in record()["files"]] == ["git-blob"]
    shutil.rmtree("covcat-data")
    repository.faults.corrupt(RAW, f"/a/set/{COMMIT}/images/two.png")
    wrong = covcat(*fetch, mirror=repository.url)
    check_said(wrong, 5, "changed: images/two.png: git blob expected ")
    assert not Path("covcat-data/set").exists()


def test_an_edited_manifest_does_not_pass_a_changed_file_for_one_of_git_lfs(
    covcat, repository, shelf
) -> None:
    pinned(shelf)
    folder = Path(covcat("fetch", "set", mirror=repository.url).out.strip())
    (folder / "README.md").write_bytes(b"another text")
    path = folder.parent / "manifest.json"
    document = json.loads(path.read_text())
    for row in document["files"]:
        if row["path"] == "files/README.md":
            row["sha256"] = hashlib.sha256(b"another text").hexdigest()
            row["bytes"], row["lfs"] = len(b"another text"), True
    document["total_bytes"] = sum(row["bytes"] for row in document["files"])
    path.write_text(json.dumps(document))
    lines = [f"{row['sha256']}  {row['path']}\n" for row in document["files"]]
    (folder.parent / "SHA256SUMS").write_text("".join(lines))
    check_said(covcat("verify", "set", mirror=None), 5, "README.md")


def test_a_tree_goes_into_a_folder_of_the_release_too(covcat, repository, shelf) -> None:
    state = {**REPOSITORY, "commit": COMMIT, "tree": tree_of()}
    shelf.add_files("set", {**state, "into": "x/"})
    for way in ([], ["--by-file"]):
        ran = covcat("fetch", "set", *way, mirror=repository.url)
        assert here(ran) == {f"x/{path}": data for path, data in FILES.items()}
        assert {one["verified_by"] for one in record()["downloads"]} == {"git-tree"}
        shutil.rmtree("covcat-data")


def test_a_part_and_then_the_whole_of_a_branch_are_no_change(covcat, repository, shelf) -> None:
    moving(shelf)
    assert covcat("fetch", "set", "--include", "*.csv", mirror=repository.url).code == 0
    assert here(covcat("fetch", "set", mirror=repository.url)) == FILES


def test_a_part_without_its_tree_is_not_enough_for_who_asks_for_pins(
    covcat, repository, shelf
) -> None:
    shelf.add_files("set", {**REPOSITORY, "commit": COMMIT, "tree": tree_of()})
    options = ["--include", "*.png", "--require", "pinned"]
    ran = covcat("fetch", "set", *options, mirror=repository.url)
    check_said(ran, 5, "--require pinned asks for more")
    assert not Path("covcat-data/set").exists()


def test_two_repositories_that_both_break_come_file_by_file(covcat, world, shelf) -> None:
    names = ("a/set", "a/other")
    for name in names:
        world.github.add(name, COMMIT, FILES, branch="main")
    branch = {**REPOSITORY, "branch": "main"}
    rows = [{**branch, "repository": name, "into": f"{name[2:]}/"} for name in names]
    shelf.add_files("set", *rows)
    world.faults.cut(CODELOAD, "/", after=300, framing="chunked", times=FOR_EVER)
    assert len(here(covcat("fetch", "set", mirror=world.url))) == 2 * len(FILES)
