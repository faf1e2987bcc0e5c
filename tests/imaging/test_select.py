"""`covcat select`: who is in a cohort, why the others are not, and that it can be made again."""

import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from makers.laid import lay
from makers.releases import labelled
from makers.runs import Ran, read_csv, tree_on_disk
from servers.server import Answer
from test_real_data import COHEN, REAL

from covcat.catalog import load
from covcat.imaging import cohort_files

HEADER = "patientid,offset,finding,view,filename,license\n"
ROWS = """\
1,3,COVID-19,PA,a.png,CC BY 4.0
1,0,COVID-19,PA,b.png,CC BY 4.0
2,0,COVID-19,PA,c.png,CC BY-NC-SA
2,5,COVID-19,PA,d.png,
3,,COVID-19,PA,e.png,CC BY-NC-ND
4,1,COVID-19,AP,f.png,CC BY 4.0
,1,COVID-19,PA,g.png,CC0
5,1,COVID-19,PA,gone.png,CC BY 4.0
6,1,SARS,PA,h.png,listed as authorized for everyone
"""
NAMES = "abcdefgh"
COLUMNS = {
    "patient_id": "patientid",
    **{name: name for name in ("offset", "finding", "view", "filename", "license")},
}


def files(rows: str = ROWS) -> dict[str, bytes]:
    pictures = {f"images/{one}.png": b"\x89PNG " + one.encode() * 100 for one in NAMES}
    return {"metadata.csv": (HEADER + rows).encode(), **pictures}


def edit(shelf, old: str, new: str, name: str = "set") -> None:
    """Change a word of an entry."""
    path = shelf.folder / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def fetched(shelf):
    """Return what puts a made-up set there whose images have licences of their own."""

    def put(*states: dict[str, bytes], name: str = "set") -> None:
        numbers = [str(number) for number in range(1, len(states) + 1)]
        shelf.add(name, labelled(COLUMNS, "images/{filename}", numbers))
        per_image = "  per_image: {table: metadata.csv, column: license}\naccess:"
        edit(shelf, "access:", per_image, name)
        for number, state in zip(numbers, states, strict=True):
            lay(load.load((shelf.folder,)).find(f"{name}@{number}"), state)

    return put


@pytest.fixture
def here(fetched) -> None:
    fetched(files())


def chosen(folder: str) -> str:
    return "".join(Path(row["path"]).stem for row in read_csv(Path(folder, "cohort.csv")))


def left_out(folder: str) -> dict[str, str]:
    return {Path(row["image_id"]).stem: row["why"] for row in read_csv(Path(folder, "refused.csv"))}


def report(ran: Ran) -> dict[str, dict[str, str]]:
    assert ran.code == 0, ran.err
    return {row["license"]: row for row in ran.rows}


REAL_QUESTION = ["select", "cohen@0.1", "--covid", "yes", "--view", "PA"]
COMMERCIAL = [*REAL_QUESTION, "--license-allows", "commercial"]


@pytest.fixture
def cohen(covcat, server):
    if not REAL.is_dir():
        pytest.skip("the real archives are not beside this repository")
    body = (REAL / "cohen-0.1-four-files-short.zip").read_bytes()
    server.serve(COHEN, Answer(body, has_length=False))
    assert covcat("fetch", "cohen@0.1", "--allow-missing").code == 0
    return covcat


def test_of_76_real_rows_no_licence_allows_commercial_use(cohen) -> None:
    ran = cohen(*COMMERCIAL)
    found = report(ran)
    assert {name: (row["rows"], row["chosen"]) for name, row in found.items()} == {
        "(none stated)": ("60", "0"),
        "CC BY-NC-SA": ("9", "0"),  # of 10, one of which is not in the archive
        "CC BY-NC-ND": ("6", "0"),
    }
    assert found["CC BY-NC-SA"]["commercial"] == "no"  # though it has no version
    for said in (
        "1 row is left out: its image is not here",
        "no image is chosen, of 75 rows that pass the filters and are here",
        "refused: 60 of no stated licence (commercial: unknown)",
        "refused: 9 of CC BY-NC-SA (commercial: no)",
        "refused: 6 of CC BY-NC-ND (commercial: no)",
    ):
        assert said in ran.err
    assert cohen(*COMMERCIAL, "-o", "none.csv").code == 0
    assert (read_csv("none.csv"), len(read_csv("none.csv.refused.csv"))) == ([], 76)

    ran = cohen(*COMMERCIAL, "--allow-unknown-license", "--as", "copies", "-o", "some")
    assert (ran.code, ran.out) == (0, "some\n")
    assert "60 images of 40 patients chosen" in ran.err
    assert len(list(Path("some/images/cohen/images").iterdir())) == 60
    assert set(left_out("some").values()) == {"commercial: no", "its image is not here"}
    for options in ([], ["--license-allows", "derivatives"]):
        assert report(cohen(*REAL_QUESTION, *options))["(none stated)"]["refused"] == "60"
    ran = cohen(*REAL_QUESTION, "-v")
    assert "refused: 60 of no stated licence (what it allows is unknown)" in ran.err
    assert "15 images of 12 patients chosen" in ran.err
    assert "not here: cohen:covid-19-pneumonia-14-PA.png" in ran.err
    assert "75 images of" in cohen(*REAL_QUESTION, "--allow-unknown-license").err


COMMERCIALLY = "--license-allows commercial"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "abcefg"),
        ("--allow-unknown-license", "abcdefgh"),
        ("--covid yes --view PA", "abceg"),
        (COMMERCIALLY, "abfg"),
        ("--license-allows derivatives", "abcfg"),
        ("--license-allows redistribution", "abcefg"),
        (f"--license-allows derivatives {COMMERCIALLY}", "abfg"),
        (f"{COMMERCIALLY} --allow-unknown-license", "abdfgh"),
        ("--one-per patient", "bcef"),
        ("--one-per patient --allow-unknown-license", "bcefh"),
        (f"{COMMERCIALLY} --one-per patient", "bf"),
        # of patient 2 the first image that may be used
        (f"{COMMERCIALLY} --allow-unknown-license --one-per patient", "bdfh"),
        ("--where \"filename < 'c' -- all\"", "ab"),
    ],
)
def test_who_is_chosen(covcat, here, options, expected: str) -> None:
    ran = covcat("select", *shlex.split(options), "--output", "out")
    assert ran.code == 0, ran.err
    assert chosen("out") == expected
    counts = json.loads(Path("out/query.json").read_text())["counts"]
    assert len(chosen("out")) + len(left_out("out")) == counts["rows"]


def test_why_the_others_are_not(covcat, here) -> None:
    options = ["--license-allows", "commercial", "--license-allows", "derivatives"]
    covcat("select", *options, "--one-per", "patient", "-o", "out")
    assert left_out("out") == {
        "a": "another image of its patient is chosen",
        "c": "commercial: no",
        "d": "commercial: unknown; derivatives: unknown",
        "e": "commercial: no; derivatives: no",
        "g": "its patient is not known",
        "set:gone": "its image is not here",
        "h": "commercial: unknown; derivatives: unknown",
    }


def test_the_strictest_row_of_an_image_decides(covcat, fetched) -> None:
    fetched(files(ROWS + "9,1,SARS,AP,a.png,CC BY-NC-SA\n9,1,SARS,AP,b.png,CC0\n"))
    ran = covcat("select", "--covid", "yes", "--license-allows", "commercial", "-o", "out")
    assert chosen("out") == "bfg"
    assert left_out("out")["a"] == "commercial: no, as another row of the image says"
    assert "refused: 1 of CC BY 4.0 (commercial: no, as another row of the image says)" in ran.err


def test_an_image_of_two_rows_is_copied_and_counted_once(covcat, fetched) -> None:
    fetched(files(ROWS + "9,1,SARS,AP,a.png,CC BY 4.0\n"))
    ran = covcat("select", "--where", "filename = 'a.png'", "--as", "copies", "-o", "out")
    assert "1 image of 2 patients chosen, 105 B, of 2 rows" in ran.err
    assert [row["file"] for row in read_csv("out/cohort.csv")] == ["images/set/images/a.png"] * 2
    assert "1 image: CC BY 4.0\n" in Path("out/LICENSES.txt").read_text()


def test_one_image_a_patient_over_all_releases(covcat, fetched) -> None:
    later = files("1,-2,COVID-19,PA,h.png,CC BY 4.0\n8,1,COVID-19,PA,a.png,CC BY 4.0\n")
    fetched(files(), later)
    options = ["--one-per", "patient", "--allow-unknown-license"]
    ran = covcat("select", "set@1", "set@2", "set@1", *options, "-o", "out")
    places = [row["file"] for row in read_csv("out/cohort.csv")]
    assert places[:2] == ["images/set@1/images/c.png", "images/set@1/images/e.png"]
    assert places[-2:] == ["images/set@2/images/h.png", "images/set@2/images/a.png"]
    assert "note: 1 image with the same bytes as another one" in ran.err
    assert all(Path("out", place).is_file() for place in places)


@pytest.mark.parametrize("licence", ["", "None", "nan", "unknown", "ask the author"])
@pytest.mark.parametrize("asked", [[], ["--license-allows", "redistribution"]])
def test_what_nobody_licenses_is_refused_whatever_is_asked(covcat, fetched, licence, asked) -> None:
    fetched(files(f"1,0,SARS,PA,a.png,CC0\n2,0,SARS,PA,b.png,{licence}\n"))
    covcat("select", "--finding", "SARS", *asked, "-o", "out")
    assert chosen("out") == "a"
    assert "unknown" in left_out("out")["b"]
    covcat("select", "--finding", "SARS", *asked, "--allow-unknown-license", "-o", "all")
    assert chosen("all") == "ab"


def test_a_licence_of_the_whole_set_holds_for_images_without_one(covcat, here, shelf) -> None:
    edit(shelf, "  per_image: {table", "  note: a\n#{")
    covcat("select", "--license-allows", "commercial", "-o", "own")
    assert chosen("own") == "abfg"  # a blank cell of a table of licences is unknown
    edit(shelf, "      license: license\n", "")
    covcat("select", "--license-allows", "commercial", "-o", "out")
    assert chosen("out") == "abcdefgh"


def test_a_folder_of_copies_has_all_that_a_user_must_know(covcat, here) -> None:
    ran = covcat("select", "set", "--license-allows", "commercial", "--as", "copies", "-o", "out")
    assert (ran.code, ran.out) == (0, "out\n")
    found = tree_on_disk(Path("out"))
    own = {path: data for path, data in found.items() if not path.startswith("images/")}
    assert set(own) == {"cohort.csv", "refused.csv", "query.json", "CITATION.bib", "LICENSES.txt"}
    pictures = {path: data for path, data in found.items() if path.startswith("images/")}
    assert pictures == {f"images/set/images/{n}.png": files()[f"images/{n}.png"] for n in "abfg"}
    assert "@misc{set," in found["CITATION.bib"].decode()
    text = found["LICENSES.txt"].decode()
    assert text.startswith("3 images: CC BY 4.0\n  commercial: yes\n  derivatives: yes\n")
    assert "1 image: CC0\n" in text
    assert "set as a whole: CC-BY-4.0\n" in text
    assert not any(path.is_symlink() for path in Path("out").rglob("*"))


def test_links_lead_to_the_data_folder_from_anywhere(covcat, here, tmp_path: Path) -> None:
    assert covcat("select", "-o", "new/out").code == 0
    shutil.move("new/out", tmp_path / "elsewhere")
    link = tmp_path / "elsewhere/images/set/images/a.png"
    assert link.readlink() == tmp_path / "covcat-data/set/1/files/images/a.png"
    assert link.read_bytes() == files()["images/a.png"]


def test_the_record_says_what_was_asked_of_which_files(covcat, here) -> None:
    covcat("select", "--finding", "covid", "--sex", "f", "--age", "-65", "-o", "out.csv")
    found = json.loads(Path("out.csv.query.json").read_text())
    assert found["schema"] == "covcat.cohort/1"
    assert found["question"]["findings"] == ["COVID-19"]
    command = "covcat select set@1 --finding COVID-19 --sex F --age=-65 --as csv"
    assert found["command"] == command
    digests = {
        name: hashlib.sha256(Path("covcat-data/set/1", name).read_bytes()).hexdigest()
        for name in ("manifest.json", "SHA256SUMS")
    }
    assert found["releases"] == [
        {
            "release": "set@1",
            "files": 9,
            "files_sha256": digests["SHA256SUMS"],
            "manifest_sha256": digests["manifest.json"],
        }
    ]


def test_a_list_and_a_table_have_the_record_beside_them(covcat, here) -> None:
    assert covcat("select", "--view", "AP", "-o", "films.txt").out == "films.txt\n"
    place = Path("covcat-data/set/1/files/images/f.png").absolute()
    assert Path("films.txt").read_text() == f"{place}\n"
    assert covcat("select", "--view", "AP", "-o", "films", "--as", "csv").code == 0
    assert [row["filename"] for row in read_csv("films")] == ["f.png"]
    for name in ("films.txt", "films"):
        assert json.loads(Path(f"{name}.query.json").read_text())["counts"]["chosen"] == 1
        assert read_csv(f"{name}.refused.csv") == []


def test_without_output_nothing_is_written(covcat, here) -> None:
    before = sorted(os.listdir())
    ran = covcat("select", "--license-allows", "commercial", "--covid", "yes", "--json")
    assert sorted(os.listdir()) == before
    data = ran.document["data"]
    assert (data["path"], data["images"], data["patients"], data["of_nobody"]) == (None, 4, 2, 1)
    assert data["missing"] == ["set:gone.png"]
    assert data["licenses"][0] == {
        "license": "CC BY 4.0",
        "allows": dict.fromkeys(["commercial", "derivatives", "redistribution"], "yes"),
        "rows": 3,
        "chosen": 3,
        "images": 3,
        "refused": 0,
        "why": "",
    }


def test_when_none_is_chosen_it_is_said(covcat, here) -> None:
    ran = covcat("select", "--finding", "MERS", "-o", "out")
    assert ran.code == 0
    assert "no image is chosen, of 0 rows that pass the filters\n" in ran.err
    assert "`out` is not made: no image is chosen\n" in ran.err
    assert not Path("out").exists()
    assert (
        json.loads(covcat("select", "--finding", "MERS", "-o", "out", "--json").out)["data"]["path"]
        is None
    )
    assert covcat("select", "--finding", "MERS", "-o", "out.csv").out == "out.csv\n"
    assert read_csv("out.csv") == []


def test_hostile_cells_harm_neither_terminal_nor_spreadsheet(covcat, fetched) -> None:
    fetched(files('1,0,COVID-19,PA,a.png,"=cmd()\x1b[2J"\n'))
    ran = covcat("select", "--license-allows", "commercial")
    assert "\x1b" not in ran.out + ran.err
    assert "=cmd()\\x1b[2J" in ran.out
    covcat("select", "--license-allows", "commercial", "-o", "no.csv")
    assert read_csv("no.csv.refused.csv")[0]["license"] == "'=cmd()\x1b[2J"
    covcat("select", "--allow-unknown-license", "-o", "yes")
    assert "\x1b" not in Path("yes/LICENSES.txt").read_text()


@pytest.mark.parametrize(("output", "is_made"), [("out.csv", True), ("out", False)])
def test_another_output_is_asked_for_only_where_this_one_was_made(
    covcat, fetched, output: str, is_made: bool
) -> None:
    fetched(files('1,0,COVID-19,PA,a.png,"odd"\n'))
    ran = covcat("select", "--license-allows", "commercial", "-o", output)
    assert "--allow-unknown-license" in ran.err
    assert ("(give another --output)" in ran.err, Path(output).exists()) == (is_made, is_made)


FORMS = ["links", "copies", "csv", "list"]


@pytest.mark.parametrize("form", FORMS)
def test_a_cohort_can_be_made_again(covcat, here, form: str) -> None:
    options = ["--one-per", "patient", "--license-allows", "derivatives", "--where", "offset < 4"]
    covcat("select", *options, "--as", form, "-o", "one")
    record = "one" if form in ("links", "copies") else "one.query.json"
    first = tree_on_disk(Path())
    made = {name: data for name, data in first.items() if name.startswith("one")}
    Path("two").mkdir()
    ran = covcat("select", "--from", record, "-o", "two/one")
    assert ran.code == 0, ran.err
    assert "the same images as then" in ran.err
    assert tree_on_disk(Path("two")) == made


def test_a_record_can_be_checked_and_its_form_changed(covcat, here) -> None:
    covcat("select", "--view", "AP", "-o", "one")
    assert report(covcat("select", "--from", "one/query.json"))["CC BY 4.0"]["chosen"] == "1"
    assert covcat("select", "--from", "one", "--as", "copies", "-o", "two").code == 0
    assert not Path("two/images/set/images/f.png").is_symlink()


def test_other_files_make_no_such_cohort(covcat, fetched) -> None:
    fetched(files())
    covcat("select", "--view", "PA", "-o", "one")
    shutil.rmtree("covcat-data")
    fetched({**files(), "images/a.png": b"\x89PNG other"})
    ran = covcat("select", "--from", "one", "-o", "two")
    assert (ran.code, Path("two").exists()) == (5, False)
    assert "set@1: not all files as they were, of 9" in ran.err
    assert "hint: covcat select set@1 --view PA" in ran.err
    shutil.rmtree("covcat-data")
    fetched({**files(), "more.txt": b"x"})
    assert "set@1: files expected 9, got 10" in covcat("select", "--from", "one").err


def test_other_rules_of_covcat_make_no_such_cohort(covcat, here, shelf) -> None:
    covcat("select", "--view", "PA", "-o", "one")
    edit(shelf, "view: view", "view: finding")
    ran = covcat("select", "--from", "one", "-o", "two")
    assert (ran.code, Path("two").exists()) == (5, False)
    assert "expected 5 of 8 rows, got 0 of 0" in ran.err


def asking(**keys: object) -> Callable[[dict], dict]:
    """Change the question of a record."""
    return lambda tree: tree | {"question": tree["question"] | keys}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: tree | {"schema": "covcat.cohort/2"}, "its schema is covcat.cohort/2"),
        (lambda tree: [], "is not what `covcat select` records"),
        (lambda tree: tree | {"releases": "x"}, "is not what `covcat select` records"),
        (asking(allows=["x' OR 1"]), "does not know"),
        (asking(one_per="day"), "this covcat does not know"),
        (asking(where="1); DROP TABLE images; --"), "cannot be asked"),
    ],
    ids=count(),
)
def test_what_is_no_record_is_refused_and_can_only_look(covcat, here, change, said: str) -> None:
    covcat("select", "-o", "one")
    tree = json.loads(Path("one/query.json").read_text())
    Path("bad.json").write_text(json.dumps(change(tree)))
    ran = covcat("select", "--from", "bad.json")
    assert ran.code == 2
    assert said in ran.err
    assert covcat("select").code == 0


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
@pytest.mark.parametrize("name", ["out", "out.csv", "out.csv.query.json"])
def test_what_is_there_is_never_touched(covcat, here, make, name: str) -> None:
    make(Path(name))
    before = sorted(os.listdir())
    ran = covcat("select", "-o", name.removesuffix(".query.json"))
    assert (ran.code, ran.out) == (8, "")
    assert f"`{name}` is there already" in ran.err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("form", ["csv", "list"])
def test_a_file_is_written_over_by_force_and_a_folder_never(covcat, here, form: str) -> None:
    line = ("select", "--as", form, "-o", "out")
    Path("out").write_text("mine")
    refused = covcat(*line)
    assert (refused.code, "hint: --force" in refused.err) == (8, True)
    assert Path("out").read_text() == "mine"
    assert covcat(*line, "--force").code == 0
    assert (Path("out").read_text() != "mine", covcat(*line, "--force").code) == (True, 0)
    assert covcat("select", "-o", "folder").code == 0
    refused = covcat("select", "-o", "folder", "--force")
    assert (refused.code, "hint: give another name" in refused.err) == (8, True)


@pytest.mark.parametrize(
    ("form", "place_another"),
    [
        ("copies", lambda path: path.write_bytes(b"\x89PNG " + b"x" * 100)),
        ("links", lambda path: path.write_bytes(b"\x89PNG x")),
        *((form, lambda path: path.symlink_to("a.png")) for form in ("links", "copies")),
        *((form, os.mkfifo) for form in ("links", "copies")),
        *((form, lambda path: None) for form in FORMS),  # it was deleted
    ],
    ids=count(),
)
def test_what_took_the_place_of_a_file_is_named_and_not_followed(covcat, here, form, place_another):
    assert covcat("select").code == 0  # the index is made
    path = Path("covcat-data/set/1/files/images/b.png")
    path.unlink()
    place_another(path)
    ran = covcat("select", "--as", form, "-o", "new/out")
    assert (ran.code, ran.out) == (5, "")
    assert "`images/b.png` of set@1 is not as it was fetched" in ran.err
    assert "hint: covcat verify set@1 --repair" in ran.err
    assert not [name for name in os.listdir() if name.startswith((".covcat", "new"))]
    if not path.exists():
        ran = covcat("select")
        assert ran.code == 0
        assert "warning: set@1: 1 image is gone from the disk or of another size" in ran.err


def test_a_full_disk_leaves_nothing(covcat, here, monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(cohort_files, "copy_hashed", full)
    ran = covcat("select", "--as", "copies", "-o", "out")
    assert (ran.code, os.strerror(errno.ENOSPC) in ran.err) == (8, True)
    monkeypatch.setattr(cohort_files, "_write_left_out", full)
    assert covcat("select", "-o", "out.csv").code == 8
    usage = shutil.disk_usage(".")._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    ran = covcat("select", "--as", "copies", "-o", "out")
    assert "not enough space for copies: expected 630 bytes, got 10" in ran.err
    assert not [name for name in os.listdir() if "out" in name or name.startswith(".covcat")]


def test_a_rename_that_fails_takes_the_others_back(covcat, here, monkeypatch) -> None:
    rename, link = Path.rename, os.link

    def fail(how, source: Path, target: Path) -> object:
        if Path(target).name == "out.csv":
            raise OSError(errno.EIO, "bad disk")
        return how(source, target)

    assert covcat("select").code == 0
    monkeypatch.setattr(Path, "rename", lambda self, target: fail(rename, self, target))
    monkeypatch.setattr(os, "link", lambda source, target: fail(link, source, target))
    assert covcat("select", "-o", "out.csv").code == 8
    assert not [name for name in os.listdir() if "out" in name]


def test_paths_with_odd_characters_stay_as_they_are(covcat, fetched) -> None:
    odd = "images/ü, 'x' $(y) \u65e5=1.png"
    fetched({**files(), odd: b"\x89PNG odd"})
    options = ["select", "--allow-unknown-license", "--where", "path LIKE '%=1.png'"]
    assert covcat(*options, "--as", "copies", "-o", "out").code == 0
    assert Path("out/images/set", odd).read_bytes() == b"\x89PNG odd"
    assert read_csv("out/cohort.csv")[0]["file"] == f"images/set/{odd}"
    covcat(*options, "-o", "out.txt")
    (line,) = Path("out.txt").read_text().splitlines()
    assert Path(line).read_bytes() == b"\x89PNG odd"


def test_a_list_holds_no_path_with_a_line_break(covcat, here) -> None:
    os.rename("covcat-data", "a\nb")
    ran = covcat("select", "--data-dir", "a\nb", "-o", "out.txt")
    assert (ran.code, Path("out.txt").exists()) == (2, False)
    assert covcat("select", "--data-dir", "a\nb", "-o", "out.csv").code == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--force"], 2, "--force writes over an --output"),
        (["--as", "zip"], 2, "unknown --as `zip`: expected one of list, csv, links, copies"),
        (["-o", "x.parquet"], 2, "covcat images --format parquet"),
        (["-o", "covcat-data/set/1/files/x"], 2, "is inside the release `set@1`"),
        (["--license-allows", "fun"], 2, "--license-allows `fun`: expected commercial"),
        (["--from", "nowhere"], 3, "there is no record of a cohort `nowhere`"),
        (["--from", "old.json", "--view", "PA"], 2, "no filter beside it"),
        (["figure1"], 3, "`figure1` is not in `covcat-data`"),
        (["--where", "no such"], 2, "cannot be asked"),
    ],
)
def test_what_cannot_be_asked_is_said(covcat, here, args, code: int, said: str) -> None:
    Path("old.json").write_text("{}")
    ran = covcat("select", *args)
    assert ran.code == code
    assert said in ran.err


def test_rows_without_an_image_are_set_aside_before_any_licence_counts(covcat, fetched) -> None:
    lost = "".join(f"9,1,COVID-19,PA,lost-{n}.png,CC BY-NC-SA\n" for n in range(3))
    fetched(files(ROWS + lost))
    ran = covcat("select", "--license-allows", "commercial", "--covid", "yes")
    said = [line for line in ran.err.splitlines() if "row" in line and "labels" not in line]
    assert said[:2] == [
        "4 rows are left out: their image is not here",
        (
            "4 images of 2 patients chosen, 1 of a patient who is not known, 420 B, "
            "of 7 rows that pass the filters and are here"
        ),
    ]
    found = report(ran)
    assert sum(int(row["rows"]) for row in found.values()) == 7
    assert found["CC BY-NC-SA"]["refused"] == "1"
    assert "refused: 1 of CC BY-NC-SA (commercial: no)" in ran.err
    covcat("select", "--license-allows", "commercial", "-o", "out")
    why = {left_out("out")[f"set:lost-{n}"] for n in range(3)}
    assert why == {"its image is not here"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1,0,SARS,PA,a.png,CC0"], []),
        (["1,0,SARS,PA,x.png,CC0"], ["1 row is left out: its image is not here"]),
        (
            [",0,SARS,PA,a.png,CC0", ",0,SARS,PA,b.png,CC0"],
            ["2 rows are left out: their patient is not known"],
        ),
        (
            [f"1,0,SARS,PA,{name}.png,CC0" for name in "abc"],
            ["2 rows are left out: another image of their patient is chosen"],
        ),
    ],
)
def test_why_rows_are_left_out_is_a_sentence(covcat, fetched, rows, said: list[str]) -> None:
    fetched(files("".join(f"{row}\n" for row in rows)))
    ran = covcat("select", "--finding", "SARS", "--one-per", "patient")
    assert [line for line in ran.err.splitlines() if "left out" in line] == said


def test_masks_are_neither_chosen_nor_refused(covcat, fetched, shelf) -> None:
    masks = {f"masks/{one}_mask.png": b"\x89PNG mask" for one in "ab"}
    fetched({**files("1,0,SARS,PA,a.png,CC0\n"), **masks})
    image = '    image: "images/{filename}"\n'
    edit(shelf, image, f"{image}    mask: masks/{{stem}}_mask.png\n")
    covcat("select", "--license-allows", "commercial", "-o", "out")
    assert "mask" not in chosen("out") + "".join(left_out("out"))
    assert read_csv("out/cohort.csv")[0]["mask_path"] == "masks/a_mask.png"
    assert "8 images (1 with labels, 7 without), 1 row of labels" in covcat("images").err


UNREADABLE = files() | {"metadata.csv": b"filename\n\xff\n"}


def test_one_unreadable_set_stops_no_cohort_of_all_that_is_here(covcat, fetched) -> None:
    fetched(files())
    fetched(UNREADABLE, name="bad")
    ran = covcat("select", "-o", "out")
    assert (ran.code, ran.out) == (5, "out\n")
    assert "warning: bad@1 is left out: the table `metadata.csv`" in ran.err
    assert chosen("out") == "abcefg"
    document = covcat("select", "--json").document
    assert (document["ok"], document["data"]["chosen"], document["error"]["code"]) == (False, 6, 5)
    assert covcat("select", "--from", "out", "-o", "again").code == 0


def test_no_cohort_is_made_of_less_than_was_asked_for(covcat, fetched) -> None:
    fetched(files())
    fetched(files(), name="other")
    fetched(UNREADABLE, name="bad")
    for options in (["-o", "out"], []):
        ran = covcat("select", "bad", "set", "other", *options)
        assert (ran.code, ran.out) == (5, "")
        assert "error: bad@1, 1 of 3 releases, cannot be read: the table `metadata.csv`" in ran.err
        assert "hint: with the options of before, name only these: set@1 other@1\n" in ran.err
    assert not Path("out").exists()
    assert covcat("select", "other@1", "set@1", "-o", "out").code == 0
    Path("covcat-data/set/1/files/metadata.csv").write_bytes(UNREADABLE["metadata.csv"])
    ran = covcat("select", "--from", "out", "-o", "again")
    assert (ran.code, Path("again").exists()) == (5, False)
    assert "hint: covcat verify set@1\n" in ran.err


def test_what_would_be_chosen_twice_is_told_before_it_is_written(covcat, fetched, shelf) -> None:
    fetched(files(), files())
    fetched(files(), name="other")
    contains = "contains: [{resource: set, evidence: all of it, source: made up}]\naccess:"
    edit(shelf, "access:", contains, "other")
    Path("there").mkdir()
    ran = covcat("select", "-o", "there")
    assert ran.code == 8
    holds = next(line for line in ran.err.splitlines() if "all of it" in line)
    assert holds.startswith("warning: `other` ")
    assert "warning: set: 2 of its releases are chosen from together" in ran.err
    for command, word in (("images", "listed"), ("counts", "counted")):
        ran = covcat(command)
        assert holds in ran.err
        assert f"warning: set: 2 of its releases are {word} together" in ran.err


def test_quiet_prints_the_same_table_and_nothing_else(covcat, here) -> None:
    loud, quiet = covcat("select"), covcat("select", "-q")
    assert (quiet.code, quiet.err, quiet.out) == (0, "", loud.out)
    assert quiet.out.startswith("license\trows\tchosen\t")


def test_a_narrow_table_keeps_the_use_that_was_asked_for(covcat, here, monkeypatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "72")
    ran = covcat("select", "--license-allows", "redistribution")
    assert ran.code == 0
    lines = re.sub(r"\x1b\[\d*m", "", ran.out).splitlines()
    assert max(map(len, lines)) <= 72
    assert "redistribution" in lines[0]
    assert "derivatives" not in lines[0]
    assert "left out of a narrow table: commercial, derivatives" in " ".join(lines)
