"""import: what a person downloaded becomes a release, verified like any other."""

from pathlib import Path
from typing import Annotated

import typer

from covcat.cli import options as net
from covcat.cli.declare import a_path, flag, ids
from covcat.cli.passwords import PasswordFile, password_of
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.fetching.plan import Options, Step


def import_command(
    ctx: typer.Context,
    name: Annotated[str, ids("What it is a copy of.")],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Archives, files or folders; of volumes one, with the others beside it.",
            parser=a_path,
        ),
    ],
    allow_missing: bool = flag("--allow-missing", "Keep what only lacks files."),
    password_file: PasswordFile = None,
    retries: net.Retries = 5,
    timeout: net.Timeout = 30,
    pause: net.Pause = 0.5,
) -> None:
    """Adopt what you downloaded yourself: verify it, unpack it, record it; print the folder.

    It is recognised by its contents where the catalog lists them, however it was packed; else by
    the digests that its host names, else by name. Without its host (--offline, or where it wants
    a login) a set is taken as you give it, compared with nothing. Nothing of yours is moved, and
    nothing is lost that is here of it already.

    Example: covcat import kermany@kaggle-2 ~/Downloads/archive.zip
    """
    from covcat.fetching import run
    from covcat.fetching.base import Run

    session: Session = ctx.obj
    resource, release = session.catalog.find(name)
    network = net.network(session, timeout=timeout, retries=retries, pause=pause)
    step = Step(
        resource=resource,
        release=release,
        action="fetch",
        reason="brought by hand",
        options=Options(allow_missing=allow_missing),
    )

    def take(word: str | None) -> Path:
        with drawn(session, "auto") as progress:
            one_run = Run(session.catalog, session.store, network, progress, word)
            return run.import_release(step, one_run, paths)

    folder = password_of(session, password_file).opening(take)
    session.result_path("import", folder, {"id": step.name, "path": str(folder)})
