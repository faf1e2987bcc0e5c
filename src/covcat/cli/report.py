"""report: what is here as one page for a browser."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from covcat.cli import indexes, options, sources, status
from covcat.cli.declare import a_path, flag, new_file, value
from covcat.cli.printing import open_page
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import CovcatError
from covcat.files import check_new
from covcat.store.folder import check_outside
from covcat.text import format_size, plural

if TYPE_CHECKING:
    from covcat.report.page import PageRequest
    from covcat.report.scope import Scope

_FILE = Path("covcat-report.html")


def report(
    ctx: typer.Context,
    names: options.Names = None,
    output: Path = new_file("Where to write it.", parser=a_path, default=_FILE),
    force: options.Force = False,
    of: options.Of = None,
    with_pictures: bool = flag(
        "--with-pictures",
        "Show pictures whatever their licence says: the page is for your own use.",
    ),
    pictures: int | None = value(
        "--pictures", "Of one finding and view; as many as fit, up to 8.", "N", min=0, max=1000
    ),
    folder: Path | None = value(
        "--site",
        "The catalog as a folder of pages instead, a page a resource.",
        "FOLDER",
        parser=a_path,
    ),
    opens: bool = flag("--open", "Show it in the browser, on a terminal."),
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

    session: Session = ctx.obj
    if folder is not None:
        from covcat.cli.report_site import make_site

        others = (names, force, output != _FILE, of, with_pictures, pictures is not None)
        make_site(session, folder, others, opens=opens)
        return
    check_new(output, force=force)
    check_outside(session.data_dir, output)
    scope, failed = _scope_of(session, of, names) if of else _all_of(session, names)
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
        session.result_path("report", output, data)
    open_page(output, wanted=opens)
    if failed:
        raise indexes.without(failed, [part.name for part in scope.parts], data)


def _all_of(session: Session, names: list[str] | None) -> "tuple[Scope, indexes.Failed]":
    """Return all of the releases that are asked for, and which cannot be read."""
    from covcat.report.scope import Scope

    found, failed = indexes.indexes(session, names, needs_all=bool(names))
    return Scope(tuple(found.values())), failed


def _scope_of(
    session: Session, of: list[Path], names: list[str] | None
) -> "tuple[Scope, indexes.Failed]":
    """Return what a cohort, a split, a table or lists have of the releases that are here."""
    from covcat.overlap.chosen import of_cohort
    from covcat.report.scope import Scope

    source = sources.source_of(session, of, names, "shown")
    chosen, cohort = source.named, source.cohort
    if chosen is None or chosen.found:
        sides = source.side_of if chosen is None else chosen.sides_of_training()
        chosen = of_cohort(source.of, cohort, sides)
    if cohort.rule.question.found:
        session.say("note: labels are those of the sets that have the pictures")
    each = {part.name: replace(part, labels=None) for part in cohort.parts}
    parts = tuple(part for name, part in each.items() if name in chosen.releases)
    return Scope(parts, chosen.question, chosen.of, chosen.sides), source.failed


def _asked(
    session: Session,
    scope: "Scope",
    failed: Mapping[str, CovcatError],
    *,
    a_group: int | None,
    is_own: bool,
) -> "PageRequest":
    """Return what the page tells of this run."""
    from covcat.report.page import PageRequest

    told = {
        part.name: status.row_of(session, part.resource.id, part.release.id, part.folder)
        for part in scope.parts
    }
    words = shlex.join(["covcat", *session.words])
    left_out = {name: error.message for name, error in failed.items()}
    return PageRequest(words, session.data_dir, told, left_out, a_group, is_own)
