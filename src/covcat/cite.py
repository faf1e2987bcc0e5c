"""Citations as text: BibTeX and one plain sentence."""

from covcat.model import Citation, Resource


def bibtex(citation: Citation) -> str:
    """Return one BibTeX entry; titles get braces so that their capitals stay."""
    lines = [f"@{citation.entry}{{{citation.key},"]
    for name, value in citation.fields.items():
        inner = f"{{{value}}}" if name == "title" else value
        lines.append(f"  {name} = {{{inner}}},")
    return "\n".join([*lines, "}"])


def sentence(citation: Citation) -> str:
    """Return the entry as one line: authors (year). Title. Where. Identifier."""
    fields = citation.fields
    where = [fields[key] for key in ("journal", "booktitle", "publisher") if key in fields][:1]
    numbers = [fields[key] for key in ("volume", "number", "pages") if key in fields]
    place = ", ".join([*where, *numbers])
    doi = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    author = fields.get("author", "").replace(" and ", ", ")
    year = f" ({fields['year']})" if "year" in fields else ""
    text = ". ".join(part for part in (f"{author}{year}", fields.get("title"), place, doi) if part)
    return text.replace("{", "").replace("}", "").replace("--", "–")


def all_bibtex(resource: Resource) -> tuple[str, ...]:
    """Return every entry of a resource, the main one first."""
    return tuple(bibtex(citation) for citation in resource.citation)
