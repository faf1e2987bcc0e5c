"""select, split and export of rows whose pictures lie in other sets: lists of COVIDx, made small."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from makers.covidx import COHEN, COHEN_HEADER, FIGURE1, LISTS, V1, V4, put, put_sets
from makers.laid import DATA
from makers.runs import Covcat, read_csv, tree_on_disk
from makers.tables import png

import covcat as api
from covcat.errors import UsageError
from covcat.export.training import FORMS

FILM, FIG = "images/SARS-day0.jpeg", "images/COVID-00033.jpg"
ANY = ("covid-net", "--found", "--allow-unknown-license")
TEST_LIST = b"20 test.png COVID-19 cohen\n"


@pytest.fixture(autouse=True)
def sets() -> None:
    put_sets()


def test_a_cohort_has_the_labels_of_the_list_and_the_licence_of_the_set_that_has_the_picture(
    covcat: Covcat,
) -> None:
    ran = covcat("select", *ANY, "-o", "cohort", "--as", "copies")
    assert ran.code == 0, ran.err
    rows = {(one["label_source"], one["path"]): one for one in read_csv("cohort/cohort.csv")}
    assert sorted(rows) == [(V1, FILM), (V4, FIG), (V4, FILM)]
    film = rows[V4, FILM]
    assert [film[name] for name in ("resource", "release", "found_in", "found_by", "matched")] == [
        *("covid-net", "2022-02-17", "cohen@0.1", "name", "both")
    ]
    assert [film[name] for name in ("finding", "patient_id", "license", "allows_commercial")] == [
        *("Pneumonia", "covid-net:10", "CC BY-NC-SA 4.0", "no")
    ]
    assert film["file"] == f"images/cohen/{FILM}"
    assert Path("cohort", film["file"]).read_bytes() == COHEN[FILM]
    assert Path("cohort/images/figure1", FIG).read_bytes() == FIGURE1[FIG]
    terms = Path("cohort/LICENSES.txt").read_text()
    for name in ("1 image: CC BY-NC-SA 4.0", "covid-net as a whole", "figure1 as a whole"):
        assert name in terms
    assert len(read_csv("cohort/refused.csv")) == 4


def test_what_is_not_here_is_named_with_what_to_fetch(covcat: Covcat) -> None:
    for words in (
        ("select", *ANY),
        ("split", "covid-net", "--found", "--shares", "50,50"),
        ("export", "new", "covid-net", "--found", "--for", "csv"),
    ):
        said = covcat(*words).err
        assert "of 7 rows of labels 3 have a picture here, 2 in cohen@0.1, 1 in figure1" in said
        assert "1 row without a picture here: in cohen\n" in said
        assert "  cohen: not in cohen@0.1; covcat fetch cohen@2020-06-22\n" in said
        assert "4 rows are left out: their image is not here\n" in said


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--license-allows", "redistribution"),
        ("--license-allows", "commercial"),
        ("--covid", "yes"),
        ("--finding", "pneumonia", "--where", f"label_source = '{V1}'"),
        ("--where", "path IS NULL AND license IS NULL"),
    ],
)
def test_select_chooses_the_rows_of_images_found(covcat: Covcat, options: tuple[str, ...]) -> None:
    listed = covcat("images", "covid-net", "--found", *options, "--format", "ids")
    chosen = covcat("select", *ANY, *options, "-o", "some.csv", "--as", "csv")
    assert (listed.code, chosen.code) == (0, 0), chosen.err
    strict = "--license-allows" in options
    rows = read_csv("some.csv")
    if strict:  # an unknown licence is taken with --allow-unknown-license
        rows = [one for one in rows if one["allows_redistribution"] == "yes"]
        rows = [one for one in rows if "commercial" not in options]
    assert sorted(one["image_id"] for one in rows) == sorted(listed.out.split("\n")[:-1])


def test_a_licence_of_which_nothing_is_known_is_refused_where_the_picture_lies(
    covcat: Covcat,
) -> None:
    """Figure 1 states none for its pictures as a whole; COVID-Net's AGPL is none of pictures."""
    data = covcat("select", "covid-net", "--found", "--json").document["data"]
    assert (data["chosen"], data["images"], data["refused"]) == (2, 1, 1)
    assert {one["license"] for one in data["licenses"] if one["chosen"]} == {"CC BY-NC-SA 4.0"}


def test_one_picture_of_two_lists_is_chosen_once(covcat: Covcat) -> None:
    data = covcat("select", *ANY, "--distinct", "--json").document["data"]
    assert (data["chosen"], data["images"], data["left_out"]) == (
        *(2, 2),
        {"its image is not here": 4, "another copy of the picture is chosen": 1},
    )
    data = covcat("select", *ANY, "--one-per", "patient", "--json").document["data"]
    assert (data["chosen"], data["patients"]) == (2, 2)


def test_a_cohort_is_made_again_of_the_releases_that_had_its_pictures(covcat: Covcat) -> None:
    first = covcat("select", *ANY, "-o", "cohort")
    assert first.code == 0, first.err
    record = json.loads(Path("cohort/query.json").read_text())
    assert record["command"].startswith("covcat select covid-net@2022-02-17 --found ")
    assert [one["release"] for one in record["found_in"]] == ["cohen@0.1", "figure1@2020-05-08"]
    put("cohen@0.2", {"metadata.csv": COHEN_HEADER, "images/later.png": png(3, 3)})
    again = covcat("select", "--from", "cohort", "-o", "again")
    assert again.code == 0, again.err
    assert Path("again/cohort.csv").read_bytes() == Path("cohort/cohort.csv").read_bytes()
    anew = covcat("select", *ANY, "--json").document["data"]
    assert anew["chosen"] == 4  # the newer release has a picture more


@pytest.mark.parametrize(
    ("harm", "code", "said"),
    [
        (lambda: put("cohen@0.1", {**COHEN, FILM: png(7, 7)}), 5, "cohen@0.1: not all files as"),
        (lambda: (DATA / "cohen/0.1/manifest.json").unlink(), 3, "`cohen@0.1` is not in"),
        (lambda: (DATA / "cohen/0.1/files" / FILM).unlink(), 5, f"`{FILM}` of cohen@0.1 is not as"),
    ],
)
def test_other_pictures_than_then_make_no_such_cohort_or_split(
    covcat: Covcat, harm: Callable[[], object], code: int, said: str
) -> None:
    assert covcat("select", *ANY, "-o", "cohort").code == 0
    assert covcat("split", "covid-net", "--found", "--shares", "50,50", "-o", "s.csv").code == 0
    harm()
    for words in (
        ("select", "--from", "cohort", "-o", "again"),
        ("export", "again", "--of", "s.csv", "--for", "imagefolder"),
    ):
        ran = covcat(*words)
        assert (ran.code, said in ran.err) == (code, True), ran.err
        assert not Path("again").exists()


def test_who_is_one_patient_in_the_list_or_where_the_picture_lies_is_on_one_side(
    covcat: Covcat,
) -> None:
    """Cohen's patient 10 has two films, which a list numbers as two people."""
    more = {"images/SARS-day5.jpeg": png(8, 3), "images/else.png": png(9, 3)}
    line = b"10,SARS-day5.jpeg,images,,SARS\n11,else.png,images,,COVID-19\n"
    put("cohen@0.1", {**COHEN, **more, "metadata.csv": COHEN["metadata.csv"] + line})
    lines = b"1 SARS-day0.jpeg pneumonia cohen\n2 SARS-day5.jpeg pneumonia cohen\n"
    put("covid-net@2022-02-17", {V4: lines + b"2 else.png COVID-19 cohen\n"})
    words = ("split", "covid-net", "--found", "--shares", "70,30")
    ran = covcat(*words)
    assert (ran.code, "1 subject cannot be on 2 sides" in ran.err) == (2, True)
    put("covid-net@2022-02-17", {V4: lines + b"3 else.png COVID-19 cohen\n"})
    sides = covcat(*words, "--json").document["data"]["sides"]
    assert sum(one["subjects"] for one in sides.values()) == 2
    assert sum(one["pictures"] for one in sides.values()) == 3


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_the_found_pictures_once_with_what_their_lists_say(
    covcat: Covcat, form: str
) -> None:
    ran = covcat("export", "new", "covid-net", "--found", "--for", form, "--json")
    assert ran.code == 0, ran.err
    data = ran.document["data"]
    assert (data["rows"], data["pictures"], data["findings"]) == (3, 2, 2)
    assert "contradict" not in ran.err
    if form == "csv":
        rows = read_csv("new/pictures.csv")
        assert [Path(one["file"]).read_bytes() for one in rows] == [COHEN[FILM], FIGURE1[FIG]]
        assert [one["license"] for one in rows] == ["CC BY-NC-SA 4.0", rows[1]["license"]]
        assert [one["found_in"] for one in rows] == ["cohen@0.1", "figure1@2020-05-08"]
    if form == "coco":
        assert Path("new/train/figure1", FIG).read_bytes() == FIGURE1[FIG]


def test_a_split_of_found_pictures_is_exported_with_its_sides(covcat: Covcat) -> None:
    ran = covcat("split", "covid-net", "--found", "--shares", "50,50", "--seed", "1", "-o", "s.csv")
    assert ran.code == 0, ran.err
    lock = json.loads(Path("split.lock").read_text())
    assert [one["release"] for one in lock["found_in"]] == ["cohen@0.1", "figure1@2020-05-08"]
    ran = covcat("export", "new", "--of", "s.csv", "--for", "csv")
    assert ran.code == 0, ran.err
    assert {one["image_id"]: one["split"] for one in read_csv("new/pictures.csv")}.items() <= {
        one["image_id"]: one["split"] for one in read_csv("s.csv")
    }.items()
    columns = ("--columns", "image_id,found_in", "-o", "s.csv", "--force")
    assert covcat("split", "covid-net", "--found", *columns).code == 0
    assert {*read_csv("s.csv")[0]} == {"image_id", "found_in", "split"}
    ran = covcat("split", "covid-net", "--columns", "found_in", "-o", "t.csv")
    assert (ran.code, "unknown column `found_in`" in ran.err) == (2, True)


@pytest.mark.parametrize("form", ["cohort", "cohort.csv"])
def test_a_page_of_found_pictures_shows_these_and_a_table_alone_exports_them(
    covcat: Covcat, form: str
) -> None:
    assert covcat("select", *ANY, "-o", form).code == 0
    ran = covcat("report", "--of", form, "--pictures", "0")
    assert ran.code == 0, ran.err
    assert "2 pictures of 2 releases" in ran.err
    assert "labels are those of the sets that have the pictures" in ran.err
    alone = Path("alone/cohort.csv")
    alone.parent.mkdir()
    alone.write_bytes((Path(form) / "cohort.csv" if form == "cohort" else Path(form)).read_bytes())
    assert covcat("images", "covid-net", "--found", "-o", "alone/images.csv").code == 0
    for name in ("cohort.csv", "images.csv"):
        out = f"of-{name}"
        ran = covcat("export", out, "--of", f"alone/{name}", "--for", "csv")
        assert ran.code == 0, ran.err
        rows = read_csv(Path(out, "pictures.csv"))
        assert [one["found_in"] for one in rows] == ["cohen@0.1", "figure1@2020-05-08"]
        assert {one["finding"] for one in rows} == {"Pneumonia", "COVID-19"}


def test_a_set_with_pictures_of_its_own_gives_the_rows_of_labels_that_it_has(
    covcat: Covcat,
) -> None:
    """A picture of no row of labels is none of --found, in images and in select."""
    assert covcat("select", "cohen", "--allow-unknown-license", "-o", "a.csv").code == 0
    assert covcat("select", "cohen", *ANY[1:], "-o", "b.csv").code == 0
    assert [one["path"] for one in read_csv("a.csv")] == [FILM, FIG]
    assert [(one["path"], one["found_by"]) for one in read_csv("b.csv")] == [(FILM, "own")]


def test_nothing_found_makes_nothing_and_says_what_lacks(covcat: Covcat) -> None:
    for name in ("cohen/0.1", "figure1/2020-05-08"):
        (DATA / name / "manifest.json").unlink()
    before = tree_on_disk(Path("."))
    for words, code in (
        (("select", *ANY, "-o", "new"), 0),
        (("export", "new", "covid-net", "--found", "--for", "csv"), 2),
        (("split", "covid-net", "--found", "-o", "new.csv"), 2),
    ):
        ran = covcat(*words)
        assert (ran.code, "cohen: covcat fetch cohen@2020-06-22" in ran.err) == (code, True)
    left = {name for name in tree_on_disk(Path(".")) if not name.endswith("index.sqlite")}
    assert left == {name for name in before if not name.endswith("index.sqlite")}


def test_python_selects_what_the_command_line_does_with_the_whole_path_of_each_picture(
    covcat: Covcat,
) -> None:
    chosen = api.select("covid-net", found=True, allow_unknown_license=True, finding="pneumonia")
    data = covcat("select", *ANY, "--finding", "pneumonia", "--json").document["data"]
    assert {**chosen.attrs["counts"], "path": None} == data
    assert {Path(one).read_bytes() for one in chosen["file"]} == {COHEN[FILM], FIGURE1[FIG]}
    assert set(chosen["found_in"]) == {"cohen@0.1", "figure1@2020-05-08"}
    with pytest.raises(UsageError, match="--finding `flue`"):
        api.select("covid-net", found=True, finding="flue")


def test_the_recipe_for_covidx_runs_as_it_is_written(covcat: Covcat) -> None:
    text = (Path(__file__).parents[2] / "docs/training.md").read_text(encoding="utf-8")
    section = text.partition("## Rebuilding COVIDx\n")[2].partition("\n## ")[0]
    lines = [shlex.split(line)[1:] for line in section.split("\n") if line.startswith("    covcat")]
    assert [words[0] for words in lines] == [
        *("fetch", "counts", "images", "export", "split", "export")
    ]
    cohen = {**COHEN, "images/test.png": png(7, 9)}
    cohen["metadata.csv"] += b"20,test.png,images,,COVID-19\n"
    put("cohen@0.1", cohen)
    put("covid-net@2022-02-17", {**LISTS, V4.replace("train", "test"): TEST_LIST})
    codes = [covcat(*words, *(["--dry-run"] if words[0] == "fetch" else [])) for words in lines]
    published = codes.pop(1)  # counts of the real lists are not those of small ones
    assert (published.code, "not as published" in published.err) == (5, True)
    assert [ran.code for ran in codes] == [0] * 5, [ran.err for ran in codes]
    rows = {side: read_csv(Path(f"covidx4/{side}/metadata.csv")) for side in ("train", "test")}
    assert {side: [one["finding_raw"] for one in some] for side, some in rows.items()} == {
        "train": ["pneumonia", "COVID-19"],
        "test": ["COVID-19"],
    }
    divided = read_csv("divided4/pictures.csv")
    assert len({one["sha256"] for one in divided}) == 3
