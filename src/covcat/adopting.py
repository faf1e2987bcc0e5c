"""What a person downloaded by hand -> the files of a release, in their places.

A release with a listing is recognised by the contents of its files, however they were packed;
another by the digests that the catalog pins or its host names, else by the names of its files.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from covcat import assemble, choose, hosts, pins, pool
from covcat.api import Api
from covcat.assemble import Part
from covcat.building import Job
from covcat.digests import Digests
from covcat.download import compared
from covcat.errors import ActionNeededError, IntegrityError, NetworkError, NotFoundError
from covcat.hosts.served import Ask, alone, one_of
from covcat.listing import ListedFile, Listing
from covcat.model import AnyFile, Download, GitHubFile, Served, StoredFile, Transfer, WebFile
from covcat.pool import Brought, Found
from covcat.store import disk_errors, make_folder
from covcat.verify import CHUNK
from covcat.web import Web


def adopted(job: Job, paths: Sequence[Path]) -> list[Part]:
    """Put what was brought in its places.

    Raises:
        NotFoundError: a path is not there.
        IntegrityError: it is not the release; what differs is named.
        ExtractionError: an archive is damaged or unsafe.
    """
    sources = pool.brought(paths)
    if job.case.listing is not None:
        return _by_contents(job, job.case.listing, sources)
    known = _known(job)
    if known is not None:
        return _by_name(job, known, sources)
    return [part for source in sources for part in _as_it_is(job, source)]


# ---- a release with a listing ------------------------------------------------------------------


def _by_contents(job: Job, listing: Listing, sources: list[Brought]) -> list[Part]:
    """Give each path of the listing the file that has its contents."""
    place = pool.Place(job.workshop, job.bench.store, job.bench.progress)
    found = pool.pooled(sources, place)
    by_contents: dict[str, Found] = {}
    for one in found:
        by_contents.setdefault(one.stored.sha256, one)
        by_contents.setdefault(one.stored.blob or "", one)
    pairs = {
        row.path: by_contents[key]
        for row in listing.values()
        if (key := row.sha256 or row.blob or "") in by_contents
    }
    if len(pairs) < len(listing):
        _demand_all(job, listing, pairs, found)
    parts = [_part(job, source, listing, pairs) for source in sources]
    _say(job, pairs, found)
    return _with_trees(job, parts)


def _demand_all(job: Job, listing: Listing, pairs: dict[str, Found], found: list[Found]) -> None:
    """Refuse what lacks files; a file of the right name and other contents is called changed."""
    lacking = [row for path, row in listing.items() if path not in pairs]
    names: dict[str, Found] = {}
    for one in found:
        names.setdefault(one.stored.path.rpartition("/")[2], one)
    changed, missing = [], []
    used = {id(one) for one in pairs.values()}
    for row in lacking:
        other = names.get(row.path.rpartition("/")[2])
        if other is None or id(other) in used:
            missing.append(row.path)
        else:
            changed.append(f"{row.path}: {_difference(row, other.stored)}")
    if job.step.options.allow_missing and pairs and not changed:
        return
    taken = {one.stored.sha256 for one in pairs.values()}
    strange = {one.stored.path for one in found if one.stored.sha256 not in taken}
    findings = pins.Findings(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(strange)),
    )
    what = ", ".join(f"`{one.name}`" for one in {one.source: one.source for one in found})
    pins.demand(findings, f"{what or 'what was given'} is not `{job.case.name}`", _hint(job, found))


def _difference(row: ListedFile, got: StoredFile) -> str:
    if row.sha256:
        return f"sha256 expected {row.sha256}, got {got.sha256}"
    return f"git blob expected {row.blob}, got {got.blob}"


def _hint(job: Job, found: list[Found]) -> str:
    """Name the release of the resource that looks most like what was brought."""
    here = {one.stored.sha256 for one in found} | {one.stored.blob or "" for one in found}
    hint, most = f"covcat files {job.case.name}", 0
    for release in job.step.resource.releases:
        listing = job.bench.catalog.listing(job.step.resource, release)
        rows = listing.values() if listing else ()
        count = sum((row.sha256 or row.blob) in here for row in rows)
        if count > most and release.id != job.release.id:
            most = count
            hint = (
                f"covcat import {job.step.resource.id}@{release.id} …: {count} of its {len(rows)} "
                "files are in it"
            )
    return hint


def _part(job: Job, source: Brought, listing: Listing, pairs: dict[str, Found]) -> Part:
    """Place the files that came from one source."""
    files = []
    for path, one in pairs.items():
        if one.source is not source:
            continue
        row, target = listing[path], job.built / "files" / path
        _put(one, target)
        files.append(replace(one.stored, path=path, mode=row.mode, blob=one.stored.blob))
    file = job.release.files[0]
    served = alone(file, source.name)
    return Part(served, _transfer(job, source, served), tuple(files))


def _put(one: Found, target: Path) -> None:
    """Give a file its place: link what is ours, copy what is the person's."""
    with disk_errors(f"write `{target.name}`"):
        make_folder(target.parent)
        if one.is_ours:
            assemble.place(one.path, target)
            return
        if _copied(one.path, target) != one.stored.sha256:
            raise IntegrityError(f"`{one.path}` changed while it was read")


def _copied(path: Path, target: Path) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as stream, target.open("xb") as copy:
        while data := stream.read(CHUNK):
            sha256.update(data)
            copy.write(data)
    return sha256.hexdigest()


def _with_trees(job: Job, parts: list[Part]) -> list[Part]:
    """Note the tree of a whole state, as if its archive had come."""
    file = job.release.files[0]
    if not isinstance(file, GitHubFile) or len(job.release.files) != 1:
        return parts
    tree = pins.tree_of([one for part in parts for one in part.files], file)
    return [
        replace(part, transfer=replace(part.transfer, tree=tree, keep=file.keep)) for part in parts
    ]


def _say(job: Job, pairs: dict[str, Found], found: list[Found]) -> None:
    used = {id(one) for one in pairs.values()}
    contents = {one.stored.sha256 for one in pairs.values()}
    left = [one for one in found if id(one) not in used]
    again = sum(one.stored.sha256 in contents for one in left)
    words = [
        f"{len(pairs)} files recognised by their contents",
        f"{again} more are copies of these" if again else "",
        f"{len(left) - again} are none of the release's and were left out"
        if again < len(left)
        else "",
    ]
    job.bench.progress.note(f"{job.case.name}: " + "; ".join(word for word in words if word))


# ---- a release without one ---------------------------------------------------------------------


def _known(job: Job) -> list[Served] | None:
    """Return the files that the release should have; None where nobody says."""
    files, bench = job.release.files, job.bench
    if not files:
        return None
    with closing(Web(bench.network)) as web:
        try:
            return hosts.listed(files, Ask(Api(web, bench.network, bench.progress)))
        except (NetworkError, ActionNeededError) as error:
            bench.progress.note(f"{error.message}; what its host says of the files is not compared")
    is_named = not any(file.is_set for file in files)
    return [alone(file, _name(file)) for file in files] if is_named else None


def _name(file: AnyFile) -> str:
    return file.name or f"{getattr(file, 'dataset', file.host)}".rpartition("/")[2] + ".zip"


def _by_name(job: Job, known: list[Served], sources: list[Brought]) -> list[Part]:
    """Give each file of the release what has its digest or its name; a lone archive is the one."""
    if len(known) == 1 and len(sources) == 1:
        return [_only(job, known[0], sources[0])]
    lying: dict[str, list[tuple[Path, Brought]]] = defaultdict(list)
    for source in sources:
        for name, path in pool.files_of(source):
            lying[name.rpartition("/")[2]].append((path, source))
    parts, missing, wrong = [], [], []
    for served in known:
        candidates = lying.pop(served.name, [])
        if not candidates:
            missing.append(served.path)
            continue
        try:
            parts.append(_verified(job, served, *candidates[0]))
        except IntegrityError as error:
            wrong.append(f"{served.path}: {error.message}")
    findings = pins.Findings(
        changed=tuple(wrong),
        missing=() if job.step.options.allow_missing and parts else tuple(missing),
        extra=tuple(sorted(lying)) if wrong or missing else (),
    )
    hint = f"covcat import {job.case.name} --allow-missing keeps what is there"
    pins.demand(findings, f"what was given is not `{job.case.name}`", hint)
    job.missing.extend(missing)
    return parts


def _only(job: Job, served: Served, source: Brought) -> Part:
    """Take the one thing that was given for the one file that the release has."""
    if source.path.is_dir():
        inside = [path for name, path in pool.files_of(source) if path.name == served.name]
        if inside:
            return _verified(job, served, inside[0], source)
        if served.digests:
            raise NotFoundError(
                f"`{source.path}` does not hold `{served.name}`",
                hint="covcat import takes the archive as it was downloaded",
            )
        return _folder(job, source, served.file)
    return _verified(job, served, source.path, source)


def _verified(job: Job, served: Served, path: Path, source: Brought) -> Part:
    """Compare a file with all that is known of it, then unpack it or give it its place."""
    if served.unpack != "none" and pool.kind_of(path) is None:
        raise IntegrityError(
            f"`{path.name}` is no archive: expected {served.name} ({served.unpack})",
            hint=f"open {hosts.page(served.file) or job.step.resource.homepage}",
        )
    kind = pool.kind_of(path) if served.unpack != "none" else None
    copy = path if kind else job.workshop / f"copy-{source.number}-{served.entry}-{served.name}"
    digests = Digests([one.kind for one in served.digests], served.bytes)
    _drink(path, digests, None if kind else copy)
    verified_by = compared(served, served.digests, str(path), digests.size, digests.hexdigest)
    got = Download(
        path=copy,
        name=served.name,
        url=_address(job, served),
        final_url=_address(job, served),
        mirror=None,
        bytes=digests.size,
        sha256=digests.hexdigest("sha256") or "",
        md5=digests.hexdigest("md5"),
        verified_by=verified_by,
        finished_at=_now(),
        imported_from=path.name,
    )
    return assemble.part(replace(served, unpack=kind or served.unpack), got, job.site)


def _drink(path: Path, digests: Digests, copy: Path | None) -> None:
    """Hash a file, and copy it if it is to stay: a link would change with the person's own."""
    with disk_errors(f"read `{path}`"), path.open("rb") as stream:
        target = copy.open("xb") if copy else None
        try:
            while data := stream.read(CHUNK):
                digests.update(data)
                if target is not None:
                    target.write(data)
        finally:
            if target is not None:
                target.close()
    digests.settle()


# ---- what nobody lists -------------------------------------------------------------------------


def _as_it_is(job: Job, source: Brought) -> list[Part]:
    """Take what was given without anything to compare it with."""
    files = job.release.files
    file = files[0] if files else _own(job)
    if source.path.is_dir() and not file.is_set and files:
        return [_folder(job, source, file)]
    parts = []
    for name, path in pool.files_of(source):
        served = one_of(replace(file, unpack="any") if not files else file, name, id="", size=None)
        parts.append(_verified(job, served, path, source))
    return parts


def _folder(job: Job, source: Brought, file: AnyFile) -> Part:
    """Take a folder for the archive that it was unpacked from."""
    files: list[StoredFile] = []
    for name, path in pool.files_of(source):
        if choose.matches(name, file.exclude):
            continue
        target = job.built / "files" / f"{file.into or ''}{name}"
        with disk_errors(f"copy `{name}`"):
            make_folder(target.parent)
            sha256 = _copied(path, target)
            size = target.stat().st_size
        files.append(StoredFile(path=f"{file.into or ''}{name}", bytes=size, sha256=sha256))
    if not files:
        raise IntegrityError(f"`{source.path}` has no files in it")
    served = alone(file, source.name)
    return Part(served, _transfer(job, source, served), tuple(files))


def _own(job: Job) -> AnyFile:
    """Return what stands for the file of a resource that offers none."""
    return WebFile(host="web", name="local", url=job.step.resource.homepage or "")


def _transfer(job: Job, source: Brought, served: Served) -> Transfer:
    """Record what was given; the sha256 of a folder is that of its SHA256SUMS."""
    sums, size = hashlib.sha256(), 0
    for name, path in pool.files_of(source):
        digests = Digests()
        _drink(path, digests, None)
        size += digests.size
        found = digests.hexdigest("sha256") or ""
        if not source.path.is_dir():
            return _recorded(job, served, source.name, size, found)
        sums.update(f"{found}  {name}\n".encode("utf-8", "surrogateescape"))
    return _recorded(job, served, source.name, size, sums.hexdigest())


def _recorded(job: Job, served: Served, name: str, size: int, sha256: str) -> Transfer:
    return Transfer(
        host=served.file.host,
        url=_address(job, served),
        final_url=_address(job, served),
        name=name,
        bytes=size,
        sha256=sha256,
        finished_at=_now(),
        verified_by="first-use",
        is_archive=True,
        entry=served.entry,
        folder=served.folder,
        imported_from=name,
    )


def _address(job: Job, served: Served) -> str:
    """Return the page that a person had it from, as far as that is known."""
    return hosts.page(served.file) or job.step.resource.homepage or ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
