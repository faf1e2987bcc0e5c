"""kill -9 at random instants of a fetch; whatever was killed, a later run brings the right bytes."""

import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from statistics import median

from torture.fixture import (
    WORKERS,
    Case,
    Ended,
    Place,
    Running,
    Tally,
    Verdict,
    Wish,
    World,
    conduct,
    one_file,
    world,
    zip_and_two,
)
from torture.invariants import after_kill, after_success, stale_locks

BUDGET = 330.0  # seconds
START_UPS = 0.1  # share of the kills that may meet the start-up
IN_A_ROW = (1, 1, 1, 2, 2, 3)  # kills before a run is left to end by itself
MIB = 1 << 20


@dataclass(frozen=True)
class Variant:
    """A fetch that is slow enough to be killed in its middle."""

    target: str
    rate: float  # bytes a second and connection: about a second in all
    options: tuple[str, ...] = ()

    def place(self, made: World) -> Place:
        settings = {"COVCAT_CHECKPOINT": str(1 << 18)}
        return made.place(self.target, self.rate, options=self.options, settings=settings)

    def __str__(self) -> str:
        return " ".join((self.target, *self.options))


# 13 MiB come over several connections, unless there is to be one job only.
VARIANTS = (
    Variant("big", 6 * MIB),
    Variant("set", 2 * MIB),
    Variant("big", 13 * MIB, ("--jobs", "1")),
    Variant("set", 6 * MIB, ("--jobs", "1")),
)


@dataclass
class Ledger:
    """How many kills are still to be made, and what the others cost."""

    left: int
    again: list[float] = field(default_factory=list)  # bytes asked for again, for each that met
    met: int = 0  # kills that met a transfer
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, wished: int) -> int:
        with self.lock:
            taken = min(wished, self.left)
            self.left -= taken
        return taken

    def give_back(self, unused: int, again: int, met: int) -> None:
        """Return kills that came too late, and note what those cost that met a transfer."""
        with self.lock:
            self.left += unused
            if met:
                self.again.append(again / met)
                self.met += met


def run(wish: Wish) -> list[Tally]:
    ledger = Ledger(wish.number(500, 20))
    wished = ledger.left
    with world(one_file(13 * MIB), zip_and_two(MIB)) as made:
        spans = {variant: _span(variant, made) for variant in VARIANTS}

        def case(number: int) -> Case:
            variant = VARIANTS[number % len(VARIANTS)]
            label = f"chain {number}, {variant}"
            return Case(label, lambda: _chain(variant, made, number, spans[variant], ledger))

        cases = [case(number) for number in range(2 * wished + WORKERS)]
        # What is killed waits for the server half of the time: more than there are cores.
        tally = conduct("kills", wish.some(cases, len(cases)), BUDGET, 2 * WORKERS)
        for number in range(len(cases), len(cases) + 20):  # kills that others gave back
            if ledger.left and tally.seconds < BUDGET and not wish.only:
                one = case(number)
                tally.add(one.label, one.run())
    notes = sorted({note for note in tally.notes if "left out" not in note})
    if ledger.left:
        notes.append(f"{ledger.left} of {wished} kills left out: the time was over")
    if ledger.again:
        again = median(ledger.again)
        notes.append(f"{ledger.met} kills met a transfer; {again:,.0f} bytes (median) came again")
    tally.notes = notes
    return [tally]


def _span(variant: Variant, made: World) -> float:
    """Return how many seconds of work the fetch takes that nobody kills."""
    place = variant.place(made)
    running = place.start()
    _await_work(place, running, set(), 0)
    began = time.monotonic()
    ended = running.wait()
    place.remove()
    if ended.code != 0:
        raise RuntimeError(f"{variant}: ended with {ended.code}: {ended.err[-300:]}")
    return time.monotonic() - began


def _await_work(place: Place, running: Running, staged: set[str], asked: int) -> None:
    """Wait until it has a staging folder of its own, or asks for something: start-up is over."""
    while not running.is_over and _staged(place) <= staged:
        if len(place.channel.requests) > asked:
            return
        time.sleep(0.003)


def _staged(place: Place) -> set[str]:
    staging = place.data / ".covcat/staging"
    return set(os.listdir(staging)) if staging.is_dir() else set()


def _killed(place: Place, instants: random.Random, span: float) -> Ended:
    """Kill at some instant of the work; now and then of the start-up too."""
    staged, asked = _staged(place), len(place.channel.requests)
    running = place.start()
    if instants.random() > START_UPS:
        _await_work(place, running, staged, asked)
    return running.wait(kill_after=instants.uniform(0, span))


def _chain(variant: Variant, made: World, seed: int, span: float, ledger: Ledger) -> Verdict:
    """Kill a fetch, perhaps its successor too, then let one run to its end."""
    instants = random.Random(seed)
    planned = ledger.take(instants.choice(IN_A_ROW))
    verdict = Verdict(tried=0)
    if not planned:
        return verdict
    place = variant.place(made)
    met = 0  # kills that met a transfer
    for _ in range(planned):
        before = place.channel.sent
        ended = _killed(place, instants, span)
        if ended.code != -signal.SIGKILL:  # it was faster than the kill
            break
        verdict.tried += 1
        met += place.channel.sent > before
        verdict.faults += after_kill(place)
    else:
        ended = place.fetch()
    last = after_success(place, ended)
    note = "locks of killed runs are left over" if stale_locks(place) else ""
    ledger.give_back(planned - verdict.tried, place.channel.sent - place.target.total, met)
    place.remove()
    return Verdict(verdict.tried, last.is_wrong, last.is_lost, verdict.faults + last.faults, note)
