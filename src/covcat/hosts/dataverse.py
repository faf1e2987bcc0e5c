"""All files of a Dataverse data set, or one of them; sizes and digests come from its API.

Never the bundle: it leaves files out and answers 200. A table that Dataverse ingested is served
as it was uploaded (`format=original`): the digest that is listed is of a form that no request
gives, and its size is another one. Downloads redirect to signed storage, which only allows GET.
"""

from dataclasses import replace

from covcat.catalog.files import DataverseFile
from covcat.catalog.marks import Count
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.hosts.base import HostContext, alone, claim, is_pinned, one_of
from covcat.hosts.logins import of_dataverse
from covcat.hosts.record import (
    NAME,
    DescribedFile,
    Description,
    Forms,
    Record,
    find_date,
    strip_all,
)
from covcat.hosts.trees import (
    Pages,
    find_rows,
    get_field,
    get_rows,
    get_size,
    get_text,
    match_mark,
    match_text,
)

FILE_PAGE = "https://doi.org/{0.doi}"
_DOI = r"(?P<id>10\.\d{4,9}/[^\s?#&@<>\"'`]+)(?:(?:@|&version=)(?P<version>\d+(?:\.\d+)?))?"
_HARVARD = r"10\.7910/(?i:DVN)/\w+(?:@|$)"  # of a set; no other server's prefix is known
FORMS = Forms(
    short=rf"(?:(?P<server>{NAME}(?::\d+)?)/)?{_DOI}",
    full=rf"(?:(?P<server>{NAME}(?::\d+)?)/dataset\.xhtml\?persistentId=doi:"
    rf"|(?={_HARVARD})){_DOI}",
    example="dataverse:10.7910/DVN/6ACUZI, dataverse:https://SERVER/10.7910/DVN/6ACUZI, "
    "either with @1.0",
    page="{server}/dataset.xhtml?persistentId=doi:{id}",
)
_PAGE = 300


def list_files(file: DataverseFile, context: HostContext) -> list[RemoteFile]:
    """One file, or all of the data set with the folders that they lie in."""
    if file.file and file.name and is_pinned(file):
        return [alone(file, file.name, id=file.file)]
    rows = _list_rows(file.server, file.doi, file.version, context)
    if file.file is None:
        return [
            one_of(file, _path(row), id=_id(row), size=_size(row), claims=_digests(row))
            for row in rows
        ]
    for row in rows:
        if get_text(row, "dataFile", "id") == file.file:
            name = _path(row).rpartition("/")[2]
            size = _size(row)
            return [alone(file, name, id=_id(row), size=size, claims=_digests(row))]
    raise GoneError(
        f"the data set {file.doi} has no file {file.file}",
        hint=f"open https://doi.org/{file.doi}",
    )


def locate(remote: RemoteFile, context: HostContext) -> Location:
    """The redirect is signed anew each time."""
    del context
    assert isinstance(remote.file, DataverseFile)
    server = remote.file.server.rstrip("/")
    url = f"{server}/api/access/datafile/{remote.id}"
    return Location(url=url, name=remote.name, login=of_dataverse(server))


def describe(record: Record, context: HostContext) -> Description:
    """Return what a Dataverse says of a data set."""
    base = f"{record.server}/api/datasets/:persistentId/versions/"
    query = f"?persistentId=doi:{record.id}&excludeFiles=true"
    asked = base + (record.version or ":latest-published") + query
    tree = get_field(context.api.json(asked, login=of_dataverse(record.server)), "data")
    numbers = (match_mark(Count, tree, key) for key in ("versionNumber", "versionMinorNumber"))
    version = ".".join(numbers)
    whole = DataverseFile(host="dataverse", server=record.server, doi=record.id, version=version)
    files = [
        DescribedFile(
            replace(whole, file=get_text(row, "dataFile", "id")),
            _path(row),
            _size(row),
            _digests(row),
            closed="restricted" if get_field(row, "restricted") is True else "",
            why="Dataverse made a table of it" if _is_table(row) else "",
        )
        for row in _list_rows(record.server, record.id, version, context)
    ]
    blocks = find_rows(tree, "metadataBlocks", "citation", "fields")
    citation = {get_text(one, "typeName"): one for one in blocks}
    authors = find_rows(citation.get("author"), "value")
    terms = get_text(tree, "license", "name") or get_text(tree, "license")
    book = get_text(tree, "guestbookId")
    return Description(
        asked=asked,
        release=f"dataverse-{version}",
        date=find_date(get_text(tree, "releaseTime"), get_text(tree, "publicationDate")),
        title=get_text(citation.get("title"), "value"),
        license=terms or get_text(tree, "termsOfUse"),
        license_url=get_text(tree, "license", "uri"),
        authors=strip_all(get_text(one, "authorName", "value") for one in authors),
        doi=record.id,
        files=tuple(files),
        whole=whole,
        notes=(f"guestbook {book} must be filled in first: `access: account`",) if book else (),
    )


def _list_rows(server: str, doi: str, version: str | None, context: HostContext) -> list[object]:
    """Return all files of a version, by default the newest published, as the API lists them."""
    base = f"{server.rstrip('/')}/api/datasets/:persistentId/versions/"
    found = Pages(f"the data set {doi}", _PAGE, "dataFile", "id")
    while True:
        url = (
            f"{base}{version or ':latest-published'}/files?persistentId=doi:{doi}"
            f"&limit={_PAGE}&offset={len(found.rows)}"
        )
        page = context.api.json(url, login=of_dataverse(server))
        rows = get_rows(page, "data")
        found.add(rows)
        total, count = get_size(page, "totalCount"), len(found.rows)
        if len(rows) < _PAGE if total is None else count >= total:
            return found.rows
        if not rows:
            raise NetworkError(
                f"the data set {doi} lists {count:,} of its {total:,} files",
                hint="try again later",
            )


def _is_table(row: object) -> bool:
    """Tell a table that Dataverse ingested: it serves another form of it."""
    return get_field(row, "dataFile", "tabularData") is True or bool(
        get_text(row, "dataFile", "originalFileFormat")
    )


def _path(row: object) -> str:
    """Return a file's path: its name as uploaded, in its folder."""
    name = get_text(row, "label") or get_text(row, "dataFile", "filename")
    if _is_table(row):
        name = get_text(row, "dataFile", "originalFileName") or name
    folder = get_text(row, "directoryLabel").strip("/")
    return f"{folder}/{name}" if folder else name


def _id(row: object) -> str:
    """Return what an access address ends in."""
    number = match_text(r"[0-9]{1,18}", row, "dataFile", "id")
    return number + ("?format=original" if _is_table(row) else "")


def _size(row: object) -> int | None:
    """Return a file's size in bytes; of a table none is certain."""
    return None if _is_table(row) else get_size(row, "dataFile", "filesize")


def _digests(row: object) -> list[Digest]:
    """Return a file's digest, of whichever kind the server keeps; a table has none."""
    if _is_table(row):
        return []
    kind = get_text(row, "dataFile", "checksum", "type")
    name = _path(row)
    found = claim(kind, get_field(row, "dataFile", "checksum", "value"), name)
    return found or claim("md5", get_field(row, "dataFile", "md5"), name)
