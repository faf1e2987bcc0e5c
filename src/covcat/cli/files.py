"""files: the files of a release, as its listing or its host has them."""

from dataclasses import asdict, fields
from typing import Annotated

import typer

from covcat.catalog.files import AnyFile, File, Twin
from covcat.cli.declare import ids
from covcat.cli.formats import Cell, Rows
from covcat.cli.options import OutputFormat
from covcat.cli.session import Session
from covcat.errors import NotFoundError
from covcat.text import plural


def files(
    ctx: typer.Context, name: Annotated[str, ids("A release.")], output: OutputFormat = None
) -> None:
    """List the files of a release.

    By its pinned listing, else what its host serves; of a collection its series.

    Example: covcat files figure1 --format csv
    """
    session: Session = ctx.obj
    resource, release = session.catalog.find(name)
    if release is None:
        raise NotFoundError(
            f"`{resource.id}` is for browsing only: it has no files",
            hint=f"covcat show {resource.id}",
        )
    listing = session.catalog.listing(resource, release)
    series = session.catalog.series(resource, release)
    rows: list[dict[str, Cell]]
    columns: tuple[str, ...]
    for_people: tuple[str, ...]
    if listing is not None:
        rows = [asdict(row) for row in listing.values()]
        columns = ("path", "bytes", "sha256", "blob", "mode")
        for_people = ("bytes", "path")
        what = "pinned by the listing"
    elif series is not None:
        columns = ("path", "bytes", "objects", "uuid")
        rows = [{name: getattr(one, name) for name in columns} for one in series.values()]
        for_people = ("bytes", "objects", "path")
        what = "folders of objects that their host lists"
    else:
        rows = [_as_served(file) for file in release.files]
        columns = ("path", "bytes", "sha256", "md5", "host", "where")
        for_people = ("bytes", "path", "host", "where")
        what = "as the catalog knows; no listing"
    data = {"resource": resource.id, "release": release.id, "files": rows}
    if session.format(output) == "table":
        columns = for_people
        rows = [{**row, "bytes": "?" if row["bytes"] is None else row["bytes"]} for row in rows]
    session.rows("files", Rows(columns, rows, key="path"), data=data, output=output)
    count = f"{len(rows):,} series" if series is not None else plural(len(rows), "file")
    session.say(f"{resource.id}@{release.id}: {count}, {what}")


def _as_served(file: AnyFile) -> dict[str, Cell]:
    """Return a file as its host serves it; `where` has what only this host needs."""
    common = {one.name for one in fields(File)} | {"host"}
    own = {one.name: getattr(file, one.name) for one in fields(file) if one.name not in common}
    return {
        "path": file.name or "(all that it has)",
        "bytes": file.bytes,
        "sha256": file.sha256,
        "md5": file.md5,
        "host": str(file.host),
        "where": ", ".join(f"{name} {_told(value)}" for name, value in own.items() if value),
    }


def _told(value: object) -> object:
    return value.bucket if isinstance(value, Twin) else value
