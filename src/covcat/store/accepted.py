"""The record of the terms that were accepted, by whoever owns the data folder."""

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from covcat.catalog.entries import Resource
from covcat.catalog.terms import digest
from covcat.errors import IntegrityError
from covcat.files import disk_errors, opened, write_file
from covcat.seal import parse_record
from covcat.store.folder import PRIVATE, Store
from covcat.store.manifest import now

NAME = "accepted.json"
SCHEMA = "covcat.accepted/1"
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody accepted the terms of a resource."""

    resource: str
    terms_sha256: str  # of `text`
    at: str  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class _AcceptedRecord:
    """All of the file."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.accepted/1"]
    accepted: Sequence[Accepted]


def accepted(store: Store) -> list[Accepted]:
    """Return all that was accepted in a data folder, oldest first."""
    path = place(store)
    try:
        if not os.path.lexists(path):
            return []
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            found = parse_record(path, stream.read(_MOST_BYTES), _AcceptedRecord, SCHEMA)
        for row in found.accepted:
            datetime.fromisoformat(row.at)
        return list(found.accepted)
    except ValueError as error:
        raise IntegrityError(
            f"the record of accepted terms is damaged (`{path}`)",
            cause=str(error).partition("\n")[0],
            hint=f"mv {shlex.quote(str(path))} {NAME}.damaged",
        ) from error


def last(found: list[Accepted], resource: Resource) -> Accepted | None:
    """Return when the terms of a resource were last accepted, these ones or earlier ones."""
    return next((one for one in reversed(found) if one.resource == resource.id), None)


def accept(store: Store, resource: Resource) -> Accepted:
    """Record that the terms, as they are known today, are accepted; once is enough."""
    store.prepare()
    with store.lock("accepted"):
        found = accepted(store)
        before = last(found, resource)
        if before is not None and before.terms_sha256 == digest(resource):
            return before
        one = Accepted(resource.id, digest(resource), now())
        tree = {"schema": SCHEMA, "accepted": [asdict(each) for each in (*found, one)]}
        with disk_errors("record what was accepted"):
            write_file(place(store), (json.dumps(tree, indent=1) + "\n").encode())
    return one


def place(store: Store) -> Path:
    """Return the file of what was accepted, there or not."""
    return store.folder / PRIVATE / NAME
