"""One file of a Zenodo record; its md5 is asked for where the catalog has none.

The API answers in two shapes by its `Accept`, and in 2023 in a third for some days; each names
files under `files`, as a list or by name. A concept id is not a record: it answers 404.
"""

from urllib.parse import quote

from covcat.catalog.files import AnyFile, WebFile, ZenodoFile
from covcat.catalog.marks import Count
from covcat.digests import Digest
from covcat.download.remote import Location, RemoteFile
from covcat.errors import GoneError, NetworkError
from covcat.hosts.base import HostContext, claim, is_pinned, remote_file
from covcat.hosts.logins import of_zenodo
from covcat.hosts.record import (
    DescribedFile,
    Description,
    Forms,
    HostRecord,
    Newest,
    clean_name,
    find_date,
    is_refused,
)
from covcat.hosts.trees import Tree

API = "https://zenodo.org/api/records"
FILE_PAGE = "https://zenodo.org/records/{0.record}"
FORMS = Forms(
    short=r"(?P<id>\d+)",
    full=r"(?:10\.5281/zenodo\.|zenodo\.org/(?:api/)?records?/)(?P<id>\d+)(?:[/?#].*)?",
    example="zenodo:3757476",
    page="https://zenodo.org/records/{id}",
)


def list_files(file: ZenodoFile, context: HostContext) -> list[RemoteFile]:
    """The entry is the file; its record says its size and md5."""
    if is_pinned(file):
        return [remote_file(file, file.name)]
    for path in (file.record, f"{file.record}/files"):  # files may be withheld: the list says so
        tree = _ask(path, context)
        for row in _rows(tree.get("files") if path == file.record else tree):
            if _name(row) == file.name:
                size, claims = _read(row)
                return [remote_file(file, file.name, size=size, claims=claims)]
    raise GoneError(
        f"Zenodo's record {file.record} has no file `{file.name}`",
        hint=f"open https://zenodo.org/records/{file.record}",
    )


def locate(remote: RemoteFile, _: HostContext) -> Location:
    """Zenodo sends files itself, and honours ranges though its HEAD does not say so."""
    file = remote.file
    assert isinstance(file, ZenodoFile)
    url = f"{API}/{file.record}/files/{quote(file.name)}/content"
    return Location(url=url, name=remote.name, login=of_zenodo())


def newest(file: ZenodoFile, context: HostContext) -> Newest:
    """Return the newest version of the file's record: another record."""
    tree = _ask(f"{file.record}/versions/latest", context)
    number, at = tree.mark(Count, "id"), tree.text("metadata", "publication_date")
    return Newest(kind="version", version=number, at=at, is_held=number == file.record)


def describe(record: HostRecord, context: HostContext) -> Description:
    """Return what Zenodo says of a record."""
    tree = _find_record(record, context)
    number, about = tree.mark(Count, "id"), tree.get("metadata")
    notes, rights = [], about.text("access_right")
    if number != record.id:
        notes.append(f"{record.id} stands for all versions; this is the newest, {number}")
    if rights not in ("", "open"):
        notes.append(f"Zenodo says that its files are `{rights}`")
    files = []
    for row in _rows(tree.get("files")):
        name = _name(row)
        file: AnyFile = ZenodoFile(host="zenodo", record=number, name=name)
        if is_refused(name):  # by a catalog, and the file's address does as well
            url = f"{API}/{number}/files/{quote(name, errors='replace')}/content"
            file = WebFile(host="web", name=clean_name(name), url=url)
        files.append(DescribedFile(file, name, *_read(row)))
    return Description(
        asked=f"{API}/{number}",
        release=f"zenodo-{number}",
        date=find_date(about.text("publication_date")),
        title=about.text("title") or tree.text("title"),
        license=about.text("license", "id") or about.text("license"),
        authors=[one.text("name") for one in about.find_rows("creators")],
        doi=tree.text("doi"),
        files=tuple(files),
        notes=tuple(notes),
    )


def _find_record(record: HostRecord, context: HostContext) -> Tree:
    """The number of all versions of a record is none (zenodo#2499): ask for the last then."""
    try:
        return _ask(record.id, context)
    except NetworkError as error:
        if "(HTTP 404)" not in error.message:
            raise
        try:
            return _ask(f"{record.id}/versions/latest", context)
        except NetworkError:
            error.hint = (
                f"if {record.id} stands for all versions of a record, open {record.page} and take "
                "the number of one version"
            )
            raise error from None


def _ask(path: str, context: HostContext) -> Tree:
    return context.ask(f"{API}/{path}", login=of_zenodo())


def _rows(files: Tree) -> list[Tree]:
    """Return the files of a record, in any of the API's shapes."""
    inside = files.get("entries") if isinstance(files.value, dict) else files
    if isinstance(inside.value, dict):
        rows = inside.value.items()
        return [Tree({"key": key, **row}) for key, row in rows if isinstance(row, dict)]
    return inside.find_rows()


def _name(row: Tree) -> str:
    return row.text("key") or row.text("filename")


def _read(row: Tree) -> tuple[int | None, list[Digest]]:
    """Return a file's size in bytes, and its digest: `md5:…`, in 2023 for days the hex alone."""
    size, (kind, colon, value) = row.size("size"), row.text("checksum").rpartition(":")
    claims = claim(kind if colon else "md5", value, _name(row))
    return row.size("filesize") if size is None else size, claims
