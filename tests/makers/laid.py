"""A release in the data folder, as `fetch` leaves it, and its image index."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from covcat.catalog.columns import Record
from covcat.catalog.entries import Release, Resource
from covcat.files import StoredFile
from covcat.imaging import index, query
from covcat.imaging.build import IndexReport
from covcat.imaging.query import Question
from covcat.progress import Silent
from covcat.store import folder as store_folder
from covcat.store import manifest
from covcat.store.folder import Store

DATA = Path("covcat-data")
EVERYTHING = Question(with_files_only=False)


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
    came = manifest.Transfer(
        host="web",
        url="https://data.example.org/files",
        final_url="https://data.example.org/files",
        name="files",
        bytes=sum(one.bytes for one in stored),
        sha256=release.files[0].sha256 or hashlib.sha256().hexdigest(),
        finished_at=manifest.now(),
        verified_by="first-use",
        is_archive=True,
        imported_from="files",
    )
    record = manifest.made(resource, release, [came], stored, [], "files", selection)
    manifest.write(folder, record)
    return folder


def open_index(found: tuple[Resource, Release | None], data: Path = DATA) -> index.Index:
    """Return the image index of a release, made now if it is not up to date."""
    resource, release = found
    assert release is not None
    return index.index_of(resource, release, Store(data), Silent())


def indexed(found: tuple[Resource, Release | None]) -> tuple[list[Record], IndexReport]:
    """Return all records of a release, and what became of its rows."""
    opened = open_index(found)
    return list(query.select(opened, EVERYTHING)), opened.report
