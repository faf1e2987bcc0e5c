"""Power cuts: every crash state of a recorded fetch is rebuilt, and covcat is run on it.

First the harness proves that it sees: writers with known faults must be caught by it.
"""

import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from torture.crash_states import Recording, State, is_durable
from torture.fixture import (
    Case,
    Ended,
    Tally,
    Verdict,
    Wish,
    World,
    conduct,
    left_out,
    one_file,
    world,
    zip_and_two,
)
from torture.invariants import after_kill, after_success, is_right, of_output
from torture.tracing import MISSING, STRACE, Plan, interrupted, recorded

BUDGET = 160.0  # seconds
SIZE = 36 << 10
LARGE = 10 << 20  # comes over several connections

# Each publishes `final`, which must never be there with other bytes.
_START = """\
import os, sys
folder = sys.argv[1]
body = b"all of it" * 1000
handle = os.open(f"{folder}/NAME", os.O_WRONLY | os.O_CREAT, 0o644)
os.write(handle, body)
"""
_DIRECT, _ASIDE = _START.replace("NAME", "final"), _START.replace("NAME", "aside")
_SYNC = "os.fsync(handle)\n"
_RENAME = "os.rename(f'{folder}/aside', f'{folder}/final')\n"
_FOLDER = "os.fsync(os.open(folder, os.O_RDONLY))\n"
WRITERS = {  # name: the program, and whether it is at fault
    "writes under the final name": (_DIRECT + _SYNC + _FOLDER, True),
    "renames without fsync": (_ASIDE + _RENAME + _FOLDER, True),
    "renames, then syncs": (_ASIDE + _RENAME + _SYNC + _FOLDER, True),
    "writes, syncs, renames": (_ASIDE + _SYNC + _RENAME + _FOLDER, False),
}
_BODY = b"all of it" * 1000


def run(wish: Wish) -> list[Tally]:
    """Prove the harness, then cut the power of a fetch and of a resumed one."""
    if STRACE is None:
        return [left_out("power cuts", MISSING)]
    with world(one_file(2 * SIZE), zip_and_two(SIZE), one_file(LARGE, "large")) as made:
        proof = conduct("power: proof", [_proof(name, made) for name in WRITERS])
        began = time.monotonic()
        cases, notes, faults = [], [], []
        for plan, step in _plans(made):
            found, more = _cases(plan, step)
            faults += more
            cases += found
            notes.append(f"{plan.label}: {len(found)} different states")
        tally = conduct("power cuts", wish.some(cases, 16), BUDGET)
        tally.violations += faults
        tally.notes += notes
        tally.seconds = time.monotonic() - began
    return [proof, tally]


def _plans(made: World) -> list[tuple[Plan, int]]:
    """Return what is recorded, and after how many changes to cut each time."""
    part = interrupted(made, "big")
    return [
        (Plan("fetch", made, "set", options=()), 1),
        (Plan("resume", made, "big", part, options=()), 1),
        (Plan("ranges", made, "large", options=(), piece=1 << 16, rate=2 << 20), 19),
    ]


def _proof(name: str, made: World) -> Case:
    """A writer at fault must be caught in some state, a good one in none."""

    def attempt() -> Verdict:
        program, is_faulty = WRITERS[name]
        folder = made.root / f"writer-{list(WRITERS).index(name)}"
        folder.mkdir()
        command = [sys.executable, "-c", program, str(folder)]

        def write(prefix: list[str]) -> Ended:
            run = subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=60)
            return Ended(run.returncode, run.stdout, run.stderr, 0, 0)

        ended, calls = recorded(write, folder.with_suffix(".log"))
        found = list(Recording(folder, None, calls).states())
        bad = sum(one.tree.get(f"{folder.name}/final", _BODY) != _BODY for one in found)
        if ended.code != 0 or len(found) < 4 or bool(bad) != is_faulty:
            some = "some" if is_faulty else "no"
            fault = f"expected {some} bad states, got {bad} of {len(found)} ({ended.code})"
            return Verdict(faults=[fault])
        return Verdict(note=f"a writer that {name}: {bad} of {len(found)} states are bad")

    return Case(name, attempt)


def _cases(plan: Plan, step: int) -> tuple[list[Case], list[str]]:
    """Record a fetch; return its crash states as cases, and what is wrong with the recording."""
    place = plan.place()
    log = plan.made.root / f"{place.root.name}.log"
    ended, calls = recorded(lambda prefix: place.fetch(prefix), log)
    if ended.code != 0:
        raise RuntimeError(f"the recording ended with {ended.code}: {ended.err[-300:]}")
    recording = Recording(place.data, plan.template, calls)
    disk = recording.disk()
    for call in calls:
        disk.apply(call)
    faults = [f"[{plan.label}] the model lost track: {one}" for one in disk.unknown[:3]]
    if disk.tree("whole") != _on_disk(place.data):
        faults.append(f"[{plan.label}] the model differs from the disk in the end")
    if not is_durable(calls, place.final):
        faults.append(f"[{plan.label}] the final rename is not synced before the run ends")
    place.remove()
    cases = [
        Case(f"{plan.label}: state {number}, {state.label}", partial(_cut, plan, state))
        for number, state in enumerate(recording.states(step))
    ]
    return cases, faults


def _on_disk(data: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(data.parent)): None if path.is_dir() else path.read_bytes()
        for path in [data, *data.rglob("*")]
    }


def _cut(plan: Plan, state: State) -> Verdict:
    """Rebuild a state; nothing in it may vouch for wrong bytes, and the next run completes."""
    place = replace(plan, template=None, rate=None).place()
    state.build(place.root)
    faults = after_kill(place)
    vouches = False
    if place.final.exists():
        checked = place.verify()
        vouches = checked.code == 0 and not is_right(place)
        faults += of_output(checked)
        faults += ["`covcat verify` vouches for wrong bytes"] if vouches else []
        faults += ["`covcat verify` refuses a whole release"] if checked.code else []
    verdict = after_success(place, place.fetch(), faults)
    verdict.is_wrong |= vouches
    place.remove()
    return verdict
