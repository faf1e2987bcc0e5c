"""The Tab key, pressed in real shells."""

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

from covcat.cli import complete, main

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
SET_UP = {
    "bash": 'eval "$(_COVCAT_COMPLETE=source_bash covcat)"',
    "zsh": 'autoload -Uz compinit; compinit -u -D; bindkey -e; eval "$(_COVCAT_COMPLETE=source_zsh covcat)"',
    "fish": "_COVCAT_COMPLETE=source_fish covcat | source",
}
TYPED = {
    "covcat verif": "covcat verify",
    "covcat catalog sch": "covcat catalog schema",
    "covcat fetch --keep-a": "covcat fetch --keep-archives",
    "covcat show fig": "covcat show figure1",
    "covcat fetch sample figure1@": "covcat fetch sample figure1@2020-05-08",
    "covcat files v7@20": "covcat files v7@2020-06-29",
    "covcat fetch --sample 3 sam": "covcat fetch --sample 3 sample",
    "covcat --offline list --modality ultra": "covcat --offline list --modality ultrasound",
}
BASH_ALONE = {"covcat list --modality=ultra": "covcat list --modality=ultrasound"}
PATIENCE = 20.0  # seconds until a shell that says nothing has failed
CONTROL = re.compile(
    r"\x1b(?:\[[0-9;?>=]*[a-zA-Z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()].|[=>78])|[\r\x0f]"
)


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        bin = Path(sys.executable).parent
        env = {k: v for k, v in os.environ.items() if not k.startswith("COVCAT_")}
        env |= {"PATH": f"{bin}:{env['PATH']}", "HOME": str(folder), "TERM": "xterm", "PS1": "> "}
        env |= {
            "XDG_CONFIG_HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "INPUTRC": "/dev/null",
        }
        self.leader, follower = pty.openpty()
        self.run = subprocess.Popen(
            SHELLS[name],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=env,
            cwd=folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # fish insists on it
        )
        os.close(follower)
        self.seen = ""

    def type(self, text: str) -> None:
        """Press keys."""
        self.seen = ""
        os.write(self.leader, text.encode())

    def waits_for(self, pattern: str) -> bool:
        """Read until the screen matches; tell if it did."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, CONTROL.sub("", self.seen)):
            ready, _, _ = select.select([self.leader], [], [], max(0, end - time.monotonic()))
            if not ready:
                return False
            self.seen += os.read(self.leader, 65536).decode(errors="replace")
        return True

    def completed(self, line: str) -> str:
        """Type the beginning of a line, press Tab, and return the line as the shell then has it."""
        rest = re.escape({**TYPED, **BASH_ALONE}[line].removeprefix(line))
        self.type(line + "\t")
        self.waits_for(rest)
        self.type("\x01echo LINE: \x05 :END\r")
        assert self.waits_for(r"(?m)^LINE: .*:END"), self.seen
        (found,) = re.findall(r"(?m)^LINE: (.*?) *:END", CONTROL.sub("", self.seen))
        return str(found)

    def close(self) -> None:
        """Hang up."""
        os.close(self.leader)
        self.run.kill()
        self.run.wait()


@pytest.mark.parametrize("name", SHELLS)
def test_the_tab_key_completes_commands_options_ids_and_releases(name: str, tmp_path: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    shell = Shell(name, tmp_path)
    try:
        shell.type(f"{SET_UP[name]}; echo READY\r")
        assert shell.waits_for(r"(?m)^READY"), shell.seen
        wanted = {**TYPED, **(BASH_ALONE if name == "bash" else {})}
        assert {line: shell.completed(line) for line in wanted} == wanted
    finally:
        shell.close()


@pytest.mark.parametrize(
    ("words", "joined", "cut"),
    [
        (["covcat", "fetch", "cohen", "@", "0"], ["covcat", "fetch", "cohen@0"], "cohen"),
        (["covcat", "fetch", "cohen", "@"], ["covcat", "fetch", "cohen@"], "cohen"),
        (["covcat", "list", "--modality", "=", "c"], ["covcat", "list", "--modality=c"], None),
        (["covcat", "fetch", "cohen@0"], ["covcat", "fetch", "cohen@0"], None),
        (["covcat", "fetch", ""], ["covcat", "fetch", ""], None),
        (["covcat", "f", "a", "@", "1", "b"], ["covcat", "f", "a@1", "b"], None),
    ],
)
def test_what_bash_broke_is_joined(words: list[str], joined: list[str], cut: str | None) -> None:
    environ = {"_COVCAT_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words)}
    environ["COMP_CWORD"] = str(len(words) - 1)
    complete.join_words(environ)
    assert environ["COMP_WORDS"].split("\n") == joined
    assert environ["COMP_CWORD"] == str(len(joined) - 1)
    assert environ.get("_COVCAT_CUT") == cut


@pytest.mark.parametrize("environ", [{}, {"COMP_WORDS": "covcat", "COMP_CWORD": "x"}])
def test_what_is_not_bash_is_left_alone(environ: dict[str, str]) -> None:
    before = {**environ, "_COVCAT_COMPLETE": "complete_bash"}
    after = dict(before)
    complete.join_words(after)
    assert after == before


Keys = Callable[[str], list[str]]


@pytest.fixture
def tab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keys:
    """What the shell is offered for the last word of a line."""

    def offered(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_COVCAT_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        monkeypatch.setattr(sys, "argv", ["covcat"])
        with pytest.raises(SystemExit):
            main.main()
        monkeypatch.delenv("_COVCAT_COMPLETE")
        return capsys.readouterr().out.split()

    return offered


def test_ones_own_catalog_is_completed_and_a_broken_one_is_no_traceback(
    shelf, tab: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add_web("mine", "data.zip", unpack="zip")
    monkeypatch.setenv("COVCAT_CATALOG", str(shelf.folder))
    assert tab("covcat fetch min") == ["mine"]
    (shelf.folder / "bad.yaml").write_text("id: [")
    assert tab("covcat fetch min") == []
    assert tab("covcat fetch cohe") == ["cohen"]


ON_DISK = [
    *("counts", "images", "lock", "manifest export", "manifest show"),
    *("path", "remove", "select", "split", "verify"),
]


@pytest.mark.parametrize("command", ON_DISK)
def test_what_works_with_the_data_that_is_here_offers_that(
    command: str, tab: Keys, covcat, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tab(f"covcat {command} ") == []
    covcat("fetch", "sample", "-q")
    covcat("fetch", "sample", "-q", "--data-dir", "other")
    Path("other/sample").rename("other/figure1")
    assert tab(f"covcat {command} ") == ["sample"]
    assert tab(f"covcat {command} sample@") == ["sample@1"]
    assert tab(f"covcat --data-dir other {command} ") == ["figure1"]
    Path("covcat.toml").write_text('data-dir = "other"\n')
    assert tab(f"covcat {command} ") == ["figure1"]
    monkeypatch.setenv("COVCAT_DATA_DIR", "covcat-data")
    assert tab(f"covcat {command} ") == ["sample"]


def test_what_waits_for_the_rest_can_be_removed(tab: Keys) -> None:
    waiting = Path("covcat-data/.covcat/partial/covid-ct@latest/0123")
    waiting.mkdir(parents=True)
    (waiting / "a.zip").write_bytes(b"x")
    assert tab("covcat remove ") == ["covid-ct"]
    assert tab("covcat remove covid-ct@") == ["covid-ct@latest"]
    assert tab("covcat verify ") == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("covcat ver", ["verify"]),
        (
            "covcat show co",
            [
                *("cohen", "cord-19", "covid-net", "covid-ct", "coronacases", "covid-blues"),
                *("covid-cxnet", "covidnet-ct", "covid-19-ar", "covid-19-ny-sbu"),
                *("covid-ctset", "covid-ct-md"),
            ],
        ),
        ("covcat list --modality ", ["ct", "xray", "mri", "ultrasound"]),
        ("covcat list --has c", ["case-review"]),
        ("covcat list --license-allows d", ["derivatives"]),
        ("covcat list --access b", ["browse"]),
        ("covcat show cohen --format ", ["text", "json", "schema.org"]),
        ("covcat status --format ", ["table", "tsv", "csv", "json", "yaml", "ids"]),
        ("covcat files figure1 --format y", ["yaml"]),
        ("covcat images --format p", ["parquet"]),
        ("covcat images --columns path,vi", ["path,view"]),
        ("covcat images --view Late", ["Lateral"]),
        ("covcat images --finding COV", ["COVID-19"]),
        ("covcat select --license-allows c", ["commercial"]),
        ("covcat counts --sex ", ["F", "M"]),
        ("covcat images --one-per ", ["patient", "subject", "picture", "series"]),
        ("covcat --color a", ["auto", "always"]),
        ("covcat fetch --require ", ["any", "pinned", "host"]),
        ("covcat verify --progress j", ["json"]),
        ("covcat fetch --license CC0-m", ["CC0-mixed"]),
        ("covcat counts --by vi", ["view"]),
        ("covcat cite cohen --format r", ["ris"]),
        ("covcat manifest export --format b", ["bagit"]),
        ("covcat extract --format t", ["table", "tsv"]),
    ],
)
def test_commands_ids_and_the_words_of_an_option_are_offered_and_no_file_names(
    tab: Keys, line: str, offered: list[str]
) -> None:
    assert tab(line) == offered


def test_a_list_of_columns_is_gone_on_with(tab: Keys) -> None:
    assert "path" not in complete.columns("path,pa")
    assert "PA" in complete.terms("views")("P")


# Options whose values no list has: a new option is here, or offers something to the Tab key.
FREE = {
    "export --of",  # a file or folder
    *("--data-dir", "--catalog", "--mirror", "--engine", "--output", "--from", "--at", "--with"),
    *("--password-file", "--include", "--exclude", "--slice", "--site", "--nested", "--where"),
    *("--age", "--name-encoding"),
    *("--sample", "--jobs", "--retries", "--timeout", "--limit-rate", "--max-bytes"),
    *("--max-files", "--older-than", "--checkpoint", "--pause", "--slow", "--shares", "--seed"),
    *("--lock", "--pictures", "--level", "--shard", "report --of"),  # `counts --of` has a list
}


def options_with_values() -> list[tuple[str, str]]:
    found, waiting = [], [("", get_command(main.app()))]
    for name, command in waiting:
        waiting += [(f"{name} {one}", its) for one, its in getattr(command, "commands", {}).items()]
        found += [
            (name, max(option.opts, key=len))
            for option in command.params
            if option.param_type_name == "option" and not (option.is_flag or option.count)
        ]
    return found


@pytest.mark.parametrize(("command", "option"), options_with_values())
@pytest.mark.large
def test_every_option_offers_its_values_where_there_is_a_list_of_them(
    command: str, option: str, tab: Keys
) -> None:
    is_free = bool({option, f"{command} {option}".strip()} & FREE)
    assert bool(tab(f"covcat{command} {option} ")) == (not is_free)


def test_the_licences_that_are_offered_are_those_of_the_catalog(tab: Keys, covcat) -> None:
    listed = covcat("list", "--json").document["data"]["resources"]
    assert len(tab("covcat list --license ")) >= 10
    assert all(
        any(name.casefold() in one["license"].casefold() for one in listed)
        for name in tab("covcat list --license cc")
    )
