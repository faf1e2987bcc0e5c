"""license: what is known of a resource's terms, and a record that they were accepted."""

import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covcat.catalog import terms
from covcat.catalog.entries import USES, Resource
from covcat.cli import indexes
from covcat.cli.declare import flag, ids
from covcat.cli.formats import Rows
from covcat.cli.options import OutputFormat
from covcat.cli.session import Session, readable
from covcat.errors import CovcatError, UsageError
from covcat.store import accepted
from covcat.text import escaped

if TYPE_CHECKING:
    from covcat.imaging.cohort import LicenseCount


def license_command(
    ctx: typer.Context,
    names: Annotated[list[str] | None, ids("Default: a table of all resources.", "ID")] = None,
    accept: bool = flag("--accept", "Record, in the data folder, that you accept these terms."),
    output: OutputFormat = None,
) -> None:
    """Say what is known of a licence: what it allows, and where sources contradict each other.

    Nothing is blocked by it. --accept records the time and the sha256 of this text, not who it was.

    Example: covcat license coronacases cohen
    """
    session: Session = ctx.obj
    if not names and accept:
        raise UsageError("--accept wants an ID", hint="covcat license cohen --accept")
    if not names:
        known = accepted.accepted(session.store)
        rows = [
            {
                "id": one.id,
                "licence": one.license.short,
                **asdict(one.license.allows),
                "accepted": _state(one, accepted.last(known, one)),
            }
            for one in session.catalog.resources
            if not one.is_sample
        ]
        drawn = Rows(("id", "licence", *USES, "accepted"), rows, spared=("accepted", "licence"))
        session.rows("license", drawn, data={"licenses": rows}, output=output)
        return
    if output not in (None, "json"):
        raise UsageError(f"--format {output} is for the table of all: expected no ID, or json")
    resources = {one.id: one for one, _ in map(session.catalog.find, names)}
    for one in resources.values() if accept else ():
        record = accepted.accept(session.store, one)
        where = accepted.place(session.store)
        session.say(f"{one.id}: accepted at {record.at}: recorded in `{where}`")
    known = accepted.accepted(session.store)
    told = [_told(session, one, accepted.last(known, one)) for one in resources.values()]
    if output == "json":
        session = replace(session, json=True)
    every = [data for data, _ in told]
    data = every[0] if len(every) == 1 else {"resources": every}
    session.result("license", data, "\n".join(text for _, text in told))


def is_unclear(session: Session, resource: Resource) -> bool:
    """Tell if a fetch should point to the terms: their name says little, nobody accepted them."""
    if not terms.is_unsettled(resource):
        return False
    try:
        record = accepted.last(accepted.accepted(session.store), resource)
    except CovcatError:  # a damaged record must not stop a fetch
        return True
    return not _is_of_these(resource, record)


def _is_of_these(resource: Resource, record: accepted.Accepted | None) -> bool:
    """Tell if the terms were accepted as they are now."""
    return record is not None and record.terms_sha256 == terms.digest(resource)


def _state(resource: Resource, record: accepted.Accepted | None) -> str | None:
    if record is None:
        return None
    other = "" if _is_of_these(resource, record) else "other terms, "
    return f"{other}{record.at[:10]}"


def _told(
    session: Session, resource: Resource, record: accepted.Accepted | None
) -> tuple[dict[str, Any], str]:
    """Return what --json has of a resource, and what a person reads, folded on a terminal."""
    tallies = _per_image(session, resource)
    data = {
        "resource": resource.id,
        "license": asdict(resource.license),
        "is_unsettled": terms.is_unsettled(resource),
        "terms": terms.to_text(resource),
        "terms_sha256": terms.digest(resource),
        "accepted": asdict(record) if record else None,
        "record": str(accepted.place(session.store)) if record else None,
        "is_accepted": _is_of_these(resource, record),
        "images": [asdict(one) for one in tallies],
    }
    text = terms.to_text(resource)
    for one in tallies:
        name = escaped(one.license, 100) if one.license else "(none stated)"
        allows = ", ".join(f"{use} {one.allows[use]}" for use in USES)
        text += f"  {one.images:>7,} images  {name}: {allows}\n"
    if "unknown" in asdict(resource.license.allows).values():
        text += "unknown is not a yes: ask whoever owns the images\n"
    if record:
        text += f"accepted: {_state(resource, record)}\n"
    return data, "".join(readable(line, sys.stdout) for line in text.splitlines())


def _per_image(session: Session, resource: Resource) -> "list[LicenseCount]":
    """Count the licences of the images, where each has its own and they are here."""
    if resource.license.per_image is None:
        return []
    here = [one for one in session.store.releases() if one[0] == resource.id]
    if not here:
        session.say(f"note: `covcat fetch {resource.id}`, then this counts its images by licence")
        return []
    from covcat.imaging.cohort import Cohort, CohortRule
    from covcat.imaging.query import Question

    try:
        _, release = session.catalog.find("@".join(here[-1][:2]))
        assert release is not None  # it was found by its name
        part = indexes.indexed(session, resource, release)
        return list(Cohort([part], CohortRule(Question(), True)).counts.licenses)
    except CovcatError as error:  # the terms are what was asked for
        session.say(f"note: its images could not be counted: {error.message}")
        return []
