"""What somebody meant by a word that covcat does not have: another command, a release, an address.

It is done where one reading alone is left and nothing can be lost by it; else a hint says it.
"""

from collections.abc import Sequence
from itertools import pairwise
from shlex import join
from typing import TYPE_CHECKING

from covcat.errors import NotFoundError

if TYPE_CHECKING:  # commands that ask for no entry need not wait for these
    from covcat.catalog.entries import Resource
    from covcat.catalog.load import Catalog

# As other programs call them; `ls` and `stats` are near enough to be found by their letters.
_COMMANDS = {
    **dict.fromkeys(("rm", "delete", "uninstall", "del", "drop"), "remove"),
    **dict.fromkeys(("download", "get", "pull", "install", "clone", "add"), "fetch"),
    **dict.fromkeys(("info", "describe", "view", "about"), "show"),
    **dict.fromkeys(("open", "where", "cd", "locate"), "path"),
    **dict.fromkeys(("find", "grep", "query"), "search"),
    **dict.fromkeys(("check", "validate", "repair"), "verify"),
    **dict.fromkeys(("unzip", "unpack", "untar"), "extract"),
    **dict.fromkeys(("bibtex", "citation", "reference"), "cite"),
    **dict.fromkeys(("licence", "terms"), "license"),
    **dict.fromkeys(("clean", "prune", "gc"), "cache prune"),
    **dict.fromkeys(("config", "settings", "env"), "paths"),
    **dict.fromkeys(("cohort", "filter"), "select"),
    "export": "manifest export",
    "freeze": "lock",
    "version": "--version",
}
_UPDATE = (
    "`pip install -U covcat` brings a newer catalog, `covcat fetch ID` its newer release, "
    "`covcat outdated` tells what is newer"
)
_MODALITIES = {"ct": "ct", "xray": "xray", "x-ray": "xray", "cxr": "xray", "mri": "mri"}
_MODALITIES |= {"ultrasound": "ultrasound", "us": "ultrasound", "pocus": "ultrasound"}
_OF_ALL = ("verify", "images", "counts", "select", "lock", "license")  # without a name


def command(word: str, rest: Sequence[str]) -> str | None:
    """Return the hint for a word that no command is called, if it is known what it means."""
    if word.lower() in ("update", "upgrade"):
        return _UPDATE
    meant = _COMMANDS.get(word.lower())
    return f"did you mean `covcat {meant} {join(rest)}".rstrip() + "`?" if meant else None


def more(catalog: "Catalog", words: Sequence[str], extra: Sequence[str]) -> str | None:
    """Return the hint where a command got more words than it takes."""
    if words[0] != "list":
        return release(catalog, words)
    chosen = [_MODALITIES[one.lower()] for one in extra if one.lower() in _MODALITIES]
    if len(chosen) == len(extra):
        return join(["covcat", "list", *(f"--modality={one}" for one in chosen)])
    return join(["covcat", "search", *extra])


def release(catalog: "Catalog", words: Sequence[str]) -> str | None:
    """Return the hint for `fetch cohen 0.1`: a name and the id of one of its releases."""
    for at, (word, other) in enumerate(pairwise(words)):
        known = [one for one in catalog.resources if word.casefold() in (one.id, *one.aliases)]
        if known and other in {one.id for one in known[0].releases}:
            return join(["covcat", *words[:at], f"{word}@{other}", *words[at + 2 :]])
    return None


def resource(catalog: "Catalog", name: str, words: Sequence[str]) -> "Resource | None":
    """Return the one entry of a DOI or an address; None if the name is neither.

    Raises:
        NotFoundError: it is of several, or the hint knows what was meant.
    """
    hint = release(catalog, words)
    if name.casefold() == "all" and words[:1] and words[0] in ("fetch", *_OF_ALL):
        hint = f"covcat {words[0]}" + " --all" * (words[0] == "fetch")
    if hint is not None:
        raise NotFoundError(f"the catalog has no resource `{name}`", hint=hint)
    if "/" not in name:
        return None
    from covcat.hosts import known

    if not known.is_address(name):
        return None
    found = known.entries_of(catalog.resources, name)
    if len(found) > 1:
        ids = [one.id for one in found]
        raise NotFoundError(
            f"`{name}` is of {len(ids)} resources: {', '.join(ids)}", hint=f"covcat show {ids[0]}"
        )
    if not found:
        raise NotFoundError(
            f"no entry of the catalog is of `{name}`", hint="covcat search WORD, or covcat list"
        )
    return found[0]
