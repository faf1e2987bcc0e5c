"""A release that is not what it was -> what it was: only what is damaged or missing comes again.

It is built of what is right on disk, then of what its hosts serve, which has to be what was
recorded. A damaged record is not read at all: the catalog's listing says what the release should
hold.
"""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote

from covcat.catalog.entries import BROUGHT, Release
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import totals
from covcat.catalog.load import Catalog
from covcat.download.parts import Parts
from covcat.errors import (
    CovcatError,
    IntegrityError,
    NetworkError,
    NewerError,
    NotFoundError,
    SeveralError,
)
from covcat.fetching import from_disk, from_files, from_hosts
from covcat.fetching.base import Build, Piece, Run, find_release, record_given
from covcat.fetching.brought import GivenPath
from covcat.fetching.build import (
    Record,
    Source,
    check_ours,
    check_room,
    make,
    record_anew,
    settle_waiting,
)
from covcat.fetching.place import kept_archives
from covcat.fetching.plan import Options
from covcat.fetching.run import add_way_out
from covcat.files import StoredFile
from covcat.hosts.base import remote_file
from covcat.store import compare, manifest, verify
from covcat.store.manifest import Manifest
from covcat.store.verify import Checked, verify_release
from covcat.store.waiting import Waiting
from covcat.text import format_size

_COMMIT = re.compile(r"/([0-9a-f]{40})/")


@dataclass(frozen=True, slots=True)
class Repaired:
    """A release that was looked at byte by byte, and what had to be mended."""

    record: Manifest
    files: tuple[str, ...] = ()  # that came again
    has_new_record: bool = False  # manifest.json or SHA256SUMS were damaged, and written anew
    litter: tuple[str, ...] = ()  # of desktops, in a folder that had nothing to mend


def repair_release(folder: Path, run: Run, given: Sequence[GivenPath] = ()) -> Repaired:
    """Verify a release, and bring again what is damaged or missing; what is right stays.

    What was `given` is looked at before any host is asked.

    Raises:
        CovcatError: it could not be repaired, and is as it was.
    """
    store, name = run.store, f"{folder.parent.name}@{folder.name}"
    if store.has_litter:
        store.sweep()
    settle_waiting(store)
    number, found = _look_at(folder, run)
    if answer := _if_sound(found):
        return answer
    store.prepare()
    store.sweep()
    Parts(store.parts).sweep()
    waiting = f"{name}: another covcat is fetching it; waiting"
    with store.lock(name, lambda: run.progress.note(waiting)):
        if _number(folder) != number:  # another process put a new one in its place
            _, found = _look_at(folder, run)
        try:
            return _if_sound(found) or _repair(folder, run, found, given)
        except CovcatError as error:
            raise _add_damage(error, found, run, name) from error


def way_out(folder: Path, catalog: Catalog, damage: IntegrityError) -> str:
    """Return the command that mends a release whose record is damaged, or puts it aside."""
    name = f"{folder.parent.name}@{folder.name}"
    with suppress(NotFoundError):
        release = catalog.find(name)[1]
        is_ours = not isinstance(damage, NewerError)
        if is_ours and release is not None and _can_make_anew(release, folder):
            return f"covcat verify {quote(name)} --repair"
    return damage.hint or manifest.way_out(folder)


def _look_at(folder: Path, run: Run) -> tuple[int, Checked | IntegrityError]:
    """Return which folder was looked at, and what it is like; a damaged record is an answer."""
    number = _number(folder)
    try:
        return number, verify_release(run.catalog, folder, run.progress)
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
            f"`{name}` is no longer here: another process removed it",
            hint=f"covcat fetch {quote(name)}",
        ) from error


def _if_sound(found: Checked | IntegrityError) -> Repaired | None:
    """Return the answer where all that was recorded is right, whatever the record itself lacks."""
    if isinstance(found, IntegrityError):
        return None
    is_damaged = found.findings.changed or found.damaged or found.findings.extra
    return None if is_damaged else Repaired(found.record, litter=found.litter)


def _repair(
    folder: Path, run: Run, found: Checked | IntegrityError, given: Sequence[GivenPath]
) -> Repaired:
    resource, release = find_release(folder, run.catalog)
    build = Build(
        run=run,
        resource=resource,
        release=release,
        options=Options(),
        waiting=Waiting(run.store.partial(resource.id, release.id)),
        listing=run.catalog.listing(resource, release),
        series=run.catalog.series(resource, release),
    )
    try:
        if isinstance(found, Checked):
            has_new_record = not manifest.sums_agree(folder, found.record)
            return Repaired(_restore(build, found, given), found.damaged, has_new_record)
        if not _can_make_anew(release, folder):
            found.hint = found.hint or manifest.way_out(folder)
            raise found
        return _make_anew(build, given)
    except CovcatError as error:
        raise add_way_out(error, resource, f"covcat verify {build.name} --repair --from") from error


def _add_damage(
    error: CovcatError, found: Checked | IntegrityError, run: Run, name: str
) -> CovcatError:
    """Say beside why a repair failed what is damaged, and without a network what it needs."""
    lines = found.findings.lines() if isinstance(found, Checked) else [found.message]
    way_on = f"with what you have of it: covcat verify {name} --repair --from FILE…"
    if run.network.offline and isinstance(error, NetworkError | SeveralError) and error.code == 4:
        return NetworkError(
            "the repair needs what is not here, and --offline is set",
            cause=error.message,
            hint=f"the same command without --offline, or {way_on}",
            details=lines,
        )
    if error.code == NetworkError.code:  # the next try may fail as this one did
        is_command = (error.hint or "").startswith("covcat ")
        later = "try again later" if error.hint is None or is_command else error.hint
        error.hint = f"{later}; or {way_on}"
    elif (error.hint or "").startswith("covcat fetch "):  # which leaves a damaged release alone
        error.hint = way_on
    if error is not found and not set(lines) & set(error.details):
        error.details = (*error.details, *lines)
    return error


def _restore(build: Build, checked: Checked, given: Sequence[GivenPath]) -> Manifest:
    """Make a release what its record says; the record stays, and what is right is not asked for."""
    record, damaged = checked.record, set(checked.damaged)
    build.run.store.check_free(build.resource.id, build.release.id)
    check_ours(build.here, (*checked.findings.extra, *checked.litter))
    downloads = tuple(  # those whose own bytes are right can be opened again
        one
        for one in record.downloads
        if (one.archive or f"files/{one.folder or ''}{one.name}") not in damaged
    )
    before = replace(record, downloads=downloads)
    files = list(build.release.files)
    for number, file in enumerate(files):
        mine = [one for one in downloads if one.entry == number]
        is_branch = isinstance(file, GitHubFile) and file.is_state and not file.commit
        if is_branch and isinstance(file, GitHubFile) and not any(one.archive for one in mine):
            urls = [(one.commit, _COMMIT.search(one.url)) for one in mine]
            commits = filter(None, (commit or (found and found[1]) for commit, found in urls))
            if commit := next(commits, None):  # ask for the state that was fetched
                files[number] = replace(file, commit=commit, branch=None)
    build = replace(
        build,
        release=replace(build.release, files=tuple(files)),
        before=before,
        lacking={one.path: one for one in record.files if one.path in damaged},
    )
    right = [one for one in record.files if one.path not in damaged]
    return _make(build, right, given, partial(_as_recorded, record=record))


def _make(
    build: Build, sound: Sequence[StoredFile], given: Sequence[GivenPath], record: Record
) -> Manifest:
    sources: list[Source] = [partial(from_disk.pieces, sound=sound)]
    if build.lacking and given:
        sources.append(partial(from_files.lacking, sources=given))
    return make(build, [*sources, from_hosts.pieces] if build.lacking else sources, record)


def _as_recorded(build: Build, pieces: list[Piece], record: Manifest) -> Manifest:
    """Keep the record, if what came is what it names.

    Of a repository an archive may be another one of the same tree: each is packed anew.
    """
    lacking, came = dict(build.lacking or {}), dict[str, StoredFile]()
    trees = {file.tree for file in build.release.files if isinstance(file, GitHubFile)} - {None}
    for piece in pieces:
        archives = kept_archives([piece.transfer])
        for one in [*(replace(f, path=f"files/{f.path}") for f in piece.files), *archives]:
            recorded = lacking.get(one.path)
            is_same_tree = one in archives and piece.transfer.tree in trees
            if recorded and recorded.sha256 != one.sha256 and not is_same_tree:
                raise IntegrityError(
                    f"`{one.path}` of `{build.name}` is another one upstream: sha256 expected "
                    f"{recorded.sha256}, got {one.sha256}",
                    hint=manifest.way_out(build.here),
                )
            if recorded:
                came[one.path] = one
    _check_came(build, came)
    new = {path: one for path, one in came.items() if path.startswith("archives/")}
    return _with_archives(record, new) if new else record


def _with_archives(record: Manifest, new: dict[str, StoredFile]) -> Manifest:
    downloads = []
    for one in record.downloads:
        got = new.get(one.archive or "")
        if got is not None and got.sha256 != one.sha256:
            one = replace(one, bytes=got.bytes, sha256=got.sha256, md5=None)
        downloads.append(one)
    files = [
        replace(one, bytes=new[one.path].bytes, sha256=new[one.path].sha256)
        if one.path in new
        else one
        for one in record.files
    ]
    total = sum(one.bytes for one in files)
    return replace(record, downloads=tuple(downloads), files=tuple(files), total_bytes=total)


def _check_came(build: Build, came: Collection[str]) -> None:
    if left := sorted((build.lacking or {}).keys() - set(came)):
        only_by_hand = f"covcat verify {build.name} --repair --from FILE…"
        is_brought = build.release.id == BROUGHT.id
        raise IntegrityError(
            f"nothing that is served for `{build.name}` holds {len(left)} of its damaged files",
            details=left,
            hint=only_by_hand if is_brought else manifest.way_out(build.here),
        )


def _can_make_anew(release: Release, folder: Path) -> bool:
    """Tell if the catalog says what every file should be; nobody says it of kept archives."""
    is_of_one = len(release.files) == 1
    has_trees = any(isinstance(file, GitHubFile) and file.tree for file in release.files)
    return bool(
        release.listing and (is_of_one or not has_trees) and not (folder / "archives").exists()
    )


def _make_anew(build: Build, given: Sequence[GivenPath]) -> Repaired:
    """Make a release and its record from the listing, which must know all that is here."""
    run, listing, folder = build.run, build.listing or {}, build.here
    run.store.check_free(build.resource.id, build.release.id)
    check_ours(folder, verify.present(folder) - {f"files/{path}" for path in listing})
    sound = verify.find_listed(build.name, folder, listing, run.progress)
    here = {one.path for one in sound}
    rows = {path: row for path, row in listing.items() if f"files/{path}" not in here}
    coming = totals(one.bytes for one in rows.values()).least_bytes
    again = f"{format_size(coming)} come again, and " if rows else ""
    build.say(
        f"{len(sound)} of {len(listing)} files are as the catalog lists them; {again}"
        "the manifest is made anew from that"
    )
    check_room(coming, run.store)
    build = replace(build, lacking=dict.fromkeys(f"files/{path}" for path in rows))
    record = _make(build, sound, given, _record_listed)
    return Repaired(record, tuple(build.lacking or ()), has_new_record=True)


def _record_listed(build: Build, pieces: list[Piece]) -> Manifest:
    """Record all files as one folder that was here: nobody knows any more how each came."""
    came = {f"files/{one.path}": one for piece in pieces for one in piece.files}
    _check_came(build, came)
    rows = (build.listing or {}).items()
    files = [replace(came[f"files/{path}"], mode=row.mode) for path, row in rows]
    served = remote_file(build.first_file, "files")
    transfer, file = record_given(build, served, served.name, files), served.file
    if isinstance(file, GitHubFile):
        tree = compare.tree_of(files, file) if len(build.release.files) == 1 else None
        transfer = replace(transfer, tree=tree, keep=file.keep)
    transfer = replace(transfer, imported_from="files")
    return record_anew(build, [Piece(served, transfer, tuple(files))])
