"""list, search, show, files: what the catalog says; nothing here needs the network."""

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from covcat.catalog import filter as catalog_filter
from covcat.catalog.entries import Resource
from covcat.catalog.filter import Filter, select, unclear_for, unknown_for
from covcat.cli import complete, tables
from covcat.cli.printing import put
from covcat.cli.session import Session, chosen_output, envelope, plain
from covcat.errors import NotFoundError, UsageError
from covcat.output.rows import Cell, Rows
from covcat.text import counted, nearest

FORMATS = ("table", "tsv", "csv", "json", "yaml", "ids")

Modality = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        "-m",
        metavar="WORD",
        autocompletion=complete.modalities,
        help="ct, xray, mri or ultrasound; repeatable.",
    ),
]
Has = Annotated[
    list[str] | None,
    typer.Option(
        "--has", metavar="WORD", autocompletion=complete.contents, help="metadata or case-review."
    ),
]
Licence = Annotated[
    list[str] | None,
    typer.Option("--license", metavar="SPDX", help="An SPDX id or glob: 'CC-BY*'."),
]
Allows = Annotated[
    list[str] | None,
    typer.Option(
        "--license-allows",
        metavar="USE",
        autocompletion=complete.uses,
        help="commercial, derivatives or redistribution.",
    ),
]
Access = Annotated[
    list[str] | None,
    typer.Option(
        "--access",
        metavar="WORD",
        autocompletion=complete.accesses,
        help="open, account or browse.",
    ),
]
Fetchable = Annotated[
    bool, typer.Option("--fetchable", help="What covcat can fetch, and what was found in it.")
]
OutputFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="WORD",
        autocompletion=complete.formats,
        help="table, tsv, csv, json, yaml or ids.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_resources)
    app.command()(search)
    app.command()(show)
    app.command()(files)


def filter_of(
    modality: list[str] | None,
    has: list[str] | None,
    licenses: list[str] | None,
    allows: list[str] | None,
    access: list[str] | None,
    fetchable: bool,
) -> Filter:
    """Turn options into a Filter.

    Raises:
        UsageError: a word is unknown.
    """
    flags = [word.replace("-", "_") for word in has or ()]
    _demand_known("--has", flags, ("metadata", "case_review"))
    _demand_known("--license-allows", allows, ("commercial", "derivatives", "redistribution"))
    _demand_known("--access", access, ("open", "account", "browse"))
    return Filter(
        modalities=frozenset(map(catalog_filter.modality, modality or ())),
        has=frozenset(flags),
        licenses=tuple(licenses or ()),
        allows=frozenset(allows or ()),
        access=frozenset(access or ()),
        fetchable=fetchable,
    )


def _demand_known(option: str, words: list[str] | None, known: tuple[str, ...]) -> None:
    for word in words or ():
        if word not in known:
            spelt = [one.replace("_", "-") for one in known]
            raise UsageError(
                f"unknown {option} `{word}`: expected one of {', '.join(spelt)}",
                hint=complete.meant(option, word, spelt),
            )


def list_resources(
    ctx: typer.Context,
    modality: Modality = None,
    has: Has = None,
    licenses: Licence = None,
    allows: Allows = None,
    access: Access = None,
    fetchable: Fetchable = False,
    fetched: Annotated[bool, typer.Option("--fetched", help="Only what is on disk.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="The bundled sample too.")] = False,
    survey: Annotated[
        bool, typer.Option("--survey", help="The survey's Table 1, verbatim: 14 rows.")
    ] = False,
    output: OutputFormat = None,
) -> None:
    """List the resources of the catalog.

    Values of one option mean OR, different options AND. A modality matches where the survey or
    covcat found it; with --fetchable only what was found counts.

    Example: covcat list --modality ct --license-allows redistribution
    """
    from dataclasses import replace

    session: Session = ctx.obj
    chosen = chosen_output(output, FORMATS)
    wanted = filter_of(modality, has, licenses, allows, access, fetchable)
    here = frozenset(one for one, _, _ in session.store.releases())
    wanted = replace(wanted, with_sample=everything, fetched=here if fetched else None)
    resources = select(session.catalog, wanted)
    if survey:
        resources = [one for one in resources if one.survey]
        session.rows("list", tables.survey(resources), output=chosen)
    else:
        _print_resources(session, "list", resources, here, chosen)
    lacking = say_lacking(session, wanted)
    if not resources and not lacking:
        _say_nothing(session, "passes these filters")
    if not survey:
        _say_counts(session, resources, wanted)


def _say_counts(session: Session, resources: Sequence[Resource], wanted: Filter) -> None:
    if resources:
        session.say(tables.count(resources, session.catalog.resources))
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


def search(
    ctx: typer.Context,
    text: Annotated[list[str], typer.Argument(metavar="WORD", help="Words that must all occur.")],
    output: OutputFormat = None,
) -> None:
    """Search the catalog for words.

    In titles, authors, licences, citations and known issues.

    Example: covcat search segmentation
    """
    session: Session = ctx.obj
    words = tuple(word for part in text for word in part.split())
    if not words:
        raise UsageError(
            "nothing to search for: expected a word",
            hint="covcat search segmentation; covcat list shows all",
        )
    resources = select(session.catalog, Filter(words=words))
    here = frozenset(one for one, _, _ in session.store.releases())
    _print_resources(session, "search", resources, here, chosen_output(output, FORMATS))
    _say_counts(session, resources, Filter())
    if not resources:
        asked = ", ".join(f"`{word}`" for word in words)
        _say_nothing(session, f"has all of {asked}" if len(words) > 1 else f"has {asked}")


def _say_nothing(session: Session, why: str) -> None:
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


def _print_resources(
    session: Session,
    command: str,
    resources: list[Resource],
    here: frozenset[str],
    output: str | None,
) -> None:
    is_table = session.format(output) == "table"
    rows = tables.overview(resources) if is_table else tables.full(resources, here)
    notes = tables.footnotes(resources, rows.columns) if is_table else ""
    data = {"resources": [dict(row) for row in tables.full(resources, here).rows]}
    session.rows(command, rows, data=data, output=output, footnotes=notes)


def show(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID", autocompletion=complete.ids, help="A resource.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="WORD",
            autocompletion=complete.one_of("text", "json", "schema.org"),
            help="text, json or schema.org.",
        ),
    ] = "text",
) -> None:
    """Show all that is known of one resource.

    Example: covcat show cohen
    """
    from covcat.cli import page

    session: Session = ctx.obj
    chosen_output(output, ("text", "json", "schema.org"))
    resource, _ = session.catalog.find(name)
    if output == "schema.org" and not session.json:
        from covcat.export.json_ld import schema_org

        contained = [session.catalog.get(part.resource) for part in resource.contains]
        text = json.dumps(schema_org(resource, contained), indent=2)
        put(sys.stdout, text.replace("<", "\\u003c") + "\n")  # it goes into a <script> of a page
        return
    here = [rel for one, rel, _ in session.store.releases() if one == resource.id]
    data = {**plain(asdict(resource)), "here": here}
    if output == "json":
        put(sys.stdout, envelope("show", data))
        return
    session.result("show", data, page.text(resource, session, here))


def files(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID[@RELEASE]", autocompletion=complete.ids, help="A release.")
    ],
    output: OutputFormat = None,
) -> None:
    """List the files of a release.

    By its pinned listing, else what its host serves.

    Example: covcat files figure1 --format csv
    """
    session: Session = ctx.obj
    resource, release = session.catalog.find(name)
    chosen = chosen_output(output, FORMATS)
    if release is None:
        raise NotFoundError(
            f"`{resource.id}` is for browsing only: it has no files",
            hint=f"covcat show {resource.id}",
        )
    listing = session.catalog.listing(resource, release)
    rows: list[dict[str, Cell]]
    if listing is not None:
        rows = [asdict(row) for row in listing.values()]
        columns: tuple[str, ...] = ("path", "bytes", "sha256", "blob", "mode")
    else:
        rows = [tables.served(file) for file in release.files]
        columns = ("path", "bytes", "sha256", "md5", "host", "where")
    data = {"resource": resource.id, "release": release.id, "files": rows}
    if session.format(chosen) == "table":
        columns = ("bytes", "path") if listing is not None else ("bytes", "path", "host", "where")
        rows = [{**row, "bytes": "?" if row["bytes"] is None else row["bytes"]} for row in rows]
    session.rows("files", Rows(columns, rows, key="path"), data=data, output=chosen)
    what = "pinned by the listing" if listing is not None else "as the catalog knows; no listing"
    session.say(f"{resource.id}@{release.id}: {counted(len(rows), 'file')}, {what}")
