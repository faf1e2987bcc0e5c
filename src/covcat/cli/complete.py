"""What the shell may complete: ids, releases and the words of options; never the network."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from covcat import catalog
from covcat.errors import CovcatError
from covcat.model import MODALITIES, Resource

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
