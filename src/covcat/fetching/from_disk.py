"""Archives of a data set that were unpacked before: what they held is taken from what is here.

Only where their host still says what it said then, and after every byte was read again.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from covcat.catalog import selection
from covcat.download.remote import RemoteFile
from covcat.fetching.build import Job
from covcat.fetching.place import Piece
from covcat.fetching.plan import Chosen
from covcat.files import StoredFile, put
from covcat.store import verify
from covcat.store.manifest import Manifest, Transfer
from covcat.text import plural


def unpacked(job: Job, wanted: Sequence[Chosen], served: Sequence[RemoteFile]) -> list[Piece]:
    """Put the files of those archives of `wanted` in their places that need not come again.

    `served` is all that the hosts have of the release.
    """
    before = job.case.before
    is_plain = job.case.listing is None and not job.step.options.wants_archives
    if before is None or before.form != "files" or not is_plain:
        return []
    known = _known(before, [one for one, inside in wanted if not inside], served)
    folder = job.bench.store.release(before.resource, before.release)
    record = replace(before, files=tuple(file for part in known for file in part.files), missing=())
    damaged = set(verify.checked(folder, record, job.bench.progress).damaged)
    found = []
    for part in known:
        if not damaged.isdisjoint(file.path for file in part.files):
            continue
        for file in part.files:
            put(folder / file.path, job.built / file.path)
        files = [replace(one, path=one.path.removeprefix("files/")) for one in part.files]
        found.append(replace(part, files=tuple(files)))
    if found:
        job.bench.progress.note(
            f"{job.case.name}: here already: {plural(len(found), 'archive')} of it"
        )
    return found


def _known(
    before: Manifest, wanted: Sequence[RemoteFile], served: Sequence[RemoteFile]
) -> list[Piece]:
    """Return what is recorded of each archive that was unpacked whole, and is served as it was."""
    transfers = {(one.entry, one.folder): one for one in before.downloads if one.is_archive}
    folders = {one.folder for one in served if one.own_folder}
    folders |= {one.folder or "" for one in transfers.values()}
    found = []
    for one in wanted:
        transfer = transfers.get((one.entry, one.folder))
        if transfer is None or not _is_whole(transfer) or not _is_same(one, transfer):
            continue
        files = _files_of(one, before, folders)
        found += [Piece(one, transfer, files)] if files else []
    return found


def _is_whole(transfer: Transfer) -> bool:
    """Tell if all of an archive was unpacked, whatever was asked for and excluded then."""
    return not transfer.left_out and not any(one.left_out for one in transfer.nested)


def _files_of(
    one: RemoteFile, before: Manifest, folders: Collection[str]
) -> tuple[StoredFile, ...]:
    """Return the files of an archive; none where they may be another's, or are excluded today."""
    own, below = one.folder, f"files/{one.folder}"
    others = [each for each in folders if each.startswith(own) or own.startswith(each)]
    if not one.own_folder or len(others) > 1:
        return ()
    files = tuple(file for file in before.files if file.path.startswith(below))
    inside = [file.path.removeprefix(below) for file in files]
    is_excluded = any(
        selection.matches(path, one.file.exclude) or selection.matches(own + path, one.file.exclude)
        for path in inside
    )
    return () if is_excluded else files


def _is_same(one: RemoteFile, transfer: Transfer) -> bool:
    """Tell if digests say that the host serves what it served then."""
    recorded = {"sha256": transfer.sha256, "md5": transfer.md5}
    pairs = [(recorded.get(digest.kind), digest.value) for digest in one.digests]
    known = [(had, value) for had, value in pairs if had is not None]
    return bool(known) and all(had == value for had, value in known)
