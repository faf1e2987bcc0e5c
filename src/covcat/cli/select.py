"""select: the cohort that a licence and a protocol allow, and why others are not in it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from covcat.catalog.entries import USES
from covcat.cli import cohorts, indexes, options
from covcat.cli.declare import choice, flag, grouped, new_file, value
from covcat.cli.formats import Rows
from covcat.cli.progress import drawn
from covcat.cli.session import Session, without_ids
from covcat.errors import UsageError
from covcat.text import escaped, format_size, plural

if TYPE_CHECKING:
    from covcat.imaging.cohort import Cohort, CohortCounts, CohortRule
    from covcat.imaging.cohort_record import Form, Recorded

_NAMED = 8  # licences that stderr names
_TABLES = (".tsv", ".jsonl", ".json", ".parquet", ".sqlite", ".db", ".xlsx")


@grouped
def select(
    ctx: typer.Context,
    names: options.Names = None,
    *,
    labels: options.Labels,
    allow_unknown: bool = flag(
        "--allow-unknown-license", "Take images too whose licence is blank or unknown."
    ),
    where: options.Where = None,
    one_per: options.OnePer = None,
    found_elsewhere: options.FoundElsewhere = False,
    distinct: bool = flag("--distinct", "Each picture once: --one-per picture."),
    earlier: Path | None = value(
        "--from", "The query.json of a cohort, or its folder: make the same one again.", "FILE"
    ),
    output: Path | None = new_file("New; without it, only counts.", "FILE|DIR"),
    force: options.Force = False,
    form: str | None = choice(
        ("list", "csv", "links", "copies"),
        "list of paths, csv, or a folder of links or copies; links point to the data "
        "folder. Default: by the suffix of --output.",
        "--as",
    ),
) -> None:
    """Choose the images that a licence and a protocol allow; say why not the others.

    An unknown or blank licence allows nothing. A folder has the images, cohort.csv, refused.csv,
    CITATION.bib, LICENSES.txt and query.json, from which anybody can make it again.

    Example: covcat select cohen --covid yes --license-allows commercial --output cohort
    """
    from covcat.imaging import cohort_record
    from covcat.imaging.cohort import CohortRule

    session: Session = ctx.obj
    one_each = _one_each(one_per, distinct=distinct)
    question = labels.question(where, one_each, found=found_elsewhere)
    rule = CohortRule(question, allow_unknown)
    recorded = None
    if earlier is not None:
        if names or rule != CohortRule():
            raise UsageError("--from says what is asked: expected no ID and no filter beside it")
        recorded = cohort_record.read(earlier)
        names, rule = [one.release for one in recorded.releases], recorded.rule
    chosen = _form(form, output, recorded, force=force)
    is_again = recorded is not None
    found, failed = indexes.indexes(session, names, needs_all=bool(names), is_again=is_again)
    cohort = cohorts.of_indexes(session, found, rule, "chosen from", recorded)
    if recorded is not None:
        cohort_record.check_same_files(cohort, recorded)
        cohort_record.check_same_images(cohort, recorded)
        session.say("the same images as then, of the same files")
    made = _write(session, cohort, output, chosen, force=force)
    _tell(session, cohort.counts, rule, output)
    if output != made:
        session.say(f"`{output}` is not made: no image is chosen")
    if rule.question.one_per is not None:
        every = [one.index for one in cohort.asked.values()]
        indexes.warn_of_labels(session, every, rule.question)
    data = {"path": None if made is None else str(made), **asdict(cohort.counts)}
    if failed and session.json:
        raise indexes.without(failed, found, data)
    _print(session, cohort.counts, rule, data)
    _say_passing(session, cohort)
    if failed:
        raise indexes.without(failed, found)


def _say_passing(session: Session, cohort: "Cohort") -> None:
    """Say how many are chosen of all images; of rows of labels with --found."""
    reports = [one.index.report for one in cohort.asked.values()]
    if cohort.rule.question.found:
        total = sum(one.both + one.label_only for one in reports)
        indexes.say_passing(session, cohort.counts.chosen, total, "row")
    else:
        total = sum(one.images for one in reports)
        indexes.say_passing(session, cohort.counts.images, total, "image")


def _write(
    session: Session, cohort: "Cohort", output: Path | None, form: "Form", *, force: bool
) -> Path | None:
    """Write the cohort to where it was asked for; return what was made: of no image no folder."""
    from covcat.imaging import cohort_files

    if output is None or form in ("list", "csv"):
        if output is not None:
            cohort_files.to_file(cohort, output, form, force=force)
        return output
    with drawn(session, "auto") as progress:
        cohort_files.to_folder(cohort, output, form, progress)
    return output if cohort.counts.chosen else None


def _one_each(one_per: str | None, *, distinct: bool) -> str | None:
    if distinct and one_per not in (None, "picture"):
        raise UsageError(f"--distinct is --one-per picture: it takes no --one-per {one_per}")
    return "picture" if distinct else one_per


def _form(
    asked: str | None, output: Path | None, recorded: "Recorded | None", *, force: bool
) -> "Form":
    """Decide the form: --as, what it was before, then the suffix of --output."""
    options.check_force(output, force=force)
    if asked is not None:
        return cast("Form", asked)
    if recorded is not None:
        return recorded.form
    suffix = output.suffix.lower() if output is not None else ""
    if suffix in _TABLES:
        raise UsageError(
            f"--output `{output}`: expected a name with .csv or .txt, or that of a folder",
            hint="covcat images --format parquet --output cohort.parquet",
        )
    by_suffix: dict[str, Form] = {".csv": "csv", ".txt": "list"}
    return by_suffix.get(suffix, "links")


def _tell(
    session: Session, counts: "CohortCounts", rule: "CohortRule", output: Path | None
) -> None:
    """Say on stderr who is in, who is not, and why."""
    from covcat.imaging.cohort import NOT_HERE

    others = dict(counts.left_out)
    missing = others.pop(NOT_HERE, 0)
    rows = f"of {plural(counts.rows - missing, 'row')} that pass the filters"
    if missing:
        session.say(indexes.left_out(NOT_HERE, missing))
        rows += " and are here"
    for name in counts.missing if session.verbose else ():
        session.say(f"not here: {name}")
    if not counts.chosen:
        session.say(f"no image is chosen, {rows}")
    else:
        patients = plural(counts.patients, "patient")
        nobody = f", {counts.of_nobody:,} of a patient who is not known" if counts.of_nobody else ""
        session.say(
            f"{plural(counts.images, 'image')} of {patients} chosen{nobody}, "
            f"{format_size(counts.bytes)}, {rows}"
        )
    refused = [one for one in counts.licenses if one.refused]
    for one in refused[:_NAMED]:
        license = escaped(one.license, 100) if one.license else "no stated licence"
        session.say(f"refused: {one.refused:,} of {license} ({one.why})")
    if len(refused) > _NAMED:
        rest = sum(one.refused for one in refused[_NAMED:])
        session.say(f"refused: {rest:,} more, of {len(refused) - _NAMED:,} other licences")
    if not rule.allow_unknown_license and any("unknown" in one.why for one in refused):
        again = " (give another --output)" if output is not None and output.exists() else ""
        option = f"--allow-unknown-license{again}"
        session.say(f"note: {option} takes images too whose licence is not known")
    for why, count in others.items():
        session.say(indexes.left_out(why, count))
    _warn(session, counts, rule)


def _warn(session: Session, counts: "CohortCounts", rule: "CohortRule") -> None:
    """Say of what is chosen what a user may overlook."""
    uses, unknown = rule.question.allows, 0
    for one in counts.licenses:
        said = [one.allows[use] for use in uses] if uses else set(one.allows.values())
        if "unknown" in said and (uses or len(said) == 1):
            unknown += one.chosen
    if unknown:
        session.say(
            f"note: what the licence of {plural(unknown, 'chosen row')} allows is not known: "
            "ask whoever owns the images"
        )
    indexes.warn_of_gone(session, counts.gone)
    if counts.alike:
        session.say(
            f"note: {plural(counts.alike, 'image')} with the same bytes as another one: "
            "keep them on one side of a split"
        )


def _print(
    session: Session, counts: "CohortCounts", rule: "CohortRule", data: dict[str, Any]
) -> None:
    """Print where the cohort is; where nothing was written, its licences."""
    if (path := data["path"]) is not None:
        session.result_path("select", path, data)
        return
    rows = [
        {**asdict(one), **one.allows, "license": one.license or "(none stated)"}
        for one in counts.licenses
    ]
    spared = sorted(USES, key=lambda use: (use in rule.question.allows, -USES.index(use)))
    table = Rows(("license", "rows", "chosen", "refused", *USES), rows, "license", spared)
    session.rows("select", table, data=data, output=without_ids(session))
