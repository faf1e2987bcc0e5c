"""Two processes on one target, with and without locks that work; strange locks; clocks; litter."""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from torture.fixture import (
    HANG,
    Case,
    Ended,
    Place,
    Tally,
    Verdict,
    Wish,
    World,
    conduct,
    last_line,
    left_out,
    one_file,
    world,
    zip_and_two,
)
from torture.invariants import after_kill, after_success, below, contents, is_right, of_output
from torture.tracing import interrupted

PAIRS_BUDGET = 60.0  # seconds for each kind of lock
BUDGET = 30.0  # seconds for each of the others
MIB = 1 << 20
LOCKS = {"real": "", "always succeed": "locks-always", "never work": "locks-never"}
SHARE = {"real": 80, "always succeed": 60, "never work": 60}  # of 200 pairs
PAUSED_AT = (0, 5, 25, 50, 75, 95)  # percent of all that comes
CLOCKS = {"10 years back": "-10y", "2038": "@2038-01-19 03:14:05"}
MAKER = "somebody else's\n"


def run(wish: Wish) -> list[Tally]:
    with world(one_file(MIB), zip_and_two(MIB // 3)) as made:
        tallies = [
            conduct(f"races: locks {name}", wish.some(_pairs(made, name), 4), PAIRS_BUDGET)
            for name in LOCKS
        ]
        tallies.append(conduct("paused holder", wish.some(_pauses(made), 4), BUDGET))
        tallies.append(conduct("odd locks, litter", wish.some(_planted(made), 20), BUDGET))
        tallies.append(_clocks(made, wish))
    return tallies


# ---- pairs -------------------------------------------------------------------------------------


def _pairs(made: World, locks: str) -> list[Case]:
    targets = {number: "set" if number % 3 else "big" for number in range(SHARE[locks])}
    return [
        Case(f"pair {number}, {target}", partial(_pair, made, target, locks, number))
        for number, target in targets.items()
    ]


def _pair(made: World, target: str, locks: str, seed: int) -> Verdict:
    """Start two, at once or a moment apart; both must end well."""
    place = made.place(target, 4 * MIB, settings={"COVCAT_CHECKPOINT": str(1 << 17)})
    one = place.start(patch=LOCKS[locks])
    time.sleep(random.Random(seed).choice((0, 0, 0.02, 0.1, 0.4)))
    other = place.start(patch=LOCKS[locks])
    first, second = one.wait(), other.wait()
    are_real = locks == "real"
    verdicts = [after_success(place, one, may_litter=not are_real) for one in (first, second)]
    faults = [fault for one in verdicts for fault in one.faults]
    asked = len(place.channel.requests)
    if are_real and (place.channel.sent, asked) != (place.target.total, len(place.target.served)):
        faults.append(f"{asked} requests, {place.channel.sent:,} bytes: more than once each")
    place.remove()
    return Verdict(
        is_wrong=any(one.is_wrong for one in verdicts),
        is_lost=any(one.is_lost for one in verdicts),
        faults=list(dict.fromkeys(faults)),
    )


# ---- one sleeps, the other publishes -----------------------------------------------------------


def _pauses(made: World) -> list[Case]:
    return [
        Case(f"{target}, paused at {percent} %", partial(_paused, made, target, percent))
        for target in ("big", "set")
        for percent in PAUSED_AT
    ]


def _paused(made: World, target: str, percent: int) -> Verdict:
    """What is published while a process sleeps stays as it is when that wakes up."""
    settings = {"COVCAT_CHECKPOINT": str(1 << 16)}
    sleeper = made.place(target, piece=1 << 14, settings=settings)
    sleeper.channel.hold_at = sleeper.target.total * percent // 100
    asleep = sleeper.start(patch="locks-always")
    sleeper.channel.reached.wait(30)
    time.sleep(0.05)
    asleep.signal(signal.SIGSTOP)
    channel = made.origin.channel(f"{sleeper.root.name}b")
    place = replace(sleeper, channel=channel)
    verdict = after_success(place, place.fetch(patch="locks-always"), may_litter=True)
    before = _identity(place)
    sleeper.channel.release()
    asleep.signal(signal.SIGCONT)
    woken = asleep.wait()
    if _identity(place) != before or not is_right(place):
        verdict.faults.append("what was published changed when the other process woke up")
        verdict.is_wrong = verdict.is_wrong or not is_right(place)
    if woken.code != 0:
        verdict.note = f"the paused process ended with {woken.code}: {_first_words(woken)}"
    if woken.code not in (0, 8):
        verdict.faults.append(f"the paused process ended with {woken.code}")
    verdict.faults += [*of_output(woken), *after_kill(place)]
    place.remove()
    return verdict


def _first_words(ended: Ended) -> str:
    return last_line(ended.err).split("`")[0].strip()


def _identity(place: Place) -> dict[str, tuple[int, int, int, str]]:
    """Return what tells a file from another one, for all that is published."""
    digests = contents(place.final)
    return {
        name: (status.st_ino, status.st_mtime_ns, status.st_size, digests.get(name, ""))
        for path, status in below(place.final)
        for name in [path.relative_to(place.final).as_posix()]
    }


# ---- strange locks, litter ---------------------------------------------------------------------


def _planted(made: World) -> list[Case]:
    """M14 and M15: locks that are no locks, locks of the dead and the living, staging folders."""
    names = _lock_names(made)
    plants: dict[str, Callable[[Path, Path], None]] = {
        "of a dead process": lambda path, _: path.write_text("4194304\nnobody\n"),
        "with rubbish": lambda path, _: path.write_bytes(os.urandom(5000)),
        "is a folder": lambda path, _: path.mkdir(),
        "is a fifo": lambda path, _: os.mkfifo(path),
        "is a link": lambda path, canary: path.symlink_to(canary),
        "is a link to nothing": lambda path, canary: path.symlink_to(f"{canary}-not-there"),
    }
    odd = [
        Case(f"lock {name} {what}", partial(_odd_lock, made, name, plant))
        for name in names
        for what, plant in plants.items()
    ]
    return [
        *odd,
        Case("lock of a living process", partial(_living_lock, made, names)),
        Case("100 stale staging folders", partial(_litter, made)),
        Case("staging of a living process", partial(_living_staging, made)),
    ]


def _lock_names(made: World) -> list[str]:
    """Return the locks that stay after a fetch of `set`."""
    place = made.place("set")
    ended = place.fetch()
    names = [path.name for path in (place.data / ".covcat/locks").iterdir()]
    place.remove()
    if ended.code != 0 or not names:
        raise RuntimeError(f"no lock to be found; exit {ended.code}")
    return sorted(names)


def _odd_lock(made: World, name: str, plant: Callable[[Path, Path], None]) -> Verdict:
    """It goes on or refuses with a clear message; nothing outside is touched."""
    place = made.place("set")
    canary = made.root / f"canary-{place.root.name}"
    canary.write_text(MAKER)
    lock = place.data / ".covcat/locks" / name
    lock.parent.mkdir(parents=True)
    plant(lock, canary)
    ended = place.fetch()
    faults = of_output(ended)
    if canary.read_text() != MAKER or Path(f"{canary}-not-there").exists():
        faults.append("a file outside was changed through a link")
    if ended.code not in (0, 8):
        faults.append(f"expected exit 0 or 8, got {ended.code}: {last_line(ended.err)}")
    with contextlib.suppress(FileNotFoundError):
        lock.rmdir() if lock.is_dir() and not lock.is_symlink() else lock.unlink()
    verdict = after_success(place, place.fetch() if ended.code else ended, faults)
    if ended.code:
        verdict.note = f"an odd lock: exit {ended.code}, {_first_words(ended)}"
    place.remove()
    return verdict


def _living_lock(made: World, names: list[str]) -> Verdict:
    """It waits, says so, and goes on when the lock is free."""
    place = made.place("set")
    folder = place.data / ".covcat/locks"
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as held:
        for name in names:
            stream = held.enter_context((folder / name).open("w"))
            fcntl.flock(stream, fcntl.LOCK_EX)
        running = place.start()
        time.sleep(2)
        has_waited = not running.is_over
    verdict = after_success(place, running.wait())
    if not has_waited or place.channel.sent != place.target.total:
        verdict.faults.append("it did not wait for the lock")
    return verdict


def _litter(made: World) -> Verdict:
    """What killed runs left is swept."""
    place = made.place("set")
    private = place.data / ".covcat"
    (private / "locks").mkdir(parents=True)
    for number in range(100):
        name = os.urandom(8).hex()
        stale = private / "staging" / name / "release/files"
        stale.mkdir(parents=True)
        (stale / "half.bin").write_bytes(b"x" * number)
        if number % 2:
            (private / "locks" / f"{name}.lock").touch()
    verdict = after_success(place, place.fetch())
    if left := len(list((private / "staging").iterdir())):
        verdict.faults.append(f"{left} of 100 stale staging folders are left")
    return verdict


def _living_staging(made: World) -> Verdict:
    """A run sweeps nothing of one that lives."""
    slow = made.place("set", piece=1 << 14)
    slow.channel.hold_at = slow.target.total // 2
    running = slow.start()
    slow.channel.reached.wait(30)
    quick = replace(slow, target=made.targets["big"], channel=made.origin.channel("quick"))
    other = quick.fetch()
    slow.channel.release()
    ended = running.wait()
    faults = [
        f"the {which} run ended with {one.code}: {last_line(one.err)}"
        for which, one in (("quick", other), ("slow", ended))
        if one.code != 0
    ]
    is_wrong = not faults and not (is_right(slow) and is_right(quick))
    return Verdict(is_wrong=is_wrong, is_lost=bool(faults), faults=faults)


# ---- clocks ------------------------------------------------------------------------------------


def _clocks(made: World, wish: Wish) -> Tally:
    """D68: a clock that is far off does no harm."""
    program = shutil.which("faketime")
    if program is None:
        return left_out("clocks", "faketime is not installed")
    templates = {"fetch": ("set", None), "resume": ("big", interrupted(made, "big"))}
    cases = [
        Case(f"{kind}, {name}", partial(_at, made, *template, [program, "-f", clock]))
        for kind, template in templates.items()
        for name, clock in CLOCKS.items()
    ]
    return conduct("clocks", wish.some(cases, 2), BUDGET)


def _at(made: World, target: str, template: Path | None, prefix: list[str]) -> Verdict:
    """Fetch at another time, then verify at the right one."""
    place = made.place(target)
    place.copy_data(template)
    ended = place.fetch(prefix)
    verdict = after_success(place, ended)
    if ended.seconds > HANG / 2:
        verdict.faults.append(f"it took {ended.seconds:.0f} s")
    if (checked := place.verify()).code != 0:
        verdict.faults.append(f"verify: exit {checked.code}, {last_line(checked.err)}")
    place.remove()
    return verdict
