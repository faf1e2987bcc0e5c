"""What a fetch will do, decided before anything is touched. Pure: nothing is read or asked here."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from shlex import quote
from statistics import median
from typing import Literal

from covcat.catalog import selection
from covcat.catalog.entries import Release, Resource
from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.listing import Listing
from covcat.catalog.selection import Selection, Wants, matches, wanted
from covcat.download.remote import RemoteFile
from covcat.engine.shards import Shard
from covcat.errors import ActionNeededError, CovcatError, IntegrityError, NotFoundError
from covcat.hosts.base import remote_file
from covcat.hosts.objects import SERIES
from covcat.store.lockfile import LockedRelease
from covcat.store.manifest import Held, Manifest

FEW = 100  # files of a repository that are asked for one by one, if only these are wanted


_PIECE = re.compile(r"\[!?\]?[^\]]*\]|.", re.S)  # of a glob: a class of letters, or one letter
Action = Literal["keep", "fetch", "ask"]
WantedFile = tuple[RemoteFile, tuple[Selection, ...]]  # a file, and what of its members is wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked of a fetch, beside which releases."""

    extract: bool = True
    keep_archives: bool = False
    allow_missing: bool = False
    require: Literal["any", "pinned", "host"] = "any"
    by_file: bool = False  # a repository's files one by one, in place of its archive
    selection: Selection | None = None  # None is the whole release
    locked: LockedRelease | None = None  # the result must be exactly this
    shard: Shard | None = None  # of the files: they come, and wait for the others

    @property
    def asked(self) -> tuple[Selection, ...]:
        """Return the parts that are asked for; none is the whole release."""
        if self.locked is not None:
            return self.locked.selections
        return (self.selection,) if self.selection else ()

    @property
    def wants_archives(self) -> bool:
        """True if the archives are to stay."""
        return self.keep_archives or not self.extract


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What will be done with one release, and why; decided before anything is touched."""

    resource: Resource
    release: Release | None  # None only where a person must act
    action: Action
    reason: str
    options: Options = Options()

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.resource.id}@{self.release.id}" if self.release else self.resource.id


Plan = tuple[Step, ...]  # in the order in which they will be carried out
Target = tuple[Resource, Release | None]
LookUp = Callable[[Resource, Release], Held | None]


def make(targets: Iterable[Target], held: LookUp, options: Options) -> Plan:
    """Decide one step for each target, in order; `held` says what the disk holds."""
    unique: dict[tuple[str, str | None], Target] = {}
    for resource, release in targets:
        unique.setdefault((resource.id, release.id if release else None), (resource, release))
    steps = []
    for resource, release in unique.values():
        action, reason = _decide(resource, release, held, options)
        steps.append(
            Step(resource=resource, release=release, action=action, reason=reason, options=options)
        )
    return tuple(steps)


def _decide(
    resource: Resource, release: Release | None, held: LookUp, options: Options
) -> tuple[Action, str]:
    try:
        here = held(resource, release) if release else None
    except CovcatError as damage:  # of this release only: the others go on
        return "ask", damage.message
    lacking = lacking_of(here, options) if here else "not here yet"
    if here and lacking is None:
        whole = "the part that was asked for is here" if here.selection else "here and complete"
        return "keep", whole if here.is_complete else "here, incomplete as allowed"
    if obstacle := refusal(resource, release, options):
        return "ask", obstacle.message
    return "fetch", lacking or ""


def lacking_of(here: Held, options: Options) -> str | None:
    """Say what was asked for and is not here; None if all of it is."""
    if not here.has_data:
        return f"here without its {here.form}"
    if options.require == "pinned" and not here.is_pinned:
        return "here, but not verified by a pin"
    if options.require == "host" and not here.is_claimed:
        return "here, but verified by neither a pin nor its host"
    parts, asked = tuple(map(Selection.read, here.selection)), options.asked
    if parts and not asked:
        return "here in part"
    if parts and selection.without_repeats((*parts, *asked)) != parts:
        return "here, but another part of it"
    if not here.is_complete and not options.allow_missing:
        return "here, but incomplete"
    if options.extract and here.form == "archives":
        return "here as archives only"
    if options.wants_archives and not here.has_archives:
        return "here without its archives"
    return "here, but less than the lock names" if here.has_less else None


def by_hand(page: str, command: str) -> str:
    """Return the hint where only a person gets the data: the page, and how covcat takes it then."""
    return f"open {quote(page)}; then, with what you got there: {command} FILE…"


def refusal(resource: Resource, release: Release | None, options: Options) -> CovcatError | None:
    """Return why covcat cannot fetch a release by itself, with where a person goes on."""
    pages = resource.browse.pages if resource.browse else ()
    look = [f"{page.shows}: {page.url}" for page in pages]
    terms = [f"terms: {resource.browse.terms}"] if resource.browse else []
    if release is None:
        return ActionNeededError(
            f"`{resource.id}` is for browsing only: it offers no download",
            details=[*look, *terms],
            hint=by_hand(
                pages[0].url if pages else str(resource.homepage), f"covcat import {resource.id}"
            ),
        )
    if options.require == "pinned" and not release.is_pinned:
        return IntegrityError(
            f"`{resource.id}@{release.id}` is not pinned whole, and --require pinned asks for it",
            hint=f"`covcat show {resource.id}` lists the releases that are pinned",
        )
    return None


def to_come(pinned: Listing, asked: Sequence[Selection], before: Manifest | None) -> Listing:
    """Return what of a listing is asked for, or is here in part, and did not come by itself."""
    earlier = tuple(map(Selection.read, before.selection)) if before else ()
    wants = selection.wanted((*earlier, *asked), pinned)
    came = before.downloads if before else ()
    here = {f"{one.folder or ''}{one.name}" for one in came if not one.is_archive}
    return {path: row for path, row in pinned.items() if wants(path) and path not in here}


def is_by_file(release: Release, options: Options, wanted: Collection[str] | None) -> bool:
    """Tell if files come one by one: few of a repository do, in place of an archive of them all.

    `wanted` are the paths of the part that has to come; None is everything. What is copied in the
    place of a link comes of the archive only: by itself a link is served as what it says.
    """
    if options.by_file or wanted is None:
        return options.by_file
    if any(one.links == "copy" for one in release.files):
        return False
    return is_state(release) and len(wanted) <= FEW and options.extract


def is_state(release: Release) -> bool:
    """Tell if a release is nothing but a state of repositories."""
    return all(isinstance(one, GitHubFile) and one.is_state for one in release.files)


def nothing_is_in(name: str, selections: Iterable[Selection]) -> NotFoundError:
    """Return the error where no file of a release is in the parts that are asked for."""
    return NotFoundError(
        f"no file of `{name}` is one of {'; '.join(map(str, selections))}",
        hint=f"covcat files {name}",
    )


def named(files: tuple[AnyFile, ...]) -> list[RemoteFile] | None:
    """Return the files of a release by the catalog's own word; None where only a host knows."""
    if any(file.is_set for file in files):
        return None
    found = []
    for number, one in enumerate(files):
        name = one.name or f"{getattr(one, 'dataset', one.host)}".rpartition("/")[2] + ".zip"
        found.append(remote_file(one, name, entry=number))
    return found


def chosen(
    served: Sequence[RemoteFile], selections: Sequence[Selection], paths: Collection[str] | None
) -> list[WantedFile]:
    """Return which files have to come, and what of those that are archives is wanted.

    `paths` are those of the release's listing. Where there is none, an archive can be chosen by
    its own name, and a sample is one of archives, if there are several. So it is with series.
    """
    if not selections:
        return [(one, ()) for one in served]
    is_by_name = paths is None and len(served) > 1
    names = [one.path for one in served]
    wants = wanted(selections, names if is_by_name else paths or names, _large(served))
    archives = [one.path for one in served if one.unpack != "none"]
    every = {glob for each in selections for glob in each.include}
    named = {glob for glob in every if is_by_name and any(fnmatchcase(n, glob) for n in archives)}
    found: list[WantedFile] = []
    for one in served:
        if one.unpack == "none":
            is_in = wants(one.path if is_by_name else one.folder + one.name)
            found += [(one, ())] if is_in else []
        elif is_by_name:
            found += _chosen_by_name(one, selections, wants, named)
        elif not one.folder or any(
            not each.include or any(_begins_alike(glob, one.folder) for glob in each.include)
            for each in selections
        ):  # or where only its names would show it
            found.append((one, tuple(selections)))
    return found


def _chosen_by_name(
    one: RemoteFile, selections: Sequence[Selection], wants: Wants, named: Collection[str]
) -> list[WantedFile]:
    """Choose an archive whole by its name, or because of what its folder may hold.

    A glob that is the name of any archive (`named`) is none of what lies in them: `*5.rar` opens no
    other.
    """
    inside: list[Selection] = []
    for each in selections:
        if each.sample is not None or matches(one.path, each.exclude):
            continue
        if not each.include or matches(one.path, each.include):
            inside.append(Selection(exclude=each.exclude))
            continue
        rest = [glob for glob in each.include if glob not in named]
        if any(_begins_alike(glob, one.folder) for glob in rest):
            inside.append(replace(each, include=tuple(rest)))
    is_sampled = wants(one.path) and any(each.sample is not None for each in selections)
    if is_sampled or any(not each for each in inside):
        return [(one, ())]
    return [(one, tuple(inside))] if inside else []


def _large(served: Sequence[RemoteFile]) -> set[str]:
    """Return the series above the median of their bytes: who tries a few waits for no large one."""
    sizes = [(one.bytes or 0, one.path) for one in served if one.unpack == SERIES]
    middle = median(size for size, _ in sizes) if sizes else 0
    return {path for size, path in sizes if size > middle}


def _begins_alike(glob: str, folder: str) -> bool:
    """Tell if `glob` matches any path that begins with `folder`: some beginning of it does."""
    pieces = _PIECE.findall(glob)
    return any(fnmatchcase(folder, "".join(pieces[:count])) for count in range(1, len(pieces) + 1))
