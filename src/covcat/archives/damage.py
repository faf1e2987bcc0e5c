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


def words(error: BaseException) -> str:
    """Say a library's error in words: some have none, and py7zr's are a tuple with a sentence."""
    if len(error.args) > 1 and str(error) == str(error.args):
        texts = [one for one in error.args if isinstance(one, str)]
        return " ".join(texts) or type(error).__name__
    return str(error) or type(error).__name__
