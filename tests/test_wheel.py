"""The wheel alone, in an empty environment: no source tree, no development packages."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
    catalog = ROOT / "catalog"
    here = {
        path.relative_to(catalog).as_posix(): path.read_bytes()
        for path in catalog.rglob("*")
        if path.is_file()
    }
    assert inside == here


def test_the_wheel_runs_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    bin = tmp_path / "venv" / "bin"
    pip = [str(bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], check=True)

    def covcat(*args: str) -> str:
        ran = subprocess.run(
            [bin / "covcat", *args], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return ran.stdout

    assert "Commands:" in covcat("--help")
    assert len(covcat("list", "--format", "ids").split()) == 19
    folder = Path(covcat("fetch", "sample", "-q", "--offline").strip())
    assert (tmp_path / folder / "metadata.csv").is_file()
    assert covcat("verify") == ""
    listed = subprocess.run(
        [*pip[:3], "list", "--format", "freeze"], check=True, capture_output=True, text=True
    )
    assert "pytest" not in listed.stdout
