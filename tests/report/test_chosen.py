"""A page of a cohort or a split: only what is in it."""

from pathlib import Path

import pyarrow.parquet
import pytest
from makers.name_lists import name_lists

CC = "CC BY 4.0"
ROWS = [
    {
        "patientid": at // 2,
        "finding": "COVID-19" if at < 6 else "SARS",
        "view": "PA",
        "filename": f"it's {at}.png",
        "license": CC,
    }
    for at in range(10)
]


@pytest.fixture
def here(laid) -> Path:
    return laid(ROWS, pictures={str(row["filename"]): b"x%d" % at for at, row in enumerate(ROWS)})


@pytest.mark.parametrize("form", ["cohort", "cohort.csv"])
def test_a_page_of_a_cohort_counts_only_what_is_in_it(here, covcat, report, form: str) -> None:
    assert covcat("select", "--covid", "yes", "--output", form).code == 0
    seen = report("--of", form, "--pictures", "0")
    assert "What is here of cohort" in seen.text[""]
    assert "COVID-19 6 3" in seen.told("pictures")
    assert "SARS" not in seen.told("pictures")
    assert "CC BY 4.0 6 yes" in seen.told("licences")


@pytest.mark.parametrize("form", ["split", "split.csv"])
def test_a_page_of_a_split_counts_its_sides(here, covcat, report, form: str) -> None:
    ran = covcat("split", "--shares", "60,40", "--output", form, "--seed", "1")
    assert ran.code == 0, ran.err
    text = report("--of", form, "--pictures", "0").told("pictures")
    assert "Side of this split Pictures Patients train 6 3 " in text
    assert text.count(" 4 2 ") >= 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--of", "nosuch"], 3, "`nosuch` is not there"),
        (["--of", "names.csv"], 2, "names no pictures: expected a column such as filename"),
        (["--of", "strange.txt"], 3, "no picture that `strange.txt` names is here: got 1 names"),
        (["--of", "lines.parquet"], 2, "is no table of a cohort or a split"),
        (["--of", "other.parquet"], 2, "it has no column image_id, release, resource"),
        (["--of", "cohort.csv", "set"], 2, "expected no ID beside it"),
        (["--of", "other.csv"], 5, "names rows that are not here: expected 7, got 6"),
        (["--of", "empty.csv"], 2, "has no row"),
        (["--of", "picture.csv"], 2, "is no table of a cohort or a split"),
    ],
)
def test_a_table_that_is_no_cohort_is_refused(here, covcat, words, code, said) -> None:
    assert covcat("select", "--covid", "yes", "--output", "cohort.csv").code == 0
    text = Path("cohort.csv").read_text()
    last = text.splitlines()[-1]
    Path("other.csv").write_text(text + last.replace("set:", "set:no", 1) + "\n")
    Path("empty.csv").write_text(text.splitlines()[0] + "\n")
    Path("picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    Path("names.csv").write_text("score,kind\n1,2\n")
    Path("strange.txt").write_text("nobody's film of 2020.png\n")
    Path("lines.parquet").write_text("a,b\n")
    pyarrow.parquet.write_table(pyarrow.table({"path": ["a.png"]}), "other.parquet")
    ran = covcat("report", *words)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert not Path("covcat-report.html").exists()


def test_what_is_the_same_outside_of_the_cohort_is_not_told(laid, covcat, report) -> None:
    rows = [{**ROWS[0], "filename": "a.png"}, {**ROWS[9], "filename": "b.png"}]
    laid(rows, pictures={"a.png": b"same", "b.png": b"same"})
    assert "1 pair of files" in report("--pictures", "0").told("overlap")
    assert covcat("select", "--covid", "yes", "--output", "cohort").code == 0
    seen = report("--of", "cohort", "--pictures", "0")
    assert "0 pairs of files that show the same; 0 conflicts" in seen.told("overlap")
    assert "different labels" not in seen.told("warnings")


def test_a_page_of_a_parquet_file_counts_only_what_is_in_it(here, covcat, report) -> None:
    assert covcat("images", "--covid", "yes", "-o", "some.parquet").code == 0
    seen = report("--of", "some.parquet", "--pictures", "0")
    assert "COVID-19 6 3" in seen.told("pictures")
    assert "SARS" not in seen.told("pictures")


NAMES = [f"it's {at}.png" for at in range(10)]
LISTS = name_lists(NAMES, "images")


@pytest.mark.parametrize("what", LISTS)
def test_a_page_of_a_list_has_its_pictures_that_are_here_and_its_sides(
    here, covcat, report, what: str
) -> None:
    files, given = LISTS[what]
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    words = [word for one in given for word in ("--of", one)]
    seen = report(*words, "set", "--pictures", "0")
    assert ": 5 of 6 names are here" in seen.text[""]
    text = seen.told("pictures")
    assert "Side of this split Pictures Patients train 4 2 " in text
    assert "COVID-19 4 2" in text
    ran = covcat("report", *words, "set", "-o", "again.html")
    assert "warning: of 1 name no picture is here, or it is not clear: `lost.png`" in ran.err


def test_a_list_without_sides_is_one_of_pictures_as_select_writes_it(here, covcat, report) -> None:
    assert covcat("select", "--covid", "yes", "--as", "list", "--output", "films.txt").code == 0
    text = report("--of", "films.txt", "--pictures", "0").told("pictures")
    assert "COVID-19 6 3" in text
    assert "Side of this split" not in text
