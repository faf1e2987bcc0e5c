"""What the stages hand each other: the command that runs, the release that is made, its pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from covcat.catalog.entries import BROUGHT, Release, Resource
from covcat.catalog.files import AnyFile, GitHubFile, WebFile
from covcat.catalog.listing import Listing
from covcat.catalog.load import Catalog
from covcat.catalog.selection import Selection
from covcat.catalog.series import SeriesTable
from covcat.digests import Digests
from covcat.download.remote import Network, RemoteFile
from covcat.fetching.plan import Options
from covcat.files import StoredFile
from covcat.hosts.base import page
from covcat.progress import Progress
from covcat.store.folder import Store
from covcat.store.manifest import Manifest, Transfer, now
from covcat.store.waiting import Waiting

Lacking = Mapping[str, StoredFile | None]  # by path in the release folder: as it was, if known


@dataclass(frozen=True, slots=True)
class Run:
    """What every stage of one command works with."""

    catalog: Catalog
    store: Store
    network: Network
    progress: Progress
    password: str | None = field(default=None, repr=False)  # of encrypted archives


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One release that is being made."""

    run: Run
    resource: Resource
    release: Release
    options: Options
    waiting: Waiting  # its finished files, until the others are here
    listing: Listing | None = None  # of all its files, where they are pinned
    series: SeriesTable | None = None  # that it consists of, where a bucket has them
    before: Manifest | None = None  # the record of what is here of it
    selections: tuple[Selection, ...] = ()  # the parts that it will have; none is everything
    about: int | None = None  # bytes to transfer, for who waits
    lacking: Lacking | None = None  # all that has to come; None: what hosts have of `selections`
    workshop: Path = Path()  # a private folder, there while the release is made
    folder: Path = Path()  # in it: the folder that will get the release's final name
    found: "list[Piece]" = field(default_factory=list)  # what its sources had so far
    lost: list[RemoteFile] = field(default_factory=list)  # files that did not come, and may lack

    @property
    def name(self) -> str:
        """ID@RELEASE, as commands take it."""
        return f"{self.resource.id}@{self.release.id}"

    @property
    def first_file(self) -> AnyFile:
        """The file that what is of none in particular is recorded under.

        Where the resource offers none, something stands for it.
        """
        own = WebFile(host="web", name="local", url=self.resource.homepage or "", unpack="any")
        return self.release.files[0] if self.release.files else own

    @property
    def here(self) -> Path:
        """The final folder of the release, there or not."""
        return self.run.store.release(self.resource.id, self.release.id)

    def say(self, text: str) -> None:
        """Tell the user something of this release."""
        self.run.progress.note(f"{self.name}: {text}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a release after transfer and unpacking; paths are relative to `files/`."""

    served: RemoteFile
    transfer: Transfer
    files: tuple[StoredFile, ...]

    @property
    def file(self) -> AnyFile:
        """What the catalog says of it."""
        return self.served.file


def record_given(
    build: Build, served: RemoteFile, name: str, given: Sequence[StoredFile] | Digests
) -> Transfer:
    """Return the record of an archive or folder that a person brought, or that lay here.

    The sha256 of a folder is that of its SHA256SUMS.
    """
    page = page_of(build, served)
    if isinstance(given, Digests):
        size, digest = given.size, given.sha256
    else:
        sums = "".join(f"{one.sha256}  {one.path}\n" for one in given)
        size, digest = sum(one.bytes for one in given), sha256(sums.encode()).hexdigest()
    return Transfer(
        host=served.file.host,
        url=page,
        final_url=page,
        name=name,
        bytes=size,
        sha256=digest,
        finished_at=now(),
        verified_by="first-use",
        is_archive=True,
        entry=served.entry,
        folder=served.folder,
        imported_from=name,
    )


def find_release(folder: Path, catalog: Catalog) -> tuple[Resource, Release]:
    """Find in the catalog what a folder is of."""
    if folder.name == BROUGHT.id:
        return catalog.get(folder.parent.name), BROUGHT
    resource, release = catalog.find(f"{folder.parent.name}@{folder.name}")
    if release is None:
        raise AssertionError("unreachable: a release that is named is found")
    return resource, release


def page_of(build: Build, served: RemoteFile) -> str:
    """Return the page that a person had it from, as far as that is known."""
    return page(served.file) or build.resource.homepage or ""


def is_repository(release: Release) -> bool:
    """Tell a release that is a state of a repository, or has one."""
    return any(isinstance(one, GitHubFile) and one.is_state for one in release.files)
