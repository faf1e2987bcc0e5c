"""Which pictures of a release are elsewhere too, as `overlap` last found: `overlap.json`.

It lies beside the manifest, or in the cache of a user who may not write there, and is in no digest.
What it says of a picture holds for a file of that sha256 alone.
"""

import errno
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from covcat import seal
from covcat.beside import build_beside
from covcat.errors import CovcatError, DiskError
from covcat.files import disk_errors, opened, write_file
from covcat.store import cached, manifest
from covcat.store.folder import OVERLAP, Store

SCHEMA = "covcat.overlap-record/1"
_MOST_BYTES = 1 << 28
_NO_ENTRY = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was found of one picture."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    path: str  # below files/
    sha256: str
    subject: str
    same_as: str | None = None  # RESOURCE@RELEASE:PATH of the picture that stands for all
    verdict: str | None = None  # of the comparison with that one, and how they lie on each other
    score: float | None = None
    scale: float | None = None
    stretch: float | None = None
    rotation: float | None = None
    mirrored: bool | None = None
    inverted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Two pictures for eyes: the same patient at another time, or neighbouring slices."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    path: str  # below files/
    sha256: str
    beside: str  # RESOURCE@RELEASE:PATH of the other one, from which the transform leads here
    score: float
    scale: float
    stretch: float
    rotation: float
    mirrored: bool
    inverted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The pairs for eyes of one release, each in the record of one release alone."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    pairs: int = 0  # all that were found
    kept: Sequence[Look] = ()  # those that agree most


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRecord:
    """What was found of the pictures of one release."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.overlap-record/1"]
    found_at: str  # UTC, ISO 8601
    method: str  # version of how pictures are compared
    manifest_sha256: str
    others: Mapping[str, str]  # ID@RELEASE of what it was compared with: sha256 of its manifest
    patients: Mapping[str, str]  # those who are somebody else's subject too: whose
    pictures: Sequence[Sighting] = field(default_factory=tuple)
    looks: Looks = field(default_factory=Looks)  # of an earlier covcat there are none


def write(
    store: Store,
    folder: Path,
    *,
    method: str,
    others: Mapping[str, str],
    patients: Mapping[str, str],
    pictures: Sequence[Sighting],
    looks: Looks | None = None,
) -> Path:
    """Write what was found beside the manifest, or into the user's cache; return where.

    Raises:
        DiskError: neither may be written.
    """
    record = OverlapRecord(
        schema="covcat.overlap-record/1",
        found_at=manifest.now(),
        method=method,
        manifest_sha256=manifest.sha256_of(folder),
        others=others,
        patients=patients,
        pictures=pictures,
        looks=looks or Looks(),
    )
    plain = json.loads(json.dumps(asdict(record)))  # as it is read again, so that the seal fits
    data = (json.dumps(seal.sealed(plain), indent=1) + "\n").encode()
    path, own = folder / OVERLAP, cached.file_of(folder, "overlap")
    try:
        store.prepare()
        with store.workshop() as workshop, disk_errors(f"write `{path}`"):
            write_file(workshop / OVERLAP, data)
            (workshop / OVERLAP).replace(path)
    except DiskError as error:
        if own is None or getattr(error.__cause__, "errno", None) not in _NO_ENTRY:
            raise
        with build_beside(own, None) as workshop, disk_errors(f"write `{own}`"):
            write_file(workshop / OVERLAP, data)
            (workshop / OVERLAP).replace(own)
        return own
    if own is not None:
        with suppress(OSError):  # what this user found before is older
            own.unlink()
    return path


def last(folder: Path) -> OverlapRecord | None:
    """Return what `overlap` last found of a release; None if it never looked, or it is damaged."""
    inside = _inside(folder)
    with suppress(ValueError, CovcatError):  # of a newer covcat, or forged
        text = json.dumps(inside).encode()
        return seal.parse_record(folder / OVERLAP, text, OverlapRecord, SCHEMA)
    return None


def current(folder: Path) -> OverlapRecord | None:
    """Return the same, unless the release was changed since."""
    record = last(folder)
    is_of_this = record is not None and record.manifest_sha256 == manifest.sha256_of(folder)
    return record if is_of_this else None


def known(folder: Path) -> bytes:
    """Return all that an index takes of it; nothing where nothing was found."""
    inside = _inside(folder)
    told = [inside.get(name) for name in ("patients", "pictures")]
    return json.dumps([*told, inside.get("manifest_sha256")]).encode() if any(told) else b""


def _inside(folder: Path) -> dict[str, Any]:
    """Return what is recorded of a release as it was sealed; nothing where nothing is."""
    own = cached.file_of(folder, "overlap")
    for path in (own if own is not None and cached.is_own(own) else None, folder / OVERLAP):
        with suppress(OSError, ValueError, CovcatError):
            if path is not None:
                with opened(path, follow=False) as stream:
                    found = seal.unsealed(seal.parse_json(stream.read(_MOST_BYTES)))
                if found is not None:
                    return found
    return {}
