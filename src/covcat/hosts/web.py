"""A plain https address."""

from covcat.catalog.files import WebFile
from covcat.download.remote import Location, Served
from covcat.hosts.base import Ask, alone


def listed(file: WebFile, ask: Ask) -> list[Served]:
    """The entry is the file."""
    del ask
    return [alone(file, file.name)]


def locate(served: Served, ask: Ask) -> Location:
    """The address is the file's own."""
    del ask
    assert isinstance(served.file, WebFile)
    return Location(url=served.file.url, name=served.name)
