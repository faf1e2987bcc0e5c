"""status, path, manifest: what is on disk."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from covcat.catalog.entries import Resource
from covcat.cli import complete, manifest, usage
from covcat.cli.formats import Cell, Rows
from covcat.cli.manifest import manifest_show
from covcat.cli.options import FORMATS, Here, OutputFormat, _named
from covcat.cli.session import Session, chosen_output
from covcat.digests import UNPUBLISHED
from covcat.errors import CovcatError, DiskError, NewerError, NotFoundError
from covcat.names import is_litter
from covcat.text import format_size, plural

if TYPE_CHECKING:
    from covcat.store.manifest import Manifest


_LITTER = 3  # paths that are named


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command()(path)
    group = typer.Typer(
        cls=usage.Commands, rich_markup_mode=None, help="The records of what is on disk."
    )
    group.command("show")(manifest_show)
    group.command("export")(manifest.export)
    app.add_typer(group, name="manifest")


def status(ctx: typer.Context, output: OutputFormat = None) -> None:
    """Tell what is here, and if it is complete and new.

    `newest` says if it is what `covcat fetch ID` would bring today: `yes`, `behind` a newer
    release, or a release that moves with its branch, beside a dated one.

    Example: covcat status --json
    """
    from covcat.store import lockfile, manifest, verify

    session: Session = ctx.obj
    chosen = chosen_output(output, FORMATS)
    rows: list[dict[str, Cell]] = []
    for resource_id, release_id, folder in session.store.releases():
        row: dict[str, Cell] = {"id": f"{resource_id}@{release_id}"}
        try:
            record = manifest.load(folder)
            row |= _state(record)
            if lines := lockfile.changes_on_disk(folder, record):
                row |= {"state": f"{plural(len(lines), 'file')} not as fetched", "note": lines[0]}
            say_litter(session, str(row["id"]), filter(is_litter, verify.beside(folder, record)))
        except CovcatError as error:
            row |= {"state": _trouble(error), "note": error.message}
        rows.append({**row, "newest": _newest(session, resource_id, release_id)})
    whole = len(rows)
    rows += _unfinished(session)
    columns = ("id", "state", "files", "bytes", "newest", "verified_by", "fetched_at")
    is_table = session.format(chosen) == "table"
    drawn = [_with_day(row) for row in rows] if is_table else rows
    session.rows("status", Rows(columns, drawn), data={"here": rows}, output=chosen)
    for folder in session.store.closed():
        session.say(f"warning: cannot look into `{folder}`: permission denied")
    total = sum(row["bytes"] for row in rows if isinstance(row.get("bytes"), int))  # type: ignore[misc]
    unfinished = f" and {len(rows) - whole} unfinished" if len(rows) > whole else ""
    count = f"{plural(whole, 'release')}{unfinished}"
    session.say(f"{count} in `{session.data_dir}`, {format_size(total)}")


def say_litter(session: Session, name: str, paths: Iterable[str]) -> None:
    """Tell what desktops and version control left in the folder of a release."""
    if litter := list(paths):
        first = ", ".join(f"`{path}`" for path in litter[:_LITTER])
        more = ", …" if len(litter) > _LITTER else ""
        what = f"{plural(len(litter), 'file')} left beside by desktops or version control"
        session.say(f"{name}: {what}, no part of it and no damage: {first}{more}")


def _with_day(row: dict[str, Cell]) -> dict[str, Cell]:
    """Cut a time to its day, for a table."""
    return {**row, "fetched_at": str(row.get("fetched_at") or "")[:10]}


def _unfinished(session: Session) -> list[dict[str, Cell]]:
    """Tell of the releases of which some files wait for the others."""
    return [
        {
            "id": name,
            "state": "unfinished",
            "files": len(sizes),
            "bytes": sum(sizes),
            "note": f"covcat fetch {name} goes on",
        }
        for name, sizes in session.store.waiting()
    ]


def _trouble(error: CovcatError) -> str:
    if isinstance(error, NewerError):
        return "of a newer covcat"
    return "closed to you" if isinstance(error, DiskError) else "damaged"


def _state(record: "Manifest") -> dict[str, Cell]:
    state = "complete" if record.complete else f"{plural(len(record.missing), 'file')} missing"
    if any(one.imported_from and one.verified_by in UNPUBLISHED for one in record.downloads):
        state = "as brought"  # nobody said what it should be
    if record.selection:
        state = f"a part: {'; '.join(record.selection)}"
    if record.form == "archives":
        state = "archives only"
    kinds = dict.fromkeys(one.verified_by for one in record.downloads)
    return {
        "state": state,
        "files": record.total_files,
        "bytes": record.total_bytes,
        "verified_by": ", ".join(kinds),
        "fetched_at": record.created_at,
    }


def _newest(session: Session, resource_id: str, release_id: str) -> str:
    """Say if a release is the one that `fetch ID` would get today."""
    try:
        resource: Resource = session.catalog.get(resource_id)
    except NotFoundError:
        return "not in the catalog"
    known = [release.id for release in resource.releases]
    default = resource.default_release
    if default is None or release_id not in known:
        return "not in the catalog"
    if known.index(release_id) < known.index(default.id):
        return f"behind {default.id}"
    return "yes" if release_id == default.id else "moves with its branch"


def path(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID[@RELEASE]", autocompletion=complete.ids, help="A release on disk."
        ),
    ],
) -> None:
    """Print the folder of a release that is here; never fetches.

    Example: ls "$(covcat path figure1)"
    """
    session: Session = ctx.obj
    matching = _named(session, name, session.store.releases())
    resource_id, release_id, _ = _preferred(session, matching)
    from covcat.store import manifest

    folder = manifest.data_folder(session.store.release(resource_id, release_id))
    data = {"id": f"{resource_id}@{release_id}", "path": str(folder)}
    session.result("path", data, f"{folder}\n")


def _preferred(session: Session, matching: list[Here]) -> Here:
    """Return the default release if it is here, else the last of those that are."""
    try:
        default = session.catalog.get(matching[0][0]).default_release
    except NotFoundError:
        default = None
    return next((one for one in matching if default and one[1] == default.id), matching[-1])
