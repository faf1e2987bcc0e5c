"""A record's rows that are as `write` writes usual ones are matched: the same as when parsed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from covcat.catalog import load
from covcat.files import StoredFile
from covcat.seal import parse_record
from covcat.store import manifest
from covcat.store.usual_files import usual_files

NAMES = ("a.png", "b/c d (1).PNG", "b/+=@#~,-.png")


def record(tmp_path: Path, names: tuple[str, ...]) -> bytes:
    resource, release = load.load().find("figure1")
    assert release is not None
    digits = "0123456789abcdef" * 4
    files = [
        StoredFile(path=f"files/{name}", bytes=number, sha256=digits)
        for number, name in enumerate(names)
    ]
    manifest.write(tmp_path, manifest.made(resource, release, (), files, (), "files"))
    return manifest.raw(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no name is usual there")
def test_usual_rows_say_what_parsing_says(tmp_path: Path) -> None:
    data = record(tmp_path, NAMES)
    rows = json.loads(data)["files"]
    expected = [(row["path"], str(row["bytes"]), row["sha256"]) for row in rows]
    assert usual_files(data) == expected


@pytest.mark.parametrize("name", ["ä.png", 'a"b.png', "a\\b.png", "a\nb.png", "it's.png", "a/../b"])
def test_a_name_that_is_not_usual_is_left_to_the_parser(name: str, tmp_path: Path) -> None:
    assert usual_files(record(tmp_path, (*NAMES, name))) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'},\n  {"path": "files/b', b'}\n  {"path": "files/b'),
        (b"\n ]\n}\n", b"\n ]\n"),
        (b"\n ]\n}\n", b',\n  {"path": "../x"}\n ]\n}\n'),
        (b'"lfs": false}', b'"lfs": 0}'),
        (b'{"path": "files/a', b'{"path": "x", "path": "files/a'),
        (b'"bytes": 0', b'"bytes": 00'),
    ],
)
def test_rows_that_were_edited_are_left_to_the_parser(before, after, tmp_path: Path) -> None:
    data = record(tmp_path, NAMES)
    assert before in data
    assert usual_files(data.replace(before, after, 1)) is None


SOUND = ("indented", "on one line", "as written")
ODD: dict[str, Callable[[str], str]] = {  # what may be done to a record, or happen to it
    "indented": lambda text: json.dumps(json.loads(text), indent=1),
    "on one line": lambda text: json.dumps(json.loads(text)),
    "files twice": lambda text: text.replace(' "covcat"', ' "files": [\n ],\n "covcat"'),
    "a key twice": lambda text: text.replace('"bytes": 7', '"bytes": 7, "bytes": 7'),
    "no comma between parts": lambda text: _at(text, 1000, lambda row: row.removesuffix(",")),
    "no comma": lambda text: _at(text, 3, lambda row: row.removesuffix(",")),
    "a comma too many": lambda text: text.replace("\n ]\n", ",\n ]\n"),
    "another type": lambda text: text.replace('"bytes": 7,', '"bytes": "7",'),
    "an unknown key": lambda text: text.replace('"lfs"', '"other": 1, "lfs"', 1),
    "two rows in one": lambda text: _at(text, 5, lambda row: f"{row[:-1]}], [{row.strip()}"),
    "cut": lambda text: text[:-20],
    "as written": lambda text: text,
}


def _at(text: str, number: int, change: Callable[[str], str]) -> str:
    head, files, rows = text.partition(' "files": [\n')
    lines = rows.split("\n")
    lines[number - 1] = change(lines[number - 1])
    return head + files + "\n".join(lines)


@pytest.mark.parametrize("case", ODD)
def test_a_record_that_is_parsed_part_by_part_is_the_same_as_a_whole(
    case: str, tmp_path: Path
) -> None:
    text = record(tmp_path, tuple(f"{number:05}" for number in range(2005))).decode()
    data = ODD[case](text).encode()
    assert case == "as written" or data != text.encode()

    def tried(parse: Callable[[], object]) -> object:
        try:
            return parse()
        except ValueError as error:
            return str(error)

    whole = tried(lambda: parse_record("x", data, manifest.Manifest, manifest.SCHEMA))
    assert tried(lambda: manifest.parsed("x", data)) == whole
    assert isinstance(whole, str) is (case not in SOUND)
