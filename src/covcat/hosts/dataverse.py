"""All files of a Dataverse data set, or one of them; sizes and digests come from its API.

Never the bundle: it leaves files out and answers 200. A table that Dataverse ingested is served
as it was uploaded (`format=original`): the digest that is listed is of a form that no request
gives, and its size is another one. Downloads redirect to signed storage, which only allows GET.
"""

from covcat.catalog.files import DataverseFile
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.hosts.base import (
    HostContext,
    Pages,
    alone,
    claim,
    field,
    is_pinned,
    matching,
    one_of,
    rows,
    size,
    text,
)
from covcat.hosts.logins import of_dataverse

_PAGE = 300


def listed(file: DataverseFile, ask: HostContext) -> list[RemoteFile]:
    """One file, or all of the data set with the folders that they lie in."""
    if file.file and file.name and is_pinned(file):
        return [alone(file, file.name, id=file.file)]
    found = files(file.server, file.doi, file.version, ask)
    if file.file is None:
        return [
            one_of(file, path_of(row), id=id_of(row), size=size_of(row), claims=digest_of(row))
            for row in found
        ]
    for row in found:
        if text(row, "dataFile", "id") == file.file:
            name = path_of(row).rpartition("/")[2]
            known = size_of(row)
            return [alone(file, name, id=id_of(row), size=known, claims=digest_of(row))]
    raise GoneError(
        f"the data set {file.doi} has no file {file.file}",
        hint=f"open https://doi.org/{file.doi}",
    )


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """The redirect is signed anew each time."""
    del ask
    assert isinstance(served.file, DataverseFile)
    server = served.file.server.rstrip("/")
    url = f"{server}/api/access/datafile/{served.id}"
    return Location(url=url, name=served.name, login=of_dataverse(server))


def files(server: str, doi: str, version: str | None, ask: HostContext) -> list[object]:
    """Return all files of a version, by default the newest published, as the API lists them."""
    base = f"{server.rstrip('/')}/api/datasets/:persistentId/versions/"
    found = Pages(f"the data set {doi}", _PAGE, "dataFile", "id")
    while True:
        url = (
            f"{base}{version or ':latest-published'}/files?persistentId=doi:{doi}"
            f"&limit={_PAGE}&offset={len(found.rows)}"
        )
        page = ask.api.json(url, login=of_dataverse(server))
        some = rows(page, "data")
        found.add(some)
        total, count = size(page, "totalCount"), len(found.rows)
        if len(some) < _PAGE if total is None else count >= total:
            return found.rows
        if not some:
            raise NetworkError(
                f"the data set {doi} lists {count:,} of its {total:,} files",
                hint="try again later",
            )


def is_table(row: object) -> bool:
    """Tell a table that Dataverse ingested: it serves another form of it."""
    return field(row, "dataFile", "tabularData") is True or bool(
        text(row, "dataFile", "originalFileFormat")
    )


def path_of(row: object) -> str:
    """Return a file's path: its name as uploaded, in its folder."""
    name = text(row, "label") or text(row, "dataFile", "filename")
    if is_table(row):
        name = text(row, "dataFile", "originalFileName") or name
    folder = text(row, "directoryLabel").strip("/")
    return f"{folder}/{name}" if folder else name


def id_of(row: object) -> str:
    """Return what an access address ends in."""
    number = matching(r"[0-9]{1,18}", row, "dataFile", "id")
    return number + ("?format=original" if is_table(row) else "")


def size_of(row: object) -> int | None:
    """Return a file's size in bytes; of a table none is certain."""
    return None if is_table(row) else size(row, "dataFile", "filesize")


def digest_of(row: object) -> list[Digest]:
    """Return a file's digest, of whichever kind the server keeps; a table has none."""
    if is_table(row):
        return []
    kind = text(row, "dataFile", "checksum", "type")
    name = path_of(row)
    found = claim(kind, field(row, "dataFile", "checksum", "value"), name)
    return found or claim("md5", field(row, "dataFile", "md5"), name)
