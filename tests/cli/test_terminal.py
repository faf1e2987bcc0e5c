"""What covcat prints on a real terminal: nothing is wider than it, nothing is torn inside a word."""

import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from makers.releases import Shelf
from makers.runs import seen_by

COVCAT = [sys.executable, "-c", "from covcat.cli.main import main; main()"]
WIDTHS = (60, 80, 100, 200)
TABLES = {
    "list": "list",
    "list --survey": "list --survey",
    "search": "search pneumonia",
    "files of a listing": "files figure1",
    "files of a set": "files mashhad",
    "files of an archive": "files kermany",
    "files on a host": "files medseg",
    "the plan": "fetch --all --dry-run",
    "paths": "paths",
    "paths, all": "paths --catalog shelf --data-dir a/rather/long/folder/for/data/of/a/lab",
    "licences": "license",
    "one licence": "license cohen",
    "another licence": "license kermany",
    "a page": "show kermany",
    "another page": "show cord-19",
    "status": "status",
    "what waits": "cache list",
    "what would go": "cache prune --archives --indexes --dry-run",
    "removed": "remove sample --dry-run",
    "doctor": "doctor",
    "images": "images sample",
    "counts": "counts sample --by finding,modality",
    "greeting": "",
    "unknown id": "show nosuch",
    "no network": "fetch cohen --offline",
    "browse only": "fetch radiopaedia",
    "several": "fetch radiopaedia sirm --offline",
}
SOFT = re.compile(r"\S{25,}|^hint: ")  # addresses, paths and hints: whole, to be copied


def width_of(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def run_on_a_terminal(
    *args: str, width: int, folder: Path | None = None, into: Path | None = None, **more: str
) -> tuple[int, str]:
    """The exit code, and what a person sees; with `into`, stdout goes there."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    env |= {"TERM": "xterm", "HOME": str(Path.cwd()), "PAGER": "cat", **more}
    out = os.open(into, os.O_WRONLY | os.O_CREAT) if into else os.dup(follower)
    run = subprocess.Popen(
        [*COVCAT, *args], stdin=follower, stdout=out, stderr=follower, env=env, cwd=folder
    )
    for one in (out, follower):
        os.close(one)
    seen = seen_by(leader)
    return run.wait(), seen.decode().replace("\r\n", "\n")


def on_a_terminal(*args: str, **how: Any) -> list[str]:
    """The lines that a person sees, without colour."""
    _, text = run_on_a_terminal(*args, **how)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).split("\n")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, kept archives, an index and something that waits."""
    folder = tmp_path_factory.mktemp("terminal")
    run = [*COVCAT, "fetch", "sample", "--keep-archives", "-q"]
    subprocess.run(run, cwd=folder, check=True, capture_output=True)
    waiting = folder / "covcat-data/.covcat/partial/covid-ct@2020-03-27/0123456789abcdef0123"
    waiting.mkdir(parents=True)
    (waiting / "Images-processed-by-somebody.zip").write_bytes(b"x" * 123_456)
    Shelf(folder / "shelf").add_web("newset", "data.zip", unpack="zip")
    return folder


Seen = Callable[..., list[str]]


@pytest.fixture
def seen(stocked: Path, covcat, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Run covcat there, on what says that it is a terminal; return the lines that it shows."""
    monkeypatch.chdir(stocked)
    monkeypatch.setenv("TERM", "dumb")  # no bars

    def run(line: str, width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
        ran = covcat(*shlex.split(line), mirror=None)
        return (ran.out + ran.err).split("\n")

    return run


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", TABLES.values(), ids=TABLES)
def test_nothing_is_wider_than_the_terminal_but_what_one_copies(
    seen: Seen, line: str, width: int
) -> None:
    lines = seen(line, width)
    assert [one for one in lines if width_of(one) > width and not SOFT.search(one)] == []
    assert "Traceback" not in "\n".join(lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "line",
    ["files mashhad", "files kermany", "paths", "license", "fetch --all --dry-run", "cache list"],
)
def test_a_table_is_never_wider_than_the_terminal_and_has_no_blank_row(
    seen: Seen, line: str, width: int
) -> None:
    lines = seen(line, width)
    assert max(map(width_of, lines)) <= width
    assert "" not in lines[: lines.index("")]
    assert "\n\n" not in "\n".join(lines).split("\nleft out of")[0].rstrip("\n")


def test_a_table_says_what_it_leaves_out_on_a_narrow_terminal(seen: Seen) -> None:
    narrow, wide = (_on_one_line(seen("fetch --all -n", width)) for width in (80, 200))
    assert "left out of a narrow table: files" in narrow
    assert "; to see them: a wider terminal, or `| less -S`" in narrow
    assert "left out of a narrow" not in wide


def _on_one_line(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_a_narrow_list_says_how_to_see_the_rest_and_a_pipe_is_told_nothing(
    seen: Seen, tmp_path: Path
) -> None:
    said = "mri, meta, case, licence, access; to see them: `--format tsv`, a wider terminal, or"
    assert f"left out of a narrow table: {said} `covcat show ID`" in _on_one_line(seen("list", 80))
    for line in ("list", "fetch --all -n", "list --format table"):
        piped = tmp_path / "piped"
        run_on_a_terminal(*line.split(), width=80, into=piped, COLUMNS="80")
        assert "to see them" not in piped.read_text()


@pytest.mark.parametrize("width", [60, 80])
def test_a_plan_keeps_sizes_and_licences_on_a_narrow_terminal(seen: Seen, width: int) -> None:
    head, *lines = seen("fetch coronacases figure1 kermany -n", width)
    assert "size licence" in head
    assert re.search(r"^figure1@2020-05-08 +fetch .*14\.9 MB research-only", lines[1])
    assert re.search(r"^kermany@mendeley-2 +fetch .*~1\.2 GB CC-BY-4\.0", lines[2])


def test_a_real_terminal_is_asked_for_its_width(stocked: Path) -> None:
    lines = on_a_terminal("files", "kermany", width=72, folder=stocked)
    assert 60 < max(map(width_of, lines)) <= 72


PROSE = {
    "greeting": ("", 60),
    "title": ("show kermany", 80),
    "notes of a licence": ("license cohen", 80),
    "an error": ("fetch cohen@7", 40),
    "an error of usage": ("list --modality pet", 60),
}


@pytest.mark.parametrize(("line", "width"), PROSE.values(), ids=PROSE)
def test_prose_is_folded_between_words_on_a_terminal(
    seen: Seen, covcat, monkeypatch: pytest.MonkeyPatch, line: str, width: int
) -> None:
    lines = seen(line, width)
    monkeypatch.undo()
    whole = covcat(*shlex.split(line), mirror=None)
    assert " ".join(lines).split() == (whole.out + whole.err).split()
    assert max(map(width_of, (whole.out + whole.err).split("\n"))) > width
    assert not [one for one in lines if width_of(one) > width and not SOFT.search(one)]


def test_the_greeting_of_a_narrow_terminal_has_its_lines_apart(seen: Seen) -> None:
    lines = seen("", 60)
    assert lines[2:5] == ["", "  covcat list --modality ct", "      which resources have CT"]
    assert lines[8] == "      download, verify, unpack; prints the folder"
    assert lines[9] == ""


def test_what_goes_on_in_the_next_line_is_indented(seen: Seen) -> None:
    first, *more = [one for one in seen("list --modality pet", 60) if one][:-1]
    assert first.startswith("error: ")
    assert more
    assert all(one.startswith("  ") for one in more)


def test_stderr_is_folded_to_its_own_terminal_where_stdout_is_a_file(
    stocked: Path, tmp_path: Path
) -> None:
    line = ["cite", "coronacases", "sirm", "bsti", "eurorad", "radiopaedia"]
    lines = on_a_terminal(*line, width=60, folder=stocked, into=tmp_path / "out.txt")
    assert len(lines) > 2
    assert max(map(width_of, lines)) <= 60


@pytest.mark.parametrize("line", ["fetch radiopaedia", "list --license nothing-like-it"])
def test_a_hint_with_a_command_stays_whole(seen: Seen, covcat, line: str) -> None:
    folded = [one for one in seen(line, 60) if one.startswith("hint: ")]
    assert folded
    assert folded == [one for one in covcat(*line.split()).err.split("\n") if one[:6] == "hint: "]


def test_a_pipe_has_every_line_whole(covcat, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("license cohen", "show kermany", "list --modality pet", "list", ""):
        monkeypatch.setenv("COLUMNS", "40")
        narrow = covcat(*line.split())
        assert line != "list" or "…" not in narrow.out
        monkeypatch.setenv("COLUMNS", "200")
        assert narrow == covcat(*line.split())


@pytest.mark.parametrize("name", ["kermany", "mashhad"])
def test_files_of_unknown_size_say_so_with_a_question_mark(seen: Seen, name: str) -> None:
    assert re.match(r" +\? ", seen(f"files {name}", 100)[1])


RED, YELLOW, CYAN, END = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[0m"


def test_errors_warnings_hints_and_damage_stand_out_on_a_terminal(stocked: Path, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(stocked / "covcat-data/sample", copy / "sample")
    with (copy / "sample/1/files/metadata.csv").open("a") as file:
        file.write("x")
    where = ("--data-dir", str(copy))
    code, text = run_on_a_terminal(*where, "verify", width=80)
    assert code == 5
    assert f"{RED}error:{END} not as recorded: sample@1" in text
    assert f"sample@1: {RED}changed{END}: files/metadata.csv" in text
    assert f"{CYAN}hint:{END} covcat verify sample@1 --repair" in text
    _, text = run_on_a_terminal(*where, "images", width=80)
    assert f"{YELLOW}warning:{END} sample@1: `metadata.csv` was changed" in text
    (copy / "sample/1/manifest.json").write_text("{")
    _, text = run_on_a_terminal(*where, "status", width=100)
    assert f"{RED}damaged{END}" in text
    _, text = run_on_a_terminal(*where, "status", width=100, NO_COLOR="1")
    assert "damaged" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("line", ["--help", "fetch --help", "cache --help"])
def test_names_stand_out_in_help_on_a_terminal_and_nothing_moves(line: str, tmp_path) -> None:
    how = {"width": 80, "folder": tmp_path}
    _, colored = run_on_a_terminal(*line.split(), **how)
    assert f"  {CYAN}-h, --help{END}  " in colored
    _, plain = run_on_a_terminal(*line.split(), **how, NO_COLOR="1")
    assert "\x1b" not in plain
    assert on_a_terminal(*line.split(), **how) == plain.split("\n")


@pytest.mark.parametrize(
    ("line", "environ", "colored"),
    [
        ("show nosuch", {}, False),  # a pipe
        ("show nosuch", {"FORCE_COLOR": "1"}, True),
        ("show nosuch", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("show nosuch --color always", {}, True),
        ("show nosuch --color=never", {"FORCE_COLOR": "1"}, False),
        ("nosuch --color always", {}, True),  # what cannot be parsed has its colour, too
        ("list --nosuch", {"COVCAT_COLOR": "always"}, True),
        ("show nosuch", {"COVCAT_COLOR": "never", "FORCE_COLOR": "1"}, False),
        ("show cohen --color always", {"NO_COLOR": "1"}, True),
        ("show cohen", {"FORCE_COLOR": "1"}, True),
        ("show cohen", {"FORCE_COLOR": "0"}, False),
        ("show cohen", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_errors_and_pages_have_the_colour_that_is_asked_for(
    covcat, monkeypatch: pytest.MonkeyPatch, line: str, environ: dict[str, str], colored: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    ran = covcat(*line.split(), mirror=None)
    assert ("\x1b[" in ran.out + ran.err) is colored
    if ran.code:
        assert ran.err.startswith(f"{RED}error:{END} " if colored else "error: ")


@pytest.mark.parametrize(
    ("line", "is_paged"),
    [
        ("show cohen", True),
        ("show cohen --json", False),
        ("show cohen --format json", False),
        ("show nosuch", False),
    ],
)
def test_a_page_longer_than_the_screen_goes_into_the_pager(
    stocked: Path, tmp_path: Path, line: str, is_paged: bool
) -> None:
    pager = tmp_path / "a pager"
    pager.write_text(f"#!/bin/sh\ncat > '{tmp_path}/read'\nexit 3\n")
    pager.chmod(0o755)
    run = {"folder": stocked, "PAGER": shlex.quote(str(pager))}
    code, text = run_on_a_terminal(*line.split(), width=80, **run)
    assert code == (3 if "nosuch" in line else 0)
    read = tmp_path / "read"
    assert read.exists() is is_paged
    if is_paged:
        assert text == ""
        assert "Known issues" in read.read_text()
        read.unlink()
        run_on_a_terminal(*line.split(), width=80, **run, LINES="500")  # it is not longer
        run_on_a_terminal(*line.split(), width=80, **run, TERM="dumb")
        run_on_a_terminal(*line.split(), width=80, **run, into=tmp_path / "out")  # no terminal
        assert not read.exists()
        assert "Known issues" in (tmp_path / "out").read_text()


@pytest.mark.parametrize(
    ("pager", "shows"), [("cat", True), ("no-such-pager", True), ("", True), ("true", False)]
)
def test_a_pager_that_is_missing_or_is_quit_at_once_does_no_harm(
    stocked: Path, pager: str, shows: bool
) -> None:
    code, text = run_on_a_terminal("show", "cohen", width=80, folder=stocked, PAGER=pager)
    assert code == 0
    assert ("How to cite" in text) is shows
    assert "Traceback" not in text
    assert "error" not in text.partition("\n")[0]
