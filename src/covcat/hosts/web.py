"""A plain https address."""

from covcat.catalog.files import WebFile
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, alone


def listed(file: WebFile, ask: HostContext) -> list[RemoteFile]:
    """The entry is the file."""
    del ask
    return [alone(file, file.name)]


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """The address is the file's own."""
    del ask
    assert isinstance(served.file, WebFile)
    return Location(url=served.file.url, name=served.name)
