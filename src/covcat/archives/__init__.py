"""Archive formats: one module each. They list and push bytes; `extract` holds all policy.

To add one: a module with what `StreamFormat` or `ListedFormat` asks for, a line in FORMATS, a
maker in tests/archives/test_extract.py (which runs every test there over it). An archive that
contradicts itself raises one of `base.DAMAGE`.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Literal, Protocol, cast

from covcat.archives.base import Member, Open, Source


class StreamFormat(Protocol):
    """A format whose members are found by reading it from end to end: it is unpacked in one go."""

    IS_STREAM: Literal[True]

    def unpack(self, source: Source, open_member: Open) -> None:
        """Push the bytes of each file for which `open_member` gives a writer.

        It is asked of every entry in order: folders, links and specials too.
        """


class ListedFormat(Protocol):
    """A format with a list of its members, which is checked before anything is unpacked."""

    IS_STREAM: Literal[False]

    def members(self, source: Source) -> list[Member]:
        """List every entry in the archive's order, writing nothing."""

    def unpack(self, source: Source, listed: Sequence[Member], open_member: Open) -> None:
        """Push the bytes of each file of `listed` for which `open_member` gives a writer.

        It may be asked from several threads, and in any order.
        """


Format = StreamFormat | ListedFormat

# The catalog's word for a format, and its module: imported when an archive is opened, since
# `covcat list` asks only which formats there are.
FORMATS: Mapping[str, str] = {
    "zip": "covcat.archives.zip",
    "tar": "covcat.archives.tar",
    "7z": "covcat.archives.seven_zip",
    "rar": "covcat.archives.rar",
    **dict.fromkeys(("gz", "bz2", "xz", "zst"), "covcat.archives.single"),
}


def load_format(kind: str) -> Format:
    """Return the module that reads a format of FORMATS."""
    return cast(Format, import_module(FORMATS[kind]))
