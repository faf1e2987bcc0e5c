"""Raw values of label tables -> the words of the image index. Pure but for reading the words.

What a rule cannot tell stays blank: the raw value is kept beside it. The words themselves are in
`catalog/vocabulary/terms.yaml`.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from covcat import strict_yaml
from covcat.store import packaged_catalog

JOINED = "; "  # between several findings
ANY = "*"  # in a table's own words: whatever stands there
USES = ("commercial", "derivatives", "redistribution")
LATEST = 29  # 3/16/20 is of 2020; 3/16/99 could be of 1999
_YEAR = r"(?:19|20)[0-9]{2}"
_PARTS = re.compile(r"[,;]")
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,6})?")
_MONTHS = {
    name: number
    for number, name in enumerate(
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        1,
    )
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a license says, as far as its name does."""

    spdx: str = ""
    allows: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(USES, "unknown"))


@dataclass(frozen=True, slots=True)
class Words:
    """All words, by how they are compared."""

    placeholders: frozenset[str]
    lists: Mapping[str, Mapping[str, str]]  # findings, views, … -> {word: term}
    unspecific: frozenset[str]
    licenses: Mapping[str, Terms]


@cache
def words() -> Words:
    """Read the vocabulary that comes with covcat."""
    path = packaged_catalog() / "vocabulary" / "terms.yaml"
    tree, _ = strict_yaml.parse(strict_yaml.read(path), str(path))
    lists = {name: _by_word(tree[name]) for name in ("findings", "views", "modalities", "sexes")}
    lists["splits"] = _by_word(tree["splits"])
    lists["answers"] = _by_word({"yes": tree["yes"], "no": tree["no"]})
    return Words(
        frozenset(map(plain, tree["placeholders"])),
        lists,
        frozenset(map(plain, tree["unspecific"])),
        {plain(word): _terms(one) for one in tree["licenses"] for word in one["words"]},
    )


def _by_word(terms: Mapping[str, Any]) -> dict[str, str]:
    return {plain(word): term for term, known in terms.items() for word in known}


def _terms(one: Mapping[str, Any]) -> Terms:
    return Terms(one.get("spdx", ""), {use: one[use] for use in USES})


def plain(text: str) -> str:
    """Return a text as words are compared."""
    return " ".join(text.replace("_", " ").split()).casefold()


def is_blank(raw: str) -> bool:
    """Tell what only holds the place of a value."""
    return plain(raw) in words().placeholders


def findings(raw: str, own: Mapping[str, str] = {}) -> tuple[str, ...]:
    """Return the terms of a finding; none for what the vocabulary does not have.

    Comma lists give several; of a hierarchy with slashes the last level counts. `own` are words
    of one table, each with the term that it stands for there.
    """
    if is_blank(raw):
        return ()
    known = {**words().lists["findings"], **{plain(word): term for word, term in own.items()}}
    if plain(raw) in known:
        return _each(known[plain(raw)])
    found: list[str] = []
    for part in _PARTS.split(raw):
        found += _each(known.get(plain(part)) or known.get(plain(part.rpartition("/")[2]), ""))
    return tuple(dict.fromkeys(found))


def _each(term: str) -> tuple[str, ...]:
    return tuple(part for part in term.split(JOINED) if part)


def covid(raw: str, terms: tuple[str, ...]) -> str:
    """Say if COVID-19 is among the findings; `no` only where there is another one, or its denial.

    A finding of which one part has no term is `unknown`, unless another part is COVID-19.
    """
    if "COVID-19" in terms:
        return "yes"
    if plain(raw) in words().unspecific:
        return "no"
    parts = [part for part in _PARTS.split(raw) if not is_blank(part)]
    return "no" if terms and len(terms) >= len(parts) else "unknown"


def term(kind: str, raw: str, own: Mapping[str, str] = {}) -> str:
    """Return the word of a list (`views`, `modalities`, `sexes`, `splits`, `answers`), or "".

    `own` are words of one table; `*` stands for each other that is no place holder.
    """
    word = plain(raw)
    mine = {plain(one): own_term for one, own_term in own.items()}
    if word not in mine and ANY in mine and not is_blank(raw):
        return mine[ANY]
    return mine.get(word, words().lists[kind].get(word, ""))


def number(raw: str) -> float | int | None:
    """Return a plain number; `50+`, `early 40s` and the like are none."""
    text = raw.strip()
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return int(value) if value.is_integer() else value


def license(raw: str) -> Terms:
    """Return what a licence's name says; of an unknown or blank one nothing is known."""
    return words().licenses.get(plain(raw), Terms())


def date(raw: str, order: str | None = None) -> str:
    """Return YYYY, YYYY-MM or YYYY-MM-DD, or "" for what is no date or could be two.

    `order` (mdy, dmy, ymd) is what the source means by 1/2/2020.
    """
    text = " ".join(raw.replace(",", " ").split()).casefold()
    if re.fullmatch(_YEAR, text):
        return text
    if found := re.fullmatch(rf"({_YEAR})-?([0-9]{{2}})-?([0-9]{{2}})", text):
        return _day(found[1], found[2], found[3])
    if found := re.fullmatch(rf"([a-z]+)\.? (?:([0-9]{{1,2}}) )?({_YEAR})", text):
        month = _month(found[1])
        return _day(found[3], month, found[2]) if month else ""
    found = re.fullmatch(r"([0-9]{1,4})[/.]([0-9]{1,2})[/.]([0-9]{2,4})", text)
    if found is None or order is None:
        return ""
    parts = dict(zip(order, found.groups(), strict=True))
    year = parts["y"]
    if len(year) == 2 and int(year) <= LATEST:
        year = f"20{year}"
    return _day(year, parts["m"], parts["d"]) if re.fullmatch(_YEAR, year) else ""


def _month(name: str) -> str:
    found = [number for month, number in _MONTHS.items() if month.startswith(name)]
    return str(found[0]) if len(name) >= 3 and len(found) == 1 else ""


def _day(year: str, month: str, day: str | None) -> str:
    try:
        found = datetime.date(int(year), int(month), int(day or 1))
    except ValueError:  # 31 April
        return ""
    return found.isoformat() if day else f"{found:%Y-%m}"
