"""What a fetch will do, decided before anything is touched. Pure: nothing is read or asked here."""

from collections.abc import Callable, Iterable

from covcat.catalog import selection
from covcat.catalog.entries import Release, Resource
from covcat.errors import ActionNeededError, CovcatError, IntegrityError
from covcat.store.manifest import Held, Options, Plan, Selection, Step

Target = tuple[Resource, Release | None]
LookUp = Callable[[Resource, Release], Held | None]


def make(targets: Iterable[Target], held: LookUp, options: Options) -> Plan:
    """Decide one step for each target, in order; `held` says what the disk holds."""
    unique: dict[tuple[str, str | None], Target] = {}
    for resource, release in targets:
        unique.setdefault((resource.id, release.id if release else None), (resource, release))
    return Plan(steps=tuple(_step(one, rel, held, options) for one, rel in unique.values()))


def _step(resource: Resource, release: Release | None, held: LookUp, options: Options) -> Step:
    def step(action: str, reason: str) -> Step:
        return Step(
            resource=resource,
            release=release,
            action=action,  # type: ignore[arg-type]  # the three words below
            reason=reason,
            options=options,
        )

    try:
        here = held(resource, release) if release else None
    except CovcatError as damage:  # of this release only: the others go on
        return step("ask", damage.message)
    lacking = _lacking(here, options) if here else "not here yet"
    if here and lacking is None:
        return step("keep", _kept(here))
    obstacle = refusal(resource, release, options)
    if obstacle:
        return step("ask", obstacle.message)
    return step("fetch", lacking or "")


def _lacking(here: Held, options: Options) -> str | None:
    """Say what was asked for and is not here; None if all of it is."""
    if not here.has_data:
        return f"here without its {here.form}"
    if options.require == "pinned" and not here.is_pinned:
        return "here, but not verified by a pin"
    if options.require == "host" and not here.is_claimed:
        return "here, but verified by neither a pin nor its host"
    if here.selection and not _has(here, options.asked):
        return "here, but another part of it" if options.asked else "here in part"
    if not here.is_complete and not options.allow_missing:
        return "here, but incomplete"
    if options.extract and here.form == "archives":
        return "here as archives only"
    if options.wants_archives and not here.has_archives:
        return "here without its archives"
    return "here, but less than the lock names" if here.has_less else None


def _has(here: Held, asked: tuple[Selection, ...]) -> bool:
    """Tell if the parts that are here are, or hold, the parts that are asked for."""
    parts = tuple(map(Selection.read, here.selection))
    return bool(asked) and selection.without_repeats((*parts, *asked)) == parts


def _kept(here: Held) -> str:
    if not here.is_complete:
        return "here, incomplete as allowed"
    return "the part that was asked for is here" if here.selection else "here and complete"


def by_hand(page: str, name: str) -> str:
    """Return the hint where only a person gets the data: the page, and how covcat takes it then."""
    return f"open {page}; then, with what you got there: covcat import {name} FILE…"


def refusal(resource: Resource, release: Release | None, options: Options) -> CovcatError | None:
    """Return why covcat cannot fetch a release by itself, with where a person goes on."""
    pages = resource.browse.pages if resource.browse else ()
    look = [f"{page.shows}: {page.url}" for page in pages]
    terms = [f"terms: {resource.browse.terms}"] if resource.browse else []
    if release is None:
        return ActionNeededError(
            f"`{resource.id}` is for browsing only: it offers no download",
            details=[*look, *terms],
            hint=by_hand(pages[0].url if pages else str(resource.homepage), resource.id),
        )
    if options.require == "pinned" and not release.is_pinned:
        return IntegrityError(
            f"`{resource.id}@{release.id}` is not pinned whole, and --require pinned asks for it",
            hint=f"`covcat show {resource.id}` lists the releases that are pinned",
        )
    return None
