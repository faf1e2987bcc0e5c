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
from covcat.hosts.base import HostContext, claim, is_pinned, remote_file
from covcat.hosts.logins import of_figshare
from covcat.hosts.record import DescribedFile, Description, Forms, HostRecord, Newest, find_date
from covcat.hosts.trees import Tree, read_pages

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
        return [remote_file(file, file.name, id=file.file)]
    for row in _list_rows(file.article, file.version, context):
        if row.text("id") == file.file:
            if link := _link(row):
                raise ActionNeededError(
                    f"figshare's file {file.file} (`{file.name}`) is {link}",
                    hint=f"open https://figshare.com/articles/{file.article}",
                )
            size = row.size("size")
            return [remote_file(file, file.name, id=file.file, size=size, claims=_digests(row))]
    raise GoneError(
        f"figshare's article {file.article}, version {file.version}, has no file {file.file}",
        hint=f"open https://figshare.com/articles/dataset/_/{file.article}",
    )


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """The redirect is signed anew each time."""
    return Location(url=f"https://ndownloader.figshare.com/files/{remote.id}", name=remote.name)


def newest(file: FigshareFile, context: HostContext) -> Newest:
    """Return the newest version of the file's article."""
    tree = context.ask(f"{API}/{file.article}", login=of_figshare())
    version, at = tree.mark(Count, "version"), tree.text("published_date")
    return Newest(kind="version", version=version, at=at, is_held=version == file.version)


def describe(record: HostRecord, context: HostContext) -> Description:
    """Return what figshare says of an article."""
    asked = f"{API}/{record.id}" + (f"/versions/{record.version}" if record.version else "")
    tree = context.ask(asked, login=of_figshare())
    version, folders = tree.mark(Count, "version"), tree.get("folder_structure")
    files = []
    for row in _list_rows(record.id, version, context):
        id, name = row.text("id"), row.text("name")
        folder = folders.text(id).strip("/")
        file = FigshareFile(host="figshare", article=record.id, version=version, file=id, name=name)
        path = f"{folder}/{name}" if folder else name
        size = row.size("size")
        files.append(DescribedFile(file, path, size, _digests(row), closed=_link(row)))
    return Description(
        asked=asked,
        release=f"figshare-v{version}",
        date=find_date(tree.text("published_date")),
        title=tree.text("title"),
        license=tree.text("license", "name"),
        license_url=tree.text("license", "url"),
        authors=[one.text("full_name") for one in tree.find_rows("authors")],
        doi=tree.text("doi"),
        files=tuple(files),
        notes=tuple(f"figshare says `{one}`" for one in _SHUT if tree.is_true(one)),
    )


def _list_rows(article: str, version: str, context: HostContext) -> list[Tree]:
    def ask(number: int, _: int) -> tuple[list[Tree], bool]:
        url = f"{API}/{article}/versions/{version}/files?page={number + 1}&page_size={_PAGE}"
        rows = context.ask(url, login=of_figshare()).rows()
        return rows, len(rows) < _PAGE

    return read_pages(f"figshare's article {article}", _PAGE, ask, "id")


def _link(row: Tree) -> str:
    """Say what a file is that figshare does not have itself; "" of one that it has."""
    is_link = row.is_true("is_link_only")
    return f"only a link to {row.text('download_url')}" if is_link else ""


def _digests(row: Tree) -> list[Digest]:
    """Return a file's md5, as figshare computed it; what the depositor supplied is no digest."""
    return claim("md5", row.get("computed_md5").value, row.text("name"))
