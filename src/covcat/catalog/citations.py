"""How to cite a resource: as BibTeX, RIS, CSL-JSON and one sentence; whom else it owes a citation.

A citation's fields are BibTeX's and may hold TeX; its authors are names in parts.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from covcat.catalog.entries import Author, Citation, Resource

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OTHERS = Author(name="others")  # as BibTeX's `and others`
_KINDS = {  # what is cited: its type in CSL-JSON and in RIS
    "article": ("article-journal", "JOUR"),
    "preprint": ("article", "UNPB"),
    "paper": ("paper-conference", "CPAPER"),
    "dataset": ("dataset", "DATA"),
    "webpage": ("webpage", "ELEC"),
}
_FIELDS = {  # BibTeX's fields, in the order of RIS, with their names in CSL-JSON and RIS
    "title": ("title", "TI"),
    "journal": ("container-title", "T2"),
    "booktitle": ("container-title", "T2"),
    "volume": ("volume", "VL"),
    "number": ("issue", "IS"),
    "version": ("version", "ET"),
    "publisher": ("publisher", "PB"),
    "address": ("publisher-place", "CY"),
    "issn": ("ISSN", "SN"),
    "doi": ("DOI", "DO"),
    "url": ("URL", "UR"),
    "note": ("note", "N1"),
}
_ADDRESSES = ("doi", "url")
_SHELVES = ("github.com", "gitlab.com", "kaggle.com", "huggingface.co")  # hold data, not pages
_ARXIV = re.compile(r"arxiv\b.*?(\d{4}\.\d{4,5})", re.IGNORECASE)


def fields_of(citation: Citation) -> dict[str, str]:
    """Return BibTeX's fields with `author`, which is made of the authors unless it is given."""
    if not citation.authors or "author" in citation.fields:
        return dict(citation.fields)
    names = [f"{{{one.name}}}" if one.name else _last_first(one) for one in citation.authors]
    return {"author": " and ".join(names), **citation.fields}


def to_dict(citation: Citation) -> dict[str, Any]:
    """Return a citation as `--json` prints it."""
    one = citation
    return {"entry": one.entry, "key": one.key, "fields": fields_of(one), "source": one.source}


def authors_of(citation: Citation) -> list[Author]:
    """Return who made it; a BibTeX `author` alone is read as `Family, Given and A Body`."""
    fields = citation.fields
    if citation.authors:
        return list(citation.authors)
    if "author" not in fields:
        body = _plain(fields.get("organization", ""))
        return [Author(name=body)] if body else []
    found = []
    for text in " ".join(fields["author"].split()).split(" and "):
        family, comma, given = _plain(text).partition(", ")
        found.append(Author(family=family, given=given) if comma else Author(name=family))
    return found


def _last_first(author: Author) -> str:
    """Return a name as lists of references sort it: van der Berg, Jan."""
    family = " ".join(part for part in (author.particle, author.family) if part)
    return author.name or ", ".join(part for part in (family, author.given) if part)


def issue_date(citation: Citation) -> list[int]:
    """Return year, month and day as far as they are numbers; nothing without a year."""
    year, month, day = (citation.fields.get(name, "") for name in ("year", "month", "day"))
    if not re.fullmatch(r"\d{4}", year):
        return []
    if month.casefold()[:3] not in _MONTHS:
        return [int(year)]
    found = [int(year), _MONTHS.index(month.casefold()[:3]) + 1]
    return [*found, int(day)] if re.fullmatch(r"\d{1,2}", day) else found


def kind_of(citation: Citation) -> str:
    """Tell what is cited; a `misc` is a page of the web unless somebody published it as data."""
    fields = citation.fields
    if citation.entry == "article":
        return "preprint" if _arxiv(citation) else "article"
    if citation.entry == "inproceedings":
        return "paper"
    published = {"doi", "publisher", "version"} & set(fields)
    host = (urlsplit(fields.get("url", "")).hostname or "").removeprefix("www.")
    if citation.entry == "data" or published or not host or host in _SHELVES:
        return "dataset"
    return "webpage"


def _arxiv(citation: Citation) -> str | None:
    """Return the arXiv number of what names arXiv as its journal."""
    found = _ARXIV.match(citation.fields.get("journal", ""))
    return found[1] if found else None


def is_site(citation: Citation) -> bool:
    """Tell what may be another thing tomorrow: an address without a DOI that nobody published."""
    has_doi = "doi" in citation.fields
    return citation.entry == "misc" and "url" in citation.fields and not has_doi


def with_sources(wanted: Iterable[Resource], known: Mapping[str, Resource]) -> list[Resource]:
    """Return resources with all that they contain or label, theirs too; each once, nearest first.

    What is named and not known is left out: the catalog's check refuses it.
    """
    found = {one.id: one for one in wanted}
    waiting = list(found.values())
    for one in waiting:  # which grows while it is walked
        inside = [part.resource for part in one.contains]
        inside += [part.resource for release in one.releases for part in release.images_in]
        for name in inside:
            if name in known and name not in found:
                found[name] = known[name]
                waiting.append(known[name])
    return list(found.values())


def unique_works(resources: Iterable[Resource]) -> list[Citation]:
    """Return each work once; where another one has its key, the resource's id goes behind it.

    To BibTeX keys that differ only in capitals are the same.
    """
    found: dict[str, Citation] = {}
    seen = []
    for resource in resources:
        for one in resource.citation:
            work = (one.key.casefold(), one.entry, fields_of(one))
            if work in seen:
                continue
            seen.append(work)
            key = one.key
            while key.casefold() in found:
                key += f"-{resource.id}"
            found[key.casefold()] = replace(one, key=key)
    return list(found.values())


def all_bibtex(resource: Resource) -> tuple[str, ...]:
    """Return every entry of a resource, the main one first."""
    return tuple(bibtex(citation) for citation in resource.citation)


# `accessed`, such as 2020-04-02, is the day on which an address was seen.


def bibtex(citation: Citation, accessed: str | None = None) -> str:
    """Return one BibTeX entry; titles get braces so that their capitals stay.

    What TeX would stumble over is escaped, except in addresses, which styles print as they are.
    """
    entry = "misc" if citation.entry == "data" else citation.entry  # plain styles know no @data
    fields = fields_of(citation)
    if "author" not in fields and "organization" in fields:  # which styles do not print for @misc
        fields = {"author": f"{{{fields.pop('organization')}}}", **fields}
    if accessed:
        fields["urldate"] = accessed  # as biblatex and newer styles know it
    lines = [f"@{entry}{{{citation.key},"]
    for name, text in fields.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            continue
        value = text if name in _ADDRESSES else escaped(text)
        if name == "month" and value.casefold() in _MONTHS:  # BibTeX's macros go without braces
            lines.append(f"  month = {value.casefold()},")
        else:
            lines.append(f"  {name} = {{{f'{{{value}}}' if name == 'title' else value}}},")
    return "\n".join([*lines, "}"])


def sentence(citation: Citation, accessed: str | None = None) -> str:
    """Return one line: authors (year). Title. Where, volume, number, pages. Identifier.

    Authors are parted by semicolons, having commas inside.
    """
    fields = citation.fields
    people = authors_of(citation)
    who = "; ".join(_last_first(one) for one in people if one != _OTHERS)
    who += " et al." if _OTHERS in people else ""
    year = f"({fields['year']})" if "year" in fields else ""
    where = [fields[key] for key in ("journal", "booktitle", "publisher") if key in fields][:1]
    numbers = [fields[key] for key in ("volume", "number", "pages") if key in fields]
    parts = [
        f"{who} {year}".strip(),
        _plain(fields.get("title", "")),
        _plain(", ".join(where + numbers)),
    ]
    address = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    *before, last = [part for part in (*parts, _without_escapes(address)) if part] or [""]
    ended = [part if part.endswith((".", "?", "!")) else f"{part}." for part in before]
    return " ".join([*ended, last]) + (f" (accessed {accessed})" if accessed else "")


def csl(citation: Citation, accessed: str | None = None) -> dict[str, Any]:
    """Return one item of CSL-JSON 1.0.2, which Zotero, pandoc and other processors read."""
    fields = citation.fields
    item: dict[str, Any] = {"id": citation.key, "type": _KINDS[kind_of(citation)][0]}
    if people := authors_of(citation):
        names = {"literal": "name", "family": "family", "given": "given"}
        names |= {"non-dropping-particle": "particle"}
        item["author"] = [
            {key: part for key, name in names.items() if (part := getattr(one, name))}
            for one in people
        ]
    item |= {name: _readable(one, fields) for one, (name, _) in _FIELDS.items() if one in fields}
    if "pages" in fields:
        item["page"] = _plain(fields["pages"]).replace("–", "-")
    if number := _arxiv(citation):
        del item["container-title"]
        item |= {"publisher": "arXiv", "number": f"arXiv:{number}"}
    if parts := issue_date(citation):
        item["issued"] = {"date-parts": [parts]}
    elif "year" in fields:
        item["issued"] = {"literal": _plain(fields["year"])}
    if accessed:
        item["accessed"] = {"date-parts": [[int(part) for part in accessed.split("-")]]}
    return item


def ris(citation: Citation, accessed: str | None = None) -> list[str]:
    """Return the lines of one RIS record, without their ends."""
    fields = dict(citation.fields)
    number = _arxiv(citation)
    if number:
        fields |= {"journal": "", "publisher": "arXiv"}
    people = authors_of(citation)
    year, month, day = (*(f"{part:02}" for part in issue_date(citation)), "", "", "")[:3]
    lines = [("TY", _KINDS[kind_of(citation)][1]), ("ID", citation.key)]
    lines += [("AU", _last_first(one)) for one in people if one != _OTHERS]
    for field, (_, tag) in _FIELDS.items():
        lines.append((tag, _readable(field, fields)))
        if field == "title":
            lines.append(("PY", year or _plain(fields.get("year", ""))))
            lines.append(("DA", f"{year}/{month}/{day}/" if month else ""))  # and /other
    lines.append(("M1", f"arXiv:{number}" if number else ""))
    first, _, last = fields.get("pages", "").replace("--", "-").partition("-")
    lines += [("SP", _plain(first)), ("EP", _plain(last))]
    if _OTHERS in people:  # RIS has no `et al.`
        lines.append(("N1", "There are further authors, whom the source does not name"))
    lines.append(("Y2", (accessed or "").replace("-", "/")))
    texts = [(tag, " ".join(value.split())) for tag, value in lines]
    return [*(f"{tag}  - {text}" for tag, text in texts if text), "ER  - "]


_MARKS = dict(
    zip(
        "`'^~\"=.uvHckr",
        "\u0300\u0301\u0302\u0303\u0308\u0304\u0307\u0306\u030c\u030b\u0327\u0328\u030a",
        strict=True,
    )
)
_LETTERS = {"ss": "ß", "aa": "å", "AA": "Å"}
_LETTERS |= {"o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "i": "ı"}
_LETTERS |= {"ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ"}
_ACCENT = r"""\\(?:([`'^~"=.])\s*|([uvHckr])(?:\s+|(?=[{])))(?:[{]\\?([A-Za-z])[}]|\\?([A-Za-z]))"""
_LETTER = r"\\(ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i)(?:[{][}]|\s+|(?![A-Za-z]))"
_ESCAPED = r"\\([&%$#_{}])"
_BARE = re.compile(r"\\url\{[^{}]*\}|\\.|\\$|\$[^$]*\$|[&%#_$^]", re.DOTALL)
_WRITTEN = {"^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
_LONE = {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}


def _readable(field: str, fields: Mapping[str, str]) -> str:
    text = fields.get(field, "")
    return _without_escapes(text) if field in _ADDRESSES else _plain(text)


def _plain(value: str) -> str:
    """Return a value as people read it: without braces, TeX's escapes, ties and dash of two."""
    text = re.sub(_ESCAPED, lambda found: f"\x00{ord(found[1])}\x00", value)
    text = re.sub(
        _ACCENT,
        lambda found: unicodedata.normalize(
            "NFC", (found[3] or found[4]) + _MARKS[found[1] or found[2]]
        ),
        text,
    )
    text = re.sub(_LETTER, lambda found: _LETTERS[found[1]], text)
    text = re.sub("[{}]", "", text).replace("~", " ").replace("--", "–")
    return re.sub(r"\x00(\d+)\x00", lambda found: chr(int(found[1])), text)


def _without_escapes(value: str) -> str:
    """Return an address or a DOI: of TeX only escapes go, as `~` and `--` are parts of it."""
    return re.sub(_ESCAPED, r"\1", value)


def escaped(value: str) -> str:
    """Return a value that may stand in a .bib file's braces; what is TeX already stays.

    A brace that has no partner is spelt out: it would swallow all entries behind it.
    """
    waiting: list[re.Match[str]] = []
    lone: list[re.Match[str]] = []
    for brace in re.finditer(r"\\?([{}])", value):
        if brace[1] == "{":
            waiting.append(brace)
        elif waiting:
            waiting.pop()
        else:
            lone.append(brace)
    for brace in sorted(lone + waiting, key=re.Match.start, reverse=True):
        value = value[: brace.start()] + _LONE[brace[1]] + value[brace.end() :]
    return _BARE.sub(
        lambda sign: sign[0] if len(sign[0]) > 1 else _WRITTEN.get(sign[0], f"\\{sign[0]}"), value
    )
