"""Citations as text: BibTeX and one plain sentence."""

import re

from covcat.catalog.cite.parts import MONTHS, authors
from covcat.catalog.cite.tex import address, escaped, plain
from covcat.catalog.entries import Citation, Resource

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_ADDRESSES = ("doi", "url")


def bibtex(citation: Citation, accessed: str | None = None) -> str:
    """Return one BibTeX entry; titles get braces so that their capitals stay.

    What TeX would stumble over is escaped, except in addresses, which styles print as they are.

    `accessed`, as 2020-04-02, becomes `urldate`, as biblatex and newer styles know it.
    """
    entry = "misc" if citation.entry == "data" else citation.entry  # plain styles know no @data
    lines = [f"@{entry}{{{citation.key},"]
    fields = dict(citation.fields)
    if "author" not in fields and "organization" in fields:  # which styles do not print for @misc
        fields = {"author": f"{{{fields.pop('organization')}}}", **fields}
    if accessed:
        fields["urldate"] = accessed
    for name, text in fields.items():
        if not _FIELD.fullmatch(name):
            continue
        value = text if name in _ADDRESSES else escaped(text)
        if name == "month" and value.casefold() in MONTHS:  # BibTeX's macros go without braces
            lines.append(f"  month = {value.casefold()},")
        else:
            inner = f"{{{value}}}" if name == "title" else value
            lines.append(f"  {name} = {{{inner}}},")
    return "\n".join([*lines, "}"])


def sentence(citation: Citation, accessed: str | None = None) -> str:
    """Return the entry as one line: authors (year). Title. Where, volume, pages. Identifier.

    Authors are parted by semicolons, having commas inside. `accessed`, as 2020-04-02, stands
    behind the address.
    """
    fields = citation.fields
    who = _authors(citation)
    year = f"({fields['year']})" if "year" in fields else ""
    where = [fields[key] for key in ("journal", "booktitle", "publisher") if key in fields][:1]
    numbers = [fields[key] for key in ("volume", "number") if key in fields]
    pages = [fields["pages"]] if "pages" in fields else []
    doi = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    doi = address(doi)
    parts = [
        " ".join(part for part in (who, year) if part),
        plain(fields.get("title", "")),
        plain(", ".join([*where, *numbers, *pages])),
    ]
    texts = [part for part in parts if part]
    *before, last = [*texts, doi] if doi else texts or [""]
    on = f" (accessed {accessed})" if accessed else ""
    return " ".join([*map(_ended, before), last]) + on


def _authors(citation: Citation) -> str:
    people, has_others = authors(citation)
    names = "; ".join(one.last_first for one in people)
    return f"{names} et al.".strip() if has_others else names


def _ended(part: str) -> str:
    return part if part.endswith((".", "?", "!")) else part + "."


def all_bibtex(resource: Resource) -> tuple[str, ...]:
    """Return every entry of a resource, the main one first."""
    return tuple(bibtex(citation) for citation in resource.citation)
