"""A work in shards: each in a command of its own, and what they found is joined by the last."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from makers.archives import RAW, REPOSITORY
from makers.laid import lay
from makers.said import check_said
from makers.tables import dicom, packed_nifti, png

from covcat.catalog import load
from covcat.seal import sealed, unsealed

SHARDS = Path("covcat-data/.covcat/shards/sample@1")
RELEASE = Path("covcat-data/sample/1")


@pytest.fixture
def sample(covcat) -> Path:
    assert covcat("fetch", "sample", mirror=None).code == 0
    return RELEASE


def in_shards(covcat, command: str, *args: str, of: int = 3, mirror: str | None = None) -> None:
    for number in range(1, of + 1):
        ran = covcat(command, *args, "--shard", f"{number}/{of}", mirror=mirror)
        assert (ran.code, ran.out) == (0, ""), ran.err
        assert f"shard {number}/{of}: " in ran.err


def test_verify_joins_what_shards_looked_at_and_reads_only_the_others(covcat, sample):
    in_shards(covcat, "verify", of=3)
    (SHARDS / "verify-2-of-3.json").unlink()
    for path in sample.glob("files/images/*"):  # nobody reads again what was read
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    ran = covcat("verify", "--join", mirror=None)
    assert "sample@1: 10 files looked at by shards" in ran.err
    assert 0 < len(re.findall("sha256 expected", ran.err)) <= 5
    assert not SHARDS.exists()


def test_what_shards_left_is_listed_pruned_and_goes_with_its_release(covcat, sample):
    in_shards(covcat, "verify", of=2)
    (row,) = covcat("cache", "list", "--json", mirror=None).document["data"]["cache"]
    assert (row["kind"], row["name"], row["files"]) == ("shards", "sample@1", 2)
    assert covcat("cache", "prune", mirror=None).code == 0
    assert not SHARDS.exists()
    in_shards(covcat, "verify", of=2)
    assert covcat("remove", "sample", "--yes", mirror=None).code == 0
    assert not SHARDS.exists()


def test_verify_joined_finds_what_a_shard_found(covcat, sample):
    (sample / "files/LICENSE").write_text("other")
    in_shards(covcat, "verify")
    ran = covcat("verify", "--join", mirror=None)
    alone = covcat("verify", mirror=None)
    assert ran.code == alone.code == 5
    assert ran.err.splitlines()[1:] == alone.err.splitlines()


def test_what_shards_found_of_another_manifest_or_that_was_edited_is_not_taken(covcat, sample):
    in_shards(covcat, "verify", of=2)
    one, two = sorted(SHARDS.iterdir())
    one.write_text(one.read_text().replace("null", '"missing"'))
    two.write_text("[" * 9999)
    check_said(covcat("verify", "--join", mirror=None), 0, "sample@1: 0 files looked at by shards")


def test_the_index_takes_headers_that_shards_read_and_is_the_same(covcat, sample, monkeypatch):
    table = covcat("images", "--format", "csv", mirror=None).out
    alone = (sample / "index.sqlite").read_bytes()
    (sample / "index.sqlite").unlink()
    in_shards(covcat, "images")
    monkeypatch.delattr("covcat.imaging.sizes.read_size")
    assert covcat("images", "--format", "csv", mirror=None).out == table
    assert (sample / "index.sqlite").read_bytes() == alone
    assert not SHARDS.exists()


OF_HEADERS = """\
releases:
  - id: "1"
    source: made up
    files: [{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}]
tables:
  - {reader: dicom, path: "slices/*", source: made up, constants: {finding: COVID-19}}
  - {reader: nifti, path: "*.nii.gz", source: made up, constants: {finding: Normal}}
  - reader: delimited
    path: table.csv
    source: made up
    columns: {patient_id: patient}
    image: "{patient}.png"
    mask: "masks/{stem}.png"
"""
VOLUMES = {
    **{f"slices/IM{number}": dicom() for number in range(5)},  # images by what is in them
    **{f"{name}.nii.gz": packed_nifti(9, 9, 9) for name in ("one", "two")},
    "slices/notes.txt": b"none",
    "bad.nii.gz": b"none",
    "7.png": png(9, 9),
    "masks/7.png": png(8, 9),
    "table.csv": b"patient\n7\n",
}


@pytest.fixture
def volumes(shelf) -> Path:
    shelf.add("volumes", OF_HEADERS)
    return lay(load.load((shelf.folder,)).find("volumes"), VOLUMES)


needs_pydicom = pytest.mark.skipif(
    importlib.util.find_spec("pydicom") is None, reason="pydicom is not installed here"
)


@needs_pydicom
def test_the_index_reads_no_image_again_of_which_shards_read_rows_and_sizes(covcat, volumes):
    asked = ("images", "volumes", "--format", "csv")
    table = covcat(*asked).out
    index = volumes / "index.sqlite"
    alone = index.read_bytes()
    index.unlink()
    in_shards(covcat, "images", "volumes", of=2)
    for path in VOLUMES:
        if path != "table.csv":
            (volumes / "files" / path).write_bytes(b"")
    covcat(*asked)
    assert table.count("\n") == 10
    assert index.read_bytes() == alone
    assert not list(SHARDS.parent.glob("*"))


@needs_pydicom
def test_rows_that_a_shard_kept_otherwise_or_not_are_read(covcat, volumes):
    table = covcat("images", "volumes", "--format", "csv").out
    (volumes / "index.sqlite").unlink()
    in_shards(covcat, "images", "volumes", of=2)
    first, *_, last = sorted(SHARDS.with_name("volumes@1").glob("rows-*"))
    record = unsealed(json.loads(first.read_text()))
    assert record is not None
    found = {path: [1, "forged"] for path in record["found"]}
    first.write_text(json.dumps(sealed({**record, "found": found})))
    last.unlink()
    assert covcat("images", "volumes", "--format", "csv").out == table


def test_overlap_compares_what_shards_described_and_finds_the_same(covcat, sample, monkeypatch):
    asked = ("overlap", "--within", "--pairs", "--format", "csv")
    alone = covcat(*asked, mirror=None)
    (sample / "features.sqlite").unlink()
    in_shards(covcat, "overlap")
    monkeypatch.delattr("covcat.overlap.describing.describe")
    joined = covcat(*asked, mirror=None)
    assert (joined.code, joined.out) == (0, alone.out)
    assert not SHARDS.exists()


def test_fetch_makes_a_release_of_what_shards_brought(covcat, offered, server):
    in_shards(covcat, "fetch", "set", "--by-file", of=2, mirror=server.url)
    assert not Path("covcat-data/set").exists()
    asked = [f"{RAW}/{path}" for path in REPOSITORY]
    assert sorted(path for path, _ in server.requests if path in asked) == sorted(asked)
    check_said(covcat("fetch", "set", "--by-file"), 0)
    assert sorted(path for path, _ in server.requests if path in asked) == sorted(asked)
    assert covcat("verify", "set", mirror=None).code == 0
    assert not list(Path("covcat-data/.covcat/partial").iterdir())


WRONG = {
    "no share": (["verify", "--shard", "17/16"], "--shard `17/16` is no share"),
    "none": (["images", "--shard", "0/4"], "--shard `0/4` is no share"),
    "a word": (["overlap", "--shard", "all"], "--shard `all` is no share"),
    "repair": (["verify", "--shard", "1/2", "--repair"], "--shard and --join look at every byte"),
    "both": (["verify", "--shard", "1/2", "--join"], "--shard and --join look at every byte"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_a_share_that_cannot_be_is_a_mistake_of_usage(covcat, words, told):
    ran = covcat(*words, "--json", mirror=None)
    assert ran.code == 2
    assert told in json.loads(ran.out)["error"]["message"]
