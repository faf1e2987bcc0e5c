"""A folder too many or too few: where what was brought has to lie, judged by what the entry names.

A person gives the folder above the one that the entry knows, or one below it. Its label tables and
globs of pictures show which it is; where they do not show it without doubt, all stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from covcat.catalog.entries import LabelTable, Release, Resource
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


@dataclass(frozen=True, slots=True)
class Move:
    """Out of the folder in which all lies, into the one that the entry has before its paths."""

    out_of: str = ""  # with its last slash
    into: str = ""

    def __call__(self, path: str) -> str:
        """Return where a path goes."""
        return self.into + path.removeprefix(self.out_of)

    @property
    def levels(self) -> int:
        """How many folders are dropped and made."""
        return self.out_of.count("/") + self.into.count("/")

    @property
    def in_words(self) -> str:
        """Say what is done."""
        out_of = f"taken out of `{self.out_of}`" if self.out_of else ""
        into = f"put into `{self.into}`" if self.into else ""
        return " and ".join(filter(None, (out_of, into)))


_STAY = Move()


def put_right(build: Build, parts: list[Piece]) -> list[Piece]:
    """Move what came to where the entry expects it, and say so; warn of tables that are not there.

    Only what no listing or digest pins is moved, and only all of it together.
    """
    resource, release = build.resource, build.release
    if len(parts) == 1 and _may_move(parts[0]):
        (part,) = parts
        folder = part.served.folder
        paths = [one.path.removeprefix(folder) for one in part.files]
        move, seen = judged(paths, _named(resource, release, folder))
        if move != _STAY:
            parts = [_moved(build, part, move)]
            build.say(f"{move.in_words}, since the entry names `{folder}{seen}`")
    _warn_of_absent(build, [one.path for part in parts for one in part.files])
    return parts


def _may_move(part: Piece) -> bool:
    """Tell an archive or folder of which nobody says how it was."""
    is_pinned = isinstance(part.file, GitHubFile) and part.file.tree is not None
    is_known = is_pinned or part.transfer.verified_by not in UNPUBLISHED
    return part.transfer.is_archive and not part.served.own_folder and not is_known


def _named(resource: Resource, release: Release, folder: str) -> list[Named]:
    """Return what an entry names below a folder: each label table, the images, the pictures."""
    tables = _tables(resource, release)
    images = tuple(one.path for one in tables if one.reader in OF_IMAGES)
    pictures = resource.pictures.include if resource.pictures else ()
    named = [Named((one.path,)) for one in tables if one.reader not in OF_IMAGES]
    named += [Named(images, of_pictures=True), Named(pictures, of_pictures=True)]
    inside = [
        Named(tuple(one.removeprefix(folder) for one in globs if one.startswith(folder)), is_so)
        for globs, is_so in named
    ]
    return [one for one in inside if one.globs]


def _tables(resource: Resource, release: Release) -> list[LabelTable]:
    return [one for one in resource.tables if not one.releases or release.id in one.releases]


# ---- judging: pure -----------------------------------------------------------------------------


def judged(paths: Sequence[str], named: Sequence[Named]) -> tuple[Move, str]:
    """Return the move after which most of what the entry names is there, and what it is made for.

    It has to keep all that is there without it, and be the only one that moves so little.
    """
    few = _some_of_each_kind(paths)
    before = _there(few, named)
    best, most, is_only = _STAY, before, True
    # every way out of the folders in which all lies, and into those of the globs
    around = common_folder(few).split("/")[:-1]
    outs = ["", *("/".join(around[:count]) + "/" for count in range(1, len(around) + 1))]
    intos = dict.fromkeys(
        ["", *(at for one in named for glob in one.globs for at in _folders(glob))]
    )
    moves = [Move(out, into) for out in outs[: _MOST_LEVELS + 1] for into in intos if out != into]
    for move in moves if len(before) < len(named) else ():
        found = _there([move(path) for path in few], named)
        if not before < found or any(map(unsafe_name, map(move, paths))):
            continue
        gain, known = (len(found), -move.levels), (len(most), -best.levels)
        if best == _STAY or gain > known:
            best, most, is_only = move, found, True
        elif gain == known:
            is_only = False
    if best == _STAY or not is_only:
        return _STAY, ""
    return best, named[min(most - before)].globs[0]


def _some_of_each_kind(paths: Iterable[str]) -> list[str]:
    """Return enough files to judge by: thousands of pictures in a folder are alike."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        place = PurePosixPath(path)
        alike = kinds[str(place.parent), place.suffix]
        if len(alike) < _ALIKE:
            alike.append(path)
    return [path for alike in kinds.values() for path in alike]


def _there(paths: Sequence[str], named: Sequence[Named]) -> set[int]:
    """Return the numbers of those of which a path matches any glob."""
    known, pictures = set(paths), [path for path in paths if path.lower().endswith(IMAGE_SUFFIXES)]
    return {
        number
        for number, (globs, of_pictures) in enumerate(named)
        if not known.isdisjoint(globs)
        or any(matches(path, globs) for path in (pictures if of_pictures else paths))
    }


def _folders(glob: str) -> Iterator[str]:
    """Give the folders that a glob begins with, without wildcards: `a/` and `a/b/` of `a/b/*`."""
    parts = glob.split("/")[:-1]
    for count, part in enumerate(parts, 1):
        if set(part) & set("*?["):
            return
        yield "/".join(parts[:count]) + "/"


# ---- moving, and telling -----------------------------------------------------------------------


def _moved(build: Build, part: Piece, move: Move) -> Piece:
    """Move the files of the only part there is."""
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


def _warn_of_absent(build: Build, paths: Sequence[str]) -> None:
    """Name the label tables of the entry that are not among the files, and what looks like one."""
    for table in _tables(build.resource, build.release):
        if table.reader in OF_IMAGES or any(matches(path, [table.path]) for path in paths):
            continue
        alike = [one for one in paths if matches(one, [f"*/{table.path}"])]
        where = f"; `{alike[0]}` may be it, in a folder too many" if len(alike) == 1 else ""
        build.say(
            f"warning: the label table `{table.path}` that the entry names is not among "
            f"the files{where}"
        )
