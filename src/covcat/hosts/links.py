"""Do the catalog's addresses still lead to what it describes? Each is asked; no file is fetched.

A file is asked for its first byte, because several storages refuse HEAD; a page is asked plainly.
What an answer means is decided by `decided`, which is pure; `checked` does the asking.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from covcat import hosts
from covcat.catalog.entries import Release, Resource
from covcat.catalog.files import AnyFile
from covcat.download.addresses import without_secrets
from covcat.download.answers import HEAD, MAGIC, not_the_file
from covcat.download.api import Api
from covcat.download.http import Answer, Web
from covcat.download.pace import Wait, pause_after
from covcat.download.remote import Login, Network, RemoteFile
from covcat.download.resume import content_range, validator_of
from covcat.errors import ActionNeededError, CovcatError, GoneError, TransientError
from covcat.hosts import base
from covcat.hosts.base import HostContext
from covcat.progress import Progress

_PHRASES = {one.phrase.casefold() for one in HTTPStatus}  # beside a number these say nothing

Kind = Literal["file", "mirror", "homepage", "page", "licence"]
Status = Literal[
    "ok",
    "moved",  # a page: it redirects for good to another host or path
    "size changed",
    "validator changed",  # of the same size, and yet another state than in an earlier run
    "web page",  # or anything else that is not the file
    "refused",  # by a login, a ban or a challenge: a person may still get it
    "gone",
    "no answer",
]
BROKEN: tuple[Status, ...] = ("gone", "size changed", "web page")  # the catalog is wrong now
Target = tuple[Resource, tuple[Release, ...]]
Key = tuple[str, str | None, str, str]
State = tuple[int | None, str | None, str | None]  # bytes, ETag, Last-Modified
_T = TypeVar("_T")

_FIRST_BYTE = {"Range": "bytes=0-0"}
_PATIENCE = 60  # seconds: a host that asks to wait longer is not asked again in this run
_OPENING = (b"<", b" ", b"\t", b"\r", b"\n", b"\xef", b"")  # how a page may begin; \xef of a BOM
# the wording is that of download/answers.py and of the hosts' modules: tests/cli/test_links.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What tells one address of the catalog from another, in every run."""

    resource: str
    release: str | None = None  # None for what belongs to the resource as a whole
    kind: Kind
    url: str

    @property
    def key(self) -> Key:
        """All of it."""
        return self.resource, self.release, self.kind, self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(Place):
    """One address of the catalog, and what should be there."""

    unpack: str = "none"
    bytes: int | None = None
    by_host: bool = False  # these bytes are what its host lists; the catalog knows none
    note: str = ""
    login: Login | None = None
    unlisted: CovcatError | None = None  # why the host did not say where it is

    @property
    def is_data(self) -> bool:
        """True for a file, False for a page that people read."""
        return self.kind in ("file", "mirror")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Place):
    """What was found at an address: a row of `covcat links`, and of the JSON that --since reads.

    The last three are of files only; where none came now, they are those of the earlier run, so
    that one bad day does not end the comparison.
    """

    status: Status
    detail: str
    bytes: int | None = None
    etag: str | None = None  # a strong one
    last_modified: str | None = None

    @property
    def state(self) -> State:
        """What tells one state of a file from another."""
        return self.bytes, self.etag, self.last_modified


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is kept of an answer; `headers` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    head: bytes = b""  # of the body; of a page nothing is read
    moved_to: str | None = None

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, if the answer says so."""
        if self.status == 206:
            found = content_range(self.headers)
            return found[2] if found else None
        if self.status == 416:  # there is no first byte: RFC 9110, section 15.5.17
            said = re.fullmatch(r"bytes \*/([0-9]{1,18})", self.headers.get("content-range", ""))
            return int(said[1]) if said else 0
        length = self.headers.get("content-length", "")
        return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None

    @property
    def state(self) -> State:
        """What tells one state of a file from another: strong validators only."""
        validator = validator_of(self.headers)
        return self.total, validator.etag, validator.last_modified


# ---- what an answer means: pure ----------------------------------------------------------------


def decided(address: Address, heard: Heard | CovcatError, before: Link | None = None) -> Link:
    """Say what an answer, or that none came, means; `before` is what an earlier run found."""
    if isinstance(heard, CovcatError):
        return _link(address, word_of(heard), _said(heard, address.url), before)
    if not address.is_data:
        moved_to = heard.moved_to
        if moved_to is not None and is_elsewhere(address.url, moved_to):
            return _link(address, "moved", f"it is at {without_secrets(moved_to)} now")
        return _link(address, "ok", "")
    if wrong := _not_the_file(address, heard):
        return _link(address, "web page", wrong, before)
    now = _link(address, "ok", "", heard)
    if other := _other_size(address, heard.total, before):
        return _link(address, "size changed", other, heard)
    if other := _other_state(now, before):
        return _link(address, "validator changed", other, heard)
    if heard.moved_to is not None:  # of no consequence while the file comes
        return _link(
            address, "ok", f"redirects for good to {without_secrets(heard.moved_to)}", heard
        )
    return now


def word_of(error: CovcatError) -> Status:
    """Return the status that an error means: other errors than these may pass."""
    if isinstance(error, ActionNeededError):
        return "refused"
    return "gone" if isinstance(error, GoneError) else "no answer"


def is_elsewhere(url: str, target: str) -> bool:
    """Tell another host or path; from http to https, or to another query, nothing moves."""
    one, two = urlsplit(url), urlsplit(target)
    return (one.hostname, one.path or "/") != (two.hostname, two.path or "/")


def _link(
    address: Address, status: Status, detail: str, source: Heard | Link | None = None
) -> Link:
    """Make a row; `source` is what its size and validators are taken from."""
    size, etag, last_modified = source.state if source is not None else (None, None, None)
    return Link(
        resource=address.resource,
        release=address.release,
        kind=address.kind,
        url=address.url,
        status=status,
        detail="; ".join(part for part in (detail, address.note) if part),
        bytes=size,
        etag=etag,
        last_modified=last_modified,
    )


def _said(error: CovcatError, url: str) -> str:
    """Return what an error says, without the address that stands beside it anyway."""
    first, _, rest = error.message.removeprefix("`").partition("` ")
    is_same = first.endswith(url.partition("://")[2])  # a mirror's address ends in it
    message = rest if rest and is_same else error.message
    says_more = error.cause is not None and error.cause.casefold() not in _PHRASES
    return f"{message} ({error.cause})" if says_more else message


def _not_the_file(address: Address, heard: Heard) -> str:
    """Return what shows that something else came; of one byte that is not much."""
    kind = heard.headers.get("content-type", "").lower()
    if heard.status != 206 or len(heard.head) > 1:
        wrong = not_the_file(heard.head, address.unpack, kind, address.url)
        return _said(wrong, address.url) if wrong else ""
    if "html" in kind and heard.head in _OPENING:
        return f"answered with a web page ({kind}) in place of the file"
    magic = MAGIC.get(address.unpack, ())
    if magic and not any(one.startswith(heard.head) for one in magic):
        return f"is not a {address.unpack} file: it starts with {heard.head!r}"
    return ""


def _other_size(address: Address, total: int | None, before: Link | None) -> str:
    said = {
        "its host lists" if address.by_host else "the catalog says": address.bytes,
        "the earlier run found": before.bytes if before else None,
    }
    for who, expected in said.items():
        if None not in (expected, total) and expected != total:
            return f"{who} {expected:,} bytes, it has {total:,}"
    return ""


def _other_state(now: Link, before: Link | None) -> str:
    """Compare validators; where both runs have an ETag, it alone decides."""
    if before is None:
        return ""
    if before.etag and now.etag:
        return f"ETag {before.etag} became {now.etag}" if before.etag != now.etag else ""
    one, two = before.last_modified, now.last_modified
    return f"Last-Modified {one} became {two}" if one and two and one != two else ""


# ---- asking ------------------------------------------------------------------------------------


class Turns:
    """Lets each host be asked once in so many seconds."""

    def __init__(
        self,
        seconds: float,
        wait: Wait = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wait` and `clock` are others in tests."""
        self._seconds, self._wait, self._clock = seconds, wait, clock
        self._free_at: dict[str, float] = {}

    def take(self, host: str) -> None:
        """Wait until `host` may be asked."""
        now = self._clock()
        due = max(now, self._free_at.get(host, now))
        self._free_at[host] = due + self._seconds
        if due > now:
            self._wait(due - now)


def checked(
    targets: Iterable[Target], network: Network, progress: Progress, before: Mapping[Key, Link]
) -> Iterator[Link]:
    """Ask for every address of the targets; one that fails does not stop the others.

    `network.pause` is the seconds between two requests to a host.
    """
    with closing(Web(network, turn=Turns(network.pause).take)) as web:
        asking = _Asking(web, network, progress)
        for resource, releases in targets:
            progress.note(f"{resource.id}: asking for its addresses")
            for address in _pages(resource):
                yield decided(address, asking.heard(address))
            for release in releases:
                for file in release.files:
                    for address in asking.addresses(resource, release, file):
                        yield decided(address, asking.heard(address), before.get(address.key))


def _pages(resource: Resource) -> Iterator[Address]:
    """Return the pages for people: they belong to no release."""
    pages: list[tuple[Kind, str | None]] = [
        ("homepage", resource.homepage),
        ("licence", resource.license.url),
        *(("page", page.url) for page in (resource.browse.pages if resource.browse else ())),
    ]
    for kind, url in pages:
        if url is not None:
            yield Address(resource=resource.id, kind=kind, url=url)


class _Asking:
    """One run: the same address is asked once, whoever names it."""

    def __init__(self, web: Web, network: Network, progress: Progress) -> None:
        self._web, self._network, self._progress = web, network, progress
        self._ask = HostContext(Api(web, network, progress))
        self._known: dict[tuple[str, bool], Heard | CovcatError] = {}

    def addresses(self, resource: Resource, release: Release, file: AnyFile) -> list[Address]:
        """Return where a file is, and its mirrors; some hosts are asked where that is."""
        address = partial(Address, resource=resource.id, release=release.id)
        found: list[Address] = []
        size = file.bytes
        try:
            served, note = self._first(file)
            size = served.bytes if served.is_alone else size
            location = self._tried(partial(hosts.locate, served, self._ask))
            if location.path is None:  # else it comes with covcat
                one = address(kind="file", url=location.url, login=location.login, note=note)
                by_host = file.bytes is None or not served.is_alone
                found = [replace(one, unpack=served.unpack, bytes=served.bytes, by_host=by_host)]
        except CovcatError as error:
            url = base.page(file) or resource.homepage or ""
            found = [address(kind="file", url=url, unlisted=error)]
        mirror = partial(address, kind="mirror", unpack=file.unpack, by_host=file.bytes is None)
        return [*found, *(mirror(url=url, bytes=size) for url in file.mirrors)]

    def _first(self, file: AnyFile) -> tuple[RemoteFile, str]:
        """Return what a host serves for a file; of a set the first one, and how many there are."""
        listed = self._tried(partial(hosts.listed, (file,), self._ask))
        served = min(listed, key=lambda one: one.path)
        note = "" if served.is_alone else f"the first of {len(listed):,} that its host lists"
        return served, note

    def heard(self, address: Address) -> Heard | CovcatError:
        """Return what an address answers, or why it does not."""
        if address.unlisted is not None:
            return address.unlisted
        key = address.url, address.is_data
        if key not in self._known:
            try:
                self._known[key] = self._tried(partial(self._asked, address))
            except CovcatError as error:
                self._known[key] = error
        return self._known[key]

    def _asked(self, address: Address) -> Heard:
        headers = _FIRST_BYTE if address.is_data else {}
        with self._web.get(address.url, headers, login=address.login) as answer:
            return Heard(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.headers.items()},
                head=_head(answer) if address.is_data else b"",
                moved_to=answer.moved_to,
            )

    def _tried(self, ask: Callable[[], _T]) -> _T:
        """Ask, and once more after what may pass."""
        try:
            return ask()
        except TransientError as error:
            if error.after is not None and error.after > _PATIENCE:
                raise
            pause = pause_after(error, 1, self._network.pause)
            self._progress.note(f"{error.message}; trying once more in {pause:.1f} s")
            self._web.wait(pause)
        return ask()


def _head(answer: Answer) -> bytes:
    """Return the first bytes of a body: one, or a few where the server sends them all."""
    found = b""
    for data in answer.chunks:
        found += data
        if len(found) >= HEAD:
            break
    return found[:HEAD]
