"""`covcat split check --with FOLDER`: the pictures of lists that lie in a plain folder."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from makers.pictures import film, write_pictures
from makers.runs import Covcat, Ran


@pytest.fixture
def pics() -> None:
    """Four films, and a crop of the first, in the folders of two classes."""
    one = film(1, 400, 360)
    write_pictures(
        Path("pics"),
        {
            "CT_COVID/1.png": one,
            "CT_COVID/2.png": film(2, 400, 360),
            "CT_NonCOVID/1.png": film(3, 400, 360),
            "CT_NonCOVID/4.png": film(4, 400, 360),
            "CT_NonCOVID/crop.png": one[30:370, 20:330],
        },
    )


def check(covcat: Covcat, files: Mapping[str, str], *args: str) -> Ran:
    for name, content in files.items():
        path = Path("lists", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    named = [f"lists/{name}" for name in files if "/" not in name]
    return covcat("split", "check", *(named or ["lists"]), "--with", "pics", *args)


def leaks(ran: Ran) -> list[tuple[str, ...]]:
    return [tuple([*row.values()][:5]) for row in ran.rows]


TRAIN, TEST = ("CT_COVID/1.png", "CT_COVID/2.png"), ("CT_NonCOVID/1.png", "CT_NonCOVID/crop.png")
CLASSES = {
    "COVID/trainCT_COVID.txt": "1.png\n",
    "COVID/testCT_COVID.txt": "2.png\n",
    "NonCOVID/trainCT_NonCOVID.txt": "1.png\n",
}
SHAPES: dict[str, Mapping[str, str]] = {
    "txt": {"train.txt": "\n".join(TRAIN), "test.txt": "\n".join(TEST)},
    "csv": {
        "a.csv": "path,split\n"
        + "".join(f"{one},train\n" for one in TRAIN)
        + "".join(f"{one},test\n" for one in TEST)
    },
    "folds of scikit-learn": {
        "a.csv": "".join(
            ["path,fold\n", *(f"{one},{at // 2}\n" for at, one in enumerate(TRAIN + TEST))]
        )
    },
    "json": {"a.json": json.dumps({"train": TRAIN, "test": TEST})},
    "covidx": {
        "train_COVIDx.txt": "".join(f"1 {one} positive x\n" for one in TRAIN),
        "test_COVIDx.txt": "".join(f"2 {one} negative x\n" for one in TEST),
    },
    "covid-ct": {**CLASSES, "NonCOVID/testCT_NonCOVID.txt": "crop.png\n4.png\n"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_crop_on_the_other_side_is_named_with_what_it_is_of(shape: str, pics, covcat) -> None:
    ran = check(covcat, SHAPES[shape])
    assert ran.code == 5, ran.err
    (kind, side_a, name_a, side_b, name_b), *others = leaks(ran)
    assert kind == "same picture"
    assert [one[0] for one in others] == ["same subject"] * (shape == "covidx")  # it has patients
    assert name_a.endswith("1.png")
    assert name_b.endswith("crop.png")
    assert (side_a, side_b) in (("train", "test"), ("fold 0", "fold 1"))
    assert " picture is here" in ran.err
    assert "could be of several" not in ran.err


@pytest.mark.parametrize("shape", ["txt", "covid-ct"])
def test_without_the_crop_it_is_clean(shape: str, pics, covcat) -> None:
    ran = check(
        covcat,
        {
            name: text.replace("NonCOVID/crop", "NonCOVID/4").replace("crop.png\n", "")
            for name, text in SHAPES[shape].items()
        },
    )
    assert ran.code == 0, ran.err
    assert leaks(ran) == []


def test_a_copy_of_both_sides_that_no_list_names_is_no_leak(pics, covcat) -> None:
    write_pictures(Path("pics"), {"other/also-of-1.png": film(1, 400, 360)})
    ran = check(covcat, {"train.txt": "CT_COVID/1.png\n", "test.txt": "CT_NonCOVID/4.png\n"})
    assert ran.code == 0, ran.err


def test_patients_of_lists_who_have_a_picture_in_common_are_one_subject(pics, covcat) -> None:
    rows = [("1", "CT_COVID/1.png", "train"), ("1", "CT_COVID/2.png", "train")]
    rows += [("2", "CT_NonCOVID/crop.png", "test"), ("2", "CT_NonCOVID/4.png", "test")]
    text = "\n".join(["patientid,filename,split", *map(",".join, rows)])
    ran = check(covcat, {"a.csv": text + "\n3,CT_NonCOVID/1.png,test\n"})
    assert ran.code == 5
    assert [one[0] for one in leaks(ran)] == ["same picture", "same subject"]
    assert "2 in train, 2 in test: 1, as pics:CT_" in ran.out
    assert "CT_NonCOVID/crop.png, by the pictures" in ran.out


def test_folders_of_sides_are_compared_by_what_they_show(covcat) -> None:
    one = film(1, 400, 360)
    write_pictures(
        Path("pics"),
        {
            "train/a/1.png": one,
            "train/a/2.png": film(2, 400, 360),
            "test/a/1.png": one[30:370, 20:330],
        },
    )
    ran = covcat("split", "check", "pics", "--with", "pics")
    assert ran.code == 5, ran.err
    assert leaks(ran) == [("same picture", "train", "a/1.png", "test", "a/1.png")]


def test_what_is_in_no_such_folder_is_told(pics, covcat) -> None:
    ran = check(covcat, {"train.txt": "gone.png\n", "test.txt": "CT_COVID/2.png\n"})
    assert "of 1 row no picture is here" in ran.err
    ran = covcat("split", "check", "lists/train.txt", "lists/test.txt", "--with", "nowhere")
    assert ran.code == 3
