"""split: train, validation and test without a subject on two sides; and lists of others judged."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from covcat.cli import cohorts, indexes, options
from covcat.cli.declare import choice, grouped, new_file, some_columns, value
from covcat.cli.formats import Cell, Rows
from covcat.cli.progress import drawn
from covcat.cli.session import Session, without_ids
from covcat.errors import UsageError
from covcat.files import check_new
from covcat.store.folder import check_outside
from covcat.text import escaped, plural

if TYPE_CHECKING:
    from covcat.imaging.cohort import Cohort
    from covcat.imaging.cohort_record import Form
    from covcat.imaging.query import Question
    from covcat.overlap.split import Balance, Division
    from covcat.overlap.split_lock import SideCounts, SplitLock

_SHARES = "70,15,15"
_NAMED = 8  # strata that stderr names
_FAR = 5.0  # points from its share, of which a side is told


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from covcat.cli.split_check import check

    app.command("split")(split)
    app.command("split check")(check)


@grouped
def split(
    ctx: typer.Context,
    names: options.Names = None,
    *,
    labels: options.Labels,
    where: options.Where = None,
    one_per: options.OnePer = None,
    found_elsewhere: options.FoundElsewhere = False,
    earlier: Path | None = value(
        "--from", "The query.json of a cohort, or its folder: split that.", "FILE"
    ),
    output: Path | None = new_file("A csv, or a new folder; else only counts.", "FILE|DIR"),
    shares: str | None = value(
        "--shares", f"Of train, val and test, such as {_SHARES} or train=0.8,test=0.2.", "A,B,C"
    ),
    stratify: str | None = some_columns("--stratify", "Balance these columns."),
    seed: int | None = value("--seed", "This one; else the best of 1,000 is searched.", "N", min=0),
    lock: Path | None = value(
        "--lock",
        "The split.lock of an earlier split: who was there stays. "
        "Default: the one beside --output.",
        "FILE",
    ),
    named: str | None = some_columns("--columns", "Of the csv only these and split."),
    form: str | None = choice(
        ("csv", "links", "copies"),
        "csv, or a folder of links or copies. Default: by the suffix of --output.",
        "--as",
    ),
    force: options.Force = False,
) -> None:
    """Split images into train, val and test so that no subject is on two sides.

    A subject is a patient, joined with others by the same picture. Who was in an earlier split, of
    which split.lock tells, stays where it was; what would join two sides is an error.

    Example: covcat split cohen --stratify finding --output split.csv
    """
    from covcat.overlap import divide, split_files, split_lock
    from covcat.overlap import split as splitting

    session: Session = ctx.obj
    question = labels.question(where, one_per, found=found_elsewhere)
    chosen = _form(form, output)
    if named is not None and chosen != "csv":
        raise UsageError("--columns is for a csv: a folder's split.csv has all of them")
    if output is not None:
        check_new(output, force=force if chosen == "csv" else None)
        check_outside(session.data_dir, output)
    wanted = splitting.Wanted(
        splitting.read_shares(shares or _SHARES), seed, options.columns_of(stratify) or ()
    )
    before = _earlier_lock(output, chosen, lock)
    if before is not None:
        then = divide.as_before(None if shares is None else wanted, seed, before)
        wanted = replace(then, stratify=wanted.stratify or then.stratify)
    cohort = _cohort(session, names, question, earlier)
    columns = options.columns_of(named, cohort.columns) or cohort.columns
    made = divide.divide(cohort, wanted, before)
    if before is not None:
        new = len(made.sides) - made.stayed
        session.say(f"{plural(made.stayed, 'subject')} of the earlier split stay, {new:,} are new")
    record = split_lock.locked(made, shlex.join(["covcat", *session.words]), before)
    if output is not None and chosen == "csv":
        split_files.to_file(made, record, output, split_files.with_split(columns), force=force)
    elif output is not None:
        with drawn(session, "auto") as progress:
            split_files.to_folder(made, record, output, chosen, progress)
    found = splitting.balances(made)
    _tell(session, made, record.counts, found)
    parts = {one.name: one.index.report.images for one in cohort.parts}
    indexes.say_not_compared(session, [name for name, images in parts.items() if images])
    lies = None if output is None else split_files.lock_beside(output, chosen)
    _print(session, made, record, output, lies)


def _form(asked: str | None, output: Path | None) -> "Form":
    """Decide the form: --as, then the suffix of --output."""
    suffix = "" if output is None else output.suffix.lower()
    if asked is None and suffix in (".tsv", ".txt", ".json", ".jsonl", ".parquet", ".xlsx"):
        raise UsageError(
            f"--output `{output}`: expected a name with .csv, or that of a folder",
            hint="covcat split --output split.csv",
        )
    return cast("Form", asked) if asked is not None else "csv" if suffix == ".csv" else "links"


def _earlier_lock(output: Path | None, form: "Form", asked: Path | None) -> "SplitLock | None":
    """Read the lock that is asked for, or the one beside the output if there is one."""
    from covcat.overlap import split_files, split_lock

    if asked is not None:
        return split_lock.read(asked)
    beside = None if output is None else split_files.lock_beside(output, form)
    return split_lock.read(beside) if beside is not None and os.path.lexists(beside) else None


def _cohort(
    session: Session, names: list[str] | None, question: "Question", earlier: Path | None
) -> "Cohort":
    """Return what is to be split: everything that passes, or a cohort that was made."""
    from covcat.imaging import cohort_record
    from covcat.imaging.query import Question

    if earlier is None:
        return cohorts.asked(session, names, question, "split")
    if names or question != Question():
        raise UsageError("--from says what is asked: expected no ID and no filter beside it")
    return cohorts.recorded(session, cohort_record.read(earlier), "split")


def _tell(
    session: Session, made: "Division", sides: "Mapping[str, SideCounts]", found: "list[Balance]"
) -> None:
    """Say on stderr who is not in it, and what may be wanting in it."""
    from covcat.imaging.cohort import NOT_HERE

    for why, number in made.subjects.left_out.items():
        verb = "is" if number == 1 else "are"
        reason = "their image is not here" if why == NOT_HERE and number > 1 else why
        session.say(f"{plural(number, 'row')} {verb} left out: {reason}")
    for side, counts in sides.items():
        share = 100 * counts.pictures / sum(one.pictures for one in sides.values())
        session.say(
            f"{side}: {plural(counts.pictures, 'picture')} ({share:.1f} %) of "
            f"{plural(counts.subjects, 'subject')}"
        )
    for column in sorted({*made.wanted.stratify} - {column for column, _ in made.subjects.strata}):
        session.say(f"warning: nothing is known of {column} in any row: it is not balanced")
    lacking = [one for one in found if one.stratum and not one.counts.get("test", 1)]
    for one in lacking[:_NAMED]:
        session.say(f"warning: {_spelt(one)}: {plural(one.subjects, 'subject')}, nobody in test")
    if len(lacking) > _NAMED:
        session.say(f"warning: nobody in test for {len(lacking) - _NAMED:,} further values")
    far = [one for one in found if one not in lacking and one.points(made.wanted.shares) > _FAR]
    for one in far[:_NAMED]:
        points = one.points(made.wanted.shares)
        session.say(
            f"note: {_spelt(one)}: {points:.1f} points from its shares, with "
            f"{plural(one.subjects, 'subject')}"
        )


def _spelt(one: "Balance") -> str:
    return "all pictures" if one.stratum is None else f"{one.stratum[0]} {escaped(one.stratum[1])}"


def _print(
    session: Session, split: "Division", made: "SplitLock", output: Path | None, lock: Path | None
) -> None:
    """Print where the split is; where nothing was written, how it lies on the sides."""
    from covcat.overlap.split import balances

    balance: list[dict[str, Any]] = [
        {
            "column": one.stratum[0] if one.stratum else "",
            "value": one.stratum[1] if one.stratum else "(all pictures)",
            "subjects": one.subjects,
            "counts": one.counts,
            "points": round(one.points(made.as_shares), 1),
        }
        for one in balances(split)
    ]
    data: dict[str, Any] = {
        "path": None if output is None else str(output),
        "lock": None if lock is None else str(lock),
        "seed": made.seed,
        "shares": {side: float(share) for side, share in made.as_shares.items()},
        "stratify": list(made.stratify),
        "sides": {side: asdict(one) for side, one in made.counts.items()},
        "balance": balance,
        "left_out": dict(split.subjects.left_out),
    }
    if output is not None:
        session.result_path("split", output, data)
        return
    strata: list[dict[str, Cell]] = [
        {**{key: one[key] for key in ("column", "value", "subjects", "points")}, **one["counts"]}
        for one in balance
    ]
    table = Rows(("column", "value", "subjects", *made.counts, "points"), strata, "value")
    session.rows("split", table, data=data, output=without_ids(session))
