"""Citations as text: BibTeX and one plain sentence."""

from covcat.cite.parts import MONTHS, plain, split_names
from covcat.model import Citation, Resource


def bibtex(citation: Citation, accessed: str | None = None) -> str:
    """Return one BibTeX entry; titles get braces so that their capitals stay.

    `accessed`, as 2020-04-02, becomes `urldate`, as biblatex and newer styles know it.
    """
    entry = "misc" if citation.entry == "data" else citation.entry  # plain styles know no @data
    lines = [f"@{entry}{{{citation.key},"]
    fields = dict(citation.fields)
    if "author" not in fields and "organization" in fields:  # which styles do not print for @misc
        fields = {"author": f"{{{fields.pop('organization')}}}", **fields}
    if accessed:
        fields["urldate"] = accessed
    for name, value in fields.items():
        if name == "month" and value.casefold() in MONTHS:  # BibTeX's macros go without braces
            lines.append(f"  month = {value.casefold()},")
        else:
            inner = f"{{{value}}}" if name == "title" else value
            lines.append(f"  {name} = {{{inner}}},")
    return "\n".join([*lines, "}"])


def sentence(citation: Citation, accessed: str | None = None) -> str:
    """Return the entry as one line: authors (year). Title. Where, volume, pages. Identifier.

    `accessed`, as 2020-04-02, stands behind the address.
    """
    fields = citation.fields
    who = _authors(fields.get("author") or fields.get("organization", ""))
    year = f"({fields['year']})" if "year" in fields else ""
    where = [fields[key] for key in ("journal", "booktitle", "publisher") if key in fields][:1]
    numbers = [fields[key] for key in ("volume", "number") if key in fields]
    pages = [fields["pages"]] if "pages" in fields else []
    doi = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    parts = [
        " ".join(part for part in (who, year) if part),
        fields.get("title", ""),
        ", ".join([*where, *numbers, *pages]),
    ]
    texts = [plain(part) for part in parts if part]
    *before, last = [*texts, doi] if doi else texts or [""]
    on = f" (accessed {accessed})" if accessed else ""
    return " ".join([*map(_ended, before), last]) + on


def _authors(names: str) -> str:
    people = split_names(names)
    et_al = " et al." if people[-1:] == ["others"] else ""
    return ", ".join(people[:-1] if et_al else people) + et_al


def _ended(part: str) -> str:
    return part if part.endswith((".", "?", "!")) else part + "."


def all_bibtex(resource: Resource) -> tuple[str, ...]:
    """Return every entry of a resource, the main one first."""
    return tuple(bibtex(citation) for citation in resource.citation)
