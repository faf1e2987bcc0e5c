"""Archive formats: one module each. They list and push bytes; `covcat.extract` holds all policy.

To add one: a module with `members` and `unpack`, a line in FORMATS, a maker in
tests/test_archives.py (which runs every test there over it).
"""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from typing import BinaryIO, Protocol

from covcat.archives import tar, zip
from covcat.archives.member import BadArchiveError, Member, Open

__all__ = ["DAMAGE", "FORMATS", "Format", "Member"]


class Format(Protocol):
    """Reads one format; an archive that contradicts itself raises one of DAMAGE."""

    def members(self, stream: BinaryIO) -> list[Member]:
        """List every entry, writing nothing."""
        ...

    def unpack(self, stream: BinaryIO, open_member: Open) -> None:
        """Push the bytes of each member for which `open_member` gives a writer."""
        ...


FORMATS: Mapping[str, Format] = {"zip": zip, "tar": tar}

# What the readers below us raise on damage: all of it means that the archive is bad.
DAMAGE = (
    BadArchiveError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    NotImplementedError,
    RecursionError,
    MemoryError,
    OSError,  # gzip's BadGzipFile, bz2; what the disk refuses to write is raised as DiskError
)
