"""What the shell may complete: ids, releases and the words of options; never the network.

And what was probably meant where one of them was mistyped.
"""

import os
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from covcat.errors import CovcatError
from covcat.text import nearest

if TYPE_CHECKING:
    from covcat.catalog.entries import Resource

_ON_DISK = (
    *("counts", "export", "images", "lock", "manifest export", "manifest show", "outdated", "path"),
    *("remove", "select", "split", "verify"),
)
_CUT = "_COVCAT_CUT"  # what bash keeps of the word, and wants left out of each answer


def join_words(environ: MutableMapping[str, str]) -> None:
    """Undo, where bash asks, that it takes `cohen@0.1` and `--modality=ct` for three words each.

    COMP_WORDBREAKS has `@` and `=` in it, unless the user took them out. What stands before the
    `@` is kept, and the answer put behind it; so the answer must be `@0.1`, not `cohen@0.1`.
    """
    if environ.get("_COVCAT_COMPLETE") != "complete_bash":
        return
    try:
        words = environ["COMP_WORDS"].split("\n")[: int(environ["COMP_CWORD"]) + 1]
    except (KeyError, ValueError):
        return
    joined: list[str] = []
    for word in words:
        if joined and (word in ("@", "=") or joined[-1][-1:] in ("@", "=")):
            joined[-1] += word
        else:
            joined.append(word)
    if len(joined) == len(words):
        return
    if "@" in joined[-1]:
        environ[_CUT] = joined[-1].rpartition("@")[0]
    environ["COMP_WORDS"] = "\n".join(joined)
    environ["COMP_CWORD"] = str(len(joined) - 1)


class _Rest(str):
    """The end of an answer: typer would drop it, as it does not start with what was typed."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """Say that it does: `ids` has looked at the whole answer."""
        return True


def ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids that start so, or the releases of one after its `@`.

    Where a command works with what is on disk, they are those that are there.
    """
    from covcat.store.folder import Store

    top, names = ctx.find_root().params, []
    if ctx.command_path.partition(" ")[2] in _ON_DISK:
        with suppress(CovcatError, OSError):  # to complain is the command's part
            store = Store(Path(top.get("data_dir") or "covcat-data"))
            names += [f"{id}@{release}" for id, release, _ in store.releases()]
            names += [name for name, _ in store.waiting()] if ctx.info_name == "remove" else []
    else:
        for one in _resources(ctx):  # what is only to be looked at has no release
            names += [f"{one.id}@{release.id}" for release in one.releases] or [one.id]
    if "@" not in incomplete:
        known = dict.fromkeys(name.partition("@")[0] for name in names)
        return [id for id in known if id.startswith(incomplete)]
    cut = os.environ.get(_CUT, "")
    return [
        _Rest(name.removeprefix(cut))
        for name in dict.fromkeys(names)
        if name.startswith(incomplete)
    ]


def _resources(ctx: typer.Context) -> "tuple[Resource, ...]":
    from covcat.catalog import load

    try:
        return load.load(tuple(ctx.find_root().params.get("catalog_folders") or ())).resources
    except (CovcatError, OSError):  # to complain is the command's part, not the Tab key's
        return load.load().resources


def licenses(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the licences of the catalog as `list` prints them."""
    known = sorted({one.license.short for one in _resources(ctx)})
    return [name for name in known if name.casefold().startswith(incomplete.casefold())]


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Make what completes one of these words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def columns(incomplete: str) -> list[str]:
    """Return the columns of the image index that go on with a list of them: `path,vi`."""
    from covcat.catalog.columns import NAMES

    before, comma, last = incomplete.rpartition(",")
    chosen = before.split(",")
    known = [name for name in NAMES if name.startswith(last) and name not in chosen]
    return [f"{before}{comma}{name}" for name in known]


def terms(kind: str) -> Callable[[str], list[str]]:
    """Make what completes the vocabulary's words of a kind: findings, views and so on.

    One with a space in it would need quotes, which shells forget.
    """

    def offered(incomplete: str) -> list[str]:
        from covcat.catalog import vocabulary

        known = dict.fromkeys(vocabulary.words().lists[kind].values())
        return [word for word in known if word.startswith(incomplete) and " " not in word]

    return offered


def meant(option: str, word: str, known: Iterable[str]) -> str:
    """Return the hint for a value that `option` does not take."""
    values = list(known)
    near = nearest(word, values)
    return f"did you mean `{option} {near}`?" if near else f"such as {option} {values[0]}"
