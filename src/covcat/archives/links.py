"""Where the links of an archive lead. Pure: nothing is read or written, no link is ever made."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from covcat.archives.base import ArchiveLink, UnsafeError
from covcat.text import plural

MAX_STEPS = 8  # links that one may lead through
MAX_TARGET = 4096  # letters, as PATH_MAX of Linux
_NAMED = 3
Handling = Literal["skip", "copy"]
HANDLINGS: tuple[Handling, ...] = get_args(Handling)
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link of an archive claims to stand for: never trusted."""

    target: str | None  # None: it is in the member's bytes, which are still to come
    is_hard: bool = False  # its target starts at the archive's top, not in the link's folder
    number: int = -1  # of the member
    path: str = ""  # that it would have among the files; "" if nobody wants it


def follow(path: str, links: Mapping[str, Link]) -> str:
    """Return the path in the archive that the link at `path` leads to; "" is the top.

    Whether a member is there is for the caller to look. Links on the way are followed as a kernel
    does: `..` leaves the folder that was reached, not the one that was named.

    Raises:
        UnsafeError: it leads outside, through too many links, or in a circle.
    """
    reached = path.split("/")[:-1]
    ahead = _open(path, links[path], reached)
    steps = 1
    while ahead:
        part = ahead.pop()
        if part == ".." and not reached:
            raise UnsafeError(f"has a link that leads outside: `{path}`")
        if part == "..":
            reached.pop()
        elif part not in ("", "."):
            reached.append(part)
            here = "/".join(reached)
            if here in links:
                steps += 1
                if steps > MAX_STEPS:
                    raise UnsafeError(f"has a link through too many others, or to itself: `{path}`")
                reached.pop()
                ahead += _open(path, links[here], reached)
    return "/".join(reached)


def describe_links(links: Sequence[ArchiveLink]) -> str:
    """Say what became of links, naming the first."""
    if not links:
        return ""
    named = ", ".join(f"`{one.path}`" for one in links[:_NAMED])
    done = "copied as files" if links[0].handled == "copied" else "left out"
    return f"{plural(len(links), 'link')} {done}: {named}{' …' if len(links) > _NAMED else ''}"


def _open(path: str, link: Link, reached: list[str]) -> list[str]:
    """Return the parts of a target, the last first; a hard link's are gone from the top."""
    target = link.target
    if not target or len(target) > MAX_TARGET or not target.isprintable():
        raise UnsafeError(f"has a link without a sound target: `{path}`")
    if target.startswith("/") or "\\" in target or _DRIVE.match(target):
        raise UnsafeError(f"has a link that leads outside: `{path}`")
    if link.is_hard:
        reached.clear()
    return target.split("/")[::-1]
