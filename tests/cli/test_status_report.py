"""`covcat status --report` says in Markdown what is here, to be pasted into a chat or a wiki."""

import json
import re
from pathlib import Path

import pytest
from makers.laid import DATA, lay
from makers.releases import Shelf

from covcat.catalog import load
from covcat.cli.status_report import code, plain

FILES = {"a.png": b"made up"}


def table(text: str, title: str) -> list[list[str]]:
    """The rows of a section, without its heads."""
    section = text.split(f"## {title}\n\n")[1].split("\n\n")[0]
    return [re.split(r" (?<!\\)\| ", line[2:-2]) for line in section.splitlines()[2:]]


def put(shelf: Shelf, id: str, title: str = "A made-up set") -> Path:
    shelf.add_web(id, "a.bin")
    path = shelf.folder / f"{id}.yaml"
    text = path.read_text().replace("title: A made-up set", f"title: {json.dumps(title)}")
    path.write_text(text)
    return lay(load.load([shelf.folder]).find(f"{id}@1"), FILES)


def test_it_tells_what_is_here_if_it_is_intact_and_what_one_may_do_with_it(covcat, shelf) -> None:
    put(shelf, "set")
    put(shelf, "another")
    (DATA / "set/1/files/a.png").write_bytes(b"changed")
    assert covcat("verify", "another").code == 0
    assert covcat("verify", "set").code == 5
    text = covcat("status", "--report").out
    assert "2 releases: 1 verified and as fetched, 0 never verified, 1 to look at." in text
    here = table(text, "What is here")
    assert [row[0] for row in here] == ["`another@1`", "`set@1`"]
    assert here[0][1:6] == ["A made-up set", "CT", "as brought", "1", "7 B"]
    intact = table(text, "Is it intact")
    assert [row[3] for row in intact] == ["ok: every file hashed", "differs"]
    assert table(text, "Licences")[0] == ["`another`", "CC-BY-4.0", "yes", "yes", "yes", "no"]
    assert table(text, "Disk")[0] == ["releases", "2", "14 B"]


def test_what_waits_is_told_with_the_command_that_goes_on(covcat, shelf) -> None:
    put(shelf, "set")
    waiting = DATA / ".covcat/partial/cohen@0.1/0123"
    waiting.mkdir(parents=True)
    (waiting / "a.zip").write_bytes(b"xyz")
    text = covcat("status", "--report").out
    assert "- `cohen@0.1`: 1 file, 3 B; covcat fetch cohen\\@0.1 goes on" in text
    assert ", and 1 unfinished." in text


def test_a_damaged_release_is_to_be_looked_at(covcat, shelf) -> None:
    put(shelf, "set")
    (DATA / "set/1/manifest.json").write_text("{")
    text = covcat("status", "--report").out
    assert table(text, "What is here")[0][3:6] == ["damaged", "unknown", "unknown"]
    assert "## To look at\n\n- `set@1`: " in text


@pytest.mark.parametrize("columns", ["40", "300"])
def test_its_lines_do_not_depend_on_the_terminal(
    covcat, shelf, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    put(shelf, "set", "A title " * 30)
    first = covcat("status", "--report").out
    monkeypatch.setenv("COLUMNS", columns)
    assert covcat("status", "--report").out.replace("GB", "") == first.replace("GB", "")


HOSTILE = {
    "a cell's end": ("a | b", "a \\| b"),
    "HTML": ("<script>x</script>", "\\<script\\>x\\</script\\>"),
    "a link": ("[a](http://b)", "\\[a\\](http\\://b)"),
    "a picture": ("![a](b)", "\\!\\[a\\](b)"),
    "stress": ("*a* _b_ ~c~", "\\*a\\* \\_b\\_ \\~c\\~"),
    "code": ("a `b`", "a \\`b\\`"),
    "a mark of its own": ("a\\|b", "a\\\\\\|b"),
    "somebody's name": ("@all", "\\@all"),
    "an address": ("www.example.org", "www\\.example.org"),
    "an entity": ("&lt;", "\\&lt;"),
    "a new line": ("a\nb", "a\\\\nb"),
    "from right to left": ("a\u202eb", "a\\\\u202eb"),
    "plain": ("COVID-19 (2020): 3,000 films", "COVID-19 (2020): 3,000 films"),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_text_is_shown_as_text(text: str, expected: str) -> None:
    assert plain(text) == expected


CODES = {"a`b": "``a`b``", "`": "`` ` ``", "a``b`": "``` a``b` ```", "a|b": "`a|b`"}


@pytest.mark.parametrize(("text", "expected"), CODES.items())
def test_what_is_copied_is_shown_as_it_is(text: str, expected: str) -> None:
    assert code(text) == expected


def test_a_hostile_title_stays_in_its_cell(covcat, shelf) -> None:
    put(shelf, "set", "a | b </td>\n# c <img src=x onerror=y>")
    (row,) = table(covcat("status", "--report").out, "What is here")
    assert len(row) == 8
    assert row[1] == "a \\| b \\</td\\>\\\\n\\# c \\<img src=x onerror=y\\>"


def test_it_takes_no_format_and_prints_a_document_with_json(covcat, shelf) -> None:
    put(shelf, "set")
    assert covcat("status", "--report", "--format", "csv").code == 2
    data = covcat("status", "--report", "--json").document["data"]
    assert data["report"].startswith("# Imaging data in `covcat-data`\n")
    assert data["here"][0]["id"] == "set@1"
