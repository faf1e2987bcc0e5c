"""Which entries of the catalog a DOI or the address of a page is of."""

import re
from collections.abc import Iterable, Iterator

from covcat.catalog.entries import Resource
from covcat.errors import UsageError
from covcat.hosts import draft

_LIKE = re.compile(r"(?:[a-z]+://|doi:|10\.\d{4,}/|(?:[\w-]+\.)+[a-z]{2,}/)\S+", re.I)


def is_address(text: str) -> bool:
    """Tell if a text may be a DOI or an address; no id is like one."""
    return _LIKE.fullmatch(text.strip()) is not None


def entries_of(resources: Iterable[Resource], text: str) -> list[Resource]:
    """Return the entries whose record at a host it is; else those that name it.

    Papers and pages may be of several.
    """
    every, wanted = list(resources), _plain(text)
    try:
        record = draft.record_of(text)
    except UsageError:  # it is of no host's form
        found = []
    else:
        pair = (record.host, record.id.casefold())
        found = [one for one in every if pair in _records(one)]
    return found or [one for one in every if wanted in map(_plain, _addresses(one))]


def _records(resource: Resource) -> Iterator[tuple[str, str]]:
    for release in resource.releases:
        for file in release.files:
            keys = [key for key in getattr(file, "IDENTITY", ()) if key != "server"]
            if keys:
                yield str(file.host), str(getattr(file, keys[0])).casefold()


def _addresses(resource: Resource) -> Iterator[str]:
    if resource.homepage:
        yield resource.homepage
    for citation in resource.citation:
        yield from (value for key, value in citation.fields.items() if key in ("doi", "url"))
    for page in resource.browse.pages if resource.browse else ():
        yield page.url
    for release in resource.releases:
        yield from (url for file in release.files if (url := getattr(file, "url", None)))


def _plain(text: str) -> str:
    """Return an address as it is compared: without what leads to the same page."""
    return draft.LEAD.sub("", text.strip(), count=1).partition("#")[0].rstrip("/").casefold()
