"""The order of the stages: plan, locate, download, extract, verify, record, publish.

The only module that knows all of them. A release is built in a private folder and gets its final
name by one rename; whatever fails before that leaves nothing behind.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from covcat import download, extract, hosts, manifest, pins, plan, room, verify
from covcat.archives import zip as zip_format
from covcat.catalog import Catalog
from covcat.errors import CovcatError, DiskError, ExtractionError, IntegrityError, NotFoundError
from covcat.listing import Listing
from covcat.model import (
    AnyFile,
    Download,
    Form,
    GitHubFile,
    Manifest,
    Options,
    Plan,
    Release,
    Step,
    StoredFile,
    Transfer,
)
from covcat.names import collision, unsafe_name
from covcat.progress import Progress
from covcat.store import MANIFEST, Store, disk_errors, make_folder
from covcat.web import Web, WebSettings


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
    web: Web
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
    settings: WebSettings,
    progress: Progress,
) -> Iterator[Outcome]:
    """Carry a plan out; one step that fails does not stop the others."""
    if any(step.action == "fetch" for step in todo.steps):
        store.prepare()
        store.sweep()
    with closing(Web(settings)) as web:
        bench = Bench(catalog, store, web, progress)
        for step in todo.steps:
            try:
                yield Outcome(step, path=_carry_out(step, bench))
            except CovcatError as error:
                yield Outcome(step, error=error)


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
        if again.action == "keep":  # another process brought it while this one waited
            return _data(step, step.release, bench)
        _fetch(step, step.release, bench)
        return _data(step, step.release, bench)


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
    with store.workshop() as workshop:
        job = _Job(step, before, listing, workshop, bench)
        with disk_errors("make the release's folder"):
            make_folder(job.built / "files")
            (workshop / "parts").mkdir()
        parts = [_part(job, file) for file in release.files]
        files, missing = _verified(job, parts)
        transfers = [part.transfer for part in parts]
        form: Form = "files" if step.options.extract else "archives"
        everything = [*files, *_kept_archives(parts)]
        record = manifest.made(resource, release, transfers, everything, missing, form)
        if not step.options.extract:
            (job.built / "files").rmdir()
        manifest.write(job.built, record)
        store.publish(job.built, resource.id, release.id)
    bench.progress.note(f"{step.name}: {record.total_files} files, verified by {_in_words(record)}")
    if missing:
        bench.progress.note(
            f"{step.name}: {len(missing)} files are missing, as allowed; manifest.json names them"
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """What the stages of one release share."""

    step: Step
    before: Manifest | None  # the record of what was here already
    listing: Listing | None
    workshop: Path
    bench: Bench

    @property
    def built(self) -> Path:
        """The folder that will get the release's final name."""
        return self.workshop / "release"


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


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a release after transfer and unpacking; paths are relative to `files/`."""

    file: AnyFile
    transfer: Transfer
    files: tuple[StoredFile, ...]


def _part(job: _Job, file: AnyFile) -> _Part:
    """Bring one file, unpack it, and keep or drop its archive."""
    got = _obtain(job, file)
    transfer = _transfer(file, got)
    if file.unpack == "none":
        return _plain_part(file, got, transfer, job)
    place = extract.Place(
        folder=job.built / "files" if job.step.options.extract else None,
        workspace=got.path.with_name(f"{got.path.name}.inside"),
        with_git_ids=isinstance(file, GitHubFile) or job.listing is not None,
        progress=job.bench.progress,
    )
    budget, layout = room.budget(file, job.bench.store), extract.layout_of(file)
    done = extract.extract(got.path, file.unpack, layout, budget, place, file.name_encoding)
    files = list(done.files)
    transfer = replace(transfer, left_out=done.left_out, nested=done.nested)
    if isinstance(file, GitHubFile):
        transfer = _with_git_ids(transfer, file, files, got)
    else:  # only git's own archives say a file's git mode
        files = [replace(one, mode=None) for one in files]
    if job.step.options.wants_archives:
        transfer = replace(transfer, archive=_kept(got, file, job.built))
    else:
        with disk_errors(f"drop `{got.name}`"):
            got.path.unlink()
    return _Part(file, transfer, tuple(files))


def _with_git_ids(
    transfer: Transfer, file: GitHubFile, files: list[StoredFile], got: Download
) -> Transfer:
    """Record the tree that was unpacked, and the commit that git wrote into the archive."""
    with got.path.open("rb") as stream:
        commit = zip_format.comment(stream) or None
    if file.commit and commit and commit != file.commit:
        raise IntegrityError(f"`{got.url}` is commit `{commit}`: expected {file.commit}")
    return replace(transfer, commit=commit, tree=pins.tree_of(files, file), keep=file.keep)


def _obtain(job: _Job, file: AnyFile) -> Download:
    """Take what an earlier fetch left as it was served, or download the file."""
    location = hosts.HOSTS[file.host].locate(file)
    target = job.workshop / "parts" / location.name
    bench = job.bench
    local = _as_served(file, location.url, job.before, bench.store)
    if local is not None:
        path, transfer = local
        got = download.fetch(file, replace(location, path=path), bench.web, target, bench.progress)
        if got.sha256 != transfer.sha256:
            raise IntegrityError(
                f"`{path}` changed on disk: sha256 expected {transfer.sha256}, got {got.sha256}",
                hint=f"covcat verify {job.step.name}",
            )
        return replace(
            got,
            final_url=transfer.final_url,
            mirror=transfer.mirror,
            finished_at=transfer.finished_at,
        )
    got = download.fetch(
        file, location, bench.web, target, bench.progress, bench.store.free_bytes()
    )
    source = urlsplit(got.mirror or got.final_url).netloc or "covcat itself"
    bench.progress.note(
        f"{job.step.name}: got {got.bytes:,} bytes from {source}, sha256 {got.sha256[:16]}…"
    )
    return got


def _as_served(
    file: AnyFile, url: str, before: Manifest | None, store: Store
) -> tuple[Path, Transfer] | None:
    """Find what an earlier fetch of the same address left on disk as it was served."""
    for transfer in before.downloads if before else ():
        place = transfer.archive or (
            None if transfer.is_archive else f"files/{file.into or ''}{transfer.name}"
        )
        if before and place and transfer.url == url:
            path = store.release(before.resource, before.release) / place
            if path.is_file() and not path.is_symlink():
                return path, transfer
    return None


def _transfer(file: AnyFile, got: Download) -> Transfer:
    return Transfer(
        host=file.host,
        url=got.url,
        final_url=got.final_url,
        name=got.name,
        bytes=got.bytes,
        sha256=got.sha256,
        md5=got.md5,
        mirror=got.mirror,
        is_archive=file.unpack != "none",
        finished_at=got.finished_at,
        verified_by=got.verified_by,
    )


def _plain_part(file: AnyFile, got: Download, transfer: Transfer, job: _Job) -> _Part:
    """Give a plain file its place among the files, or keep it as served."""
    path = (file.into or "") + got.name
    stored = StoredFile(path=path, bytes=got.bytes, sha256=got.sha256)
    if not job.step.options.extract:
        transfer = replace(transfer, archive=_kept(got, file, job.built))
        return _Part(file, transfer, (stored,))
    if reason := unsafe_name(path):
        raise ExtractionError(f"`{path}` is no place for a file: {reason}")
    with disk_errors(f"write `{path}`"):
        target = job.built / "files" / path
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two files of the release would be `{path}`")
        got.path.rename(target)
    return _Part(file, transfer, (stored,))


def _kept(got: Download, file: AnyFile, built: Path) -> str:
    """Keep a download as served, below the folder that its members go to."""
    place = f"archives/{file.into or ''}{got.name}"
    with disk_errors(f"keep `{got.name}`"):
        target = built / place
        make_folder(target.parent)
        if target.exists():
            raise ExtractionError(f"two downloads of the release are called `{place}`")
        got.path.rename(target)
    return place


def _kept_archives(parts: Iterable[_Part]) -> list[StoredFile]:
    return [
        StoredFile(
            path=part.transfer.archive,
            bytes=part.transfer.bytes,
            sha256=part.transfer.sha256,
            verified_by=part.transfer.verified_by,
        )
        for part in parts
        if part.transfer.archive
    ]


# ---- verification ------------------------------------------------------------------------------


def _verified(job: _Job, parts: list[_Part]) -> tuple[list[StoredFile], list[str]]:
    """Check all files against every pin; return them as recorded, and what is missing."""
    step, listing = job.step, job.listing
    everything = [one for part in parts for one in part.files]
    if both := collision((one.path, True) for one in everything):
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
