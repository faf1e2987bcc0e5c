"""A Mendeley data set, or one file of it; sizes and sha256 come from its public API.

A list holds the files of one folder only, so all folders are asked for. Downloads redirect to a
plain public object, which has no name of its own.
"""

from dataclasses import replace

from covcat.catalog.files import MendeleyFile
from covcat.catalog.marks import Count
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.hosts.base import HostContext, alone, claim, is_pinned, one_of
from covcat.hosts.record import DescribedFile, Description, Forms, Record, find_date, strip_all
from covcat.hosts.trees import (
    MOST_FILES,
    Pages,
    find_rows,
    get_rows,
    get_size,
    get_text,
    match_mark,
    match_text,
)

API = "https://data.mendeley.com/public-api/datasets"
FILES = "https://data.mendeley.com/public-files/datasets"
FILE_PAGE = "https://data.mendeley.com/datasets/{0.dataset}/{0.version}"
FORMS = Forms(
    short=r"(?P<id>[a-z0-9]{6,20})(?:\.(?P<version>\d+))?",
    full=r"(?:10\.17632/|data\.mendeley\.com/datasets/)(?P<id>[a-z0-9]{6,20})"
    r"(?:[./](?P<version>\d+))?/?",
    example="mendeley:2fxz4px6d8 or mendeley:2fxz4px6d8.4",
    page="https://data.mendeley.com/datasets/{id}",
)
_PAGE = 1000
_UUID = r"[0-9A-Fa-f-]{36}"
_DEEPEST = 64  # folders in folders: what names one as its own parent must end


def list_files(file: MendeleyFile, context: HostContext) -> list[RemoteFile]:
    """One file, or all of the set with the folders that they lie in."""
    if file.file and file.name and is_pinned(file):
        return [alone(file, file.name, id=file.file)]
    rows = _list_rows(file.dataset, file.version, context)
    if file.file is None:
        return [
            one_of(file, path, id=get_text(row, "id"), size=_size(row), claims=_digests(row))
            for path, row in rows
        ]
    for _, row in rows:
        if get_text(row, "id") == file.file:
            name, size = get_text(row, "filename"), _size(row)
            return [alone(file, name, id=file.file, size=size, claims=_digests(row))]
    raise GoneError(
        f"Mendeley's data set {file.dataset}, version {file.version}, has no file {file.file}",
        hint=f"open https://data.mendeley.com/datasets/{file.dataset}/{file.version}",
    )


def locate(remote: RemoteFile, context: HostContext) -> Location:
    """The address is made of the ids."""
    del context
    assert isinstance(remote.file, MendeleyFile)
    url = f"{FILES}/{remote.file.dataset}/files/{remote.id}/file_downloaded"
    return Location(url=url, name=remote.name)


def describe(record: Record, context: HostContext) -> Description:
    """Return what Mendeley Data says of a data set."""
    asked = f"{API}/{record.id}" + (f"/snapshot/{record.version}" if record.version else "")
    accept = {"Accept": "application/vnd.mendeley-public-dataset.1+json"}
    tree = context.api.json(asked, accept)
    version = match_mark(Count, tree, "version")
    whole = MendeleyFile(host="mendeley", dataset=record.id, version=version)
    files = [
        DescribedFile(replace(whole, file=get_text(row, "id")), path, _size(row), _digests(row))
        for path, row in _list_rows(record.id, version, context)
    ]
    terms, people = ("data_licence", "short_name"), find_rows(tree, "contributors")
    return Description(
        asked=asked,
        release=f"mendeley-{version}",
        date=find_date(get_text(tree, "publish_date")),
        title=get_text(tree, "name"),
        license=get_text(tree, *terms) or get_text(tree, "data_licence", "full_name"),
        license_url=get_text(tree, "data_licence", "url"),
        authors=strip_all(
            f"{get_text(one, 'first_name')} {get_text(one, 'last_name')}" for one in people
        ),
        doi=get_text(tree, "doi", "id"),
        files=tuple(files),
        whole=whole,
    )


def _list_rows(dataset: str, version: str, context: HostContext) -> list[tuple[str, object]]:
    """Return (path, what the API says) of all files of a version."""
    folders = get_rows(context.api.json(f"{API}/{dataset}/folders/{version}"))
    by_id = {match_text(_UUID, one, "id"): one for one in folders}
    found: list[tuple[str, object]] = []
    for folder in ("root", *by_id):
        path, above, depth = "", folder, 0
        while above in by_id and depth < _DEEPEST:
            path = f"{get_text(by_id[above], 'name')}/{path}"
            above, depth = get_text(by_id[above], "parent_id"), depth + 1
        inside = _list_folder(dataset, version, folder, context)
        found += [(path + get_text(row, "filename"), row) for row in inside]
        if len(found) > MOST_FILES:
            raise NetworkError(f"Mendeley's data set {dataset} lists files without end")
    return found


def _list_folder(dataset: str, version: str, folder: str, context: HostContext) -> list[object]:
    found = Pages(f"Mendeley's data set {dataset}", _PAGE, "id")
    while True:
        url = (
            f"{API}/{dataset}/files?folder_id={folder}&version={version}"
            f"&$start={len(found.rows)}&$limit={_PAGE}"
        )
        rows = get_rows(context.api.json(url))
        for row in rows:
            match_text(_UUID, row, "id")
        found.add(rows)
        if len(rows) != _PAGE:  # not all servers page: these give all at once
            return found.rows


def _size(row: object) -> int | None:
    found = get_size(row, "size")
    return get_size(row, "content_details", "size") if found is None else found


def _digests(row: object) -> list[Digest]:
    sha256 = get_text(row, "content_details", "sha256_hash")
    return claim("sha256", sha256, get_text(row, "filename"))
