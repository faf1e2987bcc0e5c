"""paths: what this run would use on disk, and what said so."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

from covcat.catalog.yaml import packaged_catalog
from covcat.cli.formats import Cell, Rows
from covcat.cli.options import OutputFormat
from covcat.cli.session import Session
from covcat.errors import NotFoundError
from covcat.setting_files import variable_of
from covcat.store import accepted, cached
from covcat.store.folder import INDEX

Row = dict[str, Cell]
_INDEXES = f"*/*/{INDEX}"  # beside the manifest of its release


def paths(ctx: typer.Context, output: OutputFormat = None) -> None:
    """Print which folders and files are used, and what says so; makes none of them.

    Example: covcat paths --json
    """
    session: Session = ctx.obj
    if not all(one.is_absolute() for one in (session.data_dir, *session.catalog_folders)):
        try:
            Path.cwd()
        except OSError as error:
            problem, hint = "the working folder is gone", "cd to one that is there"
            raise NotFoundError(problem, hint=hint) from error
    folder = session.data_dir.absolute()
    rows = [
        _row("data folder", folder, _source(ctx, "data-dir", "data_dir")),
        *_inside(session, folder),
        _row("catalog", packaged_catalog(), "covcat itself"),
    ]
    named, origin = session.catalog_folders, _source(ctx, "catalog", "catalog_folders")
    rows += [_row("catalog", one.absolute(), origin) for one in named]
    origins = {"named": "COVCAT_CONFIG", "project": "working folder and those above"}
    for file in session.settings.files:
        origin = origins.get(file.role, f"{file.role}'s own")
        state = f"{file.state}: sets {', '.join(file.values)}" if file.values else file.state
        rows.append({**_row(f"{file.role} settings", file.path, origin), "state": state})
    columns = ("what", "path", "from", "state")
    session.rows("paths", Rows(columns, rows, key="path"), data={"paths": rows}, output=output)
    if not session.settings.files:
        session.say("no file of settings is read: COVCAT_CONFIG is none")


def _source(ctx: typer.Context, option: str, parameter: str) -> str:
    """Say what decided a global option: its flag, its variable, a file, or covcat."""
    session: Session = ctx.obj
    how = ctx.parent.get_parameter_source(parameter) if ctx.parent else None
    files = (str(one.path) for one in session.settings.files if option in one.values)
    return {
        "COMMANDLINE": f"--{option}",
        "ENVIRONMENT": variable_of(option),
        "DEFAULT_MAP": next(files, ""),
    }.get(how.name if how else "", "default")


def _inside(session: Session, folder: Path) -> Iterator[Row]:
    """Tell of covcat's own folders in the data folder, and of the indexes beside the data."""
    store = session.store
    places = {
        "locks": store.locks,
        "parts": store.parts,
        "staging": store.staging,
        "partial": store.partial("", "").parent,
        "accepted licences": accepted.place(store),
    }
    for what, path in places.items():
        yield _row(what, path.absolute(), "data folder")
    count = 0
    with suppress(OSError):  # no such folder can be
        count = sum(1 for _ in folder.glob(f"[!.]{_INDEXES}"))
    row = _row("image indexes", folder / _INDEXES, "data folder")
    yield {**row, "state": f"{count} there" if count else "none yet"}
    if (own := cached.place()) is not None:  # where the data folder may not be written to
        count = sum(path.exists() for _, path in cached.files("index"))
        is_named = own.is_relative_to(os.environ.get("XDG_CACHE_HOME") or own / "nothing")
        row = _row("own image indexes", own, "XDG_CACHE_HOME" if is_named else "default")
        yield {**row, "state": f"{count} there" if count else "none yet"}
        count = sum(path.exists() for _, path in cached.files("features"))
        row = _row("features of pictures", cached.features_place() or own, str(row["from"]))
        yield {**row, "state": f"{count} there" if count else "none yet"}
        yield _row("hosts' answers", cached.answers_place() or own, str(row["from"]))


def _row(what: str, path: Path, origin: str) -> Row:
    state = "there"
    try:
        path.lstat()
    except PermissionError:
        state = "closed to you"
    except OSError:
        state = "not there"
    return {"what": what, "path": str(path), "from": origin, "state": state}
