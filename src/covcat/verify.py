"""Is a release on disk still what it was? Files against their record, the record against pins."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from covcat import choose
from covcat.errors import IntegrityError
from covcat.gitid import blob_hasher
from covcat.listing import Listing
from covcat.model import GitHubFile, Manifest, Release, Selection, StoredFile
from covcat.pins import Findings, against_listing, demand, lfs_difference, tree_of

CHUNK = 1 << 20
_BATCH_BYTES = 8 << 20


# ---- on disk -----------------------------------------------------------------------------------


def on_disk(folder: Path, manifest: Manifest, *, quick: bool = False) -> Findings:
    """Compare a release folder with its record: every byte, or with `quick` the sizes only."""
    recorded = {file.path: file for file in manifest.files}
    verdicts = _verdicts(folder, manifest.files, quick)
    missing = [path for path, why in zip(recorded, verdicts, strict=True) if why == "missing"]
    changed = [
        f"{path}: {why}"
        for path, why in zip(recorded, verdicts, strict=True)
        if why and why != "missing"
    ]
    extra = extra_files(folder, manifest)
    return Findings(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted([*missing, *(f"files/{path}" for path in manifest.missing)])),
        extra=tuple(sorted(extra)),
    )


def _verdicts(folder: Path, files: Sequence[StoredFile], quick: bool) -> list[str | None]:
    """Look at files in order: sizes in one go, bytes in batches over all cores."""
    if quick:
        return [_difference_on_disk(folder, file, quick) for file in files]

    def look(batch: list[StoredFile]) -> list[str | None]:
        return [_difference_on_disk(folder, file, quick) for file in batch]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [verdict for found in pool.map(look, _batches(files)) for verdict in found]


def _batches(files: Iterable[StoredFile]) -> Iterator[list[StoredFile]]:
    """Group small files: a task of its own for each costs more than hashing it."""
    batch: list[StoredFile] = []
    for file in files:
        batch.append(file)
        if len(batch) >= 64 or sum(one.bytes for one in batch) >= _BATCH_BYTES:
            yield batch
            batch = []
    yield batch


def _difference_on_disk(folder: Path, file: StoredFile, quick: bool) -> str | None:
    path = folder / file.path
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return "expected a regular file"
        if status.st_size != file.bytes:
            return f"bytes expected {file.bytes}, got {status.st_size}"
        if quick:
            return None
        got = hashed(path, file)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        return f"cannot be read ({os.strerror(error.errno or 0)})"
    if got.sha256 != file.sha256:
        return f"sha256 expected {file.sha256}, got {got.sha256}"
    if file.lfs:
        return lfs_difference(file)
    return f"git blob expected {file.blob}, got {got.blob}" if got.blob != file.blob else None


def hashed(path: Path, recorded: StoredFile) -> StoredFile:
    """Read a file once, and return it as it is now, with the ids that its record has."""
    sha256 = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        blob = blob_hasher(size) if recorded.blob and not recorded.lfs else None
        while data := stream.read(CHUNK):
            sha256.update(data)
            if blob:
                blob.update(data)
    return StoredFile(
        path=recorded.path,
        bytes=size,
        sha256=sha256.hexdigest(),
        mode=recorded.mode,
        blob=blob.hexdigest() if blob else recorded.blob,
    )


def extra_files(folder: Path, manifest: Manifest) -> set[str]:
    """Return what lies in a release folder and is not in its record."""
    return _present(folder) - {file.path for file in manifest.files}


def _present(folder: Path) -> set[str]:
    """Return every file and link below files/ and archives/, as the manifest names them."""
    found: set[str] = set()
    for part in ("files", "archives"):
        if (folder / part).is_symlink():
            found.add(part)
        for parent, folders, names in os.walk(folder / part):
            links = [name for name in folders if (Path(parent) / name).is_symlink()]
            found |= {(Path(parent) / name).relative_to(folder).as_posix() for name in names}
            found |= {(Path(parent) / name).relative_to(folder).as_posix() for name in links}
    return found


def against_catalog(record: Manifest, release: Release, listing: Listing | None) -> None:
    """Compare a record with what the catalog pins, so that an altered manifest is no proof.

    Raises:
        IntegrityError: the record names other files, digests or another tree.
    """
    name = f"{record.resource}@{record.release}"
    _downloads_against_catalog(name, record, release)
    if record.form == "archives":
        return
    files = [
        replace(one, path=one.path.removeprefix("files/"))
        for one in record.files
        if one.path.startswith("files/")
    ]
    selections = [Selection.read(part) for part in record.selection]
    if listing is not None:
        wants = choose.wanted(selections, listing)
        found = against_listing(files, {path: listing[path] for path in listing if wants(path)})
        unknown = tuple(path for path in found.missing if path not in record.missing)
        demand(
            replace(found, missing=unknown), f"the manifest of `{name}` differs from the catalog"
        )
    is_whole = record.complete and not selections
    for file in release.files if is_whole and len(release.files) == 1 else ():
        if isinstance(file, GitHubFile) and file.tree not in (None, tree_of(files, file)):
            raise IntegrityError(
                f"the manifest of `{name}` differs from the catalog: git tree {file.tree}"
            )


def _downloads_against_catalog(name: str, record: Manifest, release: Release) -> None:
    """Compare what was recorded of each download with what is pinned for it."""
    entries = {one.entry for one in record.downloads}
    known = set(range(len(release.files)))
    is_adopted = any(one.imported_from for one in record.downloads)  # packed in its own way
    if entries - known or (known - entries and not (record.selection or is_adopted)):
        raise IntegrityError(
            f"the manifest of `{name}` differs from the catalog: "
            f"expected downloads of {len(known)} files, got those of {len(entries)}"
        )
    recorded = {file.path: file for file in record.files}
    for transfer in record.downloads:
        file = release.files[transfer.entry]
        folder = transfer.folder if transfer.folder is not None else file.into or ""
        place = transfer.archive or f"files/{folder}{transfer.name}"
        pinned = [("sha256", file.sha256, transfer.sha256), ("md5", file.md5, transfer.md5)]
        if transfer.imported_from and release.listing:  # which says what is in it
            pinned = []
        if transfer.archive or not transfer.is_archive:
            stored = recorded[place].sha256 if place in recorded else None
            pinned.append(("sha256 of the stored file", transfer.sha256, stored))
        for kind, expected, got in pinned:
            if expected is not None and expected != got:
                raise IntegrityError(
                    f"the manifest of `{name}` differs from the catalog: "
                    f"{kind} expected {expected}, got {got}"
                )
