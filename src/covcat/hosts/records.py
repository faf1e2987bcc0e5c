"""A record of a host -> what the host's own API says of it, and of each of its files.

To add a host: a function here, its line in SAYS, the forms of its records in `covcat.cli.draft`.
Texts are the host's and never trusted; `covcat.draft` makes catalog entries of them.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args
from urllib.parse import quote

from covcat.catalog.entries import Contents
from covcat.catalog.files import (
    AnyFile,
    DataverseFile,
    FigshareFile,
    GitHubFile,
    KaggleFile,
    MendeleyFile,
    WebFile,
    ZenodoFile,
)
from covcat.catalog.marks import Count, Date, FileName, GitId, Matches, OwnerName
from covcat.digests import Digest
from covcat.errors import IntegrityError, NetworkError
from covcat.hosts import dataverse, figshare, github, kaggle, mendeley, zenodo
from covcat.hosts.base import HostContext, field, size, text
from covcat.hosts.logins import of_dataverse, of_figshare, of_github, of_kaggle
from covcat.names import unsafe_name

_SHUT = ("is_embargoed", "is_confidential", "is_metadata_record", "download_disabled")  # figshare's
_PAGES = {
    "zenodo": "https://zenodo.org/records/{0.id}",
    "figshare": "https://figshare.com/articles/dataset/_/{0.id}",
    "dataverse": "{0.server}/dataset.xhtml?persistentId=doi:{0.id}",
    "mendeley": "https://data.mendeley.com/datasets/{0.id}",
    "kaggle": "https://www.kaggle.com/datasets/{0.id}",
    "github": "https://github.com/{0.id}",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What a person names: a record of a host, the newest version unless one is given."""

    host: str
    id: str
    version: str | None = None
    server: str = "https://dataverse.harvard.edu"  # only Dataverse has others

    @property
    def page(self) -> str:
        """Return where a person reads about it."""
        return _PAGES[self.host].format(self)


@dataclass(frozen=True, slots=True)
class Listed:
    """One file as its host lists it."""

    file: AnyFile  # with the host's own keys only
    path: str  # the host's, with folders: never trusted
    bytes: int | None
    digests: Sequence[Digest] = ()
    closed: str = ""  # why it cannot be fetched
    why: str = ""  # it has no digest, where the host says that

    @property
    def name(self) -> str:
        """Return what its host calls it."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a host says of a record; texts are the host's, and empty where it says nothing."""

    asked: str  # address of its API
    release: str  # id of the release
    date: str
    title: str
    license: str
    license_url: str = ""
    authors: tuple[str, ...] = ()
    doi: str = ""
    files: tuple[Listed, ...] = ()
    whole: AnyFile | None = None  # stands for all files, where the host has such a thing
    contents: Contents | None = None
    notes: tuple[str, ...] = ()


# ---- what each host says -----------------------------------------------------------------------


def _zenodo(record: Record, ask: HostContext) -> Said:
    tree = _zenodo_record(record, ask)
    number, about = _digits(tree, "id"), field(tree, "metadata")
    notes, rights = [], text(about, "access_right")
    if number != record.id:
        notes.append(f"{record.id} stands for all versions; this is the newest, {number}")
    if rights not in ("", "open"):
        notes.append(f"Zenodo says that its files are `{rights}`")
    return Said(
        asked=f"{zenodo.API}/{number}",
        release=f"zenodo-{number}",
        date=_date(text(about, "publication_date")),
        title=text(about, "title") or text(tree, "title"),
        license=text(about, "license", "id") or text(about, "license"),
        authors=_texts(text(one, "name") for one in _all(about, "creators")),
        doi=text(tree, "doi"),
        files=tuple(_zenodo_file(number, row) for row in zenodo.entries(tree)),
        notes=tuple(notes),
    )


def _zenodo_record(record: Record, ask: HostContext) -> object:
    """Return a record; the number of all its versions is none (zenodo#2499), so ask for the last.

    Raises:
        NetworkError: that is none either.
    """
    try:
        return zenodo.record(record.id, ask)
    except NetworkError as error:
        if "(HTTP 404)" not in error.message:
            raise
        try:
            return zenodo.record(f"{record.id}/versions/latest", ask)
        except NetworkError:
            error.hint = (
                f"if {record.id} stands for all versions of a record, open {record.page} and take "
                "the number of one version"
            )
            raise error from None


def _zenodo_file(number: str, row: object) -> Listed:
    """Zenodo finds a file by its name; where a catalog refuses that, the address does as well."""
    key = zenodo.key_of(row)
    file: AnyFile = ZenodoFile(host="zenodo", record=number, name=key)
    if is_refused(key):
        place = quote(key, errors="replace")
        url = f"{zenodo.API}/{number}/files/{place}/content"
        file = WebFile(host="web", name=cleaned(key), url=url)
    return Listed(file, key, zenodo.size_of(row), zenodo.digest_of(row))


def _figshare(record: Record, ask: HostContext) -> Said:
    of_version = f"/versions/{record.version}" if record.version else ""
    asked = f"{figshare.API}/{record.id}{of_version}"
    tree = ask.api.json(asked, login=of_figshare())
    version, folders = _digits(tree, "version"), field(tree, "folder_structure")
    entry = partial(FigshareFile, host="figshare", article=record.id, version=version)
    rows = figshare.files(record.id, version, ask)
    return Said(
        asked=asked,
        release=f"figshare-v{version}",
        date=_date(text(tree, "published_date")),
        title=text(tree, "title"),
        license=text(tree, "license", "name"),
        license_url=text(tree, "license", "url"),
        authors=_texts(text(one, "full_name") for one in _all(tree, "authors")),
        doi=text(tree, "doi"),
        files=tuple(_figshare_file(entry, folders, row) for row in rows),
        notes=tuple(f"figshare says `{one}`" for one in _SHUT if field(tree, one) is True),
    )


def _figshare_file(entry: Callable[..., FigshareFile], folders: object, row: object) -> Listed:
    id, name = text(row, "id"), text(row, "name")
    folder = text(folders, id).strip("/")
    is_link = field(row, "is_link_only") is True
    return Listed(
        entry(file=id, name=name),
        f"{folder}/{name}" if folder else name,
        size(row, "size"),
        figshare.digest_of(row),
        closed=f"only a link to {text(row, 'download_url')}" if is_link else "",
    )


def _dataverse(record: Record, ask: HostContext) -> Said:
    base = f"{record.server}/api/datasets/:persistentId/versions/"
    query = f"?persistentId=doi:{record.id}&excludeFiles=true"
    asked = base + (record.version or ":latest-published") + query
    tree = field(ask.api.json(asked, login=of_dataverse(record.server)), "data")
    version = f"{_digits(tree, 'versionNumber')}.{_digits(tree, 'versionMinorNumber')}"
    whole = DataverseFile(host="dataverse", server=record.server, doi=record.id, version=version)
    rows = dataverse.files(record.server, record.id, version, ask)
    blocks = _all(tree, "metadataBlocks", "citation", "fields")
    citation = {text(one, "typeName"): one for one in blocks}
    authors = _all(citation.get("author"), "value")
    book = text(tree, "guestbookId")
    return Said(
        asked=asked,
        release=f"dataverse-{version}",
        date=_date(text(tree, "releaseTime"), text(tree, "publicationDate")),
        title=text(citation.get("title"), "value"),
        license=text(tree, "license", "name") or text(tree, "license") or text(tree, "termsOfUse"),
        license_url=text(tree, "license", "uri"),
        authors=_texts(text(one, "authorName", "value") for one in authors),
        doi=record.id,
        files=tuple(_dataverse_file(whole, row) for row in rows),
        whole=whole,
        notes=(f"guestbook {book} must be filled in first: `access: account`",) if book else (),
    )


def _dataverse_file(whole: DataverseFile, row: object) -> Listed:
    return Listed(
        replace(whole, file=text(row, "dataFile", "id")),
        dataverse.path_of(row),
        dataverse.size_of(row),
        dataverse.digest_of(row),
        closed="restricted" if field(row, "restricted") is True else "",
        why="Dataverse made a table of it" if dataverse.is_table(row) else "",
    )


def _mendeley(record: Record, ask: HostContext) -> Said:
    asked = f"{mendeley.API}/{record.id}"
    asked += f"/snapshot/{record.version}" if record.version else ""
    tree = ask.api.json(asked, {"Accept": "application/vnd.mendeley-public-dataset.1+json"})
    version = _digits(tree, "version")
    whole = MendeleyFile(host="mendeley", dataset=record.id, version=version)
    rows, people = mendeley.files(record.id, version, ask), _all(tree, "contributors")
    return Said(
        asked=asked,
        release=f"mendeley-{version}",
        date=_date(text(tree, "publish_date")),
        title=text(tree, "name"),
        license=text(tree, "data_licence", "short_name") or text(tree, "data_licence", "full_name"),
        license_url=text(tree, "data_licence", "url"),
        authors=_texts(f"{text(one, 'first_name')} {text(one, 'last_name')}" for one in people),
        doi=text(tree, "doi", "id"),
        files=tuple(_mendeley_file(whole, path, row) for path, row in rows),
        whole=whole,
    )


def _mendeley_file(whole: MendeleyFile, path: str, row: object) -> Listed:
    file = replace(whole, file=text(row, "id"))
    return Listed(file, path, mendeley.size_of(row), mendeley.digest_of(row))


def _kaggle(record: Record, ask: HostContext) -> Said:
    version = f"?datasetVersionNumber={record.version}" if record.version else ""
    asked = f"{kaggle.API}/view/{record.id}{version}"
    tree = ask.api.json(asked, login=of_kaggle())
    if (size(tree, "code") or 0) >= 400:  # Kaggle's own client knows errors with status 200
        raise NetworkError(f"Kaggle has no `{record.id}`", cause=text(tree, "message"))
    number = record.version or _digits(tree, "currentVersionNumber")
    dates = {
        text(one, "versionNumber"): text(one, "creationDate") for one in _all(tree, "versions")
    }
    return Said(
        asked=asked,
        release=f"kaggle-{number}",
        date=_date(dates.get(number, "")),
        title=text(tree, "title"),
        license=text(tree, "licenseName"),
        authors=_texts([text(tree, "ownerName") or text(tree, "creatorName")]),
        whole=KaggleFile(host="kaggle", dataset=record.id, version=number, unpack="zip"),
        notes=("Kaggle publishes no digest: nothing pins this; the first fetch records what came",),
    )


def _github(record: Record, ask: HostContext) -> Said:
    asked = f"{github.API}/{record.id}"
    about = ask.api.json(asked, login=of_github())
    ref = record.version or text(about, "default_branch")
    asked += f"/commits/{quote(ref, errors='replace')}"
    tree, rule = ask.api.json(asked, login=of_github()), get_args(GitId)[1]
    file = GitHubFile(
        host="github",
        repository=_matching(get_args(OwnerName)[1], about, "full_name"),
        commit=_matching(rule, tree, "sha"),
        tree=_matching(rule, tree, "commit", "tree", "sha"),
        unpack="zip",
    )
    date = _date(text(tree, "commit", "committer", "date"))
    contents, notes = _github_contents(file, ask)
    return Said(
        asked=asked,
        release=date or str(file.commit),
        date=date,
        title=text(about, "description") or file.repository,
        license=text(about, "license", "spdx_id") or text(about, "license", "name"),
        license_url=text(about, "license", "url"),
        authors=_texts([text(about, "owner", "login")]),
        whole=file,
        contents=contents,
        notes=notes,
    )


def _github_contents(file: GitHubFile, ask: HostContext) -> tuple[Contents | None, tuple[str, ...]]:
    """Count what a commit holds: `fetch` refuses links and other repositories in it."""
    try:
        rows = github.tree(file, str(file.commit), ask)
    except IntegrityError as error:
        return None, (f"{error.message}: `keep` a folder without it, with that folder's tree id",)
    if odd := next(filter(None, (github.odd(one.path, one.mode) for one in rows)), ""):
        way_out = "`exclude` it, without `tree`, or `keep` a folder without it, with its tree id"
        return None, (f"{odd}: {way_out}",)
    known = [one.bytes for one in rows if one.bytes is not None]
    unknown = len(rows) - len(known)
    has_lfs = any(one.path.endswith(".gitattributes") for one in rows)
    note = ".gitattributes: where it names Git LFS, the bytes counted are those of pointers"
    contents = Contents(files=len(rows), bytes=sum(known), of_unknown_size=unknown)
    return contents, (note,) if has_lfs else ()


SAYS: Mapping[str, Callable[[Record, HostContext], Said]] = {
    "zenodo": _zenodo,
    "figshare": _figshare,
    "dataverse": _dataverse,
    "mendeley": _mendeley,
    "kaggle": _kaggle,
    "github": _github,
}


# ---- names -------------------------------------------------------------------------------------


def is_refused(name: str) -> bool:
    """Tell if a catalog cannot call a file so."""
    rule: Matches = get_args(FileName)[1]
    return rule.pattern.fullmatch(name) is None or unsafe_name(name) is not None


def cleaned(name: str) -> str:
    """Return the nearest name that a catalog can hold."""
    plain = re.sub(r"[^\w .+-]", "_", name).strip()
    if not re.match("[A-Za-z0-9]", plain):
        plain = f"file-{plain}"
    return plain if len(plain.encode()) <= 120 else plain[:30] + plain[-30:]


# ---- pieces of answers -------------------------------------------------------------------------


def _digits(tree: object, *keys: str) -> str:
    return _matching(get_args(Count)[1], tree, *keys)


def _matching(rule: Matches, tree: object, *keys: str) -> str:
    """Return a text that more addresses are made of, so it must be what it should be."""
    found = text(tree, *keys)
    if not rule.pattern.fullmatch(found):
        where = ".".join(keys)
        raise NetworkError(
            f"the host's API answered in a shape that covcat does not know: `{where}` is "
            f"`{found[:80]}`, not {rule.expected}"
        )
    return found


def _date(*texts: str) -> str:
    """Return the first that begins with a date, without the time."""
    rule: Matches = get_args(Date)[1]
    return next((one[:10] for one in texts if rule.pattern.fullmatch(one[:10])), "")


def _all(tree: object, *keys: str) -> list[object]:
    found = field(tree, *keys)
    return found if isinstance(found, list) else []


def _texts(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(one.strip() for one in found if one.strip())
