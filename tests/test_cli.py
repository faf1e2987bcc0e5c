"""What every command keeps to: streams, formats, exit codes, JSON, terminals."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import Answer, Ran

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
    "status": (["status"], 0),
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
    "no catalog folder": (["list", "--catalog", "nowhere"], 2),
    "no network": (["fetch", "figure1"], 4),
    "several kinds": (["fetch", "radiopaedia", "figure1"], 9),
}


@pytest.mark.parametrize(("args", "code"), COMMANDS.values(), ids=COMMANDS)
def test_json_is_one_document_on_success_and_on_failure(covcat, args, code: int) -> None:
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
def test_text_has_errors_on_stderr_with_the_documented_code(covcat, args, code: int) -> None:
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


def test_an_empty_result_prints_the_header_and_says_so(covcat) -> None:
    ran = covcat("list", "--license", "no-such-licence")
    assert ran.code == 0
    assert ran.out.startswith("id\ttitle\t")
    assert len(ran.out.splitlines()) == 1
    assert ran.err == "0 of 19 resources: 0 of the 14 of the survey, 0 of the 5 related\n"


def test_what_is_unknown_is_said_and_not_listed(covcat) -> None:
    ran = covcat("list", "--modality", "mrt", "--format", "ids")
    assert ran.out == ""
    assert "unknown (U, not listed for it): sirm, eurorad, radiopaedia" in ran.err
    assert "unknown" not in covcat("list", "--modality", "ct").err


def test_the_sample_is_listed_only_with_all_and_never_counted(covcat) -> None:
    assert "sample" not in covcat("list", "--format", "ids").out.split()
    ran = covcat("list", "--all", "--format", "ids")
    assert ran.out.split()[-1] == "sample"
    assert ran.err == "19 resources: 14 of the survey, 5 related\n"


def test_the_survey_is_printed_verbatim(covcat) -> None:
    lines = covcat("list", "--survey", "--format", "csv").out.splitlines()
    assert len(lines) == 15
    head = "row,id,title,organization,ct,xray,mri,ultrasound,metadata,case_review"
    assert lines[0] == head
    assert lines[6] == (
        "6,bsti,COVID-19 BSTI Imaging Database,British Institute of Radiology,Y,Y,N,U,Y,Y"
    )


def test_tables_fit_100_columns_and_explain_their_marks(covcat, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ran = covcat("list", "--format", "table")
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "cord-19           COVID-19 Open Research Y→N Y→N" in ran.out
    assert "→ the survey's flag, then what covcat found" in ran.out
    assert "* bsti: the organization is British Society of Thoracic Imaging" in ran.out


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
    hint = rf"hint: open https://\S+; then, with what you got there: covcat import {id} FILE…\n"
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


def test_text_and_bibtex_citations(covcat) -> None:
    ran = covcat("cite", "covid-net")
    assert ran.out.startswith("@article{Wang2020,\n  ")
    text = covcat("cite", "cohen", "--format", "text").out
    assert "Joseph Paul Cohen, Paul Morrison, Lan Dao (2020). COVID-19 image data" in text


def test_bare_covcat_shows_three_examples(covcat) -> None:
    ran = covcat()
    assert ran.code == 0
    assert ran.out.count("  covcat ") == 3


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


def test_a_full_stdout_is_an_error() -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([*COVCAT, "list"], stdout=full, stderr=-1, check=False)
    assert ran.returncode == 8
    assert b"error: cannot write the result" in ran.stderr


def test_closed_streams_are_no_bug(tmp_path: Path) -> None:
    for redirect in (">&-", ">&- 2>&-", "--json >/dev/full", "--help >/dev/full"):
        script = f"{sys.executable} -c '{COVCAT[2]}' list {redirect}"
        ran = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
        assert ran.returncode == (8 if "full" in redirect else 0), (redirect, ran)
        assert b"Traceback" not in ran.stderr
        assert b"bug" not in ran.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_can_show_everything(encoding: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100"}
    for args in (["list", "--format", "table"], ["show", "pocus"], ["cite", "pocus"]):
        ran = process(*args, env=env)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False)
        ran.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("env", "args", "colored"),
    [
        ({}, ["--color", "always"], True),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "0"}, [], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
        ({"COVCAT_COLOR": "never", "FORCE_COLOR": "1"}, [], False),
    ],
)
def test_colour_follows_the_option_then_the_environment(env, args, colored: bool) -> None:
    ran = process("show", "cohen", *args, env={**os.environ, **env})
    assert (b"\x1b[" in ran.stdout) is colored


def test_a_mirror_with_a_password_is_refused_without_showing_it() -> None:
    ran = process("fetch", "sample", "--mirror", "http://u:secret@127.0.0.1")
    assert ran.returncode == 2
    assert b"a mirror never receives credentials" in ran.stderr
    assert b"secret" not in ran.stdout + ran.stderr


def test_start_up_leaves_the_heavy_packages_alone() -> None:
    """`covcat list` must not pay for what only other commands need."""
    heavy = "pandas", "httpx", "py7zr", "rarfile", "rich", "pydantic", "openpyxl", "isal", "numpy"
    code = (
        "import sys\n"
        "from covcat.cli.main import main\n"
        "try: main()\n"
        f"finally: print([n for n in {heavy!r} if n in sys.modules], file=sys.stderr)\n"
    )
    bare = "import typer, sys; print([n for n in ('rich', 'pydantic') if n in sys.modules])"
    typers_own = subprocess.run(
        [sys.executable, "-c", bare], capture_output=True, check=True
    ).stdout.decode()
    for args in (["list"], ["show", "cohen"], ["search", "ct"]):
        ran = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, check=False)
        found = json.loads(ran.stderr.splitlines()[-1].replace(b"'", b'"'))
        assert not {"pandas", "httpx", "py7zr", "rarfile", "numpy"} & set(found), found
        assert "rich" not in found or "rich" in typers_own


def test_a_bug_is_called_a_bug_and_shows_its_traceback_only_on_demand(covcat, monkeypatch) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("oops\x1b[2J")

    monkeypatch.setattr("covcat.catalog.load", broken)
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


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["covcat", "ver"], ["verify"]),
        (["covcat", "show", "co"], ["cohen", "cord-19", "covid-net", "covid-ct", "coronacases"]),
        (["covcat", "fetch", "cohen@0"], ["cohen@0.1", "cohen@0.2"]),
        (["covcat", "list", "--modality", ""], ["ct", "xray", "mri", "ultrasound"]),
        (["covcat", "list", "--has", "c"], ["case-review"]),
        (["covcat", "list", "--license-allows", "d"], ["derivatives"]),
        (["covcat", "list", "--access", "b"], ["browse"]),
        (["covcat", "files", "cohen", "--format", "t"], ["table", "tsv"]),
    ],
)
def test_the_shell_completes_ids_and_words(words: list[str], completed: list[str]) -> None:
    env = {"_COVCAT_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    ran = process(env={**os.environ, **env, "COMP_CWORD": str(len(words) - 1)})
    assert ran.stdout.decode().split() == completed
