"""Archive formats: one module each. They list and push bytes; `covcat.extract` holds all policy.

To add one: a module with `members` and `unpack`, a line in FORMATS, a maker in
tests/test_extract.py (which runs every test there over it).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import BinaryIO, Protocol, cast

from covcat.archives.member import Member, Open

__all__ = ["FORMATS", "Format", "Member", "reader"]


class Format(Protocol):
    """Reads one format; an archive that contradicts itself raises one of `damage.DAMAGE`."""

    def members(self, stream: BinaryIO) -> list[Member]:
        """List every entry, writing nothing."""
        ...

    def unpack(self, stream: BinaryIO, open_member: Open) -> None:
        """Push the bytes of each member for which `open_member` gives a writer."""
        ...


# The catalog's word for a format, and its module: imported when an archive is opened, since
# `covcat list` asks only which formats there are.
FORMATS: Mapping[str, str] = {"zip": "covcat.archives.zip", "tar": "covcat.archives.tar"}


def reader(kind: str) -> Format:
    """Return the module that reads a format of FORMATS."""
    return cast(Format, import_module(FORMATS[kind]))
