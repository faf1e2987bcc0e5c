"""A release in the data folder, as `fetch` leaves it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from covcat.catalog.entries import Release, Resource
from covcat.files import StoredFile
from covcat.store import folder as store_folder
from covcat.store import manifest
from covcat.store.folder import Store

DATA = Path("covcat-data")


def lay(
    found: tuple[Resource, Release | None],
    files: Mapping[str, bytes],
    selection: tuple[str, ...] = (),
    data: Path = DATA,
) -> Path:
    """Write a release that the catalog found, with its record; return its folder."""
    resource, release = found
    assert release is not None
    folder = Store(data).release(resource.id, release.id)
    stored = []
    for path, content in files.items():
        place = folder / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        stored.append(StoredFile(path=f"files/{path}", bytes=len(content), sha256=digest))
    for old in (store_folder.MANIFEST, store_folder.SUMS):
        (folder / old).unlink(missing_ok=True)
    manifest.write(folder, manifest.made(resource, release, [], stored, [], "files", selection))
    return folder
