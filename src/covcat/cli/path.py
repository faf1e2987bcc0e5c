"""path: where a release lies."""

from typing import Annotated

import typer

from covcat.cli import here
from covcat.cli.declare import ids
from covcat.cli.session import Session


def path(ctx: typer.Context, name: Annotated[str, ids("A release on disk.")]) -> None:
    """Print the folder of a release that is here; never fetches.

    Example: ls "$(covcat path figure1)"
    """
    from covcat.store import manifest

    session: Session = ctx.obj
    id, release, folder = here.preferred(session, name)
    found = manifest.data_folder(folder)
    session.result_path("path", found, {"id": f"{id}@{release}", "path": str(found)})
