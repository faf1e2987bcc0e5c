"""CSL-JSON, version 1.0.2: what Zotero, pandoc and other citation processors read."""

from typing import Any

from covcat.catalog.cite.parts import Kind, Name, arxiv, authors, issued, kind
from covcat.catalog.cite.tex import address, plain
from covcat.catalog.entries import Citation

_TYPES: dict[Kind, str] = {
    "article": "article-journal",
    "preprint": "article",
    "paper": "paper-conference",
    "dataset": "dataset",
    "webpage": "webpage",
}
_FIELDS = {
    "title": "title",
    "journal": "container-title",
    "booktitle": "container-title",
    "volume": "volume",
    "number": "issue",
    "version": "version",
    "publisher": "publisher",
    "address": "publisher-place",
    "issn": "ISSN",
    "doi": "DOI",
    "url": "URL",
    "note": "note",
}


def csl(citation: Citation, accessed: str | None = None) -> dict[str, Any]:
    """Return one item of a CSL-JSON array."""
    fields = citation.fields
    item: dict[str, Any] = {"id": citation.key, "type": _TYPES[kind(citation)]}
    people, has_others = authors(citation)
    names = [_written(one) for one in people]
    if has_others:
        names.append({"literal": "others"})  # as pandoc writes BibTeX's `and others`
    if names:
        item["author"] = names
    item |= {ours: _readable(one, fields[one]) for one, ours in _FIELDS.items() if one in fields}
    if "pages" in fields:
        item["page"] = plain(fields["pages"]).replace("–", "-")
    if number := arxiv(citation):
        del item["container-title"]
        item |= {"publisher": "arXiv", "number": f"arXiv:{number}"}
    if parts := issued(citation):
        item["issued"] = {"date-parts": [parts]}
    elif "year" in fields:
        item["issued"] = {"literal": plain(fields["year"])}
    if accessed:
        item["accessed"] = {"date-parts": [[int(part) for part in accessed.split("-")]]}
    return item


def _readable(field: str, value: str) -> str:
    return address(value) if field in ("doi", "url") else plain(value)


def _written(name: Name) -> dict[str, str]:
    if name.literal:
        return {"literal": name.literal}
    parts = {
        "family": name.family,
        "given": name.given,
        "non-dropping-particle": name.particle,
        "suffix": name.suffix,
    }
    return {key: value for key, value in parts.items() if value}
