"""A plain https address."""

from covcat.model import Location, WebFile


def locate(file: WebFile) -> Location:
    """The address is the file's own."""
    return Location(url=file.url, name=file.name)
