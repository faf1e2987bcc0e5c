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
from covcat.download.remote import Network
from covcat.errors import CovcatError, NetworkError, TransientError
from covcat.hosts.links import Asking, Heard, asking, decide
from covcat.hosts.record import Newest
from covcat.progress import Progress


@contextmanager
def upstream(network: Network, progress: Progress) -> Iterator["Upstream"]:
    """Give a run that asks each host once in `network.pause` seconds, and each record once."""
    with asking(network, progress) as run:
        yield Upstream(run, progress)


class Upstream:
    """One run."""

    def __init__(self, run: Asking, progress: Progress) -> None:
        """Take the run whose context and addresses are asked."""
        self._run, self._progress = run, progress
        self._told = ""
        self._silent: dict[str, TransientError] = {}  # hosts that are left alone from now on

    def newest(self, resource: Resource, release: Release, file: AnyFile) -> Newest | None:
        """Ask the host of a file; None for what comes with covcat itself.

        One that does not answer is not asked again in this run.

        Raises:
            CovcatError: the host does not answer, or does not say it.
        """
        if file.host == "bundled":
            return None
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

    def _ask(self, resource: Resource, release: Release, file: AnyFile) -> Newest:
        module: Any = hosts.host(file.host)
        if hasattr(module, "newest"):
            found: Newest = module.newest(file, self._run.context)
            return found
        (address,) = self._run.addresses(resource, release, file)[:1]
        heard = self._run.hear(address)
        if isinstance(heard, CovcatError):
            raise heard
        if (link := decide(address, heard)).status not in ("ok", "size changed"):
            raise NetworkError(f"{link.status}: {link.detail}")
        return _of_file(heard)


def _of_file(heard: Heard) -> Newest:
    at = ""
    with suppress(ValueError, TypeError, OverflowError):
        changed = parsedate_to_datetime(heard.headers.get("last-modified", ""))
        at = changed.astimezone(UTC).isoformat(timespec="seconds")
    if heard.total is None and not at:
        raise NetworkError("its host says neither how large it is, nor since when")
    size = "" if heard.total is None else f"{heard.total:,} bytes"
    return Newest(kind="file", version=size, at=at, is_held=None, bytes=heard.total)
