"""The core of covcat on Windows: `makers/windows.py` takes from it what that system lacks."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from makers import windows
from makers.archives import REPOSITORY, zip_of
from makers.releases import Shelf
from makers.runs import Ran, tree_on_disk
from makers.said import check_said
from servers.server import Server

Run = Callable[..., Ran]


@pytest.fixture
def on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run covcat, or with `code` some Python, in a process that is on Windows as covcat sees it."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, code: str = "") -> Ran:
        command = [sys.executable, windows.__file__, *(["-c", code] if code else args)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    return run


def test_the_pretence_takes_away_what_windows_lacks(on_windows: Run) -> None:
    """Else nothing below could fail."""
    tried = (
        "import fcntl",
        "os.geteuid()",
        "os.O_NOFOLLOW",
        "os.open('.', 0)",
        "os.rename('a', 'b')",
    )
    lines = "".join(
        f"try: {one}\nexcept Exception as error: print(type(error).__name__)\n" for one in tried
    )
    ran = on_windows(code=f"import os; held = open('a', 'w')\n{lines}")
    assert ran.out.split() == [
        "ModuleNotFoundError",
        "AttributeError",
        "AttributeError",
        "PermissionError",
        "PermissionError",
    ]


def test_a_set_is_fetched_looked_at_and_removed(on_windows: Run, tmp_path: Path) -> None:
    for command, said in (
        ("list --format ids", "cohen"),
        ("show sample", "Synthetic sample"),
        ("fetch sample --keep-archives", "sample/1/files"),
        ("verify", ""),
        ("status", "complete"),
        ("images sample --format csv", "synthetic-01-0-pa.png"),
        ("counts sample --by finding", "COVID-19"),
        ("select sample --covid yes -o cohort", ""),
        ("lock", "covcat.lock"),
        ("fetch --locked", "sample/1/files"),
        ("path sample", "sample"),
        ("manifest export sample --format bagit -o bag", ""),
        ("extract covcat-data/sample/1/archives/sample-1.zip out", "out"),
        ("doctor", "covcat"),
        ("cache prune", ""),
        ("remove sample --yes", ""),
    ):
        ran = on_windows(*command.split())
        assert ran.code == 0, f"{command}: {ran.err}"
        assert said in ran.out, command
    assert len(tree_on_disk(tmp_path / "out")) == 15
    assert tree_on_disk(tmp_path / "covcat-data" / "sample") == {}
    left = [one for one in tmp_path.rglob("*") if one.name.startswith(".covcat-")]
    assert left == []


@pytest.mark.usefixtures("offered")
def test_a_set_comes_from_a_host_and_is_mended(
    on_windows: Run, shelf: Shelf, server: Server, tmp_path: Path
) -> None:
    options = ["--catalog", str(shelf.folder), "--mirror", server.url]
    check_said(on_windows("fetch", "set", *options), 0)
    files = tmp_path / "covcat-data" / "set" / "1" / "files"
    assert tree_on_disk(files) == REPOSITORY
    (files / "README.md").write_bytes(b"damaged")
    assert on_windows("verify", "set", *options).code == 5
    check_said(on_windows("verify", "set", "--repair", *options), 0)
    assert tree_on_disk(files) == REPOSITORY
    assert not list((tmp_path / "covcat-data" / ".covcat" / "parts").iterdir())


def test_python_fetches_too(on_windows: Run) -> None:
    code = "import covcat; print(covcat.fetch('sample')); print(len(covcat.images('sample')))"
    ran = on_windows(code=code)
    assert (ran.code, ran.out.split()) == (0, ["covcat-data/sample/1/files", "12"]), ran.err


@pytest.mark.parametrize("name", ["CON.png", "12:30.png", "a ./b.png"])
def test_an_archive_with_a_name_that_windows_cannot_hold_is_refused(
    on_windows: Run, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of({"one.png": b"1", name: b"2"}))
    check_said(on_windows("extract", "a.zip", "out"), 6, f"because of `{name}`: Windows")
    assert not (tmp_path / "out").exists()


def test_rar_is_refused_with_what_to_do(on_windows: Run, tmp_path: Path) -> None:
    from makers.rars import rar4_of

    (tmp_path / "a.rar").write_bytes(rar4_of({"one.png": b"1"}, packed=True))
    check_said(on_windows("extract", "a.rar", "out"), 6, "unpack it with another program")
