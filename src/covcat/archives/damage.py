"""What the readers below us raise on damage: all of it means that the archive is bad."""

import lzma
import struct
import zipfile
import zlib

from covcat.archives.member import BadArchiveError

DAMAGE = (
    BadArchiveError,
    zipfile.BadZipFile,
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
