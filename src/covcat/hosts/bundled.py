"""What comes with covcat itself: no network is needed."""

from covcat.model import BundledFile, Location
from covcat.store import packaged_catalog


def locate(file: BundledFile) -> Location:
    """The file lies in the packaged catalog."""
    path = packaged_catalog() / "bundled" / file.name
    return Location(url=f"bundled:{file.name}", name=file.name, path=path)
