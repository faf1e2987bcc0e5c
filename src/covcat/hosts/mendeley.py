"""A Mendeley data set, or one file of it; sizes and sha256 come from its public API.

A list holds the files of one folder only, so all folders are asked for. Downloads redirect to a
plain public object, which has no name of its own.
"""

from dataclasses import replace
from functools import partial

from covcat.catalog.files import MendeleyFile
from covcat.catalog.marks import Count
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.hosts.base import HostContext, claim, is_pinned, one_of, remote_file
from covcat.hosts.record import DescribedFile, Description, Forms, HostRecord, Newest, find_date
from covcat.hosts.trees import MOST_FILES, Tree, read_pages

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
_ACCEPT = {"Accept": "application/vnd.mendeley-public-dataset.1+json"}
_PAGE = 1000
_UUID = r"[0-9A-Fa-f-]{36}"
_DEEPEST = 64  # folders in folders: what names one as its own parent must end


def list_files(file: MendeleyFile, context: HostContext) -> list[RemoteFile]:
    """One file, or all of the set with the folders that they lie in."""
    if file.file and file.name and is_pinned(file):
        return [remote_file(file, file.name, id=file.file)]
    found = []
    for path, row in _list_rows(file.dataset, file.version, context):
        id = row.text("id")
        if file.file not in (None, id):
            continue
        size, claims = _read(row)
        if file.file is not None:
            return [remote_file(file, row.text("filename"), id=id, size=size, claims=claims)]
        found.append(one_of(file, path, id=id, size=size, claims=claims))
    if file.file is None:
        return found
    raise GoneError(
        f"Mendeley's data set {file.dataset}, version {file.version}, has no file {file.file}",
        hint=f"open https://data.mendeley.com/datasets/{file.dataset}/{file.version}",
    )


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """The address is made of the ids."""
    assert isinstance(remote.file, MendeleyFile)
    url = f"{FILES}/{remote.file.dataset}/files/{remote.id}/file_downloaded"
    return Location(url=url, name=remote.name)


def newest(file: MendeleyFile, context: HostContext) -> Newest:
    """Return the newest version of the file's data set."""
    tree = context.ask(f"{API}/{file.dataset}", _ACCEPT)
    version, at = tree.mark(Count, "version"), tree.text("publish_date")
    return Newest(kind="version", version=version, at=at, is_held=version == file.version)


def describe(record: HostRecord, context: HostContext) -> Description:
    """Return what Mendeley Data says of a data set."""
    asked = f"{API}/{record.id}" + (f"/snapshot/{record.version}" if record.version else "")
    tree = context.ask(asked, _ACCEPT)
    version = tree.mark(Count, "version")
    whole = MendeleyFile(host="mendeley", dataset=record.id, version=version)
    files = [
        DescribedFile(replace(whole, file=row.text("id")), path, *_read(row))
        for path, row in _list_rows(record.id, version, context)
    ]
    terms, people = tree.get("data_licence"), tree.find_rows("contributors")
    return Description(
        asked=asked,
        release=f"mendeley-{version}",
        date=find_date(tree.text("publish_date")),
        title=tree.text("name"),
        license=terms.text("short_name") or terms.text("full_name"),
        license_url=terms.text("url"),
        authors=[f"{one.text('first_name')} {one.text('last_name')}" for one in people],
        doi=tree.text("doi", "id"),
        files=tuple(files),
        whole=whole,
    )


def _list_rows(dataset: str, version: str, context: HostContext) -> list[tuple[str, Tree]]:
    """Return (path, what the API says) of all files of a version."""
    folders = context.ask(f"{API}/{dataset}/folders/{version}").rows()
    by_id = {one.match(_UUID, "id"): one for one in folders}
    found: list[tuple[str, Tree]] = []
    for folder in ("root", *by_id):
        path, above, depth = "", folder, 0
        while above in by_id and depth < _DEEPEST:
            path = f"{by_id[above].text('name')}/{path}"
            above, depth = by_id[above].text("parent_id"), depth + 1
        asked = f"{API}/{dataset}/files?folder_id={folder}&version={version}"
        ask = partial(_ask_page, asked, context)
        inside = read_pages(f"Mendeley's data set {dataset}", _PAGE, ask, "id")
        found += [(path + row.text("filename"), row) for row in inside]
        if len(found) > MOST_FILES:
            raise NetworkError(f"Mendeley's data set {dataset} lists files without end")
    return found


def _ask_page(asked: str, context: HostContext, _: int, before: int) -> tuple[list[Tree], bool]:
    rows = context.ask(f"{asked}&$start={before}&$limit={_PAGE}").rows()
    for row in rows:
        row.match(_UUID, "id")
    return rows, len(rows) != _PAGE  # not all servers page: these give all at once


def _read(row: Tree) -> tuple[int | None, list[Digest]]:
    """Return a file's size in bytes, and its digest."""
    size, inside = row.size("size"), row.get("content_details")
    claims = claim("sha256", inside.text("sha256_hash"), row.text("filename"))
    return inside.size("size") if size is None else size, claims
