"""counts: groups of the images that are here, and the tables of papers counted again."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import typer

from covcat.catalog.columns import Value
from covcat.catalog.entries import Release, Resource
from covcat.cli import found as found_rows
from covcat.cli import indexes, options
from covcat.cli.declare import choice, flag, grouped, some_columns, value
from covcat.cli.formats import Cell, Rows
from covcat.cli.session import Session, without_ids
from covcat.errors import IntegrityError, UsageError
from covcat.store import manifest
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.imaging.counts import Compared, Of, RecountedTable
    from covcat.imaging.opening import Index
    from covcat.imaging.query import Question

FORMATS = ("table", "tsv", "csv", "json", "yaml")
UNKNOWN = "(unknown)"


@grouped
def counts(
    ctx: typer.Context,
    names: options.Names = None,
    *,
    by: str | None = some_columns("--by", "Columns: finding, view, sex, age …"),
    of: str | None = choice(
        ("rows", "images", "patients", "pictures"),
        "Count rows of labels, images here, patients, or pictures: copies once.",
        "--of",
    ),
    level: int | None = value(
        "--level", "With --by finding_path: N levels of each path, not every level.", "N", min=1
    ),
    published: bool = flag("--published", "Count what the paper or README printed again."),
    labels: options.Labels,
    where: options.Where = None,
    output: str | None = choice(FORMATS),
) -> None:
    """Count what is here, or compare it with what was published.

    With --published: exit 5 where a count is not as published and the catalog does not say why.

    Example: covcat counts cohen --by finding,view --of images
    """
    from covcat.imaging.counts import UNITS

    session: Session = ctx.obj
    output = output or without_ids(session)
    if published:
        if (by, of, level, where, labels) != (None, None, None, None, options.Labels()):
            raise UsageError("--published takes neither --by nor --of nor --level nor filters")
        _compare(session, names, output)
        return
    question = replace(labels.question(where), with_files_only=False)
    columns = options.columns_of(by) or ()
    unit = next(one for one in UNITS if of in (one, None))
    if level is not None and "finding_path" not in columns:
        hint = f"covcat counts --by finding_path --level {level}"
        raise UsageError("--level is for counts by finding_path", hint=hint)
    _group(session, names, columns, unit, question, level, output)


def _group(
    session: Session,
    names: list[str] | None,
    by: tuple[str, ...],
    of: "Of",
    question: "Question",
    level: int | None,
    output: str | None,
) -> None:
    from covcat.imaging.counts import count_groups
    from covcat.imaging.query import Question

    releases, failed = indexes.indexes(session, names)
    every = [one.index for one in releases.values()]
    found = count_groups(every, by, of, question, level)
    indexes.warn_of_doubles(session, releases.values(), "counted")
    _warn(session, every, question, of)
    if found.several:
        session.say(f"several findings: {plural(found.several, 'row')}, counted for each of them")
    if found.left_out:
        rows_left = plural(found.left_out, "row")
        texts = {
            "rows": f"not counted: {plural(found.left_out, 'image')} without labels; "
            "--of images counts these too",
            "images": f"not counted: {rows_left} of labels without the image",
            "patients": f"unknown patient: {rows_left}",
        }
        session.say(texts.get(of, texts["images"]))
    counted = [{**dict(zip(by, group, strict=True)), of: count} for group, count in found.groups]
    data = {
        "by": by,
        "of": of,
        "counts": counted,
        "several_findings": found.several,
        "left_out": found.left_out,
    }
    if not failed or session.format(output) != "json":  # else the error's own document has them
        rows = [{name: _cell(value) for name, value in row.items()} for row in counted]
        session.rows("counts", Rows((*by, of), rows, of), data=data, output=output)
    whole = Question(with_files_only=False)
    total, passed = (
        sum(number for _, number in count_groups(every, (), of, one).groups)
        for one in (whole, question)
    )
    indexes.say_passing(session, passed, total, of.removesuffix("s"))
    if failed:
        raise indexes.without(failed, releases, data)


def _warn(session: Session, every: "Sequence[Index]", question: "Question", of: "Of") -> None:
    _warn_of_gone(session, every, question)
    if of == "pictures":
        indexes.warn_of_labels(session, every, question)


def _warn_of_gone(session: Session, every: "Iterable[Index]", question: "Question") -> None:
    from covcat.imaging.query import Gone

    gone = Gone(session.store.folder)
    for index in every:
        gone.look(index, question)
    indexes.warn_of_gone(session, gone.counts)


def _cell(value: Value) -> Cell:
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)
    return UNKNOWN if value is None else value


def _compare(session: Session, names: list[str] | None, output: str | None) -> None:
    """Print each published count beside what was found, and raise what nothing explains."""
    from covcat.imaging.counts import OPEN
    from covcat.imaging.index import here

    asked = here(session.catalog, session.store, names or ())
    lists = found_rows.Lists()
    found, failed = indexes.each(asked, lambda one, of: _tables(session, one, of, lists))
    indexes.warn_of_failures(session, failed)
    every = [(name, table) for name, tables in found.items() for table in tables]
    wrong = []
    for name, table in every:
        for row in table.rows:
            if row.status in OPEN:
                which = f"{', '.join(map(str, row.row))}: " if row.row else ""
                counts = f"published {row.published}, found {row.found}"
                why = f": {_explanation(row)}" if row.status == "outdated" else ""
                wrong.append(f"{name}: {table.published.of}: {which}{counts}{why}")
    plain = [{"release": name, "tables": list(map(_plain, its))} for name, its in found.items()]
    data = {"releases": plain, **asdict(lists)}
    if not (wrong or failed) or session.format(output) != "json":  # else the error has them
        by = dict.fromkeys(name for _, table in every for name in table.published.by)
        first = ("of",) if len(asked) == 1 else ("release", "of")
        columns = (*first, *by, "published", "found", "difference", "explained")
        session.rows("counts", Rows(columns, _rows(every), "of"), data=data, output=output)
    if failed and not wrong:
        raise indexes.without(failed, found, data)
    if wrong:
        held = [manifest.load(session.store.release(*name.split("@", 1))) for name in found]
        parts = [
            f"{one.resource}@{one.release}" for one in held if one.selection or not one.complete
        ]
        left_out = [f"{name} is left out: {error.message}" for name, error in failed.items()]
        raise IntegrityError(
            f"{plural(len(wrong), 'count')} not as published, and the catalog does not say why",
            details=[*wrong, *left_out],
            cause=f"only a part of {', '.join(parts)} is here" if parts else None,
            hint=f"covcat show {wrong[0].partition('@')[0]}",
            data=data,
        )


def _tables(
    session: Session, resource: Resource, release: Release, lists: found_rows.Lists
) -> "list[RecountedTable]":
    """Count the tables of a release again; say of each what it counts, and what it leaves out.

    What is told of its lists is added to `lists`.
    """
    from covcat.imaging import counts as counting
    from covcat.imaging.query import Question

    name = f"{resource.id}@{release.id}"
    published = counting.tables_of_release(resource, release)
    elsewhere = sum(one.release is None and one.recount is None for one in resource.published)
    if elsewhere:
        session.say(f"{resource.id}: {plural(elsewhere, 'published table')} of no release here")
    if not published:
        session.say(f"{name}: the catalog has no published counts of this release")
        return []
    part = indexes.indexed(session, resource, release)
    index = part.index
    indexes.tell(session, index)
    _warn_of_gone(session, [index], Question())
    found_rows.tell_lists(session, part, lists)
    tables = [counting.recount_table(index, one) for one in published]
    for table, one in zip(tables, published, strict=True):
        text = "cannot be counted from the image index"
        if one.recount is not None:
            text = f"{table.total:,} published, {table.counted:,} {one.recount.of} found"
            text += f" where {' '.join(one.recount.where.split())}" if one.recount.where else ""
            text += f", {table.outside:,} of them in no row of the table" if table.outside else ""
            text += f". {one.note}" if one.note and one.by else ""
        session.say(f"{name}: {one.of} ({one.source}): {text}")
    return tables


def _rows(every: "Sequence[tuple[str, RecountedTable]]") -> list[dict[str, Cell]]:
    """Return a row for each count, and one that says so for a table that cannot be counted."""
    found: list[dict[str, Cell]] = []
    for name, table in every:
        published = table.published
        its: dict[str, Cell] = {"release": name, "of": published.of}
        note = published.note or ""
        if published.recount is None:
            reason = f": {note}" if note else ""
            found.append({**its, "explained": f"cannot be counted from the image index{reason}"})
            continue
        found += [
            {
                **its,
                **dict(zip(published.by, map(_cell, row.row), strict=True)),
                "published": row.published,
                "found": row.found,
                "difference": row.difference,
                "explained": _explanation(row) or ("" if published.by else note),
            }
            for row in table.rows
        ]
    return found


def _explanation(row: "Compared") -> str:
    if row.status == "differs":
        return "not explained"
    if row.explained is not None and row.status == "outdated":
        return f"not explained: the catalog expects {row.explained.found} to be found"
    if row.explained is not None:
        return f"{row.explained.reason} [{row.explained.source}]"
    return "in no row of the table" if row.status == "in no row" else ""


def _plain(table: "RecountedTable") -> dict[str, Any]:
    published = table.published
    return {
        **{key: getattr(published, key) for key in ("of", "unit", "source", "note")},
        "recount": published.recount and asdict(published.recount),
        "total": table.total,
        "counted": table.counted,
        "in_no_row": table.outside,
        "rows": [
            {
                "row": dict(zip(published.by, row.row, strict=True)),
                "published": row.published,
                "found": row.found,
                "difference": row.difference,
                "status": row.status,
                "explained": asdict(row.explained) if row.explained else None,
            }
            for row in table.rows
        ],
    }
