"""What the shell may complete: ids, releases and the words of options; never the network.

And what was probably meant where one of them was mistyped.
"""

import difflib
import os
from collections.abc import Iterable, MutableMapping
from pathlib import Path

from covcat import catalog
from covcat.errors import CovcatError
from covcat.model import MODALITIES, Resource

_ALIKE = 0.6  # as in difflib.get_close_matches
_CUT = "_COVCAT_CUT"  # what bash keeps of the word, and wants left out of each answer


def join_words(environ: MutableMapping[str, str]) -> None:
    """Undo, where bash asks, that it takes `cohen@0.1` and `--modality=ct` for three words each.

    COMP_WORDBREAKS has `@` and `=` in it, unless the user took them out. What stands before the
    `@` is kept, and the answer put behind it; so the answer must be `@0.1`, not `cohen@0.1`.
    """
    if environ.get("_COVCAT_COMPLETE") != "complete_bash":
        return
    try:
        words, at = environ["COMP_WORDS"].split("\n"), int(environ["COMP_CWORD"])
    except (KeyError, ValueError):
        return
    joined: list[str] = []
    breaks = ("@", "=")
    for word in words[: at + 1]:
        if joined and (word in breaks or joined[-1][-1:] in breaks):
            joined[-1] += word
        else:
            joined.append(word)
    if len(joined) == len(words[: at + 1]):
        return
    if "@" in joined[-1]:
        environ[_CUT] = joined[-1].rpartition("@")[0]
    environ["COMP_WORDS"] = "\n".join(joined)
    environ["COMP_CWORD"] = str(len(joined) - 1)


def ids(incomplete: str) -> list[str]:
    """Return the ids that start so, or the releases of one after its `@`."""
    known = _resources()
    if "@" not in incomplete:
        return [one.id for one in known if one.id.startswith(incomplete)]
    names = [f"{one.id}@{release.id}" for one in known for release in one.releases]
    cut = os.environ.get(_CUT, "")
    return [_Rest(name.removeprefix(cut)) for name in names if name.startswith(incomplete)]


class _Rest(str):
    """The end of an answer: typer would drop it, as it does not start with what was typed."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """Say that it does: `ids` has looked at the whole answer."""
        return True


def _resources() -> tuple[Resource, ...]:
    """Return the resources of the packaged catalog and of COVCAT_CATALOG, if that can be read."""
    own = os.environ.get("COVCAT_CATALOG", "").split(os.pathsep)
    try:
        return tuple(catalog.load(tuple(Path(one) for one in own if one)).resources)
    except (CovcatError, OSError):  # to complain is the command's part, not the Tab key's
        return tuple(catalog.load().resources)


def modalities(incomplete: str) -> list[str]:
    """Return the modalities that start so."""
    return [word for word in MODALITIES if word.startswith(incomplete)]


def contents(incomplete: str) -> list[str]:
    """Return the words of --has."""
    return [word for word in ("metadata", "case-review") if word.startswith(incomplete)]


def uses(incomplete: str) -> list[str]:
    """Return the words of --license-allows."""
    words = ("commercial", "derivatives", "redistribution")
    return [word for word in words if word.startswith(incomplete)]


def accesses(incomplete: str) -> list[str]:
    """Return the words of --access."""
    return [word for word in ("open", "account", "browse") if word.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """Return the words of --format."""
    words = ("table", "tsv", "csv", "json", "yaml", "ids")
    return [word for word in words if word.startswith(incomplete)]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that was probably meant, or None if none is like it."""
    scored = [(_likeness(word, one), one) for one in known]
    best = max((one for one in scored if one[0] >= _ALIKE), default=None, key=lambda one: one[0])
    return best[1] if best else None


def _likeness(word: str, known: str) -> float:
    """Return 0 to 1; a common beginning counts more, as in Jaro-Winkler: it is seldom mistyped."""
    begun = sum(word[:end] == known[:end] for end in range(1, min(4, len(word), len(known)) + 1))
    ratio = difflib.SequenceMatcher(None, known, word).ratio()
    return ratio + 0.1 * begun * (1 - ratio)


def meant(option: str, word: str, known: Iterable[str]) -> str:
    """Return the hint for a value that `option` does not take."""
    values = list(known)
    near = nearest(word, values)
    return f"did you mean `{option} {near}`?" if near else f"such as {option} {values[0]}"
