"""What a person downloaded by hand -> the files of a release, in their places.

A release with a listing is recognised by the contents of its files, however they were packed
(`match`); another by the paths of its files, by the digests that the catalog pins or
its host names, else by their names.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from covcat import hosts
from covcat.catalog import selection
from covcat.catalog.files import AnyFile, GitHubFile, WebFile
from covcat.digests import PINNED, Digests
from covcat.download.api import Api
from covcat.download.http import Web
from covcat.download.remote import Download, RemoteFile, compared
from covcat.errors import ActionNeededError, IntegrityError, NetworkError, NotFoundError
from covcat.fetching import brought, folders, match, place, plan
from covcat.fetching.brought import GivenPath
from covcat.fetching.build import Job, address, now, recorded
from covcat.fetching.place import Piece
from covcat.files import StoredFile, disk_errors
from covcat.hosts import base
from covcat.hosts.base import HostContext, alone, one_of
from covcat.names import common_folder, is_litter, only_volumes, split
from covcat.store import compare
from covcat.text import plural


def adopted(job: Job, paths: Sequence[Path]) -> list[Piece]:
    """Put what was brought in its places.

    Raises:
        NotFoundError: a path is not there.
        IntegrityError: it is not the release, or less than is here; what differs is named.
        ExtractionError: an archive is damaged or unsafe.
    """
    sources = brought.brought(paths, job.bench.store)
    brought.say_what_is_left_out(sources, job.case.name, job.bench.progress)
    if job.case.listing is not None:
        parts = match.by_contents(job, job.case.listing, sources)
    else:
        parts = folders.put_right(job, _as_before(job, _unlisted(job, sources)))
        names = (one.path for part in parts for one in part.files)
        match.check_no_pointers(job, ((name, job.built / "files" / name) for name in names))
    for source in sources:
        brought.check_unchanged(source.path, source.stamp)
    _check_nothing_lost(job, parts)
    return parts


def _unlisted(job: Job, sources: list[GivenPath]) -> list[Piece]:
    for source in sources:
        if source.litter:
            what = f"{plural(len(source.litter), 'file')} that desktops left in `{source.name}`"
            job.bench.progress.note(f"{job.case.name}: {what} left out")
    known = _known(job)
    if known is not None:
        return _by_name(job, known, sources)
    return [part for source in sources for part in _as_it_is(job, source)]


# ---- what is here already ----------------------------------------------------------------------


def _check_nothing_lost(job: Job, parts: Iterable[Piece]) -> None:
    """A release may only grow: every file that is here must be in the new one, as it is."""
    there: dict[str, str] = {}
    for part in parts:
        there |= {f"files/{one.path}": one.sha256 for one in part.files}
        if part.transfer.archive:
            there[part.transfer.archive] = part.transfer.sha256
    before = job.case.before
    lost = [one.path for one in before.files if there.get(one.path) != one.sha256] if before else []
    if lost:
        raise _would_lose(job, f"{plural(len(lost), 'file')} now here", sorted(lost))


def _as_before(job: Job, parts: list[Piece]) -> list[Piece]:
    """Where no listing decides, take only the very same again; what was verified stays so."""
    before = job.case.before
    if before is None:
        return parts
    now_here = {(part.transfer.entry, part.transfer.sha256) for part in parts}
    pinned = {part.transfer.entry for part in parts if _is_pinned(part)}
    earlier = {(one.entry, one.sha256): one for one in before.downloads}
    lost = [
        one.name for key, one in earlier.items() if key not in now_here and one.entry not in pinned
    ]
    if lost:
        raise _would_lose(job, f"{plural(len(lost), 'download')} now here", sorted(lost))
    found = []
    for part in parts:
        one = earlier.get((part.transfer.entry, part.transfer.sha256))
        is_weaker = one is not None and part.transfer.verified_by == "first-use"
        kind = one.verified_by if one and is_weaker else part.transfer.verified_by
        found.append(replace(part, transfer=replace(part.transfer, verified_by=kind)))
    return found


def _is_pinned(part: Piece) -> bool:
    """Tell what is the very same by the catalog's own word, however it is packed."""
    has_tree = isinstance(part.file, GitHubFile) and part.file.tree is not None
    return has_tree or part.transfer.verified_by in PINNED


def _would_lose(job: Job, what: str, names: Sequence[str]) -> IntegrityError:
    folder = job.bench.store.release(job.step.resource.id, job.release.id)
    return IntegrityError(
        f"`{job.case.name}` is here already, and what was given has not all of it: it would lose "
        f"{what}",
        hint=f"covcat fetch {job.case.name}; or move `{folder}` away first",
        details=[f"would be lost: {name}" for name in names],
    )


# ---- a release whose files are known by name ---------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class GivenFile:
    """One file as it was brought."""

    name: str  # path relative to what was given
    path: Path
    source: GivenPath


def _known(job: Job) -> list[RemoteFile] | None:
    """Return the files that the release should have; None where nobody says.

    Raises:
        NetworkError: its host says so, and could not be asked; only --offline does without it.
    """
    files, bench = job.release.files, job.bench
    if not files:
        return None
    with closing(Web(bench.network)) as web:
        try:
            return hosts.list_files(files, HostContext(Api(web, bench.network, bench.progress)))
        except NetworkError as error:
            if not bench.network.offline:
                error.hint = (
                    f"try again; covcat import {job.case.name} FILE… --offline takes what you "
                    "give it, compared with nothing"
                )
                raise
            reason = error.message
        except ActionNeededError as error:
            reason = error.message
    bench.progress.note(f"{reason}; what its host says of the files is not compared")
    return plan.named(files)


def _by_name(job: Job, known: list[RemoteFile], sources: list[GivenPath]) -> list[Piece]:
    """Give each file of the release what has its path, digest or name; a lone one is the one."""
    if len(known) == 1 and len(sources) == 1:
        return [_only(job, known[0], sources[0])]
    loose = [GivenFile(name, path, one) for one in sources for name, path in one.everything]
    if len(known) == 1:
        _check_whole(known[0], [one.name for one in loose if not is_litter(one.name)])
    pairs = _matched(known, loose)
    parts, wrong = [], []
    for served, one in pairs:
        try:
            parts.append(_verified(job, served, one.path))
        except IntegrityError as error:
            wrong.append(f"{served.path}: {error.message}")
    there, used = {served.path for served, _ in pairs}, {one for _, one in pairs}
    lost = [served for served in known if served.path not in there]
    missing = [served.path for served in lost]
    extra = sorted({brought.printable(one.name) for one in loose if one not in used})
    extra = [name for name in extra if not is_litter(name)]
    _check_named(job, wrong, () if job.step.options.allow_missing and parts else missing, extra)
    job.lost.extend(lost)
    return parts


def _check_named(
    job: Job, wrong: Sequence[str], missing: Sequence[str], extra: Sequence[str]
) -> None:
    """Refuse what is wrong or missing; what is none of the release's is only told."""
    name = job.case.name
    if wrong or missing:
        findings = compare.Findings(
            changed=tuple(wrong), missing=tuple(missing), extra=tuple(extra)
        )
        hint = f"covcat import {name} --allow-missing keeps what is there"
        if job.case.before is not None:
            hint = f"covcat fetch {name}"
        compare.check_findings(findings, f"what was given is not `{name}`", hint)
    if extra:
        note = f"{plural(len(extra), 'file')} left out as none of the release's"
        job.bench.progress.note(f"{name}: {note}")


def _matched(
    known: Sequence[RemoteFile], loose: Sequence[GivenFile]
) -> list[tuple[RemoteFile, GivenFile]]:
    """Pair what the release has with what lies there: by path, else by digest, else by name."""
    free, left = dict.fromkeys(loose), dict.fromkeys(known)
    pairs: dict[RemoteFile, GivenFile] = {}

    def take(served: RemoteFile, one: GivenFile | None) -> None:
        if one is not None:
            pairs[served] = one
            del free[one], left[served]

    above = common_folder(one.name for one in loose if not is_litter(one.name))
    around = common_folder(one.path for one in known)
    ways: list[tuple[Callable[[str], str], str]] = [
        (lambda name: name, ""),
        (_without_first_folder, ""),
        (lambda name: name.removeprefix(above), ""),  # folders too many
        (lambda name: name.removeprefix(above), around),  # and too few
    ]
    for key, lacks in ways:
        lying = {key(one.name): one for one in reversed(free)}
        for served in list(left):
            take(served, lying.get(served.path.removeprefix(lacks)))
    for served, one in _by_digest(left, free):
        take(served, one)
    names = Counter(_last(one.name) for one in free) + Counter(one.name for one in left)
    lying = {_last(one.name): one for one in free}
    for served in list(left):
        take(served, lying.get(served.name) if names[served.name] == 2 else None)
    return [(served, pairs[served]) for served in known if served in pairs]


def _without_first_folder(path: str) -> str:
    return path.partition("/")[2]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _by_digest(
    left: Iterable[RemoteFile], free: Iterable[GivenFile]
) -> list[tuple[RemoteFile, GivenFile]]:
    """Find, for what has a digest, the file that has it; what has another size is not read."""
    wanted = [one for one in left if one.digests]
    sizes = {one.bytes for one in wanted}
    kinds = {digest.kind for one in wanted for digest in one.digests}
    pairs: list[tuple[RemoteFile, GivenFile]] = []
    for one in free if wanted else ():
        with brought.reading(one.path):
            size = one.path.stat().st_size
        if not {None, size} & sizes:
            continue
        digests = Digests(kinds, size)
        for data in brought.pieces(one.path):
            digests.update(data)
        digests.settle()
        for served in wanted:
            got = [(digests.hexdigest(d.kind) or "")[: len(d.value)] for d in served.digests]
            if got == [digest.value for digest in served.digests]:
                pairs.append((served, one))
                wanted.remove(served)
                break
    return pairs


def _only(job: Job, served: RemoteFile, source: GivenPath) -> Piece:
    """Take the one thing that was given for the one file that the release has."""
    if not source.is_folder:
        return _verified(job, served, source.path)
    pairs = _matched([served], [GivenFile(name, path, source) for name, path in source.files])
    found = pairs[0][1].path if pairs else _only_archive(source, served.file)
    if found:
        return _verified(job, served, found)
    if served.digests:
        raise NotFoundError(
            f"`{source.path}` does not hold `{served.name}`",
            hint="covcat import takes the archive as it was downloaded",
        )
    return _folder(job, source, served)


def _only_archive(source: GivenPath, file: AnyFile) -> Path | None:
    """Return the archive that is all there is in a folder: what a person downloaded to."""
    if not source.is_folder or len(source.files) != 1 or file.unpack == "none" or file.is_set:
        return None
    ((_, path),) = source.files
    return path if brought.kind_of(path) else None


def _verified(job: Job, served: RemoteFile, path: Path) -> Piece:
    """Compare a file with all that is known of it, then unpack it or give it its place."""
    stamp = brought.stamp(path)
    kind = brought.kind_of(path) if served.unpack != "none" else None
    if served.unpack != "none" and kind is None:
        brought.check_no_volume(path)
        raise IntegrityError(
            f"`{path.name}` is no archive: expected one {_format(served)}",
            hint=f"open {base.page(served.file) or job.step.resource.homepage}",
        )
    is_kept = kind is None or job.step.options.wants_archives
    copy = job.workshop / f"copy-{os.urandom(4).hex()}" if is_kept else None
    digests = Digests([one.kind for one in served.digests], stamp[1])
    _drink(path, digests, copy)
    got = Download(
        path=copy or path,
        name=served.name,
        url=address(job, served),
        final_url=address(job, served),
        mirror=None,
        bytes=digests.size,
        sha256=digests.hexdigest("sha256") or "",
        md5=digests.hexdigest("md5"),
        verified_by=compared(served, served.digests, str(path), digests.size, digests.hexdigest),
        finished_at=now(),
        imported_from=brought.printable(path.name),
    )
    part = place.part(replace(served, unpack=kind or served.unpack), got, job.site)
    brought.check_unchanged(path, stamp)
    return part


def _check_whole(served: RemoteFile, names: Sequence[str]) -> None:
    """Refuse the volumes of an archive, which nobody wants for what is in it."""
    if served.unpack != "none" and (part := only_volumes(names)):
        raise split(part)


def _format(served: RemoteFile) -> str:
    return "of any known format" if served.unpack == "any" else f"of format {served.unpack}"


def _drink(path: Path, digests: Digests, copy: Path | None) -> None:
    """Hash a file, and copy it if it is to stay: a link would change with the person's own."""
    with disk_errors(f"copy `{path}`"):
        target = copy.open("xb") if copy else None
        try:
            for data in brought.pieces(path):
                digests.update(data)
                if target is not None:
                    target.write(data)
        finally:
            if target is not None:
                target.close()
            digests.settle()


# ---- what nobody lists -------------------------------------------------------------------------


def _as_it_is(job: Job, source: GivenPath) -> list[Piece]:
    """Take what was given without anything to compare it with."""
    _check_safe_names(source)
    files = job.release.files
    file = files[0] if files else replace(_own(job), unpack="any")
    if archive := _only_archive(source, file):
        return [_verified(job, alone(file, archive.name), archive)]
    if source.is_folder and files and not file.is_set:
        return [_folder(job, source, alone(file, source.name))]
    found = [one_of(file, name, id="", size=None) for name, _ in source.files]
    pairs = zip(found, source.files, strict=True)
    return [_verified(job, served, path) for served, (_, path) in pairs]


def _check_safe_names(source: GivenPath) -> None:
    """Refuse what would be taken only in part."""
    if source.unsafe:
        raise IntegrityError(
            f"`{source.name}` holds names that no release may have",
            hint="rename them, then run the same command again",
            details=source.unsafe,
        )


def _folder(job: Job, source: GivenPath, served: RemoteFile) -> Piece:
    """Take a folder for the archive that it was unpacked from."""
    _check_safe_names(source)
    _check_whole(served, [name for name, _ in source.files])
    file, files, sums = served.file, list[StoredFile](), hashlib.sha256()
    for name, path in source.files:
        if selection.matches(name, file.exclude):
            continue
        sha256, size = match.copied(path, job.built / "files" / f"{served.folder}{name}")
        files.append(StoredFile(path=f"{served.folder}{name}", bytes=size, sha256=sha256))
        sums.update(f"{sha256}  {name}\n".encode())
    if not files:
        raise IntegrityError(f"`{source.path}` has no files in it")
    size = sum(one.bytes for one in files)
    return Piece(served, recorded(job, served, source.name, size, sums.hexdigest()), tuple(files))


def _own(job: Job) -> AnyFile:
    """Return what stands for the file of a resource that offers none."""
    return WebFile(host="web", name="local", url=job.step.resource.homepage or "")
