"""Which file is which: what was given against what a release has.

Where a listing says what it has, by contents; else by path, by digest, and at last by name.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from covcat.archives.kinds import SUFFIXES
from covcat.catalog.entries import Release, Resource
from covcat.catalog.listing import Listing
from covcat.catalog.load import Catalog
from covcat.digests import Digests
from covcat.download.remote import RemoteFile
from covcat.errors import IntegrityError
from covcat.fetching import brought
from covcat.fetching.base import Build, is_repository
from covcat.fetching.brought import GivenFile, Lying
from covcat.files import StoredFile
from covcat.hosts import github_lfs
from covcat.hosts.base import remote_file
from covcat.names import common_folder, is_litter
from covcat.store import compare
from covcat.text import plural


@dataclass(frozen=True, slots=True)
class Match:
    """The file that has the contents of a row, or those that its pointer of Git LFS points to."""

    found: GivenFile
    lfs: bool


Pairs = dict[str, Match]  # by the path that the file gets


def pair_by_contents(listing: Listing, found: Sequence[GivenFile], *, is_git: bool) -> Pairs:
    """Give each path of a listing the file that has its contents, if there is one.

    What is here already (of no source) and lies at that path comes first.
    """
    known: Pairs = {}
    own: dict[tuple[str, str], Match] = {}
    for one in found:
        for key, lfs in _keys(one.stored, is_git=is_git):
            if key not in known or (lfs and not known[key].lfs):
                known[key] = Match(one, lfs)
            if one.source is None:
                own[one.stored.path, key] = Match(one, lfs)
    pairs = {}
    for path, row in listing.items():
        key = row.sha256 or row.blob or ""
        if match := own.get((path, key)) or known.get(key):
            pairs[path] = match
    return pairs


def _keys(one: StoredFile, *, is_git: bool) -> Iterator[tuple[str, bool]]:
    """Give what a listing may call a file: its digests, or those of its pointer of Git LFS."""
    yield one.sha256, False
    if one.blob:
        yield one.blob, one.lfs
    if is_git:
        pointer = compare.pointer_to(one.sha256, one.bytes)
        yield hashlib.sha256(pointer).hexdigest(), True
        yield compare.pointer_blob(one.sha256, one.bytes), True


def check_all(build: Build, listing: Listing, pairs: Pairs, found: list[GivenFile]) -> None:
    """Refuse what lacks files; a file of the right name and other contents is called changed."""
    names: dict[str, GivenFile] = {}
    for one in found:
        names.setdefault(one.stored.path.rpartition("/")[2], one)
    changed, missing = [], []
    taken = {match.found.stored.sha256 for match in pairs.values()}
    for row in (row for path, row in listing.items() if path not in pairs):
        other = names.get(row.path.rpartition("/")[2])
        if other is None or other.stored.sha256 in taken:
            missing.append(row.path)
        else:
            kind, want = ("sha256", row.sha256) if row.sha256 else ("git blob", row.blob)
            got = other.stored.sha256 if row.sha256 else other.stored.blob
            changed.append(f"{row.path}: {kind} expected {want}, got {got}")
    brings = any(one.stored.sha256 in taken for one in found)
    if build.options.allow_missing and brings and not changed:
        return
    for one in found:
        if one.stored.sha256 not in taken:
            _check_opened(build, one, is_all_strange=not (pairs or changed))
    strange = {one.stored.path for one in found if one.stored.sha256 not in taken}
    findings = compare.Findings(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(path for path in strange if not is_litter(path))),
    )
    what = ", ".join(dict.fromkeys(f"`{one.source.name}`" for one in found if one.source))
    compare.check_findings(
        findings, f"{what or 'what was given'} is not `{build.name}`", _hint(build, found, changed)
    )


def _check_opened(build: Build, one: GivenFile, *, is_all_strange: bool) -> None:
    """Refuse a file that was given for an archive, and is none, for what it is."""
    brought.check_no_volume(one.path)
    is_alone = one.source is not None and not one.source.is_folder and is_all_strange
    is_named_so = one.path.name.lower().endswith((*SUFFIXES,))
    if not one.is_ours and (is_alone or is_named_so) and brought.kind_of(one.path) is None:
        raise brought.no_archive(build, remote_file(build.first_file, one.path.name), one.path)


def _hint(build: Build, found: list[GivenFile], changed: list[str]) -> str:
    """Name the release that looks most like what was brought: of the resource, else of all."""
    here = {one.stored.sha256 for one in found} | {one.stored.blob or "" for one in found}
    given = dict.fromkeys(str(path) for one in found if one.source for path in one.source.paths)
    paths, catalog = " ".join(map(quote, given)), build.run.catalog
    own = [(build.resource, one) for one in (build.release, *build.resource.releases)]
    best = _most_alike(catalog, here, own)
    if best is None:  # of another set a file or two, such as its licence, says nothing
        every = [(one, release) for one in catalog.resources for release in one.releases]
        best = _most_alike(catalog, here, every)
        if best is None or best.count * 2 < best.of:
            return f"covcat files {build.name}"
    if best.name == build.name and changed:
        return f"covcat files {build.name}"
    if best.name == build.name:
        return f"covcat import {build.name} {paths} --allow-missing keeps what is there"
    said = f"{best.count} of its {best.of} files are in it"
    return f"covcat import {best.name} {paths}: {said}"


@dataclass(frozen=True, slots=True)
class _Alike:
    """A release, and how many of its files were brought."""

    name: str
    count: int
    of: int


def _most_alike(
    catalog: Catalog, here: set[str], among: Iterable[tuple[Resource, Release]]
) -> _Alike | None:
    """Return the listed release of which most was brought; of two the earlier."""
    best: _Alike | None = None
    for resource, release in among:
        rows = (catalog.listing(resource, release) or {}).values()
        count = sum((row.sha256 or row.blob) in here for row in rows)
        if count > (best.count if best else 0):
            best = _Alike(f"{resource.id}@{release.id}", count, len(rows))
    return best


def say_what_is_recognised(build: Build, pairs: Pairs, found: list[GivenFile]) -> None:
    """Tell how much of what was given is the release's."""
    used = {id(pair.found) for pair in pairs.values()}
    contents = {pair.found.stored.sha256 for pair in pairs.values()}
    here = sum(
        pair.found.source is None and pair.found.stored.path == path for path, pair in pairs.items()
    )
    left = [one for one in found if id(one) not in used]
    again = sum(one.stored.sha256 in contents for one in left)
    strange = sum(
        one.stored.sha256 not in contents and not is_litter(one.stored.path) for one in left
    )
    words = [
        f"{plural(len(pairs) - here, 'file')} recognised by contents",
        f"{here} here already" if here else "",
        f"copies of these besides: {again}" if again else "",
        f"{strange} left out as none of the release's" if strange else "",
    ]
    build.say("; ".join(word for word in words if word))
    useful = {id(one.source) for one in found if one.stored.sha256 in contents}
    for source in {id(one.source): one.source for one in found if one.source}.values():
        if id(source) not in useful:
            build.say(f"nothing of `{source.name}` is the release's")


def check_no_pointers(build: Build, files: Iterable[tuple[str, Path]]) -> None:
    """Refuse what git has in the place of a large file: nobody wants that for data."""
    pointers = []
    for name, path in files:
        with brought.reading(path):
            is_small = path.stat().st_size <= github_lfs.MOST
            if is_small and github_lfs.pointer(path.read_bytes()):
                pointers.append(name)
    if pointers:
        fetch = f"covcat fetch {build.name}, or " if is_repository(build.release) else ""
        raise IntegrityError(
            f"`{build.name}`: {plural(len(pointers), 'pointer')} of Git LFS came without what "
            "is pointed to",
            hint=f"{fetch}git lfs pull where you cloned it, then the same command again",
            details=[f"pointer: {name}" for name in sorted(pointers)],
        )


def pair_by_name(
    known: Sequence[RemoteFile], lying: Sequence[Lying]
) -> list[tuple[RemoteFile, Lying]]:
    """Pair what the release has with what lies there: by path, else by digest, else by name."""
    free, left = dict.fromkeys(lying), dict.fromkeys(known)
    pairs: dict[RemoteFile, Lying] = {}

    def take(served: RemoteFile, one: Lying | None) -> None:
        if one is not None:
            pairs[served] = one
            del free[one], left[served]

    above = common_folder(name for name, _ in lying if not is_litter(name))
    around = common_folder(one.path for one in known)
    ways: list[tuple[Callable[[str], str], str]] = [
        (lambda name: name, ""),
        (lambda name: name.partition("/")[2], ""),
        (lambda name: name.removeprefix(above), ""),  # folders too many
        (lambda name: name.removeprefix(above), around),  # and too few
    ]
    for key, lacks in ways:
        there = {key(one[0]): one for one in reversed(free)}
        for served in list(left):
            take(served, there.get(served.path.removeprefix(lacks)))
    for served, one in _by_digest(left, free):
        take(served, one)
    there = {_last(one[0]): one for one in free}
    names = Counter(_last(name) for name, _ in free) + Counter(one.name for one in left)
    for served in list(left):
        take(served, there.get(served.name) if names[served.name] == 2 else None)
    return [(served, pairs[served]) for served in known if served in pairs]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _by_digest(left: Iterable[RemoteFile], free: Iterable[Lying]) -> list[tuple[RemoteFile, Lying]]:
    """Find, for what has a digest, the file that has it; what has another size is not read."""
    wanted = [one for one in left if one.digests]
    sizes = {one.bytes for one in wanted}
    kinds = {digest.kind for one in wanted for digest in one.digests}
    pairs: list[tuple[RemoteFile, Lying]] = []
    for one in free if wanted else ():
        size = brought.size_of(brought.stamp(one[1]))
        if not {None, size} & sizes:
            continue
        digests = brought.read(one[1], Digests(kinds, size))
        for served in wanted:
            if brought.has_digests(digests, served):
                pairs.append((served, one))
                wanted.remove(served)
                break
    return pairs
