"""What is known of a resource's licence, as one text, and when somebody accepted that text.

Who it was is not recorded; the digest of the text says which terms it was.
"""

import hashlib
import json
import os
import shlex
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from covcat.catalog.entries import Resource
from covcat.errors import IntegrityError
from covcat.files import disk_errors, opened
from covcat.store import PRIVATE, Store
from covcat.text import shown

NAME = "accepted.json"
SCHEMA = "covcat.accepted/1"
UNSETTLED = ("unknown", "none-stated", "proprietary", "research-only", "conflicting")
USES = ("commercial", "derivatives", "redistribution")
_MOST_BYTES = 16 << 20
_ABOUT = ("licen", "copyright", "terms")  # a known issue with one of these is about terms


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody accepted the terms of a resource."""

    resource: str
    terms_sha256: str  # of `text`
    at: str  # UTC, ISO 8601


def is_unsettled(resource: Resource) -> bool:
    """Tell if the licence's name alone leaves open what a user may do."""
    return resource.license.short.casefold() in UNSETTLED


def text(resource: Resource) -> str:
    """Return what the catalog knows of the terms; the same catalog gives the same text."""
    terms = resource.license
    lines = [f"{resource.id}: {resource.title}", f"licence: {terms.spdx}"]
    lines += [f"allows {use}: {getattr(terms.allows, use)}" for use in USES]
    if terms.per_image:
        each = terms.per_image
        lines.append(f"each image has its own, in the column `{each.column}` of {each.table}")
    if terms.note:
        lines.append(f"note: {terms.note}")
    if resource.browse:
        lines.append(f"terms of the site: {resource.browse.terms}")
    lines += [
        f"known issue ({one.date}, {one.severity}): {one.text} [{one.source}]"
        for one in resource.known_issues
        if any(word in one.text.casefold() for word in _ABOUT)
    ]
    lines += [f"read: {page}" for page in (terms.url, resource.homepage) if page]
    lines.append(f"source: {terms.source}")
    return "".join(f"{shown(line)}\n" for line in lines)


def digest(resource: Resource) -> str:
    """Return the sha256 of the terms' text."""
    return hashlib.sha256(text(resource).encode()).hexdigest()


# ---- the record --------------------------------------------------------------------------------


def accepted(store: Store) -> list[Accepted]:
    """Return all that was accepted in a data folder, oldest first.

    Raises:
        IntegrityError: the record is damaged, or of a newer covcat.
    """
    path = place(store)
    try:
        if not os.path.lexists(path):
            return []
        with disk_errors(f"read `{path}`"), opened(path) as stream:
            return _read(json.loads(stream.read(_MOST_BYTES)))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            f"the record of accepted terms is damaged (`{path}`)",
            cause=f"{type(error).__name__}: {error}".partition("\n")[0],
            hint=f"mv {shlex.quote(str(path))} {NAME}.damaged",
        ) from error


def _read(tree: Any) -> list[Accepted]:
    if tree["schema"] != SCHEMA:
        raise ValueError(f"expected the schema {SCHEMA}, got {tree['schema']}")
    rows = [Accepted(**row) for row in tree["accepted"]]
    if not all(isinstance(value, str) for row in rows for value in asdict(row).values()):
        raise ValueError("expected texts only")
    for row in rows:
        datetime.fromisoformat(row.at)
    return rows


def last(found: list[Accepted], resource: Resource) -> Accepted | None:
    """Return when the terms of a resource were last accepted, these ones or earlier ones."""
    return next((one for one in reversed(found) if one.resource == resource.id), None)


def accept(store: Store, resource: Resource) -> Accepted:
    """Record that the terms, as they are known today, are accepted; once is enough.

    Raises:
        DiskError: the record cannot be written; then the one before stays.
        IntegrityError: the record that is there is damaged.
    """
    store.prepare()
    with store.lock("accepted"):
        found = accepted(store)
        before = last(found, resource)
        if before is not None and before.terms_sha256 == digest(resource):
            return before
        now = datetime.now(UTC).isoformat(timespec="seconds")
        one = Accepted(resource.id, digest(resource), now)
        _write(place(store), [*found, one])
    return one


def _write(path: Path, found: list[Accepted]) -> None:
    tree = {"schema": SCHEMA, "accepted": [asdict(one) for one in found]}
    new = path.with_name(f".{NAME}.{os.urandom(4).hex()}")
    with disk_errors("record what was accepted"):
        try:
            with new.open("x", encoding="utf-8") as stream:
                stream.write(json.dumps(tree, indent=1) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def place(store: Store) -> Path:
    """Return the file of what was accepted, there or not."""
    return store.folder / PRIVATE / NAME
