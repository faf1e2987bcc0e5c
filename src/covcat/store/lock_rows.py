"""The nouns of `covcat.lock`: what exactly a paper or a CI job works with."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from covcat.catalog.marks import Matches, ReleaseId, ResourceId
from covcat.catalog.selection import Selection
from covcat.digests import VerifiedBy
from covcat.store.manifest import Form

MOST_ROWS = 10_000  # of files or downloads, for a release; of more the digest alone is kept
Sha256 = Annotated[str, Matches(r"[0-9a-f]{64}", "64 hexadecimal digits")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDownload:
    """What one download was; of an archive that its host packs anew each time, the git tree."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    entry: int  # number of the catalog's file that it belongs to
    url: str
    name: str
    verified_by: VerifiedBy
    sha256: str | None = None
    md5: str | None = None
    tree: str | None = None
    by_hand: bool = False  # a person brought it, packed in a way of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRelease:
    """One release as it was; `files_sha256` is of its form's lines in SHA256SUMS, as they are."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    id: ResourceId
    release: ReleaseId
    covcat: str  # version that fetched it
    license: str
    form: Form
    complete: bool
    selection: tuple[str, ...]  # parts that were asked for, as options; empty is everything
    missing: tuple[str, ...] = ()  # not here, and known to be; none where more than MOST_ROWS are
    total_files: int
    total_bytes: int
    files_sha256: Sha256
    downloads: tuple[LockedDownload, ...]
    files: dict[str, Sha256]  # none where there are more than MOST_ROWS

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.id}@{self.release}"

    @property
    def is_whole(self) -> bool:
        """True if it is all of a release; else it was locked as the part that it is."""
        return self.complete and not self.selection

    @property
    def selections(self) -> tuple[Selection, ...]:
        """Return the parts that were asked for."""
        return tuple(map(Selection.read, self.selection))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """All of a lock file, by ID@RELEASE."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.lock/1"] = "covcat.lock/1"
    releases: tuple[LockedRelease, ...]
