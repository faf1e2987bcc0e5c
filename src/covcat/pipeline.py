"""The order of the stages: plan, locate, download, extract, verify, record, publish.

The only module that knows all of them. A release is built in a private folder and gets its final
name by one rename; whatever fails before that leaves nothing behind.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from covcat import assemble, extract, manifest, obtain, pins, plan, room, verify
from covcat.catalog import Catalog
from covcat.errors import (
    CovcatError,
    DiskError,
    ExtractionError,
    IntegrityError,
    NotFoundError,
    SeveralError,
)
from covcat.listing import Listing
from covcat.model import (
    Form,
    Manifest,
    Network,
    Options,
    Plan,
    Release,
    Step,
    StoredFile,
)
from covcat.names import collision
from covcat.pace import PER_HOST, Limit, Slots
from covcat.partial import CLOSED, Partial
from covcat.parts import Parts
from covcat.progress import Progress
from covcat.store import MANIFEST, Store, disk_errors, make_folder
from covcat.wanted import Line
from covcat.web import Web


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: the folder of its data, or the error that stopped it."""

    step: Step
    path: Path | None = None
    error: CovcatError | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What every stage of one fetch works with."""

    catalog: Catalog
    store: Store
    network: Network
    progress: Progress


def make_plan(store: Store, targets: Iterable[plan.Target], options: Options) -> Plan:
    """Look at the disk, and decide what to do with each target."""
    return plan.make(
        targets, lambda one, rel: manifest.held(store.release(one.id, rel.id)), options
    )


def run(
    todo: Plan,
    catalog: Catalog,
    store: Store,
    network: Network,
    progress: Progress,
) -> Iterator[Outcome]:
    """Carry a plan out; one step that fails does not stop the others."""
    if any(step.action == "fetch" for step in todo.steps):
        store.prepare()
        store.sweep()
        Parts(store.parts).sweep()
    elif store.has_litter:
        store.sweep()
    _settle_partial(store)
    bench = Bench(catalog, store, network, progress)
    for step in todo.steps:
        try:
            yield Outcome(step, path=_carry_out(step, bench))
        except CovcatError as error:
            yield Outcome(step, error=error)


def _settle_partial(store: Store) -> None:
    """Put in order what runs left that were killed while they published a release."""
    for folder in store.partial("", "").parent.glob(f"*{CLOSED}"):
        name = folder.name.removesuffix(CLOSED)
        resource_id, _, release_id = name.partition("@")
        with store.lock_at_once(name) as is_free:
            if is_free:
                is_whole = (store.release(resource_id, release_id) / MANIFEST).is_file()
                Partial(folder.with_name(name)).settle(is_whole=is_whole)


def _carry_out(step: Step, bench: Bench) -> Path:
    if step.action == "ask" and step.release is not None:
        manifest.held(bench.store.release(step.resource.id, step.release.id))  # raises if damaged
    if step.action == "ask" or step.release is None:
        refusal = plan.refusal(step.resource, step.release, step.options)
        raise refusal or AssertionError("unreachable: a step asks only where covcat refuses")
    if step.action == "keep":
        return _data(step, step.release, bench)
    waiting = f"{step.name}: another covcat is fetching it; waiting"
    with bench.store.lock(step.name, lambda: bench.progress.note(waiting)):
        again = make_plan(bench.store, [(step.resource, step.release)], step.options).steps[0]
        if again.action == "fetch":  # else another process brought it while this one waited
            _fetch_or_find(step, step.release, bench)
        return _data(step, step.release, bench)


def _fetch_or_find(step: Step, release: Release, bench: Bench) -> None:
    """Fetch a release; where locks do not work, another process may do the same meanwhile."""
    for is_last in (False, False, True):
        try:
            _fetch(step, release, bench)
            return
        except CovcatError as error:
            again = make_plan(bench.store, [(step.resource, release)], step.options).steps[0]
            if again.action == "keep":  # it was faster
                return
            if is_last or not _has_vanished(error):
                raise
            bench.progress.note(f"{step.name}: another process swept what was here; once more")


def _has_vanished(error: CovcatError) -> bool:
    several = error.errors if isinstance(error, SeveralError) else (error,)
    return any(isinstance(one, DiskError) and one.has_vanished for one in several)


def _data(step: Step, release: Release, bench: Bench) -> Path:
    return manifest.data_folder(bench.store.release(step.resource.id, release.id))


# ---- one release -------------------------------------------------------------------------------


def _fetch(step: Step, release: Release, bench: Bench) -> None:
    """Build a release aside, verify it, and publish it."""
    store, resource = bench.store, step.resource
    store.demand_free(resource.id, release.id)
    before = _record_of(store.release(resource.id, release.id))
    step = _with_what_is_here(step, before)
    listing = bench.catalog.listing(resource, release)
    room.demand_for_release(release, store)
    if step.options.extract:
        extract.demand_tools(release)
    partial = Partial(store.partial(resource.id, release.id))
    partial.settle(is_whole=False)  # of a try that could not publish
    with store.workshop() as workshop:
        job = _Job(step, release, before, listing, workshop, bench)
        with disk_errors("make the release's folder"):
            make_folder(job.built / "files")
        record, missing = _built(job, partial)
        partial.close()
        store.publish(job.built, resource.id, release.id)
    partial.clear()
    bench.progress.note(f"{step.name}: {record.total_files} files, verified by {_in_words(record)}")
    if missing:
        bench.progress.note(
            f"{step.name}: {len(missing)} files are missing, as allowed; manifest.json names them"
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """What the stages of one release share."""

    step: Step
    release: Release
    before: Manifest | None  # the record of what was here already
    listing: Listing | None
    workshop: Path
    bench: Bench

    @property
    def built(self) -> Path:
        """The folder that will get the release's final name."""
        return self.workshop / "release"


def _built(job: _Job, partial: Partial) -> tuple[Manifest, list[str]]:
    """Bring all files, put them in their places, and verify and record the whole."""
    parts = _parts(job, partial)
    with _doubt(job, partial):
        files, missing = _verified(job, parts)
    options = job.step.options
    form: Form = "files" if options.extract else "archives"
    everything = [*files, *assemble.kept_archives(parts)]
    transfers = [part.transfer for part in parts]
    record = manifest.made(job.step.resource, job.release, transfers, everything, missing, form)
    if not options.extract:
        (job.built / "files").rmdir()
    manifest.write(job.built, record)
    return record, missing


def _parts(job: _Job, partial: Partial) -> list[assemble.Part]:
    """Put each file in its place as it comes; the others go on coming meanwhile."""
    bench, network = job.bench, job.bench.network
    site = assemble.Site(
        job.built,
        job.workshop,
        job.step.options,
        job.listing is not None,
        bench.store,
        bench.progress,
    )
    order = obtain.Order(job.step.name, job.release.files, job.before, job.release.download_bytes)
    with closing(Web(network)) as web:
        line = Line(
            web,
            network,
            Limit(network.limit_rate),
            Slots(network.jobs or PER_HOST),
            Parts(bench.store.parts),
            bench.progress,
        )
        with closing(obtain.all_of(order, line, bench.store, partial)) as coming:
            parts = []
            for file, got in coming:
                with _doubt(job, partial):
                    parts.append(assemble.part(file, got, site))
            return parts


@contextmanager
def _doubt(job: _Job, partial: Partial) -> Iterator[None]:
    """Where what came is refused, keep nothing of it that no pin vouches for."""
    try:
        yield
    except (ExtractionError, IntegrityError):
        partial.forget(job.release.files)
        raise


def _record_of(folder: Path) -> Manifest | None:
    """Return the record of what is here, which must hold nothing of the user's own."""
    if not (folder / MANIFEST).is_file():
        return None
    record = manifest.load(folder)
    extra = verify.extra_files(folder, record)
    if extra:
        raise DiskError(
            f"`{folder}` holds files that covcat did not put there",
            hint="move them away, then run the same command again",
            details=sorted(extra),
        )
    return record


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


# ---- verification ------------------------------------------------------------------------------


def _verified(job: _Job, parts: list[assemble.Part]) -> tuple[list[StoredFile], list[str]]:
    """Check all files against every pin; return them as recorded, and what is missing."""
    step, listing = job.step, job.listing
    everything = [one for part in parts for one in part.files]
    if both := collision(one.path for one in everything):
        raise ExtractionError(f"`{step.name}` is refused: `{both[0]}` and `{both[1]}` are one path")
    missing = _compared(step, listing, everything)
    stored: list[StoredFile] = []
    for number, part in enumerate(parts):
        kind = pins.pin(
            step.name, part.file, part.transfer, part.files, listing, is_complete=not missing
        )
        if kind == "first-use" and job.before is not None:
            pins.demand_same_as_before(step.name, part.transfer, job.before)
        parts[number] = replace(part, transfer=replace(part.transfer, verified_by=kind))
        stored += [
            replace(one, path=f"files/{one.path}", verified_by=pins.pinned_by(one, listing) or kind)
            for one in part.files
        ]
    return (stored if step.options.extract else []), missing


def _compared(step: Step, listing: Listing | None, files: list[StoredFile]) -> list[str]:
    """Compare with the listing, if there is one; return what is missing and may be."""
    if listing is None:
        return []
    found = pins.against_listing(files, listing)
    missing = list(found.missing) if step.options.allow_missing else []
    hint = None
    if found.missing and not (found.changed or found.extra):
        hint = f"covcat fetch {step.name} --allow-missing keeps what did come"
    if step.options.allow_missing:
        found = replace(found, missing=())
    pins.demand(found, f"`{step.name}` is not what is pinned", hint)
    return missing


def _in_words(record: Manifest) -> str:
    kinds = dict.fromkeys(
        f"git tree {one.tree}" if one.verified_by == "git-tree" else one.verified_by
        for one in record.downloads
    )
    return ", ".join(kinds)


def verify_release(
    catalog: Catalog, folder: Path, *, quick: bool = False
) -> tuple[Manifest, pins.Findings]:
    """Compare a release on disk with its record, and that with the catalog's pins, if it has any.

    Raises:
        IntegrityError: the record itself is damaged, or is not the pinned state.
    """
    record = manifest.load(folder)
    with suppress(NotFoundError):  # an entry of a catalog that is not given now
        resource, release = catalog.find(f"{record.resource}@{record.release}")
        if release is not None:
            verify.against_catalog(record, release, catalog.listing(resource, release))
    found = verify.on_disk(folder, record, quick=quick)
    if not manifest.sums_agree(folder, record):
        found = replace(found, changed=(*found.changed, f"{manifest.SUMS}: not as recorded"))
    return record, found
