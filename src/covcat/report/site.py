"""The catalog as pages: an index of all resources, and a page of each; all files of a folder.

Nothing in them depends on when or where they are made: the same catalog gives the same bytes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from covcat.catalog import in_words
from covcat.catalog.citations import sentence
from covcat.catalog.entries import CONTENT_FLAGS, MODALITIES, USES, PublishedCounts, Resource
from covcat.catalog.filter import is_fetchable
from covcat.export.json_ld import embedded, schema_org
from covcat.imaging.counts import Compared, RecountedTable
from covcat.report.rendering import render, source_of

STYLE, SCRIPT = "style.css", "script.js"
_NAMES = dict(zip(CONTENT_FLAGS, in_words.FLAGS, strict=True))
Recounted = Mapping[PublishedCounts, tuple[str, RecountedTable]]  # with the release counted


@dataclass(frozen=True, slots=True)
class ResourceCard:
    """A resource as the index has it."""

    resource: Resource
    holds: tuple[str, ...]  # what was found in it
    surveyed: tuple[str, ...]  # what the survey alone says of it
    unknown: tuple[str, ...]
    modalities: tuple[str, ...]  # by either, as `list --modality` has it
    numbers: str
    size: str


@dataclass(frozen=True, slots=True)
class ResourceOverlap:
    """What one resource has of another."""

    whole: Resource
    part: Resource
    evidence: str
    source: str


@dataclass(frozen=True, slots=True)
class CountedRow:
    """A published count, and if it holds."""

    words: str  # what the row is of
    published: str
    found: int | None
    verdict: str  # holds, differs, explained or not counted


@dataclass(frozen=True, slots=True)
class CountedTable:
    """A published table as a page has it."""

    of: str
    at: str
    source: str
    note: str
    rows: tuple[CountedRow, ...]

    @property
    def is_found(self) -> bool:
        """True where something was counted again."""
        return any(row.found is not None for row in self.rows)

    @property
    def verdict(self) -> str:
        """Return what became of each row, where that is the same of all; else nothing."""
        known = {row.verdict for row in self.rows}
        return known.pop() if len(known) == 1 else ""


def site(resources: Sequence[Resource], recounted: Recounted) -> dict[str, bytes]:
    """Return the files of a site by their paths, which lead to each other.

    `recounted` has the published tables that could be counted again.

    Raises:
        UsageError: jinja2 is not installed.
    """
    overlaps = list(find_overlaps(resources))
    pages = {
        "index.html": render(
            "site_index.html",
            root="",
            cards=[card(one) for one in resources],
            overlaps=overlaps,
            modalities={flag: _NAMES[flag] for flag in MODALITIES},
            licences=sorted({one.license.short for one in resources}, key=str.casefold),
            accesses=in_words.ACCESS,
            data=_script(_catalog_of(resources)),
        )
    }
    known = {one.id: one for one in resources}
    for one in resources:
        contained = [known[part.resource] for part in one.contains if part.resource in known]
        tables = [tabulate(table, recounted) for table in one.published]
        pages[page_of(one)] = render(
            "site_resource.html",
            root="../",
            resource=one,
            flags=_NAMES,
            uses=USES,
            words=in_words,
            sentence=sentence,
            is_fetchable=is_fetchable(one),
            tables=tables,
            usual_verdict=_usual(tables),
            inside=[row for row in overlaps if row.whole is one],
            around=[row for row in overlaps if row.part is one],
            data=_script(schema_org(one, contained)),
        )
    files = {path: text.encode("utf-8", "backslashreplace") for path, text in pages.items()}
    files[STYLE] = (source_of("style.css") + source_of("site.css")).encode()
    files[SCRIPT] = (source_of("script.js") + source_of("site.js")).encode()
    return files


def page_of(resource: Resource) -> str:
    """Return where the page of a resource lies."""
    return f"resource/{resource.id}.html"


def card(resource: Resource) -> ResourceCard:
    """Return what the index says of a resource."""
    release = resource.default_release
    counts = release.holds if release else None
    held = in_words.numbers(counts) if counts else ""
    found = [flag for flag in CONTENT_FLAGS if getattr(resource.found, flag) == "Y"]
    return ResourceCard(
        resource=resource,
        holds=tuple(_NAMES[flag] for flag in found),
        surveyed=tuple(
            _NAMES[flag] for flag in CONTENT_FLAGS if resource.has(flag) and flag not in found
        ),
        unknown=tuple(
            _NAMES[flag]
            for flag in CONTENT_FLAGS
            if getattr(resource.found, flag) == "U" and not resource.has(flag)
        ),
        modalities=tuple(flag for flag in MODALITIES if resource.has(flag)),
        numbers=held,
        size=in_words.size_in_words(release) if release else "no download",
    )


def find_overlaps(resources: Sequence[Resource]) -> Iterator[ResourceOverlap]:
    """Give what the catalog says that resources have of each other."""
    known = {one.id: one for one in resources}
    for one in resources:
        for part in one.contains:
            if part.resource in known:
                yield ResourceOverlap(one, known[part.resource], part.evidence, part.source)


def tabulate(counts: PublishedCounts, recounted: Recounted) -> CountedTable:
    """Return a published table with what became of each of its counts."""
    release, again = recounted.get(counts, ("", None))
    if again is not None:
        rows = [_counted(row) for row in again.rows if row.published is not None]
        at = f"counted again in {release}"
    else:
        rows = list(_known(counts))
        at = f"of the release {counts.release}" if counts.release else ""
    unit = "" if counts.unit.rstrip("s") in counts.of else f" ({counts.unit})"
    return CountedTable(counts.of + unit, at, counts.source, counts.note or "", tuple(rows))


def _usual(tables: Sequence[CountedTable]) -> str:
    """Return what became of every row of most tables, to be said once; else nothing."""
    verdicts = Counter(table.verdict for table in tables if table.verdict)
    ((verdict, times),) = verdicts.most_common(1) or [("", 0)]
    return verdict if times > 1 else ""


def _counted(row: Compared) -> CountedRow:
    verdicts = {
        "same": "holds",
        "explained": f"differs: {row.explained.reason}" if row.explained else "differs",
        "not counted": "cannot be counted from the pictures",
    }
    verdict = verdicts.get(row.status, "differs, and the catalog does not say why")
    return CountedRow(_words(map(str, row.row)), f"{row.published:,}", row.found, verdict)


def _known(counts: PublishedCounts) -> Iterator[CountedRow]:
    """Give the rows of a table that was not counted now: what the catalog says of each."""
    recount = counts.recount
    explained = {one.row: one for one in recount.differs} if recount else {}
    plain = (
        "not counted again, as its files were not here"
        if recount
        else "cannot be counted from the pictures"
    )
    for *key, number in counts.rows:
        known = explained.get(tuple(key))
        verdict = f"differs: {known.reason}" if known else plain
        published = f"{int(number):,}" if number.isdecimal() else number
        yield CountedRow(_words(key), published, known.found if known else None, verdict)


def _words(cells: Any) -> str:
    return " · ".join(one.replace(", ", "+") or "(blank)" for one in cells) or "all"


def _catalog_of(resources: Sequence[Resource]) -> dict[str, Any]:
    """Return the whole as schema.org's DataCatalog; each page has its own Dataset."""
    return {
        "@context": "https://schema.org/",
        "@type": "DataCatalog",
        "name": "covcat: public COVID-19 medical imaging resources",
        "keywords": ["COVID-19", "medical imaging"],
        "dataset": [
            {"@type": "Dataset", "name": one.title, "description": one.summary, "url": page_of(one)}
            for one in resources
        ],
    }


def _script(tree: Mapping[str, Any]) -> Any:
    return import_module("markupsafe").Markup(embedded(tree))
