"""Install the wheel and the sdist into empty environments of every Python found, and use them.

Usage: python scripts/try_packages.py [PYTHON…]     `make test-packages`; needs a package index

The oldest Python is tried once more with the oldest dependencies that pyproject.toml allows.
"""

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from floors import floors

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

SCAN = b"a synthetic scan " * 500


# ---- what a package must do --------------------------------------------------------------------


def program(bin: Path, folder: Path, *command: str) -> str:
    """Run an installed program where it finds no other one than what was installed."""
    env = {"PATH": str(bin), "HOME": str(folder), "LANG": "C.UTF-8"}
    ran = subprocess.run(  # noqa: S603 -- what was just installed
        [str(bin / command[0]), *command[1:]], cwd=folder, env=env, capture_output=True, text=True
    )
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {ran.returncode}\n{ran.stderr}")
    return ran.stdout


def covcat(bin: Path, folder: Path, *args: str) -> str:
    """Run the installed covcat."""
    return program(bin, folder, "covcat", *args)


def use(bin: Path, folder: Path) -> None:
    """Try the job itself, and the archives for which other programs need help."""
    assert "Find:" in covcat(bin, folder, "--help")
    entries = {path.stem for path in (ROOT / "catalog").glob("[!_]*.yaml")}
    assert {*covcat(bin, folder, "list", "--format", "ids").split()} == entries - {"sample"}
    data = Path(covcat(bin, folder, "fetch", "sample", "-q", "--offline").strip())
    assert (folder / data / "metadata.csv").is_file()
    assert covcat(bin, folder, "verify") == ""
    assert len(covcat(bin, folder, "images", "--format", "ids").split()) == 12
    for name in write_archives(folder):
        covcat(bin, folder, "extract", name, f"from-{name}")
        assert (folder / f"from-{name}" / "scan.dcm").read_bytes() == SCAN, name
    films = "import covcat; print(len(covcat.images('sample')))"
    assert program(bin, folder, "python", "-c", films) == "12\n"


def write_archives(folder: Path) -> Iterable[str]:
    """Write archives that are really packed, so that a reader of headers is not enough."""
    import py7zr
    from makers import rars

    (folder / "old.rar").write_bytes(rars.rar4_of({"scan.dcm": SCAN}, packed=True))
    (folder / "new.rar").write_bytes(rars.rar5_of({"scan.dcm": SCAN}, packed=True))
    with py7zr.SevenZipFile(folder / "set.7z", "w") as archive:
        archive.writestr(SCAN, "scan.dcm")
    with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scan.dcm", SCAN)
    return ("old.rar", "new.rar", "set.7z", "set.zip")


# ---- environments ------------------------------------------------------------------------------


def run(*command: str | Path) -> None:
    """Run quietly; on failure show what it said."""
    words = list(map(str, command))
    ran = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 -- ours
    if ran.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{ran.stdout}{ran.stderr}")


def pythons() -> list[Path]:
    """Return a Python of each version from 3.11 on that is found, oldest first."""
    places = [Path(one) for one in os.environ["PATH"].split(os.pathsep)]
    places += sorted((Path.home() / ".pyenv/versions").glob("*/bin"))
    found: dict[int, Path] = {}
    for place in [Path(sys.executable).parent, *places]:
        for file in sorted(place.glob("python3.*")):
            if match := re.fullmatch(r"python3\.(\d+)", file.name):
                found.setdefault(int(match[1]), file)
    return [file for minor, file in sorted(found.items()) if minor >= 11 and starts(file)]


def starts(python: Path) -> bool:
    """True if it can be run at all: a version manager's shim may stand for nothing."""
    command = [str(python), "-c", ""]
    ran = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 -- a found Python
    return ran.returncode == 0


def attempt(python: Path, package: Path, constraints: Sequence[str], folder: Path) -> None:
    """Install a package and nothing else into a new environment, and use it there."""
    run(python, "-m", "venv", folder / "venv")
    bin = folder / "venv/bin"
    (folder / "constraints.txt").write_text("\n".join(constraints))
    pip = [bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--constraint", folder / "constraints.txt", package)
    work = folder / "work"
    work.mkdir()
    use(bin, work)


def main(named: Sequence[str]) -> None:
    """Try each package in each Python."""
    found = [Path(one) for one in named] or pythons()
    with tempfile.TemporaryDirectory(prefix="packages-") as scratch:
        built = Path(scratch)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", built, ROOT)
        wheel, sdist = next(built.glob("*.whl")), next(built.glob("*.tar.gz"))
        tries = [(one, package, ()) for one in found for package in (wheel, sdist)]
        for python, package, constraints in [*tries, (found[0], wheel, floors())]:
            with tempfile.TemporaryDirectory(prefix="packages-") as folder:
                attempt(python, package, constraints, Path(folder))
            oldest = " with the oldest dependencies" if constraints else ""
            print(f"ok: {package.name} in {python.name}{oldest}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
