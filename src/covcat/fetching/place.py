"""A download -> its files, unpacked and in their places in the folder of the release."""

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from urllib.parse import quote, urlsplit

from covcat.archives import extract, rules, writing
from covcat.archives import zip as zip_format
from covcat.archives.base import BadArchiveError, Opening
from covcat.archives.links import describe_links
from covcat.archives.rules import Budget, Layout
from covcat.archives.volumes import Archive, VolumeSet
from covcat.catalog import selection
from covcat.catalog.files import File, GitHubFile, KaggleFile
from covcat.catalog.selection import Selection
from covcat.digests import PINNED
from covcat.download.remote import Download, RemoteFile
from covcat.errors import ExtractionError, IntegrityError
from covcat.fetching.base import Build, Piece
from covcat.files import (
    MORE_SPACE,
    StoredFile,
    disk_errors,
    hashed,
    link_or_copy,
    make_folder,
)
from covcat.names import is_litter, unsafe_name
from covcat.store import compare
from covcat.store.folder import Store
from covcat.store.manifest import Transfer, data_files
from covcat.text import plural

_CAME = [one.name for one in fields(Download) if one.name != "path"]


def budget_for(file: File, store: Store) -> Budget:
    """Return how much an archive may unpack to: what the catalog allows, or the free space."""
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    if file.max_bytes is not None and file.max_bytes <= free:
        return Budget(file.max_bytes, hint="the catalog allows no more (`max_bytes`)")
    return Budget(free, is_free_space=True, hint=MORE_SPACE)


def make_piece(
    build: Build,
    served: RemoteFile,
    got: Download,
    inside: Sequence[Selection] = (),
    volumes: VolumeSet | None = None,
) -> Piece:
    """Unpack a download, or give it its place, and keep its archive if that is wanted.

    `inside` says which members are wanted; nothing means all, or all that is lacking. `volumes`
    are read in place of the download's file, if it is in several.
    """
    file = served.file
    came = {name: getattr(got, name) for name in _CAME}
    is_archive = served.unpack != "none"
    transfer = Transfer(
        **came, host=file.host, is_archive=is_archive, entry=served.entry, folder=served.folder
    )
    if not is_unpacked(served, got):
        return _place_plain(build, served, got, transfer)
    kind = served.unpack if is_archive else "zip"
    archive = volumes or got.path
    layout = _layout(build, served, archive, inside, kind)
    budget, place = budget_for(file, build.run.store), _place(build, file)
    done = extract.extract(archive, kind, layout, budget, place, _opening(build, served))
    tell(build, got.name, done)
    said = {name: getattr(done, name) for name in ("left_out", "nested", "padding", "links")}
    transfer = replace(transfer, is_archive=True, **said)
    files = done.files
    if isinstance(file, GitHubFile) and file.is_state:
        commit = _commit_in(served, archive) or None
        if file.commit and commit and commit != file.commit:
            raise IntegrityError(f"`{transfer.url}` is commit `{commit}`: expected {file.commit}")
        is_whole = not inside and build.lacking is None
        tree = compare.tree_of(files, file, done.links) if is_whole else None
        transfer = replace(transfer, commit=commit, tree=tree, keep=file.keep)
    else:  # only git's own archives say a file's git mode
        files = tuple(replace(one, mode=None) for one in files)
    if build.options.wants_archives:
        transfer = replace(transfer, archive=_keep(build, served, got))
    return Piece(served, transfer, files)


def _place(build: Build, file: File) -> writing.UnpackTarget:
    """Return where an archive is unpacked to."""
    return writing.UnpackTarget(
        folder=build.folder / "files" if build.options.extract else None,
        workspace=build.workshop / f"{os.urandom(4).hex()}.inside",
        with_git_ids=isinstance(file, GitHubFile) or build.listing is not None,
        progress=build.run.progress,
    )


def is_unpacked(served: RemoteFile, got: Download) -> bool:
    """Tell an archive, or Kaggle's zip around a single file: only the final address says that."""
    is_wrapped = urlsplit(got.final_url).path.endswith(f"{quote(served.name)}.zip")
    return served.unpack != "none" or (isinstance(served.file, KaggleFile) and is_wrapped)


def tell(build: Build, name: str, done: extract.Extracted) -> None:
    """Say what of an archive was passed over."""
    if done.litter:
        what = f"{plural(done.litter, 'file')} of desktops or version control left out"
        build.run.progress.note(f"{name}: {what}")
    if done.links:
        build.run.progress.note(f"{name}: {describe_links(done.links)}")
    for which, padding in [(name, done.padding), *((one.path, one.padding) for one in done.nested)]:
        if padding:
            build.run.progress.note(f"{which}: passed over {padding}; its digest is pinned")


def is_pinned(served: RemoteFile) -> bool:
    """Tell if the catalog, or its listing, has a digest of the whole file: what came has it."""
    return any(one.means in PINNED for one in served.digests)


def _opening(build: Build, served: RemoteFile) -> Opening:
    """Return how an archive is read that came: padding is meant where its digest is pinned."""
    return Opening(served.file.name_encoding, build.run.password, is_pinned(served))


def _layout(
    build: Build, served: RemoteFile, archive: Archive, inside: Sequence[Selection], kind: str
) -> Layout:
    """Return where the members go, and which are wanted; some of it only their names show."""
    file = served.file

    def list_paths(layout: rules.Layout) -> list[str]:
        said = budget_for(file, build.run.store), _opening(build, served)
        return [one.path for one in extract.inspect(archive, kind, layout, *said)]

    git = file if isinstance(file, GitHubFile) else None
    has_all = git and git.is_state and (git.tree or _commit_in(served, archive))  # litter stays
    before = data_files(build.before.files if build.before else ())
    known_before = [*(build.listing or ()), *(one.path for one in before)]
    layout = Layout(
        strip_root=git is not None and git.is_state,
        strip=file.strip or 0,
        keep=git.keep or "" if git else "",
        into=served.folder,
        own_folder=served.own_folder,
        exclude=file.exclude,
        nested=file.nested,
        links=file.links,
        litter=None if has_all else set(filter(is_litter, known_before)),
    )
    if served.unpack == "none":
        layout = replace(layout, strip=_depth(served, list_paths(layout)))
    elif layout.strip_root and layout.litter is not None:  # packed by a person
        names = list_paths(replace(layout, strip_root=False, keep="", into=""))
        roots = {name.partition("/")[0] if "/" in name else None for name in names}
        layout = replace(layout, strip_root=len(roots) == 1 and None not in roots)
    if (lacking := build.lacking) is not None:
        layout = replace(layout, wants=lambda path: f"files/{path}" in lacking)
    elif inside:
        known: Collection[str] = build.listing or ()
        if not known and any(one.sample is not None for one in inside):
            by_name = selection.wanted([replace(one, sample=None) for one in inside], ())
            known = list_paths(replace(layout, wants=by_name))
        wants = selection.wanted(inside, known)
        layout = replace(layout, wants=wants, bars=partial(selection.excluded, inside))
    return layout


def _commit_in(served: RemoteFile, archive: Archive) -> str:
    """Return what git wrote into a zip that it made itself; "" of any other archive."""
    if served.unpack != "zip":
        return ""
    with suppress(BadArchiveError), archive.open("rb") as stream:  # unpacking it says more
        return zip_format.comment(stream)
    return ""


def _depth(served: RemoteFile, paths: Sequence[str]) -> int:
    """Return how many folders the one file lies in that a host wrapped into a zip."""
    names = [path.removeprefix(served.folder) for path in paths]
    if len(names) != 1 or names[0].rpartition("/")[2] != served.name:
        raise ExtractionError(
            f"`{served.path}` came as a zip: expected that file alone in it, got {len(names)} "
            f"files ({', '.join(names[:3])})"
        )
    return names[0].count("/")


def _place_plain(build: Build, served: RemoteFile, got: Download, transfer: Transfer) -> Piece:
    """Give a plain file its place among the files, or keep it as served."""
    path = served.folder + got.name
    blob = next((one.value for one in served.digests if one.kind == "git-blob"), None)
    stored = StoredFile(
        path=path,
        bytes=got.bytes,
        sha256=got.sha256,
        mode=served.mode,
        blob=blob,
        verified_by=got.verified_by,
    )
    if blob is None and (build.listing is not None or served.mode):  # its size was not known before
        with disk_errors(f"read `{got.name}`"):
            found = hashed(got.path, replace(stored, blob="wanted"))
        stored = replace(found, verified_by=got.verified_by)
    if not build.options.extract:
        transfer = replace(transfer, archive=_keep(build, served, got))
        return Piece(served, transfer, (stored,))
    if reason := unsafe_name(path):
        raise ExtractionError(f"`{path}` is no place for a file: {reason}")
    with disk_errors(f"write `{path}`"):
        target = build.folder / "files" / path
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two files of the release would be `{path}`")
        link_or_copy(got.path, target)
    return Piece(served, transfer, (stored,))


def _keep(build: Build, served: RemoteFile, got: Download) -> str:
    """Keep a download as served, below the folder that its members go to."""
    kept = f"archives/{served.path.removesuffix(served.name)}{got.name}"
    with disk_errors(f"keep `{got.name}`"):
        target = build.folder / kept
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two downloads of the release are called `{kept}`")
        link_or_copy(got.path, target)
    return kept


def kept_archives(transfers: Iterable[Transfer]) -> list[StoredFile]:
    """Return the archives that stay beside the files."""
    return [
        StoredFile(
            path=one.archive, bytes=one.bytes, sha256=one.sha256, verified_by=one.verified_by
        )
        for one in transfers
        if one.archive
    ]
