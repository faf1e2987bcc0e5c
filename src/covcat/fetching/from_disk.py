"""What is here of a release, and right: taken over as it is, after every byte was read again."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from covcat.catalog import selection
from covcat.download.remote import RemoteFile
from covcat.fetching.base import Build, Piece, record_given
from covcat.fetching.choose import Hosts
from covcat.files import StoredFile, put
from covcat.hosts.base import remote_file
from covcat.store import verify
from covcat.store.manifest import Manifest, Transfer, data_files
from covcat.text import plural


def pieces(build: Build, hosts: Hosts, *, sound: Iterable[StoredFile]) -> list[Piece]:
    """Put what is sound of the release that is here in its place; paths are as its record's."""
    del hosts  # nobody is asked
    for one in sound:
        put(build.here / one.path, build.folder / one.path)
    files = data_files(sound)
    served = remote_file(build.first_file, "files")
    return [Piece(served, record_given(build, served, "files", files), files)]


def unpacked(build: Build, hosts: Hosts) -> list[Piece]:
    """Put the files of those archives in their places that were unpacked before.

    Only where digests say that the host serves what it served then, and all of it was wanted.
    """
    before = build.before
    is_plain = build.listing is None and not build.options.wants_archives
    if before is None or before.form != "files" or not is_plain:
        return []
    transfers = {(one.entry, one.folder): one for one in before.downloads if one.is_archive}
    folders = {one.folder for one in hosts.choice.served if one.own_folder}
    folders |= {one.folder or "" for one in transfers.values()}
    known = []
    for one, inside in hosts.choice.inside.items():
        transfer = transfers.get((one.entry, one.folder))
        if transfer is not None and not inside and _is_same(one, transfer):
            files = _files_of(one, before, folders)
            known += [Piece(one, transfer, files)] if files else []
    record = replace(before, files=tuple(file for one in known for file in one.files), missing=())
    damaged = set(verify.checked(build.here, record, build.run.progress).damaged)
    found = [one for one in known if damaged.isdisjoint(file.path for file in one.files)]
    for path in (file.path for piece in found for file in piece.files):
        put(build.here / path, build.folder / path)
    if found:
        build.say(f"here already: {plural(len(found), 'archive')} of it")
    return [replace(piece, files=data_files(piece.files)) for piece in found]


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
    """Tell if all of an archive was unpacked, and digests say that the host still serves that."""
    if transfer.left_out or any(inner.left_out for inner in transfer.nested):
        return False
    recorded = {"sha256": transfer.sha256, "md5": transfer.md5}
    pairs = [(recorded.get(digest.kind), digest.value) for digest in one.digests]
    known = [(had, value) for had, value in pairs if had is not None]
    return bool(known) and all(had == value for had, value in known)
