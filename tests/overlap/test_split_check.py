"""`covcat split check`: lists as people have them, and what is on both of their sides."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.laid import lay
from makers.releases import NUMBERED, Shelf
from makers.runs import Ran
from test_real_data import REAL

from covcat.catalog import load

ROWS = """\
patientid,finding,view,filename
1,COVID-19,PA,one-a.png
1,COVID-19,PA,one-b.png
2,SARS,PA,two-a.png
3,SARS,PA,three-a.png
3,SARS,PA,three-copy.png
4,SARS,PA,four-a.png
"""
ALIKE = {"three-copy.png": "two-a.png"}  # the same film under two patients
Check = Callable[..., Ran]


@pytest.fixture
def here(shelf: Shelf) -> None:
    shelf.add("set", NUMBERED)
    names = [row["filename"] for row in csv.DictReader(io.StringIO(ROWS))]
    pictures = {f"images/{name}": b"\x89PNG " + ALIKE.get(name, name).encode() for name in names}
    lay(load.load((shelf.folder,)).find("set@1"), {"metadata.csv": ROWS.encode(), **pictures})


@pytest.fixture
def check(covcat) -> Check:
    """Write files and judge them; a folder's name ends in a slash and is judged whole."""

    def run(files: dict[str, str | bytes], *args: str) -> Ran:
        for name, content in files.items():
            path = Path("lists", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        named = [f"lists/{name}" for name in files if "/" not in name]
        return covcat("split", "check", *(named or ["lists"]), *args)

    return run


def leaks(ran: Ran) -> list[tuple[str, ...]]:
    assert ran.code in (0, 5), ran.err
    assert (ran.code == 5) == bool(ran.rows)
    return [tuple([*row.values()][:5]) for row in ran.rows]


CSV = "filename,split\none-a.png,train\ntwo-a.png,test\n"
SHAPES: dict[str, dict[str, str | bytes]] = {
    "csv with split": {"a.csv": CSV + "one-b.png,test\n"},
    "tsv with subset": {"a.tsv": "image\tsubset\none-a.png\tTraining\none-b.png\tTesting\n"},
    "csv; with set": {"a.csv": "path;set\nimages/one-a.png;train\nimages/one-b.png;test\n"},
    "csv without a header": {"a.csv": "one-a.png,train\none-b.png,test\n"},
    "txt of names": {"train.txt": "one-a.png\n\ntwo-a.png\n", "test.txt": "one-b.png\r\n"},
    "names with labels": {"train.txt": "x/one-a.png 0\n", "test.txt": "x/one-b.png 1\n"},
    "covidx": {
        "train_COVIDx9A.txt": "17 one-a.png positive cohen\n",
        "test_COVIDx9A.txt": "17 one-b.png positive cohen\n18 x.png negative\n",
    },
    "covid-ct": {
        "COVID/trainCT_COVID.txt": "one-a.png\n",
        "COVID/testCT_COVID.txt": "one-b.png\n",
        "NonCOVID/trainCT_NonCOVID.txt": "four-a.png\n",
    },
    "csv a side": {"train.csv": "filename\none-a.png\n", "validation.csv": "filename\none-b.png\n"},
    "json": {"a.json": json.dumps({"train": ["one-a.png"], "test": ["images/one-b.png"]})},
    "json of rows": {
        "a.json": json.dumps(
            [{"file": "one-a.png", "split": "train"}, {"file": "one-b.png", "split": "test"}]
        )
    },
    "backslashes": {"train.txt": "images\\one-a.png\n", "test.txt": ".\\images\\one-b.png\n"},
    "bom": {"train.txt": "\ufeffone-a.png\n", "test.txt": "one-b.png\n"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_patient_on_two_sides_is_found_in_each_shape(shape: str, here, check: Check) -> None:
    found = leaks(check(SHAPES[shape]))
    assert [(kind, Path(a.replace("\\", "/")).name) for kind, _, a, *_ in found] == [
        ("same patient", "one-a.png")
    ]
    assert Path(found[0][4].replace("\\", "/")).name == "one-b.png"
    assert found[0][1] == "train"
    assert found[0][3] in ("test", "val")


@pytest.mark.parametrize("column", ["fold", "Fold"])
def test_folds_are_sides_of_their_own(column: str, here, check: Check) -> None:
    text = f"filename,{column}\none-a.png,0\none-b.png,1\nfour-a.png,2\ntwo-a.png,-\n"
    assert leaks(check({"folds.csv": text})) == [
        ("same patient", "fold 0", "one-a.png", "fold 1", "one-b.png")
    ]


def test_a_picture_under_two_patients_is_found_by_its_bytes(here, check: Check) -> None:
    found = leaks(check({"train.txt": "two-a.png\n", "test.txt": "three-copy.png\nfour-a.png\n"}))
    assert found == [("same bytes", "train", "two-a.png", "test", "three-copy.png")]


def test_what_is_in_both_lists_is_found_though_nothing_is_here(check: Check) -> None:
    ran = check({"train.txt": "a.png\nb,c.png\n", "test.txt": "b,c.png\nd.png\n"})
    assert leaks(ran) == [("same name", "train", "b,c.png", "test", "b,c.png")]
    assert "of 4 rows no picture is here" in ran.err


def test_patients_of_the_lists_are_compared_though_nothing_is_here(check: Check) -> None:
    text = "patient_id,image,split\n7,a.png,train\n7,b.png,val\n8,c.png,test\n"
    ran = check({"a.csv": text})
    assert leaks(ran) == [("same patient", "train", "a.png", "val", "b.png")]
    assert "1 in train, 1 in val: 7, as the lists say" in ran.out


def test_lists_of_which_only_names_can_be_compared_are_not_called_clean(check: Check) -> None:
    ran = check({"train.txt": "a.png\n", "test.txt": "b.png\n"})
    assert ran.code == 3
    assert "nothing but names could be compared" in ran.err


def test_a_clean_split_is_exit_0_with_counts(here, check: Check) -> None:
    ran = check({"train.txt": "one-a.png\none-b.png\nelse.png\n", "test.txt": "four-a.png\n"})
    assert leaks(ran) == []
    for said in (
        "4 rows: train 3, test 1",
        "of 3 the picture is here: 3 of set@1",
        "of 1 row no picture is here",
        "no leak was found in what could be compared",
    ):
        assert said in ran.err


def test_a_split_of_covcat_is_clean_until_a_row_is_moved(here, covcat) -> None:
    made = covcat("split", "set", "--shares", "50,50", "--output", "split.csv")
    assert made.code == 0, made.err
    assert covcat("split", "check", "split.csv").code == 0
    text = Path("split.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    moved = next(row for row in rows if row["patient_id"] == "set:1")
    moved["split"] = {"train": "test", "test": "train"}[moved["split"]]
    with Path("moved.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    ran = covcat("split", "check", "moved.csv")
    assert ran.code == 5
    assert "same patient" in ran.out


PNG = b"\x89PNG "


def test_folders_are_compared_by_bytes_not_by_names(check: Check) -> None:
    ran = check(
        {
            "train/covid/1.png": PNG + b"1",
            "train/normal/1.png": PNG + b"2",
            "test/covid/1.png": PNG + b"3",
            "test/normal/9.png": PNG + b"1",
            "train/notes.txt": "no list",
        }
    )
    assert leaks(ran) == [("same bytes", "train", "covid/1.png", "test", "normal/9.png")]


def test_classes_that_number_their_own_files_have_no_name_in_common(here, check: Check) -> None:
    lists = {
        "COVID/trainCT_COVID.txt": "1.png\none-a.png\n",
        "COVID/testCT_COVID.txt": "2.png\n",
        "NonCOVID/trainCT_NonCOVID.txt": "2.png\n",
        "NonCOVID/testCT_NonCOVID.txt": "1.png\nfour-a.png\n",
    }
    assert leaks(check(lists)) == []
    lists["NonCOVID/testCT_NonCOVID.txt"] += "2.png\n"
    assert leaks(check(lists)) == [("same name", "train", "2.png", "test", "2.png")]


def test_a_name_that_every_set_has_is_no_picture_here_unless_it_is_said(
    shelf: Shelf, check: Check
) -> None:
    shelf.add("set", NUMBERED)
    table = "patientid,finding,view,filename\n1,SARS,PA,1.png\n1,SARS,PA,2.png\n"
    pictures = {f"images/{n}.png": PNG + n.encode() for n in "12"}
    lay(load.load((shelf.folder,)).find("set@1"), {"metadata.csv": table.encode(), **pictures})
    lists: dict[str, str | bytes] = {"train.txt": "1.png\n", "test.txt": "2.png\n"}
    assert check(lists).code == 3
    assert leaks(check(lists, "--of", "set")) == [
        ("same patient", "train", "1.png", "test", "2.png")
    ]


def test_every_copy_of_a_picture_is_named(here, check: Check) -> None:
    lists = {"train.txt": "a.png\na.png\nb.png\n", "test.txt": "a.png\nb.png\nb.png\n"}
    found = leaks(check({**lists}))
    assert [one[2] for one in found] == ["a.png", "a.png", "b.png", "b.png"]


@pytest.mark.parametrize("form", ["json", "csv", "ids"])
def test_leaks_can_be_read_by_programs(form: str, here, check: Check) -> None:
    ran = check(SHAPES["covidx"], "--format", form)
    assert ran.code == 5
    if form == "json":
        assert ran.document["data"]["leaks"][0]["kind"] == "same patient"
        assert ran.document["data"]["sides"] == {"train": 1, "test": 2}
        assert ran.document["error"]["code"] == 5
    else:
        assert "one-b.png" in ran.out


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"list.txt": "a.png\n"}, 2, "says no side"),
        ({"train.txt": "a.png\n"}, 2, "only the side `train` was found"),
        ({"train.txt": "", "test.txt": ""}, 2, "no row on a side"),
        ({"a.csv": "x,y\n1,2\n"}, 2, "names no pictures"),
        ({"train_test.csv": "filename\na.png\n"}, 2, "says no side"),
        ({"a.csv": 'filename,split\n"a.png\0,train\n'}, 2, ""),
        ({"train.txt": b"\xff\xfe\x00a", "test.txt": "a"}, 2, "cannot be read"),
        ({"a.json": "{"}, 2, "cannot be read"),
        ({"a.json": "[1, 2]"}, 2, "expected names or objects"),
        ({"a.npy": b"\x93NUMPY"}, 2, "is no list that is read"),
    ],
)
def test_what_is_no_list_of_a_split_is_refused(
    files: dict[str, str | bytes], code: int, said: str, check: Check
) -> None:
    ran = check(files)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert "bug" not in ran.err


def test_a_list_that_is_not_there_is_exit_3(covcat) -> None:
    assert covcat("split", "check", "none.csv").code == 3


def test_lists_of_pictures_that_are_not_here_can_name_the_set(here, check: Check) -> None:
    ran = check({"train.txt": "a.png\n", "test.txt": "b.png\n"}, "--of", "cohen")
    assert ran.code == 3
    assert "covcat fetch cohen" in ran.err


@pytest.mark.parametrize("list", ["5", "9B", "Sev"])
@pytest.mark.large
def test_covidx_has_no_patient_in_both_lists(list: str, covcat) -> None:
    archive = REAL / "covidnet-65999806.zip"
    if not archive.is_file():
        pytest.skip("the real archives are not beside this repository")
    shutil.unpack_archive(archive, "cn")
    names = [
        str(next(Path("cn").glob(f"*/labels/{s}_COVIDx{list}.txt"))) for s in ("train", "test")
    ]
    ran = covcat("split", "check", *names)
    assert leaks(ran) == []
    lines = Path(names[0]).read_text().splitlines()
    Path(names[1]).write_text(Path(names[1]).read_text().rstrip() + f"\n{lines[0]}\n")
    assert [one[0] for one in leaks(covcat("split", "check", *names))] == [
        "same name",
        *["same patient"] * (sum(line.split()[0] == lines[0].split()[0] for line in lines) > 1),
    ]
