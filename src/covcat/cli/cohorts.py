"""What is asked, or was recorded -> the cohort that `split` and `export` work on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from covcat.cli import found as found_rows
from covcat.cli import indexes
from covcat.cli.session import Session

if TYPE_CHECKING:
    from covcat.imaging.cohort import Cohort, CohortRule, IndexedRelease
    from covcat.imaging.cohort_record import Recorded, Remade
    from covcat.imaging.query import Question


def asked(session: Session, names: list[str] | None, question: "Question", done: str) -> "Cohort":
    """Return everything that passes; a licence matters only where the question has one."""
    from covcat.imaging.cohort import CohortRule

    rule = CohortRule(question, allow_unknown_license=not question.allows)
    return _of(session, names, rule, done)


def recorded(session: Session, record: "Recorded", done: str) -> "Cohort":
    """Return a cohort that `select` made: of the same files the same images."""
    from covcat.imaging.cohort_record import check_same_images

    cohort = of_same_files(session, record, done)
    check_same_images(cohort, record)
    return cohort


def of_same_files(session: Session, record: "Remade", done: str) -> "Cohort":
    """Ask again what was asked, of releases that have the files that they had."""
    from covcat.imaging.cohort_record import check_same_files

    names = [one.release for one in record.releases]
    cohort = _of(session, names, record.rule, done, record)
    check_same_files(cohort, record)
    return cohort


def _of(
    session: Session,
    names: list[str] | None,
    rule: "CohortRule",
    done: str,
    record: "Remade | None" = None,
) -> "Cohort":
    # what is made of some is not a part of what is made of all
    found, _ = indexes.indexes(session, names, needs_all=True, is_again=record is not None)
    return of_indexes(session, found, rule, done, record)


def of_indexes(
    session: Session,
    found: "Mapping[str, IndexedRelease]",
    rule: "CohortRule",
    done: str,
    record: "Remade | None" = None,
) -> "Cohort":
    """Return what a rule chooses of releases; of a `record`, with pictures of where it had them."""
    from covcat.imaging.cohort import Cohort

    parts = list(found.values())
    indexes.warn_of_doubles(session, parts, done)
    if rule.question.found:
        parts = found_rows.with_pictures(session, parts, rule.question, record)
    return Cohort(parts, rule)
