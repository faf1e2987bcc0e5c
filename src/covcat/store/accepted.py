"""The record of the terms that were accepted, by whoever owns the data folder."""

import json
import os
import shlex
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from covcat.catalog.entries import Resource
from covcat.catalog.terms import digest
from covcat.errors import IntegrityError
from covcat.files import disk_errors, opened, write_file
from covcat.seal import parse_json
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


def accepted(store: Store) -> list[Accepted]:
    """Return all that was accepted in a data folder, oldest first."""
    path = place(store)
    try:
        if not os.path.lexists(path):
            return []
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            tree = parse_json(stream.read(_MOST_BYTES))
        if tree["schema"] != SCHEMA:
            raise ValueError(f"expected the schema {SCHEMA}, got {tree['schema']}")
        rows = [Accepted(**row) for row in tree["accepted"]]
        if not all(isinstance(value, str) for row in rows for value in asdict(row).values()):
            raise ValueError("expected texts only")
        for row in rows:
            datetime.fromisoformat(row.at)
        return rows
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"the record of accepted terms is damaged (`{path}`)",
            cause=f"{type(error).__name__}: {error}".partition("\n")[0],
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
