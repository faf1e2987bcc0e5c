"""What covcat prints on a real terminal: nothing is wider than it, nothing is torn inside a word."""

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Callable
from pathlib import Path

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


def on_a_terminal(
    *args: str, width: int, folder: Path | None = None, into: Path | None = None
) -> list[str]:
    """The lines that a person sees; with `into`, stdout goes there and only stderr is seen."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    env |= {"TERM": "xterm", "HOME": str(Path.cwd())}
    out = os.open(into, os.O_WRONLY | os.O_CREAT) if into else os.dup(follower)
    run = subprocess.Popen(
        [*COVCAT, *args], stdin=follower, stdout=out, stderr=follower, env=env, cwd=folder
    )
    for one in (out, follower):
        os.close(one)
    seen = seen_by(leader)
    run.wait()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    return text.replace("\r\n", "\n").split("\n")


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
    narrow, wide = (" ".join(seen("fetch --all -n", width)) for width in (80, 200))
    assert re.search(r"left out of a narrow table: .*licence", narrow)
    assert "left out" not in wide


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
    for line in ("license cohen", "show kermany", "list --modality pet", ""):
        monkeypatch.setenv("COLUMNS", "40")
        narrow = covcat(*line.split())
        monkeypatch.setenv("COLUMNS", "200")
        assert narrow == covcat(*line.split())


@pytest.mark.parametrize("name", ["kermany", "mashhad"])
def test_files_of_unknown_size_say_so_with_a_question_mark(seen: Seen, name: str) -> None:
    assert re.match(r" +\? ", seen(f"files {name}", 100)[1])
