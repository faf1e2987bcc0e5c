"""cite: whom to thank, in the form that a paper's tools read."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from covcat.catalog import citations
from covcat.catalog.entries import Citation, Resource
from covcat.cli.declare import choice, flag, ids, value
from covcat.cli.printing import put
from covcat.cli.session import Session, envelope, put_document
from covcat.errors import CovcatError, NotFoundError, UsageError
from covcat.store import lockfile, manifest
from covcat.text import escaped

FORMATS = ("bibtex", "ris", "csl-json", "text", "json")
Dated = tuple[Citation, str | None]  # a site with the day on which it was seen
Named = list[tuple[Resource, str | None]]  # with the release, where one is named


def cite(
    ctx: typer.Context,
    names: Annotated[list[str] | None, ids("Resources.")] = None,
    lock: Path | None = value("--from", "A covcat.lock: cite all that it names.", "FILE"),
    with_sources: bool = flag("--with-sources", "Also what these contain, or have labels of."),
    output: str = choice(FORMATS, "bibtex, ris, csl-json, text or json.", default="bibtex"),
) -> None:
    """Print how to cite resources.

    Example: covcat cite cohen v7 --with-sources > covid.bib
    """
    session: Session = ctx.obj
    releases = _wanted(session, names or [], lock)
    resources = list({one.id: one for one, _ in releases}.values())
    lone = [one.id for one in resources if not one.citation]
    if lone:
        raise NotFoundError(
            f"no citation is known for {', '.join(lone)}", hint=f"covcat show {lone[0]}"
        )
    if with_sources:
        known = {one.id: one for one in session.catalog.resources}
        resources = citations.with_sources(resources, known)
        for one in resources:
            if not one.citation:
                session.say(f"note: no citation is known for {one.id}, a source of these")
    _print(session, _dated(session, releases, resources), output)


def _wanted(session: Session, names: list[str], lock: Path | None) -> Named:
    if bool(names) == (lock is not None):
        problem = "names and --from together" if names else "nothing to cite"
        raise UsageError(
            f"{problem}: expected ids, or --from covcat.lock",
            hint="covcat cite cohen, or covcat cite --from covcat.lock; covcat list has the ids",
        )
    if lock is None:
        return [(session.catalog.find(name)[0], name.partition("@")[2] or None) for name in names]
    wanted: Named = []
    for one in lockfile.read(lock).releases:
        resource = session.catalog.get(one.id)
        wanted.append((resource, one.release))
        if one.release not in {release.id for release in resource.releases}:
            session.say(f"note: the catalog has no release `{one.release}` of {one.id} any more")
    if not wanted:
        raise UsageError(f"`{lock}` names no release", hint="covcat lock cohen")
    return wanted


def _dated(session: Session, wanted: Named, resources: list[Resource]) -> list[Dated]:
    """Give each work once; what has an address only, with the day on which it was seen."""
    chosen = {one.id: release for one, release in wanted}
    days: dict[str, str | None] = {}
    for resource in resources:
        seen = _fetched(session, resource.id, chosen.get(resource.id))
        for one in filter(citations.is_site, resource.citation):
            days[str(one.fields)] = days.get(str(one.fields)) or seen
    found = [(one, days.get(str(one.fields))) for one in citations.unique_works(resources)]
    undated = [one.key for one, seen in found if citations.is_site(one) and seen is None]
    if undated:
        session.say(
            f"note: no date of access is known of {', '.join(undated)}: add the day on which you "
            "saw it"
        )
    return found


def _fetched(session: Session, resource_id: str, release_id: str | None) -> str | None:
    """Return the day on which a resource came here: of several releases, the last one."""
    days = []
    try:
        for one, release, folder in session.store.releases():
            if one == resource_id and release_id in (None, release):
                days.append(date.fromisoformat(manifest.load(folder).created_at[:10]).isoformat())
    except (CovcatError, ValueError):  # what is here is damaged: then nothing is known
        return None
    return max(days, default=None)


def _print(session: Session, cited: list[Dated], output: str) -> None:
    if session.json or output == "json":
        data = [citations.to_dict(one) | ({"accessed": day} if day else {}) for one, day in cited]
        put(sys.stdout, envelope("cite", data))
    elif output == "csl-json":
        items = [citations.csl(one, day) for one, day in cited]
        put(sys.stdout, json.dumps(items, indent=2) + "\n")
    elif output == "ris":
        records = [map(escaped, citations.ris(one, day)) for one, day in cited]
        text = "\r\n".join("".join(f"{line}\r\n" for line in one) for one in records)
        put_document(text.encode())
    else:
        render = citations.sentence if output == "text" else citations.bibtex
        texts = ["\n".join(map(escaped, render(one, day).split("\n"))) for one, day in cited]
        text = ("\n" if output == "text" else "\n\n").join(texts) + "\n"
        put_document(text.encode())
