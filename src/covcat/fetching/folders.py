"""A folder too many or too few: where what was brought has to lie, judged by what the entry names.

A person gives the folder above the one that the entry knows, or one below it. Its label tables and
globs of pictures show which it is; where they do not show it without doubt, all stays as it is.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, takewhile
from pathlib import PurePosixPath
from typing import NamedTuple

from covcat.catalog.entries import LabelTable
from covcat.catalog.files import GitHubFile
from covcat.catalog.matching import IMAGE_SUFFIXES, OF_IMAGES
from covcat.catalog.selection import matches
from covcat.digests import UNPUBLISHED
from covcat.fetching.base import Build, Piece
from covcat.files import disk_errors, make_folder
from covcat.names import common_folder, unsafe_name

_ALIKE = 50  # files of one suffix in a folder: more of them show no more
_MOST_LEVELS = 4  # of folders that are too many


class Named(NamedTuple):
    """What an entry names: globs, any of which will do."""

    globs: tuple[str, ...]
    of_pictures: bool = False


class Move(NamedTuple):
    """Out of the folder in which all lies, into the one that the entry has before its paths."""

    out_of: str = ""  # with its last slash
    into: str = ""

    def __call__(self, path: str) -> str:
        """Return where a path goes."""
        return self.into + path.removeprefix(self.out_of)


_STAY = Move()


def put_right(build: Build, parts: list[Piece]) -> list[Piece]:
    """Move what came to where the entry expects it, and say so; warn of tables that are not there.

    Only what no listing or digest pins is moved, and only all of it together.
    """
    every, release = build.resource.tables, build.release.id
    tables = [one for one in every if not one.releases or release in one.releases]
    if len(parts) == 1:
        part, folder = parts[0], parts[0].served.folder
        is_pinned = isinstance(part.file, GitHubFile) and part.file.tree is not None
        is_known = is_pinned or part.transfer.verified_by not in UNPUBLISHED
        if part.transfer.is_archive and not part.served.own_folder and not is_known:
            paths = [one.path.removeprefix(folder) for one in part.files]
            move, seen = judged(paths, _named(build, tables, folder))
            if move != _STAY:
                parts = [_moved(build, part, move)]
                out_of = [f"taken out of `{move.out_of}`"] if move.out_of else []
                into = [f"put into `{move.into}`"] if move.into else []
                how = " and ".join(out_of + into)
                build.say(f"{how}, since the entry names `{folder}{seen}`")
    paths = [one.path for part in parts for one in part.files]
    for table in tables:
        if table.reader in OF_IMAGES or any(matches(path, [table.path]) for path in paths):
            continue
        alike = [one for one in paths if matches(one, [f"*/{table.path}"])]
        where = f"; `{alike[0]}` may be it, in a folder too many" if len(alike) == 1 else ""
        build.say(
            f"warning: the label table `{table.path}` that the entry names is not among "
            f"the files{where}"
        )
    return parts


def _named(build: Build, tables: Sequence[LabelTable], folder: str) -> list[Named]:
    """Return what an entry names below a folder: each label table, the images, the pictures."""
    images = tuple(one.path for one in tables if one.reader in OF_IMAGES)
    pictures = build.resource.pictures.include if build.resource.pictures else ()
    named = [Named((one.path,)) for one in tables if one.reader not in OF_IMAGES]
    named += [Named(images, of_pictures=True), Named(pictures, of_pictures=True)]
    inside = [
        Named(tuple(one.removeprefix(folder) for one in globs if one.startswith(folder)), is_so)
        for globs, is_so in named
    ]
    return [one for one in inside if one.globs]


def judged(paths: Sequence[str], named: Sequence[Named]) -> tuple[Move, str]:
    """Return the move after which most of what the entry names is there, and what it is made for.

    It has to keep all that is there without it, and be the only one that moves so little.
    """
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        place = PurePosixPath(path)
        kinds[str(place.parent), place.suffix].append(path)
    few = [path for alike in kinds.values() for path in alike[:_ALIKE]]
    before = _there(few, named)
    # every way out of the folders in which all lies, and into those of the globs
    outs = ["", *accumulate(f"{one}/" for one in common_folder(few).split("/")[:-1])]
    intos = {"": None}
    for glob in (glob for one in named for glob in one.globs):
        plain = takewhile(lambda part: not set(part) & set("*?["), glob.split("/")[:-1])
        intos |= dict.fromkeys(accumulate(f"{part}/" for part in plain))
    ways: list[tuple[int, int, Move, set[int]]] = []
    moves = [Move(out, into) for out in outs[: _MOST_LEVELS + 1] for into in intos if out != into]
    for move in moves if len(before) < len(named) else ():
        found = _there([move(path) for path in few], named)
        if before < found and not any(unsafe_name(move(path)) for path in paths):
            ways.append((len(found), -"".join(move).count("/"), move, found))
    ways.sort(key=lambda way: way[:2], reverse=True)
    if not ways or (len(ways) > 1 and ways[0][:2] == ways[1][:2]):
        return _STAY, ""
    _, _, best, found = ways[0]
    return best, named[min(found - before)].globs[0]


def _there(paths: Sequence[str], named: Sequence[Named]) -> set[int]:
    """Return the numbers of those of which a path matches any glob."""
    known, pictures = set(paths), [path for path in paths if path.lower().endswith(IMAGE_SUFFIXES)]
    return {
        number
        for number, (globs, of_pictures) in enumerate(named)
        if not known.isdisjoint(globs)
        or any(matches(path, globs) for path in (pictures if of_pictures else paths))
    }


def _moved(build: Build, part: Piece, move: Move) -> Piece:
    files, folder = build.folder / "files", part.served.folder
    aside = build.workshop / "moved"
    with disk_errors("put the files where the entry expects them"):
        (files / folder / move.out_of).rename(aside)
        left = [one for one in (files, *files.rglob("*")) if one.is_dir()]
        for one in sorted(left, reverse=True):
            one.rmdir()  # nothing but empty folders is left
        target = files / folder / move.into
        make_folder(target.parent)
        aside.rename(target)
    new = [replace(one, path=folder + move(one.path.removeprefix(folder))) for one in part.files]
    return replace(part, files=tuple(new), transfer=replace(part.transfer, tree=None))
