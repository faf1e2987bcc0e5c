"""fetch: say what will happen, do it, and print where the data is."""

import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from covcat.catalog import load as catalogs
from covcat.catalog.filter import Filter, left_out, select
from covcat.catalog.selection import Selection
from covcat.cli import complete
from covcat.cli import lock as locks
from covcat.cli.formats import Rows
from covcat.cli.license import is_unclear
from covcat.cli.list import least, say_lacking
from covcat.cli.options import Exclude, Filters, Include, Transfer, choice, grouped
from covcat.cli.printing import put
from covcat.cli.progress import drawn
from covcat.cli.session import Session, error_text
from covcat.errors import CovcatError, SeveralError, UsageError
from covcat.fetching import plan as plans
from covcat.fetching.plan import Expected, Options, Plan, Step
from covcat.store import manifest
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.fetching.run import Outcome


@grouped
def fetch(
    ctx: typer.Context,
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID[@RELEASE]",
            autocompletion=complete.ids,
            help="Releases; the default one of each ID.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that covcat can fetch.")] = False,
    filters: Filters,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Print the plan and do nothing.")
    ] = False,
    no_extract: Annotated[
        bool, typer.Option("--no-extract", help="Keep the verified archives, unpack nothing.")
    ] = False,
    keep_archives: Annotated[
        bool, typer.Option("--keep-archives", help="Keep the archives beside the files.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Keep a release that only lacks files.")
    ] = False,
    require: Annotated[
        str,
        choice(
            ("any", "pinned", "host"),
            "pinned: only what the catalog pins; host: or its host.",
            "--require",
        ),
    ] = "any",
    by_file: Annotated[
        bool,
        typer.Option("--by-file", help="A repository's files one by one, not as an archive."),
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Only N of all files, by sha256 of their paths."),
    ] = None,
    locked: Annotated[
        bool,
        typer.Option("--locked", help="Exactly what ./covcat.lock names, or a FILE given as name."),
    ] = False,
    transfer: Transfer,
) -> None:
    """Download, verify and unpack; print the folder.

    What is here and complete is not asked for again. Nothing partial ever has a final name. Filters
    mean what was found, not what the survey says, and leave out what is for browsing only.

    Example: DIR=$(covcat fetch figure1 -q)
    """
    from covcat.fetching import run

    session: Session = ctx.obj
    wanted = filters.filter()
    if require not in ("any", "pinned", "host"):
        raise UsageError(f"unknown --require `{require}`: expected any, pinned or host")
    options = Options(
        extract=not no_extract,
        keep_archives=keep_archives,
        allow_missing=allow_missing,
        require=cast("Literal['any', 'pinned', 'host']", require),
        by_file=by_file,
        selection=_selection(include, exclude, sample),
    )
    network = transfer.network(session)
    if locked:
        others = {
            "--all": everything,
            "filters": not wanted.is_empty,
            "--no-extract": no_extract,
            "--keep-archives": keep_archives,
            "--allow-missing": allow_missing,
            "--include, --exclude and --sample": options.selection,
        }
        plan = locks.plan_of(session, names or [], options, others)
    else:
        plan = run.make_plan(session.store, _targets(session, names, everything, wanted), options)
    if dry_run:
        _print_plan(session, plan)
        return
    _announce(session, plan)
    outcomes = []
    with drawn(session, transfer.progress) as progress:
        for outcome in run.run(plan, session.catalog, session.store, network, progress):
            outcomes.append(outcome)
            if outcome.error is not None and len(plan.steps) > 1 and not session.json:
                put(sys.stderr, error_text(outcome.error))
    _finish(session, outcomes)


def _targets(
    session: Session, names: list[str] | None, everything: bool, wanted: Filter
) -> list[plans.Target]:
    if bool(names) == (everything or not wanted.is_empty):
        problem = "names and filters together" if names else "nothing to fetch"
        raise UsageError(
            f"{problem}: expected ids, or --all or filters such as --modality ct",
            hint="covcat list",
        )
    if names:
        return [session.catalog.find(name) for name in names]
    chosen = select(session.catalog, replace(wanted, fetchable=True))
    why = left_out(session.catalog, wanted)
    if why:
        reasons = {reason: [id for id in why if why[id] == reason] for reason in why.values()}
        ids = "; ".join(f"{', '.join(some)} ({reason})" for reason, some in reasons.items())
        session.say(f"left out: {ids}; to ask for one by name: covcat fetch {next(iter(why))}")
    elif not chosen and not say_lacking(session, wanted):
        session.say("no resource passes these filters")
    return [(resource, resource.default_release) for resource in chosen]


def _selection(include: Include, exclude: Exclude, count: int | None) -> Selection | None:
    found = Selection(include=tuple(include or ()), exclude=tuple(exclude or ()), sample=count)
    for glob in (*found.include, *found.exclude):
        try:
            glob.encode()
        except UnicodeEncodeError as error:  # its bytes are no text: it would be recorded
            raise UsageError(f"the glob `{glob}` is not UTF-8") from error
    return found or None


def _print_plan(session: Session, plan: Plan) -> None:
    is_for_people = session.format(None) == "table"
    rows = []
    for step in plan.steps:
        coming = _expected(session, step)
        contents, size = (coming.contents, coming.download_bytes) if coming else (None, None)
        # people see what is unknown of what covcat can fetch
        unknown = "?" if is_for_people and step.action != "ask" else None
        rows.append(
            {
                "id": step.name,
                "action": step.action,
                "reason": step.reason,
                "files": contents.files if contents else unknown,
                "download_bytes": unknown if size is None else size,
                "unpacked": least(contents) if contents else "?" if coming else "-",
                "licence": step.resource.license.short,
            }
        )
    columns = ("id", "action", "reason", "files", "download_bytes", "unpacked", "licence")
    session.rows("fetch", Rows(columns, rows), data={"dry_run": True, "steps": rows})


def _expected(session: Session, step: Step) -> Expected | None:
    """Return what a step brings; where a part is asked for, with what is here of it."""
    if step.release is None:
        return None
    listing, record = None, None
    if step.options.asked:
        listing = session.catalog.listing(step.resource, step.release)
        with suppress(CovcatError):  # nothing is here; or it is damaged, which was told already
            record = manifest.load(session.store.release(step.resource.id, step.release.id))
    return plans.of(step.release, step.options, listing, record)


def _announce(session: Session, plan: Plan) -> None:
    """Say before the start what comes, and which set is hidden in another that is here or comes."""
    for step in plan.steps:
        if step.action == "keep":
            session.say(f"{step.name}: {step.reason}; nothing to do")
        elif step.action == "fetch":
            _announce_fetch(session, step)
    coming = {step.resource.id for step in plan.steps if step.action == "fetch"}
    here = {one for one, _, _ in session.store.releases()} if coming else set()
    known = catalogs.find_overlaps(session.catalog, here - coming)
    for line in catalogs.find_overlaps(session.catalog, coming | here):
        if line not in known:
            session.say(f"warning: {line}")


def _announce_fetch(session: Session, step: Step) -> None:
    """Say how much comes from where, what it unpacks to, its licence, and what it belongs to."""
    release, coming = step.release, _expected(session, step)
    assert release is not None  # else a person must act
    assert coming is not None
    what = f"{'some' if step.options.asked else 'all'} files of a data set"
    if coming.downloads is not None:
        size = coming.download_bytes
        download = "of unknown size" if size is None else f"of {size:,} bytes"
        what = f"{plural(coming.downloads, 'download')} {download}"
    hosts = ", ".join(dict.fromkeys(str(file.host) for file in release.files))
    what += f" from {'covcat itself' if hosts == 'bundled' else hosts}"
    if coming.contents is not None and release.contents is not None:
        part = f"{coming.contents.files:,} of " if step.options.asked else ""
        files = plural(release.contents.files, "file")
        what += f"; unpacked {least(coming.contents)} in {part}{files}"
    license = step.resource.license
    session.say(f"{step.name}: {step.resource.title}")
    session.say(f"  {what}")
    session.say(
        f"  licence {license.spdx}: commercial {license.allows.commercial}, derivatives "
        f"{license.allows.derivatives}, redistribution {license.allows.redistribution}"
    )
    if is_unclear(session, step.resource):
        session.say(f"  what is known of it: covcat license {step.resource.id}")
    session.say(f"  {step.reason}")
    for one in release.images_in:
        session.say(
            f"  its labels are of images in `{one.resource}@{one.release}`, by {one.by}: "
            f"covcat fetch {one.resource}@{one.release}"
        )


def _finish(session: Session, outcomes: list["Outcome"]) -> None:
    fetched = [
        {
            "id": outcome.step.name,
            "action": outcome.step.action,
            "path": str(outcome.path) if outcome.path else None,
            "error": outcome.error.message if outcome.error else None,
        }
        for outcome in outcomes
    ]
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    paths = "".join(f"{outcome.path}\n" for outcome in outcomes if outcome.path)
    if not errors or not session.json:
        session.result("fetch", {"fetched": fetched}, paths)
    if errors and len(outcomes) == 1:
        errors[0].data = {"fetched": fetched, **errors[0].data}
        raise errors[0]
    if errors:
        failed = [outcome.step.name for outcome in outcomes if outcome.error]
        is_locked = outcomes[0].step.options.locked
        raise SeveralError(
            f"{len(errors)} of {len(outcomes)} could not be fetched: {', '.join(failed)}",
            errors,
            hint=f"covcat fetch {'--locked' if is_locked else ' '.join(failed)}",
            data={"fetched": fetched},
        )
