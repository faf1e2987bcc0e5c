"""Listings: the pinned list of what a release contains after unpacking.

One row a file, gzipped TSV: path, git mode, git blob id, bytes, sha256; `-` where unknown (the
git object stores that the listings were made from leave out contents of over about 4 MiB).
"""

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from covcat.catalog.entries import Contents
from covcat.errors import IntegrityError
from covcat.files import opened

HEADER = "path\tmode\tblob\tbytes\tsha256\n"
_SIZE = re.compile(r"[0-9]{1,15}")
MAX_BYTES = 64_000_000  # unpacked: some 300,000 rows


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What the listing says of one file; None is unknown."""

    path: str
    mode: str | None  # git's: 100644 or 100755
    blob: str | None  # git id of the contents
    bytes: int | None
    sha256: str | None


Listing = dict[str, ListedFile]  # by path


def read(path: Path) -> Listing:
    """Read a listing; IntegrityError if it is missing, damaged or none."""
    found: Listing = {}
    for place, (name, *cells) in read_rows(path, HEADER):
        mode, blob, size, sha256 = (cell if cell != "-" else None for cell in cells)
        if not name or not (blob or sha256):
            raise IntegrityError(f"{place}: expected a path with a git id or a sha256")
        if name in found:
            raise IntegrityError(f"{place}: the path `{name}` is there twice")
        known = None if size is None else read_size(size, place)
        found[name] = ListedFile(name, mode, blob, known, sha256)
    return found


def read_rows(path: Path, header: str) -> Iterator[tuple[str, list[str]]]:
    """Give the cells of each row of a packed table that begins with `header`, and its place."""
    try:
        with opened(path) as packed, gzip.open(packed, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
        text = data.decode()
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise IntegrityError(f"the listing `{path}` cannot be read: {error}") from error
    first, _, body = text.partition("\n")  # not splitlines: a path may hold U+2028
    if first + "\n" != header or (body and not body.endswith("\n")):
        raise IntegrityError(f"the listing `{path}` is cut or not one of covcat's")
    count = header.count("\t") + 1
    for number, line in enumerate(body.split("\n")[:-1], 2):
        place, cells = f"{path}:{number}", line.split("\t")
        if len(cells) != count:
            raise IntegrityError(f"{place}: expected {count} columns, got {len(cells)}")
        yield place, cells


def read_size(text: str, place: str) -> int:
    """Return a number of bytes, or of anything else."""
    if not _SIZE.fullmatch(text):
        raise IntegrityError(f"{place}: expected bytes in digits, got `{text[:40]}`")
    return int(text)


def write(path: Path, rows: Iterable[ListedFile]) -> None:
    """Write a listing, sorted by path; the same rows always give the same bytes."""
    known = sorted(rows, key=lambda row: row.path)
    write_rows(path, HEADER, ((o.path, o.mode, o.blob, o.bytes, o.sha256) for o in known))


def write_rows(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    """Write a packed table; the same rows always give the same bytes."""
    lines = ["\t".join("-" if cell is None else str(cell) for cell in row) + "\n" for row in rows]
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream:
        stream.write("".join([header, *lines]).encode())
    path.write_bytes(packed.getvalue())


def totals(sizes: Iterable[int | None]) -> Contents:
    """Count files by their sizes, of which some may be unknown."""
    every = list(sizes)
    known = [size for size in every if size is not None]
    return Contents(files=len(every), bytes=sum(known), of_unknown_size=len(every) - len(known))
