"""A disk that refuses: full at any position, out of inodes, and every error at every call."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

from torture.fixture import (
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
from torture.invariants import FILLER, after_kill, after_success, of_output
from torture.tracing import MISSING, STRACE, Plan, Point, plans

POSITIONS = 20
BUDGETS = (75.0, 130.0)  # seconds for each of the two halves
SMALL = 36 << 10
LARGE = 1 << 20
ROOM = 8 * LARGE
DISK_ERROR = 8  # the exit code
ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES")


def run(wish: Wish) -> list[Tally]:
    return [_full(wish), _refused(wish)]


def _full(wish: Wish) -> Tally:
    """tmpfs: full at 20 positions, 20 amounts of room at the start, few inodes."""
    if not _can_mount():
        return left_out("disk full", "tmpfs cannot be mounted here (it needs root)")
    with world(one_file(LARGE), zip_and_two(LARGE // 3)) as made:
        kinds = (_fills_on_the_way, _full_at_start, _few_inodes)
        cases = [
            Case(f"{kind.__name__.strip('_')} {target} {at}", partial(kind, made, target, at))
            for kind, target, at in product(kinds, ("big", "set"), range(POSITIONS))
        ]
        return conduct("disk full", wish.some(cases, 12), BUDGETS[0])


def _fills_on_the_way(made: World, target: str, number: int) -> Verdict:
    """The disk is full once so much has come; somebody else took the room."""
    place = made.place(target, piece=1 << 14, settings={"COVCAT_CHECKPOINT": str(1 << 16)})
    place.channel.hold_at = place.target.total * number // POSITIONS
    with _tmpfs(place.data, f"size={ROOM}"):
        running = place.start()
        place.channel.reached.wait(30)
        _fill(place.data, 0)
        place.channel.release()
        return _refusal_and_recovery(place, running.wait(), must_fail=True)


def _full_at_start(made: World, target: str, number: int) -> Verdict:
    """There is room for a part of it only."""
    place = made.place(target)
    need = place.target.total + sum(map(len, place.target.files.values()))
    with _tmpfs(place.data, f"size={ROOM}"):
        _fill(place.data, need * number // POSITIONS)
        return _refusal_and_recovery(place, place.fetch(), must_fail=number == 0)


def _few_inodes(made: World, target: str, number: int) -> Verdict:
    place = made.place(target)
    with _tmpfs(place.data, f"size={ROOM},nr_inodes={number + 2}"):
        ended = place.fetch()
        _mount("-o", "remount,nr_inodes=1000", str(place.data))
        return _refusal_and_recovery(place, ended, must_fail=number == 0)


def _refusal_and_recovery(place: Place, ended: Ended, *, must_fail: bool) -> Verdict:
    """A clear refusal with nothing under the final name; with room again, all is well."""
    faults = [*after_kill(place), *_of_refusal(place, ended, "No space left", must_fail)]
    (place.data / FILLER).unlink(missing_ok=True)
    return after_success(place, place.fetch(), faults)


def _of_refusal(place: Place, ended: Ended, reason: str, must_fail: bool) -> list[str]:
    """Say what is wrong with how a run that met a disk error has ended."""
    faults = of_output(ended)
    if ended.code == 0 and not must_fail:
        return faults
    said = last_line(ended.err)
    names_it = reason in ended.err or "free" in said or "space" in said
    if ended.code != DISK_ERROR:
        faults.append(f"expected exit {DISK_ERROR}, got {ended.code}: {said}")
    elif not said.startswith("error: ") or not names_it:
        faults.append(f"the message does not say the reason ({reason}): {said}")
    return faults


def _fill(folder: Path, leave: int) -> None:
    """Take all room of the disk but so many bytes."""
    with contextlib.suppress(OSError), (folder / FILLER).open("ab", buffering=0) as filler:
        while (free := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize) > leave:
            filler.write(bytes(min(free - leave, 1 << 16)))


@contextlib.contextmanager
def _tmpfs(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"mode=755,{options}", "torture", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, timeout=20)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True, timeout=20)


def _can_mount() -> bool:
    if os.geteuid() != 0:
        return False
    try:
        with world() as made, _tmpfs(made.root / "try", "size=1m"):
            return True
    except (OSError, subprocess.SubprocessError):
        return False


def _refused(wish: Wish) -> Tally:
    """Each call that changes the disk fails once or from then on, with one error after another."""
    if STRACE is None:
        return left_out("disk errors", MISSING)
    with world(one_file(2 * SMALL), zip_and_two(SMALL)) as made:
        spots = [(plan, point) for plan in plans(made) for point in plan.points()]
        cases = [
            _refusing(plan, point, ERRORS[number % len(ERRORS)], number // len(ERRORS) % 2 == 1)
            for number, (plan, point) in enumerate(spots)
        ]
        return conduct("disk errors", wish.some(cases, 15), BUDGETS[1])


def _refusing(plan: Plan, point: Point, name: str, for_ever: bool) -> Case:

    def attempt() -> Verdict:
        place = plan.place()
        plus = "+" if for_ever else ""
        ended = place.fetch(point.prefix(place, f"error={name}:when={{n}}{plus}"), "names")
        faults = after_kill(place)
        reason = os.strerror(getattr(errno, name))
        faults += _of_refusal(place, ended, reason, must_fail=False)
        # Where only tidying up was refused, the run is right to say that all is well.
        verdict = after_success(place, place.fetch(), faults, may_litter=ended.code == 0)
        place.remove()
        return verdict

    return Case(f"{plan.label}: {name}{' for ever' if for_ever else ''} at {point}", attempt)
