"""README's sessions are run as a person would, on a terminal of 100 columns, and compared."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from makers.runs import seen_by

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.S)
TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d\+00:00)?")


def on_a_terminal(command: str) -> str:
    """Run a shell command on a terminal that cannot move its cursor; return what it shows."""
    leader, follower = pty.openpty()
    bin = Path(sys.executable).parent
    env = {**os.environ, "TERM": "dumb", "COLUMNS": "100", "PATH": f"{bin}:{os.environ['PATH']}"}
    run = subprocess.Popen(
        ["bash", "-c", command], stdout=follower, stderr=follower, stdin=follower, env=env
    )
    os.close(follower)
    shown = seen_by(leader)
    run.wait()
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("session", SESSIONS, ids=range(len(SESSIONS)))
def test_a_session_prints_what_readme_shows(session: str) -> None:
    steps = re.split(r"^\$ ", session, flags=re.M)[1:]
    assert steps
    for step in steps:
        command, _, expected = step.partition("\n")
        found = on_a_terminal(command)
        assert TIME.sub("TIME", found).rstrip() == TIME.sub("TIME", expected).rstrip(), command


def test_every_command_that_readme_names_exists() -> None:
    from covcat.cli.main import COMMANDS

    named = set(re.findall(r"(?:`|^\$ |\$\()covcat ([a-z]+)\b", README, re.M))
    assert named <= set(COMMANDS)
    assert len(named) >= 8
