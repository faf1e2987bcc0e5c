"""docs/json.md: every key that a command prints with --json is on it, and no other."""

import html
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from makers.covidx import put_sets
from makers.runs import Ran
from servers.hosts import World

from covcat.catalog.columns import COLUMNS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import make_commands  # noqa: E402 -- the script knows the commands

HEAD, *SECTIONS = (ROOT / "docs/json.md").read_text(encoding="utf-8").split("\n## covcat ")
PAGE = {  # the rows of each command: key, type, meaning
    text.partition("\n")[0]: re.findall(
        r"^\| `(.+?)` \| (.+?) \| (.+) \|$", html.unescape(text), re.M
    )
    for text in SECTIONS
}
COMMANDS = sorted(n for n, one in make_commands.commands() if not make_commands.is_group(one))
ARCHIVE = "covcat-data/sample/1/archives/sample-1.zip"
LINES = {  # each more or less what a reader of the page would try first
    "cache list": ["cache list"],
    "cache prune": ["cache prune --archives --dry-run"],
    "catalog check": ["catalog check"],
    "catalog draft": ["catalog draft zenodo:3757476"],
    "catalog schema": [],  # a schema of its own
    "cite": ["cite cohen sirm"],
    "counts": ["counts sample --by finding", "counts covid-net --published"],
    "doctor": ["doctor"],
    "export": ["export new-folder sample --for csv"],
    "extract": [f"extract {ARCHIVE} new", f"extract {ARCHIVE} --list"],
    "fetch": ["fetch sample", "fetch sample cohen --dry-run", "fetch cohen --offline"],
    "files": ["files figure1", "files medseg", "files midrc-ricord-1b"],
    "images": ["images sample", "images sample --output new.csv", "images sample --paths"],
    "import": [f"import sample {ARCHIVE}"],
    "license": ["license", "license cohen --accept", "license cohen v7"],
    "links": ["links sample"],
    "list": ["list", "list --survey"],
    "lock": ["lock", "lock --check", "lock --check --data-dir empty"],
    "manifest export": ["manifest export sample"],
    "manifest show": ["manifest show"],
    "outdated": ["outdated --data-dir damaged"],
    "overlap": [
        "overlap sample --with covcat-data/sample/1/files --pairs",
        "overlap sample --output new.json",
    ],
    "path": ["path sample"],
    "paths": ["paths"],
    "pull": ["pull copies"],
    "push": ["push copies"],
    "remove": ["remove sample --dry-run"],
    "report": ["report sample", "report --site site"],
    "search": ["search ct"],
    "select": ["select sample"],
    "split": ["split sample --shares train=0.5,test=0.5"],
    "split check": ["split check split"],
    "show": [],  # below: no resource has all keys
    "status": ["status", "status --report"],
    "verify": ["verify", "verify --quick", "verify --repair"],
}
DEEP = {  # objects whose keys are not covcat's, or are explained on another page
    *("cite [].fields", "catalog draft contents", "catalog draft releases"),
    *("catalog draft left_out", "counts counts", "manifest export content"),
    *("select left_out", "select gone", "export sides", "export left_out", "split shares"),
    *("split sides", "split balance[].counts"),
    *("split check sides", "split check matched"),
    *("license license", "license accepted", "license images"),
    *("counts releases[].tables", "counts ways"),
}


@pytest.fixture
def printed(covcat: Callable[..., Ran], world: World) -> Callable[[str], Any]:
    """Run a line with the sample here; return the document."""
    covcat("fetch", "sample", "--keep-archives", "-q")
    covcat("lock", "-q")
    covcat("verify", "-q")
    covcat("push", "copies", "-q")
    Path("empty").mkdir()
    Path("damaged/sample/1").mkdir(parents=True)
    Path("damaged/sample/1/manifest.json").write_text("{")
    covcat("split", "sample", "--shares", "50,50", "--output", "split", "--as", "copies", "-q")
    shutil.copyfile(next(Path("split/train").rglob("*.png")), "split/test/copy.png")
    world.zenodo.add("3757476", {"a.zip": b"data"}, version="2")
    waiting = Path("covcat-data/.covcat/partial/covid-ct@latest/0123")
    waiting.mkdir(parents=True)
    (waiting / "a.zip").write_bytes(b"x")

    def document_of(line: str) -> Any:
        if "covid-net" in line:
            put_sets()
        return covcat(*line.split(), "--json", mirror=world.url).document

    return document_of


def paths(name: str, value: Any, before: str = "", depth: int = 0) -> Iterator[str]:
    """The keys of what a command prints, as the page writes them; nested once."""
    if isinstance(value, list):
        for one in value:
            yield from paths(name, one, f"{before}[]", depth)
    elif isinstance(value, Mapping) and depth < 2 and f"{name} {before.rstrip('[]')}" not in DEEP:
        for key, one in value.items():
            path = f"{before}.{key}" if before else key
            yield path
            yield from paths(name, one, path, depth + 1)


def keys(command: str) -> list[str]:
    return [key for key, _, _ in PAGE[command]]


def test_the_page_explains_the_columns_of_an_image() -> None:
    types = {"text": "text or null", "integer": "number or null", "number": "number or null"}
    explained = [row for row in PAGE["images"] if row[0].startswith("images[].")]
    assert explained == [
        (f"images[].{one.name}", types[one.type], f"{one.meaning[:1].upper()}{one.meaning[1:]}.")
        for one in COLUMNS
    ]


def test_every_command_is_on_the_page_and_tried_here() -> None:
    assert list(PAGE) == COMMANDS
    assert sorted(LINES) == COMMANDS


@pytest.mark.parametrize("name", [name for name in COMMANDS if LINES[name]])
def test_the_page_has_the_keys_that_a_command_prints_and_no_other(
    name: str, printed: Callable[[str], Any]
) -> None:
    found: dict[str, None] = {}
    for line in LINES[name]:
        document = printed(line)
        assert document["schema"] == f"covcat.{name.replace(' ', '-')}/1"
        found |= dict.fromkeys(paths(name, document["data"]))
    on_page = keys(name)
    assert len(on_page) == len(set(on_page))
    assert sorted(on_page) == sorted(set(found) | SELDOM.get(name, set()))


# What the sample does not come to: a damaged record, files that are missing, an address asked.
SELDOM = {
    "status": {*("here[].overlap_at", "here[].overlap_with", "here[].overlap_pictures")},
    "verify": {"verified[].error", "verified[].known_missing"},
    "cite": {"[].accessed"},
    "overlap": {
        *("claims[].a", "claims[].b", "claims[].status", "claims[].shared"),
        *("claims[].claimed", "claims[].reason", "conflicts[].kind", "conflicts[].picture"),
        *("conflicts[].rows", "conflicts[].rows[].picture", "conflicts[].rows[].says"),
    },
}


def test_the_page_has_the_keys_of_every_resource(printed: Callable[[str], Any]) -> None:
    ids = [one["id"] for one in printed("list --all")["data"]["resources"]]
    found = {key for id in ids for key in printed(f"show {id}")["data"]}
    found |= set(printed("show sample:images/synthetic-01-0-pa.png")["data"])
    assert sorted(keys("show")) == sorted(found)


@pytest.mark.parametrize(
    "line",
    ["show nosuch", "fetch radiopaedia nosuch", "fetch cohen sirm --offline", "catalog check x"],
)
def test_the_page_has_the_keys_of_an_error(printed: Callable[[str], Any], line: str) -> None:
    document = printed(line)
    assert set(document) == {"schema", "ok", "data", "error"}
    named = {f"error.{key}" for key in document["error"]}
    assert named >= {"error.code", "error.kind", "error.message", "error.hint"}
    assert all(f"`{key}`" in HEAD for key in named)
