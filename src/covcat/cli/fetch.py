"""fetch: say what will happen, do it, and print where the data is."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from covcat.catalog import load as catalogs
from covcat.catalog.filter import Filter, left_out, to_fetch
from covcat.catalog.in_words import least, sized, transferred
from covcat.catalog.selection import Selection
from covcat.cli import lock as locks
from covcat.cli.declare import choice, flag, grouped, ids, ids_of, value
from covcat.cli.formats import Cell, Rows
from covcat.cli.license import is_unclear
from covcat.cli.list import say_lacking
from covcat.cli.options import Exclude, Filters, Include, TransferOptions
from covcat.cli.passwords import Password, PasswordFile, password_of
from covcat.cli.progress import drawn
from covcat.cli.session import Session, put_error
from covcat.cli.shards import ShardOption
from covcat.errors import CovcatError, DiskError, SeveralError, UsageError
from covcat.fetching import plan as plans
from covcat.fetching.plan import Options, Plan, Step
from covcat.text import format_size, plural, took

if TYPE_CHECKING:
    from covcat.download.remote import Network
    from covcat.fetching.expected import Totals
    from covcat.fetching.run import Outcome

FOR_PEOPLE = ("id", "action", "files", "download", "size", "licence", "reason")
FOR_PROGRAMS = (
    *("id", "action", "files", "download_bytes", "about_bytes", "bytes", "bytes_are_all"),
    *("licence", "reason"),
)


@grouped
def fetch(
    ctx: typer.Context,
    *,
    names: Annotated[list[str] | None, ids("Releases; the default one of each ID.")] = None,
    everything: bool = flag("--all", "All that covcat can fetch."),
    labelled: list[str] | None = ids_of(
        "--for", "A set of labels, and those that hold its pictures."
    ),
    filters: Filters,
    dry_run: bool = flag("--dry-run", "Print the plan and do nothing.", "-n"),
    no_extract: bool = flag("--no-extract", "Keep the verified archives, unpack nothing."),
    keep_archives: bool = flag("--keep-archives", "Keep the archives beside the files."),
    allow_missing: bool = flag("--allow-missing", "Keep a release that only lacks files."),
    require: str = choice(
        ("any", "pinned", "host"),
        "pinned: only what the catalog pins; host: or its host.",
        "--require",
        default="any",
    ),
    by_file: bool = flag("--by-file", "A repository's files one by one, not as an archive."),
    include: Include = None,
    exclude: Exclude = None,
    sample: int | None = value(
        "--sample", "Only N of all files, by sha256 of their paths.", "N", min=1
    ),
    locked: bool = flag("--locked", "Exactly what ./covcat.lock names, or a FILE given as name."),
    shard: ShardOption = None,
    password_file: PasswordFile = None,
    transfer: TransferOptions,
) -> None:
    """Download, verify and unpack; print the folder.

    What is here and complete is not asked for again. Nothing partial ever has a final name. Filters
    mean what was found, not what the survey says; what is for browsing only, or over 100 GB, they
    leave out.

    Example: DIR=$(covcat fetch figure1 -q)
    """
    from covcat.fetching import run

    session: Session = ctx.obj
    password = password_of(session, password_file)
    wanted = filters.filter()
    options = Options(
        extract=not no_extract,
        keep_archives=keep_archives,
        allow_missing=allow_missing,
        require=cast("Literal['any', 'pinned', 'host']", require),
        by_file=by_file,
        selection=_selection(include, exclude, sample),
        shard=shard,
    )
    network = transfer.network(session)
    if locked:
        others = {
            "--all": everything,
            "--for": labelled,
            "filters": not wanted.is_empty,
            "--no-extract": no_extract,
            "--keep-archives": keep_archives,
            "--allow-missing": allow_missing,
            "--include, --exclude and --sample": options.selection,
        }
        plan = locks.plan_of(session, names or [], options, others)
    else:
        named = [*(names or []), *_with_holders(session, labelled or [])]
        plan = run.make_plan(session.store, _targets(session, named, everything, wanted), options)
    if dry_run:
        _print_plan(session, plan)
        return
    _announce(session, plan)
    since = time.monotonic()
    outcomes = _carry_out(session, plan, network, transfer.progress, password)
    _finish(session, outcomes, time.monotonic() - since)


def _with_holders(session: Session, labelled: list[str]) -> list[str]:
    """Return sets of labels with all that hold their pictures; say how a person gets others."""
    found = dict[str, None]()
    for name in labelled:
        resource, release = session.catalog.find(name)
        if release is None or not (release.images_in or release.images_outside):
            hint = f"covcat fetch {name}"
            raise UsageError(f"--for `{name}`: its pictures are in no other set", hint=hint)
        every = [(resource, release), *session.catalog.holding(release)]
        found |= {f"{one.id}@{its.id}" if its else one.id: None for one, its in every}
        for one in release.images_outside:
            session.say(f"not to be fetched: {one.of}: {one.get}")
    return list(found)


def _targets(
    session: Session, names: list[str], everything: bool, wanted: Filter
) -> list[plans.Target]:
    if bool(names) == (everything or not wanted.is_empty):
        problem = "names and filters together" if names else "nothing to fetch"
        raise UsageError(
            f"{problem}: expected ids, or --all or filters such as --modality ct",
            hint="covcat list",
        )
    if names:
        return [session.catalog.find(name) for name in names]
    chosen = to_fetch(session.catalog, wanted)
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
    """Print what would be done, and all of it together; what cannot be done so is an error."""
    from covcat.fetching import run

    total = run.total(plan, session.catalog, session.store)
    rows = [_row(session, step) for step in plan]
    steps = [{name: row[name] for name in FOR_PROGRAMS} for row in rows]
    data = {"dry_run": True, "steps": steps, "total": asdict(total)}
    if refusal := _refusal(plan, rows, total, session):
        refusal.data = data
    if refusal is None or not session.json:
        columns = FOR_PEOPLE if session.format(None) == "table" else FOR_PROGRAMS
        session.rows("fetch", Rows(columns, rows, spared=("files", "download")), data=data)
    _say_total(session, total)
    if refusal is not None:
        raise refusal


def _refusal(
    plan: Plan, rows: list[dict[str, Cell]], total: "Totals", session: Session
) -> CovcatError | None:
    """Return why a plan cannot be carried out: it does not fit, or nothing is what is asked for."""
    from covcat.fetching import run

    try:
        run.check_fits(total, session.store)
    except DiskError as error:
        return error
    empty = [
        step
        for step, row in zip(plan, rows, strict=True)
        if step.action == "fetch" and row["files"] == 0
    ]
    errors = [plans.nothing_is_in(step.name, step.options.asked) for step in empty]
    if len(errors) == len(plan) == 1:
        return errors[0]
    names = ", ".join(step.name for step in empty)
    message = f"{len(errors)} of {len(plan)} have no file that is asked for: {names}"
    return SeveralError(message, errors) if errors else None


def _row(session: Session, step: Step) -> dict[str, Cell]:
    """Return one step of a plan; people see what is unknown, and sizes as `list` shows them."""
    from covcat.fetching import run

    coming = run.expect(step, session.catalog, session.store)
    contents = coming.contents if coming else None
    exact, about = (coming.download_bytes, coming.about_bytes) if coming else (None, None)
    comes = step.action == "fetch"
    return {
        "id": step.name,
        "action": step.action,
        "files": contents.files if contents else None,
        "download": transferred(exact, about) if comes else "-",
        "size": sized(contents, exact, about) if coming else "-",
        "download_bytes": exact if comes else 0,
        "about_bytes": about if comes else None,
        "bytes": contents.least_bytes if contents else None,
        "bytes_are_all": not contents.of_unknown_size if contents else None,
        "licence": step.resource.license.short,
        "reason": step.reason,
    }


def _say_total(session: Session, total: "Totals") -> None:
    """Say how much comes in all, the room that it takes, and what there is."""
    if not total.downloads:
        return
    what = plural(total.downloads, "download") + ("" if total.downloads_are_all else " or more")
    size = ("about " if total.bytes_are_about else "") + format_size(total.download_bytes)
    if total.of_unknown_size == total.downloads:
        what += " of unknown size"
    elif total.of_unknown_size:
        what += f", {total.of_unknown_size:,} of them of unknown size, the others {size}"
    else:
        what += f" of {size}"
    needed = ("" if total.needed_is_all else "at least ") + format_size(total.needed_bytes)
    room = "the room that this needs is unknown"
    if total.needed_bytes:
        room = f"on disk {needed} are needed, archives and unpacked files together"
    session.say(
        f"in all: {plural(total.releases, 'release')}, {what}; {room}, and "
        f"{format_size(total.free_bytes)} are free"
    )


def _announce(session: Session, plan: Plan) -> None:
    """Say before the start what comes, and which set is hidden in another that is here or comes."""
    from covcat.fetching import run

    for step in plan:
        if step.action == "keep":
            session.say(f"{step.name}: {step.reason}; nothing to do")
        elif step.action == "fetch":
            _announce_fetch(session, step)
    coming = {step.resource.id for step in plan if step.action == "fetch"}
    here = {one for one, _, _ in session.store.releases()} if coming else set()
    known = catalogs.find_overlaps(session.catalog, here - coming)
    for line in catalogs.find_overlaps(session.catalog, coming | here):
        if line not in known:
            session.say(f"warning: {line}")
    if len(coming) > 1:  # of one, all was said
        _say_total(session, run.total(plan, session.catalog, session.store))


def _announce_fetch(session: Session, step: Step) -> None:
    """Say how much comes from where, what it unpacks to, its licence, and what it belongs to."""
    from covcat.fetching import run

    release, coming = step.release, run.expect(step, session.catalog, session.store)
    assert release is not None  # else a person must act
    assert coming is not None
    what = f"{'some' if step.options.asked else 'all'} files of a data set"
    if coming.downloads_are_all:
        size = transferred(coming.download_bytes, coming.about_bytes).replace("~", "about ")
        download = "of unknown size" if size == "?" else f"of {size}"
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
        way = f"covcat fetch {one.name}"
        session.say(f"  its labels are of images in `{one.name}`, by {one.by}: {way}")


def _carry_out(
    session: Session, plan: Plan, network: "Network", how: str, password: Password
) -> list["Outcome"]:
    """Do what was planned; what needs a password is done again with one that a person types."""
    from covcat.archives.base import LockedError
    from covcat.fetching import run
    from covcat.fetching.base import Run

    has_many = len(plan) > 1

    def tell(error: CovcatError) -> None:
        if has_many and not session.json:
            put_error(error)

    outcomes: dict[str, Outcome] = {}
    while True:
        with drawn(session, how) as progress:
            this = Run(session.catalog, session.store, network, progress, password.word)
            for one in run.run(plan, this):
                outcomes[one.step.name] = one
                if one.error is not None and not isinstance(one.error, LockedError):
                    tell(one.error)
        locked = [one for one in outcomes.values() if isinstance(one.error, LockedError)]
        errors = [one.error for one in locked if one.error is not None]
        if not errors or not password.ask(errors[0]):
            break
        plan = tuple(one.step for one in locked)
    for error in errors:
        tell(error)
    return list(outcomes.values())


def _finish(session: Session, outcomes: list["Outcome"], seconds: float) -> None:
    came = [one for one in outcomes if one.step.action == "fetch" and one.path]
    if len(came) > 1 and (time_taken := took(seconds)):
        session.say(f"in all: {plural(len(came), 'release')} fetched{time_taken}")
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
