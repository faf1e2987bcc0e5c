"""What a host has newest of what a catalog's file is from; no file is fetched.

Where a host has versions or commits, its module's `newest` asks for the last one. A plain address
has neither: it is asked for its first byte, and says its size, and perhaps since when it is so.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from covcat import hosts
from covcat.catalog.entries import Release, Resource
from covcat.catalog.files import AnyFile
from covcat.download.kept import Answers
from covcat.download.remote import Network
from covcat.errors import CovcatError, NetworkError, TransientError
from covcat.hosts.links import Asking, Response, asking, decide
from covcat.hosts.record import Newest
from covcat.progress import Progress

_TOLD = ("content-range", "content-length", "last-modified")  # what is kept of a plain address


@contextmanager
def upstream(network: Network, progress: Progress, kept: Answers) -> Iterator["Upstream"]:
    """Give a run that asks each host once in `network.pause` seconds, and each record once.

    Offline it tells what is `kept` of the runs before, and nothing else.
    """
    with asking(network, progress, kept) as run:
        yield Upstream(run, progress, kept, is_offline=network.offline)
        kept.save()


class Upstream:
    """One run."""

    def __init__(self, run: Asking, progress: Progress, kept: Answers, *, is_offline: bool) -> None:
        """Take the run whose context and addresses are asked."""
        self._run, self._progress = run, progress
        self._kept, self._is_offline = kept, is_offline
        self.not_kept = 0  # records of which nothing is known offline
        self._told = ""
        self._silent: dict[str, TransientError] = {}  # hosts that are left alone from now on

    def newest(self, resource: Resource, release: Release, file: AnyFile) -> Newest | None:
        """Ask the host of a file; None for what comes with covcat itself.

        One that does not answer is not asked again in this run. Offline, what is not kept is None.

        Raises:
            CovcatError: the host does not answer, or does not say it.
        """
        if file.host == "bundled":
            return None
        if self._is_offline:
            return self._recall(resource, release, file)
        told = f"{resource.id}@{release.id}: asking {file.host} what is new"
        if told != self._told:  # a release may have a hundred files
            self._progress.note(told)
        self._told = told
        server = urlsplit(getattr(file, "url", "") or getattr(file, "server", "")).netloc
        key = server or f"{file.host} {getattr(file, 'bucket', '')}"
        if key in self._silent:
            raise self._silent[key]
        try:
            return self._ask(resource, release, file)
        except TransientError as error:
            self._silent[key] = error
            raise

    def _recall(self, resource: Resource, release: Release, file: AnyFile) -> Newest | None:
        try:
            return self._ask(resource, release, file)
        except CovcatError:
            self.not_kept += 1
            return None

    def _ask(self, resource: Resource, release: Release, file: AnyFile) -> Newest:
        module: Any = hosts.host(file.host)
        if file.is_of_series:  # their ids are of one version: a newer list is a newer release
            return Newest(kind="version", version="", at="", is_held=True)
        if hasattr(module, "newest"):
            found: Newest = module.newest(file, self._run.context)
            return found
        (address,) = self._run.addresses(resource, release, file)[:1]
        key = f"{address.url} (first byte)"
        if self._is_offline:
            return _of_file(_recalled(self._kept.stand_in(key)))
        response = self._run.hear(address)
        if isinstance(response, CovcatError):
            raise response
        if (link := decide(address, response)).status not in ("ok", "size changed"):
            raise NetworkError(f"{link.status}: {link.detail}")
        headers = {name: response.headers[name] for name in _TOLD if name in response.headers}
        self._kept.keep(key, {}, {"status": response.status, "headers": headers})
        return _of_file(response)


def _recalled(body: Any) -> Response:
    if not isinstance(body, dict):
        raise NetworkError("nothing is kept of what its host answered")
    return Response(status=int(body["status"]), headers=dict(body["headers"]))


def _of_file(response: Response) -> Newest:
    at = ""
    with suppress(ValueError, TypeError, OverflowError):
        changed = parsedate_to_datetime(response.headers.get("last-modified", ""))
        at = changed.astimezone(UTC).isoformat(timespec="seconds")
    if response.total is None and not at:
        raise NetworkError("its host says neither how large it is, nor since when")
    size = "" if response.total is None else f"{response.total:,} bytes"
    return Newest(kind="file", version=size, at=at, is_held=None, bytes=response.total)
