"""The page that `show` prints."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated

import typer

from covcat.catalog import in_words
from covcat.catalog.citations import sentence, to_dict
from covcat.catalog.entries import CONTENT_FLAGS, USES, PublishedCounts, Resource
from covcat.catalog.filter import is_fetchable
from covcat.cli.declare import choice, ids, value
from covcat.cli.printing import bold, has_color, put, put_in_pager
from covcat.cli.session import Session, envelope
from covcat.cli.table import prose, terminal_width
from covcat.errors import UsageError
from covcat.text import escaped, plural

WIDTH = 96  # at most: longer lines are hard to read
_SHORT_HEADS = ("CT", "X-ray", "MRI", "US", "Meta", "Case")
_NARROW = 66  # columns that the long ones need
FORMATS = ("text", "json", "schema.org")
_MAX_COUNTS = 6  # rows of each published table; --json has all


class _HeadedLines:
    """Lines with headings; on a pipe nothing is wrapped."""

    def __init__(self) -> None:
        self._color = has_color(sys.stdout)
        self._wraps = sys.stdout.isatty()
        self.width = min(WIDTH, terminal_width() - 1) if self._wraps else WIDTH
        self.lines: list[str] = []

    def heading(self, text: str) -> None:
        lines = self._folded(escaped(text), 2)
        if self._color:
            lines = [bold(line) for line in lines]
        self.lines += ["", *lines]

    def line(self, text: str, indent: int = 2, hang: int = 0) -> None:
        self.lines += self._folded(" " * indent + escaped(text), hang)

    def section(self, heading: str, lines: Sequence[str]) -> None:
        if lines:
            self.heading(heading)
        for line in lines:
            self.line(line, hang=2)

    def _folded(self, text: str, hang: int) -> list[str]:
        return (prose(text, self.width, hang) if self._wraps else [text]) or [""]


def _page(resource: Resource, session: Session, here: Sequence[str]) -> str:
    """Return the page of one resource; `here` are its releases on disk."""
    page = _HeadedLines()
    page.heading(f"{resource.id}: {resource.title}")
    page.line(resource.organization)
    if resource.homepage:
        page.line(resource.homepage)
    for fix in resource.corrections:
        page.line(f"* {fix.field}: {fix.value} ({fix.reason}; {fix.source})", hang=2)
    page.lines.append("")
    page.line(resource.summary)
    _what_it_is(page, resource)
    _releases(page, resource, here)
    page.section("Counts, as published", [_counts(one) for one in resource.published])
    inside = [f"it has of {part.resource}: {part.evidence}" for part in resource.contains]
    around = [
        f"{other.id} has of it: {part.evidence}"
        for other in session.catalog.resources
        for part in other.contains
        if part.resource == resource.id
    ]
    page.section("Overlaps with other resources", [*inside, *around])
    page.section(
        "Known issues",
        [
            f"{one.severity} ({one.date}): {one.text} [{one.source}]"
            for one in in_words.sorted_issues(resource)
        ],
    )
    page.section("How to cite", [sentence(one) for one in resource.citation])
    page.heading("Next")
    if is_fetchable(resource):
        page.line(f"covcat fetch {resource.id} --dry-run")
    elif resource.releases:
        page.line(f"covcat files {resource.id}")
    if resource.citation:
        page.line(f"covcat cite {resource.id}")
    return "\n".join(page.lines).lstrip("\n") + "\n"


def _what_it_is(page: _HeadedLines, resource: Resource) -> None:
    page.heading("What is in it")
    heads = in_words.FLAGS if page.width >= _NARROW else _SHORT_HEADS
    rows: list[tuple[str, Sequence[str]]] = [("", heads)]
    if resource.survey:
        rows.append(("as surveyed", [getattr(resource.survey, flag) for flag in CONTENT_FLAGS]))
    rows.append(("as found", [getattr(resource.found, flag) for flag in CONTENT_FLAGS]))
    for label, cells in rows:
        drawn = "  ".join(f"{cell:^{len(head)}}" for cell, head in zip(cells, heads, strict=True))
        page.lines.append(f"  {label:<12} {drawn}".rstrip())
    page.line(f"found in: {resource.found.source}", hang=2)
    licence = resource.license
    page.heading(f"Licence: {licence.spdx}")
    page.line("allows  " + "   ".join(f"{use}: {getattr(licence.allows, use)}" for use in USES))
    if licence.per_image:
        one = licence.per_image
        page.line(f"each image has its own, in the column `{one.column}` of {one.table}", hang=2)
    if licence.note:
        page.line(licence.note)
    if licence.url:
        page.line(licence.url)
    page.line(f"source: {licence.source}", hang=2)
    page.heading(f"Access: {in_words.ACCESS[resource.access]}")
    if resource.browse:
        page.line(f"terms: {resource.browse.terms}", hang=2)
        for link in resource.browse.pages:
            page.line(f"{link.shows}: {link.url}", hang=2)


def _releases(page: _HeadedLines, resource: Resource, here: Sequence[str]) -> None:
    if resource.releases:
        page.heading("Releases")
    for release in resource.releases:
        marks = ["fetched by default"] if release is resource.default_release else []
        marks += ["here"] if release.id in here else []
        note = f"  ({', '.join(marks)})" if marks else ""
        count = f"{plural(release.contents.files, 'file')}, " if release.contents else ""
        size = in_words.size_in_words(release)
        page.line(f"{resource.id}@{release.id}  {count}{size}{note}")
        page.line(in_words.how_verified(release), indent=4, hang=2)
        if release.holds:
            page.line(in_words.held(release.holds), indent=4, hang=2)
        if release.note:
            page.line(release.note, indent=4)
        for one in release.images_in:
            joined = f"joined by {one.by}: {one.evidence}"
            page.line(f"images in {one.name}, {joined}", indent=4, hang=2)
        for other in release.images_outside:
            page.line(f"images in {other.of}: {other.get}", indent=4, hang=2)


def _counts(published: PublishedCounts) -> str:
    rows = []
    for *keys, number in published.rows[:_MAX_COUNTS]:
        plain_keys = [key.replace(", ", "+") or "(blank)" for key in keys]  # both together
        rows.append(" ".join([*plain_keys, number]))
    more = len(published.rows) - _MAX_COUNTS
    tail = f"; {more} more with --json" if more > 0 else ""
    unit = "" if published.unit.rstrip("s") in published.of else f"{published.unit}, "
    when = f" at {published.release}" if published.release else ""
    return f"{unit}{published.of}{when}: {'; '.join(rows)}{tail} [{published.source}]"


def _is_id(session: Session, name: str) -> bool:
    """Tell if a name is one of the catalog's, whatever else it may be."""
    wanted = name.partition("@")[0].casefold()
    return any(wanted in (one.id, *one.aliases) for one in session.catalog.resources)


def show(
    ctx: typer.Context,
    name: Annotated[str, ids("A resource, else a picture.", "ID|FILE|IMAGE_ID")],
    output: str = choice(FORMATS, "text, json or schema.org.", default="text"),
    number: int | None = value("--slice", "Of a volume; by default its middle.", "N", min=1),
) -> None:
    """Show all that is known of one resource, or one picture with its labels.

    A picture is drawn where stdout is a terminal: in half blocks, or by the protocol of kitty or
    iTerm2; in grey, DICOM in the window that it names. FILE is any picture, and has labels where
    it is of a release here; IMAGE_ID is as `images` has it. A name that is both an ID and a file
    is the ID: `./NAME` is the file.

    Example: covcat show cohen
    """
    session: Session = ctx.obj
    if not _is_id(session, name):
        from covcat.cli.show_picture import find_picture, show_picture

        if (picture := find_picture(session, name)) is not None:
            if output == "schema.org":
                raise UsageError("--format schema.org is of a resource: expected an ID")
            session = replace(session, json=session.json or output == "json")
            show_picture(session, picture, number)
            return
    if number is not None:
        raise UsageError("--slice is of a picture: expected a FILE or an IMAGE_ID")
    resource, _ = session.catalog.find(name)
    if output == "schema.org" and not session.json:
        from covcat.export.json_ld import embedded, schema_org

        contained = [session.catalog.get(part.resource) for part in resource.contains]
        put(sys.stdout, embedded(schema_org(resource, contained), indent=2) + "\n")
        return
    here = [rel for one, rel, _ in session.store.releases() if one == resource.id]
    cited = [to_dict(one) for one in resource.citation]
    known = (asdict(resource) | {"citation": cited}).items()
    data = {key: value for key, value in known if value not in (None, (), [], {}, "")}
    data["here"] = here
    if output == "json" or session.json:
        put(sys.stdout, envelope("show", data))
    else:
        put_in_pager(_page(resource, session, here))
