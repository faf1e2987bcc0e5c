"""One file of a Zenodo record; its md5 is asked for where the catalog has none.

The API answers in two shapes by its `Accept`, and in 2023 in a third for some days; each names
files under `files`, as a list or by name. A concept id is not a record: it answers 404.
"""

from collections.abc import Iterator
from urllib.parse import quote

from covcat.catalog.files import ZenodoFile
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError
from covcat.hosts.base import HostContext, alone, claim, field, is_pinned, size, text
from covcat.hosts.logins import of_zenodo

API = "https://zenodo.org/api/records"


def listed(file: ZenodoFile, ask: HostContext) -> list[RemoteFile]:
    """The entry is the file; its record says its size and md5."""
    if is_pinned(file):
        return [alone(file, file.name)]
    for tree in _told(file.record, ask):
        for row in entries(tree):
            if key_of(row) == file.name:
                return [alone(file, file.name, size=size_of(row), claims=digest_of(row))]
    raise GoneError(
        f"Zenodo's record {file.record} has no file `{file.name}`",
        hint=f"open https://zenodo.org/records/{file.record}",
    )


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """Zenodo sends files itself, and honours ranges though its HEAD does not say so."""
    del ask
    file = served.file
    assert isinstance(file, ZenodoFile)
    url = f"{API}/{file.record}/files/{quote(file.name)}/content"
    return Location(url=url, name=served.name, login=of_zenodo())


def _told(number: str, ask: HostContext) -> Iterator[object]:
    """Give the record, whose files may be withheld, then its list of files, which says so."""
    yield record(number, ask)
    yield {"files": ask.api.json(f"{API}/{number}/files", login=of_zenodo())}


def record(number: str, ask: HostContext) -> object:
    """Return what the API says of a record."""
    return ask.api.json(f"{API}/{number}", login=of_zenodo())


def entries(tree: object) -> list[object]:
    """Return the files of a record, in any of the API's shapes."""
    files = field(tree, "files")
    inside = field(files, "entries") if isinstance(files, dict) else files
    if isinstance(inside, dict):
        return [{"key": key, **row} for key, row in inside.items() if isinstance(row, dict)]
    return inside if isinstance(inside, list) else []


def key_of(row: object) -> str:
    """Return a file's name."""
    return text(row, "key") or text(row, "filename")


def size_of(row: object) -> int | None:
    """Return a file's size in bytes."""
    found = size(row, "size")
    return size(row, "filesize") if found is None else found


def digest_of(row: object) -> list[Digest]:
    """Return a file's digest: `md5:<hex>`, for some days of 2023 the hex alone."""
    kind, colon, value = text(row, "checksum").rpartition(":")
    return claim(kind if colon else "md5", value, key_of(row))
