"""Listings: the pinned list of what a release contains after unpacking.

One row a file, gzipped TSV: path, git mode, git blob id, bytes, sha256; `-` where unknown (the
git object stores that the listings were made from leave out contents of over about 4 MiB).
"""

import gzip
import io
import re
import zlib
from collections.abc import Iterable
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
    try:
        with opened(path) as packed, gzip.open(packed, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
        text = data.decode()
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise IntegrityError(f"the listing `{path}` cannot be read: {error}") from error
    header, _, body = text.partition("\n")  # not splitlines: a path may hold U+2028
    if header + "\n" != HEADER or (body and not body.endswith("\n")):
        raise IntegrityError(f"the listing `{path}` is cut or not one of covcat's")
    found: Listing = {}
    for number, line in enumerate(body.split("\n")[:-1], 2):
        place, (name, *cells) = f"{path}:{number}", line.split("\t")
        if len(cells) != 4:
            raise IntegrityError(f"{place}: expected 5 columns, got {len(cells) + 1}")
        mode, blob, size, sha256 = (cell if cell != "-" else None for cell in cells)
        if not name or not (blob or sha256):
            raise IntegrityError(f"{place}: expected a path with a git id or a sha256")
        if size is not None and not _SIZE.fullmatch(size):
            raise IntegrityError(f"{place}: expected bytes in digits, got `{size[:40]}`")
        if name in found:
            raise IntegrityError(f"{place}: the path `{name}` is there twice")
        found[name] = ListedFile(name, mode, blob, int(size) if size else None, sha256)
    return found


def write(path: Path, rows: Iterable[ListedFile]) -> None:
    """Write a listing, sorted by path; the same rows always give the same bytes."""
    lines = [HEADER]
    for row in sorted(rows, key=lambda row: row.path):
        cells = (row.path, row.mode, row.blob, row.bytes, row.sha256)
        lines.append("\t".join("-" if cell is None else str(cell) for cell in cells) + "\n")
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream:
        stream.write("".join(lines).encode())
    path.write_bytes(packed.getvalue())


def totals(listing: Listing) -> Contents:
    """Count files and known bytes."""
    sizes = [row.bytes for row in listing.values()]
    return Contents(
        files=len(sizes),
        bytes=sum(size for size in sizes if size is not None),
        of_unknown_size=sizes.count(None),
    )
