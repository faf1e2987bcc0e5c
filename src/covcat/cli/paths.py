"""paths: what this run would use on disk, and what said so."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

from covcat.catalog.yaml import packaged_catalog
from covcat.cli.formats import Cell, Rows
from covcat.cli.options import FORMATS, OutputFormat
from covcat.cli.session import Session, chosen_output
from covcat.cli.settings import File, variable_of
from covcat.errors import NotFoundError
from covcat.store import accepted
from covcat.store.folder import INDEX

Row = dict[str, Cell]
_INDEXES = f"*/*/{INDEX}"  # beside the manifest of its release


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(paths)


def paths(ctx: typer.Context, output: OutputFormat = None) -> None:
    """Print which folders and files are used, and what says so; makes none of them.

    Example: covcat paths --json
    """
    session: Session = ctx.obj
    chosen = chosen_output(output, FORMATS)
    if not all(one.is_absolute() for one in (session.data_dir, *session.catalog_folders)):
        _check_here()
    folder = session.data_dir.absolute()
    rows = [
        _row("data folder", folder, _source(ctx, "data-dir", "data_dir")),
        *_inside(session, folder),
        _row("catalog", packaged_catalog(), "covcat itself"),
        *(
            _row("catalog", one.absolute(), _source(ctx, "catalog", "catalog_folders"))
            for one in session.catalog_folders
        ),
        *(_config(one) for one in session.settings.files),
    ]
    columns = ("what", "path", "from", "state")
    session.rows("paths", Rows(columns, rows, key="path"), data={"paths": rows}, output=chosen)
    if not session.settings.files:
        session.say("no file of settings is read: COVCAT_CONFIG is none")


def _check_here() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise NotFoundError("the working folder is gone", hint="cd to one that is there") from error


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
    for what, path in (
        ("locks", store.locks),
        ("parts", store.parts),
        ("staging", store.staging),
        ("partial", store.partial("", "").parent),
    ):
        yield _row(what, path.absolute(), "data folder")
    yield _row("accepted licences", accepted.place(store).absolute(), "data folder")
    count = 0
    with suppress(OSError):  # no such folder can be
        count = sum(1 for _ in folder.glob(f"[!.]{_INDEXES}"))
    row = _row("image indexes", folder / _INDEXES, "data folder")
    yield {**row, "state": f"{count} there" if count else "none yet"}


def _config(file: File) -> Row:
    """Tell of one file of settings."""
    origin = "COVCAT_CONFIG" if file.role == "named" else f"{file.role}'s own"
    origin = "working folder and those above" if file.role == "project" else origin
    state = f"{file.state}: sets {', '.join(file.values)}" if file.values else file.state
    return {**_row(f"{file.role} settings", file.path, origin), "state": state}


def _row(what: str, path: Path, origin: str) -> Row:
    return {"what": what, "path": str(path), "from": origin, "state": _state(path)}


def _state(path: Path) -> str:
    try:
        path.lstat()
    except PermissionError:
        return "closed to you"
    except OSError:
        return "not there"
    return "there"
