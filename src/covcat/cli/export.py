"""export: pictures with their labels as the libraries load them that train on them."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covcat.cli import cohorts, indexes, options, sources
from covcat.cli.declare import choice, grouped
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import NotFoundError, UsageError
from covcat.files import check_new
from covcat.store.folder import check_outside
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.export.training.build import Exported, TrainingRows
    from covcat.export.training.laying import TrainingForm, Way
    from covcat.imaging.query import Question

FORMS = ("imagefolder", "monai", "coco", "webdataset", "csv")
_WAYS = ("links", "copies")


@grouped
def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new one.")],
    names: options.Names = None,
    *,
    form: str = choice(FORMS, f"{', '.join(FORMS)}.", "--for", default=...),
    labels: options.Labels,
    where: options.Where = None,
    one_per: options.OnePer = None,
    found_elsewhere: options.FoundElsewhere = False,
    of: options.Of = None,
    way: str | None = choice(_WAYS, "links or copies; links point to the data folder.", "--as"),
) -> None:
    """Write a folder that a library for training loads: pictures, labels, the sides of a split.

    Of a query all is in train; --of a split, nobody is on two sides. Each picture is there once,
    with the findings of all of its rows. Licences and citations come along.

    Example: covcat export training cohen --for imagefolder --covid yes --view PA
    """
    from covcat.export.training import FORMS as FORMS_OF_TRAINING
    from covcat.export.training import build

    session: Session = ctx.obj
    chosen_form = FORMS_OF_TRAINING[form]
    chosen_way = _way(form, chosen_form, way)
    _check_folder(session, folder, names, form)
    question = labels.question(where, one_per, found=found_elsewhere)
    chosen = _chosen(session, names, question, of)
    with drawn(session, "auto") as progress:
        made = build.to_folder(chosen, chosen_form, folder, chosen_way, progress)
    _tell(session, chosen, chosen_form, made)
    if made.path is None:
        what = f"no picture that {form} can hold" if made.not_read else "no picture that is here"
        others = [one for one in FORMS if one != form and made.not_read]
        hint = f"--for {others[-1]} holds {FORMS_OF_TRAINING[others[-1]].what}" if others else None
        raise UsageError(f"{what} passes the filters", hint=hint or "covcat counts")
    data: dict[str, Any] = {
        "path": str(folder),
        "for": form,
        "as": chosen_way,
        "rows": made.rows,
        "pictures": made.pictures,
        "bytes": made.bytes,
        "findings": made.findings,
        "sides": dict(made.sides),
        "left_out": {**chosen.cohort.counts.left_out, "not read": len(made.not_read)},
    }
    session.result_path("export", folder, data)


def _way(name: str, form: "TrainingForm", asked: str | None) -> "Way":
    for way in form.ways:
        if asked in (None, way):
            return way
    raise UsageError(f"--for {name} has {form.ways[0]}: it takes no --as {asked}")


def _check_folder(session: Session, folder: Path, names: list[str] | None, form: str) -> None:
    """Refuse what is there, and an ID where the folder belongs."""
    name = str(folder)
    if not names and not os.path.lexists(folder):
        try:
            session.catalog.find(name)
        except NotFoundError:
            pass
        else:
            raise UsageError(
                f"`{name}` is a resource: expected the new FOLDER before it",
                hint=shlex.join(["covcat", "export", "training", name, "--for", form]),
            )
    check_new(folder)
    check_outside(session.data_dir, folder, "give another FOLDER")


def _chosen(
    session: Session, names: list[str] | None, question: "Question", of: list[Path] | None
) -> "TrainingRows":
    """Return what is to be exported: what passes, or what --of names."""
    from covcat.export.training.build import TrainingRows
    from covcat.imaging.query import Question

    if not of:
        return TrainingRows(cohorts.asked(session, names, question, "exported"))
    if question != Question():
        raise UsageError("--of says what is asked: expected no filter beside it")
    source = sources.source_of(session, of, names, "exported")
    if source.named is None:
        return TrainingRows(source.cohort, source.side_of, source.lock)
    side_of = source.named.sides_of_training()
    if side_of is not None:
        lists = shlex.join(["covcat", "split", "check", *map(str, of)])
        session.say(f"note: if anybody is on two sides of these was not looked for: {lists}")
    return TrainingRows(source.cohort, side_of)


def _tell(session: Session, chosen: "TrainingRows", form: "TrainingForm", made: "Exported") -> None:
    """Say on stderr what is in it, and what is not."""
    for why, count in chosen.cohort.counts.left_out.items():
        session.say(indexes.left_out(why, count))
    if refused := chosen.cohort.counts.refused:
        session.say(f"{plural(refused, 'row')} refused by licence")
    for noun, names, why in (
        ("picture", made.not_read, f"it takes {form.what}"),
        ("mask", made.unread_masks, "no mask of a few values"),
        ("outline", made.unread_outlines, "no polygon and no box on its picture"),
    ):
        if names:
            some = indexes.first_of(names)
            session.say(f"warning: {plural(len(names), noun)} left out, {why}: {some}")
    if made.other_size:
        what = plural(made.other_size, "picture")
        session.say(f"note: {what} of another size than the mask, or than what was drawn on")
    if made.outlined_elsewhere:
        rows = plural(made.outlined_elsewhere, "row")
        session.say(f"note: {rows} with outlines of pictures that are not exported")
    if made.torn:
        session.say(
            f"note: {plural(made.torn, 'picture')} whose rows contradict each other: "
            "such columns are blank, findings are all of them"
        )
    for side, pictures in made.sides.items():
        session.say(f"{side}: {plural(pictures, 'picture')}")
    if chosen.side_of is None and made.sides:
        session.say("note: all is in train: `covcat split` divides it, --of exports that")
