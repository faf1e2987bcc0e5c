"""`covcat report`: one page of what is here, whose numbers are those of the other commands."""

import re
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from makers.films import png

from covcat.report import page as pages

CC = "CC BY 4.0"
ROWS = [
    {"patientid": 1, "sex": "F", "age": 61, "finding": "COVID-19", "view": "PA", "license": CC},
    {"patientid": 1, "sex": "F", "age": 61, "finding": "COVID-19", "view": "AP", "license": CC},
    {"patientid": 2, "sex": "M", "age": 5, "finding": "No finding", "view": "PA", "license": "no"},
    {"patientid": "", "finding": "Pneumonia, COVID-19", "view": "", "license": ""},
]
ROWS = [{**row, "filename": f"{at}.png"} for at, row in enumerate(ROWS)]
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "<style>*{display:none}</style>",
    "<!--",
    "&lt;b&gt;",
]


@pytest.fixture
def report(report):
    """Make a page without pictures: no process that decodes is started."""
    return partial(report, "--pictures", "0")


@pytest.fixture
def here(laid) -> Path:
    return laid(ROWS)


def test_every_section_has_a_heading_and_a_link_that_leads_to_it(here, report) -> None:
    seen = report()
    ids = seen.attributes("id")
    assert len(ids) == len(set(ids))
    links = [one for one in seen.attributes("href") if one.startswith("#")]
    assert set(links) == {"#content", *(f"#{id}" for id in pages.SECTIONS)}
    assert {link[1:] for link in links} <= set(ids)
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_counts_what_counts_counts(here, report, covcat) -> None:
    text = report().text["pictures"]
    for column in ("finding", "view", "sex", "covid"):
        ran = covcat("counts", "--by", column, "--of", "images", "--json")
        for row in ran.document["data"]["counts"]:
            value = row[column] or "(unknown)"
            assert re.search(rf"{re.escape(value)}\s+{row['images']}\b", text), (value, text)


@pytest.mark.parametrize(
    ("section", "pattern"),
    [
        ("here", r"set@1 as brought 5 [\d,]+ yes"),
        ("here", r"disk \S+ \S+ left; nothing waits"),
        ("pictures", r"60 to 69 2 1"),
        ("pictures", r"set@1 2 1.5 2 1\b"),
        ("pictures", r"Pictures a patient Patients Pictures 1 1 1 2 1 2 "),
        ("pictures", r"Size in pixels Pictures 200 x 160 4 "),
        ("pictures", r"1 row with several findings, counted for each"),
        ("missing", r"No file, row or table is missing"),
        ("licences", r"CC BY 4.0 2 yes yes yes"),
        ("licences", r"\(none stated\) 1 unknown unknown unknown commercial: unknown"),
        ("cite", r"A set.*@misc"),
        ("made", r"covcat report --pictures 0 -o page.html --force"),
        ("made", r"set@1 [0-9a-f]{64}"),
    ],
)
def test_the_page_tells(here, report, section: str, pattern: str) -> None:
    text = report().told(section)
    assert re.search(pattern, text, re.IGNORECASE), text


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_tables_and_file_names_is_text(laid, report, text: str) -> None:
    laid(ROWS)
    known = {tag for tag, _ in report().tags}
    name = text.replace("/", "") + ".png"
    lost = {**ROWS[0], "filename": "lost" + name, "finding": text}
    there = {**ROWS[0], "filename": name, "license": text, "finding": text}
    laid([*ROWS, there, lost], pictures={name: png(1)})
    seen = report()
    assert {tag for tag, _ in seen.tags} - known <= {"table", "th"}
    assert text in seen.text["licences"]
    assert f"lost{name}" in seen.text["missing"]
    handlers = {one for _, names in seen.tags for one in names if one.startswith("on")}
    assert not handlers


def test_a_cell_of_a_megabyte_is_cut_and_text_that_turns_around_is_spelt_out(laid, report) -> None:
    rows = [{**ROWS[0], "license": "x" * 1_000_000}, {**ROWS[1], "license": "a\u202eb"}]
    laid(rows)
    seen = report()
    assert "(1,000,000 letters)" in seen.text["licences"]
    assert r"a\u202eb" in seen.text["licences"]
    assert Path("page.html").stat().st_size < 100_000


def test_the_page_asks_nobody_and_links_only_to_the_web(here, report) -> None:
    seen = report()
    assert not [one for one in seen.attributes("src") if not one.startswith("data:")]
    assert not {"srcset", "action", "formaction", "background"} & {
        name for _, names in seen.tags for name in names
    }
    assert not [tag for tag, _ in seen.tags if tag in ("link", "iframe", "object", "base")]
    assert all(one.startswith(("#", "https://", "http://")) for one in seen.attributes("href"))


def test_what_is_missing_is_told_with_its_number(laid, report) -> None:
    rows = [*ROWS, {**ROWS[0], "filename": "gone.png"}]
    folder = laid(rows, pictures={"0.png": b"\x89PNG"})
    text = report().told("missing")
    assert (
        "rows of labels without their picture 4 images/1.png; images/2.png; images/3.png; images/gone.png"
        in text
    )
    (folder / "files/images/0.png").unlink()
    assert "pictures that are gone from the disk" in report().text["missing"]
    assert "set@1: 5 rows modality 100 view 20.0 finding 0 patient_id 20.0 sex 20.0" in text


def test_a_release_that_cannot_be_read_is_left_out_and_named(laid, report, covcat) -> None:
    laid(ROWS)
    folder = laid(ROWS, name="other")
    (folder / "files/metadata.csv").write_bytes(b"wrong\n1\n")
    seen = report(code=5)
    assert "other@1 is left out" in seen.text["here"]
    assert "set@1" in seen.text["here"]
    assert covcat("report", "set", "other", "-o", "new.html").code == 5
    assert not Path("new.html").exists()


def test_a_page_that_is_there_is_kept_unless_force_is_said(here, covcat) -> None:
    assert covcat("report").out == "covcat-report.html\n"
    before = Path("covcat-report.html").read_bytes()
    ran = covcat("report")
    assert ran.code == 8
    assert "covcat-report.html` is there already" in ran.err
    assert Path("covcat-report.html").read_bytes() == before
    assert covcat("report", "--force").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["report", "nosuch"], 3, "nosuch"),
        (["report", "-o", "covcat-data/set/1/files/page.html"], 2, "is inside the release"),
        (["report", "-o", ""], 2, "path is empty"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(here, covcat, words, code, said) -> None:
    before = sorted(Path().rglob("*"))
    ran = covcat(*words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert sorted(one for one in Path().rglob("*") if "sqlite" not in one.name) == before


def test_json_tells_where_the_page_is_and_what_is_on_it(here, covcat) -> None:
    data = covcat("report", "--json").document["data"]
    assert data["path"] == "covcat-report.html"
    assert data["bytes"] == Path("covcat-report.html").stat().st_size
    assert data["sections"] == list(pages.SECTIONS)


def test_sizes_bits_and_formats_are_figures_each_with_its_table(laid, report) -> None:
    names = [f"{at}.{'png' if at < 12 else 'jpg'}" for at in range(14)]
    rows = [{"patientid": one, "finding": "SARS", "filename": one, "license": "?"} for one in names]
    laid(rows, pictures={one: png(at, 40 + at, 30) for at, one in enumerate(names)})
    seen = report("--pictures", "0")
    text = seen.told("pictures")
    figures = [one for one in seen.attributes("aria-label") if one and "as bars" in one]
    assert [one.partition(",")[0] for one in figures[-3:]] == [
        *("Size in pixels", "Bits a pixel", "Format"),
    ]
    assert "Format Pictures png 12 jpg 2" in text
    assert "Bits a pixel Pictures 8 14" in text
    assert "40 x 30 1 " in text
    assert "4 others 4 " in text
