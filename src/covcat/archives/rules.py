"""Which members of an archive are let in, and where they go: all rules on names, kinds and sizes.

Refuse, do not repair: an archive with one unsafe or ambiguous member fails whole, by an error
that names archive and member. Only what is left out by its name need not be safe: it is never
written. Pure: nothing is read or written here.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import escape
from shlex import quote
from typing import NamedTuple

from covcat.archives.base import Member, PasswordError, UnsafeError
from covcat.archives.links import MAX_TARGET, Handling, Link
from covcat.errors import DiskError, ExtractionError
from covcat.names import Paths, is_litter, unsafe_name

MAX_MEMBERS = 700_000  # each costs up to 600 bytes of memory; --max-files allows more
MAX_FOLDERS = 300_000  # names alone can make 64 for each member
MAX_TARGETS = 1 << 24  # letters or bytes of all links' targets: they stay in memory and manifest
_TYPED = 200  # letters of a name that a person may type


@dataclass(frozen=True, slots=True)
class Layout:
    """Which members are wanted, and where they go below the folder that is unpacked to."""

    strip_root: bool = False  # git archives have one root folder, named after the commit
    strip: int = 0  # leading folders that are dropped from every path
    keep: str = ""  # only members below this folder, whose names stay whole
    into: str = ""
    own_folder: str = ""  # a first folder that `into` ends with already, and is not made twice
    include: tuple[str, ...] = ()  # globs; none means all
    exclude: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()  # globs of archives inside, which are unpacked too
    wants: Callable[[str], bool] | None = None  # asked of each path with `into`; None is all
    bars: Callable[[str], bool] | None = None  # likewise: left out by its name, also for links
    litter: Collection[str] | None = None  # the only paths of litter that stay; None is all
    links: Handling | None = None  # that stay inside; None refuses all
    command: str = "covcat fetch"  # whose --exclude leaves out more


class Admitted(NamedTuple):
    """A file member and the relative path at which it will be written."""

    member: Member
    path: str
    is_again: bool = False  # its path came before: it must have the same bytes
    is_nested: bool = False
    is_link: bool = False  # its bytes are the name of what it leads to
    is_spare: bool = False  # nobody wants it, but a link that somebody wants may lead to it


@dataclass(slots=True)
class Budget:
    """How much an archive, with those inside it, may unpack to; what was declared so far."""

    most_bytes: int
    most_members: int = MAX_MEMBERS
    is_free_space: bool = False  # the bound is what the disk has, not what a person allowed
    hint: str | None = None
    bytes: int = 0
    members: int = 0
    targets: int = 0  # letters
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, size: int) -> None:
        """Count bytes that were not declared before."""
        with self._lock:
            self.bytes += size

    def take_target(self, length: int, archive: str) -> None:
        """Count what a link says of where it leads."""
        with self._lock:
            self.targets += length
        if self.targets > MAX_TARGETS:
            raise ExtractionError(
                f"`{archive}` is refused as unsafe: its links have targets of more than "
                f"{MAX_TARGETS:,} letters together"
            )

    def check(self, archive: str) -> None:
        """Stop a bomb by what it declares."""
        if self.members > self.most_members:
            raise ExtractionError(
                f"`{archive}` has more members than allowed: expected at most "
                f"{self.most_members:,}, got at least {self.members:,}",
                hint=self.hint,
            )
        if self.bytes > self.most_bytes:
            larger = f"`{archive}` unpacks to {self.bytes:,} bytes or more: expected at most "
            if self.is_free_space:
                raise DiskError(f"{larger}the {self.most_bytes:,} that are free", hint=self.hint)
            raise ExtractionError(f"{larger}{self.most_bytes:,}", hint=self.hint)


class Rules:
    """Lets the members of one archive in, in their order; `close` has the last word."""

    def __init__(self, archive: str, layout: Layout, budget: Budget) -> None:
        """`archive` is its name in messages."""
        self.archive, self.layout, self.budget = archive, layout, budget
        self.left_out = 0  # files that the layout does not want
        self.litter = 0  # files of desktops and version control that do not stay
        self.links: dict[str, Link] = {}  # by their names in the archive
        self.places: dict[str, str] = {}  # of files that links may lead to, by their names
        self._links_at = set[str]()
        self._has_files = False
        self._root: str | None = None
        self._in_own: dict[str, bool] = {}  # path -> was it in the folder that `own_folder` names
        self._paths = Paths()

    def admit(self, member: Member) -> Admitted | None:
        """Return where a member goes, or None if it is a folder or not wanted."""
        name, unsafe = self._named(member)
        is_file = member.kind != "folder"
        self.budget.members += 1
        if self._is_unwanted_litter(name):
            self.litter += member.kind == "file"
            return None
        self._has_files |= member.kind == "file"
        path = self._place(name, is_file) if name else ""
        if unsafe or (is_file and member.barred):
            self._leave_out(member, path, unsafe)
            return None
        if not path:
            return None
        is_again, other = self._paths.add(path, is_file)
        if other is not None:
            raise ExtractionError(
                f"`{self.archive}` is refused as unsafe: `{other}` and `{path}` would be one path"
            )
        if self._paths.folders > MAX_FOLDERS:
            raise ExtractionError(f"`{self.archive}` has more than {MAX_FOLDERS:,} folders")
        if not is_file:
            return None
        if is_again and (member.kind == "link" or path in self._links_at):
            raise UnsafeError(f"has `{path}` twice, once as a link")
        is_wanted, target = self._is_wanted(path), self.layout.into + path
        if self.layout.into and is_wanted and (reason := unsafe_name(target)):
            raise ExtractionError(f"`{self.archive}` cannot go to `{self.layout.into}`: {reason}")
        if member.kind == "link":
            return self._note_link(member, name, path, target if is_wanted else "")
        is_copied = self.layout.links == "copy"
        is_spare = is_copied and not is_wanted and self._may_be_copied(path)
        self.left_out += not is_wanted
        if not (is_wanted or is_spare):
            return None
        self.budget.bytes += member.size or 0
        is_nested = _matches(path, self.layout.nested)
        if is_copied and not is_nested:
            self.places[name] = target
        return Admitted(member, target, is_again, is_nested, is_spare=is_spare)

    def close(self) -> None:
        """Check what only the whole archive shows."""
        if not self._has_files:
            raise ExtractionError(f"`{self.archive}` has no files in it")

    def _note_link(self, member: Member, name: str, path: str, target: str) -> Admitted | None:
        """Remember a link: where it leads is looked at when all are known."""
        self._links_at.add(path)
        self.left_out += not target
        leads = member.target
        if leads is not None:
            leads = leads if len(leads) <= MAX_TARGET else ""  # no sound one, and too long to keep
            self.budget.take_target(len(leads), self.archive)
        self.links[name] = Link(leads, member.is_hard, member.number, target, member.is_copy)
        return Admitted(member, path, is_link=True) if member.target is None else None

    def _named(self, member: Member) -> tuple[str, str | None]:
        """Return the member's relative path, and why it is unsafe, if it is.

        The path of the archive's own root folder is "".
        """
        name = member.name
        if member.kind == "folder":
            name = name.removesuffix("/")
        while name.startswith("./"):
            name = name[2:]
        if member.kind == "folder" and name in (".", "") and member.name.startswith((".", "/")):
            return "", None
        is_taken = member.kind == "link" and self.layout.links is not None
        if member.kind in ("link", "special") and not is_taken:
            return name, "it is a link" if member.kind == "link" else "it is not a regular file"
        return name, unsafe_name(name)

    def _leave_out(self, member: Member, path: str, unsafe: str | None) -> None:
        """Pass over what nobody wants; its name may be no path at all, so it is not remembered."""
        if path and not self._is_wanted(path):
            self.left_out += member.kind != "folder"
            return
        hint, layout = self.way_out(path), self.layout
        if member.kind == "link":
            hint = self.without_links(hint, "--links skip, or --links copy")
        if unsafe is None and member.is_locked:
            raise PasswordError(member.barred).told(self.archive, layout.command, hint)
        if unsafe is None:
            raise ExtractionError(
                f"`{self.archive}` is not supported", cause=member.barred, hint=hint
            )
        raise ExtractionError(
            f"`{self.archive}` is refused as unsafe because of `{member.name}`: {unsafe}", hint=hint
        )

    def way_out(self, path: str) -> str | None:
        """Return what leaves out a path; None of a name that nobody could type."""
        layout = self.layout
        if not (0 < len(path) <= _TYPED and path.isprintable() and layout.command):
            return None
        glob = escape(path if layout.wants is None else layout.into + path)
        return f"to leave it out: {layout.command} … --exclude {quote(glob)}"

    def without_links(self, way: str | None, option: str = "--links skip") -> str:
        """Return what leaves out links: this one in `way`, or all of them."""
        is_alone = self.layout.command == "covcat extract"
        both = option if is_alone else "`links: skip` in its entry"
        return f"{way}; or {both}" if way else both

    def _is_unwanted_litter(self, path: str) -> bool:
        """Tell litter that nobody pins, before it counts as a second root folder."""
        layout = self.layout
        if layout.litter is None or not is_litter(path):
            return False
        parts = path.split("/")[layout.strip + layout.strip_root :]
        if layout.own_folder and parts[:1] == [layout.own_folder]:
            del parts[0]
        return layout.into + "/".join(parts) not in layout.litter

    def _place(self, path: str, is_file: bool) -> str:
        """Return where a member would go, without the folders that the layout drops."""
        layout, own = self.layout, self.layout.own_folder
        if layout.strip_root:
            root, _, rest = path.partition("/")
            what = f"`{self.archive}` is not a git archive"
            if is_file and not rest:
                raise ExtractionError(f"{what}: `{path}` is in no folder")
            self._root = self._root or root
            if root and root != self._root:
                raise ExtractionError(f"{what}: expected 1 root folder, got `{root}` too")
            path = rest
        if layout.strip:
            parts = path.split("/")
            if is_file and len(parts) <= layout.strip:
                raise ExtractionError(
                    f"`{self.archive}` cannot be stripped of {layout.strip} folders: `{path}` "
                    f"has {len(parts) - 1}"
                )
            path = "/".join(parts[layout.strip :])
        if own:
            if path == own and not is_file:
                return ""
            is_own = path.startswith(own + "/")
            path = path.removeprefix(own + "/")
            if is_file and self._in_own.setdefault(path, is_own) != is_own:
                raise ExtractionError(
                    f"`{self.archive}` is refused as unsafe: `{path}` and `{own}/{path}` would be "
                    "one path"
                )
        return path

    def _is_chosen(self, path: str) -> bool:
        """Tell if an entry, or the options of extract, take a path."""
        layout = self.layout
        if not path.startswith(layout.keep) or _matches(path, layout.exclude):
            return False
        return not layout.include or _matches(path, layout.include)

    def _may_be_copied(self, path: str) -> bool:
        """Tell if a path was not left out by its name, though nobody asked for it."""
        is_barred = self.layout.bars is not None and self.layout.bars(self.layout.into + path)
        return self._is_chosen(path) and not is_barred

    def _is_wanted(self, path: str) -> bool:
        layout = self.layout
        if not self._is_chosen(path):
            return False
        is_asked = layout.wants is None or layout.wants(layout.into + path)
        return is_asked or _matches(path, layout.nested)  # members of that one may be


def _matches(path: str, globs: Sequence[str]) -> bool:
    return bool(globs) and any(fnmatchcase(path, glob) for glob in globs)
