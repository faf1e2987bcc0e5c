"""Which files of a release are wanted: globs and samples of paths. Pure.

A sample is the first so many paths in the order of their sha256: everybody gets the same one, it
is not the first patients only, and a larger sample holds the smaller one.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from covcat.download.remote import Served
from covcat.store.manifest import Selection

_PIECE = re.compile(r"\[!?\]?[^\]]*\]|.", re.S)  # of a glob: a class of letters, or one letter

Wants = Callable[[str], bool]


def everything(path: str) -> bool:
    """Want every file."""
    del path
    return True


def passes(path: str, selection: Selection) -> bool:
    """Tell if a path passes the globs of a selection."""
    return (not selection.include or matches(path, selection.include)) and not matches(
        path, selection.exclude
    )


def matches(path: str, globs: Iterable[str]) -> bool:
    """Tell if a path matches any glob; `*` matches slashes too."""
    return any(fnmatchcase(path, glob) for glob in globs)


def wanted(selections: Sequence[Selection], paths: Iterable[str]) -> Wants:
    """Return the test for what any of `selections` asks for; none asks for everything.

    `paths` are all that a sample is taken from; without a sample they are not looked at.
    """
    if not selections:
        return everything
    plain = [one for one in selections if one.sample is None]
    sampled: set[str] = set()
    if len(plain) < len(selections):
        known = list(paths)
        for one in selections:
            if one.sample is not None:
                sampled |= sample((path for path in known if passes(path, one)), one.sample)
    return lambda path: path in sampled or any(passes(path, one) for one in plain)


def without_repeats(selections: Sequence[Selection]) -> tuple[Selection, ...]:
    """Leave out what is asked for twice, and samples that larger ones of the same files hold."""
    largest: dict[Selection, int] = {}
    for one in selections:
        files = replace(one, sample=None)
        largest[files] = max(largest.get(files, 0), one.sample or 0)
    kept = [
        one
        for one in selections
        if one.sample is None or one.sample == largest[replace(one, sample=None)]
    ]
    return tuple(dict.fromkeys(kept))


def sample(paths: Iterable[str], count: int) -> set[str]:
    """Return the first `count` paths in the order of their sha256."""
    return set(sorted(paths, key=lambda path: hashlib.sha256(path.encode()).digest())[:count])


Chosen = tuple[Served, tuple[Selection, ...]]  # a file, and what of its members is wanted


def chosen(
    served: Iterable[Served], selections: Sequence[Selection], paths: Collection[str] | None
) -> list[Chosen]:
    """Return which files have to come, and what of those that are archives is wanted.

    `paths` are those of the release's listing. Where there is none, an archive can be chosen by
    its own name, and a sample is one of archives, if there are several.
    """
    everything_served = list(served)
    if not selections:
        return [(one, ()) for one in everything_served]
    is_by_name = paths is None and len(everything_served) > 1
    names = [one.path for one in everything_served]
    wants = wanted(selections, names if is_by_name else paths or names)
    archives = {one.path for one in everything_served if one.unpack != "none"}
    found: list[Chosen] = []
    for one in everything_served:
        if one.unpack == "none":
            is_in = wants(one.path if is_by_name else one.folder + one.name)
            found += [(one, ())] if is_in else []
        elif is_by_name:
            found += _chosen_by_name(one, selections, wants, archives)
        elif any(_may_hold(one.folder, each) for each in selections):
            found.append((one, tuple(selections)))
    return found


def _chosen_by_name(
    one: Served, selections: Sequence[Selection], wants: Wants, names: Collection[str]
) -> list[Chosen]:
    """Choose an archive whole by its name, or because of what its folder may hold.

    A glob that is the name of any archive is none of what lies in them: `*5.rar` opens no other.
    """
    inside: list[Selection] = []
    for each in selections:
        if each.sample is not None or matches(one.path, each.exclude):
            continue
        if not each.include or matches(one.path, each.include):
            inside.append(Selection(exclude=each.exclude))
            continue
        rest = [glob for glob in each.include if not any(fnmatchcase(n, glob) for n in names)]
        if any(_begins_alike(glob, one.folder) for glob in rest):
            inside.append(replace(each, include=tuple(rest)))
    is_sampled = wants(one.path) and any(each.sample is not None for each in selections)
    if is_sampled or any(not each for each in inside):
        return [(one, ())]
    return [(one, tuple(inside))] if inside else []


def _may_hold(folder: str, selection: Selection) -> bool:
    """Tell if anything below `folder` can pass; yes where only its names would show it."""
    return (
        not selection.include
        or not folder
        or any(_begins_alike(glob, folder) for glob in selection.include)
    )


def _begins_alike(glob: str, folder: str) -> bool:
    """Tell if `glob` matches any path that begins with `folder`: some beginning of it does."""
    pieces = _PIECE.findall(glob)
    return any(fnmatchcase(folder, "".join(pieces[:count])) for count in range(1, len(pieces) + 1))
