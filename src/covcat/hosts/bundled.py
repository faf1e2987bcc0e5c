"""What comes with covcat itself: no network is needed."""

from covcat.catalog.files import BundledFile
from covcat.catalog.yaml import packaged_catalog
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, remote_file


def list_files(file: BundledFile, _: HostContext) -> list[RemoteFile]:
    """The entry is the file."""
    return [remote_file(file, file.name)]


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """The file lies in the packaged catalog."""
    path = packaged_catalog() / "bundled" / remote.name
    return Location(url=f"bundled:{remote.name}", name=remote.name, path=path)
