"""The record of a release in the forms that other tools read.

To add one that is a single document: a function here and a line in DOCUMENTS; a BagIt bag is a
folder and made by `bagit`. tests/export/test_exports.py runs over all.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from covcat.beside import OTHER, write_whole
from covcat.catalog.entries import Resource
from covcat.errors import DiskError
from covcat.export.json_ld import croissant
from covcat.files import check_new, disk_errors
from covcat.store.folder import check_outside
from covcat.store.manifest import Manifest, raw, sums

_COLUMNS = ("path", "bytes", "sha256", "mode", "blob", "verified_by", "lfs")


@dataclass(frozen=True, slots=True)
class ExportedRelease:
    """A release on disk, as its manifest and, where it is known there, the catalog describe it."""

    folder: Path
    manifest: Manifest
    resource: Resource | None = None


def _as_csv(source: ExportedRelease) -> bytes:
    r"""Return one row a file; every path begins with `files/` or `archives/`, so none is a formula.

    Rows end in `\n`; a path with a line break is quoted.
    """
    lines = []
    records = [[getattr(file, name) for name in _COLUMNS] for file in source.manifest.files]
    for cells in [[*_COLUMNS], *records]:
        text = io.StringIO(newline="")  # a lone CR is quoted only where rows end in CR LF
        csv.writer(text).writerow(
            str(one).lower() if isinstance(one, bool) else one for one in cells
        )
        lines.append(text.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _as_croissant(source: ExportedRelease) -> bytes:
    return (json.dumps(croissant(source.manifest, source.resource), indent=2) + "\n").encode()


DOCUMENTS: Mapping[str, Callable[[ExportedRelease], bytes]] = {  # with the bytes of odd names
    "json": lambda source: raw(source.folder),
    "csv": _as_csv,
    "sha256sums": lambda source: sums(source.manifest).encode("utf-8", "surrogateescape"),
    "croissant": _as_croissant,
}


# Where an export may go: to a new name, outside of what covcat vouches for, all at once.


def check_free(release: Path, target: Path, *, force: bool | None = None) -> None:
    """Refuse a target that cannot be made, or that would change what is in the data folder."""
    with disk_errors(f"look at `{target}`"):
        check_new(target, force=force)
        check_outside(release.parents[1], target)
        parents = target.absolute().parents
        above = next(one for one in parents if os.path.lexists(one))
        if not above.is_dir():
            raise DiskError(f"`{above}` is not a folder", hint=OTHER)
        if not os.access(above, os.W_OK | os.X_OK):
            raise DiskError(f"you may not write to `{above}`", hint=OTHER)


def to_file(source: ExportedRelease, data: bytes, target: Path, *, force: bool = False) -> None:
    """Write a document whole or not at all, and over nothing that nobody said."""
    check_free(source.folder, target, force=force)
    write_whole(target, data, force=force)
