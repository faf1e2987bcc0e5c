"""What is known of a licence, and the record that somebody accepted it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from makers.archives import REPOSITORY, git_zip
from makers.said import check_said

RECORD = Path("covcat-data/.covcat/accepted.json")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("cohen", ["each image has its own, in the column `license` of metadata.csv", "note: "]),
        ("coronacases", ["LicenseRef-conflicting", "allows commercial: no", "known issue (2020"]),
        ("bsti", ["LicenseRef-proprietary", "allows redistribution: no"]),
        ("radiopaedia", ["read: http://radiopaedia.org/licence", "terms of the site: "]),
    ],
)
def test_a_licence_page_says_what_the_catalog_knows(covcat, name: str, texts: list[str]) -> None:
    ran = covcat("license", name)
    assert ran.code == 0
    for text in texts:
        assert text in ran.out


def test_unknown_is_said_to_be_no_yes(covcat) -> None:
    assert "unknown is not a yes" in covcat("license", "covid-ct").out
    assert "unknown is not a yes" not in covcat("license", "kermany").out


def test_the_table_has_every_resource_and_what_was_accepted(covcat) -> None:
    assert covcat("license", "v7", "--accept").code == 0
    rows = [line.split("\t") for line in covcat("license").out.splitlines()]
    assert rows[0] == ["id", "licence", "commercial", "derivatives", "redistribution", "accepted"]
    assert len(rows) == 35  # with the head
    assert [row[0] for row in rows[1:] if row[5]] == ["v7"]


def test_accepting_records_when_and_which_terms_not_who_and_says_where(covcat) -> None:
    ran = covcat("license", "v7", "--accept", "--json")
    data = ran.document["data"]
    tree = json.loads(RECORD.read_text())
    assert tree["schema"] == "covcat.accepted/1"
    (row,) = tree["accepted"]
    assert set(row) == {"resource", "terms_sha256", "at"}
    assert row["terms_sha256"] == hashlib.sha256(data["terms"].encode()).hexdigest()
    assert (data["is_accepted"], data["accepted"]) == (True, row)
    assert f"recorded in `{RECORD}`" in ran.err
    data = covcat("license", "v7", "--json").document["data"]
    assert (data["is_accepted"], data["record"]) == (True, str(RECORD))
    assert covcat("license", "cohen", "--json").document["data"]["record"] is None


def test_many_who_accept_at_once_are_all_recorded(covcat) -> None:
    names = ("v7", "cohen", "kermany", "medseg")
    command = [sys.executable, "-m", "covcat", "license", "--accept", "-q"]
    running = [subprocess.Popen([*command, name], stdout=subprocess.DEVNULL) for name in names]
    assert [one.wait(timeout=60) for one in running] == [0, 0, 0, 0]
    found = [one["resource"] for one in json.loads(RECORD.read_text())["accepted"]]
    assert sorted(found) == sorted(names)


def test_the_way_out_of_a_damaged_record_is_a_command_for_any_folder(covcat) -> None:
    record = Path("it's here/.covcat/accepted.json")
    record.parent.mkdir(parents=True)
    record.write_text("no")
    ran = covcat("license", "v7", "--data-dir", "it's here")
    hint = ran.err.rpartition("hint: ")[2].strip()
    assert subprocess.run(["sh", "-c", hint], timeout=10).returncode == 0
    assert Path("accepted.json.damaged").read_text() == "no"
    assert covcat("license", "v7", "--data-dir", "it's here").code == 0


def test_accepting_twice_records_it_once(covcat) -> None:
    for name in ("v7", "cohen", "v7", "V7Labs"):
        assert covcat("license", name, "--accept").code == 0
    found = [one["resource"] for one in json.loads(RECORD.read_text())["accepted"]]
    assert found == ["v7", "cohen"]


def test_terms_that_changed_since_are_not_accepted(covcat, shelf) -> None:
    shelf.add_web("own", "x.csv")
    assert covcat("license", "own", "--accept").code == 0
    shelf.edit("own", "A made-up set", "Another")
    ran = covcat("license", "own")
    assert "accepted: other terms, 20" in ran.out
    assert covcat("license", "own", "--json").document["data"]["is_accepted"] is False
    assert covcat("license", "own", "--accept").code == 0
    assert len(json.loads(RECORD.read_text())["accepted"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": "covcat.other/1", "accepted": []}',
        '{"schema": "covcat.accepted/1", "accepted": [{"resource": "v7"}]}',
        '{"schema": "covcat.accepted/1", "accepted": ["v7"]}',
        '{"schema": "covcat.accepted/1", "accepted": [{"resource": 1, "terms_sha256": "", "at": ""}]}',
        "\x80",
        "[" * 100_000,
    ],
)
def test_a_damaged_record_is_said_and_kept(covcat, text: str) -> None:
    RECORD.parent.mkdir(parents=True)
    RECORD.write_text(text, encoding="latin-1")
    check_said(covcat("license", "v7", "--accept"), 5, "the record of accepted terms is damaged")
    assert RECORD.read_text(encoding="latin-1") == text


def test_a_record_of_a_newer_covcat_is_said_to_be_one_and_kept(covcat) -> None:
    RECORD.parent.mkdir(parents=True)
    RECORD.write_text(newer := '{"schema": "covcat.accepted/2", "accepted": []}')
    check_said(covcat("license", "v7", "--accept"), 5, "made by a newer covcat (covcat.accepted/2)")
    assert RECORD.read_text() == newer


def test_a_disk_that_is_full_leaves_the_record_before(covcat, monkeypatch) -> None:
    assert covcat("license", "v7", "--accept").code == 0
    before = RECORD.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("covcat.files.os.fsync", full)
    assert covcat("license", "cohen", "--accept").code == 8
    assert RECORD.read_bytes() == before
    assert [one.name for one in RECORD.parent.iterdir() if one.is_file()] == [RECORD.name]


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["--accept"], 2, "--accept wants an ID"),
        (["nothing"], 3, "the catalog has no resource `nothing`"),
        (["v7", "--format", "csv"], 2, "is for the table of all"),
        (["--format", "xml"], 2, "unknown format `xml`"),
    ],
)
def test_what_cannot_be_answered_says_why(covcat, args: list[str], code: int, text: str) -> None:
    ran = covcat("license", *args)
    assert ran.code == code
    assert text in ran.err


def test_several_licences_are_said_and_accepted_one_after_the_other(covcat) -> None:
    ran = covcat("license", "v7", "kermany", "v7")
    v7, kermany = covcat("license", "v7").out, covcat("license", "kermany").out
    assert ran.out.split("\n\n") == [v7[:-1], kermany]
    accepted = covcat("license", "v7", "kermany", "--accept", "--json").document["data"]
    found = [(one["resource"], one["is_accepted"]) for one in accepted["resources"]]
    assert found == [("v7", True), ("kermany", True)]
    assert covcat("license", "v7", "nosuch").code == 3


def test_looking_writes_nothing(covcat) -> None:
    assert covcat("license", "v7").code == 0
    assert covcat("license").code == 0
    assert not Path("covcat-data").exists()


# ---- fetch -------------------------------------------------------------------------------------


def publish(shelf, server, spdx: str) -> None:
    """Make a set of a licence, which can be fetched."""
    shelf.add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    shelf.edit("set", "CC-BY-4.0", spdx)


def test_a_fetch_points_to_unsettled_terms_until_they_are_accepted(covcat, shelf, server) -> None:
    publish(shelf, server, "LicenseRef-none-stated")
    ran = covcat("fetch", "set")
    assert (ran.code, "covcat license set" in ran.err) == (0, True)
    assert covcat("license", "set", "--accept").code == 0
    assert "covcat license set" not in covcat("fetch", "set", "--keep-archives").err


def test_a_fetch_of_settled_terms_says_nothing_of_them(covcat, shelf, server) -> None:
    publish(shelf, server, "CC-BY-4.0")
    assert "covcat license" not in covcat("fetch", "set").err


def test_a_damaged_record_does_not_stop_a_fetch(covcat, shelf, server) -> None:
    publish(shelf, server, "LicenseRef-unknown")
    RECORD.parent.mkdir(parents=True)
    RECORD.write_text("no")
    ran = covcat("fetch", "set")
    assert (ran.code, "covcat license set" in ran.err) == (0, True)


# ---- licences of single images -----------------------------------------------------------------


TABLE = """\
tables:
  - reader: delimited
    path: metadata.csv
    source: made up
    columns: {filename: filename, license: license}
    image: "images/{filename}"
    match: path
"""


def test_licences_of_single_images_are_counted_where_they_are_here(covcat, shelf, server) -> None:
    files = {
        "metadata.csv": b"filename,license\none.png,CC BY 4.0\ntwo.png,\nthree.png,CC BY 4.0\n",
        **{f"images/{name}.png": name.encode() for name in ("one", "two", "three")},
    }
    shelf.add_repository(files=files)
    server.serve_repository(git_zip(files))
    each = "LicenseRef-per-image\n  per_image: {table: metadata.csv, column: license}"
    shelf.edit("set", "CC-BY-4.0", each)
    shelf.edit("set", "releases:", f"{TABLE}releases:")
    before = covcat("license", "set")
    assert "`covcat fetch set`, then this counts" in before.err
    assert covcat("fetch", "set").code == 0
    ran = covcat("license", "set")
    assert "2 images  CC BY 4.0: commercial yes" in ran.out
    assert "1 images  (none stated): commercial unknown" in ran.out
