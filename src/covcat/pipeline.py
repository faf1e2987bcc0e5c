"""The order of the stages: plan, locate, download, extract, verify, record, publish.

The only module that knows all of them. A release is built in a private folder and gets its final
name by one rename; whatever fails before that leaves nothing behind.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from covcat import adopting, fetching, manifest, pins, plan, verify
from covcat.building import Bench, build
from covcat.catalog import Catalog
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    NotFoundError,
    SeveralError,
)
from covcat.model import (
    Manifest,
    Network,
    Options,
    Plan,
    Release,
    Step,
)
from covcat.partial import CLOSED, Partial
from covcat.parts import Parts
from covcat.progress import Progress
from covcat.store import MANIFEST, Store

OWN = "local"  # release of what a person has of a resource that offers no download


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: the folder of its data, or the error that stopped it."""

    step: Step
    path: Path | None = None
    error: CovcatError | None = None


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
            yield Outcome(step, error=_with_way_out(error, step))


def adopt(step: Step, bench: Bench, paths: Sequence[Path]) -> Path:
    """Make a release of what a person downloaded, and of what is here of it.

    What is here and complete stays as it is.

    Raises:
        CovcatError: it is not the release, or the disk refuses.
    """
    bench.store.prepare()
    bench.store.sweep()
    release = step.release or Release(
        id=OWN, files=(), source="brought by hand; the resource itself offers no download"
    )
    step = replace(step, release=release)
    with bench.store.lock(step.name):
        target, whole = (step.resource, release), replace(step.options, allow_missing=False)
        if make_plan(bench.store, [target], whole).steps[0].action != "keep":
            build(step, release, bench, lambda job: adopting.adopted(job, paths))
        else:
            bench.progress.note(f"{step.name}: here and complete; nothing to do")
        return _data(step, release, bench)


def _with_way_out(error: CovcatError, step: Step) -> CovcatError:
    """Where the host wants a person, say which page to open, and how covcat takes what is there."""
    several = error.errors if isinstance(error, SeveralError) else (error,)
    for one in several if step.release is not None else ():  # else its own hint is right
        if isinstance(one, ActionNeededError) and (one.hint or "").startswith("open "):
            error.hint = plan.by_hand(one.page or step.resource.homepage or "", step.name)
            break
    return error


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
            build(step, release, bench, fetching.brought)
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
