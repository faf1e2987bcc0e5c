"""A release as a BagIt 1.0 bag (RFC 8493): copies in `data/`, each hashed while it is copied."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from covcat.beside import build_beside
from covcat.errors import IntegrityError
from covcat.files import (
    FOLDER_MODE,
    StoredFile,
    check_new,
    check_room,
    copy_hashed,
    disk_errors,
    free_bytes,
    opened,
    sync,
    write_new,
)
from covcat.progress import Progress
from covcat.store.manifest import Manifest, raw
from covcat.version import __version__

_TAG_LENGTH = 4096  # of a value in bag-info.txt


def bag(folder: Path, manifest: Manifest, target: Path, progress: Progress) -> None:
    """Copy a release folder, as it was fetched, into a new bag, which appears by one rename."""
    with build_beside(target) as workshop, disk_errors(f"write `{target}`"):
        free, hint = free_bytes(workshop, spare=0), "free some space, or give another --output"
        check_room(manifest.total_bytes, free, "for the bag", hint)
        built = workshop / "bag"
        (built / "data").mkdir(mode=FOLDER_MODE, parents=True)
        name = f"{manifest.resource}@{manifest.release}"
        task = progress.start("copying", manifest.total_bytes)
        for file in manifest.files:
            copied = built / "data" / file.path
            copied.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            changed = IntegrityError(
                f"`{file.path}` of {name} is not as it was fetched",
                hint=f"covcat verify {quote(name)}",
            )
            try:
                source = opened(folder / file.path, follow=False)
            except OSError as error:  # gone, or a link or a pipe in its place
                raise changed from error
            with source:
                if copy_hashed(source, copied) != (file.sha256, file.bytes):
                    raise changed
            progress.advance(task, file.bytes)
        progress.finish(task)
        _write_tags(built, folder, manifest)
        sync(built)
        check_new(target)
        built.rename(target)


def _write_tags(built: Path, folder: Path, manifest: Manifest) -> None:
    """Write all that is not payload; covcat's own manifest comes along as one of the tag files.

    Not as `covcat/manifest.json`: a bag in a data folder would be taken for a resource.
    """
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": info(manifest).encode(),
        "manifest-sha256.txt": payload(manifest.files).encode("utf-8", "surrogateescape"),
        "covcat-manifest.json": raw(folder),
    }
    lines = []
    for name, data in tags.items():
        write_new(built / name, data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    write_new(built / "tagmanifest-sha256.txt", "".join(lines).encode())


def payload(files: Iterable[StoredFile]) -> str:
    """Return the payload manifest: a line for each file."""
    return "".join(f"{file.sha256}  data/{encoded(file.path)}\n" for file in files)


def encoded(path: str) -> str:
    """Return a path as a manifest has it: `%`, CR and LF percent-encoded, and only those.

    Section 2.1.3 of RFC 8493. bagit-python 1.9 leaves `%25` as it is, and so looks for another
    file (https://github.com/LibraryOfCongress/bagit-python/issues/157, open in 2026).
    """
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def info(manifest: Manifest) -> str:
    """Return bag-info.txt."""
    tags = {
        "External-Identifier": f"{manifest.resource}@{manifest.release}",
        "External-Description": manifest.title,
        "Bagging-Date": manifest.created_at[:10],
        "Payload-Oxum": f"{sum(one.bytes for one in manifest.files)}.{len(manifest.files)}",
        "Bag-Software-Agent": f"covcat {__version__}",
        "Homepage": manifest.homepage or "",
        "License": manifest.license.spdx,
        "License-Note": manifest.license.note or "",
        "License-URL": manifest.license.url or "",
        "Complete": "yes" if manifest.complete and not manifest.selection else "no",
    }
    lines = [f"{name}: {' '.join(value.split())[:_TAG_LENGTH]}\n" for name, value in tags.items()]
    return "".join(line for line in lines if not line.endswith(": \n"))
