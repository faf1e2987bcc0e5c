"""search: the resources of the catalog in which words occur."""

from typing import Annotated

import typer

from covcat.catalog.filter import Filter, select
from covcat.cli import list as listing
from covcat.cli.options import OutputFormat
from covcat.cli.session import Session
from covcat.errors import UsageError


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
    listing.print_resources(session, "search", resources, here, output)
    listing.say_counts(session, resources, Filter())
    if not resources:
        asked = ", ".join(f"`{word}`" for word in words)
        listing.say_nothing(session, f"has all of {asked}" if len(words) > 1 else f"has {asked}")
