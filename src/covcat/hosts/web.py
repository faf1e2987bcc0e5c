"""A plain https address."""

from covcat.catalog.files import WebFile
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, alone


def list_files(file: WebFile, _: HostContext) -> list[RemoteFile]:
    """The entry is the file."""
    return [alone(file, file.name)]


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """The address is the file's own."""
    assert isinstance(remote.file, WebFile)
    return Location(url=remote.file.url, name=remote.name)
