"""The catalog: YAML files -> Resources; find one by its name."""

import difflib
import hashlib
import json
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Union, get_args, get_origin

from covcat.catalog import series, yaml
from covcat.catalog.entries import Release, Resource
from covcat.catalog.listing import Listing, read
from covcat.catalog.marks import Noun
from covcat.catalog.series import SeriesTable
from covcat.catalog.yaml import packaged_catalog
from covcat.errors import IntegrityError, NotFoundError

COMPILED = "compiled.json"
_MOST_MEANT = 5  # resources that a hint names
_BUILT: dict[str, Resource] = {}  # of packaged entries, by the sha256 of their YAML


def _nowhere(name: str) -> Resource | None:
    del name
    return None


@dataclass(frozen=True, slots=True)
class Catalog:
    """All resources in the order of lists, and the folder that each one's files lie in."""

    resources: tuple[Resource, ...]
    folders: Mapping[str, Path]
    # knows what a name means that is neither id nor alias
    elsewhere: Callable[[str], Resource | None] = field(default=_nowhere, compare=False)

    def get(self, name: str) -> Resource:
        """Find a resource by id or alias, in any case; the hint of NotFoundError is the nearest."""
        wanted = name.casefold()
        names = {name: one for one in self.resources for name in (*one.aliases, one.id)}
        if wanted not in names and (meant := self.elsewhere(name)) is not None:
            return meant
        if wanted not in names:
            hint = _meant(wanted, names)
            raise NotFoundError(f"the catalog has no resource `{name}`", hint=hint)
        return names[wanted]

    def find(self, name: str) -> tuple[Resource, Release | None]:
        """Find `ID` or `ID@RELEASE`; the release is None if the resource has none at all."""
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
        ids = [one.id for one in resource.releases]
        known = ", ".join(f"{resource.id}@{one}" for one in ids)
        near = difflib.get_close_matches(release_id, ids, 1)
        hint = f"did you mean `{resource.id}@{near[0]}`?" if near else f"it has: {known or 'none'}"
        raise NotFoundError(f"`{resource.id}` has no release `{release_id}`", hint=hint)

    def holding(self, release: Release) -> list[tuple[Resource, Release | None]]:
        """Return the releases that hold the images of which a release has labels, each once."""
        found = (self.find(one.name) for one in release.images_in)
        return list({(one.id, its and its.id): (one, its) for one, its in found}.values())

    def listing(self, resource: Resource, release: Release) -> Listing | None:
        """Read the pinned listing of a release, or return None where there is none."""
        if release.listing is None:
            return None
        return read(self.folders[resource.id] / release.listing)

    def series(self, resource: Resource, release: Release) -> SeriesTable | None:
        """Read the series of a release, or return None where it has none."""
        if release.series is None:
            return None
        return series.read(self.folders[resource.id] / release.series)


def _meant(wanted: str, names: Mapping[str, Resource]) -> str:
    """Return the hint for a name that nothing has: all that have it as a word, as a shell would.

    Else the nearest.
    """
    near: dict[str, str] = {}  # by id: a resource is named once, by its id if that is alike
    for name in sorted(names, key=lambda one: one != names[one].id):
        if f"-{wanted}" in f"-{name}":
            near.setdefault(names[name].id, name)
    alike = [*near.values()] or difflib.get_close_matches(wanted, names, 1)
    if not alike:
        return "`covcat list` shows the ids"
    said = [f"`{one}`" for one in alike[:_MOST_MEANT]]
    if len(alike) > _MOST_MEANT:
        said.append(f"another of `covcat search {quote(wanted)}`")
    *most, last = said
    return f"did you mean {', '.join(most)}{' or ' * bool(most)}{last}?"


def load(extra: Sequence[Path] = ()) -> Catalog:
    """Load the packaged catalog and the user's own folders.

    Raises:
        IntegrityError: a user's file is wrong, or replaces a packaged entry without saying so.
    """
    packaged = packaged_catalog()
    found = {one.id: one for one in _load_packaged(packaged)}
    folders = dict.fromkeys(found, packaged)
    for folder in extra:
        from covcat.catalog.check import load_file  # which only a user's files need

        for path in entry_files(folder):
            own = load_file(path)
            if own.id in found and not own.override:
                raise IntegrityError(
                    f"{path}: the id `{own.id}` is taken by another entry",
                    hint="choose another id, or add `override: yes` to replace it",
                )
            for other in found.values():  # to whose names a user's entry may not quietly answer
                both = {own.id, *own.aliases} & {other.id, *other.aliases}
                if both and other.id != own.id:
                    raise IntegrityError(f"{path}: `{min(both)}` is a name of `{other.id}` already")
            found[own.id], folders[own.id] = own, folder

    def rank(one: Resource) -> tuple[bool, int, str]:  # the survey's first, in its order
        place = one.survey.row if one.survey else one.position
        return one.survey is None, 10**6 if place is None else place, one.id

    return Catalog(tuple(sorted(found.values(), key=rank)), folders)


def _load_packaged(folder: Path) -> Iterator[Resource]:
    """Take each entry from `compiled.json`, unless its YAML has changed since that was made.

    A notebook loads the catalog again and again: what was built of the same YAML is not built anew.
    """
    compiled: Mapping[str, Any] | None = None
    for path in entry_files(folder):
        data = yaml.read(path)
        digest = hashlib.sha256(data).hexdigest()
        if digest not in _BUILT:
            compiled = _compiled(folder) if compiled is None else compiled
            sha256, tree = compiled.get(path.name, ("", {}))
            if digest != sha256:
                tree, _ = yaml.parse(data, str(path))
            _BUILT[digest] = build_trusted(tree)
        yield _BUILT[digest]


def _compiled(folder: Path) -> Mapping[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / COMPILED).read_bytes())
    except (OSError, ValueError):  # between two commits it may be missing, or have both in it
        return {}
    return found


def compile_entries(folder: Path) -> str:
    """Return what `compiled.json` has to be: sha256 and tree of each entry, one a line.

    Reading YAML takes 40 ms, of which each command would have to wait.
    """
    files = {path.name: yaml.read(path) for path in entry_files(folder)}
    rows = {
        name: [hashlib.sha256(data).hexdigest(), yaml.parse(data, name)[0]]
        for name, data in files.items()
    }
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in rows.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def entry_files(folder: Path) -> list[Path]:
    """Return the catalog files of a folder; names that start with `_` are templates."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise NotFoundError(f"the catalog folder `{folder}` {what}", hint="covcat paths")
    entries = [path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")]
    return sorted(path for path in entries if not path.name.startswith("_"))


def find_overlaps(catalog: Catalog, ids: Collection[str]) -> list[str]:
    """Say which of these resources hold images of another of them: they would count twice."""
    return [
        f"`{one.id}` is made of images of `{part.resource}` too: {part.evidence}"
        for one in catalog.resources
        for part in one.contains
        if one.id in ids and part.resource in ids
    ]


def build_trusted(tree: Mapping[str, Any]) -> Resource:
    """Build a Resource from a tree that is known to be valid; on any other tree it may raise.

    `covcat.catalog.check` builds the same with pydantic, which takes ten times as long.
    """
    resource: Resource = _builder(Resource)(tree)
    return resource


@cache
def _builder(kind: Any) -> Callable[[Any], Any]:
    """Return the function that turns plain YAML values into `kind`."""
    origin, inside = get_origin(kind), [one for one in get_args(kind) if one is not type(None)]
    if origin is Annotated or (origin in (Union, types.UnionType) and len(inside) == 1):
        return _builder(inside[0])
    if origin in (Union, types.UnionType):
        by_host = {get_args(one.types()["host"])[0]: _builder(one) for one in inside}
        return lambda value: by_host[value["host"]](value)
    if origin is tuple:
        item = _builder(inside[0])
        return lambda values: tuple(map(item, values))
    if isinstance(kind, type) and issubclass(kind, Noun):
        builders = {name: _builder(hint) for name, hint in kind.types().items()}
        changed = {name: build for name, build in builders.items() if build is not _as_it_is}
        return lambda tree: kind(
            **tree | {key: build(tree[key]) for key, build in changed.items() if key in tree}
        )
    return int if kind is int else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
