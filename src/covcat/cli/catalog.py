"""catalog check, draft and schema: for contributors."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from covcat.catalog import load as catalogs
from covcat.catalog.check import check_file, check_together
from covcat.catalog.yaml import packaged_catalog
from covcat.cli import options as net
from covcat.cli import usage
from covcat.cli.declare import flag, value
from covcat.cli.session import Session
from covcat.errors import IntegrityError, NotFoundError
from covcat.text import plural


def register(app: typer.Typer) -> None:
    """Add the commands."""
    usage.add_group(
        app, "catalog", "For contributors to the catalog.", check=check, draft=draft, schema=schema
    )


def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Default: covcat's own.")
    ] = None,
) -> None:
    """Check catalog files: every mistake at once, each with file and line.

    Example: covcat catalog check my-catalog/newset.yaml
    """
    session: Session = ctx.obj
    paths = files or catalogs.entry_files(packaged_catalog())
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"`{path}` is not there", hint="covcat catalog check --help")
    groups = [catalogs.entry_files(one) if one.is_dir() else [one] for one in paths]
    found = [path for group in groups for path in group]
    if lost := [str(path) for path in found if not os.path.lexists(path)]:
        raise NotFoundError(f"`{lost[0]}` is not there", details=lost[1:])
    mistakes = [mistake for path in found for mistake in check_file(path)]
    if not files and not mistakes:
        mistakes = check_together(catalogs.load().resources)
    data = {"files": [str(path) for path in found], "mistakes": mistakes}
    if not mistakes:
        session.result("catalog check", data, "")
        session.say(f"{plural(len(found), 'catalog file')} checked: no mistakes")
        return
    hint = "covcat catalog schema"
    raise IntegrityError(mistakes[0], details=mistakes[1:], hint=hint, data=data)


def schema(ctx: typer.Context) -> None:
    """Print the JSON schema that gives editors completion for catalog files.

    Example: covcat catalog schema > catalog/schema.json
    """
    from covcat.catalog.check import json_schema

    session: Session = ctx.obj
    found = json_schema()
    session.result("catalog schema", found, json.dumps(found, indent=1, sort_keys=True) + "\n")


def draft(
    ctx: typer.Context,
    record: Annotated[
        str,
        typer.Argument(
            metavar="HOST:RECORD|PATH|URL",
            help="Such as zenodo:3757476, or its address; or a file, folder or address of yours.",
        ),
    ],
    each: bool = flag("--each", "An entry for every file, also of more than 100."),
    at: str | None = value("--at", "Where a file of yours is served, or with / a folder.", "URL"),
    retries: net.Retries = 5,
    timeout: net.Timeout = 30,
    allow_private: net.AllowPrivate = False,
    pause: net.Pause = 0.5,
) -> None:
    """Print the `releases:` block of a new entry, by a host's API; of your own data an entry.

    Files with sizes and digests; as comments what the host says of them, and what to look at.
    Hosts: zenodo, figshare, dataverse, mendeley, kaggle, github. Of your own file, folder or
    address it reads every byte, for sizes and sha256, and leaves `<…>` where only you know.

    Example: covcat catalog draft zenodo:3757476 >> my-catalog/newset.yaml
    """
    from covcat.cli import draft as drafting

    session: Session = ctx.obj
    network = net.network(
        session, timeout=timeout, allow_private=allow_private, retries=retries, pause=pause
    )
    drafting.run(session, record, network, each=each, at=at)
