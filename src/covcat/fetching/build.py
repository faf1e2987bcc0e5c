"""One release, built aside, verified, recorded and published by one rename.

Where its files come from is another module's matter: `covcat.fetching` brings them from their
hosts, `covcat.adopting` from what a person downloaded.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from covcat import files as disk
from covcat.archives.tools import check_rar_tool
from covcat.catalog import selection
from covcat.catalog.entries import Release
from covcat.catalog.listing import Listing
from covcat.catalog.load import Catalog
from covcat.catalog.selection import Selection
from covcat.download.remote import Network, RemoteFile
from covcat.errors import DiskError, ExtractionError, IntegrityError
from covcat.fetching import place, plan, surplus
from covcat.fetching.place import _HINT, Piece
from covcat.fetching.plan import Step
from covcat.fetching.prove import Case, Verified, proven
from covcat.files import disk_errors, make_folder
from covcat.hosts import base
from covcat.names import is_litter
from covcat.progress import Progress, Silent
from covcat.store import lockfile, manifest, verify
from covcat.store.folder import MANIFEST, Store
from covcat.store.manifest import Form, Manifest, Transfer
from covcat.store.waiting import Waiting
from covcat.text import plural

WORDS = {
    "md5": "md5 is weak: it shows accidents, not attacks",
    "host-md5": "only its host says what it should be, by md5",
    "md5-prefix": "only the first digits of its digest are published: that is weak",
    "first-use": "no digest of it was at hand to compare; its sha256 is recorded from now on",
    "unknown-length": "neither its length nor a digest of it is known: what came may be a part "
    "of it that was cut off; its sha256 is recorded from now on",
}


@dataclass(frozen=True, slots=True)
class Bench:
    """What every stage of one run works with."""

    catalog: Catalog
    store: Store
    network: Network
    progress: Progress


@dataclass(frozen=True, slots=True)
class Job:
    """What the stages of one release share."""

    step: Step
    release: Release
    case: Case
    workshop: Path
    partial: Waiting
    bench: Bench
    lost: list[RemoteFile] = field(default_factory=list)  # files that did not come, and may lack

    @property
    def built(self) -> Path:
        """The folder that will get the release's final name."""
        return self.workshop / "release"

    @property
    def site(self) -> place.Site:
        """Where its files are put."""
        before = self.case.before
        pinned = {f"files/{path}" for path in self.case.listing or ()}
        known = pinned | {one.path for one in before.files} if before else pinned
        return place.Site(
            self.built,
            self.workshop,
            self.step.options,
            self.case.listing,
            self.bench.store,
            self.bench.progress,
            {path.removeprefix("files/") for path in known if is_litter(path)},
        )


Bring = Callable[[Job], list[Piece]]
Fill = Callable[[Job], Manifest]  # puts everything in its place, and returns its record


def build(step: Step, release: Release, bench: Bench, bring: Bring, *, mends: bool = False) -> None:
    """Build a release aside of what `bring` puts in its place, verify it, and publish it.

    With `mends` it may replace files of it that were changed on disk.

    Raises:
        CovcatError: it is not what it should be; what is here already stays as it is.
    """
    store, resource = bench.store, step.resource
    store.check_free(resource.id, release.id)
    before = _record_of(store.release(resource.id, release.id), mends=mends)
    step = _with_what_is_here(step, before)
    listing = _listing(step, release, bench)
    check_room(plan.of(release, step.options, listing, before).least_bytes, store)
    if step.options.extract:
        check_tools(release)
    case = Case(step.name, step.options, listing, before, _selections(step, before, listing))
    record = publish(step, release, bench, case, lambda job: built(job, bring))
    _say(record, step, bench.progress)


def publish(step: Step, release: Release, bench: Bench, case: Case, fill: Fill) -> Manifest:
    """Let `fill` make a release aside, and give it its name by one rename.

    Raises:
        CovcatError: nothing has changed.
    """
    store, resource = bench.store, step.resource
    partial = Waiting(store.partial(resource.id, release.id))
    partial.settle(is_whole=False)  # of a try that could not publish
    with store.workshop() as workshop:
        job = Job(step, release, case, workshop, partial, bench)
        with disk_errors("make the release's folder"):
            make_folder(job.built / "files")
        record = fill(job)
        partial.close()
        store.publish(job.built, resource.id, release.id)
    partial.clear()
    return record


def _listing(step: Step, release: Release, bench: Bench) -> Listing | None:
    """Read what is pinned; a release of the user's own has nothing."""
    return bench.catalog.listing(step.resource, release) if release.listing else None


def built(job: Job, bring: Bring) -> Manifest:
    """Bring all files, put them in their places, and verify and record the whole."""
    parts = _without_surplus(job, bring(job))
    with doubt(job.partial, [part.served for part in parts]):
        found = proven(job.case, parts, job.lost)
        _check_nothing_lost(job, found)
        record = _record(job, found)
        if job.step.options.locked is not None:
            lockfile.check_as_locked(job.step.options.locked, record)
    if not job.step.options.extract:
        (job.built / "files").rmdir()
    manifest.write(job.built, record)
    return record


def _without_surplus(job: Job, parts: list[Piece]) -> list[Piece]:
    """Leave out again what a lock of less than everything does not name, and say so."""
    locked = job.step.options.locked
    if locked is None or locked.is_whole or not job.step.options.extract:
        return parts
    found, names = surplus.left_out(parts, locked, job.built / "files")
    if names:
        job.bench.progress.note(
            f"{job.case.name}: {plural(len(names), 'file')} came that the lock does not name, "
            f"and stayed out: {surplus.named(names)}"
        )
    return found


def _record(job: Job, found: Verified) -> Manifest:
    form: Form = "files" if job.step.options.extract else "archives"
    is_listed = job.case.listing is not None  # and so says what was in them
    lost = () if is_listed else [one.path for one in job.lost]
    return manifest.made(
        job.step.resource,
        job.release,
        found.transfers,
        [*found.files, *place.kept_archives(found.transfers)],
        (*found.missing, *lost),
        form,
        tuple(map(str, job.case.selections)),
    )


def _check_nothing_lost(job: Job, found: Verified) -> None:
    """Refuse what lacks files that are here: upstream has fewer now."""
    before, came = job.case.before, {one.path for one in found.files}
    if before is None or not job.step.options.extract:
        return
    here = {one.path for one in before.files if one.path.startswith("files/")}
    if lost := sorted(here - came):
        raise IntegrityError(
            f"what came of `{job.case.name}` lacks {plural(len(lost), 'file')} of what is here",
            details=lost,
            hint="what is here was kept as it is; to take what is served now instead, first: "
            f"covcat remove {job.case.name}",
        )


@contextmanager
def doubt(partial: Waiting, served: Iterable[RemoteFile]) -> Iterator[None]:
    """Where what came is refused, keep nothing of it that no pin vouches for."""
    try:
        yield
    except (ExtractionError, IntegrityError):
        partial.forget(served)
        raise


def _say(record: Manifest, step: Step, progress: Progress) -> None:
    part = f" ({'; '.join(record.selection)})" if record.selection else ""
    files = plural(record.total_files, "file") + part
    progress.note(f"{step.name}: {files}, verified by {_in_words(record)}")
    weak = dict.fromkeys(one.verified_by for one in record.downloads if one.verified_by in WORDS)
    for kind in weak:
        progress.note(f"{step.name}: warning: {WORDS[kind]}")
    if record.missing:
        lacking = plural(len(record.missing), "file")
        progress.note(f"{step.name}: {lacking} missing, as allowed; manifest.json names each")


def _record_of(folder: Path, *, mends: bool) -> Manifest | None:
    """Return the record of what is here, which must hold nothing of the user's own."""
    if not (folder / MANIFEST).is_file():
        return None
    record = manifest.load(folder)
    checked = verify.checked(folder, record, Silent(), quick=True)
    found = checked.findings
    check_ours(folder, (*found.extra, *checked.litter))
    if found.changed and not mends:
        name = f"{record.resource}@{record.release}"
        raise IntegrityError(
            f"`{name}` is here, and not as it was fetched: what was changed would be lost",
            details=found.changed,
            hint=f"keep a copy of it elsewhere, then covcat verify {name} --repair",
        )
    return record


def check_ours(folder: Path, beside: Iterable[str]) -> None:
    """Refuse to replace a release folder with files of the user's own `beside` the data.

    Raises:
        DiskError: there are some; each is named.
    """
    if names := verify.missed(beside):
        raise DiskError(
            f"`{folder}` holds files that covcat did not put there",
            hint="move them away, then run the same command again",
            details=names,
        )


def _with_what_is_here(step: Step, before: Manifest | None) -> Step:
    """A fetch that asks for more keeps what there was: files stay, archives stay."""
    if before is None:
        return step
    options = replace(
        step.options,
        extract=step.options.extract or before.form == "files",
        keep_archives=step.options.wants_archives
        or any(transfer.archive for transfer in before.downloads),
    )
    return replace(step, options=options)


def _selections(
    step: Step, before: Manifest | None, listing: Listing | None
) -> tuple[Selection, ...]:
    """What was here in part and what is asked for: both, unless they are everything."""
    asked = step.options.asked
    if not asked or (before is not None and not before.selection):
        return ()
    earlier = tuple(map(Selection.read, before.selection)) if before is not None else ()
    found = selection.without_repeats((*earlier, *asked))
    if listing is not None and all(map(selection.wanted(found, listing), listing)):
        return ()
    return found


def _in_words(record: Manifest) -> str:
    kinds = dict.fromkeys(
        f"git tree {one.tree}" if one.verified_by == "git-tree" else one.verified_by
        for one in record.downloads
    )
    return ", ".join(kinds)


def check_room(needed: int, store: Store) -> None:
    """Refuse what cannot fit.

    Raises:
        DiskError: the disk has less than `needed` bytes.
    """
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    disk.check_room(needed, free, f"in `{store.folder}`", _HINT)


def recorded(job: Job, served: RemoteFile, name: str, size: int, sha256: str) -> Transfer:
    """Return the record of an archive or folder that a person brought."""
    return Transfer(
        host=served.file.host,
        url=address(job, served),
        final_url=address(job, served),
        name=name,
        bytes=size,
        sha256=sha256,
        finished_at=now(),
        verified_by="first-use",
        is_archive=True,
        entry=served.entry,
        folder=served.folder,
        imported_from=name,
    )


def address(job: Job, served: RemoteFile) -> str:
    """Return the page that a person had it from, as far as that is known."""
    return base.page(served.file) or job.step.resource.homepage or ""


def now() -> str:
    """Return the time, as a manifest has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_tools(release: Release) -> None:
    """Check that this machine can unpack a release, before anything of it is downloaded.

    Raises:
        ExtractionError: it holds RARs, and no program here reads them.
    """
    nested = {glob for file in release.files for glob in file.nested}
    if any(file.unpack == "rar" for file in release.files) or any(
        glob.lower().endswith(".rar") for glob in nested
    ):
        check_rar_tool()
