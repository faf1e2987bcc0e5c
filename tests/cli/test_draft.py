"""catalog draft: what a host says becomes a block that `check` accepts and `fetch` uses."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers.archives import COMMIT, zip_of
from makers.releases import Shelf
from makers.runs import Ran, tree_on_disk
from servers.hosts import World
from servers.hosts.faults import FOR_EVER, Fault
from servers.message import Reply, as_json

from covcat.catalog import yaml
from covcat.cli.draft import scalar
from covcat.errors import UsageError
from covcat.hosts.draft import record_of
from covcat.text import escaped

DOI = "10.7910/DVN/6ACUZI"
ZENODO = "https://zenodo.org/api/records"
HOSTILE = 'x"\n- id: y\n\x1b[31mred\u202eder\u2028#: {&a *a} !!python/object \ud800\U0001f600 \\'


@dataclass
class Desk:
    """Where a contributor sits: drafts, pastes, checks, fetches."""

    covcat: Callable[..., Ran]
    shelf: Shelf
    world: World

    def draft(self, *args: str) -> Ran:
        return self.covcat("catalog", "draft", *args, mirror=self.world.url)

    def block(self, *args: str) -> str:
        ran = self.draft(*args)
        assert ran.code == 0, ran.err
        return ran.out

    def checked(self, block: str) -> list[dict[str, Any]]:
        """Paste a block into an entry, check it, and return the files of its release."""
        self.shelf.add("set", block)
        path = self.shelf.folder / "set.yaml"
        ran = self.covcat("catalog", "check", str(path))
        assert ran.code == 0, ran.err
        tree, _ = yaml.parse(path.read_bytes(), "set.yaml")
        return tree["releases"][0]["files"]

    def fetched(self, block: str) -> dict[str, bytes]:
        """Check a block, fetch it, and return what is there then."""
        self.checked(block)
        ran = self.covcat("fetch", "set", mirror=self.world.url)
        assert ran.code == 0, ran.err
        return tree_on_disk(Path(ran.out.strip()))

    def says(self, host: str, change: Callable[[Any], object], prefix: str = "/") -> None:
        """Let a host's API answer what `change` made of the right JSON."""

        def changed(reply: Reply) -> Reply:
            if "json" not in (reply.header("Content-Type") or "") or reply.status != 200:
                return reply
            tree = json.loads(reply.body)
            change(tree)
            return replace(reply, body=json.dumps(tree).encode())

        self.world.faults.add(Fault(host, prefix, FOR_EVER, after=changed))


@pytest.fixture
def desk(covcat: Callable[..., Ran], shelf: Shelf, world: World) -> Desk:
    return Desk(covcat, shelf, world)


def notes(block: str) -> list[str]:
    return [line[4:] for line in block.splitlines() if line.startswith("# - ")]


# ---- what is printed is what an entry needs ----------------------------------------------------


def test_a_zenodo_record_is_drafted_checked_and_fetched(desk: Desk) -> None:
    one, two = {"x.nii.gz": b"one"}, {"x.nii.gz": b"two"}
    files = {"A_20.zip": zip_of(one), "B mask.zip": zip_of(two), "t.csv": b"a\n", "v.nii.gz": b"v"}
    desk.world.zenodo.add("3757476", files, version="2")
    block = desk.block("zenodo:3757476")
    assert desk.fetched(block) == {
        "A_20/x.nii.gz": b"one",
        "B mask/x.nii.gz": b"two",
        "t.csv": b"a\n",
        "v.nii.gz": b"v",
    }
    rows = desk.checked(block)
    assert [(row["name"], row["unpack"]) for row in rows] == [
        ("A_20.zip", "zip"),
        ("B mask.zip", "zip"),
        ("t.csv", "none"),
        ("v.nii.gz", "none"),
    ]
    assert all(row["record"] == "3757476" and len(row["md5"]) == 32 for row in rows)
    assert [int(row["bytes"]) for row in rows] == [len(data) for data in files.values()]
    assert re.search(r'- id: zenodo-3757476\n    date: "2021-01-05"\n', block)
    assert re.search(rf'source: "{ZENODO}/3757476, read \d{{4}}-\d\d-\d\d"', block)


def test_a_figshare_article_is_drafted_checked_and_fetched(desk: Desk) -> None:
    files = {"5": ("a.bin", b"five"), "6": ("b.zip", zip_of({"in.txt": b"six"}))}
    desk.world.figshare.add("13521488", version="1", files={"4": ("old", b"old")})
    desk.world.figshare.add("13521488", version="2", files=files, folders={"5": "deep/er"})
    block = desk.block("figshare:13521488")
    assert desk.fetched(block) == {"deep/er/a.bin": b"five", "in.txt": b"six"}
    assert {row["version"] for row in desk.checked(block)} == {"2"}
    assert "#   license: CC0 https://creativecommons.org/publicdomain/zero/1.0/\n" in block
    assert "  - id: figshare-v1\n" in desk.block("figshare:10.6084/m9.figshare.13521488.v1")


def test_a_dataverse_set_is_drafted_checked_and_fetched(desk: Desk) -> None:
    files = {
        "ct/scans.zip": zip_of({"1.dcm": b"1"}),
        "ct/t.csv": b"a,b\n1,2\n",
        "xr/t.csv": b"c,d\n",
    }
    desk.world.dataverse.add(DOI, files, version="1.0", ingested=["ct/t.csv"], checksum="SHA-256")
    desk.world.dataverse.add(DOI, {"later.txt": b"later"}, version="1.1")
    block = desk.block(f"dataverse:{DOI}@1.0")
    assert desk.fetched(block) == {
        "ct/1.dcm": b"1",
        "ct/t.csv": b"a,b\n1,2\n",
        "xr/t.csv": b"c,d\n",
    }
    pins = [("sha256" in row, "bytes" in row, row["version"]) for row in desk.checked(block)]
    assert pins == [(True, True, "1.0"), (False, False, "1.0"), (True, True, "1.0")]
    assert "no digest, because Dataverse made a table of it: `ct/t.csv`" in notes(block)
    assert "several files are called `t.csv`" in notes(block)
    assert 'version: "1.1"' in desk.block(f"dataverse:{DOI}")


def test_another_dataverse_is_asked_by_its_address(desk: Desk) -> None:
    server = "demo.dataverse.org"
    desk.world.dataverse.add("10.70122/FK2/X", {"a.txt": b"a"}, server=server, redirects=False)
    block = desk.block(f"dataverse:https://{server}/10.70122/FK2/X")
    assert f'server: "https://{server}"' in block
    assert desk.fetched(block) == {"a.txt": b"a"}


def test_a_mendeley_set_is_drafted_checked_and_fetched(desk: Desk) -> None:
    files = {"COVID-19/a 1.png": b"1", "Non COVID/a 1.png": b"2", "d(1).txt": b"3"}
    desk.world.mendeley.add("2fxz4px6d8", version="3", files={"old.txt": b"old"})
    desk.world.mendeley.add("2fxz4px6d8", version="4", files=files)
    block = desk.block("mendeley:2fxz4px6d8")
    assert desk.fetched(block) == files
    assert all(len(row["sha256"]) == 64 for row in desk.checked(block))
    assert "without `name:`, which refuses the name that the host has: `d(1).txt`" in notes(block)
    assert desk.fetched(desk.block("mendeley:2fxz4px6d8.3")) == {"old.txt": b"old"}


def test_a_kaggle_set_is_its_zip_and_says_that_nothing_pins_it(desk: Desk) -> None:
    desk.world.kaggle.add("owner/slug", version="4", files={"old.png": b"old"})
    desk.world.kaggle.add("owner/slug", version="5", files={"a/1.png": b"1"})
    block = desk.block("kaggle:owner/slug")
    assert desk.fetched(block) == {"a/1.png": b"1"}
    (row,) = desk.checked(block)
    assert row == {"host": "kaggle", "dataset": "owner/slug", "version": "5", "unpack": "zip"}
    assert "Kaggle publishes no digest" in notes(block)[0]
    assert 'version: "4"' in desk.block("kaggle:owner/slug@4")


def test_a_github_state_is_pinned_by_commit_and_tree_and_counted(desk: Desk) -> None:
    files = {"README.md": b"x", "images/a.png": b"yy" * 50}
    tree = desk.world.github.add("o/r.x", COMMIT, files, tag="v1.0")
    block = desk.block("github:o/r.x@v1.0")
    (row,) = desk.checked(block)
    assert (row["commit"], row["tree"]) == (COMMIT, tree)
    assert "#   files: 2, 101 bytes\n" in block
    assert desk.fetched(block) == files
    assert f"commit: {COMMIT}" in desk.block("https://github.com/o/r.x")


def test_a_repository_with_links_says_why_it_is_not_counted(desk: Desk) -> None:
    desk.world.github.add("o/r", COMMIT, {"a": b"a"}, links={"b": "a"})
    block = desk.block("github:o/r")
    assert "the repository holds `b`, which is a link" in notes(block)[0]
    assert "#   files:" not in block
    desk.checked(block)


def test_bytes_of_a_repository_with_git_lfs_are_said_to_be_of_pointers(desk: Desk) -> None:
    desk.world.github.add("o/r", COMMIT, {".gitattributes": b"*.bin filter=lfs\n"})
    assert any("pointers" in note for note in notes(desk.block("github:o/r")))


def test_json_is_one_document_with_the_same_releases(desk: Desk) -> None:
    desk.world.zenodo.add("7", {"a.bin": b"a"})
    document = desk.draft("zenodo:7", "--json").document
    assert (document["schema"], document["ok"]) == ("covcat.catalog-draft/1", True)
    data = document["data"]
    assert (data["title"], data["authors"]) == ("A made-up record", ["Up, Made"])
    assert data["license"] == {"name": "cc-by-4.0", "url": ""}
    (release,) = data["releases"]
    plain = [{key: str(value) for key, value in file.items()} for file in release["files"]]
    assert plain == desk.checked(desk.block("zenodo:7"))


# ---- names of records --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zenodo:3757476", "zenodo 3757476 None"),
        ("zenodo:10.5281/zenodo.3757476", "zenodo 3757476 None"),
        ("10.5281/zenodo.3757476", "zenodo 3757476 None"),
        ("https://doi.org/10.5281/zenodo.3757476", "zenodo 3757476 None"),
        ("https://zenodo.org/records/3757476#files", "zenodo 3757476 None"),
        ("zenodo:https://www.zenodo.org/record/3757476/", "zenodo 3757476 None"),
        ("figshare:13521488", "figshare 13521488 None"),
        ("figshare:13521488.v2", "figshare 13521488 2"),
        ("doi:10.6084/m9.figshare.13521488.v2", "figshare 13521488 2"),
        ("https://figshare.com/articles/dataset/2020/13521488/2", "figshare 13521488 2"),
        (f"dataverse:{DOI}", f"dataverse {DOI} None"),
        (f"dataverse:doi:{DOI}@1.0", f"dataverse {DOI} 1.0"),
        (
            f"https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:{DOI}&version=2.1",
            f"dataverse {DOI} 2.1",
        ),
        (DOI, f"dataverse {DOI} None"),
        (f"https://doi.org/{DOI}", f"dataverse {DOI} None"),
        (f"doi:{DOI}@1.0", f"dataverse {DOI} 1.0"),
        (f"DOI: {DOI.lower()}", f"dataverse {DOI} None"),
        ("mendeley:2fxz4px6d8", "mendeley 2fxz4px6d8 None"),
        ("mendeley:2fxz4px6d8.4", "mendeley 2fxz4px6d8 4"),
        ("https://data.mendeley.com/datasets/2fxz4px6d8/4", "mendeley 2fxz4px6d8 4"),
        ("10.17632/2fxz4px6d8.4", "mendeley 2fxz4px6d8 4"),
        ("kaggle:owner/slug@5", "kaggle owner/slug 5"),
        ("https://www.kaggle.com/datasets/owner/slug", "kaggle owner/slug None"),
        ("github:owner/re.po@feature/x", "github owner/re.po feature/x"),
        ("https://github.com/owner/repo.git", "github owner/repo None"),
        ("GitHub:owner/repo", "github owner/repo None"),
    ],
)
def test_a_record_may_be_named_in_several_ways(name: str, expected: str) -> None:
    record = record_of(name)
    assert f"{record.host} {record.id} {record.version}" == expected


def test_a_server_of_dataverse_is_https_whatever_was_written() -> None:
    record = record_of("dataverse:http://demo.dataverse.org:8443/10.70122/FK2/X@3")
    assert (record.server, record.id) == ("https://demo.dataverse.org:8443", "10.70122/FK2/X")


@pytest.mark.parametrize(
    "name",
    [
        *("", "zenodo:", "zenodo:12x", "zenodo:१२", "3757476", "osf:abc", "figshare:1.v"),
        *("dataverse:6ACUZI", "dataverse:10.7910/DVN/X?key=1"),
        "10.7910/DVN/6ACUZI/ABCDEF",  # of one file
        "10.70122/FK2/X",  # of a server that nobody names
        *("kaggle:slug", "github:../..", "mendeley:2FXZ4PX6D8", "https://example.org/records/1"),
    ],
)
def test_what_names_no_record_is_a_usage_error_that_shows_the_forms(name: str) -> None:
    with pytest.raises(UsageError, match="names no record") as caught:
        record_of(name)
    assert "zenodo:3757476" in caught.value.details


def test_a_wrong_name_exits_with_2_and_asks_nobody(desk: Desk) -> None:
    ran = desk.draft("zenodo:\x1b[31m")
    assert (ran.code, ran.out, desk.world.requests) == (2, "", [])
    assert "\x1b" not in ran.err
    assert "mendeley:2fxz4px6d8.4" in ran.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zenodo:9", "The persistent identifier does not exist."),
        ("figshare:9", "Entity not found: ArticleVersion"),
        ("dataverse:10.7910/DVN/NO", "Dataset with Persistent ID doi:10.7910/DVN/NO not found."),
        ("mendeley:abcdefgh", "error - dataset not found"),
        ("kaggle:a/b", "Dataset not found"),
        ("github:a/b", "Not Found"),
    ],
)
def test_an_unknown_record_exits_with_4_and_the_hosts_own_words(
    desk: Desk, name: str, said: str
) -> None:
    ran = desk.draft(name)
    assert (ran.code, ran.out) == (4, "")
    assert f"cause: {said}" in ran.err
    assert re.search("open '?https://", ran.err)
    assert "covcat show" not in ran.err


def test_an_unknown_ref_or_version_exits_with_4(desk: Desk) -> None:
    desk.world.github.add("o/r", COMMIT, {"a": b"a"})
    desk.world.kaggle.add("o/s", version="1", files={"a": b"a"})
    desk.world.dataverse.add(DOI, {"a": b"a"})
    found = [desk.draft(name) for name in ("github:o/r@no", "kaggle:o/s@2", f"dataverse:{DOI}@9.0")]
    assert [ran.code for ran in found] == [4, 4, 4]
    assert "No commit found for SHA: no" in found[0].err


def test_kaggles_errors_with_status_200_are_errors(desk: Desk) -> None:
    desk.world.kaggle.soft_errors = True
    ran = desk.draft("kaggle:a/b")
    assert (ran.code, "cause: Dataset not found" in ran.err) == (4, True)


def test_offline_is_said_as_it_is(desk: Desk) -> None:
    ran = desk.draft("zenodo:1", "--offline")
    assert (ran.code, "hint: the same command without --offline" in ran.err) == (4, True)


# ---- versions ----------------------------------------------------------------------------------


def test_a_concept_id_that_leads_nowhere_says_what_to_do(desk: Desk) -> None:
    desk.world.zenodo.add("3757476", {"a": b"a"}, concept="3757475")
    ran = desk.draft("zenodo:3757475")
    assert ran.code == 4
    assert "if 3757475 stands for all versions of a record" in ran.err
    assert "https://zenodo.org/records/3757475" in ran.err


def test_a_concept_id_leads_to_the_newest_version_where_zenodo_says_which(desk: Desk) -> None:
    desk.world.zenodo.add("3757476", {"a.bin": b"a"}, concept="3757475")
    latest = f"{ZENODO}/3757475/versions/latest"
    desk.world.web.moved(latest, f"{ZENODO}/3757476", 302)
    block = desk.block("zenodo:3757475")
    assert "3757475 stands for all versions; this is the newest, 3757476" in notes(block)
    assert [row["record"] for row in desk.checked(block)] == ["3757476"]
    assert f"{ZENODO}/3757476, read" in block


# ---- many files --------------------------------------------------------------------------------


def test_all_files_of_a_figshare_article_are_listed_not_only_its_first_ten(desk: Desk) -> None:
    files = {str(id): (f"{id}.bin", b"%d" % id) for id in range(1, 131)}
    desk.world.figshare.add("5", files=files)
    assert len(desk.checked(desk.block("figshare:5"))) == 130


def test_a_large_dataverse_set_is_one_entry_unless_each_file_is_asked_for(desk: Desk) -> None:
    files = {f"P{id:03}.rar": b"%d" % id for id in range(305)} | {"read me.txt": b"r" * 100}
    desk.world.dataverse.add(DOI, files)
    block = desk.block(f"dataverse:{DOI}")
    (row,) = desk.checked(block)
    assert "file" not in row
    assert (row["version"], row["unpack"]) == ("1.0", "rar")
    size = sum(len(data) for data in files.values())
    assert f"#   files: 306, {size:,} bytes\n" in block
    assert "one entry stands for all 306 files" in notes(block)[0]
    rows = desk.checked(desk.block(f"dataverse:{DOI}", "--each"))
    assert len({row["file"] for row in rows}) == len(rows) == 306


def test_a_large_mendeley_set_is_one_entry_that_is_fetched_whole(desk: Desk) -> None:
    files = {f"{id % 3}/{id}.txt": b"%d" % id for id in range(101)}
    desk.world.mendeley.add("2fxz4px6d8", files=files)
    block = desk.block("mendeley:2fxz4px6d8")
    assert len(desk.checked(block)) == 1
    assert desk.fetched(block) == files


def test_a_set_of_several_kinds_of_archives_unpacks_any(desk: Desk) -> None:
    files = {f"{id}.{'zip' if id % 2 else 'tar.gz'}": b"." for id in range(101)}
    desk.world.mendeley.add("2fxz4px6d8", files=files)
    assert "unpack: any\n" in desk.block("mendeley:2fxz4px6d8")


def test_a_set_that_fetch_would_refuse_says_so(desk: Desk) -> None:
    files = {f"{id}.txt": b"." for id in range(100)} | {"A.txt": b"1", "a.TXT": b"2"}
    desk.world.mendeley.add("2fxz4px6d8", files=files)
    block = desk.block("mendeley:2fxz4px6d8")
    assert any(
        "`covcat fetch` will refuse it" in note and "`A.txt`" in note for note in notes(block)
    )
    assert desk.fetched(desk.block("mendeley:2fxz4px6d8", "--each")).keys() >= {"A.txt"}


def test_more_entries_than_a_catalog_file_may_hold_are_refused(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr("covcat.cli.draft.MAX_BYTES", 500)
    desk.world.figshare.add("5", files={str(id): (f"{id}.bin", b".") for id in range(1, 9)})
    ran = desk.draft("figshare:5")
    assert (ran.code, ran.out) == (2, "")
    assert "too few for 8 entries" in ran.err


# ---- what a catalog cannot have as it is -------------------------------------------------------


def test_files_without_a_digest_are_named(desk: Desk) -> None:
    files = {str(id): (f"{id}.bin", b"%d" % id) for id in range(1, 9)}
    desk.world.figshare.add("5", files=files, unhashed=[str(id) for id in range(2, 9)])
    block = desk.block("figshare:5")
    named = ", ".join(f"`{id}.bin`" for id in range(2, 7))
    assert f"no digest: {named} and 2 more" in notes(block)
    assert [("md5" in row) for row in desk.checked(block)] == [True] + [False] * 7
    assert len(desk.fetched(block)) == 8


def test_a_digest_that_no_catalog_pins_is_left_to_fetch(desk: Desk) -> None:
    desk.world.dataverse.add(DOI, {"a.bin": b"a"}, checksum="SHA-512")
    block = desk.block(f"dataverse:{DOI}")
    assert "no pin, because the host only has sha512; fetch asks for it: `a.bin`" in notes(block)
    assert desk.fetched(block) == {"a.bin": b"a"}


def test_restricted_files_stand_in_comments(desk: Desk) -> None:
    files = {"open.txt": b"open", "ct/shut.zip": b"shut"}
    ids = desk.world.dataverse.add(DOI, files, restricted=["ct/shut.zip"])
    block = desk.block(f"dataverse:{DOI}")
    assert "restricted: `ct/shut.zip`" in notes(block)
    assert desk.fetched(block) == {"open.txt": b"open"}
    whole = block.replace("      # left out, restricted:\n", "").replace("\n      # ", "\n      ")
    assert [row["file"] for row in desk.checked(whole)] == [str(id) for id in ids.values()]
    left_out = desk.draft(f"dataverse:{DOI}", "--json").document["data"]["left_out"]
    assert [(one["why"], one["name"]) for one in left_out] == [("restricted", "shut.zip")]


def test_restricted_files_of_a_large_set_are_named(desk: Desk) -> None:
    files = {f"{id}.txt": b"." for id in range(101)}
    desk.world.dataverse.add(DOI, files, restricted=["7.txt"])
    assert any(
        note.startswith("restricted: `7.txt`") for note in notes(desk.block(f"dataverse:{DOI}"))
    )


@pytest.mark.parametrize("host", ["zenodo", "figshare", "dataverse"])
def test_a_record_of_which_nothing_can_be_had_needs_a_person(desk: Desk, host: str) -> None:
    desk.world.zenodo.add("7", {"a": b"a"}, restricted=True)
    desk.world.figshare.add("7", files={}, links={"8": ("far.zip", "https://example.org/far")})
    desk.world.dataverse.add(DOI, {"a": b"a"}, restricted=["a"])
    ran = desk.draft(f"{host}:{DOI if host == 'dataverse' else 7}")
    assert (ran.code, ran.out) == (7, "")
    assert f"{host} lists no file of" in ran.err
    assert {"zenodo": "restricted", "figshare": "https://example.org/far", "dataverse": "a"}[
        host
    ] in ran.err


def test_a_guestbook_is_said(desk: Desk) -> None:
    desk.world.dataverse.add(DOI, {"a.bin": b"a"}, guestbook=60)
    assert any("guestbook 60" in note for note in notes(desk.block(f"dataverse:{DOI}")))


def test_what_figshare_says_of_access_is_said(desk: Desk) -> None:
    desk.world.figshare.add("5", files={"6": ("a.bin", b"a")})
    desk.says(
        "api.figshare.com", lambda tree: isinstance(tree, dict) and tree.update(is_embargoed=True)
    )
    assert "figshare says `is_embargoed`" in notes(desk.block("figshare:5"))


def test_names_that_a_catalog_refuses_are_kept_under_others(desk: Desk) -> None:
    files = {
        "Lung (1).txt": b"1",
        "_x.txt": b"2",
        "deep/er/[a].txt": b"3",
        "肺.txt": b"4",
        f"{'long' * 40}.txt": b"5",
    }
    desk.world.zenodo.add("7", files)
    block = desk.block("zenodo:7")
    assert desk.fetched(block) == {
        "Lung _1_.txt": b"1",
        "file-_x.txt": b"2",
        "deep/er/file-_a_.txt": b"3",
        "file-肺.txt": b"4",
        f"{'long' * 7}lo{'longlonglonglonglonglonglong'[-26:]}.txt": b"5",
    }
    assert {row["host"] for row in desk.checked(block)} == {"web"}
    (note,) = [note for note in notes(block) if note.startswith("kept under another name")]
    assert "`Lung (1).txt as Lung _1_.txt`" in note


def test_two_files_of_one_place_are_put_apart(desk: Desk) -> None:
    files = {"5": ("a.bin", b"5"), "6": ("a.bin", b"6"), "7": ("A.BIN", b"7"), "8": ("b.bin", b"8")}
    desk.world.figshare.add("5", files=files)
    block = desk.block("figshare:5")
    assert desk.fetched(block) == {
        "a.bin": b"5",
        "file-2/a.bin": b"6",
        "file-3/A.BIN": b"7",
        "b.bin": b"8",
    }
    assert any(
        note.startswith("put apart") and "`a.bin in file-2/`" in note for note in notes(block)
    )


def test_archives_whose_folders_would_be_one_are_put_apart(desk: Desk) -> None:
    files = {
        "5": ("a.zip", zip_of({"x": b"5"})),
        "6": ("A.zip", zip_of({"x": b"6"})),
        "7": ("b", b"7"),
        "8": ("b.zip", zip_of({"x": b"8"})),
    }
    desk.world.figshare.add("5", files=files)
    assert desk.fetched(desk.block("figshare:5")) == {
        "a/x": b"5",
        "file-2/A/x": b"6",
        "b": b"7",
        "file-4/b/x": b"8",
    }


def test_folders_that_lead_elsewhere_are_made_safe(desk: Desk) -> None:
    folders = {"5": "../../etc", "6": "/abs//x", "7": "c:\\y\x1b"}
    files = {id: (f"{id}.txt", id.encode()) for id in folders}
    desk.world.figshare.add("5", files=files, folders=folders)
    block = desk.block("figshare:5")
    assert any(note.startswith("in other folders") for note in notes(block))
    assert desk.fetched(block) == {"etc/5.txt": b"5", "abs/x/6.txt": b"6", "c__y_/7.txt": b"7"}


# ---- hostile servers ---------------------------------------------------------------------------

FOR_PEOPLE = {"title", "license", "description", "licenseName", "url", "short_name", "ownerName"}
FOR_PEOPLE |= {"access_right", "download_url"}
OF_FILES = {"name", "filename", "label", "directoryLabel", "key"}
APIS = [
    ("zenodo:7", "zenodo.org"),
    ("figshare:7", "api.figshare.com"),
    (f"dataverse:{DOI}", "dataverse.harvard.edu"),
    ("mendeley:2fxz4px6d8", "data.mendeley.com"),
    ("kaggle:o/s", "www.kaggle.com"),
    ("github:o/r", "api.github.com"),
]


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """A desk where each host has a record."""
    desk.world.zenodo.add("7", {"a.zip": b"a", "b.zip": b"b"})
    links = {"10": ("far", "https://example.org/far")}
    desk.world.figshare.add("7", files={"8": ("a", b"a"), "9": ("b", b"b")}, links=links)
    desk.world.dataverse.add(DOI, {"x/a.bin": b"a", "x/b.zip": b"b"}, restricted=["x/b.zip"])
    desk.world.mendeley.add("2fxz4px6d8", files={"x/a.bin": b"a"})
    desk.world.kaggle.add("o/s", files={"a": b"a"})
    desk.world.github.add("o/r", COMMIT, {"a": b"a"})
    return desk


def poisoned(tree: Any, keys: set[str]) -> None:
    """Replace the texts that have one of these keys."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        if isinstance(value, dict | list):
            poisoned(value, keys)
        elif key in keys and value:
            tree[key] = HOSTILE


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize(("name", "host"), APIS)
def test_hostile_texts_neither_end_their_line_nor_reach_the_terminal(
    filled: Desk, name: str, host: str, is_json: bool
) -> None:
    filled.says(host, lambda tree: poisoned(tree, FOR_PEOPLE | OF_FILES))
    ran = filled.draft(name, *(["--json"] if is_json else []))
    assert ran.code == 0, ran.err
    assert all(escaped(line) == line for line in ran.out.split("\n"))
    if not is_json:
        text = "\n".join(line for line in ran.out.splitlines() if not line.lstrip().startswith("#"))
        assert not re.search(r"^ *- id: y", text, re.M)
        filled.checked(ran.out)


@pytest.mark.parametrize(
    ("name", "host", "change"),
    [
        ("figshare:7", "api.figshare.com", {"id": "1\n- x"}),
        ("figshare:7", "api.figshare.com", {"version": "../1"}),
        ("zenodo:7", "zenodo.org", {"id": "7/../8"}),
        ("mendeley:2fxz4px6d8", "data.mendeley.com", {"id": "not a uuid"}),
        ("mendeley:2fxz4px6d8", "data.mendeley.com", {"version": None}),
        ("github:o/r", "api.github.com", {"sha": "abc"}),
        ("github:o/r", "api.github.com", {"full_name": "o/r\x1b"}),
        ("kaggle:o/s", "www.kaggle.com", {"currentVersionNumber": []}),
    ],
)
def test_ids_that_are_none_are_refused_before_anything_is_printed(
    filled: Desk, name: str, host: str, change: dict[str, Any]
) -> None:
    def spoil(tree: Any) -> None:
        for row in tree if isinstance(tree, list) else [tree]:
            row.update({key: value for key, value in change.items() if key in row})

    filled.says(host, spoil)
    ran = filled.draft(name)
    assert (ran.code, ran.out) == (4, "")
    assert "\x1b" not in ran.err


@pytest.mark.parametrize(("name", "host"), APIS)
def test_an_answer_of_another_shape_exits_with_4(desk: Desk, name: str, host: str) -> None:
    for answer in ([], {}, {"data": 1}, "x", None):
        desk.world.faults.clear()
        desk.world.faults.answer(host, "/", as_json(answer), FOR_EVER)
        ran = desk.draft(name)
        assert (ran.code, ran.out) == (4, ""), answer
        assert "answered in a shape" in ran.err


@given(
    st.text(st.characters(exclude_categories=[])) | st.sampled_from(["no", "1e5", "0x1", "~", ""])
)
def test_every_text_survives_being_written_as_yaml(text: str) -> None:
    line = f"a: {scalar(text)}\n"
    assert escaped(line[:-1]) == line[:-1]
    whole = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert yaml.parse(line.encode(), "x")[0] == {"a": whole}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (12, "12"),
        ("12", '"12"'),
        ("1e5", '"1e5"'),
        ("54f82e3a", "54f82e3a"),
        ("No", '"No"'),
        ("a.zip", "a.zip"),
        ("a b", '"a b"'),
        ("2020-03-27", '"2020-03-27"'),
        ('a"\\', '"a\\"\\\\"'),
    ],
)
def test_texts_that_other_readers_take_for_something_else_are_quoted(
    value: object, written: str
) -> None:
    assert scalar(value) == written
