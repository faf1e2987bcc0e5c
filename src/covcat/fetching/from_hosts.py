"""Hosts -> the files of a release, in their places: as an archive, or one by one."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from glob import escape
from pathlib import Path
from shlex import quote

from covcat import hosts
from covcat.catalog import selection
from covcat.catalog.files import GitHubFile
from covcat.download.api import Api
from covcat.download.attempt import Transfers
from covcat.download.http import Web
from covcat.download.pace import PER_HOST, ConnectionLimit, RateLimit
from covcat.download.parts import Parts
from covcat.download.remote import Download, RemoteFile
from covcat.errors import (
    BrokenError,
    CovcatError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    SeveralError,
)
from covcat.fetching import build, from_disk, place, plan, surplus, transfers
from covcat.fetching.build import Bench, Job, doubt
from covcat.fetching.place import Piece, Site
from covcat.fetching.plan import Chosen
from covcat.fetching.prove import Case
from covcat.files import StoredFile, disk_errors, link_or_copy, make_folder
from covcat.hosts import github
from covcat.hosts.base import HostContext
from covcat.hosts.github_lfs import MOST, content, pointer
from covcat.store import compare
from covcat.store.waiting import Waiting
from covcat.text import plural


def brought(job: Job) -> list[Piece]:
    """Bring every file of the release, in the way that works."""
    progress = job.bench.progress
    try:
        return _brought(job, by_file=_is_by_file(job))
    except CovcatError as broken:
        several = broken.errors if isinstance(broken, SeveralError) else (broken,)
        if not any(isinstance(one, BrokenError) for one in several):
            raise
        progress.note(f"{broken.message}; asking for its files one by one")
        with disk_errors("make the release's folder anew"):
            shutil.rmtree(job.built)
            make_folder(job.built / "files")
        try:
            return _brought(job, by_file=True)
        except CovcatError as error:
            if error.code != broken.code:
                raise
            raise NetworkError(
                broken.message,
                cause=f"nor did its files come one by one: {error.message}",
                hint=broken.hint,
            ) from error


def _brought(job: Job, *, by_file: bool) -> list[Piece]:
    """Open the line to the hosts, and bring every file over it."""
    with line_of(job.bench) as line:
        return _placed(job, line, ask_of(job, line, by_file=by_file))


@contextmanager
def line_of(bench: Bench) -> Iterator[Transfers]:
    """Open what all transfers of one release share."""
    network = bench.network
    with closing(Web(network)) as web:
        yield Transfers(
            web,
            network,
            RateLimit(network.limit_rate),
            ConnectionLimit(network.jobs or PER_HOST),
            Parts(bench.store.parts),
            bench.progress,
        )


def ask_of(job: Job, line: Transfers, *, by_file: bool) -> HostContext:
    """Return what the hosts' modules work with."""
    # of several files, nobody knows which one a row of the listing belongs to
    listing = job.case.listing if len(job.release.files) == 1 else None
    return HostContext(Api(line.web, line.network, line.progress), listing, by_file)


def _placed(job: Job, line: Transfers, ask: HostContext) -> list[Piece]:
    """Put each file in its place as it comes; the others go on coming meanwhile."""
    case, bench = job.case, job.bench
    lost: dict[RemoteFile, CovcatError] = {}
    listed = hosts.list_files(job.release.files, ask, lost)
    served = [one for one in listed if not _is_excluded(one)]
    chosen = plan.chosen(served, case.selections, case.listing)
    chosen += _what_is_here(job, served, {one for one, _ in chosen})
    chosen = _as_locked(job, served, chosen)
    if not chosen or not _is_there(served, job):
        raise _nothing(case)
    _check_files(chosen)
    _say_what_is_opened(job, chosen)
    parts = from_disk.unpacked(job, chosen, served)
    here = {part.served for part in parts}
    inside = {one: wanted for one, wanted in chosen if one not in here}
    order = _order(job, tuple(inside), ask, lost, has_more=bool(parts))
    build.check_room(order.total or 0, bench.store)
    with closing(transfers.all_of(order, line, bench.store, job.partial)) as coming:
        for one, got in coming:
            with doubt(job.partial, served):
                parts.append(place.part(one, got, job.site, inside[one]))
    if case.selections and not any(part.files for part in parts):
        raise _nothing(case)
    parts = filled(parts, order, line, job.site, job.partial)
    job.lost.extend(order.missing)
    return parts


def _order(
    job: Job,
    files: tuple[RemoteFile, ...],
    ask: HostContext,
    lost: dict[RemoteFile, CovcatError],
    *,
    has_more: bool,
) -> transfers.Order:
    """Say what is to come, and what becomes of what is lost."""
    options, name = job.step.options, job.case.name
    way_on = f"covcat fetch {name} --allow-missing keeps what did come"
    return transfers.Order(
        name,
        files,
        job.case.before,
        ask,
        lost,
        may_lack=options.allow_missing,
        has_more=has_more,
        way_on=None if options.locked or options.allow_missing else way_on,
    )


def _what_is_here(job: Job, served: list[RemoteFile], chosen: set[RemoteFile]) -> list[Chosen]:
    """Choose also what came earlier, though a sample of what the host has today leaves it out."""
    before = job.case.before
    if before is None or job.case.listing is not None:
        return []
    came = {(one.entry, one.folder, one.name) for one in before.downloads}
    return [
        (one, ())
        for one in served
        if one not in chosen and (one.entry, one.folder, one.name) in came
    ]


def _as_locked(job: Job, served: list[RemoteFile], chosen: list[Chosen]) -> list[Chosen]:
    """Ask for what a lock of less than everything names, and not for what came to it since."""
    locked = job.step.options.locked
    job.lost.clear()
    if locked is None or locked.is_whole:
        return chosen
    asked = surplus.asked(served, locked, is_listed=job.case.listing is not None)
    left = [one for one, _ in chosen if one not in asked]
    if left:
        names = surplus.named([one.path for one in left])
        job.bench.progress.note(f"{job.case.name}: not asked for, as it is not locked: {names}")
    job.lost.extend(one for one in left if one.path in locked.missing)
    if job.case.listing is None:
        known = {one for one, _ in chosen}
        chosen = chosen + [(one, ()) for one in served if one in asked and one not in known]
    return [(one, inside) for one, inside in chosen if one in asked]


def _check_files(chosen: list[Chosen]) -> None:
    """Refuse links and other repositories that are not left out: they are never written."""
    for one, _ in chosen:
        if isinstance(one.file, GitHubFile) and (what := github.odd(one.path, one.mode)):
            glob = quote(escape(one.path))
            raise IntegrityError(what, hint=f"to leave it out: covcat fetch … --exclude {glob}")


def _say_what_is_opened(job: Job, chosen: list[Chosen]) -> None:
    """Say when archives come only because nobody knows which of them holds what is wanted."""
    opened = [one for one, inside in chosen if inside]
    if len(opened) > 1 and job.case.listing is None:
        job.bench.progress.note(
            f"{job.case.name}: nobody lists what is in its archives: {len(opened)} of them come, "
            "to be looked into"
        )


def _is_excluded(one: RemoteFile) -> bool:
    """Leave out of a set what the catalog excludes; of an archive the gate does."""
    path = one.path.removeprefix(one.file.into or "")
    return not one.is_alone and selection.matches(path, one.file.exclude)


def _is_there(served: list[RemoteFile], job: Job) -> bool:
    """Tell if what is asked for now is there, whatever other parts are here already."""
    asked, listing = job.step.options.selection, job.case.listing
    if not asked:
        return True
    if listing is not None:
        return any(map(selection.wanted((asked,), listing), listing))
    return bool(plan.chosen(served, (asked,), None))


def _nothing(case: Case) -> NotFoundError:
    return NotFoundError(
        f"no file of `{case.name}` is one of {'; '.join(map(str, case.selections))}",
        hint=f"covcat files {case.name}",
    )


def _is_by_file(job: Job) -> bool:
    """Ask one by one for what is not here yet, if that is little."""
    case, wanted = job.case, None
    if case.selections and case.listing is not None:
        wanted = plan.to_come(case.listing, case.selections, case.before)
    return plan.is_by_file(job.release, job.step.options, wanted)


def filled(
    parts: list[Piece], order: transfers.Order, line: Transfers, site: Site, partial: Waiting
) -> list[Piece]:
    """Return the parts with each pointer replaced by its content, which came and was verified.

    A pointer whose content is lost, and may be, is no file of the release.

    Raises:
        CovcatError: a content did not come.
    """
    if not site.options.extract:
        return parts
    found = {
        target: (number, stored)
        for number, part in enumerate(parts)
        if isinstance(part.file, GitHubFile) and part.file.is_state
        for stored in part.files
        if (target := _target(site.built / "files", stored, part, part.file))
    }
    if not found:
        return parts
    line.progress.note(
        f"{order.name}: {plural(len(found), 'pointer')} of Git LFS; fetching what is meant"
    )
    wanted = replace(order, files=tuple(found), has_more=True)
    filled = list(parts)
    with closing(transfers.all_of(wanted, line, site.store, partial)) as coming:
        for target, got in coming:
            number, stored = found[target]
            with disk_errors(f"write `{stored.path}`"):
                (site.built / "files" / stored.path).unlink()
                link_or_copy(got.path, site.built / "files" / stored.path)
            new = replace(stored, bytes=got.bytes, sha256=got.sha256, lfs=True)
            filled[number] = _with(filled[number], new, got)
    for target in found.keys() & set(order.missing):
        number, stored = found[target]
        with disk_errors(f"drop `{stored.path}`"):
            (site.built / "files" / stored.path).unlink()
        left = tuple(one for one in filled[number].files if one.path != stored.path)
        filled[number] = replace(filled[number], files=left)
    return filled


def _target(folder: Path, stored: StoredFile, part: Piece, file: GitHubFile) -> RemoteFile | None:
    """Return what a file points to; None if it is no pointer."""
    if stored.bytes > MOST:
        return None
    with disk_errors(f"read `{stored.path}`"):
        found = pointer((folder / stored.path).read_bytes())
    if found is None or compare.pointer_blob(*found) != stored.blob:  # with extensions: as it is
        return None
    commit = part.transfer.commit or file.commit or file.branch or ""
    return replace(content(stored, file, commit, found), entry=part.served.entry)


def _with(part: Piece, new: StoredFile, got: Download) -> Piece:
    files: Sequence[StoredFile] = [new if one.path == new.path else one for one in part.files]
    transfer = part.transfer
    if not transfer.is_archive:  # the pointer came by itself: its content is what is recorded
        transfer = replace(
            transfer, url=got.url, final_url=got.final_url, bytes=got.bytes, sha256=got.sha256
        )
    return replace(part, transfer=transfer, files=tuple(files))
