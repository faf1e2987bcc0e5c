"""Locales whose encoding is not UTF-8: names on disk are UTF-8 all the same."""

import gzip
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from makers.archives import tar_of, zip_of
from makers.rars import rar4_of, rar5_of
from makers.runs import tree_on_disk
from makers.seven_zips import seven_zip_of
from servers.server import Answer

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "C": {"LC_ALL": "C"},
    "C-and-nothing-done-about-it": ASCII,
    "POSIX": {**ASCII, "LC_ALL": "POSIX"},
    "none": {"LC_ALL": "", "LANG": "", "LC_CTYPE": "", "PYTHONUTF8": "0"},
    "one-that-is-not-there": {**ASCII, "LC_ALL": "xx_YY.ISO-8859-1"},
}
FILES = {"Ä.png": b"x" * 100, "d/ß肺.png": b"y" * 50}
ARCHIVES = {
    "a.zip": zip_of(FILES),
    "a.tar": tar_of(FILES),
    "a.tar.gz": tar_of(FILES, "gz"),
    "a.7z": seven_zip_of(FILES),
    "stored.rar": rar5_of(FILES),
    "packed.rar": rar5_of(FILES, packed=True),
    "old.rar": rar4_of(FILES, packed=True),
}


def ran(
    *args: str, env: Mapping[str, str] = ASCII, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, *options, "-m", "covcat", *args]
    return subprocess.run(command, env={**kept, **env}, capture_output=True, check=False)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_any_format_keeps_its_names_in_ascii(name: str) -> None:
    Path(name).write_bytes(ARCHIVES[name])
    done = ran("extract", name, "out")
    assert done.returncode == 0, done.stderr
    assert tree_on_disk(Path("out")) == FILES


@pytest.mark.parametrize("env", LOCALES.values(), ids=LOCALES)
def test_an_archive_keeps_its_names_in_any_locale(env: Mapping[str, str]) -> None:
    Path("Ä.csv.gz").write_bytes(gzip.compress(b"1"))
    done = ran("extract", "Ä.csv.gz", "肺", env=env)
    assert done.returncode == 0, done.stderr
    assert tree_on_disk(Path("肺")) == {"Ä.csv": b"1"}


def test_a_release_is_fetched_and_verified_in_ascii(shelf, server) -> None:
    data = ARCHIVES["a.zip"]
    server.serve("/data.example.org/a.zip", Answer(data))
    shelf.add_pinned("set", {"a.zip": data})
    options = ("--catalog", str(shelf.folder), "--mirror", server.url)
    assert ran("fetch", "set", *options).returncode == 0
    assert ran("verify", "set", *options).returncode == 0
    assert tree_on_disk(Path("covcat-data/set/1/files")) == FILES


def test_what_is_printed_stays_in_the_encoding_of_the_locale() -> None:
    Path("a.zip").write_bytes(ARCHIVES["a.zip"])
    done = ran("extract", "--list", "a.zip")
    assert done.stdout == b"path\tbytes\n\\xc4.png\t100\nd/\\xdf\\u80ba.png\t50\n"
    assert done.stderr.isascii()
    assert ran("fetch", "Ä").returncode == 3


def test_a_python_that_keeps_to_the_locale_is_blamed_and_not_the_archive() -> None:
    Path("a.zip").write_bytes(ARCHIVES["a.zip"])
    done = ran("extract", "a.zip", "out", options=("-X", "utf8=0"))
    assert done.returncode == 8
    assert b"error: the locale has names of files in ascii: expected UTF-8" in done.stderr
    assert b"hint: LC_ALL=C.UTF-8 covcat" in done.stderr
    assert [one.name for one in Path().iterdir() if "out" in one.name or "covcat" in one.name] == []
