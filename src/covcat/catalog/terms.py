"""What is known of a resource's licence, as one text; its digest says which terms it was."""

import hashlib

from covcat.catalog.entries import USES, Resource
from covcat.text import escaped

UNSETTLED = ("unknown", "none-stated", "proprietary", "research-only", "conflicting")
_ABOUT = ("licen", "copyright", "terms")  # a known issue with one of these is about terms


def is_unsettled(resource: Resource) -> bool:
    """Tell if the licence's name alone leaves open what a user may do."""
    return resource.license.short.casefold() in UNSETTLED


def to_text(resource: Resource) -> str:
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
    return "".join(f"{escaped(line)}\n" for line in lines)


def digest(resource: Resource) -> str:
    """Return the sha256 of the terms' text."""
    return hashlib.sha256(to_text(resource).encode()).hexdigest()
