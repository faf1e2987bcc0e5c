"""What was brought -> the files of a release with a listing, recognised by their contents.

What is here of the release already is one more source: nothing that is here is lost.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.listing import ListedFile, Listing
from covcat.digests import blob_hasher
from covcat.download.remote import RemoteFile
from covcat.errors import IntegrityError
from covcat.fetching import brought
from covcat.fetching.brought import Found, GivenPath
from covcat.fetching.build import Job, recorded
from covcat.fetching.place import Piece
from covcat.files import StoredFile, disk_errors, hashed, link_or_copy, make_folder
from covcat.hosts import github_lfs
from covcat.hosts.base import alone
from covcat.names import is_litter
from covcat.store import compare
from covcat.store.manifest import Manifest, Transfer
from covcat.text import plural


@dataclass(frozen=True, slots=True)
class Match:
    """The file that has the contents of a row, or those that its pointer of Git LFS points to."""

    found: Found
    lfs: bool


Pairs = dict[str, Match]  # by the path that the file gets


def by_contents(job: Job, listing: Listing, sources: list[GivenPath]) -> list[Piece]:
    """Give each path of the listing the file that has its contents.

    Raises:
        IntegrityError: it is not the release; what differs is named.
    """
    place = brought.Place(job.workshop, job.bench.store, job.bench.progress)
    here, found = _here(job), brought.pooled(sources, place, listing)
    pairs = _pairs(job, listing, [*here, *found])
    if len(pairs) < len(listing):
        used = {id(match.found) for match in pairs.values()}
        found += brought.inside([one for one in found if id(one) not in used], place)
        pairs = _pairs(job, listing, [*here, *found])
    if _is_repository(job):
        not_meant = ((path, one.found.path) for path, one in pairs.items() if not one.lfs)
        check_no_pointers(job, not_meant)
    if len(pairs) < len(listing):
        _check_all(job, listing, pairs, found)
    files = _placed(job, listing, pairs)
    parts = _kept(job, {p: files[p] for p in files if pairs[p].found.source is None})
    for source in sources:
        own = [files[path] for path in files if pairs[path].found.source is source]
        if own:
            served = replace(alone(_file(job, 0), source.name), entry=0)
            parts.append(Piece(served, _transfer(job, source, served, found), tuple(own)))
    _say(job, pairs, found)
    return _with_trees(job, parts) if len(pairs) == len(listing) else parts


# ---- which file is which -----------------------------------------------------------------------


def _here(job: Job) -> list[Found]:
    """Return what is here of the release, as far as it is as it was recorded."""
    before = job.case.before
    found = []
    for one in before.files if before else ():
        path = _release(job, before) / one.path
        if not one.path.startswith("files/"):
            continue
        is_sound = path.is_file() and not path.is_symlink()
        with disk_errors(f"read `{path}`"):
            if is_sound and hashed(path, one).sha256 == one.sha256:
                stored = replace(one, path=one.path.removeprefix("files/"))
                found.append(Found(stored, path, None, is_ours=True))
            else:
                job.bench.progress.note(f"{job.case.name}: `{path}` is not as recorded")
    return found


def _release(job: Job, before: Manifest | None) -> Path:
    assert before is not None
    return job.bench.store.release(before.resource, before.release)


def _pairs(job: Job, listing: Listing, found: Sequence[Found]) -> Pairs:
    known: Pairs = {}
    own: dict[tuple[str, str], Match] = {}
    for one in found:
        for key, lfs in _keys(one.stored, is_git=_is_repository(job)):
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
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{one.sha256}\n"
        pointer = f"{text}size {one.bytes}\n".encode()
        blob = blob_hasher(len(pointer))
        blob.update(pointer)
        yield hashlib.sha256(pointer).hexdigest(), True
        yield blob.hexdigest(), True


def check_no_pointers(job: Job, files: Iterable[tuple[str, Path]]) -> None:
    """Refuse what git has in the place of a large file: nobody wants that for data.

    Raises:
        IntegrityError: these are pointers of Git LFS.
    """
    pointers = []
    for name, path in files:
        with brought.reading(path):
            is_small = path.stat().st_size <= github_lfs.MOST
            if is_small and github_lfs.pointer(path.read_bytes()):
                pointers.append(name)
    if pointers:
        fetch = f"covcat fetch {job.case.name}, or " if _is_repository(job) else ""
        raise IntegrityError(
            f"`{job.case.name}`: {plural(len(pointers), 'pointer')} of Git LFS came without what "
            "is pointed to",
            hint=f"{fetch}git lfs pull where you cloned it, then the same command again",
            details=[f"pointer: {name}" for name in sorted(pointers)],
        )


def _is_repository(job: Job) -> bool:
    """Tell a release that is a state of a repository, or has one."""
    return any(isinstance(one, GitHubFile) and one.is_state for one in job.release.files)


def _check_all(job: Job, listing: Listing, pairs: Pairs, found: list[Found]) -> None:
    """Refuse what lacks files; a file of the right name and other contents is called changed."""
    names: dict[str, Found] = {}
    for one in found:
        names.setdefault(one.stored.path.rpartition("/")[2], one)
    changed, missing = [], []
    taken = {match.found.stored.sha256 for match in pairs.values()}
    for row in (row for path, row in listing.items() if path not in pairs):
        other = names.get(row.path.rpartition("/")[2])
        if other is None or other.stored.sha256 in taken:
            missing.append(row.path)
        else:
            changed.append(f"{row.path}: {_difference(row, other.stored)}")
    brings = any(one.stored.sha256 in taken for one in found)
    if job.step.options.allow_missing and brings and not changed:
        return
    for one in found:
        if one.stored.sha256 not in taken:
            brought.check_no_volume(one.path)
    strange = {one.stored.path for one in found if one.stored.sha256 not in taken}
    findings = compare.Findings(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(path for path in strange if not is_litter(path))),
    )
    what = ", ".join(dict.fromkeys(f"`{one.source.name}`" for one in found if one.source))
    compare.check_findings(
        findings, f"{what or 'what was given'} is not `{job.case.name}`", _hint(job, found)
    )


def _difference(row: ListedFile, got: StoredFile) -> str:
    if row.sha256:
        return f"sha256 expected {row.sha256}, got {got.sha256}"
    return f"git blob expected {row.blob}, got {got.blob}"


def _hint(job: Job, found: list[Found]) -> str:
    """Name the release of the resource that looks most like what was brought."""
    here = {one.stored.sha256 for one in found} | {one.stored.blob or "" for one in found}
    hint, most = f"covcat files {job.case.name}", 0
    for release in job.step.resource.releases:
        listing = job.bench.catalog.listing(job.step.resource, release)
        rows = listing.values() if listing else ()
        count = sum((row.sha256 or row.blob) in here for row in rows)
        if count > most and release.id != job.release.id:
            most = count
            hint = (
                f"covcat import {job.step.resource.id}@{release.id} …: {count} of its {len(rows)} "
                "files are in it"
            )
    return hint


# ---- into their places -------------------------------------------------------------------------


def _placed(job: Job, listing: Listing, pairs: Pairs) -> dict[str, StoredFile]:
    """Give each file its place: link what is ours, copy what is the person's or was taken once."""
    files: dict[str, StoredFile] = {}
    linked: set[Path] = set()
    for path, match in pairs.items():
        one, row, target = match.found, listing[path], job.built / "files" / path
        if one.is_ours and one.path not in linked:
            linked.add(one.path)
            with disk_errors(f"write `{path}`"):
                make_folder(target.parent)
                link_or_copy(one.path, target)
        elif copied(one.path, target)[0] != one.stored.sha256:
            raise IntegrityError(f"`{one.path}` changed while it was read")
        blob = row.blob or (None if one.stored.lfs else one.stored.blob)
        files[path] = replace(one.stored, path=path, mode=row.mode, blob=blob, lfs=match.lfs)
    return files


def copied(path: Path, target: Path) -> tuple[str, int]:
    """Copy a file; return the sha256 and the size of what was read."""
    sha256, size = hashlib.sha256(), 0
    with disk_errors(f"write `{target.name}`"):
        make_folder(target.parent)
        with target.open("xb") as copy:
            for data in brought.pieces(path):
                sha256.update(data)
                size += len(data)
                copy.write(data)
    return sha256.hexdigest(), size


def _kept(job: Job, files: dict[str, StoredFile]) -> list[Piece]:
    """Return how what was here before came, with its files and archives."""
    before, parts = job.case.before, []
    downloads = before.downloads if before else ()
    if not files and not any(one.archive for one in downloads):
        return []
    for transfer in sorted(downloads, key=lambda one: one.is_archive):  # which take what is left
        file = _file(job, transfer.entry)
        served = replace(alone(file, transfer.name), entry=transfer.entry)
        folder = transfer.folder if transfer.folder is not None else file.into or ""
        if transfer.is_archive:
            own, files = tuple(files.values()), {}
        else:
            own = tuple(filter(None, [files.pop(folder + transfer.name, None)]))
        if transfer.archive:
            _keep_archive(job, transfer, transfer.archive)
        parts.append(Piece(served, transfer, own))
    if files:  # copies of what came file by file
        parts[0] = replace(parts[0], files=(*parts[0].files, *files.values()))
    return parts


def _keep_archive(job: Job, transfer: Transfer, archive: str) -> None:
    path = _release(job, job.case.before) / archive
    if copied(path, job.built / archive)[0] != transfer.sha256:
        raise IntegrityError(f"`{path}` is not as recorded", hint=f"covcat verify {job.case.name}")


def _file(job: Job, entry: int) -> AnyFile:
    """Return what the catalog says of a file; a tree only where nothing else is in the listing."""
    files = job.release.files
    file = files[entry] if entry < len(files) else files[0]
    if isinstance(file, GitHubFile) and len(files) > 1:
        return replace(file, tree=None)
    return file


def _with_trees(job: Job, parts: list[Piece]) -> list[Piece]:
    """Note the tree of a whole state, as if its archive had come."""
    file = job.release.files[0]
    if not isinstance(file, GitHubFile) or len(job.release.files) != 1:
        return parts
    files = tuple(one for part in parts for one in part.files)
    tree = compare.tree_of(files, file)
    parts = [
        replace(part, transfer=replace(part.transfer, tree=tree, keep=file.keep))
        if part.transfer.is_archive
        else part
        for part in parts
    ]
    if file.tree and not parts[0].transfer.is_archive:  # `proof` takes their tree from them alone
        return [replace(part, files=() if index else files) for index, part in enumerate(parts)]
    return parts


# ---- what is said and recorded of it -----------------------------------------------------------


def _say(job: Job, pairs: Pairs, found: list[Found]) -> None:
    used = {id(match.found) for match in pairs.values()}
    contents = {match.found.stored.sha256 for match in pairs.values()}
    here = sum(
        match.found.source is None and match.found.stored.path == path
        for path, match in pairs.items()
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
    job.bench.progress.note(f"{job.case.name}: " + "; ".join(word for word in words if word))
    useful = {one.source.number for one in found if one.source and one.stored.sha256 in contents}
    for source in {one.source.number: one.source for one in found if one.source}.values():
        if source.number not in useful:
            job.bench.progress.note(f"{job.case.name}: nothing of `{source.name}` is the release's")


def _transfer(job: Job, source: GivenPath, served: RemoteFile, found: list[Found]) -> Transfer:
    """Record what was given; the sha256 of a folder is that of its SHA256SUMS."""
    sums, size = hashlib.sha256(), 0
    if not source.is_folder:
        for data in brought.pieces(source.path):
            sums.update(data)
            size += len(data)
        return recorded(job, served, source.name, size, sums.hexdigest())
    for one in found:
        if one.source is source and not (one.is_ours or is_litter(one.stored.path)):
            size += one.stored.bytes
            sums.update(f"{one.stored.sha256}  {one.stored.path}\n".encode())
    return recorded(job, served, source.name, size, sums.hexdigest())
