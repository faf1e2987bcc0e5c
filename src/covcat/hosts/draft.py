"""What a host says of a record -> the release that a new catalog entry begins with.

Every fact is the host's, and passes the catalog's own rules. How it is written as YAML, and what
it tells the person who writes the entry to look at: `covcat.cli.draft`.
"""

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from shlex import quote
from typing import Any

from covcat import hosts
from covcat.archives.kinds import stem_of
from covcat.catalog.entries import Release
from covcat.catalog.files import AnyFile, File
from covcat.catalog.listing import totals
from covcat.download.api import Api
from covcat.download.http import Web
from covcat.download.remote import Network
from covcat.errors import ActionNeededError, IntegrityError, NetworkError, UsageError
from covcat.hosts import HOSTS
from covcat.hosts.base import HostContext, kind_of
from covcat.hosts.logins import DATAVERSE
from covcat.hosts.record import (
    DescribedFile,
    Description,
    Forms,
    HostRecord,
    clean_name,
    is_refused,
)
from covcat.names import Paths, unsafe_name
from covcat.progress import Progress

MOST_FILES = 100  # of a set, each of which gets an entry of its own
_KEYS = ("name", "into", "bytes", "sha256", "md5", "unpack")  # after the host's own, in this order
LEAD = re.compile(r"(?:https?://)?(?:www\.)?(?:(?:dx\.)?doi\.org/)?(?:doi:\s*)?", re.I)


@dataclass(frozen=True, slots=True)
class Draft:
    """A release to begin an entry with, and what is known of each file in it and beside it."""

    record: HostRecord
    said: Description
    release: Release
    is_set: bool  # one entry stands for all files
    entries: tuple[tuple[DescribedFile, AnyFile], ...]  # each file, and its own entry
    refusal: str = ""  # why `fetch` would not take it


def record_of(name: str) -> HostRecord:
    """Read HOST:RECORD, a DOI or an address.

    Raises:
        UsageError: it is none of the forms, which are named.
    """
    forms: dict[str, Forms] = {
        one: found for one in HOSTS if (found := getattr(hosts.host(one), "FORMS", None))
    }
    host, _, rest = name.strip().partition(":")
    is_named = (host := host.lower()) in forms
    plain = LEAD.sub("", rest if is_named else name.strip(), count=1)
    tries = [(host, forms[host].short)] if is_named else []
    tries += [(one, forms[one].full) for one in ([host] if is_named else forms)]
    for one, pattern in tries:
        if found := re.fullmatch(pattern, plain, re.ASCII):
            given = {key: value for key, value in found.groupdict().items() if value}
            if given["id"].startswith("10.7910/dvn/"):  # as DataCite writes it, not as Harvard does
                given["id"] = given["id"].upper()
            given["server"] = f"https://{given['server']}" if "server" in given else DATAVERSE
            return HostRecord(host=one, page=forms[one].page.format(**given), **given)
    raise UsageError(
        f"`{name}` names no record of a host that covcat can ask: expected one of these forms",
        details=[
            *(one.example for one in forms.values()),
            "a DOI of Zenodo, figshare, Mendeley Data or Harvard Dataverse (10.7910/DVN/…)",
            "the address of a page of any of these",
        ],
        hint="covcat catalog draft --help",
    )


def draft(
    record: HostRecord, network: Network, progress: Progress, today: str, *, each: bool = False
) -> Draft:
    """Ask a host for a record; with `each`, also more than MOST_FILES of a set one by one.

    Raises:
        NetworkError: there is no such record, or its host says what no catalog can hold.
        ActionNeededError: nothing of it can be fetched.
    """
    with closing(Web(network)) as web:
        context = HostContext(Api(web, network, progress))
        said = _describe(record, context)
        entries = place_all(said.files)
        is_large = len(entries) > MOST_FILES and not each
        is_set = said.whole is not None and (not entries or is_large)
        files = tuple(file for one, file in entries if not one.closed)
        if is_set and said.whole is not None:  # unpacked as its files' names say
            kinds = {kind_of(one.name) for one in said.files} - {"none"}
            unpack: Any = "any" if len(kinds) > 1 else next(iter(kinds), "none")
            files = (replace(said.whole, unpack=unpack) if said.files else said.whole,)
        if not files:
            raise ActionNeededError(
                f"{record.host} lists no file of `{record.id}` that covcat can fetch",
                details=[*said.notes, *(f"{one.closed}: {one.path}" for one in said.files)],
                hint=f"open {quote(record.page)}",
            )
        source = f"{said.asked}, read {today}"
        release = Release(id=said.release, date=said.date or None, source=source, files=files)
        _check_valid(release, record)
        refusal = ""
        try:
            hosts.list_files(release.files, context)  # it has been asked for them already
        except IntegrityError as error:
            refusal = error.message
    return Draft(record, said, release, is_set, tuple(entries), refusal)


def _describe(record: HostRecord, context: HostContext) -> Description:
    module: Any = hosts.host(record.host)
    try:
        said: Description = module.describe(record, context)
    except NetworkError as error:
        if not error.hint or "covcat show" in error.hint:  # that is for entries that exist
            error.hint = f"is it the right record? open {quote(record.page)}"
        raise
    contents = said.contents
    if contents is None and said.files:
        contents = totals(one.bytes for one in said.files)
    authors = [one.strip() for one in said.authors if one.strip()]
    return replace(said, authors=authors, contents=contents)


def tree_of(release: Release) -> dict[str, Any]:
    """Return a release as a catalog's YAML has it: keys in their usual order, unknown ones not."""
    known = {"id": release.id, "date": release.date, "source": release.source}
    plain: dict[str, Any] = {key: value for key, value in known.items() if value is not None}
    return {**plain, "files": [file_tree(file) for file in release.files]}


def file_tree(file: AnyFile) -> dict[str, Any]:
    """Return a file as a catalog's YAML has it."""
    common = {one.name for one in fields(File)}
    own = [one.name for one in fields(file) if one.name not in common and one.name != "host"]
    known = {key: getattr(file, key) for key in ("host", *own, *_KEYS)}
    return {key: value for key, value in known.items() if value is not None}


def _check_valid(release: Release, record: HostRecord) -> None:
    """Apply the catalog's own rules to what a server said; nothing else is printed as YAML."""
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Release).validate_python(tree_of(release))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NetworkError(
            f"{record.host} says of `{record.id}` what no catalog can hold",
            cause=f"{place}: {first['msg']}",
            hint=f"open {quote(record.page)}",
        ) from error


def place_all(files: Sequence[DescribedFile]) -> list[tuple[DescribedFile, AnyFile]]:
    """Give each file a name, a place that no other has, its size and its pins.

    Several archives get a folder each: those of one record often hold files of the same names.
    """
    paths = Paths()
    several = sum(kind_of(one.name) != "none" for one in files) > 1
    found = []
    for number, one in enumerate(files, 1):
        name: str | None = one.name
        if is_refused(one.name):
            will_do = one.file.name is None and not unsafe_name(one.name)  # though not as a key
            name = None if will_do else clean_name(one.name)
        folder = one.path.rpartition("/")[0]
        if folder and unsafe_name(folder):
            folder = "/".join(clean_name(part) for part in folder.split("/") if part.strip(". "))
        folder += "/" if folder else ""
        unpack = kind_of(one.name)
        own = f"{stem_of(name or one.name)}/" if several and unpack != "none" else ""
        place = folder + (own or name or one.name)
        is_again, other = paths.add(place.rstrip("/"), is_file=not place.endswith("/"))
        if is_again or other is not None:
            folder = f"file-{number}/{folder}"
        pins = {digest.kind: digest.value for digest in one.digests}
        keys: dict[str, Any] = {
            "name": name,
            "into": folder + own or None,
            "bytes": one.bytes,
            "sha256": pins.get("sha256"),
            "md5": pins.get("md5"),
            "unpack": unpack,
        }
        found.append((one, replace(one.file, **keys)))
    return found
