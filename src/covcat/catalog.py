"""The catalog: YAML files -> Resources; find one by name, filter many."""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from covcat import listing, schema, strict_yaml
from covcat.errors import CovcatError, IntegrityError, NotFoundError, UsageError
from covcat.listing import Listing
from covcat.model.resource import MODALITIES, Release, Resource
from covcat.store import packaged_catalog

MODALITY_WORDS = {
    "ct": ("ct", "cat", "tomography"),
    "xray": ("xray", "xr", "cxr", "cr", "dx", "radiograph", "radiography", "röntgen"),
    "mri": ("mri", "mr", "mrt"),
    "ultrasound": ("ultrasound", "us", "pocus", "lus", "sonography"),
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """All resources in the order of lists, and the folder that each one's files lie in."""

    resources: tuple[Resource, ...]
    folders: Mapping[str, Path]

    def get(self, name: str) -> Resource:
        """Find a resource by id or alias, in any case.

        Raises:
            NotFoundError: nothing has that name; the hint names the nearest.
        """
        wanted = name.casefold()
        names: dict[str, Resource] = {}
        for resource in self.resources:
            for known in (*resource.aliases, resource.id):
                names[known] = resource
        if wanted not in names:
            near = difflib.get_close_matches(wanted, names, 1)
            hint = f"did you mean `{near[0]}`?" if near else "`covcat list` shows the ids"
            raise NotFoundError(f"the catalog has no resource `{name}`", hint=hint)
        return names[wanted]

    def find(self, name: str) -> tuple[Resource, Release | None]:
        """Find `ID` or `ID@RELEASE`; the release is None if the resource has none at all.

        Raises:
            NotFoundError: no such resource, or no such release of it.
        """
        id_or_alias, at, release_id = name.partition("@")
        if not id_or_alias:
            what = f"`{name}` has no id in it: expected ID@RELEASE"
            raise NotFoundError(what, hint="covcat list")
        resource = self.get(id_or_alias)
        if not at:
            return resource, resource.default_release
        for release in resource.releases:
            if release.id == release_id:
                return resource, release
        near = difflib.get_close_matches(release_id, [one.id for one in resource.releases], 1)
        if near:
            raise NotFoundError(
                f"`{resource.id}` has no release `{release_id}`",
                hint=f"did you mean `{resource.id}@{near[0]}`?",
            )
        known = ", ".join(f"{resource.id}@{release.id}" for release in resource.releases)
        raise NotFoundError(
            f"`{resource.id}` has no release `{release_id}`", hint=f"it has: {known or 'none'}"
        )

    def listing(self, resource: Resource, release: Release) -> Listing | None:
        """Read the pinned listing of a release, or return None where there is none."""
        if release.listing is None:
            return None
        return listing.read(self.folders[resource.id] / release.listing)


# ---- load --------------------------------------------------------------------------------------


def load(extra: Sequence[Path] = ()) -> Catalog:
    """Load the packaged catalog and the user's own folders.

    Raises:
        IntegrityError: a user's file is wrong, or replaces a packaged entry without saying so.
    """
    packaged = packaged_catalog()
    resources: dict[str, Resource] = {}
    folders: dict[str, Path] = {}
    for path in entry_files(packaged):
        tree, _ = strict_yaml.parse(strict_yaml.read(path), str(path))
        resource = schema.trusted(tree)
        resources[resource.id], folders[resource.id] = resource, packaged
    for folder in extra:
        for path in entry_files(folder):
            resource = load_file(path)
            _refuse_taken_names(resource, resources, path)
            resources[resource.id], folders[resource.id] = resource, folder
    return Catalog(tuple(sorted(resources.values(), key=_position)), folders)


def _refuse_taken_names(resource: Resource, others: Mapping[str, Resource], path: Path) -> None:
    """A user's entry may not quietly answer to the name of another one."""
    if resource.id in others and not resource.override:
        raise IntegrityError(
            f"{path}: the id `{resource.id}` is taken by another entry",
            hint="choose another id, or add `override: yes` to replace it",
        )
    for other in others.values():
        both = {resource.id, *resource.aliases} & {other.id, *other.aliases}
        if both and other.id != resource.id:
            raise IntegrityError(f"{path}: `{min(both)}` is a name of `{other.id}` already")


def entry_files(folder: Path) -> list[Path]:
    """Return the catalog files of a folder; names that start with `_` are templates.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"the catalog folder `{folder}` is not there")
    entries = [path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")]
    return sorted(path for path in entries if not path.name.startswith("_"))


def load_file(path: Path) -> Resource:
    """Load and check one file.

    Raises:
        IntegrityError: every mistake, with file and line.
    """
    tree, lines = strict_yaml.parse(strict_yaml.read(path), str(path))
    resource = schema.validated(tree, lines, str(path))
    if path.stem != resource.id:
        raise IntegrityError(f"{path}:{lines['id',]}: expected id `{path.stem}` as the file's name")
    return resource


def check_file(path: Path) -> list[str]:
    """Return the mistakes of one catalog file and of its listings, a line each."""
    try:
        resource = load_file(path)
    except IntegrityError as error:
        return [error.message.removesuffix(f" (and {len(error.details)} more)"), *error.details]
    return [
        mistake
        for release in resource.releases
        if release.listing
        for mistake in _check_listing(path, release)
    ]


def _check_listing(path: Path, release: Release) -> list[str]:
    try:
        totals = listing.totals(listing.read(path.parent / str(release.listing)))
    except CovcatError as error:
        return [f"{path}: {release.listing}: {error.message}"]
    if totals != release.contents:
        return [f"{path}: {release.listing}: expected {release.contents}, got {totals}"]
    return []


def check_together(resources: Iterable[Resource]) -> list[str]:
    """Return what is wrong between entries: names taken twice, overlaps with nothing."""
    entries = list(resources)
    owners: dict[str, str] = {}
    names = [(name, one.id) for one in entries for name in (one.id, *one.aliases)]
    mistakes = [
        f"{owner}: `{name}` is a name of {owners[name]} too"
        for name, owner in names
        if owners.setdefault(name, owner) != owner
    ]
    ids = {one.id for one in entries}
    releases = {(one.id, release.id) for one in entries for release in one.releases}
    mistakes += [
        f"{resource.id}@{release.id}: images in an unknown release `{one.resource}@{one.release}`"
        for resource in entries
        for release in resource.releases
        for one in release.images_in
        if (one.resource, one.release) not in releases
    ]
    return mistakes + [
        f"{resource.id}: contains an unknown resource `{part.resource}`"
        for resource in entries
        for part in resource.contains
        if part.resource not in ids
    ]


def overlaps(catalog: Catalog, ids: Collection[str]) -> list[str]:
    """Say which of these resources hold images of another of them: they would count twice."""
    return [
        f"`{one.id}` is made of images of `{part.resource}` too: {part.evidence}"
        for one in catalog.resources
        for part in one.contains
        if one.id in ids and part.resource in ids
    ]


def _position(resource: Resource) -> tuple[int, int, str]:
    if resource.survey:
        return (0, resource.survey.row, resource.id)
    return (1, resource.position if resource.position is not None else 10**6, resource.id)


# ---- find and filter ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """What `list` was asked for: values of one field mean OR, different fields AND."""

    modalities: frozenset[str] = frozenset()
    has: frozenset[str] = frozenset()  # "metadata", "case_review"
    licenses: tuple[str, ...] = ()  # SPDX ids or globs of them
    allows: frozenset[str] = frozenset()  # all of them must be a yes
    access: frozenset[str] = frozenset()
    fetchable: bool = False
    fetched: frozenset[str] | None = None  # ids that are on disk, if that was asked
    with_sample: bool = False
    words: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if nothing was asked for."""
        return self == Filter()


def select(catalog: Catalog, wanted: Filter) -> list[Resource]:
    """Return the resources that pass, in the catalog's order."""
    return [one for one in catalog.resources if all(test(one) for test in _tests(wanted))]


def _tests(wanted: Filter) -> list[Callable[[Resource], bool]]:
    """Return one test for each field that was asked for."""
    fetched = wanted.fetched or frozenset()
    tests: list[tuple[object, Callable[[Resource], bool]]] = [
        (not wanted.with_sample, lambda one: not one.is_sample),
        (wanted.modalities, lambda one: _holds_any(one, wanted.modalities, wanted.fetchable)),
        (wanted.has, lambda one: _holds_any(one, wanted.has, wanted.fetchable)),
        (wanted.licenses, lambda one: any(_is_licensed(one, glob) for glob in wanted.licenses)),
        (wanted.allows, lambda one: all(_allows(one, use) for use in wanted.allows)),
        (wanted.access, lambda one: one.access in wanted.access),
        (wanted.fetchable, is_fetchable),
        (wanted.fetched is not None, lambda one: one.id in fetched),
        (wanted.words, lambda one: _has_words(one, wanted.words)),
    ]
    return [test for asked, test in tests if asked]


def unclear_for(catalog: Catalog, wanted: Filter) -> list[Resource]:
    """Return what would pass but for uses of which nobody knows if its licence allows them."""
    if not wanted.allows:
        return []
    others = select(catalog, replace(wanted, allows=frozenset()))
    words = [(one, {getattr(one.license.allows, use) for use in wanted.allows}) for one in others]
    return [one for one, said in words if "unknown" in said and "no" not in said]


def unknown_for(catalog: Catalog, modalities: Iterable[str]) -> list[str]:
    """Return the ids of which nobody says if they hold any of these; U is not a yes."""
    flags = list(modalities)
    return [
        one.id
        for one in catalog.resources
        if not any(one.has(flag) for flag in flags)
        and any(getattr(one.found, flag) == "U" for flag in flags)
    ]


def _holds_any(resource: Resource, flags: Iterable[str], by_found_only: bool) -> bool:
    """`--fetchable` asks what would arrive, so the survey's word is not enough for it."""
    if by_found_only:
        return any(getattr(resource.found, flag) == "Y" for flag in flags)
    return any(resource.has(flag) for flag in flags)


def _allows(resource: Resource, use: str) -> bool:
    return bool(getattr(resource.license.allows, use) == "yes")


def _is_licensed(resource: Resource, glob: str) -> bool:
    names = (resource.license.spdx.casefold(), resource.license.short.casefold())
    return any(fnmatchcase(name, glob.casefold()) for name in names)


def is_fetchable(resource: Resource) -> bool:
    """True if covcat can fetch it: all but what is for browsing only."""
    return resource.access != "browse" and resource.default_release is not None


def _text(resource: Resource) -> str:
    """Everything that `search` looks at."""
    notes = (resource.license.spdx, resource.license.note or "", *resource.authors)
    fields = [value for one in resource.citation for value in one.fields.values()]
    issues = [issue.text for issue in resource.known_issues]
    fixes = [fix.value for fix in resource.corrections]
    names = (resource.id, *resource.aliases, resource.title, resource.organization)
    return " ".join((*names, resource.summary, *notes, *fields, *issues, *fixes)).casefold()


def _has_words(resource: Resource, words: Iterable[str]) -> bool:
    """Look for words by their start: `ct` is in CT and covid-ct, and not in "direct".

    X-ray and xray are one word to who searches.
    """
    text = _text(resource)
    plain = text.replace("-", "")
    asked = [word.casefold() for word in words]
    return all(_begins(word, text) or _begins(word.replace("-", ""), plain) for word in asked)


def _begins(word: str, text: str) -> bool:
    before = r"(?<![^\W_])" if word[:1].isalnum() else ""
    return re.search(before + re.escape(word), text) is not None


def modality(word: str) -> str:
    """Return the catalog's word for a modality, from any of its usual names.

    Raises:
        UsageError: it is none of them.
    """
    plain = word.casefold().replace("-", "").replace("_", "").replace(" ", "")
    for known, words in MODALITY_WORDS.items():
        if plain in words:
            return known
    raise UsageError(
        f"unknown modality `{word}`: expected one of {', '.join(MODALITIES)}",
        hint="x-ray, cxr, mrt and us are understood too",
    )
