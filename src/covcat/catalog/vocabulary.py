"""Raw values of label tables -> the words of the image index. Pure but for reading the words.

What a rule cannot tell stays blank: the raw value is kept beside it. The words themselves are in
`catalog/vocabulary/terms.yaml`.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

from covcat.catalog import yaml
from covcat.catalog.entries import USES
from covcat.catalog.yaml import packaged_catalog

JOINED = "; "  # between several findings
ANY = "*"  # in a table's own words: whatever stands there
LISTS = {  # labels that have a list of words, each with its name
    "finding": "findings",
    "view": "views",
    "modality": "modalities",
    "sex": "sexes",
    "split": "splits",
    **dict.fromkeys(("survival", "icu", "intubated", "pcr"), "answers"),
}
DENIALS = ("negative", "non-COVID")  # what a table's own words may say of a finding, too
LEVEL = "/"  # between the levels of a hierarchy
_PARTS = re.compile(r"[,;|]|\s(?=without\s)", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")  # of a list as Python writes it
_LONGEST_DENIAL = 200  # letters; longer ones are prose
_CREATIVE_COMMONS = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(?P<kind>[a-z-]+)/(?P<version>[0-9.]+)(?P<ported>/[a-z]{2})?|publicdomain/zero/1\.0)"
    r"(?:/(?:deed|legalcode)[a-z._-]*)?/?",
    re.IGNORECASE,
)
_APACHE = re.compile(
    r"https?://(?:www\.)?apache\.org/licenses/license-2\.0(?:\.\w+)?/?", re.IGNORECASE
)
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,6})?")
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-") | {"\u00ad": None})
_BETWEEN = re.compile(r"(?<=[^\s_-])[\s_-]+(?=[^\s_-])")  # what does not tell words apart
_EDGES = re.compile(r"^[\s_]+|[\s_]+$")
_LONGEST_BLANK = 20  # letters; nothing longer is a place holder


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
    above: Mapping[str, str]  # finding -> what it is a kind of
    unspecific: frozenset[str]
    denied: re.Pattern[str]  # what is not there: `no pneumonia`
    licenses: Mapping[str, Terms]


@cache
def words() -> Words:
    """Read the vocabulary that comes with covcat."""
    path = packaged_catalog() / "vocabulary" / "terms.yaml"
    tree, _ = yaml.parse(yaml.read(path), str(path))
    tree["answers"] = {word: tree[word] for word in ("yes", "no")}
    lists = {
        kind: {plain(word): term for term, known in tree[kind].items() for word in known}
        for kind in dict.fromkeys(LISTS.values())
    }
    licenses = {
        plain(word): Terms(one.get("spdx", ""), {use: one[use] for use in USES})
        for one in tree["licenses"]
        for word in one["words"]
    }
    return Words(
        frozenset(map(plain, tree["placeholders"])),
        lists,
        {kind: term for term, kinds in tree["kinds"].items() for kind in kinds},
        frozenset(map(plain, tree["unspecific"])),
        _denying(tree["denied"]["before"], tree["denied"]["after"]),
        licenses,
    )


def _denying(before: list[str], after: list[str]) -> re.Pattern[str]:
    """Return what finds the denied part; the longest words first, `no evidence of` before `no`."""
    sides = (sorted(map(re.escape, words), key=len, reverse=True) for words in (before, after))
    first, last = map("|".join, sides)
    return re.compile(rf"(?:{first})\s+(.+)|(.+)\s+(?:{last})", re.IGNORECASE | re.DOTALL)


def plain(text: str) -> str:
    """Return a text as words are compared: without case, blanks, hyphens and `_`.

    A number stays what it is: -1 keeps its sign, and 1.0, as pandas writes 1, is 1. A hyphen at
    an end is a sign, too: `COVID-` says that it is none.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_DASHES).casefold()
    if any(map(str.isalpha, folded)):
        return _BETWEEN.sub("", _EDGES.sub("", folded))
    number = " ".join(folded.split())
    whole = _WHOLE.fullmatch(number)
    return whole[1] if whole else number


def is_blank(raw: str) -> bool:
    """Tell what only holds the place of a value."""
    return len(raw) <= _LONGEST_BLANK and _is_placeholder(raw)


@lru_cache(maxsize=10_000)
def _is_placeholder(raw: str) -> bool:
    text = plain(raw)
    return text in words().placeholders or not text.strip("-")


def findings(raw: str, own: Mapping[str, str] = {}) -> tuple[str, ...]:
    """Return the terms of a finding; none for what the vocabulary does not have.

    Lists give several; of a hierarchy with slashes the last level counts, and what is denied is no
    finding. `own` are words of one table, each with the term that it stands for there.
    """
    known = words().lists["findings"]
    if own:
        known = {**known, **{plain(word): term for word, term in own.items()}}
    if (whole := known.get(plain(raw))) is not None:
        return _each(whole)
    if is_blank(raw):
        return ()
    found: list[str] = []
    for part in _parts(raw):
        last = "" if _denial(part) else part.rpartition(LEVEL)[2]
        found += _each(known.get(plain(part)) or known.get(plain(last), ""))
    return tuple(dict.fromkeys(found))


def _parts(raw: str) -> list[str]:
    """Return what a cell lists: `a, b`, `a; b`, `a|b`, `a without b`, `['a', 'b']`."""
    text = raw.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return _PARTS.split(raw)
    text = text[1:-1]
    quoted = [one or other for one, other in _QUOTED.findall(text)]
    is_quoted = quoted and set(_QUOTED.sub("", text)) <= set(", \n")
    return quoted if is_quoted else _PARTS.split(text)


def _each(term: str) -> tuple[str, ...]:
    return tuple(part for part in term.split(JOINED) if part and part not in DENIALS)


@cache
def path_of(finding: str) -> str:
    """Return a term below those that it is a kind of: `Pneumonia/Viral pneumonia/COVID-19`."""
    above = words().above.get(finding)
    return finding if above is None else f"{path_of(above)}{LEVEL}{finding}"


def covid(raw: str, terms: tuple[str, ...], own: Mapping[str, str] = {}) -> str:
    """Say if COVID-19 is among the findings; `no` only where there is another one, or its denial.

    A finding of which one part has no term is `unknown`, unless another part is COVID-19; so is
    one that names COVID-19 beside its denial. The denial of something else, `no effusion`, says
    nothing of it.
    """
    mine = {plain(word): term for word, term in own.items()}
    parts = [
        one
        for part in ([raw] if plain(raw) in mine else _parts(raw))
        for one in mine.get(plain(part), "" if is_blank(part) else part).split(JOINED)
        if one
    ]
    is_denied = any("COVID-19" in _denied_in(part, own) or _is_denial(part) for part in parts)
    if "COVID-19" in terms:
        return "unknown" if is_denied else "yes"
    is_known = all(findings(part, own) or _is_denial(part) or _denial(part) for part in parts)
    return "no" if is_known and (terms or is_denied) else "unknown"


def _is_denial(part: str) -> bool:
    """Tell if a word, or a level of a path, says what it is not."""
    return any(plain(level) in words().unspecific for level in part.split(LEVEL))


def _denial(part: str) -> str:
    """Return what a part of a finding denies, as it is written: `effusion` of `no effusion`."""
    if len(part) > _LONGEST_DENIAL or plain(part) in words().lists["findings"]:
        return ""
    found = words().denied.fullmatch(part.strip())
    return (found[1] or found[2]) if found else ""


def _denied_in(part: str, own: Mapping[str, str]) -> tuple[str, ...]:
    return findings(denied, own) if (denied := _denial(part)) else ()


def only_denies(raw: str, own: Mapping[str, str] = {}) -> bool:
    """Tell if a finding says of terms that they are not there, and nothing else."""
    return all(is_blank(part) or _denied_in(part, own) for part in _parts(raw))


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
    """Return what a license's name or address says; of an unknown or blank one nothing is known."""
    text = raw.strip()
    if _APACHE.fullmatch(text):
        text = "apache 2.0"
    elif found := _CREATIVE_COMMONS.fullmatch(text):
        kind, version, ported = found.group("kind", "version", "ported")
        text = f"cc {kind} {version}" if kind else "cc0"
        if ported or plain(text) not in words().licenses:  # all versions of a kind have its terms
            terms = words().licenses.get(plain(f"cc {kind}"), Terms())
            return Terms("", terms.allows)
    return words().licenses.get(plain(text), Terms())
