"""How much a label table may hold: what it costs in memory must not be its own choice.

Tables come from elsewhere, and 41 kB of one can ask for gigabytes. Each limit is far above what
labels have, and is looked at before it is passed; with all of them a command stays below 500 MB.
"""

import io
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from covcat.errors import IntegrityError

MOST_BYTES = 10_000_000  # of one row in memory; reports of radiologists have some thousand
MOST_COLUMNS = 100_000  # tables of genes have 60,000, sheets of Excel 16,384
_MOST_BLANK = 5_000_000  # lines one after another; Excel writes up to 1,048,576 of them
_MOST_TEXT = 4_000_000_000  # letters of a table; packed, a few million bytes hold as many
_MOST_DIRECTORY = 8_000_000  # bytes of a zip's: 80,000 members, each of which takes 600 of memory
_MOST_JSON = 8_000_000  # bytes of one, which may need 40 times that; the largest real one: 1 MB
DAMAGED_ZIP = (
    *(zipfile.BadZipFile, zlib.error, EOFError),
    *(NotImplementedError, RuntimeError),  # a method zipfile does not have, an encrypted member
)
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # of others zipfile unpacks what it likes


def too_much(what: str, most: int, unit: str, *, cause: str | None = None) -> IntegrityError:
    """Return the error of a table that holds more than is read."""
    return IntegrityError(f"{what} has more than {most:,} {unit}, too many for labels", cause=cause)


def weight(text: str) -> int:
    """Return the bytes of memory that a text takes: up to four for each of its letters."""
    return sys.getsizeof(text)


def lines(stream: TextIO, path: str) -> Iterator[str]:
    """Give the lines of a table with their ends."""
    number = last = size = 0  # last: the line that said something
    while line := stream.readline(MOST_BYTES + 1):
        number += 1
        size += len(line)
        if size > _MOST_TEXT:
            raise too_much(f"`{path}`", _MOST_TEXT, "letters")
        if not line.isspace():
            last = number
        elif number - last > _MOST_BLANK:
            raise too_much(f"`{path}` after line {last}", _MOST_BLANK, "blank lines")
        if weight(line) > MOST_BYTES:
            raise too_much(f"line {number} of `{path}`", MOST_BYTES, "bytes")
        yield line


def read_json(place: str, stream: IO[bytes]) -> Any:
    """Return what a JSON of annotations says."""
    data = stream.read(_MOST_JSON + 1)
    if len(data) > _MOST_JSON:
        raise too_much(f"`{place}`", _MOST_JSON, "bytes")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # a wrong encoding is a ValueError too
        raise IntegrityError(f"the annotation `{place}` cannot be read: {error}") from error


@contextmanager
def unzipped(file: Path, path: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose directory is of a size to be read."""
    with _Sparing(file) as raw:
        raw.called = path
        with zipfile.ZipFile(raw) as packed:
            yield packed


def member(packed: zipfile.ZipFile, name: str | zipfile.ZipInfo, path: str) -> IO[bytes]:
    """Open a member of a zip that is unpacked piece by piece."""
    one = name if isinstance(name, zipfile.ZipInfo) else packed.getinfo(name)
    if one.compress_type not in _PACKED:
        raise IntegrityError(
            f"`{one.filename}` in `{path}` is packed with method {one.compress_type}, "
            "expected deflate as of all workbooks and annotations"
        )
    return packed.open(one)


class _Sparing(io.FileIO):
    """A file of which nobody reads much at once: the directory is the one thing zipfile does."""

    called = ""

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        if (left if size is None or size < 0 else min(size, left)) > _MOST_DIRECTORY:
            raise too_much(f"the zip `{self.called}`", _MOST_DIRECTORY, "bytes of directory")
        return super().read(size) or b""
