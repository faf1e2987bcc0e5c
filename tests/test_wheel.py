"""The wheel alone, in an empty environment: no source tree, no development packages."""

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from makers.runs import tree_on_disk

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import floors  # noqa: E402 -- what `make test-oldest` tries
import try_packages  # noqa: E402 -- `make test-packages` does this with every Python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the build backend that is installed for development."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_carries_the_whole_catalog(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {
            name.removeprefix("covcat/data/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("covcat/data/")
        }
    assert inside == tree_on_disk(ROOT / "catalog")


def test_the_wheel_runs_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    bin = tmp_path / "venv" / "bin"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    pip += ["--python", str(bin / "python")]
    # What is not compiled in advance is compiled when it is imported: most of it never is.
    subprocess.run([*pip, "install", "--quiet", "--no-compile", str(wheel)], check=True)

    try_packages.use(bin, tmp_path)
    listed = subprocess.run(
        [*pip, "list", "--format", "freeze"], check=True, capture_output=True, text=True
    )
    assert "covcat==" in listed.stdout
    assert "pytest" not in listed.stdout


def test_every_dependency_has_a_floor_with_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (block,) = re.findall(r"^dependencies = \[\n(.*?)^\]", text, re.M | re.S)
    without = [line for line in block.splitlines() if not re.search(r'>=.*",\s+# \w', line)]
    assert without == []
    named = [re.search(r'"([\w.-]+)', line)[1] for line in block.splitlines()]
    assert [one.partition("==")[0] for one in floors.floors()][: len(named)] == named
