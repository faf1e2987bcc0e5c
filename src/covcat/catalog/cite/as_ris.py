"""RIS, as reference managers import it: two-letter tags, lines that end in CR LF, `ER` last."""

from covcat.catalog.cite.parts import Kind, arxiv, authors, issued, kind
from covcat.catalog.cite.tex import address, plain
from covcat.catalog.entries import Citation

_TYPES: dict[Kind, str] = {
    "article": "JOUR",
    "preprint": "UNPB",
    "paper": "CPAPER",
    "dataset": "DATA",
    "webpage": "ELEC",
}
_TAGS = {
    "journal": "T2",
    "booktitle": "T2",
    "volume": "VL",
    "number": "IS",
    "version": "ET",
    "publisher": "PB",
    "address": "CY",
    "issn": "SN",
    "doi": "DO",
    "url": "UR",
    "note": "N1",
}


def ris(citation: Citation, accessed: str | None = None) -> list[str]:
    """Return the lines of one record, without their ends."""
    fields = dict(citation.fields)
    if number := arxiv(citation):
        fields |= {"journal": "", "publisher": "arXiv"}
    people, has_others = authors(citation)
    lines = [("TY", _TYPES[kind(citation)]), ("ID", citation.key)]
    lines += [("AU", one.last_first) for one in people]
    lines += [("TI", fields.get("title", "")), *_dates(citation)]
    lines += [(tag, fields.get(field, "")) for field, tag in _TAGS.items()]
    lines += [("M1", f"arXiv:{number}")] if number else []
    lines += _pages(fields.get("pages", ""))
    if has_others:  # RIS has no `et al.`
        lines.append(("N1", "There are further authors, whom the source does not name"))
    if accessed:
        lines.append(("Y2", accessed.replace("-", "/")))
    texts = [(tag, " ".join(_readable(tag, value).split())) for tag, value in lines]
    return [*(f"{tag}  - {text}" for tag, text in texts if text), "ER  - "]


def _readable(tag: str, value: str) -> str:
    if tag == "AU":  # which is read already
        return value
    return address(value) if tag in ("DO", "UR") else plain(value)


def _dates(citation: Citation) -> list[tuple[str, str]]:
    numbers = issued(citation)
    if not numbers:
        return [("PY", citation.fields.get("year", ""))]
    year, month, day = [f"{number:02}" for number in numbers] + [""] * (3 - len(numbers))
    date = [("DA", f"{year}/{month}/{day}/")] if month else []  # year/month/day/other
    return [("PY", year), *date]


def _pages(pages: str) -> list[tuple[str, str]]:
    first, _, last = pages.replace("--", "-").partition("-")
    return [("SP", first), ("EP", last)]
