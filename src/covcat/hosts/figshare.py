"""One file of a figshare article; its md5 is asked for where the catalog has none.

Files are listed ten at a time unless more are asked for, and without a total: page until a short
one comes. `figshare.com/ndownloader` sets a challenge for browsers; `ndownloader.figshare.com`
redirects to an address that is good for ten seconds, so each try starts there again.
"""

from covcat.catalog.files import FigshareFile
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import ActionNeededError, GoneError
from covcat.hosts.base import HostContext, Pages, alone, claim, field, is_pinned, rows, size, text
from covcat.hosts.logins import of_figshare

API = "https://api.figshare.com/v2/articles"
_PAGE = 1000


def listed(file: FigshareFile, ask: HostContext) -> list[RemoteFile]:
    """The entry is the file; its article says its size and md5."""
    if is_pinned(file):
        return [alone(file, file.name, id=file.file)]
    for row in files(file.article, file.version, ask):
        if text(row, "id") == file.file:
            if field(row, "is_link_only") is True:
                raise ActionNeededError(
                    f"figshare's file {file.file} (`{file.name}`) is only a link to "
                    f"{text(row, 'download_url')}",
                    hint=f"open https://figshare.com/articles/{file.article}",
                )
            known = size(row, "size")
            return [alone(file, file.name, id=file.file, size=known, claims=digest_of(row))]
    raise GoneError(
        f"figshare's article {file.article}, version {file.version}, has no file {file.file}",
        hint=f"open https://figshare.com/articles/dataset/_/{file.article}",
    )


def locate(served: RemoteFile, ask: HostContext) -> Location:
    """The redirect is signed anew each time."""
    del ask
    return Location(url=f"https://ndownloader.figshare.com/files/{served.id}", name=served.name)


def files(article: str, version: str, ask: HostContext) -> list[object]:
    """Return all files of one version of an article, as the API lists them."""
    found, page = Pages(f"figshare's article {article}", _PAGE, "id"), 0
    while True:
        page += 1
        url = f"{API}/{article}/versions/{version}/files?page={page}&page_size={_PAGE}"
        some = rows(ask.api.json(url, login=of_figshare()))
        found.add(some)
        if len(some) < _PAGE:
            return found.rows


def digest_of(row: object) -> list[Digest]:
    """Return a file's md5, as figshare computed it; what the depositor supplied is no digest."""
    return claim("md5", field(row, "computed_md5"), text(row, "name"))
