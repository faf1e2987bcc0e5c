"""What every command keeps to: streams, formats, exit codes, JSON, terminals."""

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from makers.runs import Ran
from servers.server import Answer

COVCAT = [sys.executable, "-c", "from covcat.cli.main import main; main()"]

COMMANDS = {
    "list": (["list"], 0),
    "list --survey": (["list", "--survey"], 0),
    "list nothing": (["list", "--license", "no-such"], 0),
    "search": (["search", "segmentation"], 0),
    "show": (["show", "cohen"], 0),
    "files": (["files", "figure1"], 0),
    "files on a host": (["files", "medseg"], 0),
    "cite": (["cite", "cohen", "v7"], 0),
    "fetch sample": (["fetch", "sample"], 0),
    "fetch --dry-run": (["fetch", "--all", "--dry-run"], 0),
    "verify nothing": (["verify"], 3),
    "status of nothing": (["status"], 3),
    "manifest show nothing": (["manifest", "show"], 3),
    "catalog check": (["catalog", "check"], 0),
    "catalog schema": (["catalog", "schema"], 0),
    "doctor": (["doctor"], 0),
    "unknown id": (["show", "nosuch"], 3),
    "unknown release": (["fetch", "cohen@7"], 3),
    "not here": (["path", "cohen"], 3),
    "browse only": (["fetch", "radiopaedia"], 7),
    "no host to ask": (["fetch", "medseg"], 4),
    "offline": (["fetch", "medseg", "--offline"], 4),
    "not pinned": (["fetch", "medseg", "--require", "pinned"], 5),
    "a part of nothing": (["fetch", "sample", "--include", "nosuch/*"], 3),
    "unknown option": (["list", "--nope"], 2),
    "unknown command": (["lsit"], 2),
    "missing argument": (["show"], 2),
    "name too long": (["path", "cohen", "--data-dir", "x" * 300], 8),
    "group alone": (["catalog"], 2),
    "unknown word": (["list", "--modality", "pet"], 2),
    "unknown format": (["list", "--format", "xml"], 2),
    "unknown demand": (["fetch", "sample", "--require", "signed"], 2),
    "sample of nothing": (["fetch", "sample", "--sample", "0"], 2),
    "no catalog folder": (["list", "--catalog", "nowhere"], 3),
    "no network": (["fetch", "figure1"], 4),
    "several kinds": (["fetch", "radiopaedia", "figure1"], 9),
}


@pytest.mark.parametrize(("args", "code"), COMMANDS.values(), ids=COMMANDS)
@pytest.mark.large
def test_json_is_one_document_on_success_and_on_failure(covcat, room, args, code: int) -> None:
    ran = covcat(*args, "--json", mirror="http://127.0.0.1:9")
    assert ran.code == code, ran.err
    document = json.loads(ran.out)
    assert document.keys() == {"schema", "ok", "data", "error"}
    assert document["schema"].startswith("covcat.")
    assert document["ok"] is (code == 0)
    if code:
        assert document["error"]["code"] == code
        assert document["error"]["message"]


@pytest.mark.parametrize(("args", "code"), COMMANDS.values(), ids=COMMANDS)
def test_text_has_errors_on_stderr_with_the_documented_code(covcat, room, args, code: int) -> None:
    ran = covcat(*args, mirror="http://127.0.0.1:9")
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.out + ran.err
    if code:
        assert "error: " in ran.err
        assert ran.out == ""


@pytest.mark.parametrize("place", ["before", "after"])
def test_global_options_stand_before_or_after_the_command(
    covcat, tmp_path: Path, place: str
) -> None:
    options = ["-q", "--data-dir", str(tmp_path / "here")]
    args = [*options, "fetch", "sample"] if place == "before" else ["fetch", "sample", *options]
    ran = covcat(*args)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{tmp_path / 'here' / 'sample' / '1' / 'files'}\n"


def test_a_double_dash_ends_the_options(covcat) -> None:
    ran = covcat("search", "--", "--json")
    assert ran.code == 0
    assert ran.out.startswith("id\ttitle\t")


@pytest.mark.parametrize(
    ("variable", "value", "args", "said"),
    [
        ("COVCAT_DATA_DIR", "elsewhere", ["fetch", "sample"], "elsewhere/sample/1/files\n"),
        ("COVCAT_QUIET", "1", ["fetch", "sample"], "covcat-data/sample/1/files\n"),
        ("COVCAT_JSON", "1", ["path", "nosuch"], '"kind": "not-found"'),
    ],
)
def test_global_options_come_from_the_environment_too(
    covcat, monkeypatch, variable: str, value: str, args: list[str], said: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert said in covcat(*args).out


def test_did_you_mean_the_nearest_name(covcat) -> None:
    ran = covcat("show", "cohn")
    assert (ran.code, ran.out) == (3, "")
    expected = "error: the catalog has no resource `cohn`\nhint: did you mean `cohen`?\n"
    assert ran.err == expected


NOTHING = {
    "list": (["list", "--access", "browse", "--fetchable"], "passes these filters"),
    "list --fetched": (["list", "--fetched"], "passes these filters"),
    "survey": (["list", "--survey", "--modality", "mri", "--fetchable"], "passes these filters"),
    "search": (["search", "nosuchword"], "has `nosuchword`"),
    "search inside a word": (["search", "ollection"], "has `ollection`"),
    "search words": (["search", "nosuch", "ct scans"], "has all of `nosuch`, `ct`, `scans`"),
}


@pytest.mark.parametrize(("args", "said"), NOTHING.values(), ids=NOTHING)
def test_an_empty_result_is_the_header_in_every_format_and_is_said_with_a_command_to_type(
    covcat, args: list[str], said: str
) -> None:
    ran = covcat(*args)
    assert ran.code == 0
    assert ran.out.startswith(("id\ttitle\t", "row\tid\t"))
    assert len(ran.out.splitlines()) == 1
    assert ran.err.startswith(f"nothing in the catalog {said}\nhint: covcat list\n")
    assert covcat(*args, "-q").err == ""
    assert covcat(*args, "--json").document["data"] in ({"resources": []}, [])
    assert len(covcat(*args, "--format", "csv").out.splitlines()) == 1
    assert len(covcat(*args, "--format", "table").out.splitlines()) == 1  # it has no legend
    assert covcat(*args, "--format", "ids").out == ""


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("CC", "covcat list --license 'CC*'"),
        ("agpl", "covcat list --license 'agpl*'"),
        ("CC-BY-4", "covcat list --license 'CC-BY-4*'"),
        ("ccby-4.0", "covcat list --license CC-BY-4.0"),
        ("cc0-mixd", "covcat list --license CC0-mixed"),
        ("nothing-like-it", "covcat list"),
    ],
)
def test_a_licence_that_the_catalog_lacks_is_answered_with_those_it_has(
    covcat, asked: str, hint: str
) -> None:
    ran = covcat("list", "--license", asked)
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    said, hinted, *more = ran.err.splitlines()
    assert said.startswith(
        f"no listed resource has the licence `{asked}`: there are AGPL-3.0, BIMCV-"
    )
    assert (hinted, more) == (f"hint: {hint}", [])


def test_a_licence_that_the_catalog_lacks_is_said_beside_one_that_it_has(covcat) -> None:
    ran = covcat("list", "--license", "AGPL-3.0", "--license", "MIT", "--format", "ids")
    assert (ran.code, ran.out) == (0, "covid-net\ncovidnet-ct\n")
    assert "no listed resource has the licence `MIT`" in ran.err
    assert "2 of 34 resources" in ran.err


def test_fetching_by_a_licence_that_the_catalog_lacks_names_those_it_has(covcat) -> None:
    ran = covcat("fetch", "--license", "CC", "--dry-run")
    assert ran.code == 0
    assert ran.err.startswith("no listed resource has the licence `CC`: there are AGPL-3.0, BIMCV-")
    assert "no resource passes" not in ran.err


@pytest.mark.parametrize(
    ("args", "expected", "hint"),
    [
        (["list", "--has", "metdata"], "metadata, case-review", "did you mean `--has metadata`?"),
        (["list", "--has", "case-revew"], "metadata, case-review", "`--has case-review`?"),
        (["list", "--has", "xyz"], "metadata, case-review", "such as --has metadata"),
        (["list", "--access", "opne"], "open, account, browse", "did you mean `--access open`?"),
        (["list", "--access", "xyz"], "open, account, browse", "such as --access open"),
        (
            ["list", "--license-allows", "comercial"],
            "commercial, derivatives, redistribution",
            "did you mean `--license-allows commercial`?",
        ),
        (["list", "--modality", "xyz"], "ct, xray, mri, ultrasound", "x-ray, cxr, mrt and us"),
        (["list", "--format", "jsn"], "table, tsv, csv, json", "did you mean `--format json`?"),
        (["list", "--color", "alwyas"], "auto, always, never", "`--color always`?"),
        (["fetch", "v7", "--limit-rate", "5X"], "500M or 2G", "such as --limit-rate 5M"),
        (["fetch", "v7", "--limit-rate", "0"], "500k or 5M", "such as --limit-rate 5M"),
        (["cache", "prune", "--older-than", "x"], "such as 14d", "such as --older-than 14d"),
        (
            ["list", "--mirror", "lab:80"],
            "neither a web server nor a store",
            "such as --mirror http://127.0.0.1:8080",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_those_that_can_and_a_suggestion(
    covcat, args: list[str], expected: str, hint: str
) -> None:
    ran = covcat(*args, mirror=None)
    assert (ran.code, ran.out) == (2, "")
    said, hinted = ran.err.splitlines()
    assert expected in said
    assert hinted.startswith("hint: ")
    assert hint in hinted


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["fech", "cohen"], "did you mean `covcat fetch`?"),
        (["fetc"], "did you mean `covcat fetch`?"),
        (["ftech", "cohen"], "did you mean `covcat fetch`?"),
        (["lsit"], "did you mean `covcat list`?"),
        (["ls"], "did you mean `covcat list`?"),
        (["serach", "ct"], "did you mean `covcat search`?"),
        (["stats"], "did you mean `covcat status`?"),
        (["verfiy"], "did you mean `covcat verify`?"),
        (["cache", "prun"], "did you mean `covcat cache prune`?"),
        (["-q", "shwo", "cohen"], "did you mean `covcat show`?"),
        (["qqq"], "covcat --help"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    covcat, args: list[str], hint: str
) -> None:
    ran = covcat(*args)
    word = next(one for one in args if one not in ("-q", "cache"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: no such command `{word}`\nhint: {hint}\n"


def test_what_a_command_does_not_take_is_named(covcat) -> None:
    ran = covcat("status", "cohen", "v7")
    assert (ran.code, ran.out) == (2, "")
    assert "cohen v7" in ran.err
    assert ran.err.endswith("hint: covcat status --help\n")


def test_json_without_a_command_is_an_error_of_usage_in_json(covcat, monkeypatch) -> None:
    expected = {"code": 2, "kind": "usage", "message": "missing command", "hint": "covcat --help"}
    ran = covcat("--json")
    assert (ran.code, ran.document["error"], ran.err) == (2, expected, "")
    monkeypatch.setenv("COVCAT_JSON", "1")
    ran = covcat()
    assert (ran.code, ran.document["error"]) == (2, expected)


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["path", "@1"], "covcat status"),
        (["path", ""], "covcat status"),
        (["verify", "@1"], "covcat status"),
        (["manifest", "show", "@1"], "covcat status"),
        (["remove", "@1"], "covcat status"),
        (["fetch", "@1"], "covcat list"),
        (["show", "@1"], "covcat list"),
    ],
)
def test_a_name_without_an_id_is_answered_with_how_names_are_made(
    covcat, args: list[str], hint: str
) -> None:
    ran = covcat(*args)
    assert (ran.code, ran.out) == (3, "")
    said = f"error: `{args[-1]}` has no id in it: expected ID@RELEASE"
    assert ran.err == f"{said}\nhint: {hint}\n"


def test_what_is_unknown_is_said_and_not_listed(covcat) -> None:
    ran = covcat("list", "--modality", "mrt", "--format", "ids")
    assert ran.out == "covid-19-ny-sbu\n"
    assert "unknown (U, not listed for it): sirm, eurorad, radiopaedia" in ran.err
    assert "unknown" not in covcat("list", "--modality", "ct").err


def test_the_sample_is_listed_only_with_all_and_never_counted(covcat) -> None:
    assert "sample" not in covcat("list", "--format", "ids").out.split()
    ran = covcat("list", "--all", "--format", "ids")
    assert ran.out.split()[-1] == "sample"
    assert ran.err == "34 resources: 14 of the survey, 20 related\n"


def test_the_survey_is_printed_verbatim(covcat) -> None:
    lines = covcat("list", "--survey", "--format", "csv").out.splitlines()
    assert len(lines) == 15
    head = "row,id,title,organization,ct,xray,mri,ultrasound,metadata,case_review"
    assert lines[0] == head
    assert lines[6] == (
        "6,bsti,COVID-19 BSTI Imaging Database,British Institute of Radiology,Y,Y,N,U,Y,Y"
    )


WHOLE = "id title ct xray mri us meta case images patients covid-19 size licence access"
WRONG = "* a name or address of the survey is wrong today (`covcat show ID`)"


def table(covcat, monkeypatch, width: int, *args: str) -> tuple[list[str], str]:
    """The lines of a table on a terminal of that width, and the legend below."""
    monkeypatch.setenv("COLUMNS", str(width))
    rows, _, legend = covcat(*(args or ["list"]), "--format", "table").out.partition("\n\n")
    return rows.splitlines(), legend


def test_tables_fit_100_columns_and_explain_their_marks(covcat, monkeypatch) -> None:
    rows, legend = table(covcat, monkeypatch, 100)
    assert max(map(len, [*rows, *legend.splitlines()])) <= 100
    assert "cord-19           COVID-19 Open…* Y→N Y→N" in "\n".join(rows)
    assert "→ the survey's flag, then what covcat found" in legend
    assert WRONG in legend


def test_the_first_table_has_the_counts_that_the_catalog_knows_and_no_long_corrections(
    covcat, monkeypatch
) -> None:
    rows, legend = table(covcat, monkeypatch, 80)
    assert max(map(len, [*rows, *legend.splitlines()])) <= 80
    at = {name: rows[0].index(name) for name in ("images", "patients", "covid-19")}
    cells = {
        row.split()[0]: [row[: at[name] + len(name)].split()[-1] for name in at] for row in rows
    }
    assert cells["actualmed"] == ["238", "215", "58"]  # they end below the end of the head
    assert cells["radiography-db"] == ["21,165", "?", "3,616"]
    assert cells["mashhad"] == ["?", "?", "?"]
    assert legend.count("*") == 1
    assert "labels of images that are elsewhere: covid-net, v7" in legend
    name = "British Society of Thoracic Imaging"
    assert name not in legend
    assert f"* organization: {name} (" in covcat("show", "bsti").out


def test_show_says_where_the_counts_of_the_list_are_from(covcat) -> None:
    said = "238 images, 215 patients, 58 with COVID-19 [metadata.csv at commit 27240dd8: rows, "
    assert said in covcat("show", "actualmed").out
    assert "517 with COVID-19 [annotations/covid-only.zip" in covcat("show", "v7").out


def test_show_claims_no_digest_of_objects_of_which_the_catalog_has_none(covcat) -> None:
    out = covcat("show", "covid-19-ar").out
    assert "verified by the number and the bytes of the objects of each series, and each" in out
    assert "sha256" not in out


def test_the_counts_are_the_last_columns_of_the_machine_forms(covcat) -> None:
    head, *lines = covcat("list").out.splitlines()
    assert head.split("\t")[-4:] == ["corrections", "images", "patients", "covid_images"]
    (pocus,) = [line for line in lines if line.startswith("pocus\t")]
    assert pocus.split("\t")[-3:] == ["167", "", "41"]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, "id ct xray us"),
        (60, "id title ct xray us images"),
        (80, "id title ct xray us images patients covid-19 size"),
        (90, "id title ct xray mri us images patients covid-19 size"),
        (100, "id title ct xray mri us images patients covid-19 size licence"),
        (140, WHOLE),
        (240, WHOLE),
    ],
)
def test_a_narrow_list_keeps_what_matters_most_and_names_what_it_left_out(
    covcat, monkeypatch, width: int, columns: str
) -> None:
    rows, legend = table(covcat, monkeypatch, width)
    assert rows[0].split() == columns.split()
    assert max(map(len, [*rows, *legend.splitlines()])) <= width
    left_out = [one for one in WHOLE.split() if one not in columns.split()]
    said = f"left out of a narrow table: {', '.join(left_out)}"
    assert (said in " ".join(legend.split())) is bool(left_out)


@pytest.mark.parametrize("width", [60, 80, 90])
def test_a_narrow_list_has_one_line_a_resource_with_a_cut_title_and_its_mark(
    covcat, monkeypatch, width: int
) -> None:
    rows, legend = table(covcat, monkeypatch, width)
    assert len(rows) == 35
    (cohen,) = [row for row in rows if row.startswith("cohen ")]
    assert re.match(r"cohen +COVID-19 Imag.*…\* ", cohen)
    (covid_ct,) = [row for row in rows if row.startswith("covid-ct ")]
    assert re.match(r"covid-ct +COVID-CT  +Y ", covid_ct)
    assert WRONG in " ".join(legend.split())


def test_a_wide_list_has_every_title_whole(covcat, monkeypatch) -> None:
    rows, _ = table(covcat, monkeypatch, 240)
    assert len(rows) == 35
    assert "…" not in "\n".join(rows)
    assert "Labeled Optical Coherence Tomography (OCT) and Chest X-Ray" in "\n".join(rows)


def test_a_mark_is_explained_only_where_one_is_shown(covcat, monkeypatch) -> None:
    _, legend = table(covcat, monkeypatch, 40)
    assert "*" not in legend
    assert "size:" not in legend
    _, legend = table(covcat, monkeypatch, 100, "search", "coronacases")
    assert "→" in legend
    assert "*" not in legend


def recorded(name: str, **fields: object) -> None:
    """A second release on disk, with the sample's record changed."""
    here = Path("covcat-data/sample/1/manifest.json")
    record = {**json.loads(here.read_text()), **fields}
    folder = Path("covcat-data", *name.split("@"))
    shutil.copytree("covcat-data/sample/1", folder)
    record |= {"resource": folder.parent.name, "release": folder.name}
    (folder / "manifest.json").write_text(json.dumps(record))


def test_the_status_of_a_narrow_terminal_is_folded_and_has_only_the_day(
    covcat, monkeypatch
) -> None:
    covcat("fetch", "sample", "-q")
    recorded("cohen@2020-06-22", selection=["'--include=images/*' --sample=3"])
    recorded("covid-ct@2020-03-27", complete=False, missing=["images/a.png"])
    rows, _ = table(covcat, monkeypatch, 80, "status")
    assert max(map(len, rows)) <= 80
    text = "\n".join(rows)
    assert re.search(r"sample@1 .* \d{4}-\d\d-\d\d$", text, re.M)
    assert "cohen@2020-06-22" in text
    assert "damaged" not in text
    day = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    assert len(re.findall(day, covcat("status").out)) == 3
    assert len(re.findall(day, covcat("status", "--json").out)) == 3
    assert not re.search(day, text)


def test_one_missing_file_is_one_file(covcat) -> None:
    covcat("fetch", "sample", "-q")
    recorded("covid-ct@2020-03-27", complete=False, missing=["images/a.png"])
    assert "\t1 file missing\t" in covcat("status").out


@pytest.mark.parametrize(
    ("id", "parts"),
    [
        ("cohen", ["as surveyed  Y", "as found     Y", "each image has its own", "v7 has of it:"]),
        ("cord-19", ["as surveyed  Y", "as found     N", "text and data mining only"]),
        ("pocus", ["of data/", "Overlaps", "Known issues", "How to cite"]),
        ("radiopaedia", ["terms: ", "automated script or robot", "https://radiopaedia.org"]),
        ("coronacases", ["Access: open", "the cases in the site's viewer", "zenodo"]),
        ("sample", ["Synthetic sample", "covcat fetch sample --dry-run"]),
        ("v7", ["images in cohen@2020-06-22, joined by name", "images in kermany@mendeley-2"]),
    ],
)
def test_a_page_says_what_one_must_know(covcat, id: str, parts: list[str]) -> None:
    ran = covcat("show", id)
    assert ran.code == 0
    for part in parts:
        assert part in ran.out


@pytest.mark.parametrize("id", ["sirm", "bsti", "eurorad", "radiopaedia"])
def test_fetching_a_site_prints_where_to_look_and_its_terms(covcat, server, id: str) -> None:
    ran = covcat("fetch", id)
    assert (ran.code, ran.out) == (7, "")
    assert "  terms: " in ran.err
    hint = rf"hint: open '?https://\S+; then, with what you got there: covcat import {id} FILE…\n"
    assert re.search(hint, ran.err)
    assert not server.requests


def test_a_host_that_wants_a_person_is_said_with_its_page_and_the_command(covcat, server) -> None:
    refused = json.dumps({"code": 403, "message": "You must accept the terms"}).encode()
    path = "/www.kaggle.com/api/v1/datasets/download/bachrr/covid-chest-xray?datasetVersionNumber=4"
    server.serve(path, Answer(refused, 403, {"Content-Type": "application/json"}))
    ran = covcat("fetch", "kaggle-chest-xray")
    assert (ran.code, ran.out) == (7, "")
    assert "access is refused (HTTP 403)\ncause: You must accept the terms\n" in ran.err
    assert (
        "hint: open https://www.kaggle.com/datasets/bachrr/covid-chest-xray; then, with what you "
        "got there: covcat import kaggle-chest-xray@4 FILE…\n"
    ) in ran.err


def test_files_that_are_on_a_host_are_described_without_asking_it(covcat, server) -> None:
    files = covcat("files", "medseg", "--format", "csv").out
    assert "tr_im.nii.gz,,,54f82e3a9ac01bf6cc2300ca53d820ae,figshare" in files
    assert not server.requests


def test_what_nobody_knows_of_a_licence_is_told_beside_what_it_allows(covcat) -> None:
    ran = covcat("list", "--license-allows", "commercial", "--format", "ids")
    assert ran.out.split() == ["v7", "kermany", "hannover", "covid-19-ar", "covid-19-ny-sbu"]
    unknown = next(
        line for line in ran.err.splitlines() if line.startswith("not listed, as nobody")
    )
    assert "figure1" in unknown
    assert "cohen" not in unknown
    assert ran.err.endswith(
        "each image has its own licence in cohen, pocus, kaggle-chest-xray: covcat select "
        "--license-allows commercial\n"
    )
    assert "own licence" not in covcat("list", "--modality", "mri").err


def test_bare_covcat_shows_three_examples(covcat) -> None:
    ran = covcat()
    assert ran.code == 0
    assert ran.out.count("  covcat ") == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--sample", "abc"], "--sample `abc` is no whole number: expected one such as 20"),
        (["--sample", "1.5"], "--sample `1.5` is no whole number: expected one such as 20"),
        (["--sample", "0"], "--sample `0` is out of range: expected 1 or more"),
        (["--jobs", "x"], "--jobs `x` is no whole number: expected one such as 20"),
        (["--jobs", "99"], "--jobs `99` is out of range: expected 1 to 64"),
        (["--retries", "x"], "--retries `x` is no whole number: expected one such as 5"),
        (["--timeout", "soon"], "--timeout `soon` is no number: expected one such as 30"),
        (["--timeout", "nan"], "--timeout `nan` is out of range: expected 0.1 to 86400"),
        (["--timeout", "0"], "--timeout `0` is out of range: expected 0.1 to 86400"),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_plain_words(
    covcat, args: list[str], said: str
) -> None:
    ran = covcat("fetch", "sample", *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: {said}\nhint: covcat fetch --help\n"


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("COVCAT_JOBS", "is no whole number: expected one such as 20"),
        ("COVCAT_OFFLINE", "is neither yes nor no: expected 1 or 0"),
        ("COVCAT_VERBOSE", "is no whole number: expected one such as 1"),
    ],
)
def test_a_variable_that_cannot_be_is_refused_by_its_own_name(
    covcat, monkeypatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "maybe")
    assert f"error: {variable} `maybe` {said}\n" in covcat("fetch", "sample").err


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["help"], ["--help"]),
        (["-q", "help"], ["--help"]),
        (["--data-dir", "help", "help"], ["--help"]),
        (["help", "fetch"], ["fetch", "--help"]),
        (["help", "catalog", "check"], ["catalog", "check", "--help"]),
        (["help", "help"], ["--help"]),
    ],
)
def test_help_is_a_word_too(covcat, asked: list[str], meant: list[str]) -> None:
    ran, same = covcat(*asked), covcat(*meant)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == same.out
    assert "Usage: covcat" in ran.out


def test_help_of_what_is_no_command_is_an_error_of_usage(covcat) -> None:
    assert covcat("help", "fech").err.startswith("error: no such command `fech`\n")
    assert covcat("search", "help").code == 0  # a word to search for


@pytest.mark.parametrize("words", [[""], ["  "], ["", " "]])
def test_a_search_for_nothing_is_an_error_of_usage_with_a_hint(covcat, words: list[str]) -> None:
    ran = covcat("search", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: nothing to search for: expected a word\nhint: covcat search ")


def test_a_catalog_of_ones_own_with_many_entries_is_said_in_one_line(covcat, shelf) -> None:
    for name in ("cohen", "v7", "kermany"):
        shelf.add_web(name, "data.zip", unpack="zip")
        shelf.edit(name, "access: open", "access: open\noverride: yes")
    names = "`cohen`, `kermany`, `v7`"
    assert f"note: {names} come from {shelf.folder}, not" in covcat("list").err
    shelf.add_web("medseg", "data.zip", unpack="zip")
    shelf.edit("medseg", "access: open", "access: open\noverride: yes")
    assert f"note: 4 entries come from {shelf.folder}, not from" in covcat("list").err


def test_what_is_unfinished_is_not_counted_as_a_release(covcat) -> None:
    covcat("fetch", "sample", "-q")
    waiting = Path("covcat-data/.covcat/partial/covid-ct@latest/0123")
    waiting.mkdir(parents=True)
    (waiting / "a.zip").write_bytes(b"x")
    said = covcat("status").err.splitlines()[-1]
    assert said.startswith("1 release and 1 unfinished in `covcat-data`, ")


def test_the_help_of_status_explains_its_columns(covcat) -> None:
    assert "`newest` says if" in covcat("status", "--help").out


# ---- as a process ------------------------------------------------------------------------------


def process(*args: str, **kwargs: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COVCAT, *args], capture_output=True, check=False, **kwargs)  # type: ignore[call-overload]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    script = f"{sys.executable} -c '{COVCAT[2]}' list 2>err | head -1; cat err"
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}"], capture_output=True, check=False
    )
    assert ran.stdout.startswith(b"id\ttitle")
    assert b"error" not in ran.stdout + ran.stderr
    closed = subprocess.Popen([*COVCAT, "show", "cohen"], stdout=subprocess.PIPE, stderr=-1)
    assert closed.stdout is not None
    closed.stdout.close()
    _, err = closed.communicate(timeout=30)
    assert (closed.returncode, err) == (0, b"")


FETCH = "fetch sample --offline"
DAMAGED = "verify --data-dir damaged"
REDIRECTED = {  # what is run, how, the exit code, what arrives on stdout, what on stderr
    "result, full": ("list >/dev/full", 8, "", "cannot write the result"),
    "result as a document, full": ("list --json >/dev/full", 8, "", "cannot write the result"),
    "rows, full": ("images --data-dir good >/dev/full", 8, "", "cannot write the result"),
    "bytes, full": ("cite cohen >/dev/full", 8, "", "cannot write the result"),
    "help, full": ("--help >/dev/full", 8, "", "cannot write the result"),
    "talk, full": ("list 2>/dev/full", 8, "radiopaedia", ""),
    "talk of rows, full": ("images --data-dir good 2>/dev/full", 8, "synthetic-10", ""),
    "talk of a verdict, full": ("verify --data-dir good 2>/dev/full", 8, "", ""),
    "talk of a fetch, full": (f"{FETCH} 2>/dev/full", 8, "sample/1/files", ""),
    "events, full": (f"{FETCH} --progress json 2>/dev/full", 8, "sample/1/files", ""),
    "a fetch, both full": (f"{FETCH} >/dev/full 2>/dev/full", 8, "", ""),
    "an error, talk full": (f"{DAMAGED} 2>/dev/full", 5, "", ""),
    "an error, both full": (f"{DAMAGED} --json >/dev/full 2>/dev/full", 5, "", ""),
    "an error, its document full": (f"{DAMAGED} --json >/dev/full", 5, "", "not as recorded"),
    "a mistake, talk full": ("list --nope 2>/dev/full", 2, "", ""),
    "result, shut": ("list >&-", 0, "", "14 of the survey"),
    "all, shut": ("list <&- >&- 2>&-", 0, "", ""),
    "a fetch, talk shut": (f"{FETCH} 2>&-", 0, "sample/1/files", ""),
    "an error, shut": (f"{DAMAGED} >&- 2>&-", 5, "", ""),
    "an error, its document shut": (f"{DAMAGED} --json >&-", 5, "", ""),
    "result, unread": ("show cohen | true", 0, "", ""),
    "rows, unread": ("images --data-dir good --format jsonl | true", 0, "", "12 images"),
    "help, unread": ("--help | true", 0, "", ""),
    "help of a command, unread": ("list --help | true", 0, "", ""),
    "a fetch, all unread": (f"{FETCH} 2>&1 | true", 0, "", ""),
    "an error, all unread": (f"{DAMAGED} 2>&1 | true", 5, "", ""),
    "an error, its document unread": (f"{DAMAGED} --json | true", 5, "", "not as recorded"),
    "nothing has that name, unread": ("show nosuch --json | true", 3, "", "no resource `nosuch`"),
}


@pytest.mark.parametrize(("args", "code", "out", "err"), REDIRECTED.values(), ids=REDIRECTED)
@pytest.mark.large
def test_streams_that_take_nothing_stop_no_work_and_lose_no_exit_code(
    covcat, args: str, code: int, out: str, err: str
) -> None:
    for folder in ("good", "damaged"):
        covcat("fetch", "sample", "-q", "--data-dir", folder)
    Path("damaged/sample/1/files/README.md").write_bytes(b"x")
    unread = args.replace("| true", "| (exec <&-; sleep 0.1)")
    script = f"set -o pipefail; {sys.executable} -c '{COVCAT[2]}' {unread}"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert ran.returncode == code, ran
    assert (out in ran.stdout.decode()) if out else not ran.stdout
    assert (err in ran.stderr.decode()) if err else "error" not in ran.stderr.decode()
    assert b"Traceback" not in ran.stderr
    assert Path("covcat-data/sample/1/manifest.json").exists() == args.startswith("fetch")


def test_a_window_that_was_closed_stops_no_work(covcat, monkeypatch) -> None:
    class Closed(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Closed())
    ran = covcat("fetch", "sample")
    assert (ran.code, ran.out) == (8, "covcat-data/sample/1/files\n")
    assert Path("covcat-data/sample/1/manifest.json").is_file()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_can_show_everything(encoding: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100"}
    for args in (["list", "--format", "table"], ["show", "pocus"], ["cite", "pocus"]):
        ran = process(*args, env=env)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False)
        ran.stdout.decode("utf-8" if args[0] == "cite" else encoding)  # a .bib is always UTF-8


def test_a_mirror_with_a_password_is_refused_without_showing_it() -> None:
    ran = process("fetch", "sample", "--mirror", "http://u:secret@127.0.0.1")
    assert ran.returncode == 2
    assert b"a mirror never receives credentials" in ran.stderr
    assert b"secret" not in ran.stdout + ran.stderr


def test_a_bug_is_called_a_bug_and_shows_its_traceback_only_on_demand(covcat, monkeypatch) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("oops\x1b[2J")

    monkeypatch.setattr("covcat.catalog.load.load", broken)
    ran: Ran = covcat("list")
    assert ran.code == 1
    assert ran.err == (
        "error: a bug in covcat: ZeroDivisionError: oops\\x1b[2J\n"
        "hint: run it again with -v, and report what it prints\n"
    )
    assert "Traceback" in covcat("list", "-vv").err
    assert covcat("list", "--json").document["error"]["kind"] == "bug"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str) -> None:
    ran = process(env={**os.environ, "_COVCAT_COMPLETE": f"source_{shell}"})
    assert b"_COVCAT_COMPLETE" in ran.stdout
