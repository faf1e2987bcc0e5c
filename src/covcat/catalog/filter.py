"""Which resources pass the filters of `list` and `search`. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from covcat.catalog.citations import fields_of
from covcat.catalog.entries import MODALITIES, Resource
from covcat.catalog.load import Catalog
from covcat.errors import UsageError
from covcat.text import format_size

MODALITY_WORDS = {
    "ct": ("ct", "cat", "tomography"),
    "xray": ("xray", "xr", "cxr", "cr", "dx", "radiograph", "radiography", "röntgen"),
    "mri": ("mri", "mr", "mrt"),
    "ultrasound": ("ultrasound", "us", "pocus", "lus", "sonography"),
}

_MOST = 100_000_000_000  # bytes of a set that nobody named


@dataclass(frozen=True, slots=True)
class Filter:
    """What `list` was asked for: values of one field mean OR, different fields AND."""

    modalities: frozenset[str] = frozenset()
    has: frozenset[str] = frozenset()  # "metadata", "case_review"
    licenses: tuple[str, ...] = ()  # SPDX ids or globs of them
    allows: frozenset[str] = frozenset()  # all of them must be a yes
    access: frozenset[str] = frozenset()
    fetchable: bool = False
    fetched: frozenset[str] | None = None  # ids that are on disk, if that was asked
    with_sample: bool = False
    words: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if nothing was asked for."""
        return self == Filter()


def select(catalog: Catalog, wanted: Filter) -> list[Resource]:
    """Return the resources that pass, in the catalog's order."""
    fetched = wanted.fetched or frozenset()
    tests: list[tuple[object, Callable[[Resource], bool]]] = [  # for what was asked for
        (not wanted.with_sample, lambda one: not one.is_sample),
        (wanted.modalities, lambda one: _holds_any(one, wanted.modalities, wanted.fetchable)),
        (wanted.has, lambda one: _holds_any(one, wanted.has, wanted.fetchable)),
        (wanted.licenses, lambda one: _is_licensed(one, wanted.licenses)),
        (wanted.allows, lambda one: {_allowed(one, use) for use in wanted.allows} == {"yes"}),
        (wanted.access, lambda one: one.access in wanted.access),
        (wanted.fetchable, is_fetchable),
        (wanted.fetched is not None, lambda one: one.id in fetched),
        (wanted.words, lambda one: _has_words(one, wanted.words)),
    ]
    asked = [test for is_asked, test in tests if is_asked]
    return [one for one in catalog.resources if all(test(one) for test in asked)]


def left_out(catalog: Catalog, wanted: Filter) -> dict[str, str]:
    """Return, by id, why a fetch leaves out what passes: it brings what was found, and is offered.

    That is the rule of `--fetchable`; the survey's word is enough to be listed only. What is large
    is fetched by its name alone.
    """
    passing, coming = _passing(catalog, wanted), to_fetch(catalog, wanted)
    asked = [*sorted(wanted.modalities), *sorted(wanted.has)]
    why = {}
    for one in select(catalog, wanted):
        if one in passing and one not in coming:
            why[one.id] = f"of {format_size(_bytes(one))}, by name only"
        elif one not in coming:
            lacking = [flag.replace("_", "-") for flag in asked if getattr(one.found, flag) != "Y"]
            not_found = f"no {' or '.join(lacking)} was found in it"
            why[one.id] = not_found if is_fetchable(one) else "for browsing only"
    return why


def to_fetch(catalog: Catalog, wanted: Filter) -> list[Resource]:
    """Return what a fetch brings for a filter."""
    return [one for one in _passing(catalog, wanted) if _bytes(one) <= _MOST]


def _passing(catalog: Catalog, wanted: Filter) -> list[Resource]:
    return select(catalog, replace(wanted, fetchable=True))


def _bytes(resource: Resource) -> int:
    release = resource.default_release
    return release.contents.bytes if release and release.contents else 0


def unclear_for(catalog: Catalog, wanted: Filter) -> list[Resource]:
    """Return what would pass but for uses of which nobody knows if its licence allows them."""
    if not wanted.allows:
        return []
    others = select(catalog, replace(wanted, allows=frozenset()))
    words = [(one, {_allowed(one, use) for use in wanted.allows}) for one in others]
    return [one for one, said in words if "unknown" in said and "no" not in said]


def unknown_for(catalog: Catalog, modalities: Iterable[str]) -> list[str]:
    """Return the ids of which nobody says if they hold any of these; U is not a yes."""
    flags = list(modalities)
    return [
        one.id
        for one in catalog.resources
        if not any(one.has(flag) for flag in flags)
        and any(getattr(one.found, flag) == "U" for flag in flags)
    ]


def _holds_any(resource: Resource, flags: Iterable[str], by_found_only: bool) -> bool:
    """`--fetchable` asks what would arrive, so the survey's word is not enough for it."""
    if by_found_only:
        return any(getattr(resource.found, flag) == "Y" for flag in flags)
    return any(resource.has(flag) for flag in flags)


def _allowed(resource: Resource, use: str) -> str:
    return str(getattr(resource.license.allows, use))


def _is_licensed(resource: Resource, globs: Iterable[str]) -> bool:
    names = (resource.license.spdx.casefold(), resource.license.short.casefold())
    return any(fnmatchcase(name, glob.casefold()) for name in names for glob in globs)


def is_fetchable(resource: Resource) -> bool:
    """True if covcat can fetch it: all but what is for browsing only."""
    return resource.access != "browse" and resource.default_release is not None


def _has_words(resource: Resource, words: Iterable[str]) -> bool:
    """Look for words by their start: `ct` is in CT and covid-ct, and not in "direct".

    X-ray and xray are one word to who searches.
    """
    notes = (resource.license.spdx, resource.license.note or "", *resource.authors)
    fields = [value for one in resource.citation for value in fields_of(one).values()]
    issues = [issue.text for issue in resource.known_issues]
    fixes = [fix.value for fix in resource.corrections]
    names = (resource.id, *resource.aliases, resource.title, resource.organization)
    text = " ".join((*names, resource.summary, *notes, *fields, *issues, *fixes)).casefold()
    plain = text.replace("-", "")
    asked = [word.casefold() for word in words]
    return all(_begins(word, text) or _begins(word.replace("-", ""), plain) for word in asked)


def _begins(word: str, text: str) -> bool:
    before = r"(?<![^\W_])" if word[:1].isalnum() else ""
    return re.search(before + re.escape(word), text) is not None


def modality(word: str) -> str:
    """Return the catalog's word for a modality, from any of its usual names."""
    plain = word.casefold().replace("-", "").replace("_", "").replace(" ", "")
    for known, words in MODALITY_WORDS.items():
        if plain in words:
            return known
    raise UsageError(
        f"unknown modality `{word}`: expected one of {', '.join(MODALITIES)}",
        hint="x-ray, cxr, mrt and us are understood too",
    )
