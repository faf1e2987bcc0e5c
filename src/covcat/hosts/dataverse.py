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
from covcat.hosts.base import HostContext, claim, is_pinned, one_of, remote_file
from covcat.hosts.logins import of_dataverse
from covcat.hosts.record import (
    NAME,
    DescribedFile,
    Description,
    Forms,
    HostRecord,
    Newest,
    find_date,
)
from covcat.hosts.trees import Tree, read_pages

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
        return [remote_file(file, file.name, id=file.file)]
    found = []
    for row in _list_rows(file.server, file.doi, file.version, context):
        if file.file not in (None, row.text("dataFile", "id")):
            continue
        number = row.match(r"[0-9]{1,18}", "dataFile", "id")
        id = number + ("?format=original" if _is_table(row) else "")  # an access address's end
        path, size, claims = _read(row)
        if file.file is not None:
            return [remote_file(file, path.rpartition("/")[2], id=id, size=size, claims=claims)]
        found.append(one_of(file, path, id=id, size=size, claims=claims))
    if file.file is None:
        return found
    raise GoneError(
        f"the data set {file.doi} has no file {file.file}",
        hint=f"open https://doi.org/{file.doi}",
    )


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """The redirect is signed anew each time."""
    assert isinstance(remote.file, DataverseFile)
    server = remote.file.server.rstrip("/")
    url = f"{server}/api/access/datafile/{remote.id}"
    return Location(url=url, name=remote.name, login=of_dataverse(server))


def newest(file: DataverseFile, context: HostContext) -> Newest:
    """Return the newest published version of the file's data set."""
    asked = _address(file.server, file.doi) + "&excludeFiles=true"
    tree = context.ask(asked, login=of_dataverse(file.server)).get("data")
    version, at = _version(tree), tree.text("releaseTime") or tree.text("publicationDate")
    is_held = None if file.version is None else version == file.version
    return Newest(kind="version", version=version, at=at, is_held=is_held)


def describe(record: HostRecord, context: HostContext) -> Description:
    """Return what a Dataverse says of a data set."""
    asked = _address(record.server, record.id, record.version) + "&excludeFiles=true"
    tree = context.ask(asked, login=of_dataverse(record.server)).get("data")
    version = _version(tree)
    whole = DataverseFile(host="dataverse", server=record.server, doi=record.id, version=version)
    files = [
        DescribedFile(
            replace(whole, file=row.text("dataFile", "id")),
            *_read(row),
            closed="restricted" if row.is_true("restricted") else "",
            why="Dataverse made a table of it" if _is_table(row) else "",
        )
        for row in _list_rows(record.server, record.id, version, context)
    ]
    blocks = tree.find_rows("metadataBlocks", "citation", "fields")
    citation = Tree({one.text("typeName"): one.value for one in blocks})
    book = tree.text("guestbookId")
    return Description(
        asked=asked,
        release=f"dataverse-{version}",
        date=find_date(tree.text("releaseTime"), tree.text("publicationDate")),
        title=citation.text("title", "value"),
        license=tree.text("license", "name") or tree.text("license") or tree.text("termsOfUse"),
        license_url=tree.text("license", "uri"),
        authors=[one.text("authorName", "value") for one in citation.find_rows("author", "value")],
        doi=record.id,
        files=tuple(files),
        whole=whole,
        notes=(f"guestbook {book} must be filled in first: `access: account`",) if book else (),
    )


def _list_rows(server: str, doi: str, version: str | None, context: HostContext) -> list[Tree]:
    """Return all files of a version, by default the newest published, as the API lists them."""
    asked = f"{_address(server, doi, version, '/files')}&limit={_PAGE}"

    def ask(_: int, before: int) -> tuple[list[Tree], bool]:
        page = context.ask(f"{asked}&offset={before}", login=of_dataverse(server))
        rows, total = page.rows("data"), page.size("totalCount")
        if total is None:
            return rows, len(rows) < _PAGE
        if before + len(rows) < total and not rows:
            raise NetworkError(
                f"the data set {doi} lists {before:,} of its {total:,} files",
                hint="try again later",
            )
        return rows, before + len(rows) >= total

    return read_pages(f"the data set {doi}", _PAGE, ask, "dataFile", "id")


def _address(server: str, doi: str, version: str | None = None, what: str = "") -> str:
    """Return where the API tells of a version, by default the newest published."""
    base = f"{server.rstrip('/')}/api/datasets/:persistentId/versions/"
    return f"{base}{version or ':latest-published'}{what}?persistentId=doi:{doi}"


def _version(tree: Tree) -> str:
    return ".".join(tree.mark(Count, key) for key in ("versionNumber", "versionMinorNumber"))


def _is_table(row: Tree) -> bool:
    """Tell a table that Dataverse ingested: it serves another form of it."""
    inside = row.get("dataFile")
    return inside.is_true("tabularData") or bool(inside.text("originalFileFormat"))


def _read(row: Tree) -> tuple[str, int | None, list[Digest]]:
    """Return a file's path, as uploaded, its size in bytes and its digest; of a table the path."""
    inside, folder = row.get("dataFile"), row.text("directoryLabel").strip("/")
    name = row.text("label") or inside.text("filename")
    if _is_table(row):
        name = inside.text("originalFileName") or name
    path = f"{folder}/{name}" if folder else name
    if _is_table(row):
        return path, None, []
    checksum = inside.get("checksum")
    found = claim(checksum.text("type"), checksum.get("value").value, path)
    return path, inside.size("filesize"), found or claim("md5", inside.get("md5").value, path)
