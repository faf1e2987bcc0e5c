"""A record's rows that are as `write` writes usual ones are matched: the same as when parsed."""

import json
import sys
from pathlib import Path

import pytest

from covcat.catalog import load
from covcat.files import StoredFile
from covcat.store import manifest

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
    assert manifest.usual_files(data) == expected


@pytest.mark.parametrize("name", ["ä.png", 'a"b.png', "a\\b.png", "a\nb.png", "it's.png", "a/../b"])
def test_a_name_that_is_not_usual_is_left_to_the_parser(name: str, tmp_path: Path) -> None:
    assert manifest.usual_files(record(tmp_path, (*NAMES, name))) is None


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
    assert manifest.usual_files(data.replace(before, after, 1)) is None
