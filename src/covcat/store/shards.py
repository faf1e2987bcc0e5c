"""What shards found of a release, until a command without `--shard` takes it.

Each has a file of its own in `.covcat/shards/ID@RELEASE` of the data folder. It counts for the
manifest it was made of and the covcat that made it, and for no other.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from covcat.engine.shards import Shard
from covcat.files import disk_errors, make_folder, opened, write_file
from covcat.seal import parse_json, sealed, unsealed
from covcat.store import manifest
from covcat.store.folder import PRIVATE
from covcat.version import __version__

_FOLDER = "shards"
_MOST_BYTES = 1 << 30  # of what one found


def place(release: Path, kind: str, shard: Shard, suffix: str = "json") -> Path:
    """Return where a shard keeps what it found, given the folder of the release."""
    return folder(release) / f"{kind}-{shard.number}-of-{shard.of}.{suffix}"


def folder(release: Path) -> Path:
    """Return where all shards keep what they found of a release."""
    name = f"{release.parent.name}@{release.name}"
    return release.parents[1] / PRIVATE / _FOLDER / name


def folders(data: Path) -> list[Path]:
    """Return those of all releases of a data folder."""
    return sorted((data / PRIVATE / _FOLDER).glob("*@*"))


def keep(release: Path, kind: str, shard: Shard, found: Mapping[str, Any]) -> None:
    """Keep what a shard found of files, by their paths; whole, or not at all."""
    record = {**_made_by(release), "found": found}
    path = place(release, kind, shard)
    with disk_errors(f"keep what shard {shard} found"):
        make_folder(path.parent)
        write_file(path, json.dumps(sealed(record)).encode())


def kept(release: Path, kind: str) -> dict[str, Any]:
    """Return what shards found of files of a release as it is now, by their paths."""
    found: dict[str, Any] = {}
    files = every(release, kind, "json")
    made_by = _made_by(release) if files else {}
    for path in files:
        with suppress(OSError, ValueError), opened(path, follow=False) as stream:
            record = unsealed(parse_json(stream.read(_MOST_BYTES)))
            if record is not None and made_by.items() <= record.items():
                found |= record["found"]
    return found


def _made_by(release: Path) -> dict[str, str | None]:
    """Return what must be now as it was when a shard was done."""
    return {"covcat": __version__, "manifest_sha256": manifest.sha256_of(release)}


def every(release: Path, kind: str, suffix: str) -> list[Path]:
    """Return the files of all shards of one kind."""
    return sorted(folder(release).glob(f"{kind}-*-of-*.{suffix}"))


def drop(release: Path, kind: str, suffix: str = "json") -> None:
    """Forget what shards found: it was taken."""
    with suppress(OSError):
        for path in every(release, kind, suffix):
            path.unlink()
        folder(release).rmdir()
