"""images: one table over the pictures of everything that is here, with labels in one vocabulary."""

import os
import sys
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covcat import catalog as catalogs
from covcat.cli import complete
from covcat.cli.session import Session, envelope, put
from covcat.errors import DiskError, UsageError
from covcat.model import NAMES, Record, Release, Resource, Value
from covcat.output import Rows, counted, shown
from covcat.store import disk_errors

if TYPE_CHECKING:
    from covcat.index import Report
    from covcat.query import Question

SHORT = ("resource", "path", "modality", "view", "finding", "patient_id", "sex", "age", "license")
MOST_SHOWN = 500  # rows of a table that a person reads
MOST_LETTERS = 200  # of a cell in it
FORMATS = ("table", "csv", "tsv", "jsonl", "json", "parquet", "sqlite", "ids")

Findings = Annotated[
    list[str] | None, typer.Option("--finding", metavar="TERM", help="Has it; repeatable.")
]
Covid = Annotated[
    list[str] | None, typer.Option("--covid", metavar="WORD", help="yes, no or unknown.")
]
Views = Annotated[
    list[str] | None, typer.Option("--view", metavar="WORD", help="PA, AP, Lateral, Axial …")
]
Modalities = Annotated[
    list[str] | None, typer.Option("--modality", metavar="WORD", help="ct, xray, ultrasound …")
]
Sexes = Annotated[list[str] | None, typer.Option("--sex", metavar="F|M", help="F or M.")]
Ages = Annotated[str | None, typer.Option("--age", metavar="YEARS", help="18-65, 18- or -65.")]
Allows = Annotated[
    list[str] | None,
    typer.Option(
        "--license-allows",
        metavar="USE",
        help="Its licence allows commercial, derivatives, redistribution.",
    ),
]
Where = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Condition over the columns.")
]
OnePer = Annotated[
    str | None, typer.Option("--one-per", metavar="patient", help="The earliest of each patient.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(images)


def images(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID[@RELEASE]", autocompletion=complete.ids, help="Default: all that is here."
        ),
    ] = None,
    findings: Findings = None,
    covid: Covid = None,
    views: Views = None,
    modalities: Modalities = None,
    sexes: Sexes = None,
    ages: Ages = None,
    allows: Allows = None,
    where: Where = None,
    one_per: OnePer = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Rows of labels whose image is not here, too.")
    ] = False,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Only these columns, in this order.")
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Print the paths of the files, a line each.")
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="With --paths: end each with NUL, for xargs -0.")
    ] = False,
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=", ".join(FORMATS))
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a new file.")
    ] = None,
) -> None:
    """List the images that are here, with their labels in one vocabulary.

    Example: covcat images cohen --covid yes --view PA --format csv > films.csv
    """
    from covcat import query

    session: Session = ctx.obj
    question = question_of(findings, covid, views, modalities, sexes, ages, allows, where, one_per)
    if everything:
        question = _with_labels_only(question)
    releases = here(session, names)
    indexes = [(one, release, *index_here(session, one, release)) for one, release in releases]
    for one, release, _, report in indexes:
        tell(session, f"{one.id}@{release.id}", report)
        for name in report.unmatched if session.verbose else ():
            session.say(f"not here: {_cut(name)}")
    for line in catalogs.overlaps(session.catalog, {one.id for one, _ in releases}):
        session.say(f"warning: {line}")
    records = _begun(chain.from_iterable(query.asked(path, question) for *_, path, _ in indexes))
    if question.one_per is not None:  # who is in two releases is one patient
        records = _once(records, "patient_id")
    chosen = columns_of(columns)
    if paths:
        _print_paths(session, records, "\0" if null else "\n")
        return
    _print(session, records, chosen, output_format, output)


def question_of(
    findings: list[str] | None,
    covid: list[str] | None,
    views: list[str] | None,
    modalities: list[str] | None,
    sexes: list[str] | None,
    ages: str | None,
    allows: list[str] | None,
    where: str | None,
    one_per: str | None,
) -> "Question":
    """Make of the options what is asked, in the vocabulary's words.

    Raises:
        UsageError: a word is not in the vocabulary.
    """
    from covcat import query, vocabulary

    for value, known in ((covid, ("yes", "no", "unknown")), (allows, vocabulary.USES)):
        for one in value or ():
            if one not in known:
                raise UsageError(f"unknown word `{one}`: expected one of {', '.join(known)}")
    if one_per not in (None, "patient"):
        raise UsageError(f"--one-per `{one_per}`: expected patient")
    return query.Question(
        findings=tuple(map(query.finding, findings or ())),
        covid=tuple(covid or ()),
        views=tuple(query.word("--view", "views", one) for one in views or ()),
        modalities=tuple(query.word("--modality", "modalities", one) for one in modalities or ()),
        sexes=tuple(query.word("--sex", "sexes", one) for one in sexes or ()),
        ages=query.ages(ages) if ages else None,
        allows=tuple(allows or ()),
        where=where,
        one_per=one_per,
    )


def _begun(records: Iterator[Record]) -> Iterator[Record]:
    """Ask for the first record now: a question that cannot be asked fails before a header."""
    first = list(islice(records, 1))
    return chain(first, records)


def _once(records: Iterator[Record], *columns: str) -> Iterator[Record]:
    """Leave out what is the same in these columns as a record before."""
    seen = set()
    for record in records:
        key = tuple(record[name] for name in columns)
        if key not in seen:
            seen.add(key)
            yield record


def _with_labels_only(question: "Question") -> "Question":
    from dataclasses import replace

    return replace(question, with_files_only=False)


def here(session: Session, names: list[str] | None) -> list[tuple[Resource, Release]]:
    """Return the releases that are asked for and here.

    Raises:
        NotFoundError: none is, or one that is named is not.
    """
    from covcat import index

    return index.here(session.catalog, session.store, names or ())


def index_here(session: Session, resource: Resource, release: Release) -> tuple[Path, "Report"]:
    """Return the index of a release that is here, and what became of its rows."""
    from covcat import index
    from covcat.cli.bars import drawn

    with drawn(session, "auto") as progress:
        return index.index_of(resource, release, session.store, progress)


def tell(session: Session, name: str, report: "Report") -> None:
    """Say what became of the rows and files of a release, and what is odd about its tables."""
    session.say(told(name, report))
    for path in report.absent:
        session.say(
            f"{name}: its label table `{path}` is not here: covcat fetch {name} --include '{path}'"
        )
    for path in report.altered:
        session.say(
            f"warning: {name}: `{path}` was changed since it was fetched, and is read as it is "
            f"now: covcat verify {name}"
        )


def told(name: str, report: "Report") -> str:
    """Say what became of the rows and files of a release."""
    rows, alone, not_added = report.both + report.label_only, report.image_only, report.not_added
    parts = [
        counted(report.images, "image"),
        f"{counted(rows, 'row')} of labels" if rows else "no rows of labels",
        f"{report.label_only:,} of these of images that are not here" if report.label_only else "",
        f"{counted(alone, 'image')} without labels" if alone and rows else "",
        f"{counted(not_added, 'row')} of more about images that are not here" if not_added else "",
    ]
    text = f"{name}: " + ", ".join(part for part in parts if part)
    if report.without_term:
        kinds = report.without_term.items()
        listed = ", ".join(f"`{_cut(raw)}` ({count})" for raw, count in kinds)
        text += f"; findings that the vocabulary does not have: {listed}"
    return text


def columns_of(text: str | None) -> tuple[str, ...] | None:
    """Read --columns and the like.

    Raises:
        UsageError: one of them is no column of the index, or there twice.
    """
    if text is None:
        return None
    found = tuple(one.strip() for one in text.split(","))
    for one in found:
        if one not in NAMES:
            raise UsageError(f"unknown column `{one}`: expected some of {', '.join(NAMES)}")
        if found.count(one) > 1:
            raise UsageError(f"the column `{one}` is there twice")
    return found


def _place(session: Session, record: Record) -> Path:
    folder = session.store.release(str(record["resource"]), str(record["release"]))
    return folder.absolute() / "files" / str(record["path"])


# ---- printing ----------------------------------------------------------------------------------


def _print_paths(session: Session, records: Iterator[Record], end: str) -> None:
    for record in _once(records, "resource", "release", "path"):
        if record["path"]:
            put(sys.stdout, f"{_place(session, record)}{end}")


def _print(
    session: Session,
    records: Iterator[Record],
    columns: tuple[str, ...] | None,
    name: str | None,
    output: Path | None,
) -> None:
    chosen = _format(session, name, output)
    if output is not None:
        count = _to_file(records, columns or NAMES, chosen, output)
        session.say(f"{counted(count, 'image')} written to `{output}`")
        session.result("images", {"path": str(output), "images": count}, f"{output}\n")
        return
    if chosen in ("parquet", "sqlite"):
        raise UsageError(f"--format {chosen} needs a file: add --output FILE")
    if chosen == "json":
        found = [{one: record[one] for one in columns or NAMES} for record in records]
        put(sys.stdout, envelope("images", {"images": found}))
    elif chosen == "ids":
        for record in records:
            put(sys.stdout, shown(record["image_id"]) + "\n")
    elif chosen == "table":
        first = list(islice(records, MOST_SHOWN))
        cut = [{one: _cut(value) for one, value in record.items()} for record in first]
        session.rows("images", Rows(columns or SHORT, cut, key="path"), output="table")
        more = sum(1 for _ in records)
        if more:
            session.say(f"… and {more:,} more: --format csv or --output FILE has all of them")
    else:
        _stream(records, columns or NAMES, chosen)


def _cut(value: Value) -> Value:
    """Keep a long text from filling the screen."""
    is_long = isinstance(value, str) and len(value) > MOST_LETTERS
    return f"{str(value)[:MOST_LETTERS]}…" if is_long else value


def _format(session: Session, name: str | None, output: Path | None) -> str:
    """Decide the format: --json, --format, the file's suffix, then the terminal."""
    if name is not None and name not in FORMATS:
        raise UsageError(f"unknown format `{name}`: expected one of {', '.join(FORMATS)}")
    if session.json and output is None:
        return "json"
    suffix = output.suffix.lstrip(".").lower() if output else ""
    by_suffix = {"db": "sqlite", "ndjson": "jsonl"}.get(suffix, suffix)
    if name is None and output is not None:
        if by_suffix not in ("csv", "tsv", "jsonl", "parquet", "sqlite"):
            raise UsageError(
                f"the suffix of `{output}` says no format: expected .csv, .tsv, .jsonl, .parquet "
                "or .sqlite",
                hint="--format NAME says it too",
            )
        return by_suffix
    return name or session.format(None)


def _stream(records: Iterator[Record], columns: tuple[str, ...], name: str) -> None:
    from covcat.output import records as writers

    class _Out:
        def write(self, text: str) -> None:
            put(sys.stdout, text)

    if name == "csv" and sys.stdout.isatty():  # a file has the cells as they are
        records = ({one: _harmless(value) for one, value in each.items()} for each in records)
    writers.STREAMS[name](_Out(), columns, records)  # type: ignore[arg-type]


def _harmless(value: Value) -> Value:
    return shown(value) if isinstance(value, str) else value


def _to_file(records: Iterator[Record], columns: tuple[str, ...], name: str, output: Path) -> int:
    """Write a new file whole, or none."""
    from covcat.output import records as writers

    if output.exists():
        raise DiskError(f"`{output}` is there already", hint="give another name, or remove it")
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with disk_errors(f"write `{output}`"):
            if name in writers.FILES:
                count = writers.FILES[name](part, columns, records)
            elif name in writers.STREAMS:
                with part.open("x", encoding="utf-8", newline="") as stream:
                    count = writers.STREAMS[name](stream, columns, records)
            else:
                raise UsageError(f"--format {name} goes to no file")
            part.rename(output)
    finally:
        part.unlink(missing_ok=True)
    return count
