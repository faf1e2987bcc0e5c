"""The page that `show` prints."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated

import typer

from covcat.catalog.citations import sentence, to_dict
from covcat.catalog.entries import (
    CONTENT_FLAGS,
    USES,
    Holds,
    PublishedCounts,
    Release,
    Resource,
)
from covcat.catalog.files import GitHubFile
from covcat.catalog.filter import is_fetchable
from covcat.cli import list as listing
from covcat.cli.options import choice, ids
from covcat.cli.printing import bold, has_color, put, put_in_pager
from covcat.cli.session import Session, chosen_output, envelope
from covcat.cli.table import prose, terminal_width
from covcat.errors import UsageError
from covcat.text import escaped, plural

WIDTH = 96  # at most: longer lines are hard to read
_FLAG_HEADS = ("CT", "X-ray", "MRI", "Ultrasound", "Metadata", "Case review")
_SHORT_HEADS = ("CT", "X-ray", "MRI", "US", "Meta", "Case")
_NARROW = 66  # columns that the long ones need
FORMATS = ("text", "json", "schema.org")
_ACCESS = {
    "open": "open: no account is known to be needed",
    "account": "account: the host may ask for a login, or a person's consent",
    "browse": "browse: to look at only; covcat downloads nothing from it",
}
_SEVERITY = ("serious", "warning", "info")
_MAX_COUNTS = 6  # rows of each published table; --json has all


class _Page:
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
    page = _Page()
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
    issues = sorted(resource.known_issues, key=lambda one: _SEVERITY.index(one.severity))
    page.section(
        "Known issues",
        [f"{one.severity} ({one.date}): {one.text} [{one.source}]" for one in issues],
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


def _what_it_is(page: _Page, resource: Resource) -> None:
    page.heading("What is in it")
    heads = _FLAG_HEADS if page.width >= _NARROW else _SHORT_HEADS
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
    page.heading(f"Access: {_ACCESS[resource.access]}")
    if resource.browse:
        page.line(f"terms: {resource.browse.terms}", hang=2)
        for link in resource.browse.pages:
            page.line(f"{link.shows}: {link.url}", hang=2)


def _releases(page: _Page, resource: Resource, here: Sequence[str]) -> None:
    if resource.releases:
        page.heading("Releases")
    for release in resource.releases:
        marks = ["fetched by default"] if release is resource.default_release else []
        marks += ["here"] if release.id in here else []
        note = f"  ({', '.join(marks)})" if marks else ""
        count = f"{plural(release.contents.files, 'file')}, " if release.contents else ""
        size = listing.size(release).replace("?", "size unknown").replace("~", "about ")
        page.line(f"{resource.id}@{release.id}  {count}{size}{note}")
        page.line(how_verified(release), indent=4, hang=2)
        if release.holds:
            page.line(_holds(release.holds), indent=4, hang=2)
        if release.note:
            page.line(release.note, indent=4)
        for one in release.images_in:
            joined = f"joined by {one.by}: {one.evidence}"
            page.line(f"images in {one.resource}@{one.release}, {joined}", indent=4, hang=2)


def _holds(holds: Holds) -> str:
    """Return the numbers that `list` shows, and their source."""
    known = [
        plural(holds.images, "image") if holds.images is not None else "",
        plural(holds.patients, "patient") if holds.patients is not None else "",
        f"{holds.covid_images:,} with COVID-19" if holds.covid_images is not None else "",
    ]
    return f"{', '.join(filter(None, known))} [{holds.source}]"


def how_verified(release: Release) -> str:
    """Say in words what pins a release."""
    files = plural(release.contents.files, "file") if release.contents else ""
    listed = f"the sha256 or git id of {files}" if files else ""
    for file in release.files:
        if isinstance(file, GitHubFile) and file.tree:
            of = f" of {file.keep}" if file.keep else ""
            return f"verified by git tree {file.tree}{of}" + (f" and {listed}" if listed else "")
    if listed:
        return f"verified by {listed}"
    kinds = {
        "sha256": sum(file.sha256 is not None for file in release.files),
        "md5": sum(file.md5 is not None for file in release.files),
        "the first digits of md5": sum(file.md5_prefix is not None for file in release.files),
    }
    for kind, number in kinds.items():
        if number == len(release.files):
            return f"verified by {kind}"
        if number:
            some = f"{number} of {plural(len(release.files), 'file')}"
            return f"verified by {kind} for {some}; the rest is recorded at first use"
    return "not pinned: recorded at first use, and a later difference is an error"


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
    output: Annotated[str, choice(FORMATS, "text, json or schema.org.")] = "text",
    number: Annotated[
        int | None,
        typer.Option("--slice", metavar="N", min=1, help="Of a volume; by default its middle."),
    ] = None,
) -> None:
    """Show all that is known of one resource, or one picture with its labels.

    A picture is drawn where stdout is a terminal: in half blocks, or by the protocol of kitty or
    iTerm2; in grey, DICOM in the window that it names. FILE is any picture, and has labels where
    it is of a release here; IMAGE_ID is as `images` has it. A name that is both an ID and a file
    is the ID: `./NAME` is the file.

    Example: covcat show cohen
    """
    session: Session = ctx.obj
    chosen_output(output, FORMATS)
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
        from covcat.export.json_ld import schema_org

        contained = [session.catalog.get(part.resource) for part in resource.contains]
        text = json.dumps(schema_org(resource, contained), indent=2)
        put(sys.stdout, text.replace("<", "\\u003c") + "\n")  # it goes into a <script> of a page
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
