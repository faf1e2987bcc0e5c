"""Is a release on disk still what it was? Files against their record, the record against pins."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from covcat import engine
from covcat.catalog import selection
from covcat.catalog.entries import Release
from covcat.catalog.files import GitHubFile
from covcat.catalog.listing import ListedFile, Listing
from covcat.catalog.load import Catalog
from covcat.catalog.selection import Selection
from covcat.engine import Died, Task
from covcat.engine.shards import Shard
from covcat.errors import IntegrityError, NotFoundError
from covcat.files import StoredFile, hashed
from covcat.names import history_of, is_litter, is_made_again
from covcat.progress import Progress, Silent
from covcat.store.compare import (
    Findings,
    against_listing,
    check_findings,
    lfs_difference,
    pointer_blob,
    status_of,
    tree_of,
    unread,
)
from covcat.store.folder import MANIFEST, OWN, SUMS
from covcat.store.manifest import Manifest, data_files, load, sums_agree

NONE_KNOWN: Mapping[str, str | None] = MappingProxyType({})
GRACE = 1.0  # seconds: file systems and copies round times
Result = TypeVar("Result")
_FACTS = (
    "path",
    "bytes",
    "sha256",
    "blob",
    "lfs",
)  # of a record, which go to a cluster as they are
_facts = attrgetter(*_FACTS)  # a StoredFile takes ten times as long to send and to read


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one release."""

    record: Manifest
    findings: Findings
    damaged: tuple[str, ...] = ()  # paths of the record that are changed or missing
    doubted: tuple[str, ...] = ()  # those that a quick look hashed, because of their times
    litter: tuple[str, ...] = ()  # what desktops and version control left beside: no damage
    known_missing: tuple[str, ...] = ()  # the record says that they are, and that was accepted


def checked(
    folder: Path,
    manifest: Manifest,
    progress: Progress,
    *,
    quick: bool = False,
    known: Mapping[str, str | None] = NONE_KNOWN,
) -> Checked:
    """Compare a release folder with its record: every byte, or with `quick` sizes and times.

    What shards looked at is `known`, and not read again.

    A quick look hashes what was modified after the record was written, and nothing else: a copied
    folder has new times and is as good as it was.
    """
    verdicts = {file.path: known[file.path] for file in manifest.files if file.path in known}
    todo, since = [one for one in manifest.files if one.path not in known], ""
    if quick:
        written, since = 0.0, "modified since, "  # if that is unknown every file is doubted
        with suppress(OSError):
            written = (folder / MANIFEST).stat().st_mtime
        looked = [(file, status_of(f"{folder}/{file.path}", file)) for file in manifest.files]
        verdicts = {file.path: now if isinstance(now, str) else None for file, now in looked}
        todo = [
            file
            for file, now in looked
            if not isinstance(now, str) and now.st_mtime > written + GRACE
        ]
    label = f"{manifest.resource}@{manifest.release}"
    facts = ((file.bytes, _facts(file)) for file in todo)
    for number, why in look_at_all(difference_on_disk, folder, facts, progress, label):
        verdicts[todo[number].path] = f"{since}{why}" if why and why != "missing" else why
    damaged = {path: why for path, why in verdicts.items() if why}
    missing = [path for path, why in damaged.items() if why == "missing"]
    changed = [f"{path}: {why}" for path, why in damaged.items() if why != "missing"]
    besides = beside(folder, manifest)
    lacking = {f"files/{path}" for path in manifest.missing}.difference(besides)
    findings = Findings(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted([*missing, *lacking])),
        extra=tuple(path for path in besides if not is_litter(path)),
    )
    doubted = tuple(file.path for file in todo) if quick else ()
    return Checked(manifest, findings, tuple(damaged), doubted, tuple(filter(is_litter, besides)))


def look_at_share(folder: Path, shard: Shard, progress: Progress) -> dict[str, str | None]:
    """Return what is wrong with the files of a shard, by their paths: every byte is read.

    Raises:
        IntegrityError: the record itself is damaged.
    """
    manifest = load(folder)
    files = shard.share(manifest.files)
    facts = ((file.bytes, _facts(file)) for file in files)
    label = f"{manifest.resource}@{manifest.release}"
    found = look_at_all(difference_on_disk, folder, facts, progress, label)
    return {files[number].path: why for number, why in found}


def look_at_all(
    look: Callable[[tuple[str, Any]], Result],
    folder: Path,
    files: Iterable[tuple[int, Any]],
    progress: Progress,
    label: str,
) -> Iterator[tuple[int, Result]]:
    """Let all cores, or a cluster, look at files of a folder; give the number of each as it comes.

    A file is its bytes, and what `look` gets beside the folder.
    """
    place = str(folder)
    tasks = (Task(str(at), size, (place, one)) for at, (size, one) in enumerate(files))
    how: Any = {"here": "threads", "reads": [folder], "light": True}
    with closing(engine.run(look, tasks, progress, label, **how)) as batches:
        for task, result in (done for batch in batches for done in batch):
            is_dead = isinstance(result, Died)  # of a lack of memory, perhaps: here there may be
            yield int(task.key), look(task.argument) if is_dead else result


def difference_on_disk(asked: tuple[str, tuple[Any, ...]]) -> str | None:
    """Say how a file of a folder differs from facts of its record: the engine's work."""
    folder, facts = asked
    file = StoredFile(**dict(zip(_FACTS, facts, strict=True)))
    status = status_of(f"{folder}/{file.path}", file)
    if isinstance(status, str):
        return status
    try:
        got = hashed(Path(folder, file.path), file, engine.advance)
    except OSError as error:
        return unread(error)
    if got.sha256 != file.sha256:
        return f"sha256 expected {file.sha256}, got {got.sha256}"
    if file.lfs:
        return lfs_difference(file)
    return f"git blob expected {file.blob}, got {got.blob}" if got.blob != file.blob else None


def beside(folder: Path, manifest: Manifest) -> list[str]:
    """Return what lies in a release folder and is not in its record, in order."""
    return sorted(present(folder) - {file.path for file in manifest.files})


def missed(paths: Iterable[str]) -> list[str]:
    """Return what somebody would miss of files beside the data: not what desktops make again."""
    found = (history_of(path) or ("" if is_made_again(path) else path) for path in paths)
    return sorted(set(filter(None, found)))


def present(folder: Path) -> set[str]:
    """Return every file and link in a release folder, as the manifest names them.

    covcat's own beside the data are left out; a folder that cannot be looked into is named itself.
    """
    top, found = str(folder), set[str]()

    def is_closed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            found.add(os.path.relpath(error.filename, top))

    for parent, folders, names in os.walk(top, onerror=is_closed):  # Paths take twice as long
        inside = parent[len(top) + 1 :].replace(os.sep, "/")
        before = f"{inside}/" if inside else ""
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found.update(before + name for name in (*names, *links))
    return found - OWN


def check_pins(catalog: Catalog, record: Manifest) -> Listing | None:
    """Compare a record with the catalog's pins, if it has any; return the listing."""
    with suppress(NotFoundError):  # an entry of a catalog that is not given now
        resource, release = catalog.find(f"{record.resource}@{record.release}")
        if release is not None:
            listing = catalog.listing(resource, release)
            against_catalog(record, release, listing)
            return listing
    return None


def against_catalog(record: Manifest, release: Release, listing: Listing | None) -> None:
    """Compare a record with what the catalog pins, so that an altered manifest is no proof."""
    differs = f"the manifest of `{record.resource}@{record.release}` differs from the catalog"
    _downloads_against_catalog(differs, record, release)
    if record.form == "archives":
        return
    files = data_files(record.files)
    selections = [Selection.read(part) for part in record.selection]
    if listing is not None:
        wants = selection.wanted(selections, listing)
        found = against_listing(files, {path: listing[path] for path in listing if wants(path)})
        unknown = tuple(path for path in found.missing if path not in record.missing)
        check_findings(replace(found, missing=unknown), differs)
    is_whole = record.complete and not selections
    links = [link for one in record.downloads for link in one.links]
    for file in release.files if is_whole and len(release.files) == 1 else ():
        if isinstance(file, GitHubFile) and file.tree not in (
            None,
            tree_of(files, file, links),
        ):
            raise IntegrityError(f"{differs}: git tree {file.tree}")


def _downloads_against_catalog(differs: str, record: Manifest, release: Release) -> None:
    entries = {one.entry for one in record.downloads}
    known = set(range(len(release.files)))
    is_adopted = any(one.imported_from for one in record.downloads)  # packed in its own way
    is_less = len(known - entries) > len(record.missing)  # those are said to be lost whole
    if entries - known or (is_less and not (record.selection or is_adopted)):
        raise IntegrityError(
            f"{differs}: expected downloads of {len(known)} files, got those of {len(entries)}"
        )
    recorded = {file.path: file.sha256 for file in record.files}
    for transfer in record.downloads:
        file = release.files[transfer.entry]
        folder = transfer.folder if transfer.folder is not None else file.into or ""
        place = transfer.archive or f"files/{folder}{transfer.name}"
        pinned = [("sha256", file.sha256, transfer.sha256), ("md5", file.md5, transfer.md5)]
        if transfer.imported_from and release.listing:  # which says what is in it
            pinned = []
        if transfer.archive or not transfer.is_archive:
            pinned.append(("sha256 of the stored file", transfer.sha256, recorded.get(place)))
        for kind, pin, got in pinned:
            if pin not in (None, got):
                raise IntegrityError(f"{differs}: {kind} expected {pin}, got {got}")


def verify_release(
    catalog: Catalog,
    folder: Path,
    progress: Progress | None = None,
    *,
    quick: bool = False,
    known_missing: bool = False,
    known: Mapping[str, str | None] = NONE_KNOWN,
) -> Checked:
    """Compare a release on disk with its record, and that with the catalog's pins, if it has any.

    `known_missing` takes for right what the record itself says is missing; `known` is what shards
    looked at.

    Raises:
        IntegrityError: the record itself is damaged, or is not the pinned state.
    """
    record = load(folder)
    listing = check_pins(catalog, record)
    found = checked(folder, record, progress or Silent(), quick=quick, known=known)
    if not sums_agree(folder, record):
        changed = (*found.findings.changed, f"{SUMS}: not as recorded")
        found = replace(found, findings=replace(found.findings, changed=changed))
    if known_missing:
        found = _but_known(folder, found, listing or {}, progress or Silent())
    return found


def _but_known(folder: Path, found: Checked, listing: Listing, progress: Progress) -> Checked:
    """Leave out what the record says is missing: it is, or is here as the catalog lists it."""
    record, findings = found.record, found.findings
    known = {f"files/{path}" for path in record.missing}
    names = [path for path in record.missing if f"files/{path}" in findings.extra]
    back = {path: listing[path] for path in names if path in listing}
    label = f"{record.resource}@{record.release}"
    right = {one.path for one in find_listed(label, folder, back, progress)}
    wrong = {f"files/{path}" for path in back}.difference(right)
    changed = [f"{path}: not as the catalog lists it" for path in wrong]
    left = Findings(
        changed=tuple(sorted([*findings.changed, *changed])),
        missing=tuple(path for path in findings.missing if path not in known),
        extra=tuple(path for path in findings.extra if path not in right | wrong),
    )
    return replace(found, findings=left, known_missing=tuple(sorted(known & {*findings.missing})))


def find_listed(name: str, folder: Path, listing: Listing, progress: Progress) -> list[StoredFile]:
    """Hash every file; return those that are as listed, by their paths in the release folder."""
    rows = [*listing.values()]
    sizes = ((row.bytes or 0, row) for row in rows)
    found = dict(look_at_all(as_listed, folder / "files", sizes, progress, name))
    return [one for _, one in sorted(found.items()) if one is not None]


def as_listed(asked: tuple[str, ListedFile]) -> StoredFile | None:
    """Return a file if it is as listed: the engine's work."""
    folder, row = asked
    path = Path(folder, row.path)
    one = StoredFile(path=row.path, bytes=row.bytes or 0, sha256="", mode=row.mode, blob=row.blob)
    with suppress(OSError):  # it cannot be read: another will come
        if path.is_symlink() or not path.is_file():
            return None
        got = hashed(path, one, engine.advance)
        pointer = pointer_blob(got.sha256, got.bytes)
        if row.blob and got.blob != row.blob and pointer == row.blob:
            got = replace(got, blob=row.blob, lfs=True)
        is_right = not against_listing([got], {row.path: row})
        return replace(got, path=f"files/{one.path}") if is_right else None
    return None
