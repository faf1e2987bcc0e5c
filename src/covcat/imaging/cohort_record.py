"""What was asked of which files, as `query.json` beside a cohort: enough to make it again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from covcat.catalog.entries import USES
from covcat.errors import IntegrityError, NotFoundError, UsageError
from covcat.files import disk_errors, opened
from covcat.imaging.checked import ReleaseState
from covcat.imaging.cohort import Cohort, CohortCounts, CohortRule
from covcat.imaging.query import ONE_PER, Question
from covcat.seal import parse_json
from covcat.version import __version__

SCHEMA = "covcat.cohort/1"
NAME = "query.json"
_MOST_BYTES = 64 << 20  # of a record

Form = Literal["list", "csv", "links", "copies"]
FORMS: tuple[Form, ...] = ("list", "csv", "links", "copies")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cohort that was made."""

    covcat: str
    form: Form
    question: Question
    allow_unknown_license: bool
    releases: tuple[ReleaseState, ...]
    counts: CohortCounts
    found_in: tuple[ReleaseState, ...] = ()

    @property
    def rule(self) -> CohortRule:
        """What was asked."""
        return CohortRule(self.question, self.allow_unknown_license)


class Remade(Protocol):
    """What says of which files images were chosen, and by which rule."""

    @property
    def releases(self) -> Sequence[ReleaseState]:
        """The state of each release then."""
        ...

    @property
    def found_in(self) -> Sequence[ReleaseState]:
        """The same of others, in which pictures were found."""
        ...

    @property
    def rule(self) -> CohortRule:
        """What was asked."""
        ...


def question_of(tree: Mapping[str, Any]) -> Question:
    """Read a recorded question; a ValueError says that this covcat cannot ask it.

    Some of its words become a part of SQL.
    """
    from pydantic import TypeAdapter

    asked: Question = TypeAdapter(Question).validate_python(tree)
    if set(asked.allows) - set(USES) or asked.one_per not in (None, *ONE_PER):
        raise ValueError("it asks for what this covcat does not know")
    return asked


def to_json(cohort: Cohort, form: Form) -> str:
    """Return the record of a cohort; all but the manifests' digests is the same for everybody."""
    question = asdict(cohort.rule.question)
    del question["with_files_only"]  # a cohort has no others
    command = ["covcat", "select", *cohort.asked, *cohort.rule.options(), "--as", form]
    record = {
        "schema": SCHEMA,
        "covcat": __version__,
        "command": shlex.join(command),
        "form": form,
        "question": question,
        "allow_unknown_license": cohort.rule.allow_unknown_license,
        "releases": [asdict(one.index.state) for one in cohort.asked.values()],
        "found_in": [asdict(one.index.state) for one in cohort.holding.values()],
        "counts": asdict(cohort.counts),
    }
    return json.dumps(record, indent=2) + "\n"


def read(path: Path) -> Recorded:
    """Read the record of a cohort, or of the folder that has one."""
    from pydantic import TypeAdapter

    path = path / NAME if path.is_dir() else path
    if not path.exists():
        raise NotFoundError(
            f"there is no record of a cohort `{path}`",
            hint="covcat select cohen --covid yes --output cohort",
        )
    try:
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            tree = parse_json(stream.read(_MOST_BYTES))
        if tree["schema"] != SCHEMA:
            raise ValueError(f"its schema is {tree['schema']}")
        question_of(tree["question"])
        found = TypeAdapter(Recorded).validate_python(tree)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"`{path}` is not what `covcat select` records of a cohort",
            cause=str(error).partition("\n")[0],
            hint="covcat select cohen --covid yes --output cohort",
        ) from error
    return found


def check_same_files(cohort: Cohort, recorded: Remade) -> None:
    """Check that the releases have the files that they had."""
    before = {one.release: one for one in (*recorded.releases, *recorded.found_in)}
    lines = []
    for part in (cohort.asked | cohort.holding).values():
        now, then = part.index.state, before[part.name]
        if now.files != then.files:
            lines.append(f"{now.release}: files expected {then.files:,}, got {now.files:,}")
        elif now.files_sha256 != then.files_sha256:
            lines.append(f"{now.release}: not all files as they were, of {now.files:,}")
    if lines:
        raise IntegrityError(
            "the cohort cannot be made again: the releases are not those it was made of",
            details=lines,
            hint=_anew(recorded),
        )


def check_same_images(cohort: Cohort, recorded: Recorded) -> None:
    """Check that of the same files the same images are chosen, in the same order."""
    now, then = cohort.counts, recorded.counts
    if now.images_sha256 != then.images_sha256:
        raise IntegrityError(
            "the cohort cannot be made again: of the same files other images are chosen, "
            f"expected {then.chosen:,} of {then.rows:,} rows, got {now.chosen:,} of {now.rows:,}",
            cause=f"covcat {recorded.covcat} with its catalog chose then, {__version__} now",
            hint=_anew(recorded),
        )


def _anew(recorded: Remade) -> str:
    names = [one.release for one in recorded.releases]
    return shlex.join(["covcat", "select", *names, *recorded.rule.options()])
