"""Hosts: one module each, that says what a catalog's file stands for and where that is now.

To add one: a file kind in `covcat.catalog.files`, a module here, a line in HOSTS, an imitation in
tests/servers/hosts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from shlex import quote
from typing import TYPE_CHECKING, Any, Protocol, cast

from covcat.catalog.files import AnyFile
from covcat.download.remote import Location, RemoteFile
from covcat.errors import CovcatError, GoneError, IntegrityError, is_lost
from covcat.hosts.base import page, remote_file
from covcat.names import collision, unsafe_name

if TYPE_CHECKING:
    from covcat.hosts.base import HostContext


class Host(Protocol):
    """What a module of this folder offers.

    Those whose records have versions have FORMS too, and `describe` and `newest`:
    `covcat.hosts.record`.
    """

    def list_files(self, file: Any, context: "HostContext") -> list[RemoteFile]:
        """Return what the host serves for `file` now: itself, or all files of a set."""
        ...

    def locate(self, remote: RemoteFile, context: "HostContext") -> Location:
        """Say which request gets `remote` now: signed addresses expire, so ask before each try."""
        ...


HOSTS: Mapping[str, str] = {
    "zenodo": "covcat.hosts.zenodo",
    "figshare": "covcat.hosts.figshare",
    "dataverse": "covcat.hosts.dataverse",
    "mendeley": "covcat.hosts.mendeley",
    "kaggle": "covcat.hosts.kaggle",
    "github": "covcat.hosts.github",
    "s3": "covcat.hosts.s3",
    "gcs": "covcat.hosts.gcs",
    "web": "covcat.hosts.web",
    "bundled": "covcat.hosts.bundled",
}


@cache
def host(name: str) -> Host:
    """Return a host's module; imported when it is needed."""
    return cast("Host", import_module(HOSTS[name]))


def list_files(
    files: tuple[AnyFile, ...],
    context: "HostContext",
    lost: dict[RemoteFile, CovcatError] | None = None,
) -> list[RemoteFile]:
    """Return everything that the hosts serve for the files of a release, in order.

    Of several files, one that its host does not list any more is given too, where `lost` is: it
    takes the reason.
    """
    found: list[RemoteFile] = []
    for number, file in enumerate(files):
        try:
            remotes = host(file.host).list_files(file, context)
            if not remotes:
                where = page(file) or file.host
                raise GoneError(f"`{where}` lists no files", hint=f"open {quote(where)}")
            found += [replace(one, entry=number) for one in remotes] if number else remotes
        except CovcatError as error:
            if lost is None or file.is_set or len(files) == 1 or not is_lost(error):
                raise
            name = file.name or getattr(file, "file", None) or f"{file.host} {number + 1}"
            found.append(remote_file(file, name, entry=number))
            lost[found[-1]] = error
    check_paths(found)
    return found


def check_paths(found: Sequence[RemoteFile]) -> None:
    """Refuse names that no file may have, and two that are one."""
    for remote in found:
        if reason := unsafe_name(remote.path) or unsafe_name(remote.folder + remote.name):
            raise IntegrityError(f"{remote.file.host} lists the file `{remote.path}`: {reason}")
    if both := collision(remote.path for remote in found):
        raise IntegrityError(f"the hosts list `{both[0]}` and `{both[1]}`, which are one path")


def locate(remote: RemoteFile, context: "HostContext") -> Location:
    """Say which request gets `remote` now."""
    return host(remote.file.host).locate(remote, context)


def mirrors(remote: RemoteFile) -> tuple[str, ...]:
    """Return further addresses of the same bytes."""
    module: Any = host(remote.file.host)
    if hasattr(module, "mirrors"):
        found: tuple[str, ...] = module.mirrors(remote)
        return found
    return remote.file.mirrors if remote.is_alone else ()
