"""docs/cluster.md: its lines are run as a new user would, on one machine, with a stand-in for sbatch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PAGE = (Path(__file__).parents[1] / "docs/cluster.md").read_text(encoding="utf-8")
BEGIN, SUBMIT = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
SHARDS, JOIN = re.findall(r"```bash\n(.*?)```", PAGE, re.S)
(JOB,) = (yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
SBATCH = """#!/bin/bash
script="${@: -1}"
array=$(sed -n 's/.*--array=1-\\([0-9]*\\).*/\\1/p' "$script")
for SLURM_ARRAY_TASK_ID in $(seq "${array:-1}"); do
  export SLURM_ARRAY_TASK_ID
  bash "$script" >> "$script.out" 2>&1 || exit
done
echo 17
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"sbatch": SBATCH, "shards.sh": SHARDS, "join.sh": JOIN}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def shell(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, **more}
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.large
def test_the_lines_for_dask_do_what_the_page_says(folder: Path) -> None:
    lines = [line for line in BEGIN.splitlines() if not line.startswith("pip ")]
    script = "trap 'kill $(jobs -p)' EXIT\n" + "\n".join(lines)
    ran = shell(re.sub(r"(dask .*) &", r"\1 --no-dashboard >log 2>&1 &", script), folder)
    assert ran.returncode == 0, ran.stderr
    assert "sample@1: 15 files as recorded (every byte)" in ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("sample@1,12,sample@1,12,7,")


@pytest.mark.large
def test_the_scripts_for_slurm_share_the_work_and_join_it(folder: Path) -> None:
    assert shell("covcat fetch sample -q", folder).returncode == 0
    ran = shell(SUBMIT, folder)
    told = [(folder / f"{name}.sh.out").read_text() for name in ("shards", "join")]
    assert ran.returncode == 0, told
    assert told[0].count("sample@1: shard ") == 8
    assert "sample@1: 15 files looked at by shards" in told[1]
    assert len((folder / "images.csv").read_text().splitlines()) == 13
    assert (folder / "same.csv").read_text().count("sample@1") == 2


@pytest.mark.large
def test_the_command_of_the_pods_does_a_share_each(folder: Path) -> None:
    spec = JOB["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["volumeMounts"][0]["name"] == spec["volumes"][0]["name"]
    assert shell("covcat fetch sample -q", folder).returncode == 0
    for index in range(JOB["spec"]["completions"]):
        ran = shell(container["command"][2], folder, JOB_COMPLETION_INDEX=str(index))
        assert ran.returncode == 0, ran.stderr
    assert "15 files looked at by shards" in shell("covcat verify --join", folder).stderr
