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
from covcat.hosts.base import HostContext, alone, claim, is_pinned
from covcat.hosts.logins import of_zenodo
from covcat.hosts.record import (
    DescribedFile,
    Description,
    Forms,
    Record,
    clean_name,
    find_date,
    is_refused,
    strip_all,
)
from covcat.hosts.trees import find_rows, get_field, get_size, get_text, match_mark

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
        return [alone(file, file.name)]
    for path in (file.record, f"{file.record}/files"):  # files may be withheld: the list says so
        tree = _ask(path, context)
        for row in _rows(tree if path == file.record else {"files": tree}):
            if _name(row) == file.name:
                return [alone(file, file.name, size=_size(row), claims=_digests(row))]
    raise GoneError(
        f"Zenodo's record {file.record} has no file `{file.name}`",
        hint=f"open https://zenodo.org/records/{file.record}",
    )


def locate(remote: RemoteFile, context: HostContext) -> Location:
    """Zenodo sends files itself, and honours ranges though its HEAD does not say so."""
    del context
    file = remote.file
    assert isinstance(file, ZenodoFile)
    url = f"{API}/{file.record}/files/{quote(file.name)}/content"
    return Location(url=url, name=remote.name, login=of_zenodo())


def describe(record: Record, context: HostContext) -> Description:
    """Return what Zenodo says of a record."""
    tree = _find_record(record, context)
    number, about = match_mark(Count, tree, "id"), get_field(tree, "metadata")
    notes, rights = [], get_text(about, "access_right")
    if number != record.id:
        notes.append(f"{record.id} stands for all versions; this is the newest, {number}")
    if rights not in ("", "open"):
        notes.append(f"Zenodo says that its files are `{rights}`")
    files = []
    for row in _rows(tree):
        name = _name(row)
        file: AnyFile = ZenodoFile(host="zenodo", record=number, name=name)
        if is_refused(name):  # by a catalog, and the file's address does as well
            url = f"{API}/{number}/files/{quote(name, errors='replace')}/content"
            file = WebFile(host="web", name=clean_name(name), url=url)
        files.append(DescribedFile(file, name, _size(row), _digests(row)))
    return Description(
        asked=f"{API}/{number}",
        release=f"zenodo-{number}",
        date=find_date(get_text(about, "publication_date")),
        title=get_text(about, "title") or get_text(tree, "title"),
        license=get_text(about, "license", "id") or get_text(about, "license"),
        authors=strip_all(get_text(one, "name") for one in find_rows(about, "creators")),
        doi=get_text(tree, "doi"),
        files=tuple(files),
        notes=tuple(notes),
    )


def _find_record(record: Record, context: HostContext) -> object:
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


def _ask(path: str, context: HostContext) -> object:
    return context.api.json(f"{API}/{path}", login=of_zenodo())


def _rows(tree: object) -> list[object]:
    """Return the files of a record, in any of the API's shapes."""
    files = get_field(tree, "files")
    inside = get_field(files, "entries") if isinstance(files, dict) else files
    if isinstance(inside, dict):
        return [{"key": key, **row} for key, row in inside.items() if isinstance(row, dict)]
    return inside if isinstance(inside, list) else []


def _name(row: object) -> str:
    return get_text(row, "key") or get_text(row, "filename")


def _size(row: object) -> int | None:
    found = get_size(row, "size")
    return get_size(row, "filesize") if found is None else found


def _digests(row: object) -> list[Digest]:
    """Return a file's digest: `md5:<hex>`, for some days of 2023 the hex alone."""
    kind, colon, value = get_text(row, "checksum").rpartition(":")
    return claim(kind if colon else "md5", value, _name(row))
