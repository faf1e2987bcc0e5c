"""kill -9 at every call of a fetch that changes the disk; the next run completes."""

import signal
from collections import Counter
from functools import partial

from torture.fixture import (
    Case,
    Tally,
    Verdict,
    Wish,
    conduct,
    left_out,
    one_file,
    world,
    zip_and_two,
)
from torture.invariants import after_kill, after_success
from torture.tracing import MISSING, STRACE, Plan, Point, plans

BUDGET = 200.0  # seconds
SIZE = 36 << 10  # of each file: some pieces, some checkpoints


def run(wish: Wish) -> list[Tally]:
    if STRACE is None:
        return [left_out("crashes", MISSING)]
    missed: Counter[str] = Counter()
    with world(one_file(2 * SIZE), zip_and_two(SIZE)) as made:
        cases = [
            Case(f"{plan.label}: {point}", partial(_kill, plan, point, missed))
            for plan in plans(made)
            for point in plan.points()
        ]
        tally = conduct("crashes", wish.some(cases, 16), BUDGET)
    tally.notes.append(f"{len(cases)} calls change the disk; {missed.total()} were not met again")
    return [tally]


def _kill(plan: Plan, point: Point, missed: Counter[str]) -> Verdict:
    place = plan.place()
    ended = place.fetch(point.prefix(place, "signal=SIGKILL:when={n}"), "names")
    faults = after_kill(place)
    if ended.code == 0:
        missed[str(point)] += 1
    elif ended.code != -signal.SIGKILL:
        faults.append(f"the run to be killed ended with {ended.code}: {ended.err[-200:]}")
    verdict = after_success(place, place.fetch(), faults)
    place.remove()
    return verdict
