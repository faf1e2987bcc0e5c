"""Which resources another one is made of, and which entries a list of them needs. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from covcat.catalog.entries import Citation, Resource


def upstream(wanted: Iterable[Resource], known: Mapping[str, Resource]) -> list[Resource]:
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


def distinct(citations: Iterable[Citation]) -> list[Citation]:
    """Return each work once; two that share a key and differ get a letter behind it.

    To BibTeX keys that differ only in capitals are the same.
    """
    found: dict[str, Citation] = {}
    for one in citations:
        key, letter = one.key, ord("a")
        while key.casefold() in found and _work(found[key.casefold()]) != _work(one):
            key, letter = f"{one.key}{chr(letter)}", letter + 1
        found.setdefault(key.casefold(), replace(one, key=key))
    return list(found.values())


def _work(citation: Citation) -> tuple[str, dict[str, str]]:
    return citation.entry, citation.fields


def is_site(citation: Citation) -> bool:
    """Tell what may be another thing tomorrow: an address without a DOI that nobody published."""
    has_doi = "doi" in citation.fields
    return citation.entry == "misc" and "url" in citation.fields and not has_doi
