"""A cohort on disk: a list, a table, or a folder of links or copies; whole or not at all.

It is built in a hidden folder beside its place, and appears by one rename; of several files the
cohort itself comes last.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from covcat.beside import build_beside
from covcat.catalog.citations import all_bibtex
from covcat.catalog.columns import Record, Value
from covcat.catalog.entries import USES
from covcat.errors import IntegrityError, UsageError
from covcat.files import (
    FOLDER_MODE,
    check_new,
    check_room,
    copy_hashed,
    disk_errors,
    free_bytes,
    opened,
    place_new,
    sync,
)
from covcat.imaging import cohort_record as records
from covcat.imaging.cohort import COUNTED, Cohort, IndexedRelease
from covcat.imaging.cohort_record import Form
from covcat.imaging.opening import Row
from covcat.imaging.query import find_gone, is_gone
from covcat.imaging.write import write_csv
from covcat.progress import Progress
from covcat.store.folder import check_outside
from covcat.text import escaped, plural


def to_file(cohort: Cohort, target: Path, form: Form, *, force: bool = False) -> None:
    """Write a list of paths or a table; beside it the record, and what is left out."""
    names = (f"{target.name}.{records.NAME}", f"{target.name}.refused.csv", target.name)
    finals = [target.with_name(name) for name in names]
    check_free(cohort, *reversed(finals), force=force)
    with build_beside(target) as workshop, disk_errors(f"write `{target}`"):
        built = [workshop / name for name in ("record", "refused", "cohort")]
        built[0].write_text(records.to_json(cohort, form), encoding="utf-8")
        _write_left_out(cohort, built[1])
        if form == "list":
            with built[2].open("xb") as stream:
                for part, record in chosen_rows(cohort):
                    line = os.fsencode(_source(part, record))
                    if b"\n" in line:
                        raise UsageError(
                            f"the path of `{part.folder}` has a line break: it fits into no list",
                            hint="covcat select --as csv",
                        )
                    stream.write(line + b"\n")
        else:
            columns = cohort.columns
            write_table(built[2], columns, (record for _, record in chosen_rows(cohort, columns)))
        sync(workshop)
        done: list[Path] = []
        try:
            for one, final in zip(built, finals, strict=True):
                place_new(one, final, force=force)
                done.append(final)
        except BaseException:
            for final in done:
                final.unlink(missing_ok=True)
            raise


def chosen_rows(
    cohort: Cohort, columns: tuple[str, ...] = COUNTED
) -> Iterator[tuple[IndexedRelease, Record]]:
    """Give the chosen rows, whose images must be there."""
    for part, record, why in cohort.judge_rows(columns):
        if not why:
            if is_gone(f"{part.folder}/files/{record['path']}", record["bytes"]):
                raise changed(part, record["path"])
            yield part, record


def chosen(cohort: Cohort, columns: tuple[str, ...]) -> Iterator[list[Row]]:
    """Give the same as tuples that begin with these columns, many at a time."""
    at = len(columns)
    for batch in cohort.judge((*columns, "bytes")):
        rows = batch.rows
        if any(batch.whys):
            rows = [row for row, why in zip(rows, batch.whys, strict=True) if not why]
        gone = find_gone(batch.part.folder / "files", [(row[-1], row[at]) for row in rows])
        if gone is not None:
            raise changed(batch.part, gone)
        if rows:
            yield rows


@dataclass(frozen=True, slots=True)
class CohortLayout:
    """Where the images of a folder go, and what it has besides."""

    table: str = "cohort.csv"
    side_of: Callable[[Record], str] | None = None  # the folder of an image, and its `split`
    more: Mapping[str, str] = field(default_factory=dict)  # further files, by name


def to_folder(
    cohort: Cohort,
    target: Path,
    form: Form,
    progress: Progress,
    layout: CohortLayout = CohortLayout(),
) -> None:
    """Write tables, record, citations and licences, and the images as links or copies.

    Where no image is chosen there is nothing to make a folder of.
    """
    check_free(cohort, target)
    if not cohort.counts.chosen:
        return
    with build_beside(target) as workshop, disk_errors(f"write `{target}`"):
        if form == "copies":
            free, hint = free_bytes(workshop, spare=0), "covcat select --as links"
            check_room(cohort.counts.bytes, free, "for copies", hint)
        folder = workshop / "cohort"
        folder.mkdir(mode=FOLDER_MODE)
        placed = _placed(cohort, folder, form == "copies", progress, layout.side_of)
        write_table(folder / layout.table, ("file", *cohort.columns), placed)
        write_papers(cohort, folder, form)
        for name, text in layout.more.items():
            (folder / name).write_text(text, encoding="utf-8")
        sync(folder)
        check_free(cohort, target)
        folder.rename(target)


def write_papers(cohort: Cohort, folder: Path, form: Form, more: Collection[str] = ()) -> None:
    """Write what belongs to images wherever they go: record, refusals, citations and licences.

    `more` are resources of which no image is there, and what is drawn on some.
    """
    _write_left_out(cohort, folder / "refused.csv")
    (folder / records.NAME).write_text(records.to_json(cohort, form), encoding="utf-8")
    _write_terms(cohort, folder, more)


def homes_of(cohort: Cohort) -> Mapping[str, str]:
    """Return by ID@RELEASE the folder of its images: its resource, unless that has several."""
    ids = {part.name: part.resource.id for part in cohort.parts}
    releases = Counter(ids.values())
    return {name: id if releases[id] == 1 else name for name, id in ids.items()}


def _placed(
    cohort: Cohort,
    folder: Path,
    by_copy: bool,
    progress: Progress,
    side_of: Callable[[Record], str] | None,
) -> Iterator[Record]:
    """Give the chosen rows, each after its image is in its place."""
    task = progress.start("images", cohort.counts.bytes)
    homes = homes_of(cohort)
    done: set[str] = set()  # an image of several rows is there once
    for part, record, why in cohort.judge_rows(cohort.columns):
        if why:
            continue
        side = {} if side_of is None else {"split": side_of(record)}
        file = f"{side.get('split', 'images')}/{homes[part.name]}/{record['path']}"
        if file not in done:
            done.add(file)
            place(part, record, folder / file, by_copy=by_copy)
            progress.advance(task, int(record["bytes"] or 0))
        yield {"file": file, **record, **side}
    progress.finish(task)


def place(part: IndexedRelease, record: Record, target: Path, *, by_copy: bool) -> None:
    """Link or copy a file of a release (`path`, `bytes`, `sha256`), which must be as recorded."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if by_copy:
        with as_fetched(part, record) as stream:
            is_same = copy_hashed(stream, target)[0] == record["sha256"]
    else:
        source = _source(part, record)
        is_same = source.exists() and not is_gone(str(source), record["bytes"])
        target.symlink_to(source)
    if not is_same:
        raise changed(part, record["path"])


def as_fetched(part: IndexedRelease, record: Record) -> BufferedReader:
    """Open a file of a release to be read; nothing but a file that lies there itself."""
    try:
        return opened(_source(part, record), follow=False)
    except OSError as error:  # gone, or a link or a pipe in its place
        raise changed(part, record["path"]) from error


def _source(part: IndexedRelease, record: Record) -> Path:
    return part.folder.absolute() / "files" / str(record["path"])


def changed(part: IndexedRelease, path: Value) -> IntegrityError:
    """Return the error for a file that is not as it was recorded."""
    return IntegrityError(
        f"`{path}` of {part.name} is not as it was fetched",
        hint=f"covcat verify {part.name} --repair",
    )


def write_table(path: Path, columns: tuple[str, ...], rows: Iterator[Record]) -> None:
    """Write rows as a new csv."""
    with path.open("x", encoding="utf-8", newline="") as stream:
        write_csv(stream, columns, rows)


def _write_left_out(cohort: Cohort, path: Path) -> None:
    rows = ({**record, "why": why} for _, record, why in cohort.judge_rows() if why)
    write_table(path, ("image_id", "license", "why"), rows)


def _write_terms(cohort: Cohort, folder: Path, more: Collection[str]) -> None:
    """Write BibTeX, an entry that several resources name once, and what the licences allow."""
    rows = (part for part, _, why in cohort.judge_rows() if not why)
    ids = {one.resource.id for part in rows for one in (part, part.asked)} | {*more}
    every = [one.resource for part in cohort.parts for one in (part, part.asked)]
    used = {resource.id: resource for resource in every if resource.id in ids}
    works: dict[str, None] = {}
    lines = []
    for tally in cohort.counts.licenses:
        if tally.images:
            name = escaped(tally.license) if tally.license else "no licence stated"
            lines.append(f"{plural(tally.images, 'image')}: {name}")
            lines += [f"  {use}: {tally.allows[use]}" for use in USES]
    for id, resource in used.items():
        lone = f"% no citation of {id} is known: {resource.homepage}"
        works |= dict.fromkeys(all_bibtex(resource) or (lone,))
        whole = resource.license
        lines += ["", f"{id} as a whole: {whole.spdx}"]
        pages = (whole.note, whole.url, resource.homepage)
        lines += [f"  {escaped(text)}" for text in pages if text]
    (folder / "CITATION.bib").write_text("\n\n".join(works) + "\n", encoding="utf-8")
    (folder / "LICENSES.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_free(cohort: Cohort, *targets: Path, force: bool | None = None) -> None:
    """Refuse targets that are there already, or that lie in what is kept."""
    for target in targets:
        with disk_errors(f"look at `{target}`"):
            check_new(target, force=force)
        for data in {part.folder.parents[1] for part in cohort.parts}:
            check_outside(data, target)
