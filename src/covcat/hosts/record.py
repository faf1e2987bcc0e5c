"""A record of a host, as a person names it, and what the host says of it for a new entry.

Texts are the host's and never trusted; `covcat.hosts.draft` makes catalog entries of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from covcat.catalog.entries import Contents
from covcat.catalog.files import AnyFile
from covcat.catalog.marks import Date, FileName, Matches
from covcat.digests import Digest
from covcat.hosts.logins import DATAVERSE
from covcat.names import unsafe_name

NAME = r"[A-Za-z0-9][\w.-]*"  # with `?` after it as few as do: `.git` is no part of it


@dataclass(frozen=True, slots=True)
class Forms:
    """How a host's records may be named; patterns name `id`, and may `version` and `server`."""

    short: str  # after `HOST:`
    full: str  # a DOI, or the address of a page
    example: str
    page: str  # on which a person reads about it


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """What a person names: a record of a host, the newest version unless one is given."""

    host: str
    id: str
    version: str | None = None
    server: str = DATAVERSE  # only Dataverse has others
    page: str


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """One file of a record."""

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
class Description:
    """What a host says of a record; texts are the host's, and empty where it says nothing."""

    asked: str  # address of its API
    release: str  # id of the release
    date: str
    title: str
    license: str
    license_url: str = ""
    authors: Sequence[str] = ()
    doi: str = ""
    files: tuple[DescribedFile, ...] = ()
    whole: AnyFile | None = None  # stands for all files, where the host has such a thing
    contents: Contents | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest state that a host has of what a catalog's file is from."""

    kind: Literal["commit", "tag", "version", "file"]
    version: str  # as the host calls it; of a plain file its size, or nothing
    at: str  # UTC, ISO 8601, perhaps only the day; "" where the host does not say
    is_held: bool | None  # the file is of it; None where the catalog's file moves with its host
    ids: tuple[str, ...] = ()  # by which the record of what came may know it
    bytes: int | None = None  # of a plain file


def is_refused(name: str) -> bool:
    """Tell if a catalog cannot call a file so."""
    rule: Matches = get_args(FileName)[1]
    return rule.pattern.fullmatch(name) is None or unsafe_name(name) is not None


def clean_name(name: str) -> str:
    """Return the nearest name that a catalog can hold."""
    plain = re.sub(r"[^\w .+-]", "_", name).strip()
    if not re.match("[A-Za-z0-9]", plain):
        plain = f"file-{plain}"
    return plain if len(plain.encode()) <= 120 else plain[:30] + plain[-30:]


def find_date(*texts: str) -> str:
    """Return the first that begins with a date, without the time; "" where none does."""
    rule: Matches = get_args(Date)[1]
    return next((one[:10] for one in texts if rule.pattern.fullmatch(one[:10])), "")
