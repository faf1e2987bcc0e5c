"""Is there room? Asked before the first byte of a download, and of its members."""

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from covcat.archives import extract, rules, writing
from covcat.archives import zip as zip_format
from covcat.archives.base import BadArchiveError
from covcat.archives.rules import Budget, Layout
from covcat.catalog import selection
from covcat.catalog.files import AnyFile, File, GitHubFile, KaggleFile
from covcat.catalog.selection import Selection
from covcat.download.remote import Download, RemoteFile
from covcat.errors import ExtractionError, IntegrityError
from covcat.fetching.plan import Options
from covcat.files import StoredFile, disk_errors, hashed, link_or_copy, make_folder
from covcat.names import unsafe_name
from covcat.progress import Progress
from covcat.store import compare
from covcat.store.folder import Store
from covcat.store.manifest import Transfer
from covcat.text import plural


@dataclass(frozen=True, slots=True)
class Site:
    """Where a release is being built."""

    built: Path  # the folder that will get the release's final name
    workspace: Path  # a private folder, for the archives inside archives
    options: Options
    listing: Collection[str] | None  # paths of all files of the release, where they are pinned
    store: Store
    progress: Progress
    litter: Collection[str] = ()  # paths of desktops' files that a listing or a record has


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a release after transfer and unpacking; paths are relative to `files/`."""

    served: RemoteFile
    transfer: Transfer
    files: tuple[StoredFile, ...]

    @property
    def file(self) -> AnyFile:
        """Return what the catalog says of it."""
        return self.served.file


_HINT = "free some space, or choose another place with --data-dir"


def budget_for(file: File, store: Store) -> Budget:
    """Return how much an archive may unpack to: what the catalog allows, or the free space."""
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    if file.max_bytes is not None and file.max_bytes <= free:
        return Budget(file.max_bytes, hint="the catalog allows no more (`max_bytes`)")
    return Budget(free, is_free_space=True, hint=_HINT)


def part(served: RemoteFile, got: Download, site: Site, inside: Sequence[Selection] = ()) -> Piece:
    """Unpack a download, or give it its place, and keep its archive if that is wanted.

    `inside` says which members are wanted; nothing means all.
    """
    file, transfer = served.file, _transfer(served, got)
    if served.unpack == "none" and not _is_wrapped(served, got):
        return _plain_part(served, got, transfer, site)
    done = _unpacked(served, got, site, inside)
    files = list(done.files)
    transfer = replace(transfer, is_archive=True, left_out=done.left_out, nested=done.nested)
    if isinstance(file, GitHubFile) and file.is_state:
        commit = _commit_in(served, got) or None
        transfer = _with_git_ids(transfer, file, files, commit, is_whole=not inside)
    else:  # only git's own archives say a file's git mode
        files = [replace(one, mode=None) for one in files]
    if site.options.wants_archives:
        transfer = replace(transfer, archive=_kept(served, got, site.built))
    return Piece(served, transfer, tuple(files))


def _unpacked(
    served: RemoteFile, got: Download, site: Site, inside: Sequence[Selection]
) -> extract.Extracted:
    file = served.file
    kind = served.unpack if served.unpack != "none" else "zip"
    place = writing.Place(
        folder=site.built / "files" if site.options.extract else None,
        workspace=site.workspace / f"{os.urandom(4).hex()}.inside",
        with_git_ids=isinstance(file, GitHubFile) or site.listing is not None,
        progress=site.progress,
    )

    def paths(layout: rules.Layout) -> list[str]:
        room_for = budget_for(file, site.store)
        placed = extract.inspect(got.path, kind, layout, room_for, file.name_encoding)
        return [one.path for one in placed]

    layout = replace(layout_of(served), litter=_litter(served, got, site))
    if served.unpack == "none":
        layout = replace(layout, strip=_depth(served, got, paths(layout)))
    elif layout.strip_root and layout.litter is not None:  # packed by a person
        names = paths(replace(layout, strip_root=False, keep="", into=""))
        layout = replace(layout, strip_root=_has_one_root(names))
    if inside:
        is_sample = any(one.sample is not None for one in inside)
        by_name = selection.wanted([replace(one, sample=None) for one in inside], ())
        known = site.listing or (paths(replace(layout, wants=by_name)) if is_sample else ())
        layout = replace(layout, wants=selection.wanted(inside, known))
    budget = budget_for(file, site.store)
    done = extract.extract(got.path, kind, layout, budget, place, file.name_encoding)
    if done.litter:
        what = f"{plural(done.litter, 'file')} of desktops or version control left out"
        site.progress.note(f"{got.name}: {what}")
    return done


def _litter(served: RemoteFile, got: Download, site: Site) -> Collection[str] | None:
    """Return which litter stays; all of it where the tree of a repository has every file."""
    file = served.file
    if isinstance(file, GitHubFile) and file.is_state and (file.tree or _commit_in(served, got)):
        return None
    return site.litter


def _has_one_root(names: Sequence[str]) -> bool:
    """Tell if all lies in one folder, as in the archives of GitHub."""
    roots = {name.partition("/")[0] for name in names}
    return len(roots) == 1 and all("/" in name for name in names)


def _commit_in(served: RemoteFile, got: Download) -> str:
    """Return what git wrote into a zip that it made itself; "" of any other archive."""
    if served.unpack != "zip":
        return ""
    with suppress(BadArchiveError), got.path.open("rb") as stream:  # unpacking it says more
        return zip_format.comment(stream)
    return ""


def _depth(served: RemoteFile, got: Download, paths: Sequence[str]) -> int:
    """Return how many folders the one file lies in that a host wrapped into a zip.

    Raises:
        ExtractionError: the zip holds something else.
    """
    names = [path.removeprefix(served.folder) for path in paths]
    if len(names) != 1 or names[0].rpartition("/")[2] != served.name:
        raise ExtractionError(
            f"`{got.url}` came as a zip: expected `{served.name}` alone in it, got {len(names)} "
            f"files ({', '.join(names[:3])})"
        )
    return names[0].count("/")


def _is_wrapped(served: RemoteFile, got: Download) -> bool:
    """Tell Kaggle's zip around a single file: only the final address says it."""
    name = urlsplit(got.final_url).path
    return isinstance(served.file, KaggleFile) and name.endswith(f"{quote(served.name)}.zip")


def _with_git_ids(
    transfer: Transfer,
    file: GitHubFile,
    files: list[StoredFile],
    commit: str | None,
    *,
    is_whole: bool,
) -> Transfer:
    """Record the tree that was unpacked, and the commit that git wrote into the archive."""
    if file.commit and commit and commit != file.commit:
        raise IntegrityError(f"`{transfer.url}` is commit `{commit}`: expected {file.commit}")
    tree = compare.tree_of(files, file) if is_whole else None
    return replace(transfer, commit=commit, tree=tree, keep=file.keep)


def _transfer(served: RemoteFile, got: Download) -> Transfer:
    return Transfer(
        host=served.file.host,
        url=got.url,
        final_url=got.final_url,
        name=got.name,
        bytes=got.bytes,
        sha256=got.sha256,
        md5=got.md5,
        mirror=got.mirror,
        is_archive=served.unpack != "none",
        finished_at=got.finished_at,
        verified_by=got.verified_by,
        entry=served.entry,
        folder=served.folder,
        imported_from=got.imported_from,
    )


def _plain_part(served: RemoteFile, got: Download, transfer: Transfer, site: Site) -> Piece:
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
    if blob is None and (site.listing is not None or served.mode):  # its size was not known before
        with disk_errors(f"read `{got.name}`"):
            found = hashed(got.path, replace(stored, blob="wanted"))
        stored = replace(found, verified_by=got.verified_by)
    if not site.options.extract:
        transfer = replace(transfer, archive=_kept(served, got, site.built))
        return Piece(served, transfer, (stored,))
    if reason := unsafe_name(path):
        raise ExtractionError(f"`{path}` is no place for a file: {reason}")
    with disk_errors(f"write `{path}`"):
        target = site.built / "files" / path
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two files of the release would be `{path}`")
        link_or_copy(got.path, target)
    return Piece(served, transfer, (stored,))


def _kept(served: RemoteFile, got: Download, built: Path) -> str:
    """Keep a download as served, below the folder that its members go to."""
    folder = served.path.removesuffix(served.name)
    kept = f"archives/{folder}{got.name}"
    with disk_errors(f"keep `{got.name}`"):
        target = built / kept
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


def layout_of(served: RemoteFile) -> Layout:
    """Return what the catalog says of an archive's members."""
    file = served.file
    return Layout(
        strip_root=isinstance(file, GitHubFile) and file.is_state,
        strip=file.strip or 0,
        keep=(file.keep or "") if isinstance(file, GitHubFile) else "",
        into=served.folder,
        own_folder=served.own_folder,
        exclude=file.exclude,
        nested=file.nested,
    )
