"""The catalog: YAML files -> Resources; find one by name, filter many."""

import difflib
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from covcat.catalog import yaml
from covcat.catalog.check import load_file
from covcat.catalog.entries import Release, Resource
from covcat.catalog.listing import Listing, read
from covcat.catalog.yaml import packaged_catalog
from covcat.errors import IntegrityError, NotFoundError, UsageError


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
        return read(self.folders[resource.id] / release.listing)


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
        tree, _ = yaml.parse(yaml.read(path), str(path))
        resource = trusted(tree)
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


def trusted(tree: Mapping[str, Any]) -> Resource:
    """Build a Resource from a tree that is known to be valid; on any other tree it may raise."""
    resource: Resource = _build(Resource, tree)
    return resource


def _build(kind: Any, value: Any) -> Any:
    return _builder(kind)(value)


@cache
def _builder(kind: Any) -> Callable[[Any], Any]:
    """Return the function that turns plain YAML values into `kind`."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _builder(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return _union_builder([one for one in get_args(kind) if one is not type(None)])
    if origin is tuple:
        item = get_args(kind)[0]
        return lambda values: tuple(map(_builder(item), values))
    if is_dataclass(kind):
        return _dataclass_builder(kind)
    return kind if kind is int else lambda value: value


def _union_builder(kinds: list[Any]) -> Callable[[Any], Any]:
    if len(kinds) == 1:
        return _builder(kinds[0])
    by_host = {get_args(_hints(kind)["host"])[0]: kind for kind in kinds}
    return lambda value: _build(by_host[value["host"]], value)


def _dataclass_builder(kind: Any) -> Callable[[Any], Any]:
    hints = _hints(kind)
    plain = {
        name for name, hint in hints.items() if hint is str or get_origin(hint) in (Literal, dict)
    }

    def build(value: Mapping[str, Any]) -> Any:
        return kind(**{k: v if k in plain else _builder(hints[k])(v) for k, v in value.items()})

    return build


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return the field types of a dataclass, without their marks."""
    return {name: hint for name, hint in get_type_hints(kind).items() if name in _names(kind)}


def _names(kind: Any) -> set[str]:
    return {one.name for one in fields(kind)}
