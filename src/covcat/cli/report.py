"""report: what is here as one page for a browser."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from covcat.cli import indexes, options, status
from covcat.cli.printing import open_page
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.files import check_new
from covcat.store.folder import check_outside
from covcat.text import format_size, plural

_FILE = Path("covcat-report.html")


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
    from covcat.imaging.query import Question
    from covcat.report import page as pages
    from covcat.report.rendering import require_templates, write_page
    from covcat.report.scope import Scope

    session: Session = ctx.obj
    require_templates()
    if folder is not None:
        from covcat.cli.report_site import make_site

        others = (names, force, output != _FILE, with_pictures, pictures is not None)
        make_site(session, folder, others, opens=opens)
        return
    check_new(output, force=force)
    check_outside(session.data_dir, output)
    found, failed = indexes.indexes(session, names)
    if failed and names:
        raise indexes.refusal(failed, found, is_again=False)
    indexes.warn_of_failures(session, failed)
    scope = Scope(tuple(indexes.parts(session, found)), Question(with_files_only=False))
    told = {
        part.name: status.row_of(session, part.resource.id, part.release.id, part.folder)
        for part in scope.parts
    }
    words = shlex.join(["covcat", *session.words])
    left_out = {name: error.message for name, error in failed.items()}
    asked = pages.Asked(words, session.data_dir, told, left_out, pictures, with_pictures)
    with drawn(session, "auto") as progress:
        made = pages.gather(scope, session.store, asked, progress)
    size = write_page(output, pages.to_html(made), force=force)
    number = made.shapes.pictures
    session.say(
        f"{plural(number, 'picture')} of {plural(len(found), 'release')}, {format_size(size)}"
    )
    data = {"path": str(output), "bytes": size, "sections": list(pages.SECTIONS)}
    if not (failed and session.json):  # else the error's own document has it
        session.result("report", data, f"{output}\n")
    open_page(output, wanted=opens)
    if failed:
        raise indexes.without(failed, found, data)
