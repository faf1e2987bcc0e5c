"""list: the resources of the catalog, and the table that search prints too."""

import shlex
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import typer

from covcat.catalog import in_words
from covcat.catalog.entries import CONTENT_FLAGS, USES, Resource
from covcat.catalog.filter import Filter, is_fetchable, select, unclear_for, unknown_for
from covcat.cli.declare import flag, grouped
from covcat.cli.formats import Cell, Rows
from covcat.cli.options import Filters, OutputFormat
from covcat.cli.session import Session
from covcat.cli.table import left_out_lines, prose, terminal_width
from covcat.text import escaped, nearest, plural

SURVEY_COLUMNS = ("row", "id", "title", "organization", *CONTENT_FLAGS)
_SPARED = (  # by a narrow terminal, first to last
    *(("meta", "case"), ("access",), ("licence",), ("mri",), ("size",), ("patients",)),
    *(("covid-19",), ("title",), ("images",)),
)
_FOLDED = 22  # columns that a title of two lines needs
_CUT = 15  # columns that a cut title needs to be of use
FULL_COLUMNS = (
    *("id", "title", "organization", "row", *CONTENT_FLAGS),
    *(f"found_{flag}" for flag in CONTENT_FLAGS),
    *("release", "files", "bytes", "bytes_are_all", "license"),
    *(f"allows_{use}" for use in USES),
    *("access", "fetchable", "fetched", "homepage", "corrections"),
    *("images", "patients", "covid_images"),
)


@grouped
def list_command(
    ctx: typer.Context,
    *,
    filters: Filters,
    fetched: bool = flag("--fetched", "Only what is on disk."),
    everything: bool = flag("--all", "The bundled sample too."),
    survey: bool = flag("--survey", "The survey's Table 1, verbatim: 14 rows."),
    output: OutputFormat = None,
) -> None:
    """List the resources of the catalog.

    Values of one option mean OR, different options AND. A modality matches where the survey or
    covcat found it; with --fetchable only what was found counts.

    Example: covcat list --modality ct --license-allows redistribution
    """
    session: Session = ctx.obj
    wanted = filters.filter()
    here = frozenset(one for one, _, _ in session.store.releases())
    wanted = replace(wanted, with_sample=everything, fetched=here if fetched else None)
    resources = select(session.catalog, wanted)
    if survey:
        resources = [one for one in resources if one.survey]
        spared = ("title", "organization", "metadata", "case_review")
        table = Rows(SURVEY_COLUMNS, full(resources).rows, spared=spared)
        session.rows("list", table, output=output)
    else:
        print_resources(session, "list", resources, here, output)
    lacking = say_lacking(session, wanted)
    if not resources and not lacking:
        say_nothing(session, "passes these filters")
    if not survey:
        say_counts(session, resources, wanted)


def say_counts(session: Session, resources: Sequence[Resource], wanted: Filter) -> None:
    """Say how many are listed, and which are not because something is unknown of them."""
    if resources:
        session.say(count(resources, session.catalog.resources))
    unknown = unknown_for(session.catalog, wanted.modalities)
    if unknown:
        session.say(f"unknown (U, not listed for it): {', '.join(unknown)}")
    unclear = unclear_for(session.catalog, wanted)
    each = [one.id for one in unclear if one.license.per_image is not None]
    if whole := [one.id for one in unclear if one.id not in each]:
        session.say(f"not listed, as nobody knows what their licences allow: {', '.join(whole)}")
    if each:
        use = " ".join(f"--license-allows {one}" for one in sorted(wanted.allows))
        session.say(f"each image has its own licence in {', '.join(each)}: covcat select {use}")


def say_nothing(session: Session, why: str) -> None:
    """Say that the list is empty."""
    session.say(f"nothing in the catalog {why}")
    session.say("hint: covcat list")


def say_lacking(session: Session, wanted: Filter) -> bool:
    """Say which licences there are, where a glob of the filter matches none of them."""
    listed = select(session.catalog, Filter(with_sample=wanted.with_sample))
    known = sorted({one.license.short for one in listed})
    folded = {name.casefold(): name for name in known}

    def matches(glob: str) -> bool:
        only = Filter(licenses=(glob,), with_sample=wanted.with_sample)
        return bool(select(session.catalog, only))

    lacking = [glob for glob in wanted.licenses if not matches(glob)]
    for glob in lacking:
        session.say(f"no listed resource has the licence `{glob}`: there are {', '.join(known)}")
        near = folded.get(nearest(glob.casefold(), folded) or "")
        meant = f"{glob}*" if matches(f"{glob}*") else near
        session.say("hint: covcat list" + (f" --license {shlex.quote(meant)}" if meant else ""))
    return bool(lacking)


def print_resources(
    session: Session, command: str, found: list[Resource], here: frozenset[str], output: str | None
) -> None:
    """Print a table of resources; with --json all columns; `here` are the ids on disk."""
    every = full(found, here)
    data = {"resources": [dict(row) for row in every.rows]}
    rows, notes = every, ""
    if session.format(output) == "table":
        rows = overview(found)
        notes = footnotes(found, rows.columns)
    session.rows(command, rows, data=data, output=output, footnotes=notes)


_HEADS = dict(zip(CONTENT_FLAGS, ("ct", "xray", "mri", "us", "meta", "case"), strict=True))
_COUNTS = {"images": "images", "patients": "patients", "covid-19": "covid_images"}
_COLUMNS = ("id", "title", *_HEADS.values(), *_COUNTS, "size", "licence", "access")


def overview(resources: Sequence[Resource]) -> Rows:
    """Return what fits the terminal; `Y→N` is the survey's flag, then the find."""
    marks = {one.id: "*" if one.corrections else "" for one in resources}
    rows: list[dict[str, Cell]] = [
        {
            "id": one.id,
            "title": one.title + marks[one.id],
            **{head: _flag(one, flag) for flag, head in _HEADS.items()},
            **{head: _count(one, name) for head, name in _COUNTS.items()},
            "size": in_words.size(one.default_release),
            "licence": one.license.short,
            "access": one.access,
        }
        for one in resources
    ]
    columns, room = _fitting(rows)
    for one, row in zip(resources, rows, strict=True):
        mark = marks[one.id]
        if columns == _COLUMNS:  # there is room for a title of two lines
            title = textwrap.shorten(one.title, 2 * room, placeholder="…")
        else:
            title, length = escaped(one.title), max(1, room - len(mark))
            title = title if len(title) <= length else title[: length - 1].rstrip() + "…"
        row["title"] = title + mark
    return Rows(columns, rows)


def _fitting(rows: Sequence[Mapping[str, Cell]]) -> tuple[tuple[str, ...], int]:
    """Return the columns that the terminal has room for, and the width left for the title."""
    widths = {
        name: max([len(name), *(len(escaped(row[name])) for row in rows)]) for name in _COLUMNS
    }
    columns, room = _COLUMNS, 0
    for less in ((), *_SPARED):
        columns = tuple(name for name in columns if name not in less)
        room = terminal_width() - sum(widths[name] + 1 for name in columns if name != "title")
        least = _FOLDED if columns == _COLUMNS else _CUT
        if room >= min(least, widths["title"]):
            break
    return columns, room


def _flag(resource: Resource, flag: str) -> str:
    found = str(getattr(resource.found, flag))
    surveyed = getattr(resource.survey, flag) if resource.survey else found
    return found if surveyed == found else f"{surveyed}→{found}"


def _count(resource: Resource, name: str) -> str:
    number = getattr(getattr(resource.default_release, "holds", None), name, None)
    return "?" if number is None else f"{number:,}"


def full(resources: Iterable[Resource], here: Collection[str] = ()) -> Rows:
    """Return every column; flags without a prefix are the survey's, `found_…` are covcat's."""
    rows: list[dict[str, Cell]] = []
    for one in resources:
        release = one.default_release
        contents, holds = (release.contents, release.holds) if release else (None, None)
        rows.append(
            {
                "id": one.id,
                "title": one.title,
                "organization": one.organization,
                "row": one.survey.row if one.survey else None,
                **{flag: getattr(one.survey, flag, None) for flag in CONTENT_FLAGS},
                **{f"found_{flag}": getattr(one.found, flag) for flag in CONTENT_FLAGS},
                "release": release.id if release else None,
                "files": contents.files if contents else None,
                "bytes": getattr(release, "download_bytes", None),
                **({"bytes": contents.least_bytes} if contents else {}),
                "bytes_are_all": not contents.of_unknown_size if contents else None,
                "license": one.license.spdx,
                **{f"allows_{use}": getattr(one.license.allows, use) for use in USES},
                "access": one.access,
                "fetchable": is_fetchable(one),
                "fetched": one.id in here,
                "homepage": one.homepage,
                "corrections": "; ".join(f"{fix.field}: {fix.value}" for fix in one.corrections),
                **{name: getattr(holds, name, None) for name in _COUNTS.values()},
            }
        )
    return Rows(FULL_COLUMNS, rows)


def footnotes(resources: Sequence[Resource], columns: Sequence[str]) -> str:
    """Explain the marks of an overview with these columns, and what they say otherwise."""
    if not resources:
        return ""
    flags = [flag for flag, head in _HEADS.items() if head in columns]
    drawn = "".join(_flag(one, flag) for one in resources if one.survey for flag in flags)
    sizes = "; size: ~ about, + at least, - no download" if "size" in columns else ""
    lines = [f"Y yes, N no, U unknown{sizes}{'; ? unknown' if 'images' in columns else ''}"]
    if "→" in drawn:
        lines.append("→ the survey's flag, then what covcat found (`covcat show ID` says how)")
    elsewhere = [one.id for one in resources if getattr(one.default_release, "images_in", ())]
    if elsewhere and "images" in columns:
        lines.append(f"labels of images that are elsewhere: {', '.join(elsewhere)}")
    if asking := [one.id for one in resources if one.access == "account"]:
        lines.append(f"a login may be asked for: {', '.join(asking)}")
    if "title" in columns and any(one.corrections for one in resources):
        lines.append("* a name or address of the survey is wrong today (`covcat show ID`)")
    width = min(100, terminal_width())
    folded = [piece for line in lines for piece in prose(escaped(line), width)]
    left_out = [name for name in _COLUMNS if name not in columns]
    folded += left_out_lines(
        left_out, width, "`--format tsv`, a wider terminal, or `covcat show ID`"
    )
    return "\n" + "\n".join(folded) + "\n"


def count(shown_here: Sequence[Resource], known: Sequence[Resource]) -> str:
    """Tell the surveyed from the related, and how many of each there are."""
    every, here = ([one for one in some if not one.is_sample] for some in (known, shown_here))
    surveyed = sum(one.survey is not None for one in every)
    here_surveyed = sum(one.survey is not None for one in here)
    if len(here) == len(every):
        total = plural(len(every), "resource")
        return f"{total}: {surveyed} of the survey, {len(here) - surveyed} related"
    return (
        f"{len(here)} of {plural(len(every), 'resource')}: {here_surveyed} of the {surveyed} of "
        f"the survey, {len(here) - here_surveyed} of the {len(every) - surveyed} related"
    )
