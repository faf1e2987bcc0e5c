"""Padding of what is fetched or imported: meant where the catalog pins the file's digest."""

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
