"""Plans are made and carried out here, and what a person downloaded is taken in.

A release is built of what ordered sources have: of its hosts, or of given files and what is here.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from covcat.catalog.entries import BROUGHT, Release, Resource
from covcat.catalog.load import Catalog
from covcat.download.parts import Parts
from covcat.engine.shards import ShardDone
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    IntegrityError,
    NotFoundError,
    each_of,
)
from covcat.fetching import expected, from_disk, from_hosts, plan
from covcat.fetching.base import Run
from covcat.fetching.build import build, settle_waiting
from covcat.fetching.expected import Expected, Totals
from covcat.fetching.plan import Options, Plan, Step
from covcat.files import MORE_SPACE, check_room, disk_errors
from covcat.store import lockfile, manifest
from covcat.store.folder import Store
from covcat.store.lockfile import LockedRelease
from covcat.store.manifest import Held


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: the folder of its data, or the error that stopped it.

    Neither, of a shard.
    """

    step: Step
    path: Path | None = None
    error: CovcatError | None = None


FETCH = (from_disk.unpacked, from_hosts.pieces)  # what is here, then the hosts


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
        (step,) = make_plan(store, [target], its)
        if one.release == BROUGHT.id and step.action == "fetch":
            raise ActionNeededError(
                f"`{one.name}` is not here, and only a person can bring it",
                hint=f"covcat import {one.id} FILE…",
            )
        steps.append(step)
    return tuple(steps)


def locked_target(catalog: Catalog, one: LockedRelease) -> tuple[Resource, Release]:
    """Find in the catalog what is locked."""
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


def expect(step: Step, catalog: Catalog, store: Store) -> Expected | None:
    """Tell what a step brings; of a part that is asked for, also by what is here of its release."""
    if step.release is None:
        return None
    listing, record = None, None
    series = catalog.series(step.resource, step.release)
    if step.options.asked:
        listing = catalog.listing(step.resource, step.release)
        with suppress(CovcatError):  # nothing is here; or it is damaged, which was told already
            record = manifest.load(store.release(step.resource.id, step.release.id))
    return expected.of(step.release, step.options, listing, record, series)


def total(todo: Plan, catalog: Catalog, store: Store) -> Totals:
    """Add up what the steps of a plan will bring."""
    waits = {name: sum(sizes) for name, sizes in store.waiting()}
    coming = [(step.name, expect(step, catalog, store)) for step in todo if step.action == "fetch"]
    with disk_errors(f"look at the free space of `{store.folder}`"):
        free = store.free_bytes()
    steps = [(one, waits.get(name, 0)) for name, one in coming if one is not None]
    return expected.totals(steps, free)


def check_fits(total: Totals, store: Store) -> None:
    """Refuse a plan that cannot fit on the disk, before anything of it is begun."""
    check_room(total.needed_bytes, total.free_bytes, f"in `{store.folder}`", MORE_SPACE)


def run(todo: Plan, one_run: Run) -> Iterator[Outcome]:
    """Carry a plan out, if it can fit; one step that fails does not stop the others."""
    store = one_run.store
    if any(step.action == "fetch" for step in todo):
        check_fits(total(todo, one_run.catalog, store), store)
        store.prepare()
        store.sweep()
        Parts(store.parts).sweep()
    elif store.has_litter:
        store.sweep()
    settle_waiting(store)
    for step in todo:
        try:
            yield Outcome(step, path=_carry_out(step, one_run))
        except ShardDone:
            yield Outcome(step)
        except CovcatError as error:
            if step.release is not None:  # else its own hint is right
                error = add_way_out(error, step.resource, f"covcat import {step.name}")
            yield Outcome(step, error=error)


def import_release(step: Step, run: Run, paths: Sequence[Path]) -> Path:
    """Make a release of what a person downloaded, and of what is here of it.

    What is here and complete stays as it is.
    """
    from covcat.fetching import brought, from_files  # no fetch has to wait for them

    given = [brought.look_at(path, run.store) for path in paths]  # before anything is made
    run.store.prepare()
    run.store.sweep()
    resource, release = step.resource, step.release or BROUGHT
    name = f"{resource.id}@{release.id}"
    with run.store.lock(name):
        whole = replace(step.options, allow_missing=False)
        if make_plan(run.store, [(resource, release)], whole)[0].action != "keep":
            sources = [partial(from_files.pieces, sources=given)]
            return build(run, resource, release, step.options, sources, mends=True)
        run.progress.note(f"{name}: here and complete; what was given is not looked at")
        return manifest.data_folder(run.store.release(resource.id, release.id))


def add_way_out(error: CovcatError, resource: Resource, command: str) -> CovcatError:
    """Where the host wants a person, name the page, and the command that takes what is there."""
    for one in each_of(error):
        if isinstance(one, ActionNeededError) and (one.hint or "").startswith("open "):
            error.hint = plan.by_hand(one.page or resource.homepage or "", command)
            break
    return error


def _carry_out(step: Step, run: Run) -> Path:
    store, resource, release, options = run.store, step.resource, step.release, step.options
    if step.action == "ask" or release is None:
        if release is not None:
            _held(store, resource, release, options)  # raises what is wrong here
        refusal = plan.refusal(resource, release, options)
        raise refusal or AssertionError("unreachable: a step asks only where covcat refuses")
    if step.action == "fetch":
        waiting = f"{step.name}: another covcat is fetching it; waiting"
        held = store.lock(step.name, lambda: run.progress.note(waiting))
        with nullcontext() if options.shard else held:  # shards work side by side
            again = make_plan(store, [(resource, release)], options)[0]
            if again.action == "fetch":  # else another process brought it while this one waited
                return _fetch_or_find(step, release, run)
            if again.action == "ask":  # or brought something else
                _held(store, resource, release, options)
            return manifest.data_folder(store.release(resource.id, release.id))
    return manifest.data_folder(store.release(resource.id, release.id))


def _fetch_or_find(step: Step, release: Release, run: Run) -> Path:
    """Fetch a release; where locks do not work, another process may do the same meanwhile."""
    final = run.store.release(step.resource.id, release.id)
    if run.network.copies:
        from covcat.fetching.pull import from_mirror

        if from_mirror(run, step.resource, release, step.options):
            return manifest.data_folder(final)
    for is_last in (False, False, True):
        try:
            return build(run, step.resource, release, step.options, FETCH)
        except CovcatError as error:
            again = make_plan(run.store, [(step.resource, release)], step.options)[0]
            if again.action == "keep":  # it was faster
                break
            vanished = any(isinstance(e, DiskError) and e.has_vanished for e in each_of(error))
            if is_last or not vanished:
                raise
            run.progress.note(f"{step.name}: another process swept what was here; once more")
    return manifest.data_folder(final)
