"""split check: anybody's lists of train and test, judged for who and what is on both sides."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covcat.cli import complete, indexes, options
from covcat.cli.formats import Rows
from covcat.cli.session import Session, chosen_output
from covcat.errors import IntegrityError, NotFoundError
from covcat.text import escaped, plural

if TYPE_CHECKING:
    from covcat.imaging.opening import Index
    from covcat.overlap.leaks import Judged

_NAMED = 3  # names that match nothing
_LEAST = {"name_a": 16, "name_b": 16, "evidence": 30}  # widths of what may be cut


def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR", help="Lists, or folders of pictures.")
    ],
    of: Annotated[
        list[str] | None,
        typer.Option(
            "--of",
            metavar="ID[@RELEASE]",
            autocompletion=complete.ids,
            help="What the lists are of; else names are looked for in all that is here.",
        ),
    ] = None,
    output_format: options.OutputFormat = None,
) -> None:
    """Judge lists of a split: which picture, patient or subject is on two sides.

    The side is a column split or fold, else train, val or test in the name of a file or folder.
    Exit code 5 if there is one, and 3 if nothing but names could be compared.

    Example: covcat split check train.txt test.txt --of cohen
    """
    from covcat.overlap import leaks, lists

    session: Session = ctx.obj
    chosen = chosen_output(output_format, options.FORMATS)
    found = leaks.judge(lists.read_lists(files), _indexes(session, of), is_asked=of is not None)
    _tell(session, found)
    indexes.say_not_compared(session, [*found.matched])
    data = {
        "sides": found.sides,
        "matched": dict(found.matched),
        "ambiguous": found.ambiguous,
        "unmatched": len(found.unmatched),
        "with_bytes": found.with_bytes,
        "with_patient": found.with_patient,
        "leaks": [asdict(one) for one in found.leaks],
    }
    if not found.leaks and found.only_names:
        raise NotFoundError(
            "nothing but names could be compared: no list names patients, and none of the "
            "pictures is here",
            hint=f"covcat fetch {of[0] if of else 'ID'}, or give the folders of the pictures",
            data=data,
        )
    columns = [one.name for one in fields(leaks.Leak)]
    is_document = session.format(chosen) == "json"
    if not (is_document and found.leaks):  # else the error has them
        table = Rows(columns, [asdict(one) for one in found.leaks], "name_b", (), _LEAST)
        session.rows("split check", table, data=data, output=chosen)
    if found.leaks:
        kinds = ", ".join(
            f"{number:,} {kind}"
            for kind in leaks.KINDS
            if (number := sum(one.kind == kind for one in found.leaks))
        )
        raise IntegrityError(
            f"{plural(len(found.leaks), 'leak')} between the sides: {kinds}",
            hint="covcat split makes one without",
            data=data,
        )
    session.say("no leak was found in what could be compared")


def _indexes(session: Session, of: list[str] | None) -> "Iterable[Index]":
    """Return the indexes of what the lists may be of; none where nothing is here."""
    from covcat.imaging.index import here

    try:
        releases = here(session.catalog, session.store, of or ())
    except NotFoundError:
        if of is not None:
            raise
        return []
    found, failed = indexes.each(releases, partial(indexes.index_here, session))
    indexes.warn_of_failures(session, failed)
    return found.values()


def _tell(session: Session, found: "Judged") -> None:
    """Say what was compared, and what was not."""
    rows = sum(found.sides.values())
    sides = ", ".join(f"{escaped(side)} {number:,}" for side, number in found.sides.items())
    session.say(f"{plural(rows, 'row')}: {sides}")
    here = ", ".join(f"{number:,} of {name}" for name, number in found.matched.items())
    session.say(f"of {found.matched.total():,} the picture is here{here and f': {here}'}")
    if found.ambiguous:
        session.say(
            f"warning: {plural(found.ambiguous, 'name')} could be of several pictures here: "
            "say of which set with --of"
        )
    if lost := len(found.unmatched):
        some = ", ".join(f"`{indexes.cut(name)}`" for name in found.unmatched[:_NAMED])
        session.say(
            f"warning: of {plural(lost, 'row')} no picture is here, compared was only what the "
            f"lists say: {some}{', …' if lost > _NAMED else ''}"
        )
    session.say(
        f"compared by name {rows:,}, by bytes {found.with_bytes:,}, by patient "
        f"{found.with_patient:,}"
    )
