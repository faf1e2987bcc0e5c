"""Rows of labels whose picture is not here by its name, but by a copy that `overlap` found.

The sets are shaped after COVIDx's lists, as in test_found.py; each film is drawn.
"""

import shutil
import struct
import zlib

import pytest
from makers import films
from makers.covidx import COHEN_HEADER, FIGURE1, LISTS, V1, V4, put
from makers.laid import DATA
from makers.runs import Covcat, read_csv

from covcat import images

FILM, OTHER = films.png(1), films.png(2)
METADATA = COHEN_HEADER + b"10,SARS-day0.jpeg,images,CC BY-NC-SA 4.0,SARS\n"
NAMED, COPY = "images/SARS-day0.jpeg", "images/COVID-00033.jpg"


def tagged(png: bytes, text: bytes = b"Comment\0another program") -> bytes:
    """The same picture in other bytes."""
    chunk = b"tEXt" + text
    return (
        png[:-12] + struct.pack(">L", len(text)) + chunk + struct.pack(">L", zlib.crc32(chunk))
    ) + png[-12:]


def put_copies(copy: bytes) -> None:
    put("covid-net@2022-02-17", LISTS)
    put("cohen@0.1", {"metadata.csv": METADATA, NAMED: FILM})
    put("figure1", FIGURE1 | {COPY: copy})


def found(covcat: Covcat) -> tuple[dict[tuple[str, str], list[str]], str]:
    ran = covcat("images", "covid-net", "--found", "--format", "csv")
    assert ran.code == 0, ran.err
    return {
        (one["label_source"], one["filename"]): [
            one[f"found_{name}"] for name in ("in", "by", "path", "same_as")
        ]
        for one in ran.rows
    }, ran.err


BY_COPY = ["figure1@2020-05-08", "same_as", COPY, f"cohen@0.1:{NAMED}"]


@pytest.mark.parametrize("copy", [FILM, tagged(FILM)])
def test_a_picture_that_is_not_here_any_more_is_found_by_its_copy_and_it_is_told(
    covcat: Covcat, copy: bytes
) -> None:
    put_copies(copy)
    assert covcat("overlap", "cohen@0.1", "figure1").code == 0
    before, _ = found(covcat)
    assert before[V4, "SARS-day0.jpeg"][:3] == ["cohen@0.1", "name", NAMED]
    shutil.rmtree(DATA / "cohen")
    after, said = found(covcat)
    assert after == {
        (V1, "SARS-day0.jpeg"): BY_COPY,
        (V4, "SARS-day0.jpeg"): BY_COPY,
        (V4, "COVID-00033.jpg"): ["figure1@2020-05-08", "name", COPY, BY_COPY[3]],
    }
    assert (
        "3 have a picture here, 3 in figure1@2020-05-08; 2 of them by what `overlap` foun" in said
    )
    lists = covcat("counts", "covid-net", "--published", "--json").document["data"]["lists"]
    assert {one["list"]: one["found_by"] for one in lists} == {
        V1: {"same_as": 1},
        V4: {"name": 1, "same_as": 1},
    }
    table = images("covid-net", found=True)
    assert sorted(table["found_by"]) == ["name", "same_as", "same_as"]


def test_a_copy_that_was_changed_since_or_that_nobody_compared_is_none(covcat: Covcat) -> None:
    put_copies(FILM)
    shutil.rmtree(DATA / "cohen")
    assert [*found(covcat)[0]] == [(V4, "COVID-00033.jpg")]
    put_copies(FILM)
    assert covcat("overlap", "cohen@0.1", "figure1").code == 0
    shutil.rmtree(DATA / "cohen")
    put("figure1", FIGURE1 | {COPY: OTHER})
    after, said = found(covcat)
    assert [*after] == [(V4, "COVID-00033.jpg")]
    assert "by what `overlap` found" not in said


def test_one_name_with_other_bytes_in_two_releases_is_found_where_both_are_one_picture(
    covcat: Covcat,
) -> None:
    put_copies(OTHER)
    put("cohen@0.2", {"metadata.csv": METADATA, NAMED: tagged(FILM)})
    before, said = found(covcat)
    assert (V4, "SARS-day0.jpeg") not in before
    assert "could be several of cohen: " in said
    assert covcat("overlap", "cohen@0.1", "cohen@0.2").code == 0
    after, said = found(covcat)
    stands = f"cohen@0.1:{NAMED}"
    assert after[V4, "SARS-day0.jpeg"] == ["cohen@0.1", "same_as", NAMED, stands]
    assert "could be several" not in said


def test_a_cohort_of_rows_has_the_copy_and_is_made_again(covcat: Covcat) -> None:
    put_copies(tagged(FILM))
    assert covcat("overlap", "cohen@0.1", "figure1").code == 0
    shutil.rmtree(DATA / "cohen")
    ask = ("covid-net", "--found", "--allow-unknown-license", "--where", "filename LIKE 'SARS%'")
    ran = covcat("select", *ask, "-o", "cohort", "--as", "copies")
    assert ran.code == 0, ran.err
    found_by = [
        (one["found_in"], one["found_by"], one["path"]) for one in read_csv("cohort/cohort.csv")
    ]
    assert found_by == [(*BY_COPY[:3],)] * 2
    again = covcat("select", "--from", "cohort", "-o", "again", "--as", "copies")
    assert again.code == 0, again.err


def test_a_row_whose_own_picture_is_not_here_any_more_has_its_copy(covcat: Covcat) -> None:
    put_copies(tagged(FILM))
    assert covcat("overlap", "cohen@0.1", "figure1").code == 0
    put("cohen@0.1", {"metadata.csv": METADATA})
    ran = covcat("images", "cohen@0.1", "--found", "--format", "csv")
    (row,) = ran.rows
    assert [row[f"found_{name}"] for name in ("in", "by", "path", "same_as")] == BY_COPY
    assert row["matched"] == "label only"
