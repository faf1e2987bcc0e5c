"""report: what is here as one page for a browser."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covcat.cli import indexes, options, status
from covcat.cli.printing import open_page
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import CovcatError, IntegrityError, UsageError
from covcat.files import check_new
from covcat.store.folder import check_outside
from covcat.text import format_size, plural

if TYPE_CHECKING:
    from covcat.imaging.cohort import IndexedRelease
    from covcat.report.chosen import Chosen, Named
    from covcat.report.page import Asked
    from covcat.report.scope import Scope

_FILE = Path("covcat-report.html")
_NAMED = 3  # names of a list that are not here


def report(
    ctx: typer.Context,
    names: options.Names = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it.", parser=options.a_path
        ),
    ] = _FILE,
    force: options.Force = False,
    of: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            parser=options.a_path,
            help="A cohort or split, its folder or table, or lists of one: only what is in it.",
        ),
    ] = None,
    with_pictures: Annotated[
        bool,
        typer.Option(
            "--with-pictures",
            help="Show pictures whatever their licence says: the page is for your own use.",
        ),
    ] = False,
    pictures: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, max=1000, help="Of one finding and view; as many as fit, up to 8."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--site",
            metavar="FOLDER",
            help="The catalog as a folder of pages instead, a page a resource.",
            parser=options.a_path,
        ),
    ] = None,
    opens: Annotated[
        bool, typer.Option("--open", help="Show it in the browser, on a terminal.")
    ] = False,
) -> None:
    """Make one page of what is here: pictures, patients, what is missing, licences, how to cite.

    It asks no server for anything, and is read without JavaScript too.

    With --site the whole catalog as a folder of pages, with what is here only to count published
    tables again. An earlier site gives way to the new one; what else lies there does not.

    Example: covcat report cohen figure1 -o films.html
    """
    from covcat.report.rendering import require_extra, write_page

    require_extra()
    from covcat.report import page as pages  # what it shows pictures with comes with the extra
    from covcat.report.chosen import read_chosen

    session: Session = ctx.obj
    if folder is not None:
        from covcat.cli.report_site import make_site

        others = (names, force, output != _FILE, of, with_pictures, pictures is not None)
        make_site(session, folder, others, opens=opens)
        return
    chosen = read_chosen(of) if of else None
    asked_for = _releases(chosen, names)
    check_new(output, force=force)
    check_outside(session.data_dir, output)
    found, failed = indexes.indexes(session, asked_for)
    if failed and asked_for:
        raise indexes.refusal(failed, found, is_again=False)
    indexes.warn_of_failures(session, failed)
    scope = _scope(session, tuple(indexes.parts(session, found)), chosen, names)
    asked = _asked(session, scope, failed, a_group=pictures, is_own=with_pictures)
    with drawn(session, "auto") as progress:
        made = pages.gather(scope, session.store, asked, progress)
    size = write_page(output, pages.to_html(made), force=force)
    releases = plural(len(scope.parts), "release")
    session.say(f"{plural(made.shapes.pictures, 'picture')} of {releases}, {format_size(size)}")
    data = {
        "path": str(output),
        "bytes": size,
        "sections": list(pages.SECTIONS),
        "warnings": [asdict(one) for one in made.warnings],
    }
    if not (failed and session.json):  # else the error's own document has it
        session.result("report", data, f"{output}\n")
    open_page(output, wanted=opens)
    if failed:
        raise indexes.without(failed, found, data)


def _releases(chosen: "Chosen | Named | None", names: list[str] | None) -> list[str] | None:
    """Return what the page may be of: a table says so itself, a list does not."""
    from covcat.report.chosen import Chosen

    if not isinstance(chosen, Chosen):
        return names
    if names:
        raise UsageError("--of says which pictures: expected no ID beside it")
    return [*chosen.releases]


def _asked(
    session: Session,
    scope: "Scope",
    failed: Mapping[str, CovcatError],
    *,
    a_group: int | None,
    is_own: bool,
) -> "Asked":
    """Return what the page tells of this run."""
    from covcat.report.page import Asked

    told = {
        part.name: status.row_of(session, part.resource.id, part.release.id, part.folder)
        for part in scope.parts
    }
    words = shlex.join(["covcat", *session.words])
    left_out = {name: error.message for name, error in failed.items()}
    return Asked(words, session.data_dir, told, left_out, a_group, is_own)


def _scope(
    session: Session,
    parts: "tuple[IndexedRelease, ...]",
    chosen: "Chosen | Named | None",
    names: list[str] | None,
) -> "Scope":
    """Return what the page is of: all of these releases, or what a table or list names of them."""
    from covcat.imaging.query import count
    from covcat.report.chosen import Named, find_named
    from covcat.report.scope import Scope

    if chosen is None:
        return Scope(parts)
    if isinstance(chosen, Named):
        chosen = find_named(chosen, [one.index for one in parts], is_asked=bool(names))
        parts = tuple(one for one in parts if one.name in chosen.releases)
        if chosen.lost:
            some = ", ".join(f"`{indexes.cut(name)}`" for name in chosen.lost[:_NAMED])
            more = ", …" if len(chosen.lost) > _NAMED else ""
            lost = plural(len(chosen.lost), "name")
            session.say(f"warning: of {lost} no picture is here, or it is not clear: {some}{more}")
        return Scope(parts, chosen.question, chosen.of, chosen.sides)
    scope = Scope(parts, chosen.question, chosen.of, chosen.sides)
    known = sum(count(one, scope.question) for one in scope.indexes)
    if known != len(chosen.keys):
        raise IntegrityError(
            f"`{chosen.of}` names rows that are not here: expected {len(chosen.keys):,}, got "
            f"{known:,}",
            hint=f"covcat fetch {shlex.join(chosen.releases)}",
        )
    return scope
