"""What the last `verify` of a release found, and when: `verified.json` beside its manifest.

It is in no digest and proves nothing: who doubts a release verifies it again.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from covcat.errors import CovcatError
from covcat.files import disk_errors, opened, write_file
from covcat.seal import parse_record
from covcat.store import manifest
from covcat.store.folder import VERIFIED, Store

SCHEMA = "covcat.verified/1"
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `verify` found of a release, in numbers of files; `ok` is what it ended with."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.verified/1"]
    manifest_sha256: str  # of the record that it is about: a newer one was never verified
    verified_at: str  # UTC, ISO 8601
    ok: bool
    quick: bool  # sizes and times only
    known_missing: int = 0  # missing as the record says, and accepted
    changed: int = 0
    missing: int = 0
    extra: int = 0

    @property
    def in_words(self) -> str:
        """Return it as `status` has it."""
        return ("ok" if self.ok else "differs") + (" (quick)" if self.quick else "")


def note(store: Store, folder: Path, *, ok: bool, quick: bool, **counts: int) -> None:
    """Write what was found just now into the folder of the release, whole or not at all.

    Raises:
        DiskError: nobody may write there.
        IntegrityError: the release has no manifest any more.
    """
    verdict = Verdict(
        schema="covcat.verified/1",
        manifest_sha256=manifest.sha256_of(folder),
        verified_at=manifest.now(),
        ok=ok,
        quick=quick,
        **counts,
    )
    store.prepare()
    with store.workshop() as workshop, disk_errors(f"write `{folder / VERIFIED}`"):
        path = workshop / VERIFIED
        write_file(path, (json.dumps(asdict(verdict), indent=1) + "\n").encode())
        path.replace(folder / VERIFIED)


def last(folder: Path) -> Verdict | None:
    """Return what the last `verify` found of a release as it is recorded now, if anything."""
    path = folder / VERIFIED
    with suppress(OSError, ValueError, CovcatError):  # none, damaged, or of a newer covcat
        with opened(path, follow=False) as stream:
            found = parse_record(path, stream.read(_MOST_BYTES), Verdict, SCHEMA)
        return found if found.manifest_sha256 == manifest.sha256_of(folder) else None
    return None
