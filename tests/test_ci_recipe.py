"""docs/ci.md: its shell lines are run as a job would run them, against imitations of the hosts."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import Stock

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
ONCE, ELSEWHERE = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
(WORKFLOW,) = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
STEPS = WORKFLOW["jobs"]["data"]["steps"]
INSTALL = "python -m pip install ci/covcat-"

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")


@pytest.fixture
def env(stock: Stock, tmp_path: Path) -> dict[str, str]:
    """What a job has: covcat on its path, a home, the imitations in place of the hosts."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ours = {"COVCAT_MIRROR": stock.world.url, "COVCAT_CATALOG": str(stock.catalog)}
    return {**os.environ, "PATH": path, "HOME": str(tmp_path / "home"), **ours}


def shell(script: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub's runner does."""
    file = folder / "step.sh"
    file.write_text(script)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def job(folder: Path, env: dict[str, str]) -> list[subprocess.CompletedProcess[str]]:
    """Run the workflow's own steps until one fails, without the installation."""
    ran = []
    for step in STEPS:
        if "run" in step and not step["run"].startswith(INSTALL):
            ran.append(shell(step["run"], folder, env | WORKFLOW["jobs"]["data"]["env"]))
            if ran[-1].returncode:
                break
    return ran


@pytest.fixture
def checkout(tmp_path: Path, env: dict[str, str]) -> Path:
    """A clone in which there is nothing but the lock that was made once, elsewhere."""
    for name in ("home", "desk", "checkout"):
        (tmp_path / name).mkdir()
    made = shell(ONCE, tmp_path / "desk", env)
    assert made.returncode == 0, made.stderr
    shutil.copy(tmp_path / "desk/covcat.lock", tmp_path / "checkout")
    return tmp_path / "checkout"


def test_the_workflow_installs_this_version_and_keys_its_cache_by_the_lock() -> None:
    from covcat.version import __version__

    assert f"{INSTALL}{__version__}-py3-none-any.whl" in [step.get("run") for step in STEPS]
    (cache,) = [step for step in STEPS if "cache@" in step.get("uses", "")]
    assert cache["with"]["path"] == WORKFLOW["jobs"]["data"]["env"]["COVCAT_DATA_DIR"]
    assert "hashFiles('covcat.lock')" in cache["with"]["key"]


@pytest.mark.large
def test_the_workflow_gets_what_the_lock_names_and_asks_nobody_again(checkout, env, stock) -> None:
    ran = job(checkout, env)
    assert [one.returncode for one in ran] == [0, 0, 0], ran[-1].stderr
    assert "metadata.csv" in ran[-1].stdout
    document = json.loads((checkout / "fetched.json").read_text())
    assert document["ok"]
    asked = len(stock.world.requests)
    again = job(checkout, env)
    assert [one.returncode for one in again] == [0, 0, 0]
    assert len(stock.world.requests) == asked


def test_the_workflow_ends_with_the_code_and_the_sentence_of_what_failed(checkout, env) -> None:
    lock = checkout / "covcat.lock"
    lock.write_text(re.sub(r'"[0-9a-f]{64}"', f'"{"0" * 64}"', lock.read_text()))
    (failed,) = job(checkout, env)
    assert failed.returncode == 5
    assert "covcat.lock" in failed.stderr
    assert "null" not in failed.stderr


def test_a_cache_that_was_changed_is_found(checkout, env) -> None:
    job(checkout, env)
    (file,) = (checkout / "covcat-data/figure1").glob("*/files/metadata.csv")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    *_, verified = job(checkout, env)
    assert verified.returncode == 5
    assert "metadata.csv" in verified.stderr


def test_the_shell_recipe_gets_the_same_and_fails_alike(checkout, env, tmp_path) -> None:
    ran = shell(ELSEWHERE, checkout, env)
    assert ran.returncode == 0, ran.stderr
    assert (Path(ran.stdout.strip()) / "metadata.csv").is_file()
    assert str(tmp_path / "home/.cache/covcat-") in ran.stdout
    again = shell(ELSEWHERE, checkout, {**env, "COVCAT_OFFLINE": "1"})
    assert again.stdout == ran.stdout
    elsewhere = {**env, "COVCAT_OFFLINE": "1", "CACHE": str(tmp_path / "other")}
    failed = shell(ELSEWHERE, checkout, elsewhere)
    assert failed.returncode == 4
    assert "offline" in failed.stderr


def test_both_recipes_print_the_cause_of_an_error(checkout, env, stock) -> None:
    for name in ("workflow", "shell"):
        folder = checkout / name
        folder.mkdir()
        shutil.copy(checkout / "covcat.lock", folder)
        closed = {**env, "COVCAT_MIRROR": "http://127.0.0.1:9", "COVCAT_RETRIES": "0"}
        closed["CACHE"] = str(folder)
        ran = job(folder, closed)[-1] if name == "workflow" else shell(ELSEWHERE, folder, closed)
        error = json.loads((folder / "fetched.json").read_text())["error"]
        assert ran.returncode == 4
        assert error["cause"] in ran.stderr
