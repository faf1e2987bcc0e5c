"""A release that is not what it was -> what it was: only what is damaged or missing comes again.

What is right on disk is linked into a new folder aside. What is not is taken from a kept archive
or asked of its host, and has to be what was recorded; then one rename exchanges the folders. A
damaged record is not read at all: the catalog's listing says what the release should hold.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from glob import escape
from pathlib import Path

from covcat import hosts
from covcat.catalog.entries import Release
from covcat.catalog.files import AnyFile, GitHubFile
from covcat.catalog.listing import ListedFile, Listing, totals
from covcat.catalog.load import Catalog
from covcat.catalog.selection import Selection
from covcat.download.parts import Parts
from covcat.download.remote import Network, RemoteFile
from covcat.download.wanted import Transfers
from covcat.errors import (
    BrokenError,
    CovcatError,
    IntegrityError,
    NetworkError,
    NewerError,
    NotFoundError,
    SeveralError,
)
from covcat.fetching import build, from_hosts, transfers
from covcat.fetching import place as fetch_place
from covcat.fetching.build import Bench, Job, built, check_ours, doubt, publish
from covcat.fetching.from_hosts import ask_of, line_of
from covcat.fetching.place import Piece, kept_archives
from covcat.fetching.plan import Options, Step
from covcat.fetching.prove import Case
from covcat.fetching.run import _settle_partial, _with_way_out
from covcat.files import StoredFile, disk_errors, hashed, make_folder, put
from covcat.hosts import base
from covcat.hosts.base import HostContext, alone
from covcat.store import compare, manifest, verify
from covcat.store.manifest import Manifest, Transfer
from covcat.store.verify import Checked, in_batches, verify_release
from covcat.text import format_size


@dataclass(frozen=True, slots=True)
class Repaired:
    """A release that was looked at byte by byte, and what had to be mended."""

    record: Manifest
    files: tuple[str, ...] = ()  # that came again
    has_new_record: bool = False  # manifest.json or SHA256SUMS were damaged, and written anew
    litter: tuple[str, ...] = ()  # of desktops, in a folder that had nothing to mend


FEW = 100  # files that are asked for one by one, or picked out of an archive by their names
_COMMIT = re.compile(r"/([0-9a-f]{40})/")

Came = dict[str, tuple[StoredFile, Path]]  # by path in the release folder: as it is, where it is


# ---- a release with a record -------------------------------------------------------------------


def restored(step: Step, release: Release, bench: Bench, checked: Checked) -> Manifest:
    """Make a release what its record says; the record stays, and what is right is not asked for.

    Raises:
        DiskError: there are files of the user's own in it.
        IntegrityError: something else is served today.
    """
    folder, record = bench.store.release(step.resource.id, release.id), checked.record
    bench.store.check_free(step.resource.id, release.id)
    check_ours(folder, (*checked.findings.extra, *checked.litter))
    before = _with_sound_places(record, set(checked.damaged))
    release = replace(release, files=tuple(_same_state(release, before)))
    listing = bench.catalog.listing(step.resource, release) if release.listing else None
    case = Case(step.name, step.options, listing, before)
    return publish(step, release, bench, case, lambda job: _filled(job, folder, checked))


def _with_sound_places(record: Manifest, damaged: set[str]) -> Manifest:
    """Leave out the downloads whose own bytes are damaged: the others can be opened again."""
    sound = [
        one
        for one in record.downloads
        if (one.archive or f"files/{one.folder or ''}{one.name}") not in damaged
    ]
    return replace(record, downloads=tuple(sound))


def _same_state(release: Release, before: Manifest) -> list[AnyFile]:
    """Ask a branch for the commit that was fetched, unless its archive is here."""
    found: list[AnyFile] = []
    for number, file in enumerate(release.files):
        mine = [one for one in before.downloads if one.entry == number]
        known = [one.commit or _commit_of(one.url) for one in mine]
        commit = next((one for one in known if one), None)
        is_here = any(one.archive for one in mine)
        if isinstance(file, GitHubFile) and file.is_state and not file.commit and not is_here:
            found.append(replace(file, commit=commit, branch=None if commit else file.branch))
        else:
            found.append(file)
    return found


def _commit_of(url: str) -> str | None:
    found = _COMMIT.search(url)
    return found[1] if found else None


def _filled(job: Job, folder: Path, checked: Checked) -> Manifest:
    """Put what is right and what came in their places, and write the record."""
    recorded = {one.path: one for one in checked.record.files}
    lacking = {path: recorded[path] for path in checked.damaged}
    came = _brought(job, lacking) if lacking else {}
    record = _with_archives(checked.record, came)
    for path in recorded:
        put(came[path][1] if path in came else folder / path, job.built / path)
    with disk_errors("write the manifest"):
        if record.form == "archives":
            (job.built / "files").rmdir()
    manifest.write(job.built, record)
    return record


def _with_archives(record: Manifest, came: Came) -> Manifest:
    """Record a repository's archive as it came: each one is packed anew, of the same tree."""
    new = {path: stored for path, (stored, _) in came.items() if path.startswith("archives/")}
    if not new:
        return record
    downloads = [
        replace(one, bytes=new[one.archive].bytes, sha256=new[one.archive].sha256, md5=None)
        if one.archive in new and new[one.archive].sha256 != one.sha256
        else one
        for one in record.downloads
    ]
    files = tuple(
        replace(one, bytes=new[one.path].bytes, sha256=new[one.path].sha256)
        if one.path in new
        else one
        for one in record.files
    )
    total = sum(one.bytes for one in files)
    return replace(record, downloads=tuple(downloads), files=files, total_bytes=total)


# ---- a release with a damaged record -----------------------------------------------------------


def can_rebuild(release: Release, folder: Path) -> bool:
    """Tell if the catalog says what every file should be; nobody says it of kept archives."""
    is_of_one = len(release.files) == 1
    has_trees = any(isinstance(file, GitHubFile) and file.tree for file in release.files)
    return bool(
        release.listing and (is_of_one or not has_trees) and not (folder / "archives").exists()
    )


def rebuilt(step: Step, release: Release, bench: Bench) -> tuple[Manifest, tuple[str, ...]]:
    """Make a release and its record from the catalog's listing; return it, and what came again.

    Raises:
        DiskError: there are files in it that the listing does not know.
    """
    folder = bench.store.release(step.resource.id, release.id)
    listing = bench.catalog.listing(step.resource, release) or {}
    bench.store.check_free(step.resource.id, release.id)
    check_ours(folder, verify.present(folder) - {f"files/{path}" for path in listing})
    here = _recognised(step.name, folder, listing, bench)
    lacking = tuple(f"files/{path}" for path in listing if path not in here)
    coming = totals({path: row for path, row in listing.items() if path not in here})
    again = f"{format_size(coming.least_bytes)} come again, and " if lacking else ""
    bench.progress.note(
        f"{step.name}: {len(here)} of {len(listing)} files are as the catalog lists them; {again}"
        "the manifest is made anew from that"
    )
    build.check_room(coming.least_bytes, bench.store)
    step = replace(step, options=Options())
    case = Case(step.name, step.options, listing, None)

    def bring(job: Job) -> list[Piece]:
        came = _brought(job, dict.fromkeys(lacking)) if lacking else {}
        return [_listed_part(job, folder, listing, here, came)]

    return publish(step, release, bench, case, lambda job: built(job, bring)), lacking


def _recognised(name: str, folder: Path, listing: Listing, bench: Bench) -> dict[str, StoredFile]:
    """Hash every file, and return those that are what the listing says."""
    wanted = [
        StoredFile(path=row.path, bytes=row.bytes or 0, sha256="", mode=row.mode, blob=row.blob)
        for row in listing.values()
    ]
    task = bench.progress.start(name, sum(one.bytes for one in wanted))

    def look(batch: list[StoredFile]) -> list[StoredFile]:
        looked = [_as_listed(folder / "files", one, listing[one.path]) for one in batch]
        bench.progress.advance(task, sum(one.bytes for one in batch))
        return [one for one in looked if one is not None]

    try:
        return {one.path: one for found in in_batches(look, wanted) for one in found}
    finally:
        bench.progress.finish(task)


def _as_listed(files: Path, wanted: StoredFile, row: ListedFile) -> StoredFile | None:
    """Return a file as it is on disk, or None if it is not the listed one."""
    path = files / wanted.path
    try:
        if path.is_symlink() or not path.is_file():
            return None
        got = hashed(path, wanted)
    except OSError:  # it cannot be read: another will come
        return None
    if (
        row.blob
        and got.blob != row.blob
        and compare.pointer_blob(got.sha256, got.bytes) == row.blob
    ):
        got = replace(got, blob=row.blob, lfs=True)
    return None if compare.against_listing([got], {row.path: row}) else got


def _listed_part(
    job: Job, folder: Path, listing: Listing, here: Mapping[str, StoredFile], came: Came
) -> Piece:
    """Place every file, and say of all that they came from what was here."""
    files = []
    for path, row in listing.items():
        name = f"files/{path}"
        if path in here:
            stored, source = here[path], folder / name
        elif name in came:
            stored, source = came[name]
        else:
            continue
        put(source, job.built / name)
        files.append(replace(stored, path=path, mode=row.mode))
    served = alone(job.release.files[0], "files")
    return Piece(served, _transfer(job, served, files), tuple(files))


def _transfer(job: Job, served: RemoteFile, files: list[StoredFile]) -> Transfer:
    """Record the folder as what was brought; its sha256 is that of its SHA256SUMS."""
    file = served.file
    address = base.page(file) or job.step.resource.homepage or ""
    sums = "".join(f"{one.sha256}  {one.path}\n" for one in files)
    is_state = isinstance(file, GitHubFile) and len(job.release.files) == 1
    return Transfer(
        host=file.host,
        url=address,
        final_url=address,
        name=served.name,
        bytes=sum(one.bytes for one in files),
        sha256=hashlib.sha256(sums.encode()).hexdigest(),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        verified_by="first-use",
        tree=compare.tree_of(files, file) if is_state and isinstance(file, GitHubFile) else None,
        keep=file.keep if isinstance(file, GitHubFile) else None,
        is_archive=True,
        folder=served.folder,
        imported_from="files",
    )


# ---- what has to come again --------------------------------------------------------------------

Lacking = Mapping[str, StoredFile | None]  # by path in the release folder: as it was, if known


def _brought(job: Job, lacking: Lacking) -> Came:
    """Bring these files; an archive that breaks off is followed by its files one by one."""
    by_file = _is_by_file(job, lacking)
    try:
        came = _asked(job, lacking, by_file=by_file)
    except BrokenError as broken:
        if by_file:
            raise
        job.bench.progress.note(f"{broken.message}; asking for its files one by one")
        came = _asked(job, lacking, by_file=True)
    left = sorted(lacking.keys() - came.keys())
    if left:
        name = job.case.name
        raise IntegrityError(
            f"nothing that is served for `{name}` holds {len(left)} of its damaged files",
            details=left,
            hint=manifest.way_out(job.bench.store.release(*name.split("@"))),
        )
    return came


def _is_by_file(job: Job, lacking: Lacking) -> bool:
    """Few files of a repository come one by one, unless its archive is here."""
    before = job.case.before
    is_here = before is not None and any(one.archive for one in before.downloads)
    is_state = all(isinstance(one, GitHubFile) and one.is_state for one in job.release.files)
    is_plain = all(path.startswith("files/") for path in lacking)
    return is_state and is_plain and not is_here and len(lacking) <= FEW


def _asked(job: Job, lacking: Lacking, *, by_file: bool) -> Came:
    """Take single files by their paths, then open one archive after the other."""
    with line_of(job.bench) as line:
        ask = ask_of(job, line, by_file=by_file)
        served = hosts.listed(job.release.files, ask)
        single = [one for one in served if one.unpack == "none" and _places(one) & lacking.keys()]
        came = _taken(job, line, ask, single, lacking) if single else {}
        archives = [one for one in served if one.unpack != "none"]
        for one in sorted(archives, key=lambda one: -len(one.folder)):
            left = {path: lacking[path] for path in lacking if path not in came}
            if any(path in _places(one) or path.startswith(_inside(one)) for path in left):
                came |= _taken(job, line, ask, [one], left)
        return came


def _places(one: RemoteFile) -> set[str]:
    return {f"files/{one.folder}{one.name}", f"archives/{one.path}"}


def _inside(one: RemoteFile) -> str:
    return f"files/{one.folder}"


def _taken(
    job: Job, line: Transfers, ask: HostContext, served: list[RemoteFile], lacking: Lacking
) -> Came:
    """Bring downloads, and take of each what is lacking."""
    order = transfers.Order(job.case.name, tuple(served), job.case.before, ask)
    came: Came = {}
    with closing(transfers.all_of(order, line, job.bench.store, job.partial)) as coming:
        for number, (one, got) in enumerate(coming):
            with doubt(job.partial, served):
                keeps = f"archives/{one.path}" in lacking
                members = [path for path in lacking if path.startswith(_inside(one))]
                options = Options(extract=bool(members), keep_archives=keeps)
                site = replace(
                    job.site, built=job.workshop / f"again-{one.entry}-{number}", options=options
                )
                with disk_errors("make a folder for what comes again"):
                    make_folder(site.built / "files")
                part = fetch_place.part(one, got, site, () if keeps else _wanted(job, members))
                part = _part_of(part, lacking)
                (part,) = from_hosts.filled([part], order, line, site, job.partial)
                came |= _compared(job, part, lacking, site.built)
    return came


def _wanted(job: Job, members: list[str]) -> tuple[Selection, ...]:
    """Return what of an archive is opened: few members by their names, else what was asked for."""
    if len(members) <= FEW:
        names = (path.removeprefix("files/") for path in members)
        return (Selection(include=tuple(map(escape, names))),)
    before = job.case.before
    return tuple(map(Selection.read, before.selection)) if before is not None else ()


def _part_of(part: Piece, lacking: Lacking) -> Piece:
    return replace(part, files=tuple(one for one in part.files if f"files/{one.path}" in lacking))


def _compared(job: Job, part: Piece, lacking: Lacking, folder: Path) -> Came:
    """Return what came, by its place; each file has to be the recorded one.

    Raises:
        IntegrityError: it is another.
    """
    came: Came = {}
    for one in part.files:
        recorded = lacking[f"files/{one.path}"]
        if recorded is not None and recorded.sha256 != one.sha256:
            raise _changed(job, recorded, one.sha256)
        came[f"files/{one.path}"] = (one, folder / "files" / one.path)
    place = part.transfer.archive
    if place is not None and place in lacking:
        archive = kept_archives([part.transfer])[0]
        recorded = lacking[place]
        if recorded is not None and archive.sha256 != recorded.sha256 and not _same(job, part):
            raise _changed(job, recorded, archive.sha256)
        came[place] = (archive, folder / place)
    return came


def _same(job: Job, part: Piece) -> bool:
    """Tell if another archive of a repository holds the tree that was recorded."""
    return isinstance(part.file, GitHubFile) and part.transfer.tree in {
        file.tree for file in job.release.files if isinstance(file, GitHubFile) and file.tree
    }


def _changed(job: Job, recorded: StoredFile, got: str) -> CovcatError:
    return IntegrityError(
        f"`{recorded.path}` of `{job.case.name}` is another one upstream: sha256 expected "
        f"{recorded.sha256}, got {got}",
        hint=manifest.way_out(job.bench.store.release(*job.case.name.split("@"))),
    )


def repair_release(folder: Path, bench: Bench) -> Repaired:
    """Verify a release, and bring again what is damaged or missing; what is right stays.

    Raises:
        CovcatError: it could not be repaired, and is as it was.
    """
    store, name = bench.store, f"{folder.parent.name}@{folder.name}"
    if store.has_litter:
        store.sweep()
    _settle_partial(store)
    looked_at, found = _looked_at(folder, bench)
    if isinstance(found, Checked) and _is_sound(found):
        return Repaired(found.record, litter=found.litter)
    store.prepare()
    store.sweep()
    Parts(store.parts).sweep()
    waiting = f"{name}: another covcat is fetching it; waiting"
    with store.lock(name, lambda: bench.progress.note(waiting)):
        if _number(folder) != looked_at:  # another process put a new one in its place
            _, found = _looked_at(folder, bench)
        try:
            return _repaired(folder, bench, found)
        except CovcatError as error:
            raise _with_damage(error, found, bench.network, name) from error


def way_out(folder: Path, catalog: Catalog, damage: IntegrityError) -> str:
    """Return the command that mends a release whose record is damaged, or puts it aside."""
    name = f"{folder.parent.name}@{folder.name}"
    with suppress(NotFoundError):
        release = catalog.find(name)[1]
        is_ours = not isinstance(damage, NewerError)
        if is_ours and release is not None and can_rebuild(release, folder):
            return f"covcat verify {name} --repair"
    return damage.hint or manifest.way_out(folder)


def _looked_at(folder: Path, bench: Bench) -> tuple[int, Checked | IntegrityError]:
    """Return which folder was looked at, and what it is like; a damaged record is an answer."""
    number = _number(folder)
    try:
        return number, verify_release(bench.catalog, folder, bench.progress)
    except NewerError:
        raise
    except IntegrityError as damage:
        return number, damage


def _number(folder: Path) -> int:
    """Return what tells a folder from the one that takes its place."""
    try:
        return folder.stat().st_ino
    except FileNotFoundError as error:
        name = f"{folder.parent.name}@{folder.name}"
        raise NotFoundError(
            f"`{name}` is no longer here: another process removed it", hint=f"covcat fetch {name}"
        ) from error


def _is_sound(found: Checked) -> bool:
    """True if all that was recorded is right; what the record itself lacks is another matter."""
    findings = found.findings
    return not (findings.changed or found.damaged or findings.extra)


def _repaired(folder: Path, bench: Bench, found: Checked | IntegrityError) -> Repaired:
    if isinstance(found, Checked) and _is_sound(found):
        return Repaired(found.record, litter=found.litter)
    resource, release = bench.catalog.find(f"{folder.parent.name}@{folder.name}")
    if release is None:
        raise NotFoundError(f"`{resource.id}` offers no download")
    step = Step(resource=resource, release=release, action="fetch", reason="damaged")
    try:
        if isinstance(found, Checked):
            record = restored(step, release, bench, found)
            return Repaired(record, found.damaged, not manifest.sums_agree(folder, found.record))
        if not can_rebuild(release, folder):
            found.hint = found.hint or manifest.way_out(folder)
            raise found
        record, came = rebuilt(step, release, bench)
    except CovcatError as error:
        raise _with_way_out(error, step) from error
    return Repaired(record, came, has_new_record=True)


def _with_damage(
    error: CovcatError, found: Checked | IntegrityError, network: Network, name: str
) -> CovcatError:
    """Say beside why a repair failed what is damaged, and without a network what it needs."""
    lines = found.findings.lines() if isinstance(found, Checked) else [found.message]
    if network.offline and isinstance(error, NetworkError | SeveralError) and error.code == 4:
        return NetworkError(
            "the repair needs what is not here, and --offline is set",
            cause=error.message,
            hint="the same command without --offline",
            details=lines,
        )
    if error.hint == f"covcat fetch {name}":  # which would keep what its record calls complete
        error.hint = f"covcat verify {name} --repair"
    if error is not found and not set(lines) & set(error.details):
        error.details = (*error.details, *lines)
    return error
