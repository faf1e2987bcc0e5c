"""What the shell may complete: ids, releases and the words of options; never the network.

And what was probably meant where one of them was mistyped.
"""

import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

import typer

from covcat.catalog import load
from covcat.catalog.columns import NAMES
from covcat.catalog.entries import MODALITIES, Resource
from covcat.cli.settings import in_force
from covcat.errors import CovcatError
from covcat.store.folder import Store
from covcat.text import nearest

_ON_DISK = (
    *("counts", "images", "lock", "manifest export", "manifest show", "path", "remove"),
    *("select", "verify"),
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


def ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids that start so, or the releases of one after its `@`.

    Where a command works with what is on disk, they are those that are there.
    """
    if ctx.command_path.partition(" ")[2] in _ON_DISK:
        return _starting(_here(ctx), incomplete)
    known = {one.id: [release.id for release in one.releases] for one in _resources()}
    return _starting(known, incomplete)


def _starting(known: Mapping[str, Iterable[str]], incomplete: str) -> list[str]:
    if "@" not in incomplete:
        return [id for id in known if id.startswith(incomplete)]
    names = [f"{id}@{release}" for id, releases in known.items() for release in releases]
    cut = os.environ.get(_CUT, "")
    return [_Rest(name.removeprefix(cut)) for name in names if name.startswith(incomplete)]


def _here(ctx: typer.Context) -> dict[str, list[str]]:
    """Return the releases by id that are in the data folder, or wait in it to be removed."""
    found: dict[str, list[str]] = {}
    with suppress(CovcatError, OSError):  # to complain is the command's part
        store = Store(_data_dir(ctx))
        pairs = [(one, release) for one, release, _ in store.releases()]
        if ctx.info_name == "remove":
            pairs += [(id, release) for name, _ in store.waiting() for id, release in [_pair(name)]]
        for one, release in pairs:
            if release not in found.setdefault(one, []):
                found[one].append(release)
    return found


def _pair(name: str) -> tuple[str, str]:
    id, _, release = name.partition("@")
    return id, release


def _data_dir(ctx: typer.Context) -> Path:
    """Return what --data-dir says, its variable, or a file of settings."""
    top = ctx.find_root()
    how = top.get_parameter_source("data_dir")
    folder = Path(top.params.get("data_dir") or "covcat-data")
    if how is not None and how.name in ("COMMANDLINE", "ENVIRONMENT"):
        return folder
    with suppress(CovcatError), in_force():
        return Path(os.environ.get("COVCAT_DATA_DIR") or folder)
    return folder


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
        return tuple(load.load(tuple(Path(one) for one in own if one)).resources)
    except (CovcatError, OSError):  # to complain is the command's part, not the Tab key's
        return tuple(load.load().resources)


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Make what completes one of these words."""

    def starting(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return starting


modalities = one_of(*MODALITIES)
contents = one_of("metadata", "case-review")
uses = one_of("commercial", "derivatives", "redistribution")
accesses = one_of("open", "account", "browse")
formats = one_of("table", "tsv", "csv", "json", "yaml", "ids")


def columns(incomplete: str) -> list[str]:
    """Return the columns of the image index that go on with a list of them: `path,vi`."""
    before, comma, last = incomplete.rpartition(",")
    chosen = before.split(",")
    known = [name for name in NAMES if name.startswith(last) and name not in chosen]
    return [f"{before}{comma}{name}" for name in known]


def views(incomplete: str) -> list[str]:
    """Return the words of --view; one with a space in it would need quotes, which shells forget."""
    from covcat.catalog import vocabulary

    known = dict.fromkeys(vocabulary.words().lists["views"].values())
    return [word for word in known if word.startswith(incomplete) and " " not in word]


def meant(option: str, word: str, known: Iterable[str]) -> str:
    """Return the hint for a value that `option` does not take."""
    values = list(known)
    near = nearest(word, values)
    return f"did you mean `{option} {near}`?" if near else f"such as {option} {values[0]}"
