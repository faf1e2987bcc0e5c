"""catalog draft of one's own files: what bytes say is computed, what only a person knows is open."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.runs import Ran, tree_on_disk
from servers.server import Answer, Server

from covcat.catalog import yaml

FILES = {"a b.csv": b"x,y\n", "images/one.png": b"\x89PNG one", "images/two.png": b"\x89PNG two"}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for path, data in FILES.items():
        (tmp_path / "My lab" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "My lab" / path).write_bytes(data)
    return tmp_path / "My lab"


def filled(text: str) -> str:
    """Do what a person does: replace every `<…>`."""
    assert "<" in text
    return (
        text.replace("<SPDX id>", "CC-BY-4.0")
        .replace("<https://…/", "https://lab.example/")
        .replace("<", "")
        .replace(">", "")
    )


def used(covcat: Callable[..., Ran], text: str, id: str) -> Ran:
    """Check an entry, then fetch by it."""
    folder = Path("mine")
    folder.mkdir()
    (folder / f"{id}.yaml").write_text(text, encoding="utf-8")
    checked = covcat("catalog", "check", str(folder / f"{id}.yaml"))
    assert checked.code == 0, checked.err
    return covcat("fetch", id, "--catalog", str(folder), "--retries", "0", mirror=None)


def test_a_folder_that_is_served_becomes_an_entry_that_fetch_uses(
    covcat, lab: Path, server: Server
) -> None:
    drafted = covcat("catalog", "draft", "My lab", "--at", f"{server.url}/data/", mirror=None)
    assert drafted.code == 0, drafted.err
    for path, data in FILES.items():
        server.serve(f"/data/{path.replace(' ', '%20')}", Answer(data))
    ran = used(covcat, filled(drafted.out), "my-lab")
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == FILES
    assert "verified by sha256" in ran.err


def test_what_is_not_known_is_open_and_check_names_each(covcat, lab: Path) -> None:
    (lab / ".DS_Store").write_bytes(b"litter")
    (lab / "link").symlink_to("images")
    os.mkfifo(lab / "pipe")
    drafted = covcat("catalog", "draft", "My lab", mirror=None)
    assert drafted.code == 0, drafted.err
    Path("draft.yaml").write_text(drafted.out, encoding="utf-8")
    checked = covcat("catalog", "check", "draft.yaml")
    assert checked.code == 5
    for key in (
        "title",
        "organization",
        "summary",
        "found.source",
        "license.spdx",
        "license.source",
    ):
        assert f"{key}: expected" in checked.err
    assert checked.err.count("expected an https address") == 3
    assert "homepage: expected" in checked.err
    tree, _ = yaml.parse(filled(drafted.out).encode(), "draft.yaml")
    assert set(tree["found"].values()) - {tree["found"]["source"]} == {"U"}
    assert set(tree["license"]["allows"].values()) == {"unknown"}
    known = {
        (one.get("into", "") + one["name"], int(one["bytes"]), one["sha256"])
        for one in tree["releases"][0]["files"]
    }
    assert known == {
        (path, len(data), hashlib.sha256(data).hexdigest()) for path, data in FILES.items()
    }
    assert "left out, for it is no regular file: pipe" in drafted.out
    assert str(lab.parent) not in drafted.out


def test_an_archive_on_disk_is_unpacked_by_its_name(covcat, lab: Path, server: Server) -> None:
    packed = zip_of(FILES)
    Path("Set 2.zip").write_bytes(packed)
    server.serve("/x.zip", Answer(packed))
    drafted = covcat("catalog", "draft", "Set 2.zip", "--at", f"{server.url}/x.zip", mirror=None)
    ran = used(covcat, filled(drafted.out), "set-2")
    assert ran.code == 0, ran.err
    assert tree_on_disk(Path(ran.out.strip())) == FILES


def test_an_address_is_read_and_nothing_is_kept(covcat, lab: Path, server: Server) -> None:
    server.serve("/data/cases.csv", Answer(b"x,y\n"))
    before = tree_on_disk(lab.parent)
    drafted = covcat("catalog", "draft", f"{server.url}/data/cases.csv", mirror=None)
    assert drafted.code == 0, drafted.err
    assert tree_on_disk(lab.parent) == before
    tree, _ = yaml.parse(filled(drafted.out).encode(), "draft.yaml")
    (file,) = tree["releases"][0]["files"]
    assert file == {
        "host": "web",
        "url": f"{server.url}/data/cases.csv",
        "private": "yes",
        "name": "cases.csv",
        "bytes": "4",
        "sha256": hashlib.sha256(b"x,y\n").hexdigest(),
        "unpack": "none",
    }
    ran = used(covcat, filled(drafted.out), "cases")
    assert ran.code == 0, ran.err


REFUSED = {  # arguments, exit code, what is said
    "a web page": (("{url}/page.zip",), 7, "a web page in place of the file"),
    "what is gone": (("{url}/gone.csv",), 4, "is gone"),
    "http elsewhere": (("http://8.8.8.8/a.csv",), 4, "is at the public address"),
    "an address without a file": (("{url}/",), 2, "names no file"),
    "an empty folder": (("empty",), 3, "has no file in it"),
    "a folder at a file's address": (("My lab", "--at", "https://x.example/a"), 2, "ends with `/`"),
    "an address with a login": (("My lab", "--at", "https://me:x@x.example/"), 2, "is no address"),
    "an address of an address": (("{url}/a", "--at", "https://x.example/"), 2, "expected its path"),
    "what is nothing": (("no such thing",), 2, "names no record"),
}


@pytest.mark.parametrize(("args", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drafted_is_said(covcat, lab, server, args, code: int, said: str) -> None:
    Path("empty").mkdir()
    html = {"Content-Type": "text/html"}
    server.serve("/page.zip", Answer(b"<!doctype html><title>Login</title>", headers=html))
    filled_in = [one.format(url=server.url) for one in args]
    ran = covcat("catalog", "draft", *filled_in, "--retries", "0", mirror=None)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert ran.out == ""


def test_a_folder_of_many_files_is_better_packed(covcat, lab: Path) -> None:
    for number in range(100):
        (lab / f"{number}.txt").write_bytes(b"")
    ran = covcat("catalog", "draft", "My lab", mirror=None)
    assert ran.code == 2
    assert "has 103 files" in ran.err
    each = covcat("catalog", "draft", "My lab", "--each", mirror=None)
    assert len(re.findall("- host: web", each.out)) == 103
