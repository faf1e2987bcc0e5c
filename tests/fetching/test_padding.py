"""Padding of what is fetched or imported: meant where the catalog pins the file's digest."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from makers.archives import zip_of

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
    ran = covcat("fetch", "set", mirror=world.url)
    assert ran.code == 6
    assert "another archive (gz) begins there" in ran.err
    assert not list(Path("covcat-data").glob("set/*"))
