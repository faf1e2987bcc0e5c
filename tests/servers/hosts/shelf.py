"""A World filled with synthetic content for every release of the packaged catalog.

`fill` also writes a catalog folder: the packaged entries, pinned to the synthetic bytes.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

import covcat
from covcat.catalog import listing as catalog_listing
from covcat.catalog import series as catalog_series
from covcat.catalog.entries import Release, Resource
from covcat.catalog.listing import ListedFile, Listing
from covcat.catalog.load import Catalog
from covcat.catalog.series import Series
from covcat.catalog.yaml import packaged_catalog
from servers.hosts import stock
from servers.hosts.stock import Inside
from servers.hosts.world import World
from servers.message import md5, sha1, sha256

Tree = dict[str, Any]


@dataclass
class Stocked:
    """What one release consists of."""

    served: dict[str, bytes] = field(default_factory=dict)  # as the host sends them, by name
    files: dict[str, bytes] = field(default_factory=dict)  # as they are once unpacked, by path


@dataclass
class _Work:
    world: World
    resource: Resource
    release: Release
    tree: Tree  # of the release, as it will be written
    listing: Listing | None  # the packaged one: names are taken from it
    done: Stocked = field(default_factory=Stocked)
    rows: list[ListedFile] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)


def fill(world: World, folder: Path) -> dict[str, Stocked]:
    """Put every release into the world and write the catalog; return them by ID@RELEASE."""
    known = covcat.load_catalog()
    (folder / "listings").mkdir(parents=True, exist_ok=True)
    filled: dict[str, Stocked] = {}
    for resource in known.resources:
        if resource.is_sample or not resource.releases:
            continue
        text = (packaged_catalog() / f"{resource.id}.yaml").read_text(encoding="utf-8")
        entry: Tree = yaml.load(text, Loader=yaml.BaseLoader)
        entry["override"] = "yes"
        for number, release in enumerate(resource.releases):
            packaged = known.listing(resource, release) or _nearest(known, resource)
            tree = entry["releases"][number]
            work = _Work(world, resource, release, tree, packaged)
            _make(work, folder)
            filled[f"{resource.id}@{release.id}"] = work.done
        written = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100)
        (folder / f"{resource.id}.yaml").write_text(written, encoding="utf-8")
    return filled


def _nearest(known: Catalog, resource: Resource) -> Listing | None:
    """Return the listing of another release of the same resource."""
    found = [known.listing(resource, release) for release in resource.releases]
    return next((one for one in reversed(found) if one), None)


def _make(work: _Work, folder: Path) -> None:
    for file in work.tree["files"]:
        _HOSTS[file["host"]](work, file)
    if work.release.listing:
        catalog_listing.write(folder / work.release.listing, work.rows)
        work.tree["contents"] = {
            "files": str(len(work.rows)),
            "bytes": str(sum(row.bytes or 0 for row in work.rows)),
            "of_unknown_size": "0",
        }
    if work.release.series:
        catalog_series.write(folder / work.release.series, work.series)
        total = catalog_series.totals(work.series)
        work.tree["contents"] = {"files": str(total.files), "bytes": str(total.bytes)}


def _pin(file: Tree, data: bytes) -> None:
    """Replace the pins that a file has by those of these bytes."""
    right = {"sha256": sha256(data), "md5": md5(data), "bytes": str(len(data))}
    for key in right.keys() & file.keys():
        file[key] = right[key]
    for key, digest in (("md5_prefix", md5(data)), ("sha1_prefix", sha1(data))):
        if key in file:
            file[key] = digest[: len(file[key])]


def _github(work: _Work, file: Tree) -> None:
    """Push a commit with some of the listing's names."""
    keep = file.get("keep", "")
    names = stock.chosen(work.listing or {}, keep)
    modes = {name: (work.listing or {})[name].mode or "100644" for name in names}
    files = stock.repository(names, is_part=bool(keep))
    commit = file.get("commit")
    if commit is None:
        files["images/newer.png"] = stock.made("newer.png")
        commit = sha1(f"{file['repository']} {file['branch']}".encode())
    branch = file.get("branch", "master")
    work.world.github.add(file["repository"], commit, files, branch=branch, modes=modes)
    pushed = work.world.github.commit(file["repository"], commit)
    if "tree" in file:
        file["tree"] = pushed.trees[keep]
    entries = [entry for entry in pushed.entries.values() if entry.path.startswith(keep)]
    work.rows += [
        ListedFile(one.path, one.mode, one.id, len(one.data), sha256(one.data)) for one in entries
    ]
    work.done.files.update({one.path: one.data for one in entries})


def _web(work: _Work, file: Tree) -> None:
    """Put a zip of pictures, or a plain file, at an address, in a repository if it is one's."""
    inside = None
    if "unpack" in file:
        inside = stock.pictures(work.listing or {}, file["name"].removesuffix(".zip"))
        data = stock.zipped(inside, litter=bool(file.get("exclude")))
        work.rows += stock.rows(inside)
    else:
        data = stock.made(file["name"])
        work.rows += stock.rows({file.get("into", "") + file["name"]: data})
    host, _, path = file["url"].removeprefix("https://").partition("/")
    parts = path.split("/", 4)
    if host == "github.com" and parts[2:3] == ["raw"]:
        repository, branch = f"{parts[0]}/{parts[1]}", parts[3]
        commit = sha1(f"{repository} {branch}".encode())
        before = work.world.github.files(repository, commit)
        work.world.github.add(repository, commit, {**before, parts[4]: data}, branch=branch)
    else:
        work.world.web.add(file["url"], data, "application/zip")
    _keep(work, file, file["name"], data, inside)


def _s3(work: _Work, file: Tree) -> None:
    if "prefix" in file:
        for name, data in stock.bucket(file["prefix"]).items():
            key = file["prefix"] + name
            work.world.s3.add(file["bucket"], file["region"], key, data)
            work.done.served[name] = data
            work.done.files[file.get("into", "") + name] = data
        return
    inside = stock.papers_of(work.release.id)
    data = stock.tar_gz(inside)
    work.world.s3.add(file["bucket"], file["region"], file["key"], data)
    _keep(work, file, file["name"], data, stock.opened(inside))


def _gcs(work: _Work, file: Tree) -> None:
    """Put a few of the release's series into Google's bucket and its twin; name them alone."""
    table = covcat.load_catalog().series(work.resource, work.release) or {}
    known = list(table.values())[:: max(1, len(table) // 3)][:3]
    served = stock.series([replace(one, objects=2, bytes=0) for one in known])
    for one, objects in served.items():
        put_series(work.world, file, one, objects)
        work.done.files |= {f"{one.path}/{name}": data for name, data in objects.items()}
    work.series = list(served)


def put_series(
    world: World, file: Tree, one: Series, objects: Inside, wrong: Collection[str] = ()
) -> None:
    """Put the objects of a series into both stores; Google's md5 of a `wrong` one is another's."""
    twin = file["twin"]
    for name, data in objects.items():
        key = f"{one.uuid}/{name}"
        world.gcs.add(f"{file['bucket']}/{key}", data, wrong=name in wrong, public=True)
        world.s3.add(twin["bucket"], twin["region"], key, data)


def _zenodo(work: _Work, file: Tree) -> None:
    """Publish the record with its first file; further ones add to it."""
    inside = stock.volumes(file["name"])
    data = stock.zipped(inside)
    before = work.world.zenodo.files(file["record"])
    work.world.zenodo.add(file["record"], {**before, file["name"]: data})
    _keep(work, file, file["name"], data, inside)


def _figshare(work: _Work, file: Tree) -> None:
    is_zip = file["name"].endswith(".zip")
    inside = stock.volumes(file["name"], folder=file["name"].removesuffix(".zip") + "/")
    data = stock.zipped(inside) if is_zip else stock.made(file["name"])
    before = work.world.figshare.files(file["article"], file["version"])
    files = {**before, file["file"]: (file["name"], data)}
    work.world.figshare.add(file["article"], version=file["version"], files=files)
    _keep(work, file, file["name"], data, inside if is_zip else None)


def _mendeley(work: _Work, file: Tree) -> None:
    """Publish a version: one named archive among others, or folders of pictures."""
    mendeley, name = work.world.mendeley, file.get("name")
    if name is None:
        files = stock.folders()
        mendeley.add(file["dataset"], version=file["version"], files=files)
        work.done.served.update(files)
        work.done.files.update(files)
        return
    inside = stock.chest_xrays("ZhangLabData" in name)
    data = stock.zipped(inside, litter=bool(file.get("exclude")))
    files = {name: data, "OCT2017.zip": stock.made("OCT2017.zip")}
    ids = {name: file["file"]}
    mendeley.add(file["dataset"], version=file["version"], files=files, ids=ids)
    _keep(work, file, name, data, inside)


def _kaggle(work: _Work, file: Tree) -> None:
    inside = stock.kaggle(file["dataset"])
    is_doubled = "chest_xray/chest_xray/*" in file.get("exclude", [])
    members = stock.doubled(inside) if is_doubled else inside
    data = stock.zipped(members)
    asks = work.resource.access == "account"
    known = {"version": file["version"], "bundle": data, "needs_consent": asks}
    work.world.kaggle.add(file["dataset"], members, **known)
    _keep(work, file, "archive.zip", data, inside)


def _dataverse(work: _Work, file: Tree) -> None:
    archives = stock.patients(3)
    server = file["server"].removeprefix("https://")
    files = {name: data for name, (data, _) in archives.items()}
    work.world.dataverse.add(file["doi"], files, server=server)
    work.done.served.update(files)
    for _, inside in archives.values():
        work.done.files.update(inside)


def _keep(work: _Work, file: Tree, name: str, data: bytes, inside: Inside | None) -> None:
    """Pin a file, and write down what becomes of it."""
    _pin(file, data)
    work.done.served[name] = data
    into = file.get("into", "")
    unpacked = {name: data} if inside is None else inside
    work.done.files.update({into + path: content for path, content in unpacked.items()})


_HOSTS: Mapping[str, Callable[[_Work, Tree], None]] = {
    "github": _github,
    "web": _web,
    "s3": _s3,
    "gcs": _gcs,
    "zenodo": _zenodo,
    "figshare": _figshare,
    "mendeley": _mendeley,
    "kaggle": _kaggle,
    "dataverse": _dataverse,
}
