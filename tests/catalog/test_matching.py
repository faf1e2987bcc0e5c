"""Which file of a release a row means: names as people and systems write them."""

import unicodedata
from collections.abc import Iterable
from dataclasses import replace

import pytest

from covcat.catalog import matching
from covcat.catalog.entries import LabelTable
from covcat.catalog.matching import Row

TABLE = LabelTable(reader="delimited", path="t.csv", source="made up", image="{name}")


def found(match: str, name: str, images: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    return matching.finder(match, images, others)(name)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize("match", ["path", "name", "stem", "fold"])
@pytest.mark.parametrize(
    ("row", "file"),
    [
        ("Müller-1.png", nfd("Müller-1.png")),  # a zip of macOS
        (nfd("Müller-1.png"), "Müller-1.png"),  # a table of macOS
        ("Å.png", "\u212b.png"),  # the sign of ångström
        ("각.png", nfd("각.png")),
    ],
)
def test_either_unicode_form_of_a_name_is_the_same_name(match: str, row: str, file: str) -> None:
    assert found(match, row, [file, "other.png"]) == [file]


def test_a_name_that_is_there_in_both_forms_could_be_either() -> None:
    both = [nfd("é.png"), "é.png"]
    assert found("name", "é.png", both) == sorted(both)


@pytest.mark.parametrize(
    "name",
    [
        *(r"data\x\a.png", r".\data\x\a.png", r"data\\x/a.png"),  # Windows
        *("./data/x/a.png", "/data/x/a.png", "data//x/a.png"),
    ],
)
def test_a_path_is_found_however_it_is_written(name: str) -> None:
    assert found("path", name, ["data/x/a.png", "data/y/a.png"]) == ["data/x/a.png"]


@pytest.mark.parametrize("name", ["data/x/../x/a.png", "x/a.png", "data/X/a.png", "", ".", "/"])
def test_a_path_that_leads_elsewhere_or_nowhere_finds_nothing(name: str) -> None:
    assert found("path", name, ["data/x/a.png", "data/y/a.png"]) == []


@pytest.mark.parametrize(
    ("match", "name", "expected"),
    [
        ("fold", "A", ["b/A.jpg", "b/a.png"]),  # two are meant: neither is taken
        ("fold", "X.1", ["b/x.1.jfif"]),
        ("fold", "STRASSE", ["b/straße.png"]),
        ("stem", "A", ["b/A.jpg"]),
        ("stem", "a.jpeg", ["b/a.png"]),
        ("stem", "v", ["b/v.nii.gz"]),
        ("stem", "V", []),
        ("stem", "x.1", ["b/x.1.jfif"]),  # .1 is no suffix of an image
        ("stem", "x", []),
        ("name", "b/a.png", ["b/a.png"]),
        ("name", "elsewhere/a.png", ["b/a.png"]),
        ("name", "A.PNG", []),
        # what has no suffix of an image is named in full, as DICOM often is
        ("name", "IM0001", ["s/IM0001"]),
        ("name", "scan.raw", ["s/scan.raw"]),
        ("stem", "scan.raw", ["s/scan.raw"]),
        ("stem", "scan", []),
        ("path", "scan.raw", []),
        ("path", "s/scan.raw", ["s/scan.raw"]),
    ],
)
def test_a_name_or_its_stem_finds_images_and_others_only_in_full(match, name, expected) -> None:
    images = ["b/A.jpg", "b/a.png", "b/straße.png", "b/v.nii.gz", "b/x.1.jfif"]
    assert found(match, name, images, ("s/IM0001", "s/scan.raw")) == expected


@pytest.mark.parametrize(
    ("template", "cells", "expected"),
    [
        ("{folder}/{name}", {"folder": r"data\x", "name": "a.png"}, [r"data\x/a.png"]),
        ("{folder}/{name}", {"folder": " ", "name": "a.png"}, []),
        ("{Name }", {"name": " a.png "}, ["a.png"]),
        ("{name.stem}.png", {"name": "a.jpg"}, ["a.png"]),
        ("{other} | {name}", {"name": "{other}"}, ["{other}"]),  # a cell is no template
        ("{missing}", {"name": "a.png"}, []),
    ],
)
def test_a_template_needs_a_value_for_each_hole(template, cells, expected) -> None:
    assert matching.images(Row(cells, "t.csv"), replace(TABLE, image=template)) == expected
