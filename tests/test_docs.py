"""What the documents say of the code is so."""

import ast
import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from covcat.catalog import check, entries, files

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


NOUNS = [
    noun
    for module in (entries, files)
    for noun in vars(module).values()
    if isinstance(noun, type) and is_dataclass(noun) and noun.__module__ == module.__name__
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_key_of_the_catalog_is_explained(noun: type) -> None:
    text = read("docs/catalog.md")
    missing = [one.name for one in fields(noun) if f"`{one.name}`" not in text]
    assert missing == []


def test_the_layers_are_those_that_are_checked() -> None:
    contract = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    drawn = re.search(r"```\n(cli >.*?)```", read("docs/how-it-flows.md"), re.S)
    assert drawn
    assert " ".join(drawn[1].split()) == " > ".join(contract["layers"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda path: path.stem[:4]
)
def test_a_decision_has_at_most_20_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 20
    assert all(part in text for part in ("Situation", "Decision", "Price"))


def test_the_template_explains_itself_and_only_waits_for_facts(tmp_path: Path) -> None:
    entry = tmp_path / "newset.yaml"
    entry.write_text(read("catalog/_template.yaml"), encoding="utf-8")
    mistakes = check.check_file(entry)
    assert mistakes
    assert not [one for one in mistakes if "unknown key" in one or "is missing" in one]


def test_the_changelog_names_this_version() -> None:
    from covcat.version import __version__

    assert f"## [{__version__}]" in read("CHANGELOG.md")
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == __version__


def test_no_source_file_is_longer_than_400_lines() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in (ROOT / "src").rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_no_function_is_longer_than_40_lines() -> None:
    """A docstring is the contract, not the story; the signature of a command is its help."""
    long = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                told = node.body[0].end_lineno if ast.get_docstring(node) else None
                contract = told - node.body[0].lineno + 1 if told else 0
                is_command = path.parent.name == "cli"
                first = (told or node.body[0].lineno - 1) + 1 if is_command else node.lineno
                count = (node.end_lineno or first) - first + 1 - (0 if is_command else contract)
                if count > 40:
                    long.append(f"{path.relative_to(ROOT / 'src')} {node.name}: {count}")
    assert not long, "\n".join(long)


def test_each_class_has_a_name_of_its_own() -> None:
    named: dict[str, list[str]] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                place = path.relative_to(ROOT / "src").as_posix()
                named.setdefault(node.name.lstrip("_"), []).append(place)
    assert {name: places for name, places in named.items() if len(places) > 1} == {}


def test_readme_and_the_package_name_the_same_systems() -> None:
    rows = re.findall(
        r"^\| (Linux|macOS|Windows) \| 3\.(\d+) to 3\.(\d+) \|", read("README.md"), re.M
    )
    known = tomllib.loads(read("pyproject.toml"))["project"]["classifiers"]
    names = {"Linux": "POSIX :: Linux", "macOS": "MacOS", "Windows": "Microsoft :: Windows"}
    said = {f"Operating System :: {names[system]}" for system, _, _ in rows}
    for _, first, last in rows:
        versions = range(int(first), int(last) + 1)
        said |= {f"Programming Language :: Python :: 3.{one}" for one in versions}
    assert said == set(known)
