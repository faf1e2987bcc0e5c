"""images: one table over the pictures of everything that is here, with labels in one vocabulary."""

import shlex
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import typer

from covcat.beside import build_beside
from covcat.catalog.columns import NAMES, Record
from covcat.cli import found as found_rows
from covcat.cli import indexes, options
from covcat.cli.declare import choice, flag, grouped, new_file
from covcat.cli.formats import Rows
from covcat.cli.printing import put, takes_more
from covcat.cli.session import Session, envelope
from covcat.cli.shards import ShardOption
from covcat.errors import UsageError
from covcat.files import check_new, disk_errors, place_new, sync
from covcat.store.folder import check_outside
from covcat.text import escaped, plural

if TYPE_CHECKING:
    from covcat.imaging.cohort import IndexedRelease
    from covcat.imaging.query import Gone, Question


SHORT = ("resource", "path", "modality", "view", "finding", "patient_id", "sex", "age", "license")
MOST_SHOWN = 500  # rows of a table that a person reads
FORMATS = ("table", "csv", "tsv", "jsonl", "json", "parquet", "sqlite", "ids")
_TO_FILES = ("csv", "tsv", "jsonl", "parquet", "sqlite")
_SPARED = ("patient_id", "license", "modality", "sex", "age", "view")  # first to last
_LEAST = {"path": 30, "finding": 16, "license": 12}  # widths of what may be cut


@grouped
def images(
    ctx: typer.Context,
    names: options.Names = None,
    *,
    labels: options.Labels,
    where: options.Where = None,
    one_per: options.OnePer = None,
    everything: bool = flag("--all", "Rows of labels whose image is not here, too."),
    found_elsewhere: options.FoundElsewhere = False,
    columns: options.Columns = None,
    paths: bool = flag("--paths", "Print the paths of the files, a line each."),
    null: bool = flag("--null", "With --paths: end each with NUL, for xargs -0.", "-0"),
    output_format: str | None = choice(FORMATS, ", ".join(FORMATS), metavar="NAME"),
    output: Path | None = new_file("Write to a new file."),
    force: options.Force = False,
    shard: ShardOption = None,
) -> None:
    """List the images that are here, with their labels in one vocabulary.

    --shard lists nothing: it reads headers for the index, which a command without it makes.

    Example: covcat images cohen --covid yes --view PA --format csv > films.csv
    """
    from covcat.imaging import query

    session: Session = ctx.obj
    if shard is not None:
        indexes.keep_shares(session, names, shard)
        return
    others = {"--columns": columns, "--format": output_format, "--output": output}
    _check_alone(others, paths=paths, null=null)
    options.check_force(output, force=force)
    form = "paths" if paths else _format(session, output_format, output)
    if output is not None:
        check_new(output, force=force)
        check_outside(session.data_dir, output)
    chosen = found_rows.columns_of(columns, one_per, is_asked=found_elsewhere)
    question = replace(labels.question(where, one_per), with_files_only=not everything)
    found, failed = indexes.indexes(session, names)
    _warn_of_releases(session, found.values())
    passing = _Passing()
    every = found_rows.elsewhere(session, found.values()) if found_elsewhere else []
    if every:
        chosen = chosen or (found_rows.SHORT if form == "table" else found_rows.COLUMNS)
        rows = found_rows.records(every, question, everything=everything)
    else:
        rows = query.ask([one.index for one in found.values()], question)
    records = passing.counted(rows)
    if output is None:  # a million rows are work: no more, when nobody takes what is printed
        records = takewhile(lambda _: takes_more(sys.stdout), records)
    gone = query.Gone(session.store.folder)
    if paths:
        data = _print_paths(session, records, "\0" if null else "\n", gone)
    else:
        data = _print(session, _seen(records, gone), form, chosen, output, force=force)
    if data and not failed and (session.json or form == "json"):  # else the error has it
        put(sys.stdout, envelope("images", data))
    _warn(session, gone, found.values(), question)
    if output is not None or takes_more(sys.stdout):  # else it is not known how many pass
        found_rows.tell_each(session, every)
        _say_passing(session, found.values(), passing.number, of_rows=everything or found_elsewhere)
    if failed:
        raise indexes.without(failed, found, data)


def _warn_of_releases(session: Session, found: "Collection[IndexedRelease]") -> None:
    for one in found if session.verbose else ():
        for name in one.index.report.unmatched:
            session.say(f"not here: {indexes.cut(name)}")
    indexes.warn_of_doubles(session, found, "listed")


def _warn(
    session: Session, gone: "Gone", found: "Iterable[IndexedRelease]", question: "Question"
) -> None:
    indexes.warn_of_gone(session, gone.counts)
    if question.one_per is not None:
        indexes.warn_of_labels(session, [one.index for one in found], question)


def _say_passing(
    session: Session, found: "Iterable[IndexedRelease]", passed: int, *, of_rows: bool
) -> None:
    from covcat.imaging import query

    whole = query.Question(with_files_only=not of_rows)
    total = sum(query.count(one.index, whole) for one in found)
    indexes.say_passing(session, passed, total, "row" if of_rows else "image")


def _check_alone(others: Mapping[str, object], *, paths: bool, null: bool) -> None:
    """Refuse options that say how rows are printed, where only paths are."""
    if null and not paths:
        raise UsageError("--null is for --paths", hint="covcat images --paths -0 | xargs -0 ls")
    for name, value in others.items():
        if paths and value is not None:
            raise UsageError(f"--paths prints paths alone: it takes no {name}")


@dataclass(slots=True)
class _Passing:
    """Counts the records that go by."""

    number: int = 0

    def counted(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            self.number += 1
            yield record


def _once(records: Iterator[Record], *columns: str) -> Iterator[Record]:
    """Leave out what is the same in these columns as a record before."""
    seen = set()
    for record in records:
        key = tuple(record[name] for name in columns)
        if key not in seen:
            seen.add(key)
            yield record


def _seen(records: Iterator[Record], gone: "Gone") -> Iterator[Record]:
    from covcat.imaging.elsewhere import place_of

    for record in records:
        gone.has(place_of(record))
        yield record


def _format(session: Session, name: str | None, output: Path | None) -> str:
    """Decide the format: --json, --format, the file's suffix, then the terminal."""
    if output is None:
        form = "json" if session.json else name or session.format(None)
        if form in ("parquet", "sqlite"):
            raise UsageError(f"--format {form} needs a file: add --output FILE")
        return form
    if name is not None and name not in _TO_FILES:
        raise UsageError(f"--format {name} goes to no file")
    suffix = output.suffix.lstrip(".").lower()
    form = name or {"db": "sqlite", "ndjson": "jsonl"}.get(suffix, suffix)
    if form not in _TO_FILES:
        raise UsageError(
            f"the suffix of `{output}` says no format: expected .csv, .tsv, .jsonl, .parquet "
            "or .sqlite",
            hint=f"--output {shlex.quote(f'{output.stem}.csv')}, or --format csv",
        )
    return form


def _print(
    session: Session,
    records: Iterator[Record],
    form: str,
    columns: tuple[str, ...] | None,
    output: Path | None,
    *,
    force: bool,
) -> dict[str, Any]:
    """Print the images; return what --json has of them."""
    chosen = columns or NAMES
    if output is not None:
        count = _to_file(records, chosen, form, output, force=force)
        session.say(f"{plural(count, 'image')} written to `{output}`")
        put(sys.stdout, "" if session.json else f"{output}\n")
        return {"path": str(output), "images": count}
    if form == "json":
        return {"images": [{one: record[one] for one in chosen} for record in records]}
    if form == "table":
        _print_table(session, records, columns)
    elif form == "ids":
        for record in records:
            put(sys.stdout, escaped(record["image_id"]) + "\n")
    else:
        from covcat.imaging.write import STREAMS

        if form == "csv" and sys.stdout.isatty():  # a file has the cells as they are
            records = (
                {name: escaped(one) if isinstance(one, str) else one for name, one in each.items()}
                for each in records
            )
        out: Any = SimpleNamespace(write=partial(put, sys.stdout))
        STREAMS[form](out, chosen, records)
    return {}


def _print_paths(
    session: Session, records: Iterator[Record], end: str, gone: "Gone"
) -> dict[str, Any]:
    """Print the path of each image that is there, unless one document is due."""
    found = []
    from covcat.imaging.elsewhere import place_of

    places = map(place_of, records)
    for record in _once(places, "resource", "release", "path"):
        if record["path"] and not gone.has(record):
            folder = session.store.release(str(record["resource"]), str(record["release"]))
            path = folder.absolute() / "files" / str(record["path"])
            if session.json:
                found.append(str(path))
            else:
                put(sys.stdout, f"{path}{end}")
    return {"paths": found}


def _print_table(
    session: Session, records: Iterator[Record], columns: tuple[str, ...] | None
) -> None:
    """Print what a person reads, as wide as the terminal; the rest is counted."""
    texts = [
        {one: indexes.cut(value) for one, value in record.items()}
        for record in islice(records, MOST_SHOWN)
    ]
    is_one = len({record["resource"] for record in texts}) == 1
    spared = () if columns else ("resource", *_SPARED) if is_one else (*_SPARED, "resource")
    rows = Rows(columns or SHORT, texts, key="path", spared=spared, cut=_LEAST)
    session.rows("images", rows, output="table")
    more = sum(1 for _ in records)
    if more:
        session.say(f"… and {more:,} more: --format csv or --output FILE has all of them")


def _to_file(
    records: Iterator[Record], columns: tuple[str, ...], name: str, output: Path, *, force: bool
) -> int:
    """Write a file whole, or none."""
    from covcat.imaging import write as writers

    with build_beside(output) as workshop, disk_errors(f"write `{output}`"):
        built = workshop / "images"
        if name in writers.FILES:
            count = writers.FILES[name](built, columns, records)
        else:
            with built.open("x", encoding="utf-8", newline="") as stream:
                count = writers.STREAMS[name](stream, columns, records)
        sync(workshop)
        place_new(built, output, force=force)
    return count
