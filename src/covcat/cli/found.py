"""--found: rows of labels with their pictures in other sets, and what those lack."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from covcat.catalog.columns import FOUND_NAMES, NAMES, Record
from covcat.catalog.entries import Release, Resource
from covcat.cli import indexes, options
from covcat.cli.session import Session
from covcat.errors import DiskError, IntegrityError, UsageError
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.imaging.cohort import IndexedRelease
    from covcat.imaging.cohort_record import Remade
    from covcat.imaging.elsewhere import Elsewhere, FoundCounts, Others
    from covcat.imaging.opening import Index
    from covcat.imaging.query import Question

COLUMNS = (*NAMES, *FOUND_NAMES)
SHORT = ("resource", "filename", "finding", "patient_id", "found_in", "found_path", "found_license")


@dataclass(frozen=True, slots=True)
class Lists:
    """What `counts --published` tells of lists whose pictures lie elsewhere."""

    lists: list[dict[str, Any]] = field(default_factory=list)
    ways: dict[str, str] = field(default_factory=dict)  # what brings the pictures of a set


def elsewhere(session: Session, found: "Iterable[IndexedRelease]") -> "list[Elsewhere]":
    """Return what finds the pictures of each release in all that is here."""
    from covcat.imaging.elsewhere import Elsewhere

    others = _others(session)
    return [Elsewhere(one.index, one.release, others.of, others) for one in found]


def with_pictures(
    session: Session,
    parts: "Iterable[IndexedRelease]",
    question: "Question",
    record: "Remade | None" = None,
) -> "list[IndexedRelease]":
    """Ask releases for rows of labels -> where their pictures lie; say what lacks one."""
    from covcat.imaging import elsewhere
    from covcat.imaging.index import here

    only = None
    if record is not None:
        only = [one.release for one in (*record.releases, *record.found_in)]
        here(session.catalog, session.store, only)
    found, every = elsewhere.with_pictures(parts, question, _others(session, only))
    tell_each(session, every)
    return found


def _others(session: Session, only: Collection[str] | None = None) -> "Others":
    from covcat.imaging.elsewhere import Others

    def opened(resource: Resource, release: Release) -> "Index | None":
        try:
            return indexes.index_here(session, resource, release)
        except (IntegrityError, DiskError) as error:
            session.say(f"warning: no picture is looked for in it: {error.message}")
            return None

    return Others(session.catalog, session.store, opened, only)


def records(
    every: "Iterable[Elsewhere]", question: "Question", *, everything: bool
) -> Iterator[Record]:
    """Give the rows whose picture was found, or all rows."""
    for one in every:
        for record in one.records(question):
            if everything or record["found_in"]:
                yield record


def columns_of(text: str | None, one_per: str | None, *, is_asked: bool) -> tuple[str, ...] | None:
    """Read which columns are asked for: with --found there are more."""
    if is_asked and one_per is not None:
        raise UsageError("--found gives each row of labels: it takes no --one-per")
    return options.columns_of(text, COLUMNS if is_asked else NAMES)


def tell_each(session: Session, every: "Iterable[Elsewhere]") -> None:
    """Say of each release where the pictures of its rows are."""
    for one in every:
        tell(session, one.index.name, one.release, one.counts)


def tell(session: Session, name: str, release: Release, counts: "FoundCounts") -> None:
    """Say where the pictures of rows are, how many lack theirs, and what would bring them."""
    rows, found = sum(counts.rows.values()), counts.found_in()
    where = "".join(f", {number:,} in {one}" for one, number in found.items())
    total, copies = sum(found.values()), counts.found_by().get("same_as", 0)
    where += f"; {copies:,} of them by what `overlap` found" if copies else ""
    session.say(f"{name}: of {plural(rows, 'row')} of labels {total:,} have a picture here{where}")
    _warn_of_several(session, name, counts)
    lacking = counts.lacking_in()
    for sets, number in lacking.items():
        session.say(f"{name}: {plural(number, 'row')} without a picture here: in {_either(sets)}")
    _tell_ways(session, name, release, lacking)


def tell_lists(session: Session, one: "IndexedRelease", told: Lists) -> None:
    """Say list by list how many pictures are here, and which sets may have the others."""
    if not one.release.images_in:
        return
    (rest,) = elsewhere(session, [one])
    counts, name = rest.count(), one.index.name
    every = [counts.of_list(table) for table in counts.rows]
    for its in every:
        where = ", ".join(f"{number:,} in {at}" for at, number in its["found_in"].items())
        text = f"{its['pictures']:,} of {plural(its['rows'], 'row')} have a picture here"
        copies = its["found_by"].get("same_as", 0)
        where += f"; {copies:,} by what `overlap` found" if copies else ""
        text += f" ({where})" if where else ""
        more = ", ".join(f"{each['rows']:,} in {_either(each['sets'])}" for each in its["lacking"])
        session.say(f"{name}: {its['list']}: {text}" + (f"; not here: {more}" if more else ""))
    _warn_of_several(session, name, counts)
    told.lists.extend({"release": name, **its} for its in every)
    told.ways.update(_tell_ways(session, name, one.release, counts.lacking_in()))


def _either(sets: Iterable[str]) -> str:
    return " or ".join(sets) or "no set that the catalog knows"


def _warn_of_several(session: Session, name: str, counts: "FoundCounts") -> None:
    places = "; ".join(counts.named)
    for one, number in counts.several.items():
        session.say(f"warning: {name}: {plural(number, 'row')} could be several of {one}: {places}")


def _tell_ways(
    session: Session, name: str, release: Release, lacking: Iterable[tuple[str, ...]]
) -> dict[str, str]:
    """Say what brings pictures that are not here: commands, or what a person does."""
    every = list(dict.fromkeys(one for sets in lacking for one in sets))
    if {one.resource for one in release.images_in} & {*every}:
        session.say(f"  all of these that covcat can fetch: covcat fetch --for {name}")
    ways = {one: _way(session, name, release, one) for one in every}
    for one, way in ways.items():
        session.say(f"  {one}: {way}")
    return ways


def _way(session: Session, name: str, release: Release, wanted: str) -> str:
    """Say what brings the pictures of a set: the first release that is not here, or a person."""
    for one in release.images_outside:
        if one.of == wanted:
            return one.get
    resource = session.catalog.get(wanted)
    here = {f"{id}@{at}" for id, at, _ in session.store.releases() if id == wanted} - {name}
    exact = [one.name for one in release.images_in if one.resource == wanted and one.release]
    newest = [resource.default_release] if resource.default_release else []
    others = [f"{wanted}@{one.id}" for one in (*newest, *reversed(resource.releases))]
    coming = [one for one in (*exact, *others) if one not in here and one != name]
    what = f"not in {', '.join(sorted(here))}; " if here else ""
    return f"{what}covcat fetch {coming[0]}" if coming else f"{what}no other release is known"
