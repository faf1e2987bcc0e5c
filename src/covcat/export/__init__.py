"""The record of a release in the forms that other tools read.

To add one that is a single document: a function here and a line in DOCUMENTS; a BagIt bag is a
folder and made by `bags`. tests/export/test_exports.py runs over all.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from covcat.catalog.entries import Resource
from covcat.export.json_ld import croissant
from covcat.export.targets import check_free, writing
from covcat.files import build_beside, place_new, sync, write_new
from covcat.store import manifest as manifests
from covcat.store.manifest import Manifest

__all__ = ["DOCUMENTS", "FORMATS", "Source", "bag", "check_free", "schema_org", "to_file"]

_COLUMNS = ("path", "bytes", "sha256", "mode", "blob", "verified_by", "lfs")


@dataclass(frozen=True, slots=True)
class Source:
    """A release on disk, as its manifest and, where it is known there, the catalog describe it."""

    folder: Path
    manifest: Manifest
    resource: Resource | None = None


def _as_json(source: Source) -> bytes:
    """Return the manifest as it is."""
    return manifests.raw(source.folder)


def _as_csv(source: Source) -> bytes:
    r"""Return one row a file; every path begins with `files/` or `archives/`, so none is a formula.

    Rows end in `\n`; a path with a line break is quoted.
    """
    rows: list[tuple[object, ...]] = [_COLUMNS]
    rows += [
        tuple(_cell(getattr(file, name)) for name in _COLUMNS) for file in source.manifest.files
    ]
    return _encoded("".join(map(_row, rows)))


def _row(cells: tuple[object, ...]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)  # which quotes a lone CR only where rows end in CR LF
    return text.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _as_sums(source: Source) -> bytes:
    """Return what `sha256sum -c` checks in the release folder."""
    return _encoded(manifests.sums(source.manifest))


def _as_croissant(source: Source) -> bytes:
    sums = manifests.sums(source.manifest)
    tree = croissant(source.manifest, source.resource, sums)
    return (json.dumps(tree, indent=2) + "\n").encode()


def _encoded(text: str) -> bytes:
    """Return UTF-8, and the very bytes of a name that is not."""
    return text.encode("utf-8", "surrogateescape")


DOCUMENTS: Mapping[str, Callable[[Source], bytes]] = {
    "json": _as_json,
    "csv": _as_csv,
    "sha256sums": _as_sums,
    "croissant": _as_croissant,
}
FORMATS = (*DOCUMENTS, "bagit")


def to_file(source: Source, data: bytes, target: Path) -> None:
    """Write a document whole or not at all.

    Raises:
        DiskError: it is there already, or the disk refused.
    """
    check_free(source.folder, target)
    with build_beside(target) as workshop, writing(target):
        built = workshop / "document"
        write_new(built, data)
        sync(workshop)
        place_new(built, target)
