"""The nouns of a fetch: Plan of Steps > Served > Location > Download > stored files > Manifest."""

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from covcat.archives.base import NestedArchive
from covcat.catalog.entries import License, Release, Resource
from covcat.digests import VerifiedBy
from covcat.files import StoredFile

if TYPE_CHECKING:
    from covcat.model.lock import LockedRelease


Form = Literal["files", "archives"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A part of a release: what one fetch asked for; globs of paths below `files/`."""

    include: tuple[str, ...] = ()  # none means all
    exclude: tuple[str, ...] = ()
    sample: int | None = None  # the first so many of these, by sha256 of their paths

    def __bool__(self) -> bool:
        """True if it leaves anything out."""
        return bool(self.include or self.exclude or self.sample is not None)

    def __str__(self) -> str:
        """Write it as the options that ask for it; `read` takes that back."""
        words = [f"--include={glob}" for glob in self.include]
        words += [f"--exclude={glob}" for glob in self.exclude]
        return shlex.join(words + ([] if self.sample is None else [f"--sample={self.sample}"]))

    @classmethod
    def read(cls, text: str) -> "Selection":
        """Take back what `str` wrote.

        Raises:
            ValueError: it is something else.
        """
        words = [word.partition("=") for word in shlex.split(text)]
        options = {option + equals for option, equals, _ in words}
        samples = [value for option, _, value in words if option == "--sample"]
        if options - {"--include=", "--exclude=", "--sample="} or len(samples) > 1:
            raise ValueError(f"`{text}` is no selection")
        if not all(re.fullmatch("[1-9][0-9]*", value) for value in samples):
            raise ValueError(f"`{text}` takes no number of files")
        return cls(
            include=tuple(value for option, _, value in words if option == "--include"),
            exclude=tuple(value for option, _, value in words if option == "--exclude"),
            sample=int(samples[0]) if samples else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked of a fetch, beside which releases."""

    extract: bool = True
    keep_archives: bool = False
    allow_missing: bool = False
    require: Literal["any", "pinned", "host"] = "any"
    by_file: bool = False  # a repository's files one by one, in place of its archive
    selection: Selection | None = None  # None is the whole release
    locked: "LockedRelease | None" = None  # the result must be exactly this

    @property
    def asked(self) -> "tuple[Selection, ...]":
        """Return the parts that are asked for; none is the whole release."""
        if self.locked is not None:
            return self.locked.selections
        return (self.selection,) if self.selection else ()

    @property
    def wants_archives(self) -> bool:
        """True if the archives are to stay."""
        return self.keep_archives or not self.extract


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the disk holds of a release, as its manifest says."""

    form: Form
    has_archives: bool
    has_data: bool  # the folder of the form is there
    is_complete: bool
    is_pinned: bool  # every download was verified by a pin
    is_claimed: bool = True  # or by what its host said
    selection: tuple[str, ...] = ()  # the parts of it that are here; none means all
    has_less: bool = False  # than the lock names that is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What will be done with one release, and why; decided before anything is touched."""

    resource: Resource
    release: Release | None  # None only where a person must act
    action: Literal["keep", "fetch", "ask"]
    reason: str
    options: Options = Options()

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.resource.id}@{self.release.id}" if self.release else self.resource.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps in the order in which they will be carried out."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How one file of a release came here, as the manifest keeps it."""

    host: str
    url: str
    final_url: str
    name: str
    bytes: int
    sha256: str
    finished_at: str
    verified_by: VerifiedBy
    md5: str | None = None
    mirror: str | None = None  # asked in place of the host; the addresses are the host's
    commit: str | None = None  # as the archive's own comment claims it
    tree: str | None = None  # recomputed from what was unpacked
    keep: str | None = None  # the folder whose tree that is
    left_out: int = 0  # members that the catalog excludes
    nested: tuple[NestedArchive, ...] = ()
    is_archive: bool  # a plain file is one of the release's files itself
    archive: str | None = None  # where it was kept as served, relative to the release folder
    entry: int = 0  # number of the catalog's file that it belongs to
    folder: str | None = None  # below `files/`: where it, or what it was unpacked to, went
    imported_from: str | None = None  # name of what a person brought, in place of a transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The record of a release on disk: `manifest.json`."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    schema: Literal["covcat.manifest/1"] = "covcat.manifest/1"
    covcat: str
    resource: str
    release: str
    title: str
    homepage: str | None
    license: License
    citation: tuple[str, ...]  # BibTeX
    created_at: str
    form: Form
    complete: bool
    missing: tuple[str, ...]
    selection: tuple[str, ...]  # parts that were asked for, as options; empty is everything
    downloads: tuple[Transfer, ...]
    total_files: int
    total_bytes: int
    files: tuple[StoredFile, ...]
