"""cache list and prune: what lies beside the releases, and how to remove it."""

import re
from collections.abc import Sequence

import typer

from covcat.cli import usage
from covcat.cli.declare import flag, value
from covcat.cli.formats import Cell, Rows
from covcat.cli.options import DryRun, OutputFormat
from covcat.cli.session import Session
from covcat.errors import UsageError
from covcat.store import cached
from covcat.store import remove as removing
from covcat.store.remove import Leftover
from covcat.text import format_size

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    usage.add_group(
        app, "cache", "What lies beside the releases.", list=cache_list, prune=cache_prune
    )


def cache_list(ctx: typer.Context, output: OutputFormat = None) -> None:
    """List what lies beside the releases: downloads on their way, leftovers, archives, indexes.

    And what `overlap` found of them.

    Example: covcat cache list
    """
    session: Session = ctx.obj
    found = [one for one in removing.found(session.store) if one.files]  # prune drops others
    _print_cache(session, "cache list", found, output)
    if not found:
        session.say(f"nothing waits or is left over in `{session.data_dir}`")


def cache_prune(
    ctx: typer.Context,
    older_than: str = value(
        "--older-than", "As 12h, 14d or 2w; default: any age.", "AGE", default="0d"
    ),
    archives: bool = flag("--archives", "Also archives kept beside their files."),
    indexes: bool = flag("--indexes", "Also image indexes; they are made anew."),
    features: bool = flag("--features", "Also what `overlap` knows of pictures: hours of work."),
    overlap: bool = flag("--overlap", "Also what `overlap` found, until it looks again."),
    dry_run: DryRun = False,
) -> None:
    """Delete downloads that stopped on their way, and leftovers; never what a run works with.

    Example: covcat cache prune --older-than 14d --dry-run
    """
    session: Session = ctx.obj
    if re.fullmatch(r"[0-9]{1,8}[smhdw]", older_than) is None:
        raise UsageError(
            f"unknown age `{older_than}`: expected a number and s, m, h, d or w, such as 14d",
            hint="such as --older-than 14d",
        )
    seconds = int(older_than[:-1]) * _UNITS[older_than[-1]]
    asked = {"archives": archives, "index": indexes, "features": features, "overlap": overlap}
    kinds = {*removing.ALWAYS, *(kind for kind, is_asked in asked.items() if is_asked)}
    every = removing.found(session.store)
    found = [one for one in every if one.kind in kinds and one.age >= seconds]
    for one in found:
        if one.in_use:
            session.say(f"{one.name}: in use; left as it is")
    free = [one for one in found if not one.in_use]
    if not dry_run and free:
        if not all(cached.has(one.path) for one in free):
            session.store.prepare()
        free = [one for one in free if removing.dropped(session.store, one)]
    _print_cache(session, "cache prune", free, None, dry_run=dry_run)


def _print_cache(
    session: Session,
    command: str,
    found: Sequence[Leftover],
    output: str | None,
    dry_run: bool | None = None,
) -> None:
    rows: list[dict[str, Cell]] = [
        {
            "kind": one.kind,
            "name": one.name,
            "files": one.files,
            "bytes": one.bytes,
            "days": round(one.age / 86400, 1),
            "in_use": one.in_use,
            "path": str(one.path),
        }
        for one in found
    ]
    columns = ("kind", "name", "files", "bytes", "days", "in_use", "path")
    spared = ("path", "in_use", "days")  # a path that is folded cannot be copied
    data: dict[str, object] = {"cache": rows}
    if dry_run is not None:
        data = {"dry_run": dry_run, "pruned": rows}
    session.rows(command, Rows(columns, rows, "name", spared), data=data, output=output)
    total = format_size(sum(one.bytes for one in found))
    own = sorted({f" and `{one.path.parent}`" for one in found if cached.has(one.path)})
    where = f"`{session.data_dir}`" + "".join(own)
    words = {None: f"{total} in {where}", True: f"would free {total}"}
    session.say(words.get(dry_run, f"freed {total}"))
