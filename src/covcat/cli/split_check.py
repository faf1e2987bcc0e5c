"""split check: anybody's lists of train and test, judged for who and what is on both sides."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covcat.cli import indexes, options
from covcat.cli.declare import ids_of, with_folders
from covcat.cli.formats import Rows
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import IntegrityError, NotFoundError
from covcat.text import escaped, plural

if TYPE_CHECKING:
    from covcat.imaging.opening import Index
    from covcat.overlap.leaks import Judged
    from covcat.overlap.pairs import Pair
    from covcat.overlap.pictures import PictureSet

_LEAST = {"name_a": 16, "name_b": 16, "evidence": 30}  # widths of what may be cut


def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE|DIR", help="Lists, or folders of pictures.")
    ],
    of: list[str] | None = ids_of(
        "--of", "What the lists are of; else names are looked for in all that is here."
    ),
    folders: list[Path] | None = with_folders(
        "Where the pictures of the lists lie, if in no release; they are compared."
    ),
    output_format: options.OutputFormat = None,
) -> None:
    """Judge lists of a split: which picture, patient or subject is on two sides.

    The side is a column split or fold, else train, val or test in the name of a file or folder.
    With --with also which pictures are copies of each other, as crops or at another size.
    Exit code 5 if there is one, and 3 if nothing but names could be compared.

    Example: covcat split check train.txt test.txt --of cohen
    """
    from covcat.overlap import leaks

    session: Session = ctx.obj
    found = _judged(session, files, of, folders)
    _tell(session, found)
    if not folders:
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
            hint=f"covcat fetch {of[0] if of else 'ID'}, or --with the folder of the pictures",
            data=data,
        )
    columns = [one.name for one in fields(leaks.Leak)]
    is_document = session.format(output_format) == "json"
    if not (is_document and found.leaks):  # else the error has them
        table = Rows(columns, [asdict(one) for one in found.leaks], "name_b", (), _LEAST)
        session.rows("split check", table, data=data, output=output_format)
    if found.leaks:
        number = Counter(one.kind for one in found.leaks)
        kinds = ", ".join(f"{number[kind]:,} {kind}" for kind in leaks.KINDS if number[kind])
        raise IntegrityError(
            f"{plural(len(found.leaks), 'leak')} between the sides: {kinds}",
            hint="covcat split makes one without",
            data=data,
        )
    session.say("no leak was found in what could be compared")


def _judged(
    session: Session, files: list[Path], of: list[str] | None, folders: list[Path] | None
) -> "Judged":
    """Read the lists, find their pictures, and judge them."""
    from covcat.overlap import leaks, lists

    rows, own = lists.read_lists(files), _folders(session, folders or ())
    # a plain folder has the pictures of the lists, unless a release is named too
    releases = _indexes(session, of) if of is not None or not own else {}
    records = leaks.records_of(releases.values(), own)
    found = leaks.match(rows, records, is_asked=of is not None or bool(own))
    leaks.judge(found, _compared(session, found, releases, own) if own else ())
    return found


def _folders(session: Session, folders: Iterable[Path]) -> "list[PictureSet]":
    """Return the pictures of folders, each called as it was typed."""
    from covcat.overlap.pictures import of_folder

    with drawn(session, "auto") as progress:
        return [of_folder(one, str(one), progress) for one in dict.fromkeys(folders)]


def _compared(
    session: Session, found: "Judged", releases: "Mapping[str, Index]", own: "list[PictureSet]"
) -> "Sequence[Pair]":
    """Compare the pictures of the lists, and only these, with each other."""
    from covcat.overlap.pictures import of_index
    from covcat.overlap.run import BYTES, compare_sets

    meant = {(one.of("of_set"), one.of("path")) for one in found.known}
    known = [
        of_index(index, session.store.release(*name.split("@", 1)))
        for name, index in releases.items()
    ]
    sets = [
        replace(
            one,
            files=tuple(file for file in one.files if (file.set, file.path) in meant),
            left_out=(),
        )
        for one in (*known, *own)
    ]
    with drawn(session, "auto") as progress:
        compared = compare_sets([one for one in sets if one.files], progress)
    for reason, number in Counter(one.reason for one in compared.left_out).items():
        session.say(f"{plural(number, 'picture')} not compared: {reason}")
    if compared.undecided:
        session.say(f"{plural(compared.undecided, 'pair')} could not be compared to the end")
    if compared.method == BYTES:
        what = "the same bytes alone were looked for: to compare pictures needs OpenCV"
        session.say(f"{what}: pip install 'covcat[overlap]'")
    return compared.pairs


def _indexes(session: Session, of: list[str] | None) -> "Mapping[str, Index]":
    """Return the indexes of what the lists may be of; none where nothing is here."""
    from covcat.imaging.index import here

    try:
        releases = here(session.catalog, session.store, of or ())
    except NotFoundError:
        if of is not None:
            raise
        return {}
    found, failed = indexes.each(releases, partial(indexes.index_here, session))
    indexes.warn_of_failures(session, failed)
    return found


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
        session.say(
            f"warning: of {plural(lost, 'row')} no picture is here, compared was only what the "
            f"lists say: {indexes.first_of(found.unmatched)}"
        )
    session.say(
        f"compared by name {rows:,}, by bytes {found.with_bytes:,}, by patient "
        f"{found.with_patient:,}"
    )
