"""What comes with covcat itself: no network is needed."""

from covcat.catalog.files import BundledFile
from covcat.catalog.yaml import packaged_catalog
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, alone


def listed(file: BundledFile, ask: HostContext) -> list[RemoteFile]:
    """The entry is the file."""
    del ask
    return [alone(file, file.name)]


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """The file lies in the packaged catalog."""
    del ask
    path = packaged_catalog() / "bundled" / served.name
    return Location(url=f"bundled:{served.name}", name=served.name, path=path)
