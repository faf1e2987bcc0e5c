"""Run covcat's command line against the chaos server, case by case: section D of the plan.

Each case has its own server, data folder, catalog and home. Of the plan, D57-D59 and D61-D68 have
harnesses of their own, and D69 has none: the catalog knows no checksum files.
A silent wrong file is a run that ended with 0 and whose file is not what was served.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from servers.chaos import checks, tables_of_bytes, tables_of_heads, tables_of_systems
from servers.chaos.case import Case, Seen
from servers.chaos.sandbox import Sandbox
from servers.chaos.worlds import WORLDS, World, needs_namespace

TESTS = Path(__file__).resolve().parent.parent
AT_ONCE = 8
CASES: tuple[Case, ...] = (
    *tables_of_bytes.CASES,
    *tables_of_heads.CASES,
    *tables_of_systems.CASES,
)


@dataclass(frozen=True)
class Row:
    """What a case expects and what was seen."""

    case: str
    what: str
    expected: str
    seen: str
    ok: bool
    is_silent: bool = False  # it ended well, with a wrong file
    is_possible: bool = True


def run_all(cases: Iterable[Case], jobs: int = AT_ONCE) -> list[Row]:
    """Run cases side by side; the large ones alone, at the end."""
    cases = list(cases)
    usual = [case for case in cases if not case.is_big]
    with ThreadPoolExecutor(jobs) as pool:
        rows = list(pool.map(run, usual))
    return rows + [run(case) for case in cases if case.is_big]


def run(case: Case) -> Row:
    """Run one case, in a network namespace if its world needs one."""
    if needs_namespace(case.world) and os.environ.get("COVCAT_NAMESPACE") != "own":
        return _in_namespace(case)
    with tempfile.TemporaryDirectory(prefix="covcat-d-", ignore_cleanup_errors=True) as name:
        sandbox = Sandbox(Path(name), case)
        try:
            with WORLDS[case.world](sandbox.world) as world:
                return _judged(case, sandbox, world)
        except ImportError as error:
            return _impossible(case, f"{error.name} is not installed")
        except AssertionError as error:
            return _row(case, [f"not reached: {error}"], 0)


def _judged(case: Case, sandbox: Sandbox, world: World) -> Row:
    """Do the runs and check all that must hold after each, then the facts of the case."""
    faults: list[str] = []
    expected = [case.first, case.exits] if case.first else [case.exits]
    is_silent = False
    for number, exits in enumerate(expected, 1):
        is_last = number == len(expected)
        before = sandbox.outside_state()
        ran = sandbox.run(world, is_first=number == 1, is_last=is_last)
        label = f"run {number}: " if len(expected) > 1 else ""
        faults += [label + fault for fault in checks.after_run(case, ran, sandbox, exits)]
        if sandbox.outside_state() != before:
            faults.append("CHANGED OUTSIDE of the data folder")
        is_silent |= ran.exit == 0 and checks.wrong_file(case, sandbox) != ""
        if not is_last and ran.exit not in exits:
            break
        if not is_last and case.edit:
            case.edit(sandbox.data, sandbox.outside)
    seen = Seen(world, sandbox.data, ran)
    faults += checks.of_requests(world)
    faults += [f"not {fact.text}: {wrong}" for fact in case.facts if (wrong := fact.fault(seen))]
    row = _row(case, faults, ran.exit)
    return replace(row, is_silent=is_silent)


def _row(case: Case, faults: list[str], code: int) -> Row:
    seen = "; ".join(faults) or f"exit {code}"
    codes = " or ".join(map(str, case.exits))
    expected = ", ".join([f"exit {codes}", *(fact.text for fact in case.facts)])
    return Row(case.id, case.what, expected, seen, not faults)


def _impossible(case: Case, why: str) -> Row:
    row = _row(case, [], 0)
    return replace(row, seen=f"not possible here: {why}", is_possible=False)


def _in_namespace(case: Case) -> Row:
    """Run a case in a child that has a network and mounts of its own."""
    tool = shutil.which("unshare")
    if tool is None or shutil.which("ip") is None:
        return _impossible(case, "there is no `unshare` or no `ip`")
    if subprocess.run([tool, "-n", "-m", "true"], capture_output=True).returncode != 0:
        return _impossible(case, "`unshare -n -m` is not allowed")
    command = [tool, "-n", "-m", sys.executable, "-m", "torture.dcases", case.id]
    env = {**os.environ, "COVCAT_NAMESPACE": "own"}
    try:
        ran = subprocess.run(
            command, cwd=TESTS, env=env, capture_output=True, text=True, timeout=case.limit * 3
        )
        return Row(**json.loads(ran.stdout))
    except subprocess.TimeoutExpired:
        return _row(case, ["HANG"], -9)
    except (ValueError, TypeError):
        said = (ran.stderr.strip().splitlines() or ["no row"])[-1]
        return _row(case, [f"HARNESS: {said}"], ran.returncode)


if __name__ == "__main__":  # in a network of its own
    (asked,) = (case for case in CASES if case.id == sys.argv[1])
    sys.stdout.write(json.dumps(asdict(run(asked))))
