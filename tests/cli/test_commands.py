"""docs/commands.md is what the commands say of themselves, and each of its examples runs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Stock
from makers import rars
from makers.releases import Shelf
from servers.bucket import Buckets

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import make_commands  # noqa: E402 -- the script is the thing that is tested

COMMANDS = [
    (name, one) for name, one in make_commands.commands() if not make_commands.is_group(one)
]
EXAMPLES = [(name, line) for name, one in COMMANDS for line in make_commands.examples(one)]

# What cannot run here, and why. Nothing else may be left out.
CANNOT_RUN: dict[str, str] = {}

# Another exit code than 0 is right here, where every homepage of the catalog is missing.
EXITS = {"links": 5}


@dataclass(frozen=True)
class Sandbox:
    """A folder with what the examples speak of, and how covcat runs in it."""

    folder: Path
    env: dict[str, str]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as a shell does; nothing of it may fail unseen."""
        command = ["bash", "-o", "pipefail", "-c", f"set -e; {line}"]
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60
        )


@pytest.fixture(scope="module")
def buckets() -> Iterator[Buckets]:
    """A bucket of the name that examples have."""
    with (made := Buckets("bucket")).loopback:
        yield made


@pytest.fixture(scope="module")
def prepared(stock: Stock, buckets: Buckets, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """What examples name: releases that are here, archives, a catalog of one's own."""
    folder = tmp_path_factory.mktemp("examples")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COVCAT_")}
    bin = Path(sys.executable).parent
    env = {
        **kept,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "COVCAT_MIRROR": stock.world.url,
        "COVCAT_CATALOG": str(stock.catalog),
        "COVCAT_PAUSE": "0",
        "AWS_ENDPOINT_URL": buckets.url,
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
    }
    box = Sandbox(folder, env)
    (folder / "Downloads").mkdir()
    archive = stock.filled["kermany@kaggle-2"].served["archive.zip"]
    (folder / "Downloads/archive.zip").write_bytes(archive)
    (folder / "P001.rar").write_bytes(rars.rar5_of({"P001/0001.dcm": b"synthetic"}))
    Shelf(folder / "my-catalog").add_web("newset", "data.zip", unpack="zip")
    (folder / "catalog").mkdir()
    (folder / "train.txt").write_text("1 one.png pneumonia cohen\n")
    (folder / "test.txt").write_text("2 two.png COVID-19 cohen\n")
    steps = ["covcat fetch sample cohen figure1 v7 -q", "covcat push s3://bucket/imaging figure1"]
    steps += ["covcat links sample --json > last.json"]
    if "lock" in dict(COMMANDS):
        steps.append("covcat lock figure1")
    for step in steps:
        ran = box.run(step)
        assert ran.returncode in (0, 5), (step, ran.stderr)
    return box


def test_the_page_is_what_the_script_prints() -> None:
    written = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert written == make_commands.page(), "run `make docs`"


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_command_has_a_purpose_an_example_and_exit_codes(name: str) -> None:
    command = dict(COMMANDS)[name]
    assert make_commands.help_of(command)
    assert make_commands.examples(command), "its docstring lacks `Example: covcat …`"
    assert name in make_commands.EXITS, "scripts/make_commands.py lacks its exit codes"


def test_every_option_and_argument_says_what_it_is() -> None:
    silent = [
        f"{name} {one.name}"
        for name, command in COMMANDS
        for one in command.params
        if not one.hidden and not one.help
    ]
    assert silent == []


def test_every_link_on_the_page_leads_to_a_section() -> None:
    page = make_commands.page()
    headings = {line[3:].replace(" ", "-") for line in page.splitlines() if line[:3] == "## "}
    assert set(re.findall(r"\(#([^)]+)\)", page)) <= headings


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
@pytest.mark.large
def test_an_example_runs(name: str, line: str, prepared: Sandbox, tmp_path: Path) -> None:
    if line in CANNOT_RUN:
        pytest.skip(CANNOT_RUN[line])
    folder = tmp_path / "box"
    shutil.copytree(prepared.folder, folder)
    if name in ("fetch", "import", "pull"):  # else there is nothing to do
        shutil.rmtree(folder / "covcat-data/figure1")
    box = Sandbox(folder, {**prepared.env, "HOME": str(folder)})
    ran = box.run(line)
    assert ran.returncode == EXITS.get(name, 0), ran.stderr
    assert "Traceback" not in ran.stderr
    assert name.split()[0] in line


def test_what_is_left_out_is_an_example() -> None:
    assert set(CANNOT_RUN) <= {line for _, line in EXAMPLES}


def test_the_picture_shows_what_the_commands_print_today() -> None:
    import make_picture

    def words(svg: str) -> list[str]:  # another rich may draw the same text in other frames
        texts = re.findall(r"<text [^>]*>(.*?)</text>", svg)
        return [word for text in texts for word in text.replace("&#160;", " ").split()]

    drawn = (ROOT / "docs/terminal.svg").read_text(encoding="utf-8")
    assert words(drawn) == words(make_picture.picture()), "run `make docs`"
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", drawn)  # it asks no server for anything
