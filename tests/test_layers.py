"""What each command loads: one that asks no host must not pay for what does."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import sys
from covcat.cli.main import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
ASK_NOBODY = (
    *("list", "search ct", "show sample", "files figure1", "path sample", "status"),
    *("verify sample", "license cohen", "cite cohen", "manifest show", "lock", "cache list"),
    *("remove sample --dry-run", "show sample:images/synthetic-01-0-pa.png"),
    *("show covcat-data/sample/1/files/images/synthetic-01-0-pa.png", "outdated --offline"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release in it."""
    found = tmp_path_factory.mktemp("layers")
    run(found, "fetch", "sample", "-q")
    return found


def run(folder: Path, *args: str) -> set[str]:
    """Run covcat in a process of its own, and return the modules that it loaded."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *args], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", ASK_NOBODY)
def test_a_command_that_asks_no_host_leaves_httpx_alone(folder: Path, words: str) -> None:
    assert "httpx" not in run(folder, *words.split())


HEAVY = {
    *("pydantic", "pandas", "httpx", "py7zr", "rarfile", "rich", "openpyxl", "isal", "numpy"),
    "distributed",
}


@pytest.mark.parametrize("words", ASK_NOBODY[:3])
def test_start_up_leaves_the_heavy_packages_alone(folder: Path, words: str) -> None:
    assert not run(folder, *words.split()) & HEAVY


def test_a_command_loads_no_other_command(folder: Path) -> None:
    loaded = run(folder, "list")
    others = ("fetch", "images", "counts", "select", "doctor", "extract", "links", "lock")
    assert not loaded & {f"covcat.cli.{name}" for name in others}
    assert not loaded & {"covcat.fetching", "covcat.imaging", "covcat.hosts", "covcat.archives"}
