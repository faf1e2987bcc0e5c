"""lock, and what `fetch --locked` takes: exactly the same again, elsewhere and later."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from covcat.cli.options import Names
from covcat.cli.session import Session
from covcat.errors import CovcatError, IntegrityError, NotFoundError, UsageError
from covcat.fetching.plan import Options, Plan
from covcat.names import is_litter
from covcat.store.folder import check_outside
from covcat.store.lockfile import LockedRelease
from covcat.store.manifest import Manifest
from covcat.text import format_size, plural


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lock)


def lock(
    ctx: typer.Context,
    names: Names = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The lock.")
    ] = Path("covcat.lock"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; tell what differs from the lock.")
    ] = False,
) -> None:
    """Pin what is here, for a paper or a CI job: releases, parts, and the digest of each file.

    `covcat fetch --locked` takes exactly that. With names, the rest of the lock stays.

    A part, and a release that lacks files, is pinned as what it is: more is told and left out.

    Example: covcat lock figure1 --output figure1.lock
    """
    session: Session = ctx.obj
    if check:
        _check(session, output, names or [])
    else:
        _write(session, output, names or [])


# ---- write -------------------------------------------------------------------------------------


def _write(session: Session, path: Path, names: Sequence[str]) -> None:
    from covcat.store import lockfile

    check_outside(session.data_dir, path)
    new = {one.name: one for one in map(lockfile.locked, _records(session, names))}
    if not new:
        raise NotFoundError(f"nothing is in `{session.data_dir}`", hint="covcat fetch figure1")
    before = {one.name: one for one in lockfile.read(path).releases} if path.exists() else {}
    asked = {_resolved(session, name) for name in names}
    stay = {
        name: one
        for name, one in before.items()
        if names and name not in new and not asked & {one.id, one.name}
    }
    lockfile.write(path, [*stay.values(), *new.values()])
    for name, one in new.items():
        part = f", a part: {'; '.join(one.selection)}" if one.selection else ""
        part += f", without {plural(len(one.missing), 'missing file')}" if one.missing else ""
        is_long = one.total_files and not one.files
        note = "; so many are pinned by one digest, not by name" if is_long else ""
        session.say(
            f"{name}: {plural(one.total_files, 'file')}, {format_size(one.total_bytes)}{part}{note}"
        )
    if stay:
        session.say(f"{path}: {', '.join(sorted(stay))} as before")
    dropped = sorted(before.keys() - new.keys() - stay.keys())
    if dropped:
        session.say(f"{path}: {', '.join(dropped)} no longer in it: not here")
    data = {"lock": str(path), "locked": sorted(new), "kept": sorted(stay), "dropped": dropped}
    session.result("lock", data, f"{path}\n")


def _resolved(session: Session, name: str) -> str:
    """Return ID or ID@RELEASE for a name that may be an alias."""
    wanted, at, release = name.partition("@")
    try:
        return session.catalog.get(wanted).id + at + release
    except NotFoundError:  # of a catalog that is not given now
        return name


def _records(session: Session, names: Sequence[str]) -> list[Manifest]:
    """Return the records of what is named, or of all that is here."""
    from covcat.store import lockfile, manifest

    here = {f"{one}@{release}": (one, folder) for one, release, folder in session.store.releases()}
    wanted = [_resolved(session, name) for name in names]
    for asked, name in zip(wanted, names, strict=True):
        if not any(asked in (full, id) for full, (id, _) in here.items()):
            session.catalog.find(name)  # says so, if nothing has that name at all
            problem = f"`{name}` is not in `{session.data_dir}`"
            raise NotFoundError(problem, hint=f"covcat fetch {name}")
    found = []
    for name, (id, folder) in here.items():
        if not wanted or id in wanted or name in wanted:
            found.append(manifest.load(folder))
            if lines := lockfile.changes_on_disk(folder, found[-1]):
                session.say(
                    f"warning: {name}: locked as it was fetched, though on disk "
                    f"{lines[0]}{' and more' if len(lines) > 1 else ''}: covcat verify {name}"
                )
    return found


# ---- check -------------------------------------------------------------------------------------


def _check(session: Session, path: Path, names: Sequence[str]) -> None:
    """Compare lock, disk and catalog.

    Raises:
        IntegrityError: they differ.
    """
    found = _chosen(session, path, names)
    drift = [line for one in found for line in _drift(session, one)]
    if not names:
        known = {one.name for one in found}
        drift += [
            {"id": name, "kind": "extra", "what": "here, and not in the lock"}
            for one, release, _ in session.store.releases()
            if (name := f"{one}@{release}") not in known
        ]
    data = {"lock": str(path), "checked": [one.name for one in found], "drift": drift}
    if not drift:
        session.result("lock", data, "")
        session.say(f"{plural(len(found), 'release')} as `{path}` names them")
        return
    ids = ", ".join(dict.fromkeys(one["id"] for one in drift))
    raise IntegrityError(
        f"not as `{path}` names it: {ids}",
        details=[f"{one['id']}: {one['kind']}: {one['what']}" for one in drift],
        hint="`covcat fetch --locked` brings releases that are missing, `covcat verify` looks at "
        "each byte, `covcat lock` pins what is here",
        data=data,
    )


def _drift(session: Session, one: LockedRelease) -> list[dict[str, str]]:
    """Say how the disk and the catalog differ from one release of the lock."""
    from covcat.fetching import run

    folder = session.store.release(one.id, one.release)
    if folder.is_dir():
        lines = [("files", what) for what in _file_drift(folder, one)]
    else:
        others = [release for other, release, _ in session.store.releases() if other == one.id]
        elsewhere = f"other release: {', '.join(others)} is here" if others else "not here"
        lines = [("missing", elsewhere)]
    try:
        run.locked_target(session.catalog, one)
    except CovcatError as error:
        lines += [("catalog", what) for what in error.details or (error.message,)]
    return [{"id": one.name, "kind": kind, "what": what} for kind, what in lines]


def _file_drift(folder: Path, one: LockedRelease) -> list[str]:
    """Compare the record with the lock, and the disk with the record: names and sizes."""
    from covcat.store import lockfile, manifest, verify

    try:
        record = manifest.load(folder)
    except IntegrityError as error:
        return [error.message]
    extra = [path for path in verify.beside(folder, record) if not is_litter(path)]
    return [
        *lockfile.differences(one, record),
        *lockfile.changes_on_disk(folder, record),
        *(f"extra: {path}" for path in extra),
    ]


def _chosen(session: Session, path: Path, names: Sequence[str]) -> list[LockedRelease]:
    """Return what is named of a lock, or all of it.

    Raises:
        NotFoundError: the lock does not have it.
    """
    from covcat.store import lockfile

    releases = lockfile.read(path).releases
    found: dict[str, LockedRelease] = {}
    for name in names:
        asked = _resolved(session, name)
        matching = {one.name: one for one in releases if asked in (one.id, one.name)}
        if not matching:
            raise NotFoundError(f"`{name}` is not in the lock `{path}`", hint=f"covcat lock {name}")
        found |= matching
    return list(found.values()) if names else list(releases)


# ---- fetch --locked ----------------------------------------------------------------------------


def plan_of(session: Session, words: Sequence[str], options: Options) -> Plan:
    """Decide how to get what a lock names; `words` are ids of it, and its file if it has another.

    Raises:
        CovcatError: it cannot be had as it was.
    """
    from covcat.fetching import run
    from covcat.store import lockfile

    files = [word for word in words if _is_file(word)]
    if len(files) > 1:
        raise UsageError(f"expected one lock, got {len(files)}: {', '.join(files)}")
    path = Path(files[0]) if files else lockfile.FILE
    names = [word for word in words if not _is_file(word)]
    wanted = _chosen(session, path, names)
    if not wanted:
        session.say(f"`{path}` names no release: nothing to do")
    return run.make_locked_plan(session.store, session.catalog, wanted, options)


def _is_file(word: str) -> bool:
    """Tell the name of a lock from an id, which has neither dot nor slash."""
    return "/" in word or word.endswith(".lock") or "." in word.partition("@")[0]


def check_alone(asked: Mapping[str, object]) -> None:
    """Refuse what would make `--locked` take anything else than the lock says.

    Raises:
        UsageError: any of `asked` is set.
    """
    if extra := [option for option, value in asked.items() if value]:
        raise UsageError(
            f"--locked takes exactly what the lock names: leave out {', '.join(extra)}",
            hint="covcat fetch --locked",
        )
