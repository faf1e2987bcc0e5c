"""outdated: what is newer than what is here."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import typer

from covcat.cli import here
from covcat.cli import options as net
from covcat.cli.formats import Rows
from covcat.cli.options import OutputFormat
from covcat.cli.progress import drawn
from covcat.cli.session import Session
from covcat.errors import CovcatError, NotFoundError
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.download.kept import Answers
    from covcat.fetching.outdated import News
    from covcat.hosts.upstream import Upstream

_COLUMNS = ("id", "in_catalog", "upstream", "date", "kind")  # of a table; else all
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT = 10  # letters of a commit that a person reads


def outdated(
    ctx: typer.Context,
    names: net.Names = None,
    output: OutputFormat = None,
    timeout: net.Timeout = 30,
    allow_private: net.AllowPrivate = False,
    pause: net.Pause = 1,
) -> None:
    """Tell what is newer than the releases that are here.

    A newer `release` is in the catalog; a newer `commit`, `tag` or `version` is at the host, or
    another `file` at the address that it came from. Each record is asked for once, each host once
    a second, and only for what changed since the last run, where it can tell; --offline tells what
    it answered then.

    Exit 0 with rows and without. What a host does not say is a row `unknown` with the reason, and
    no error either.

    Example: covcat outdated --offline
    """
    from covcat.download.kept import Answers
    from covcat.fetching.outdated import News
    from covcat.hosts.upstream import upstream
    from covcat.store import cached

    session: Session = ctx.obj
    releases = here.releases(session, names)
    network = net.network(session, timeout=timeout, allow_private=allow_private, pause=pause)
    kept = Answers(cached.answers_place())
    with drawn(session, "plain") as progress, upstream(network, progress, kept) as asked:
        found = list(_news(session, releases, asked))
    rows = [asdict(one) for one in found]
    shown = Rows([one.name for one in fields(News)], rows)
    if is_table := session.format(output) == "table":
        short = [{**row, "upstream": _short(row["upstream"])} for row in rows]
        shown = Rows(_COLUMNS, short, spared=("date",))
    session.rows("outdated", shown, data={"outdated": rows}, output=output)
    for one in found if is_table else ():
        if one.detail:
            session.say(f"{one.id}: {one.detail}")
    newer = {one.id for one in found if one.kind != "unknown"}
    verb = "has" if len(newer) == 1 else "have"
    session.say(f"{len(newer):,} of {plural(len(releases), 'release')} {verb} something newer")
    kinds = Counter(one.kind for one in found)
    if behind := [one.id for one in found if one.kind == "release"]:
        ids = dict.fromkeys(name.partition("@")[0] for name in behind)
        session.say(f"hint: {shlex.join(['covcat', 'fetch', *ids])}")
    if kinds["unknown"]:
        session.say(f"{plural(kinds['unknown'], 'row')} unknown: each says why")
    if session.offline:
        session.say(f"note: no host was asked, because --offline is set{_recalled(kept, asked)}")


def _recalled(kept: "Answers", asked: "Upstream") -> str:
    """Say what stood in for the hosts, and of what nothing is kept."""
    said = f": what they answered is of {kept.oldest[:10]} or later" if kept.oldest else ""
    lacking = f"; of {plural(asked.not_kept, 'record')} nothing is kept" if asked.not_kept else ""
    return said + lacking


def _short(upstream: str | None) -> str | None:
    return upstream[:_SHORT] if upstream and _COMMIT.fullmatch(upstream) else upstream


def _news(
    session: Session, releases: Sequence[here.Here], upstream: "Upstream"
) -> "Iterator[News]":
    """Give the rows of each release; one whose record is damaged is a row too."""
    from covcat.fetching.outdated import News, find_news
    from covcat.store import manifest

    for id, release, folder in releases:
        try:
            resource = session.catalog.get(id)
        except NotFoundError:
            resource = None
        try:
            record = manifest.load(folder)
        except CovcatError as error:
            yield News(id=f"{id}@{release}", kind="unknown", detail=error.message)
            continue
        yield from find_news(resource, record, upstream)
