"""pull: bring back what `push` put in an object store or a folder."""

import time
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING

import typer

from covcat.cli.declare import grouped
from covcat.cli.here import split
from covcat.cli.options import Names, StoreAddress, Transport
from covcat.cli.progress import drawn
from covcat.cli.session import Session, put_error
from covcat.errors import CovcatError, NotFoundError, SeveralError
from covcat.text import format_size, plural, took

if TYPE_CHECKING:
    from covcat.store.remote.place import Place


@grouped
def pull(
    ctx: typer.Context, url: StoreAddress, names: Names = None, *, transport: Transport
) -> None:
    """Bring releases back that `push` put there; print their folders.

    Each file is hashed as it comes and held against the manifest, and that against the catalog.
    A release has its name here when it is whole; what came of one that was broken off waits for
    the same command. Any folder that was copied by hand will do as well.

    Example: covcat pull s3://bucket/imaging figure1
    """
    from covcat.fetching.base import Run
    from covcat.fetching.pull import pull
    from covcat.store.remote.place import Place

    session: Session = ctx.obj
    network = transport.network(session)
    place = Place(url, network)
    rows, errors = list[dict[str, object]](), list[CovcatError]()
    there = releases_at(session, place, names)
    for resource_id, release_id in there:
        name, since = f"{resource_id}@{release_id}", time.monotonic()
        try:
            with drawn(session, transport.progress) as progress:
                run = Run(session.catalog, session.store, network, progress)
                done = pull(run, place, resource_id, release_id)
        except CovcatError as error:
            errors.append(error)
            rows.append({"id": name, "path": None, "files": None, "error": error.message})
            if len(there) > 1 and not session.json:
                put_error(error)
            continue
        rows.append({"id": name, "path": str(done.path), "files": done.came, "error": None})
        what = f"{plural(done.came, 'file')}, {format_size(done.record.total_bytes)}"
        said = f"{what}, as recorded" if done.came else "here and complete; nothing to do"
        session.say(f"{name}: {said}{took(time.monotonic() - since)}")
    if errors:
        raise _failure(errors, rows, place)
    session.result("pull", {"pulled": rows}, "".join(f"{row['path']}\n" for row in rows))


def _failure(
    errors: Sequence[CovcatError], rows: Sequence[dict[str, object]], place: "Place"
) -> CovcatError:
    failed = [str(row["id"]) for row in rows if row["error"]]
    error = errors[0]
    if len(rows) > 1:
        text = f"{len(errors)} of {len(rows)} could not be pulled: {', '.join(failed)}"
        hint = f"covcat pull {quote(place.address)} {' '.join(failed)}"
        error = SeveralError(text, errors, hint=hint)
    error.data = {"pulled": rows}
    return error


def releases_at(
    session: Session, place: "Place", names: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Return the releases that are whole there: those that are meant, or all."""
    every = place.releases()
    known = {(id, release): is_whole for id, release, is_whole in every}
    found = dict[tuple[str, str], None]()
    for name in names or ():
        id, at, release = split(session, name, {one for one, _ in known})
        matching = [one for one in known if one[0] == id and (not at or one[1] == release)]
        whole = [one for one in matching if known[one]]
        if not whole:
            why = "it has no manifest there" if matching else "nothing of it is there"
            raise NotFoundError(
                f"`{name}` is not whole at `{place.address}`: {why}",
                hint=f"covcat status --at {quote(place.address)}",
            )
        found |= dict.fromkeys(whole)
    if names:
        return list(found)
    if unfinished := [f"{id}@{release}" for id, release, is_whole in every if not is_whole]:
        session.say(f"without a manifest at `{place.address}`: {', '.join(unfinished)}")
    whole = [one for one, is_whole in known.items() if is_whole]
    if not whole:
        session.say(f"nothing that is whole is at `{place.address}`")
    return whole
