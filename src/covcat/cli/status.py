"""status: what is on disk, and if it is complete and new."""

from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from covcat.cli.declare import flag
from covcat.cli.formats import Cell, Rows
from covcat.cli.here import check_folder
from covcat.cli.options import At, OutputFormat, network
from covcat.cli.session import Session
from covcat.digests import UNPUBLISHED
from covcat.errors import (
    CovcatError,
    DiskError,
    IntegrityError,
    NewerError,
    NotFoundError,
    UsageError,
)
from covcat.names import is_litter
from covcat.store.folder import PULLED
from covcat.text import format_size, plural

if TYPE_CHECKING:
    from covcat.store.manifest import Manifest


_Row = dict[str, Cell]
_LITTER = 3  # paths that are named
_DATES = ("fetched_at", "verified_at")
_VERIFIED = ("verified_at", "verdict")
_COLUMNS = ("id", "state", "files", "bytes", "newest", "verified_by", "fetched_at", *_VERIFIED)


def status(
    ctx: typer.Context,
    output: OutputFormat = None,
    report: bool = flag("--report", "In Markdown, for a chat or a wiki, with licences."),
    at: At = None,
) -> None:
    """Tell what is here, and if it is complete and new.

    `newest` says if it is what `covcat fetch ID` would bring today: `yes`, `behind` a newer
    release, or a release that moves with its branch, beside a dated one. `verdict` is what the
    last `verify` ended with: `ok`, or `differs`; blank if there was none since it was fetched.
    --at URL tells the same of the copies in an object store or a folder.

    Example: covcat status --json
    """
    session: Session = ctx.obj
    if report and output is not None:
        raise UsageError(f"--report is Markdown: it takes no --format {output}")
    if at is not None:
        if report:
            raise UsageError("--at and --report exclude each other: a report is of what is here")
        _status_at(session, at, output)
        return
    check_folder(session)
    rows = [row_of(session, *one) for one in session.store.releases()]
    whole = len(rows)
    for name, sizes in session.store.waiting():
        row: _Row = {"id": name, "state": "unfinished", "files": len(sizes), "bytes": sum(sizes)}
        is_pulled = (session.store.partial(*name.split("@")) / PULLED).is_dir()
        way = f"covcat {'pull URL' if is_pulled else 'fetch'} {quote(name)}"
        rows.append({**row, "note": f"{way} goes on"})
    if report:
        from covcat.cli.status_report import to_markdown

        text = to_markdown(session, rows)
        session.result("status", {"here": rows, "report": text}, text)
    else:
        session.rows("status", _table(session, rows, output), data={"here": rows}, output=output)
    for row in rows if not report else ():
        if output != "ids":
            for said in filter(None, (row.get("note"), _overlap_in_words(row))):
                session.say(f"{row['id']}: {said}")
    for folder in session.store.closed():
        session.say(f"warning: cannot look into `{folder}`: permission denied")
    total = sum(row["bytes"] for row in rows if isinstance(row.get("bytes"), int))  # type: ignore[misc]
    unfinished = f" and {len(rows) - whole} unfinished" if len(rows) > whole else ""
    said = f"{plural(whole, 'release')}{unfinished}"
    session.say(f"{said} in `{session.data_dir}`, {format_size(total)}")


def _status_at(session: Session, at: str, output: str | None) -> None:
    """Tell of the copies in a place, as far as its listing and their manifests do."""
    from covcat.store.remote.place import Place

    place = Place(at, network(session))
    rows = list[_Row]()
    for resource_id, release_id, is_whole in place.releases():
        row: _Row = {"id": f"{resource_id}@{release_id}"}
        try:
            record = place.record(resource_id, release_id) if is_whole else None
            if record is not None:
                row |= {**_state(record), "newest": _newest(session, resource_id, release_id)}
            else:
                sizes = [one.bytes for one in place.objects(f"{resource_id}/{release_id}").values()]
                row |= {"state": "unfinished", "files": len(sizes), "bytes": sum(sizes)}
                row["note"] = f"covcat push {quote(place.address)} {quote(str(row['id']))} goes on"
        except IntegrityError as error:
            is_newer = isinstance(error, NewerError)
            state = "of a newer covcat" if is_newer else "damaged"
            row |= {"state": state, "note": error.message}
        rows.append(row)
    columns = _COLUMNS[: -len(_VERIFIED)]
    table = Rows(columns, rows, spared=_DATES)
    session.rows("status", table, data={"here": rows}, output=output)
    for row in rows if output != "ids" else ():
        if row.get("note"):
            session.say(f"{row['id']}: {row['note']}")
    session.say(f"{plural(len(rows), 'release')} at `{place.address}`")


def row_of(session: Session, resource_id: str, release_id: str, folder: Path) -> _Row:
    """Return what is told of a release."""
    from covcat.store import lockfile, manifest, overlaps, verified, verify

    row: _Row = {"id": f"{resource_id}@{release_id}"}
    if last := verified.last(folder):
        row |= {"verified_at": last.verified_at, "verdict": last.in_words}
    try:
        record = manifest.load(folder)
        row |= _state(record)
        if lines := lockfile.changes_on_disk(folder, record):
            row |= {"state": f"{plural(len(lines), 'file')} not as fetched", "note": lines[0]}
        say_litter(session, str(row["id"]), filter(is_litter, verify.beside(folder, record)))
        if overlap := overlaps.current(folder):
            row |= {
                "overlap_at": overlap.found_at,
                "overlap_with": ", ".join(sorted(overlap.others)),
                "overlap_pictures": sum(one.same_as is not None for one in overlap.pictures),
            }
    except CovcatError as error:
        trouble = "closed to you" if isinstance(error, DiskError) else "damaged"
        trouble = "of a newer covcat" if isinstance(error, NewerError) else trouble
        row |= {"state": trouble, "note": error.message}
    return {**row, "newest": _newest(session, resource_id, release_id)}


def _overlap_in_words(row: _Row) -> str:
    """Say what `overlap` last found of a release; nothing where it never looked."""
    if not row.get("overlap_at"):
        return ""
    sets, count = row["overlap_with"] or "itself", row["overlap_pictures"]
    assert isinstance(count, int)
    which = f"{plural(count, 'picture')} of it {'has' if count == 1 else 'have'} copies"
    return f"compared with {sets} on {str(row['overlap_at'])[:10]}: {which}"


def _table(session: Session, rows: list[_Row], output: str | None) -> Rows:
    """Return what is printed; a table has room for days, and none for what is blank in all rows."""
    if session.format(output) == "table":
        rows = [{**row, **{key: str(row.get(key) or "")[:10] for key in _DATES}} for row in rows]
        if not any(row["verified_at"] for row in rows):
            return Rows(_COLUMNS[: -len(_VERIFIED)], rows)
    return Rows(_COLUMNS, rows, spared=_DATES)


def say_litter(session: Session, name: str, paths: Iterable[str]) -> None:
    """Tell what desktops and version control left in the folder of a release."""
    if litter := list(paths):
        first = ", ".join(f"`{path}`" for path in litter[:_LITTER])
        more = ", …" if len(litter) > _LITTER else ""
        what = f"{plural(len(litter), 'file')} left beside by desktops or version control"
        session.say(f"{name}: {what}, no part of it and no damage: {first}{more}")


def _state(record: "Manifest") -> _Row:
    state = "complete" if record.complete else f"{plural(len(record.missing), 'file')} missing"
    if any(one.imported_from and one.verified_by in UNPUBLISHED for one in record.downloads):
        state = "as brought"  # nobody said what it should be
    if record.selection:
        state = f"a part: {'; '.join(record.selection)}"
    if record.form == "archives":
        state = "archives only"
    return {
        "state": state,
        "files": record.total_files,
        "bytes": record.total_bytes,
        "verified_by": ", ".join(dict.fromkeys(one.verified_by for one in record.downloads)),
        "fetched_at": record.created_at,
    }


def _newest(session: Session, resource_id: str, release_id: str) -> str:
    """Say if a release is the one that `fetch ID` would get today."""
    try:
        resource = session.catalog.get(resource_id)
    except NotFoundError:
        return "not in the catalog"
    known, default = [one.id for one in resource.releases], resource.default_release
    if default is None or release_id not in known:
        return "not in the catalog"
    if known.index(release_id) < known.index(default.id):
        return f"behind {default.id}"
    return "yes" if release_id == default.id else "moves with its branch"
