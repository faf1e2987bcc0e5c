"""A plain https address, or one of a private network."""

from covcat.catalog.files import WebFile
from covcat.download.remote import Location, RemoteFile
from covcat.hosts.base import HostContext, remote_file
from covcat.hosts.logins import of_entry


def list_files(file: WebFile, _: HostContext) -> list[RemoteFile]:
    """The entry is the file."""
    return [remote_file(file, file.name)]


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """The address is the file's own."""
    file = remote.file
    assert isinstance(file, WebFile)
    is_private = file.private is not None
    return Location(url=file.url, name=remote.name, login=of_entry(file), private=is_private)
