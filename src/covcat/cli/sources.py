"""--of: a cohort, a split, a table of rows or anybody's lists -> what `export` and `report` are of.

A cohort or a split is made again of the same files, and its table must still say the same. A table
without such a record says itself which rows are meant; lists name pictures of what is here.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from covcat.catalog.columns import Record
from covcat.cli import cohorts, indexes
from covcat.cli.session import Session
from covcat.errors import CovcatError, IntegrityError, NotFoundError, UsageError
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.imaging.cohort import Cohort
    from covcat.imaging.cohort_record import Recorded
    from covcat.overlap.chosen import Chosen, NamedRows
    from covcat.overlap.split_lock import SplitLock

_HINT = "covcat select cohen --covid yes --output cohort"


@dataclass(frozen=True, slots=True)
class CohortSource:
    """What --of names."""

    of: str  # as it was typed
    cohort: "Cohort"
    side_of: Callable[[Record], str] | None = None  # of a split that covcat made
    lock: "SplitLock | None" = None
    named: "Chosen | None" = None  # by a table or by lists
    failed: Mapping[str, CovcatError] = field(default_factory=dict)  # releases that are left out


def source_of(
    session: Session, paths: Sequence[Path], names: list[str] | None, done: str
) -> CohortSource:
    """Find the rows that are meant; `names` say of which releases the names of lists are."""
    from covcat.overlap.chosen import Chosen, read_chosen

    for path in paths:
        if not path.exists():
            raise NotFoundError(f"`{path}` is not there", hint=_HINT)
    record = _record_of(paths[0]) if len(paths) == 1 else None
    chosen = None if record is not None else read_chosen(paths)
    if names and (record is not None or isinstance(chosen, Chosen)):
        raise UsageError("--of says which pictures: expected no ID beside it")
    if record is not None:
        return _made_again(session, paths[0], *record, done)
    assert chosen is not None
    return _named(session, chosen, names, done)


def _record_of(path: Path) -> "tuple[Path, Recorded | SplitLock] | None":
    """Read the record of a folder, a table or a list that covcat wrote; or itself, if it is one.

    A table beside a split.lock is of that split if the command that made it names the table.
    """
    from covcat.imaging import cohort_record
    from covcat.overlap import split_lock

    beside, lock = (
        path.with_name(f"{path.name}.{cohort_record.NAME}"),
        path.parent / split_lock.NAME,
    )
    places = [beside]
    if path.is_dir():
        places = [path / split_lock.NAME, path / cohort_record.NAME]
    elif path.name.endswith((cohort_record.NAME, split_lock.NAME)):
        places.append(path)
    elif path.suffix.lower() == ".csv":
        places.append(lock)
    record = next((one for one in places if one.exists()), None)
    if record is None:
        return None
    if not record.name.endswith(split_lock.NAME):
        return record, cohort_record.read(record)
    known = split_lock.read(record)
    is_beside = record == lock and path != lock
    is_another = is_beside and not any(
        word.endswith(path.name) for word in shlex.split(known.command)
    )
    return None if is_another else (record, known)


def _made_again(
    session: Session, path: Path, record: Path, known: "Recorded | SplitLock", done: str
) -> CohortSource:
    from covcat.overlap import divide, split_files
    from covcat.overlap.split_lock import SplitLock

    if isinstance(known, SplitLock):
        cohort = cohorts.of_same_files(session, known, done)
        source = CohortSource(str(path), cohort, divide.as_locked(cohort, known).side_of, known)
    else:
        source = CohortSource(str(path), cohorts.recorded(session, known, done))
    if path.suffix.lower() == ".csv":
        split_files.check_table(path, record, source.cohort, source.side_of)
    return source


def _named(
    session: Session, chosen: "Chosen | NamedRows", names: list[str] | None, done: str
) -> CohortSource:
    """Find what a table or lists name, in the releases that they are of."""
    from covcat.imaging.cohort import CohortRule
    from covcat.imaging.query import count
    from covcat.overlap.chosen import NamedRows, find_named

    asked = names if isinstance(chosen, NamedRows) else [*chosen.releases]
    found, failed = indexes.indexes(session, asked, needs_all=bool(asked))
    every = [one.index for one in found.values()]
    if isinstance(chosen, NamedRows):
        chosen = find_named(chosen, every, is_asked=bool(names))
        found = {name: one for name, one in found.items() if name in chosen.releases}
        _warn_of_lost(session, chosen)
    elif (known := sum(count(one, chosen.question) for one in every)) != len(chosen.keys):
        raise IntegrityError(
            f"`{chosen.of}` names rows that are not here: expected {len(chosen.keys):,}, got "
            f"{known:,}",
            hint=shlex.join(["covcat", "fetch", *chosen.releases]),
        )
    rule = CohortRule(chosen.question, allow_unknown_license=True)
    cohort = cohorts.of_indexes(session, found, rule, done)
    return CohortSource(chosen.of, cohort, named=chosen, failed=failed)


def _warn_of_lost(session: Session, chosen: "Chosen") -> None:
    if chosen.lost:
        lost, some = plural(len(chosen.lost), "name"), indexes.first_of(chosen.lost)
        session.say(f"warning: of {lost} no picture is here, or it is not clear: {some}")
