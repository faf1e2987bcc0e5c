"""A cohort -> each of its subjects on a side; with an earlier split's lock, none on another one."""

from dataclasses import replace

from covcat.errors import IntegrityError, UsageError
from covcat.imaging.cohort import Cohort
from covcat.overlap import growth
from covcat.overlap.split import Division, Wanted, assign, best_seed, check_possible
from covcat.overlap.split_lock import SplitLock
from covcat.overlap.subjects import subjects_of
from covcat.text import plural

_NAMED = 8  # subjects on no side


def as_before(wanted: Wanted | None, seed: int | None, before: SplitLock) -> Wanted:
    """Return what an earlier split was asked for, where that is asked for again or left open."""
    then = before.as_shares
    said = ",".join(f"{side}={float(share):g}" for side, share in then.items())
    pairs = [("--shares", said, wanted is None or wanted.shares == then)]
    pairs += [("--seed", str(before.seed), seed in (None, before.seed))]
    for option, was, is_same in pairs:
        if not is_same:
            raise UsageError(
                f"the earlier split was made with {option} {was}: expected the same",
                hint=f"leave {option} out, or write to another folder, in which no split.lock is",
            )
    return Wanted(then, before.seed, before.stratify)


def divide(cohort: Cohort, wanted: Wanted, before: SplitLock | None = None) -> Division:
    """Decide who goes where."""
    subjects = subjects_of(cohort, wanted.stratify)
    check_possible(subjects, wanted.shares)
    known = growth.stay(cohort, subjects, before) if before is not None else {}
    seed = best_seed(subjects, wanted.shares) if wanted.seed is None else wanted.seed
    sides = assign(subjects, wanted.shares, seed, known)
    return Division(cohort, subjects, sides, replace(wanted, seed=seed), len(known))


def as_locked(cohort: Cohort, lock: SplitLock) -> Division:
    """Return a split that was made, if nobody is on two sides by what is known now.

    Raises:
        IntegrityError: two subjects are one by now, or somebody is on no side.
    """
    subjects = subjects_of(cohort)
    known = growth.stay(cohort, subjects, lock)
    if lacking := [name for n, name in enumerate(subjects.names) if n not in known]:
        raise IntegrityError(
            f"{plural(len(lacking), 'subject')} of {len(subjects.names):,} on no side of the split",
            details=[f"`{name}`" for name in lacking[:_NAMED]],
            hint="make the split again, with the options and the --output of before",
        )
    sides = [known[number] for number in range(len(subjects.names))]
    return Division(cohort, subjects, sides, Wanted(lock.as_shares, lock.seed), len(known))
