"""remove: what covcat may delete of releases, said before it is done."""

import sys
from collections.abc import Sequence
from shlex import join
from typing import Annotated

import typer

from covcat.cli import here
from covcat.cli.declare import flag, ids
from covcat.cli.formats import Cell, Rows
from covcat.cli.options import DryRun
from covcat.cli.printing import put
from covcat.cli.session import Session, readable
from covcat.cli.status import say_litter
from covcat.errors import CovcatError, NotFoundError, UsageError
from covcat.names import is_litter
from covcat.store import remove as removing
from covcat.store.remove import Removal
from covcat.text import escaped, format_size, plural

_COUNTS = ("files", "bytes", "waiting_files", "waiting_bytes")


def remove(
    ctx: typer.Context,
    names: Annotated[list[str], ids("An ID is all its releases.")],
    partial: bool = flag("--partial", "Only files that wait for the rest of a release."),
    force: bool = flag("--force", "Also recorded files that were changed since."),
    dry_run: DryRun = False,
    yes: bool = flag("--yes", "Do not ask.", "-y"),
) -> None:
    """Delete releases that are here, and what waits of them; nothing that covcat did not make.

    Asks first; a script says --yes. Counts as `status` does.

    Example: covcat remove figure1 --dry-run
    """
    session: Session = ctx.obj
    store = session.store
    named = _named(session, names, partial)
    found = [removing.look(store, *one, partial=partial, force=force) for one in named]
    for one in found:
        say_litter(session, one.name, one.litter)
    if dry_run:
        _print(session, found, dry_run=True)
        return
    options = ["--partial"] * partial + ["--force"] * force
    if not yes and not _agreed(session, found, options):
        return
    store.prepare()
    done: list[Removal] = []
    try:
        for one in found:
            waiting = f"{one.name}: another covcat works with it; waiting"
            with store.lock(one.name, lambda text=waiting: session.say(text)):  # type: ignore[misc]
                done.append(removing.remove(store, one, partial=partial, force=force))
    except CovcatError as error:
        error.data = {"dry_run": False, "removed": _rows(done), **error.data}
        raise
    finally:
        for one in done:
            session.say(f"{one.name}: removed: {_in_words(one)}")
    _print(session, done, dry_run=False)


def _named(session: Session, names: Sequence[str], partial: bool) -> list[tuple[str, str]]:
    """Return (resource id, release id) of all that is meant and lies here."""
    known = removing.known(session.store)
    found: dict[tuple[str, str], None] = {}
    for name in names:
        id, at, release = here.split(session, name, {one for one, _ in known})
        folder = session.data_dir / id
        lying = {one for one in known if one[0] == id}
        if folder.is_dir() and not partial:  # what has no manifest is refused by name
            names_here = {one.name for one in folder.iterdir() if one.name[:1] != "."}
            lying |= {(id, one) for one in names_here if not is_litter(one)}
        matching = sorted(one for one in lying if not at or one[1] == release)
        if not matching:
            raise NotFoundError(f"`{name}` is not in `{session.data_dir}`", hint="covcat status")
        if partial and not at:
            store = session.store
            waits = {name for name, _ in (*store.partials(), *store.waiting())}
            matching = [one for one in matching if "@".join(one) in waits] or matching
        found |= dict.fromkeys(matching)
    return list(found)


def _agreed(session: Session, found: Sequence[Removal], options: Sequence[str]) -> bool:
    """Ask a person at a terminal; refuse where nobody can be asked."""
    if session.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        names = [one.name for one in found]
        raise UsageError(
            f"remove asks before it deletes {', '.join(names)}, and nobody can answer here",
            hint=f"covcat remove {join([*names, *options, '--yes'])}",
        )
    for one in found:
        put(sys.stderr, readable(escaped(f"{one.name}: {_in_words(one)}"), sys.stderr))
    put(sys.stderr, "remove? [y/N] ")
    if sys.stdin.readline().strip().casefold() in ("y", "yes"):
        return True
    session.say("nothing was removed")
    return False


def _in_words(one: Removal) -> str:
    parts = [f"{plural(one.files, 'file')}, {format_size(one.bytes)}"] if one.folder else []
    if one.waiting or one.parts:
        waiting = plural(one.waiting_files, "waiting file")
        parts.append(f"{waiting}, {format_size(one.waiting_bytes)}")
    return "; ".join(parts)


def _rows(found: Sequence[Removal]) -> list[dict[str, Cell]]:
    return [
        {
            "id": one.name,
            **{name: getattr(one, name) for name in _COUNTS},
            "path": None if one.folder is None else str(one.folder),
        }
        for one in found
    ]


def _print(session: Session, found: Sequence[Removal], *, dry_run: bool) -> None:
    rows = _rows(found)
    data = {"dry_run": dry_run, "removed": rows}
    session.rows("remove", Rows(("id", *_COUNTS, "path"), rows), data=data)
    if dry_run:
        total = sum(one.bytes + one.waiting_bytes for one in found)
        session.say(f"would free {format_size(total)}; nothing was removed")
