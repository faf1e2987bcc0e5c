"""Rows of labels whose pictures lie in another set: shaped after labels/ of COVID-Net at 65999806."""

import hashlib
import json
from pathlib import Path

import pytest
from makers.covidx import COHEN, COHEN_HEADER, FIGURE1, V1, V4, put, put_sets
from makers.laid import DATA, lay
from makers.releases import Shelf
from makers.runs import Covcat
from makers.tables import png

from covcat import images
from covcat.catalog import load
from covcat.catalog.columns import FOUND_NAMES
from covcat.errors import UsageError


@pytest.fixture(autouse=True)
def sets() -> None:
    put_sets()


def found(covcat: Covcat, *more: str) -> list[dict[str, str]]:
    ran = covcat("images", "covid-net", "--found", *more, "--format", "csv")
    assert ran.code == 0, ran.err
    return ran.rows


def test_a_row_gets_the_picture_that_has_its_name_in_the_set_that_its_list_names(
    covcat: Covcat,
) -> None:
    by_list = {(one["label_source"], one["filename"]): one for one in found(covcat)}
    assert sorted(by_list) == [
        (V1, "SARS-day0.jpeg"),
        (V4, "COVID-00033.jpg"),
        (V4, "SARS-day0.jpeg"),
    ]
    film = by_list[V4, "SARS-day0.jpeg"]
    data = COHEN["images/SARS-day0.jpeg"]
    assert [film[name] for name in FOUND_NAMES] == [
        *("cohen@0.1", "name", "images/SARS-day0.jpeg", hashlib.sha256(data).hexdigest()),
        *(str(len(data)), "CC BY-NC-SA 4.0", ""),
    ]
    assert by_list[V4, "COVID-00033.jpg"]["found_in"] == "figure1@2020-05-08"


def test_what_is_not_here_is_counted_by_the_sets_that_may_have_it_and_how_to_get_these(
    covcat: Covcat,
) -> None:
    said = covcat("images", "covid-net", "--found").err
    assert (
        "covid-net@2022-02-17: of 7 rows of labels 3 have a picture here, 2 in cohen@0.1, "
        "1 in figure1@2020-05-08\n" in said
    )
    assert "1 row without a picture here: in cohen\n" in said
    assert "1 row without a picture here: in version 3 of the COVID-19 Radiography Data" in said
    assert "2 rows without a picture here: in RSNA Pneumonia Detection Challenge\n" in said
    assert "  cohen: not in cohen@0.1; covcat fetch cohen@2020-06-22\n" in said
    assert "  RSNA Pneumonia Detection Challenge: Kaggle, https://www.kaggle.com/c/" in said


def test_no_row_is_made_or_lost_whatever_is_here(covcat: Covcat) -> None:
    every = found(covcat, "--all")
    plain = covcat("images", "covid-net", "--all", "--format", "csv").rows
    assert [{name: one[name] for name in plain[0]} for one in every] == plain
    assert sum(not one["found_in"] for one in every) == 4


def test_a_name_that_several_pictures_have_is_told_with_its_row_and_joined_to_none(
    covcat: Covcat,
) -> None:
    """ciaa199.pdf-001-a.png is one file at cohen@0.1 and another at 0.2."""
    put("cohen@0.2", {**COHEN, "images/SARS-day0.jpeg": png(9, 9)})
    ran = covcat("images", "covid-net", "--found")
    assert (
        "warning: covid-net@2022-02-17: 2 rows could be several of cohen: covid-net:SARS" in ran.err
    )
    assert "cohen@0.2:images/SARS-day0.jpeg, cohen@0.1:images/SARS-day0.jpeg" in ran.err
    assert [one["found_in"] for one in found(covcat)] == ["figure1@2020-05-08"]


def test_one_picture_in_two_releases_is_taken_of_the_newest(covcat: Covcat) -> None:
    put("cohen@0.2", COHEN)
    assert {one["found_in"] for one in found(covcat)} == {"cohen@0.2", "figure1@2020-05-08"}


def test_paths_of_found_pictures_are_whole_and_each_is_there_once(covcat: Covcat) -> None:
    ran = covcat("images", "covid-net", "--found", "--paths")
    paths = [Path(line) for line in ran.out.splitlines()]
    assert [one.relative_to(DATA.absolute()).as_posix() for one in paths] == [
        "cohen/0.1/files/images/SARS-day0.jpeg",
        "figure1/2020-05-08/files/images/COVID-00033.jpg",
    ]
    assert all(one.is_file() for one in paths)


def test_a_found_picture_that_is_gone_from_the_disk_is_told(covcat: Covcat) -> None:
    (DATA / "cohen/0.1/files/images/SARS-day0.jpeg").unlink()
    assert "warning: cohen@0.1: 1 image is gone" in covcat("images", "covid-net", "--found").err


def test_the_licence_that_must_allow_is_that_of_the_picture_where_it_lies(covcat: Covcat) -> None:
    passing = found(covcat, "--license-allows", "redistribution")
    assert {one["found_license"] for one in passing} == {"CC BY-NC-SA 4.0"}
    assert not found(covcat, "--license-allows", "commercial")


def test_found_gives_each_row_and_takes_no_one_per(covcat: Covcat) -> None:
    ran = covcat("images", "covid-net", "--found", "--one-per", "patient")
    assert (ran.code, "takes no --one-per" in ran.err) == (2, True)
    ran = covcat("images", "covid-net", "--columns", "found_in")
    assert (ran.code, "unknown column `found_in`" in ran.err) == (2, True)


def test_a_picture_of_a_sets_own_is_found_in_it(covcat: Covcat) -> None:
    ran = covcat("images", "figure1", "--found", "--json")
    (one,) = json.loads(ran.out)["data"]["images"]
    assert (one["found_in"], one["found_by"]) == ("figure1@2020-05-08", "own")
    assert one["found_path"] == one["path"]


def test_python_gives_the_rows_of_the_command_line_with_the_whole_path_of_each_picture(
    covcat: Covcat,
) -> None:
    table = images("covid-net", found=True, where=f"label_source = '{V4}'")
    assert table["found_in"].tolist() == ["cohen@0.1", "figure1@2020-05-08"]
    assert [Path(one).read_bytes() for one in table["file"]] == [
        COHEN["images/SARS-day0.jpeg"],
        FIGURE1["images/COVID-00033.jpg"],
    ]
    asked = found(covcat, "--all")
    every = images("covid-net", found=True, with_files_only=False)
    assert every["image_id"].tolist() == [one["image_id"] for one in asked]
    assert every["file"].notna().tolist() == [bool(one["found_in"]) for one in asked]
    with pytest.raises(UsageError, match="takes no `one_per`"):
        images("covid-net", found=True, one_per="patient")


def test_published_counts_say_list_by_list_which_pictures_are_here_and_what_lacks(
    covcat: Covcat,
) -> None:
    said = covcat("counts", "covid-net", "--published").err
    assert (
        f"covid-net@2022-02-17: {V4}: 2 of 5 rows have a picture here (1 in cohen@0.1, "
        "1 in figure1@2020-05-08); not here: 1 in cohen, 1 in version 3 of the COVID-19 "
        "Radiography Database, 1 in RSNA Pneumonia Detection Challenge\n"
    ) in said
    assert f"{V1}: 1 of 2 rows have a picture here (1 in cohen@0.1); not here: 1 in RSNA" in said
    assert "  all of these that covcat can fetch: covcat fetch --for covid-net@2022-02-17\n" in said


def test_published_counts_have_the_same_figures_list_by_list_in_json(covcat: Covcat) -> None:
    put("cohen@0.2", {**COHEN, "images/SARS-day0.jpeg": png(9, 9)})  # one name, two pictures
    data = json.loads(covcat("counts", "covid-net", "--published", "--json").out)["data"]
    first = next(one for one in data["lists"] if one["list"] == V4)
    assert (first["release"], first["rows"], first["pictures"], first["several"]) == (
        *("covid-net@2022-02-17", 5, 1, 1),
    )
    assert first["found_in"] == {"figure1@2020-05-08": 1}
    radiography = "version 3 of the COVID-19 Radiography Database"
    assert first["lacking"] == [
        {"sets": ["cohen"], "rows": 1},
        {"sets": [radiography], "rows": 1},
        {"sets": ["RSNA Pneumonia Detection Challenge"], "rows": 1},
    ]
    for one in data["lists"]:
        lacking = sum(each["rows"] for each in one["lacking"])
        assert one["pictures"] == sum(one["found_in"].values())
        assert one["rows"] == one["pictures"] + one["several"] + lacking
        assert {name for each in one["lacking"] for name in each["sets"]} <= data["ways"].keys()
    assert data["ways"]["cohen"].endswith("; covcat fetch cohen@2020-06-22")
    assert data["ways"][radiography].startswith("Kaggle, ")
    plain = json.loads(covcat("counts", "figure1", "--published", "--json").out)["data"]
    assert (plain["lists"], plain["ways"]) == ([], {})


def test_fetch_for_plans_the_lists_and_each_set_that_has_their_pictures_once(
    covcat: Covcat,
) -> None:
    ran = covcat("fetch", "--for", "covid-net", "--for", "v7", "--dry-run", "--json")
    steps = {one["id"]: one["action"] for one in json.loads(ran.out)["data"]["steps"]}
    assert steps == {
        "covid-net@2022-02-17": "keep",
        "cohen@2020-06-22": "fetch",
        "figure1@2020-05-08": "keep",
        "actualmed@2020-05-05": "fetch",
        "covid-net@covidx-cxr2": "fetch",
        "v7@2020-06-29": "fetch",
        "kermany@mendeley-2": "fetch",
    }
    assert "not to be fetched: MIDRC-RICORD-1c: the PNG of the lists nobody" in ran.err


def test_fetch_for_a_set_that_has_its_pictures_itself_says_so(covcat: Covcat) -> None:
    ran = covcat("fetch", "--for", "figure1", "--dry-run")
    assert (ran.code, ran.out) == (2, "")
    assert "its pictures are in no other set" in ran.err
    assert "hint: covcat fetch figure1\n" in ran.err


LABELS = """\
releases:
  - id: "1"
    source: made up
    files: [{{host: web, name: a.zip, url: "https://data.example.org/a.zip", unpack: zip}}]
    images_in: [{{resource: {of}, evidence: x, source: x}}]
tables:
  - {{reader: delimited, path: a.csv, source: x, columns: {{filename: n}}, image: "{{n}}"}}
"""


def test_by_stem_a_picture_may_have_another_suffix_and_two_of_one_stem_are_told(
    covcat: Covcat, shelf: Shelf
) -> None:
    """Cohen's list has 3fd337c1.jpg where Hannover has png/3fd337c1.png."""
    shelf.add("mine", LABELS.format(of="cohen, by: stem"))
    lay(load.load((shelf.folder,)).find("mine"), {"a.csv": b"n\n3fd337c1.png\ntwo.png\n"})
    names = ("3fd337c1.jpg", "two.jpg", "two.gif")
    put(
        "cohen@0.1", {"metadata.csv": COHEN_HEADER, **{f"images/{one}": png(2, 2) for one in names}}
    )
    ran = covcat("images", "mine", "--found", "--format", "csv")
    assert [one["found_path"] for one in ran.rows] == ["images/3fd337c1.jpg"]
    assert "1 row could be several of cohen: mine:two.png (cohen@0.1:images/two.gif, " in ran.err


def test_a_where_of_the_catalog_that_rows_make_an_error_of_is_told(
    covcat: Covcat, shelf: Shelf
) -> None:
    shelf.add("wrong", LABELS.format(of='cohen, by: name, where: "json(filename)"'))
    lay(load.load((shelf.folder,)).find("wrong"), {"a.csv": b"n\nx.png\n"})
    ran = covcat("images", "wrong", "--found")
    assert (ran.code, "`where` of its `images_in` cannot be asked" in ran.err) == (5, True)
