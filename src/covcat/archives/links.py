"""Where the links of an archive lead. Pure: nothing is read or written, no link is ever made."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from covcat.archives.base import ArchiveLink, UnsafeError
from covcat.names import MAX_DEPTH
from covcat.text import plural

MAX_STEPS = 8  # links that one may lead through
MAX_TARGET = 4096  # letters, as PATH_MAX of Linux
_NAMED = 3
Handling = Literal["skip", "copy"]
KnownLinks = dict[tuple[str, str], tuple[str, int]]  # (link, its folder) -> (end, links on the way)
HANDLINGS: tuple[Handling, ...] = get_args(Handling)
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link of an archive claims to stand for: never trusted."""

    target: str | None  # None: it is in the member's bytes, which are still to come
    is_hard: bool = False  # its target starts at the archive's top, not in the link's folder
    number: int = -1  # of the member
    path: str = ""  # that it would have among the files; "" if nobody wants it
    is_copy: bool = False  # RAR's own of a file: of a symbolic link readers take differently


def follow(
    path: str,
    links: Mapping[str, Link],
    known: KnownLinks | None = None,
    folders: Collection[str] | None = None,
) -> str:
    """Return the path in the archive that the link at `path` leads to; "" is the top.

    Whether a member is there is for the caller to look. Links on the way are followed as a kernel
    does: `..` leaves the folder that was reached, not the one that was named; a hard link to a
    symbolic one is that link in another folder, and leads on from there. `known` keeps what was
    followed, so that all of an archive take no longer than their targets are long. `folders` are
    those of the archive, where only what is there may be passed; None: any may be there.

    Raises:
        UnsafeError: it leads outside, too deep, through too many links or no folder, or around.
    """
    folder, _, _ = path.rpartition("/")
    return _follow(path, folder, links, {} if known is None else known, folders, 1)[0]


def folders_of(paths: Iterable[str]) -> set[str]:
    """Return all folders that paths lie in; "" is the top."""
    found = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _follow(
    path: str,
    folder: str,
    links: Mapping[str, Link],
    known: KnownLinks,
    folders: Collection[str] | None,
    depth: int,
) -> tuple[str, int]:
    """Return where a link leads if it lies in `folder`, and the links on the way with itself."""
    if (path, folder) in known:
        return known[path, folder]
    link, steps = links[path], 1
    parts = _parts(path, link)
    reached = folder.split("/") if folder and not link.is_hard else []
    for number, part in enumerate(parts, start=1):
        if part == "..":
            if not reached:
                raise UnsafeError(f"has a link that leads outside: `{path}`")
            _check_folder(reached, folders, path)
            reached.pop()
            continue
        reached.append(part)
        here = "/".join(reached)
        if here in links:
            is_other_name = link.is_hard and number == len(parts)
            if is_other_name and link.is_copy and not links[here].is_hard:
                raise UnsafeError(f"has a copy of a link, which readers take differently: `{path}`")
            at = folder if is_other_name else here.rpartition("/")[0]
            end, more = "", MAX_STEPS
            if depth < MAX_STEPS:
                end, more = _follow(here, at, links, known, folders, depth + 1)
            steps, reached = steps + more, end.split("/") if end else []
        if steps > MAX_STEPS:
            raise UnsafeError(f"has a link through too many others, or to itself: `{path}`")
        if len(reached) > MAX_DEPTH:
            raise UnsafeError(f"has a link that leads deeper than {MAX_DEPTH} levels: `{path}`")
    if (link.target or "").endswith(("/", "/.")):
        _check_folder(reached, folders, path)
    known[path, folder] = "/".join(reached), steps
    return known[path, folder]


def describe_links(links: Sequence[ArchiveLink]) -> str:
    """Say what became of links, naming the first."""
    if not links:
        return ""
    named = ", ".join(f"`{one.path}`" for one in links[:_NAMED])
    copied = "copied as a file" if len(links) == 1 else "copied as files"
    done = copied if links[0].handled == "copied" else "left out"
    return f"{plural(len(links), 'link')} {done}: {named}{' …' if len(links) > _NAMED else ''}"


def _check_folder(reached: list[str], folders: Collection[str] | None, path: str) -> None:
    if folders is not None and "/".join(reached) not in folders:
        raise UnsafeError(f"has a link through a folder that is not in it: `{path}`")


def _parts(path: str, link: Link) -> list[str]:
    """Return the parts of a target that lead somewhere."""
    target = link.target
    if not target or len(target) > MAX_TARGET or not target.isprintable():
        raise UnsafeError(f"has a link without a sound target: `{path}`")
    if target.startswith("/") or "\\" in target or _DRIVE.match(target):
        raise UnsafeError(f"has a link that leads outside: `{path}`")
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if len(parts) > 2 * MAX_DEPTH:  # all the way up and down
        raise UnsafeError(f"has a link that leads deeper than {MAX_DEPTH} levels: `{path}`")
    return parts
