"""The order of the stages: plan, locate, download, extract, verify, record, publish.

The only module that knows all of them. A release is built in a private folder and gets its final
name by one rename; whatever fails before that leaves nothing behind.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from covcat.catalog.entries import BROUGHT, Release, Resource
from covcat.catalog.load import Catalog
from covcat.download.parts import Parts
from covcat.download.remote import Network
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    IntegrityError,
    NotFoundError,
    SeveralError,
)
from covcat.fetching import brought, from_files, from_hosts, plan
from covcat.fetching.build import Bench, build
from covcat.fetching.plan import Options, Plan, Step
from covcat.progress import Progress
from covcat.store import lockfile, manifest
from covcat.store.folder import CLOSED, MANIFEST, Store
from covcat.store.lockfile import LockedRelease
from covcat.store.manifest import Held
from covcat.store.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: the folder of its data, or the error that stopped it."""

    step: Step
    path: Path | None = None
    error: CovcatError | None = None


def make_plan(store: Store, targets: Iterable[plan.Target], options: Options) -> Plan:
    """Look at the disk, and decide what to do with each target."""
    return plan.make(targets, lambda one, rel: _held(store, one, rel, options), options)


def _held(store: Store, resource: Resource, release: Release, options: Options) -> Held | None:
    folder = store.release(resource.id, release.id)
    has_less = options.locked is not None and lockfile.has_less(options.locked, folder)
    found = manifest.held(folder)
    return replace(found, has_less=has_less) if found else None


def make_locked_plan(
    store: Store, catalog: Catalog, wanted: Iterable[LockedRelease], options: Options
) -> Plan:
    """Decide how to get exactly what is locked.

    Raises:
        CovcatError: the catalog does not have it any more, or pins something else.
    """
    steps: list[Step] = []
    for one in wanted:
        target = locked_target(catalog, one)
        its = replace(
            options, extract=one.form == "files", allow_missing=not one.complete, locked=one
        )
        (step,) = make_plan(store, [target], its).steps
        if one.release == BROUGHT.id and step.action == "fetch":
            raise ActionNeededError(
                f"`{one.name}` is not here, and only a person can bring it",
                hint=f"covcat import {one.id} FILE…",
            )
        steps.append(step)
    return Plan(steps=tuple(steps))


def locked_target(catalog: Catalog, one: LockedRelease) -> tuple[Resource, Release]:
    """Find in the catalog what is locked.

    Raises:
        NotFoundError: it is not there any more.
        IntegrityError: it is pinned as something else now.
    """
    if one.release == BROUGHT.id:
        return catalog.get(one.id), BROUGHT
    try:
        resource, release = catalog.find(one.name)
    except NotFoundError as error:
        raise NotFoundError(
            f"the lock names `{one.name}`, which the catalog does not have",
            hint="use the covcat that made the lock, or give the entry with --catalog",
        ) from error
    if release is None:
        raise AssertionError("unreachable: a release that is named is found")
    lines = lockfile.catalog_differences(one, release, catalog.listing(resource, release))
    if lines:
        raise IntegrityError(
            f"the catalog pins `{one.name}` as something else than the lock",
            details=lines,
            hint="use the covcat that made the lock, or give the entry of then with --catalog",
        )
    return resource, release


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
    release = step.release or BROUGHT
    step = replace(step, release=release)
    with bench.store.lock(step.name):
        target, whole = (step.resource, release), replace(step.options, allow_missing=False)
        if make_plan(bench.store, [target], whole).steps[0].action != "keep":
            build(step, release, bench, lambda job: from_files.adopted(job, paths), mends=True)
        else:
            brought.brought(paths, bench.store)  # which says if they are not even there
            bench.progress.note(f"{step.name}: here and complete; what was given is not looked at")
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
    for folder in store.closing():
        name = folder.name.removesuffix(CLOSED)
        resource_id, _, release_id = name.partition("@")
        with store.lock_at_once(name) as is_free:
            if is_free:
                is_whole = (store.release(resource_id, release_id) / MANIFEST).is_file()
                Waiting(folder.with_name(name)).settle(is_whole=is_whole)


def _carry_out(step: Step, bench: Bench) -> Path:
    if step.action == "ask" and step.release is not None:
        _held(bench.store, step.resource, step.release, step.options)  # raises what is wrong here
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
        elif again.action == "ask":  # or brought something else
            _held(bench.store, step.resource, step.release, step.options)
        return _data(step, step.release, bench)


def _fetch_or_find(step: Step, release: Release, bench: Bench) -> None:
    """Fetch a release; where locks do not work, another process may do the same meanwhile."""
    for is_last in (False, False, True):
        try:
            build(step, release, bench, from_hosts.brought)
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


# ---- is it still what it was? ------------------------------------------------------------------
