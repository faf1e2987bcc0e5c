"""Releases here -> what is newer: in their entries, and at the hosts that they came from.

Nothing is fetched. What a host does not say stays unknown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from covcat.catalog.entries import Resource
from covcat.catalog.files import AnyFile
from covcat.errors import CovcatError
from covcat.hosts.base import page
from covcat.hosts.record import Newest, find_date
from covcat.store.manifest import Manifest, Transfer

if TYPE_CHECKING:  # httpx is loaded where a host is asked
    from covcat.hosts.upstream import Upstream

_SECONDS = 19  # letters of a time in ISO 8601 to the second, without its zone: UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something newer than a release that is here, or why it is not known: a row of `outdated`."""

    id: str  # ID@RELEASE, which is here
    in_catalog: str | None = None  # the release that `fetch ID` would bring
    upstream: str | None = None  # what its host has newest, where that is newer
    date: str | None = None  # of what is newer, as its source says
    kind: Literal["release", "commit", "tag", "version", "file", "unknown"]
    where: str | None = None  # the page of what is newer
    detail: str = ""


def find_news(
    resource: Resource | None, record: Manifest, upstream: "Upstream | None"
) -> Iterator[News]:
    """Give what is newer than a release that is here; without `upstream` in its entry alone."""
    name = f"{record.resource}@{record.release}"
    if resource is None:
        yield News(id=name, kind="unknown", detail="not in the catalog")
        return
    known, default = {one.id: one for one in resource.releases}, resource.default_release
    release = known.get(record.release)
    news = News(id=name, in_catalog=default.id if default else None, kind="unknown")
    if release is None or default is None:
        why = "brought by hand: no host is known for it" if not known else "not in its entry"
        yield replace(news, detail=why)
        return
    newer = replace(news, kind="release", date=default.date, where=resource.homepage)
    is_behind = list(known).index(release.id) < list(known).index(default.id)
    found: dict[object, News] = {}  # several files may be of one record
    for number, file in enumerate(release.files):
        came = [one for one in record.downloads if one.entry == number]
        try:
            newest = upstream.newest(resource, release, file) if upstream else None
        except CovcatError as error:
            found.setdefault(error.message, replace(news, detail=_why(error), where=page(file)))
            continue
        if newest is not None and is_newer(newest, came, record.created_at):
            said = _told(newest, file)
            kind = newer.kind if is_behind else said.kind
            key = (said.kind, said.upstream, said.where)
            found.setdefault(key, replace(said, id=name, in_catalog=news.in_catalog, kind=kind))
    if is_behind and all(one.kind == "unknown" for one in found.values()):
        yield newer
    yield from found.values()


def is_newer(newest: Newest, came: Iterable[Transfer], since: str) -> bool:
    """Tell if a host has something newer than what came of a file.

    Where the catalog's file moves with its host, the record of what came tells: its ids, then its
    size, then the time, `since` which (ISO 8601, UTC) it is here.
    """
    if newest.is_held is not None:
        return not newest.is_held
    alone = [one for one in came if one.imported_from is None]
    ids = {id for one in alone for id in (one.commit, one.tree) if id}
    if ids.intersection(newest.ids):
        return False
    if len(alone) == 1:
        since = alone[0].finished_at
        if newest.bytes not in (None, alone[0].bytes):
            return True
    return newest.at[:_SECONDS] > since[:_SECONDS]


def _told(newest: Newest, file: AnyFile) -> News:
    where = getattr(file, "url", None) if newest.kind == "file" else page(file)
    return News(
        id="",
        upstream=newest.version or None,
        date=find_date(newest.at) or None,
        kind=newest.kind,
        where=where,
    )


def _why(error: CovcatError) -> str:
    return f"{error.message} ({error.cause})" if error.cause else error.message
