"""A Mendeley data set, or one file of it; sizes and sha256 come from its public API.

A list holds the files of one folder only, so all folders are asked for. Downloads redirect to a
plain public object, which has no name of its own.
"""

from covcat.catalog.files import MendeleyFile
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.hosts.base import (
    MOST_FILES,
    HostContext,
    Pages,
    alone,
    claim,
    is_pinned,
    matching,
    one_of,
    rows,
    size,
    text,
)

API = "https://data.mendeley.com/public-api/datasets"
FILES = "https://data.mendeley.com/public-files/datasets"
_PAGE = 1000
_UUID = r"[0-9A-Fa-f-]{36}"
_DEEPEST = 64  # folders in folders: what names one as its own parent must end


def listed(file: MendeleyFile, ask: HostContext) -> list[RemoteFile]:
    """One file, or all of the set with the folders that they lie in."""
    if file.file and file.name and is_pinned(file):
        return [alone(file, file.name, id=file.file)]
    found = files(file.dataset, file.version, ask)
    if file.file is None:
        return [
            one_of(file, path, id=text(row, "id"), size=size_of(row), claims=digest_of(row))
            for path, row in found
        ]
    for _, row in found:
        if text(row, "id") == file.file:
            name = text(row, "filename")
            known = size_of(row)
            return [alone(file, name, id=file.file, size=known, claims=digest_of(row))]
    raise GoneError(
        f"Mendeley's data set {file.dataset}, version {file.version}, has no file {file.file}",
        hint=f"open https://data.mendeley.com/datasets/{file.dataset}/{file.version}",
    )


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """The address is made of the ids."""
    del ask
    assert isinstance(served.file, MendeleyFile)
    url = f"{FILES}/{served.file.dataset}/files/{served.id}/file_downloaded"
    return Location(url=url, name=served.name)


def files(dataset: str, version: str, ask: HostContext) -> list[tuple[str, object]]:
    """Return (path, what the API says) of all files of a version."""
    folders = rows(ask.api.json(f"{API}/{dataset}/folders/{version}"))
    by_id = {matching(_UUID, one, "id"): one for one in folders}
    found = [(text(row, "filename"), row) for row in _inside(dataset, version, "root", ask)]
    for folder in by_id:
        path = _path(folder, by_id)
        found += [
            (f"{path}/{text(row, 'filename')}", row)
            for row in _inside(dataset, version, folder, ask)
        ]
        if len(found) > MOST_FILES:
            raise NetworkError(f"Mendeley's data set {dataset} lists files without end")
    return found


def _inside(dataset: str, version: str, folder: str, ask: HostContext) -> list[object]:
    found = Pages(f"Mendeley's data set {dataset}", _PAGE, "id")
    while True:
        url = (
            f"{API}/{dataset}/files?folder_id={folder}&version={version}"
            f"&$start={len(found.rows)}&$limit={_PAGE}"
        )
        some = rows(ask.api.json(url))
        for row in some:
            matching(_UUID, row, "id")
        found.add(some)
        if len(some) != _PAGE:  # not all servers page: these give all at once
            return found.rows


def _path(folder: str, by_id: dict[str, object]) -> str:
    names: list[str] = []
    while folder in by_id and len(names) < _DEEPEST:
        names.append(text(by_id[folder], "name"))
        folder = text(by_id[folder], "parent_id")
    return "/".join(reversed(names))


def size_of(row: object) -> int | None:
    """Return a file's size in bytes."""
    found = size(row, "size")
    return size(row, "content_details", "size") if found is None else found


def digest_of(row: object) -> list[Digest]:
    """Return a file's sha256."""
    return claim("sha256", text(row, "content_details", "sha256_hash"), text(row, "filename"))
