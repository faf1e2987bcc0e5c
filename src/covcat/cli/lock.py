"""lock, and what `fetch --locked` takes: exactly the same again, elsewhere and later."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

import typer

from covcat.cli.declare import flag, new_file
from covcat.cli.here import check_folder
from covcat.cli.options import Names
from covcat.cli.session import Session
from covcat.errors import CovcatError, IntegrityError, NotFoundError, UsageError
from covcat.fetching.plan import Options, Plan
from covcat.names import is_litter
from covcat.store import lockfile, manifest
from covcat.store.folder import check_outside
from covcat.store.lockfile import LockedRelease
from covcat.store.manifest import Manifest
from covcat.text import format_size, plural


def lock(
    ctx: typer.Context,
    names: Names = None,
    output: Path = new_file("The lock.", default=Path("covcat.lock")),
    force: bool = flag("--force", "Write over a FILE that is no lock, or a damaged one."),
    check: bool = flag("--check", "Write nothing; tell what differs from the lock."),
) -> None:
    """Pin what is here, for a paper or a CI job: releases, parts, and the digest of each file.

    `covcat fetch --locked` takes exactly that. With names, the rest of the lock stays.

    A part, and a release that lacks files, is pinned as what it is: more is told and left out.

    Example: covcat lock figure1 --output figure1.lock
    """
    session: Session = ctx.obj
    names = names or []
    if check:
        _check(session, output, names)
        return
    check_outside(session.data_dir, output)
    check_folder(session)
    asked = [_resolved(session, name) for name in names]
    new = {one.name: one for one in map(lockfile.locked, _records(session, names, asked))}
    if not new:
        raise NotFoundError(f"nothing is in `{session.data_dir}`", hint="covcat fetch figure1")
    is_read = output.exists() and not force
    before = {one.name: one for one in lockfile.read(output).releases} if is_read else {}
    stay = {
        name: one
        for name, one in before.items()
        if names and name not in new and one.id not in asked and name not in asked
    }
    lockfile.write(output, [*stay.values(), *new.values()])
    for name, one in new.items():
        part = f", a part: {'; '.join(one.selection)}" if one.selection else ""
        part += f", without {plural(len(one.missing), 'missing file')}" if one.missing else ""
        is_long = one.total_files and not one.files
        part += "; so many are pinned by one digest, not by name" if is_long else ""
        session.say(
            f"{name}: {plural(one.total_files, 'file')}, {format_size(one.total_bytes)}{part}"
        )
    if stay:
        session.say(f"{output}: {', '.join(sorted(stay))} as before")
    dropped = sorted(before.keys() - new.keys() - stay.keys())
    if dropped:
        session.say(f"{output}: {', '.join(dropped)} no longer in it: not here")
    data = {"lock": str(output), "locked": sorted(new), "kept": sorted(stay), "dropped": dropped}
    session.result_path("lock", output, data)


def _resolved(session: Session, name: str) -> str:
    """Return ID or ID@RELEASE for a name that may be an alias."""
    wanted, at, release = name.partition("@")
    try:
        return session.catalog.get(wanted).id + at + release
    except NotFoundError:  # of a catalog that is not given now
        return name


def _records(session: Session, names: Sequence[str], asked: Sequence[str]) -> list[Manifest]:
    """Return the records of what is asked for, as `names` wrote it, or of all that is here."""
    here = [(one, f"{one}@{release}", path) for one, release, path in session.store.releases()]
    for wanted, name in zip(asked, names, strict=True):
        if not any(wanted in (id, full) for id, full, _ in here):
            session.catalog.find(name)  # says so, if nothing has that name at all
            problem = f"`{name}` is not in `{session.data_dir}`"
            raise NotFoundError(problem, hint=f"covcat fetch {quote(name)}")
    found = []
    for id, name, folder in here:
        if not asked or id in asked or name in asked:
            found.append(manifest.load(folder))
            if lines := lockfile.changes_on_disk(folder, found[-1]):
                more = " and more" if len(lines) > 1 else ""
                session.say(
                    f"warning: {name}: locked as it was fetched, though on disk {lines[0]}{more}: "
                    f"covcat verify {quote(name)}"
                )
    return found


def _check(session: Session, path: Path, names: Sequence[str]) -> None:
    found = _chosen(session, path, names)
    check_folder(session)
    drift = [
        {"id": one.name, "kind": kind, "what": what}
        for one in found
        for kind, what in _drift(session, one)
    ]
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


def _drift(session: Session, one: LockedRelease) -> list[tuple[str, str]]:
    """Say of what kind, and how, record, disk (names and sizes) and catalog differ from a lock."""
    from covcat.fetching import run
    from covcat.store import verify

    folder = session.store.release(one.id, one.release)
    if folder.is_dir():
        try:
            record = manifest.load(folder)
            lines = lockfile.differences(one, record) + lockfile.changes_on_disk(folder, record)
            extra = verify.beside(folder, record)
            lines += [f"extra: {path}" for path in extra if not is_litter(path)]
        except IntegrityError as error:
            lines = [error.message]
        found = [("files", what) for what in lines]
    else:
        others = [release for other, release, _ in session.store.releases() if other == one.id]
        elsewhere = f"other release: {', '.join(others)} is here" if others else "not here"
        found = [("missing", elsewhere)]
    try:
        run.locked_target(session.catalog, one)
    except CovcatError as error:
        found += [("catalog", what) for what in error.details or (error.message,)]
    return found


def _chosen(session: Session, path: Path, names: Sequence[str]) -> list[LockedRelease]:
    releases = {one.name: one for one in lockfile.read(path).releases}
    found: dict[str, LockedRelease] = {}
    for name in names:
        asked = _resolved(session, name)
        matching = {key: one for key, one in releases.items() if asked in (one.id, key)}
        if not matching:
            raise NotFoundError(
                f"`{name}` is not in the lock `{path}`", hint=f"covcat lock {quote(name)}"
            )
        found |= matching
    return list((found if names else releases).values())


def plan_of(
    session: Session, words: Sequence[str], options: Options, others: Mapping[str, object]
) -> Plan:
    """Decide how to get what a lock names; `words` are ids of it, and its file if it has another.

    `others` are options that would take something else than the lock says: none may be set.
    """
    from covcat.fetching import run

    if extra := [option for option, value in others.items() if value]:
        raise UsageError(
            f"--locked takes exactly what the lock names: leave out {', '.join(extra)}",
            hint="covcat fetch --locked",
        )
    files = [word for word in words if _is_file(word)]
    if len(files) > 1:
        raise UsageError(f"expected one lock, got {len(files)}: {', '.join(files)}")
    path = Path(files[0]) if files else lockfile.FILE
    wanted = _chosen(session, path, [word for word in words if not _is_file(word)])
    if not wanted:
        session.say(f"`{path}` names no release: nothing to do")
    return run.make_locked_plan(session.store, session.catalog, wanted, options)


def _is_file(word: str) -> bool:
    """Tell the name of a lock from an id, which has neither dot nor slash."""
    return "/" in word or word.endswith(".lock") or "." in word.partition("@")[0]
