"""Padding of what is fetched or imported: meant where the catalog pins the file's digest."""

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.releases import git_rows
from makers.said import check_said

from covcat.catalog import listing

DATA = b"#!/bin/sh\nexit 0\n" + zip_of({"a.bin": b"data"})


@pytest.mark.parametrize("is_pinned", [True, False])
def test_an_archive_with_bytes_before_it_is_imported_where_it_is_pinned(
    covcat, shelf, tmp_path: Path, is_pinned: bool
) -> None:
    keys = {"sha256": hashlib.sha256(DATA).hexdigest()} if is_pinned else {}
    shelf.add_web("set", "w.zip", unpack="zip", **keys)
    path = tmp_path / "w.zip"
    path.write_bytes(DATA)
    ran = covcat("import", "set", str(path))
    if is_pinned:
        assert ran.code == 0, ran.err
        assert "passed over 17 bytes before its first member" in ran.err
        record = json.loads(next(Path("covcat-data/set").glob("*/manifest.json")).read_text())
        assert record["downloads"][0]["padding"]["before"] == 17
    else:
        assert ran.code == 6
        assert "covcat extract w.zip --allow padding, then covcat import" in ran.err


AFTER = zip_of({"a.bin": b"data", "b.bin": b"more"}) + b"a signature"


@pytest.mark.parametrize("way", ["file", "in a folder", "repair"])
@pytest.mark.parametrize("data", [DATA, AFTER], ids=["before", "after"])
@pytest.mark.parametrize("pinned", ["sha256", "md5", None])
def test_a_listing_decides_what_comes_and_the_digest_of_the_file_if_padding_may_be_there(
    covcat, shelf, tmp_path: Path, pinned: str | None, data: bytes, way: str
) -> None:
    keys = {pinned: hashlib.new(pinned, data).hexdigest()} if pinned else {}
    more = "    listing: listings/set@1.tsv.gz\n    contents: {files: 1, bytes: 4}\n"
    shelf.add_files("set", {"name": "w.zip", "unpack": "zip", **keys}, more=more)
    (shelf.folder / "listings").mkdir()
    rows = [replace(row, mode=None) for row in git_rows({"a.bin": b"data"})]
    listing.write(shelf.folder / "listings" / "set@1.tsv.gz", rows)
    given = tmp_path / "given"
    given.mkdir()
    (given / "w.zip").write_bytes(data)
    command = ["import", "set", str(given if way == "in a folder" else given / "w.zip")]
    if way == "repair":
        (tmp_path / "a.bin").write_bytes(b"data")
        assert covcat("import", "set", str(tmp_path / "a.bin")).code == 0
        Path("covcat-data/set/1/files/a.bin").unlink()
        command = ["verify", "set", "--repair", "--offline", "--from", str(given / "w.zip")]
    ran = covcat(*command)
    if pinned is None:
        assert ran.code != 0
        assert "before its first member" in ran.err or "after its end" in ran.err
        return
    assert ran.code == 0, ran.err
    assert Path("covcat-data/set/1/files/a.bin").read_bytes() == b"data"
    where = "17 bytes before its first member" if data == DATA else "11 bytes after its end"
    assert f"w.zip: passed over {where}; its digest is pinned" in ran.err
    if way != "repair":
        record = json.loads(Path("covcat-data/set/1/manifest.json").read_text())
        passed = record["downloads"][0]["padding"]
        assert passed["before"] + passed["after"] == (17 if data == DATA else 11)


def test_padding_of_an_archive_is_not_allowed_by_the_digest_of_another_file(
    covcat, shelf, tmp_path: Path
) -> None:
    shelf.add_files("set", {"name": "w.zip", "unpack": "zip", "sha256": "0" * 64})
    (tmp_path / "w.zip").write_bytes(DATA)
    assert covcat("import", "set", str(tmp_path / "w.zip")).code == 5


@pytest.mark.parametrize("is_pinned", [True, False])
def test_an_archive_with_bytes_before_it_is_fetched_where_it_is_pinned(
    covcat, shelf, world, is_pinned: bool
) -> None:
    url = "https://data.example.org/w.zip"
    world.web.add(url, DATA, "application/zip")
    keys = {"sha256": hashlib.sha256(DATA).hexdigest()} if is_pinned else {}
    shelf.add_files("set", {"url": url, "name": "w.zip", "unpack": "zip", **keys})
    ran = covcat("fetch", "set", mirror=world.url)
    if is_pinned:
        assert ran.code == 0, ran.err
        assert "passed over 17 bytes before its first member" in ran.err
        folder = Path(ran.out.strip())
        assert (folder / "a.bin").read_bytes() == b"data"
        (folder / "a.bin").unlink()
        assert covcat("verify", "set", "--repair", mirror=world.url).code == 0
        assert (folder / "a.bin").read_bytes() == b"data"
    else:
        assert ran.code == 5
        assert "is not a zip file" in ran.err
        assert not list(Path("covcat-data").glob("set/*"))


def test_a_pinned_archive_that_hides_another_one_is_refused_all_the_same(
    covcat, shelf, world
) -> None:
    data = b"#!/bin/sh\n" + gzip.compress(b"hidden") + zip_of({"a.bin": b"data"})
    url = "https://data.example.org/w.zip"
    world.web.add(url, data, "application/zip")
    sha256 = hashlib.sha256(data).hexdigest()
    shelf.add_files("set", {"url": url, "name": "w.zip", "unpack": "zip", "sha256": sha256})
    check_said(covcat("fetch", "set", mirror=world.url), 6, "another archive (gz) begins there")
    assert not list(Path("covcat-data").glob("set/*"))
