"""A part of `make torture`, small enough for every run: bad servers, kills, races, power cuts."""

import subprocess
import sys
from pathlib import Path

import pytest
from torture import dcases

SHARE = "D01 D05 D10 D11 D13 D15 D16 D18 D21 D24 D31 D33 D36 D37 D41 D47 D50 D56 D60"


@pytest.mark.parametrize("first", SHARE.split())
def test_a_bad_server_cannot_make_a_wrong_file(first: str) -> None:
    case = next(one for one in dcases.CASES if one.id.startswith(first) and not one.is_big)
    row = dcases.run(case)
    if not row.is_possible:
        pytest.skip(row.seen)
    assert row.ok, f"{row.case}: expected {row.expected}; seen {row.seen}"


HARNESSES = {
    **dict.fromkeys(("kills", "crashes", "disks", "power", "races", "copies"), 4),
    "edits": 26,
    "damage": 88,
}


@pytest.mark.parametrize(("harness", "count"), HARNESSES.items(), ids=HARNESSES)
def test_whatever_stops_a_run_or_is_edited_the_next_one_is_right(harness: str, count: int) -> None:
    """In a process of its own: what a large one starts seems to take as much memory as it."""
    command = [sys.executable, "-m", "torture", harness, "--count", str(count)]
    here = Path(__file__).parent
    ran = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
