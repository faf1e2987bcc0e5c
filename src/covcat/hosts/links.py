"""Do the catalog's addresses still lead to what it describes? Each is asked; no file is fetched.

A file is asked for its first byte, because several storages refuse HEAD; a page is asked plainly.
What an answer means is decided by `decide`, which is pure; `check` does the asking.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from covcat import hosts
from covcat.catalog.entries import Release, Resource
from covcat.catalog.files import AnyFile
from covcat.catalog.load import Catalog
from covcat.catalog.series import SeriesTable
from covcat.download.addresses import without_secrets
from covcat.download.answers import HEAD, MAGIC, not_the_file
from covcat.download.api import Api
from covcat.download.http import Web
from covcat.download.kept import Answers
from covcat.download.pace import Wait
from covcat.download.remote import Login, Network
from covcat.download.resume import Validator, content_range, validator_of
from covcat.download.retry import retry
from covcat.errors import ActionNeededError, CovcatError, GoneError
from covcat.hosts import base
from covcat.hosts.base import HostContext
from covcat.hosts.objects import SERIES, open_one
from covcat.progress import Progress

_PHRASES = {one.phrase.casefold() for one in HTTPStatus}  # beside a number these say nothing

Kind = Literal["file", "mirror", "homepage", "page", "licence"]
Status = Literal[
    "ok",
    "moved",  # a page: it redirects for good to another host or path
    "size changed",
    "web page",  # or anything else that is not the file
    "refused",  # by a login, a ban or a challenge: a person may still get it
    "gone",
    "no answer",
]
BROKEN: tuple[Status, ...] = ("gone", "size changed", "web page")  # the catalog is wrong now

_FIRST_BYTE = {"Range": "bytes=0-0"}
_PATIENCE = 60  # seconds: a host that asks to wait longer is not asked again in this run
_OPENING = (b"<", b" ", b"\t", b"\r", b"\n", b"\xef", b"")  # how a page may begin; \xef of a BOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of the catalog, and what should be there."""

    resource: str
    release: str | None = None  # None for what belongs to the resource as a whole
    kind: Kind
    url: str
    unpack: str = "none"
    bytes: int | None = None
    by_host: bool = False  # these bytes are what its host lists; the catalog knows none
    note: str = ""
    login: Login | None = None
    private: bool = False
    unlisted: CovcatError | None = None  # why the host did not say where it is

    @property
    def is_data(self) -> bool:
        """True for a file, False for a page that people read."""
        return self.kind in ("file", "mirror")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLink:
    """What was found at an address: a row of `covcat links`; the last three are of files only."""

    resource: str
    release: str | None
    kind: Kind
    url: str
    status: Status
    detail: str
    bytes: int | None
    etag: str | None  # a strong one
    last_modified: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
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


def decide(address: Address, response: Response | CovcatError) -> CheckedLink:
    """Say what an answer means, or that none came."""
    status, detail = _status_of(address, response)
    size, one = None, Validator()
    is_file = status in ("ok", "size changed") and address.is_data
    if is_file and isinstance(response, Response):
        size, one = response.total, validator_of(response.headers)
    return CheckedLink(
        resource=address.resource,
        release=address.release,
        kind=address.kind,
        url=address.url,
        status=status,
        detail="; ".join(part for part in (detail, address.note) if part),
        bytes=size,
        etag=one.etag,
        last_modified=one.last_modified,
    )


def _status_of(address: Address, response: Response | CovcatError) -> tuple[Status, str]:
    if isinstance(response, CovcatError):
        return status_of(response), _reason(response, address.url)
    moved_to = without_secrets(response.moved_to or "")
    if not address.is_data:
        if response.moved_to is not None and is_elsewhere(address.url, response.moved_to):
            return "moved", f"it is at {moved_to} now"
        return "ok", ""
    if wrong := _not_the_file(address, response):
        return "web page", wrong
    if None not in (address.bytes, response.total) and address.bytes != response.total:
        who = "its host lists" if address.by_host else "the catalog says"
        return "size changed", f"{who} {address.bytes:,} bytes, it has {response.total:,}"
    return "ok", f"redirects for good to {moved_to}" if moved_to else ""  # while the file comes


def status_of(error: CovcatError) -> Status:
    """Return the status that an error means: other errors than these may pass."""
    if isinstance(error, ActionNeededError):
        return "refused"
    return "gone" if isinstance(error, GoneError) else "no answer"


def is_elsewhere(url: str, target: str) -> bool:
    """Tell another host or path; from http to https, or to another query, nothing moves."""
    one, two = urlsplit(url), urlsplit(target)
    return (one.hostname, one.path or "/") != (two.hostname, two.path or "/")


def _reason(error: CovcatError, url: str) -> str:
    """Return what an error says, without the address that stands beside it anyway."""
    first, _, rest = error.message.removeprefix("`").partition("` ")
    is_same = first.endswith(url.partition("://")[2])  # a mirror's address ends in it
    message = rest if rest and is_same else error.message
    says_more = error.cause is not None and error.cause.casefold() not in _PHRASES
    return f"{message} ({error.cause})" if says_more else message


def _not_the_file(address: Address, response: Response) -> str:
    """Return what shows that something else came; of one byte that is not much."""
    kind = response.headers.get("content-type", "").lower()
    if response.status != 206 or len(response.head) > 1:
        wrong = not_the_file(response.head, address.unpack, kind, address.url)
        return _reason(wrong, address.url) if wrong else ""
    if "html" in kind and response.head in _OPENING:
        return f"answered with a web page ({kind}) in place of the file"
    magic = MAGIC.get(address.unpack, ())
    if magic and not any(one.startswith(response.head) for one in magic):
        return f"is not a {address.unpack} file: it starts with {response.head!r}"
    return ""


class Turns:
    """Lets each host be asked once in so many seconds."""

    def __init__(
        self, seconds: float, wait: Wait = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._wait, self._clock = seconds, wait, clock
        self._free_at: dict[str, float] = {}

    def take(self, host: str) -> None:
        """Wait until `host` may be asked."""
        now = self._clock()
        due = max(now, self._free_at.get(host, now))
        self._free_at[host] = due + self._seconds
        if due > now:
            self._wait(due - now)


def check(
    targets: Iterable[tuple[Resource, tuple[Release, ...]]],
    catalog: Catalog,
    network: Network,
    progress: Progress,
) -> Iterator[CheckedLink]:
    """Ask for every address of the targets; one that fails does not stop the others.

    `network.pause` is the seconds between two requests to a host. What may pass is asked again
    once, unless the host wants to be left alone.
    """
    with asking(network, progress) as run:
        for resource, releases in targets:
            progress.note(f"{resource.id}: asking for its addresses")
            pages: list[tuple[Kind, str | None]] = [  # for people: they belong to no release
                ("homepage", resource.homepage),
                ("licence", resource.license.url),
            ]
            browse = resource.browse
            pages += [("page", page.url) for page in (browse.pages if browse else ())]
            for kind, url in pages:
                if url is not None:
                    page = Address(resource=resource.id, kind=kind, url=url)
                    yield decide(page, run.hear(page))
            for release in releases:
                series = catalog.series(resource, release)
                for file in release.files:
                    for address in run.addresses(resource, release, file, series):
                        yield decide(address, run.hear(address))


@contextmanager
def asking(network: Network, progress: Progress, kept: Answers | None = None) -> Iterator["Asking"]:
    """Give a run that is polite to its hosts; what their APIs answer is `kept` for the next one."""
    network = replace(network, retries=1, patience=_PATIENCE)
    with closing(Web(network, turn=Turns(network.pause).take)) as web:
        yield Asking(web, network, progress, kept)


class Asking:
    """One run: the same address is asked once, whoever names it."""

    def __init__(
        self, web: Web, network: Network, progress: Progress, kept: Answers | None = None
    ) -> None:
        """Take how hosts are reached."""
        self._web, self._network, self._progress = web, network, progress
        self.context = HostContext(Api(web, network, progress, kept))
        self._known: dict[tuple[str, bool], Response | CovcatError] = {}

    def addresses(
        self,
        resource: Resource,
        release: Release,
        file: AnyFile,
        series: SeriesTable | None = None,
    ) -> list[Address]:
        """Return where a file is (of a set the first) and its mirrors; some hosts are asked."""
        address = partial(Address, resource=resource.id, release=release.id)
        found: list[Address] = []
        size = file.bytes
        try:
            context = replace(self.context, series=series)
            listed = hosts.list_files((file,), context)
            remote = min(listed, key=lambda one: one.path)
            if remote.unpack == SERIES:
                listed = open_one(remote, context)
                remote = listed[0]
            note = "" if remote.is_alone else f"the first of {len(listed):,} that its host lists"
            size = remote.bytes if remote.is_alone else size
            location = hosts.locate(remote, self.context)
            if location.path is None:  # else it comes with covcat
                one = address(kind="file", url=location.url, login=location.login, note=note)
                one = replace(one, private=location.private)
                by_host = file.bytes is None or not remote.is_alone
                found = [replace(one, unpack=remote.unpack, bytes=remote.bytes, by_host=by_host)]
        except CovcatError as error:
            url = base.page(file) or resource.homepage or ""
            found = [address(kind="file", url=url, unlisted=error)]
        mirror = partial(address, kind="mirror", unpack=file.unpack, by_host=file.bytes is None)
        return [*found, *(mirror(url=url, bytes=size) for url in file.mirrors)]

    def hear(self, address: Address) -> Response | CovcatError:
        """Return what an address answers, or why it does not."""
        if address.unlisted is not None:
            return address.unlisted

        def ask() -> Response:
            headers, head = _FIRST_BYTE if address.is_data else {}, b""
            with self._web.get(
                address.url, headers, login=address.login, private=address.private
            ) as answer:
                for data in answer.chunks if address.is_data else ():
                    head += data  # of one byte, or a few where the server sends them all
                    if len(head) >= HEAD:
                        break
                named = {name.lower(): value for name, value in answer.headers.items()}
                status, moved_to = answer.status, answer.moved_to
                return Response(status=status, headers=named, head=head[:HEAD], moved_to=moved_to)

        key = address.url, address.is_data
        if key not in self._known:
            try:
                self._known[key] = retry(ask, self._web, self._network, self._progress)
            except CovcatError as error:
                self._known[key] = error
        return self._known[key]
