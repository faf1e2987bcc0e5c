"""A table as it lies there, or packed: with gzip, or as a member of a zip."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TextIO

from covcat.catalog.entries import LabelTable
from covcat.errors import IntegrityError
from covcat.imaging.readers import limits
from covcat.names import is_litter

_GZIP = b"\x1f\x8b"
_SHOWN = 20  # members that a message names
_BROKEN = (
    *(zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError),
    *(NotImplementedError, RuntimeError),  # a method zipfile does not have, an encrypted member
)


def texts(file: Path, path: str, table: LabelTable) -> Iterator[Iterator[str]]:
    """Give the lines of each table in a file, with their ends; nothing of it is in memory whole.

    Raises:
        IntegrityError: it is damaged, or holds no member that the entry names.
    """
    encoding = table.encoding or "utf-8-sig"
    try:
        if table.member is None:
            with _open(file, encoding) as text:
                yield _lines(text, path)
            return
        with limits.unzipped(file, path) as packed:
            for one in _members(packed, path, table.member):
                with (
                    limits.member(packed, one, path) as stream,
                    io.TextIOWrapper(stream, encoding, newline="") as text,
                ):
                    yield _lines(text, f"{path}/{one.filename}")
    except _BROKEN as error:
        raise _damage(path, error) from error


def _lines(text: TextIO, path: str) -> Iterator[str]:
    try:
        yield from limits.lines(text, path)
    except _BROKEN as error:
        raise _damage(path, error) from error


def _damage(path: str, error: Exception) -> IntegrityError:
    return IntegrityError(f"the table `{path}` cannot be unpacked: {error}")


def _open(file: Path, encoding: str) -> TextIO:
    with file.open("rb") as stream:
        is_packed = stream.read(2) == _GZIP
    if is_packed:
        return gzip.open(file, "rt", encoding=encoding, newline="")
    return file.open(encoding=encoding, newline="")


def _members(packed: zipfile.ZipFile, path: str, glob: str) -> list[zipfile.ZipInfo]:
    names = [one for one in packed.infolist() if not (one.is_dir() or is_litter(one.filename))]
    found = [one for one in names if fnmatchcase(one.filename, glob)]
    if not found:
        shown = ", ".join(f"`{one.filename}`" for one in names[:_SHOWN])
        raise IntegrityError(f"the zip `{path}` has no `{glob}`, it has: {shown or 'nothing'}")
    return found
