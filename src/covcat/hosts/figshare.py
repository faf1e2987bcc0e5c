"""One file of a figshare article; its md5 is asked for where the catalog has none.

Files are listed ten at a time unless more are asked for, and without a total: page until a short
one comes. `figshare.com/ndownloader` sets a challenge for browsers; `ndownloader.figshare.com`
redirects to an address that is good for ten seconds, so each try starts there again.
"""

from covcat.catalog.files import FigshareFile
from covcat.catalog.marks import Count
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import ActionNeededError, GoneError
from covcat.hosts.base import HostContext, alone, claim, is_pinned
from covcat.hosts.logins import of_figshare
from covcat.hosts.record import DescribedFile, Description, Forms, Record, find_date, strip_all
from covcat.hosts.trees import (
    Pages,
    find_rows,
    get_field,
    get_rows,
    get_size,
    get_text,
    match_mark,
)

API = "https://api.figshare.com/v2/articles"
FILE_PAGE = "https://doi.org/10.6084/m9.figshare.{0.article}.v{0.version}"
FORMS = Forms(
    short=r"(?P<id>\d+)(?:\.v(?P<version>\d+))?",
    full=r"(?:10\.\d+/(?:[^\s/]*\.)?figshare\.|figshare\.com/articles/(?:[^\s/]+/[^\s/]+/)?)"
    r"(?P<id>\d+)(?:(?:\.v|/)(?P<version>\d+))?/?",
    example="figshare:13521488 or figshare:13521488.v2",
    page="https://figshare.com/articles/dataset/_/{id}",
)
_PAGE = 1000
_SHUT = ("is_embargoed", "is_confidential", "is_metadata_record", "download_disabled")


def list_files(file: FigshareFile, context: HostContext) -> list[RemoteFile]:
    """The entry is the file; its article says its size and md5."""
    if is_pinned(file):
        return [alone(file, file.name, id=file.file)]
    for row in _list_rows(file.article, file.version, context):
        if get_text(row, "id") == file.file:
            if link := _link(row):
                raise ActionNeededError(
                    f"figshare's file {file.file} (`{file.name}`) is {link}",
                    hint=f"open https://figshare.com/articles/{file.article}",
                )
            size = get_size(row, "size")
            return [alone(file, file.name, id=file.file, size=size, claims=_digests(row))]
    raise GoneError(
        f"figshare's article {file.article}, version {file.version}, has no file {file.file}",
        hint=f"open https://figshare.com/articles/dataset/_/{file.article}",
    )


def locate(remote: RemoteFile, context: HostContext) -> Location:
    """The redirect is signed anew each time."""
    del context
    return Location(url=f"https://ndownloader.figshare.com/files/{remote.id}", name=remote.name)


def describe(record: Record, context: HostContext) -> Description:
    """Return what figshare says of an article."""
    asked = f"{API}/{record.id}" + (f"/versions/{record.version}" if record.version else "")
    tree = context.api.json(asked, login=of_figshare())
    version, folders = match_mark(Count, tree, "version"), get_field(tree, "folder_structure")
    files = []
    for row in _list_rows(record.id, version, context):
        id, name = get_text(row, "id"), get_text(row, "name")
        folder = get_text(folders, id).strip("/")
        file = FigshareFile(host="figshare", article=record.id, version=version, file=id, name=name)
        path = f"{folder}/{name}" if folder else name
        size = get_size(row, "size")
        files.append(DescribedFile(file, path, size, _digests(row), closed=_link(row)))
    return Description(
        asked=asked,
        release=f"figshare-v{version}",
        date=find_date(get_text(tree, "published_date")),
        title=get_text(tree, "title"),
        license=get_text(tree, "license", "name"),
        license_url=get_text(tree, "license", "url"),
        authors=strip_all(get_text(one, "full_name") for one in find_rows(tree, "authors")),
        doi=get_text(tree, "doi"),
        files=tuple(files),
        notes=tuple(f"figshare says `{one}`" for one in _SHUT if get_field(tree, one) is True),
    )


def _list_rows(article: str, version: str, context: HostContext) -> list[object]:
    found, page = Pages(f"figshare's article {article}", _PAGE, "id"), 0
    while True:
        page += 1
        url = f"{API}/{article}/versions/{version}/files?page={page}&page_size={_PAGE}"
        rows = get_rows(context.api.json(url, login=of_figshare()))
        found.add(rows)
        if len(rows) < _PAGE:
            return found.rows


def _link(row: object) -> str:
    """Say what a file is that figshare does not have itself; "" of one that it has."""
    is_link = get_field(row, "is_link_only") is True
    return f"only a link to {get_text(row, 'download_url')}" if is_link else ""


def _digests(row: object) -> list[Digest]:
    """Return a file's md5, as figshare computed it; what the depositor supplied is no digest."""
    return claim("md5", get_field(row, "computed_md5"), get_text(row, "name"))
