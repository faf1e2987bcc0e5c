"""What BibTeX's fields mean: who, when, and which kind of work; nothing of how it is printed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from covcat.catalog.cite.tex import plain
from covcat.catalog.entries import Citation

Kind = Literal["article", "preprint", "paper", "dataset", "webpage"]
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHELVES = ("github.com", "gitlab.com", "kaggle.com", "huggingface.co")  # hold data, not pages
_ARXIV = re.compile(r"arxiv\b.*?(\d{4}\.\d{4,5})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Name:
    """A person, or, where `given` and `family` are empty, a body."""

    family: str = ""
    given: str = ""
    particle: str = ""  # van der
    suffix: str = ""  # Jr.
    literal: str = ""

    @property
    def last_first(self) -> str:
        """The name as lists of references sort it: van der Berg, Jan."""
        family = " ".join(part for part in (self.particle, self.family) if part)
        parts = (family, self.given, self.suffix)
        return self.literal or ", ".join(part for part in parts if part)


def split_names(names: str) -> list[str]:
    """Split at each ` and ` that is not inside braces, where it is a part of one name."""
    found, depth, start = [], 0, 0
    for match in re.finditer(r"[{}]|\s+and\s+", names):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
        elif depth == 0:
            found.append(names[start : match.start()])
            start = match.end()
    return [name for name in [*found, names[start:]] if name.strip()]


def authors(citation: Citation) -> tuple[list[Name], bool]:
    """Return who made it, and if there are others who are not named."""
    fields = citation.fields
    if "author" not in fields:
        body = plain(fields.get("organization", ""))
        return ([Name(literal=body)] if body else []), False
    names = split_names(fields["author"])
    has_others = names[-1:] == ["others"]
    return [_name(one) for one in (names[:-1] if has_others else names)], has_others


def _name(text: str) -> Name:
    """Read `Family, Given`, `Family, Jr, Given`, `Given von Family` or `{A Body}`."""
    if text.startswith("{") and text.endswith("}") and "," not in text:
        return Name(literal=plain(text))
    first, *rest = [plain(part.strip()) for part in text.split(",")]
    if rest:
        particle, family = _particle(first.split())
        suffix = rest[0] if len(rest) > 1 else ""
        return Name(family, rest[-1], particle, suffix)
    words = first.split()
    lower = [at for at, word in enumerate(words[:-1]) if at and word[:1].islower()]
    at = lower[0] if lower else len(words) - 1
    particle, family = _particle(words[at:])
    return Name(family, " ".join(words[:at]), particle)


def _particle(words: list[str]) -> tuple[str, str]:
    count = 0
    while count < len(words) - 1 and words[count][:1].islower():
        count += 1
    return " ".join(words[:count]), " ".join(words[count:])


def issued(citation: Citation) -> list[int]:
    """Return year, month and day as far as they are numbers; nothing without a year."""
    return list(_issued(citation))


def _issued(citation: Citation) -> Iterator[int]:
    fields = citation.fields
    if not re.fullmatch(r"\d{4}", fields.get("year", "")):
        return
    yield int(fields["year"])
    month = fields.get("month", "").casefold()[:3]
    if month in MONTHS:
        yield MONTHS.index(month) + 1
        if re.fullmatch(r"\d{1,2}", fields.get("day", "")):
            yield int(fields["day"])


def kind(citation: Citation) -> Kind:
    """Tell what is cited; a `misc` is a page of the web unless somebody published it as data."""
    fields = citation.fields
    if citation.entry == "article":
        return "preprint" if arxiv(citation) else "article"
    if citation.entry == "inproceedings":
        return "paper"
    published = {"doi", "publisher", "version"} & set(fields)
    host = (urlsplit(fields.get("url", "")).hostname or "").removeprefix("www.")
    if citation.entry == "data" or published or not host or host in _SHELVES:
        return "dataset"
    return "webpage"


def arxiv(citation: Citation) -> str | None:
    """Return the arXiv number of what names arXiv as its journal."""
    found = _ARXIV.match(citation.fields.get("journal", ""))
    return found[1] if found else None
