"""links: ask the catalog's addresses if they still answer with the right thing."""

from collections import Counter
from dataclasses import asdict, fields
from typing import Annotated

import typer

from covcat.catalog.entries import Release, Resource
from covcat.cli import options as net
from covcat.cli.declare import ids
from covcat.cli.formats import Rows
from covcat.cli.options import OutputFormat
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import IntegrityError, NetworkError


def links_command(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, ids("All releases of each ID; default: the whole catalog.")
    ] = None,
    output: OutputFormat = None,
    timeout: net.Timeout = 30,
    allow_private: net.AllowPrivate = False,
    pause: net.Pause = 1,
) -> None:
    """Ask each address of the catalog whether it still leads to what it should.

    Files are asked for one byte, and each host once a second. Exit 5 where a file or page is
    gone, has another size, or is a web page in place of a file; what is refused, moved, or does
    not answer now is only told.

    Example: covcat links --json > links.json
    """
    session: Session = ctx.obj
    if session.offline:
        raise NetworkError(
            "no address was asked for, because --offline is set",
            hint="the same command without --offline",
        )
    from covcat.hosts import links

    targets = _targets(session, names)
    network = net.network(session, timeout=timeout, allow_private=allow_private, pause=pause)
    with drawn(session, "plain") as progress:
        rows = [asdict(link) for link in links.check(targets, session.catalog, network, progress)]
    for_people = [
        {**row, "id": "@".join(filter(None, (row["resource"], row["release"])))} for row in rows
    ]
    wrong = [row for row in for_people if row["status"] in links.BROKEN]
    form = session.format(output)
    if not wrong or form != "json":  # else the error's own document has the rows
        shown = Rows([one.name for one in fields(links.CheckedLink)], rows, "url")
        if form == "table":
            columns = ("id", "kind", "status", "url", "detail")
            shown = Rows(columns, for_people, "url", spared=("kind",))
        session.rows("links", shown, data={"links": rows}, output=output)
    counts = Counter(row["status"] for row in rows).most_common()
    each = ", ".join(f"{count} {status}" for status, count in counts)
    session.say(f"addresses: {each or 'none'}")
    if wrong:
        raise IntegrityError(
            f"{len(wrong)} of {len(rows)} addresses no longer lead where they should",
            details=["{id}: {kind} {url}: {status}: {detail}".format(**row) for row in wrong],
            hint=f"covcat show {wrong[0]['resource']}",
            data={"links": rows},
        )


def _targets(
    session: Session, names: list[str] | None
) -> list[tuple[Resource, tuple[Release, ...]]]:
    """Return each resource that was asked for once, with the releases that were."""
    if not names:
        return [(resource, resource.releases) for resource in session.catalog.resources]
    found: dict[str, tuple[Resource, tuple[Release, ...]]] = {}
    for name in names:
        resource, release = session.catalog.find(name)
        wanted = (release,) if "@" in name and release is not None else resource.releases
        _, known = found.get(resource.id, (resource, ()))
        found[resource.id] = resource, (*known, *(one for one in wanted if one not in known))
    return list(found.values())
