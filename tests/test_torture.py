"""A part of `make torture`, small enough for every run: bad servers, kills, races, power cuts."""

import pytest
from torture import crashes, dcases, disks, kills, power, races
from torture.fixture import Tally, Wish

SHARE = [
    "D01",  # resets
    "D05",
    "D10",
    "D11",
    "D13",
    "D15",
    "D16",
    "D18",
    "D21",
    "D24",
    "D31",
    "D33",
    "D36",
    "D37",
    "D41",
    "D47",
    "D50",
    "D56",
    "D60",
]


@pytest.mark.parametrize("first", SHARE)
def test_a_bad_server_cannot_make_a_wrong_file(first: str) -> None:
    case = next(one for one in dcases.CASES if one.id.startswith(first) and not one.is_big)
    row = dcases.run(case)
    if not row.is_possible:
        pytest.skip(row.seen)
    assert row.ok, f"{row.case}: expected {row.expected}; seen {row.seen}"


@pytest.mark.parametrize("harness", [kills, crashes, disks, power, races])
def test_whatever_stops_a_run_the_next_one_is_right(harness) -> None:
    tallies: list[Tally] = harness.run(Wish(count=4))
    assert tallies
    for tally in tallies:
        assert (tally.wrong, tally.violations) == (0, []), tally
