"""verify: is what is here still what it was; and with --repair, make it so again."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from covcat.cli.declare import a_path, flag, grouped, value
from covcat.cli.here import Here, releases
from covcat.cli.options import At, Names, TransferOptions
from covcat.cli.passwords import Password, PasswordFile, password_of
from covcat.cli.progress import drawn
from covcat.cli.session import Session, put_error
from covcat.cli.shards import ShardOption
from covcat.cli.status import say_litter
from covcat.download.remote import Network
from covcat.errors import (
    CovcatError,
    DiskError,
    IntegrityError,
    NotFoundError,
    SeveralError,
    UsageError,
)
from covcat.progress import Progress
from covcat.text import plural, took

if TYPE_CHECKING:
    from covcat.engine.shards import Shard
    from covcat.fetching.brought import GivenPath
    from covcat.fetching.repair import Repaired
    from covcat.store.manifest import Manifest
    from covcat.store.verify import Checked


_MAX_FIRST = 10  # lines of each of several damaged releases, before the others
_MAX_NAMED = 40  # repaired files that are named; --json names all


@grouped
def verify(
    ctx: typer.Context,
    names: Names = None,
    *,
    quick: bool = flag(
        "--quick", "Compare sizes; hash only what was modified since it was fetched."
    ),
    repair: bool = flag("--repair", "Bring again what is damaged or missing."),
    given: list[Path] | None = value(
        "--from",
        "Repair with what you have: archive, file or folder; repeatable.",
        "PATH",
        parser=a_path,
    ),
    known_missing: bool = flag(
        "--known-missing", "What the manifest itself names as missing is right."
    ),
    password_file: PasswordFile = None,
    at: At = None,
    shard: ShardOption = None,
    join: bool = flag("--join", "Take what was found with --shard; read the others."),
    transfer: TransferOptions,
) -> None:
    """Check every byte of what is here against its record and pins; exit 5 names each file.

    --quick reads no contents, except of files modified after manifest.json. --repair asks only
    for what is damaged, and exchanges the folder when all is right; it refuses a folder with files
    of your own in it. With --from PATH it takes what it can from there, before any host is asked.
    --known-missing is for what `fetch --allow-missing` kept: exit 5 if another file is missing, or
    if one that should be is here with other bytes. What was found is noted in verified.json beside
    the manifest; `status` tells it. --at URL reads the copies there, or lists them with --quick.

    Example: covcat verify figure1 --repair
    """
    session: Session = ctx.obj
    if quick and repair:
        raise UsageError(
            "--quick and --repair exclude each other: a repair looks at every byte",
            hint="covcat verify --repair",
        )
    if given and not repair:
        raise UsageError(
            "--from says what a repair takes files from: expected --repair beside it",
            hint="covcat verify --repair --from PATH",
        )
    if password_file is not None and not repair:
        raise UsageError(
            "--password-file is for archives that a repair unpacks: expected --repair beside it",
            hint="covcat verify --repair --password-file FILE",
        )
    _check_shard(shard, join=join, others=bool(quick or repair or at))
    network = transfer.network(session)
    if at is not None:
        if repair or given:
            text = "--at only looks: --repair and --from are for what is here"
            raise UsageError(text, hint=f"covcat push {quote(at)} puts back what is missing there")
        _check_at(_Verdicts(session, quick, known_missing), at, names, network, transfer.progress)
        return
    here = releases(session, names)
    said = _Verdicts(session, quick, known_missing, joins=join)
    if shard is not None:
        with drawn(session, transfer.progress) as drawing:
            _check_share(said, here, shard, drawing)
    elif repair:
        from covcat.fetching import brought

        password = password_of(session, password_file)
        sources = [brought.look_at(one, session.store) for one in given or ()]
        _repair_all(said, here, network, transfer.progress, sources, password)
    else:
        with drawn(session, transfer.progress) as drawing:
            _check_all(said, here, drawing)


def _check_shard(shard: "Shard | None", *, join: bool, others: bool) -> None:
    if (shard or join) and (others or (shard and join)):
        raise UsageError(
            "--shard and --join look at every byte of what is here, and exclude each other",
            hint="covcat verify --shard 3/16",
        )


@dataclass(slots=True)
class _Verdicts:
    """What is said in the end, in the light of what was asked."""

    session: Session
    quick: bool
    known_missing: bool
    joins: bool = False  # what shards found
    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)  # of each release, one a file
    hints: list[str] = field(default_factory=list)
    is_told: bool = False  # that nothing can be noted

    def note(self, folder: Path, *, ok: bool, **counts: int) -> None:
        """Let `status` tell what was found; where nobody may write, that is told once."""
        from covcat.store import verified

        try:
            verified.note(self.session.store, folder, ok=ok, quick=self.quick, **counts)
        except CovcatError as error:
            if not self.is_told:
                self.session.say(f"note: `status` will not tell of this: {error.message}")
            self.is_told = True

    @property
    def repair(self) -> str:
        """Return the options that mend what was found, by the same rule."""
        return "--repair --known-missing" if self.known_missing else "--repair"

    def accepts(self, record: "Manifest") -> bool:
        """Tell if what a record says is missing may be."""
        return record.complete or self.known_missing

    def fail(self, name: str, lines: list[str], hint: str) -> None:
        self.failed.append(name)
        self.lines.append([f"{name}: {line}" for line in lines])
        self.hints.append(hint)

    def error(self) -> IntegrityError:
        """Name each file, of every release some first: the screen ends before the thousandth."""
        first = [line for its in self.lines for line in its[:_MAX_FIRST]]
        rest = [line for its in self.lines for line in its[_MAX_FIRST:]]
        mends = (" --repair", f" {self.repair}")
        is_for_all = len(self.hints) > 1 and all(one.endswith(mends) for one in self.hints)
        return IntegrityError(
            f"not as recorded: {', '.join(self.failed)}",
            details=first + rest,
            hint=f"covcat verify {self.repair}" if is_for_all else self.hints[0],
            data={"verified": self.rows},
        )


def _check_all(said: _Verdicts, here: list[Here], progress: Progress) -> None:
    """Look at every release; one that is damaged does not stop the others."""
    from covcat.store import shards
    from covcat.store.verify import verify_release

    catalog, asked = (
        said.session.catalog,
        {"quick": said.quick, "known_missing": said.known_missing},
    )
    for resource_id, release_id, folder in here:
        name, since = f"{resource_id}@{release_id}", time.monotonic()
        try:
            known = shards.kept(folder, "verify") if said.joins else {}
            known = {path: why for path, why in known.items() if isinstance(why, str | None)}
            found = verify_release(catalog, folder, progress, **asked, known=known)
            if said.joins:
                said.session.say(f"{name}: {plural(len(known), 'file')} looked at by shards")
                shards.drop(folder, "verify")
        except IntegrityError as error:
            from covcat.fetching.repair import way_out  # loads what asks hosts

            said.rows.append({"id": name, "ok": False, "error": error.message})
            lines = [error.message, *([error.cause] if error.cause else []), *error.details]
            said.fail(name, lines, way_out(folder, catalog, error))
            said.note(folder, ok=False)
        else:
            counts = {kind: len(paths) for kind, paths in asdict(found.findings).items()}
            counts["known_missing"] = len(found.known_missing)
            said.note(folder, ok=not found.findings, **counts)
            _add(said, name, found, time.monotonic() - since)
    _tell(said)


def _check_share(said: _Verdicts, here: list[Here], shard: "Shard", progress: Progress) -> None:
    """Look at a share of each release; what is wrong is told when all are joined."""
    from covcat.store import shards
    from covcat.store.verify import look_at_share

    for resource_id, release_id, folder in here:
        name = f"{resource_id}@{release_id}"
        found = look_at_share(folder, shard, progress)
        shards.keep(folder, "verify", shard, found)
        wrong = sum(why is not None for why in found.values())
        said.session.say(
            f"{name}: shard {shard}: {plural(len(found), 'file')}, {wrong:,} not as recorded; "
            f"when all are done: covcat verify {quote(name)} --join"
        )
        row = {"id": name, "shard": str(shard), "files": len(found), "wrong": wrong}
        said.rows.append(row)
    said.session.result("verify", {"verified": said.rows}, "")


def _tell(said: _Verdicts) -> None:
    if said.failed:
        raise said.error()
    said.session.result("verify", {"verified": said.rows}, "")


def _check_at(
    said: _Verdicts, at: str, names: Sequence[str] | None, network: Network, how: str
) -> None:
    """Look at the copies in a place, one after the other."""
    from covcat.cli.pull import releases_at
    from covcat.store.remote.place import Place
    from covcat.store.remote.verify import verify_at

    session, place = said.session, Place(at, network)
    for resource_id, release_id in releases_at(session, place, names):
        name, since = f"{resource_id}@{release_id}", time.monotonic()
        there = f"what is wrong at `{place.address}/{resource_id}/{release_id}`"
        again = f"covcat push {quote(place.address)} {quote(name)}"
        way = f"remove {there}, then {again}"
        try:
            with drawn(session, how) as progress:
                found = verify_at(
                    *(session.catalog, place, resource_id, release_id, progress),
                    quick=said.quick,
                    known_missing=said.known_missing,
                )
        except IntegrityError as error:
            said.rows.append({"id": name, "ok": False, "error": error.message})
            said.fail(name, [error.message, *error.details], error.hint or way)
        else:
            _add(said, name, found, time.monotonic() - since, way)
    _tell(said)


def _add(
    said: _Verdicts, name: str, found: "Checked", seconds: float, there: str | None = None
) -> None:
    """Tell of one release; of one in a place with the way to mend it `there`."""
    session, record, findings = said.session, found.record, found.findings
    row = {"id": name, "ok": not findings, "files": record.total_files, "complete": record.complete}
    row |= {**asdict(findings), "litter": found.litter}
    row |= {"known_missing": found.known_missing} if found.known_missing else {}
    said.rows.append({**row, **({"doubted": found.doubted} if said.quick else {})})
    say_litter(session, name, found.litter)
    if found.doubted:
        session.say(
            f"{name}: {plural(len(found.doubted), 'file')} modified since the manifest was "
            "written: hashed"
        )
    if not findings:
        seen = "names and sizes" if there else "names, sizes and times"
        how = seen if said.quick else "every byte"
        files = f"{plural(record.total_files, 'file')} as recorded ({how})"
        session.say(f"{name}: {files}{_lacking(len(found.known_missing))}{took(seconds)}")
        return
    hint = f"covcat verify {quote(name)} {said.repair}"
    if findings.extra:  # a repair would refuse to touch a folder with files of the user's own
        of_own = "move what covcat did not put there out of the release's folder"
        hint = f"{of_own}, then {hint}" if findings.changed or findings.missing else of_own
    elif not (said.accepts(record) or findings.changed):
        hint = f"covcat fetch {quote(name)}"  # --allow-missing kept it: what is missing can be had
        if not found.damaged:
            hint = f"`{hint}` asks again, `covcat verify {quote(name)} --known-missing` takes it"
            hint += " as it is"
    said.fail(name, findings.lines(), there or hint)


def _repair_all(
    said: _Verdicts,
    here: list[Here],
    network: Network,
    how: str,
    sources: Sequence["GivenPath"],
    password: Password,
) -> None:
    """Mend every release; one that cannot be does not stop the others."""
    from covcat.fetching.base import Run
    from covcat.fetching.repair import repair_release

    session = said.session
    errors: list[CovcatError] = []

    def mend(folder: Path, word: str | None) -> "Repaired":
        with drawn(session, how) as progress:
            run = Run(session.catalog, session.store, network, progress, word)
            return repair_release(folder, run, sources)

    for resource_id, release_id, folder in here:
        name, since = f"{resource_id}@{release_id}", time.monotonic()
        try:
            done = password.opening(partial(mend, folder))
            _say_repaired(said, name, done, time.monotonic() - since)
            kind = "known_missing" if said.known_missing else "missing"
            said.note(folder, ok=said.accepts(done.record), **{kind: len(done.record.missing)})
        except CovcatError as error:
            if not isinstance(error, DiskError | NotFoundError):  # else it was not looked at
                said.note(folder, ok=False)
            errors.append(error)
            said.failed.append(name)
            said.rows.append({"id": name, "ok": False, "error": error.message, **error.data})
            if len(here) > 1 and not session.json:
                put_error(error)
    _raise_what_stayed(said, here, errors)
    session.result("verify", {"verified": said.rows}, "")


def _raise_what_stayed(said: _Verdicts, here: list[Here], errors: list[CovcatError]) -> None:
    """End with what could not be repaired; of several releases each was told when it failed."""
    data = {"verified": said.rows}
    if said.hints:
        errors.append(said.error())
        if len(errors) > 1 and not said.session.json:
            put_error(errors[-1])
    if errors and len(here) > 1 and len(errors) > bool(said.hints):  # each was told
        raise SeveralError(
            f"{len(said.failed)} of {len(here)} could not be repaired: {', '.join(said.failed)}",
            errors,
            hint=errors[0].hint,
            data=data,
        )
    if errors:
        errors[0].data = data
        raise errors[0]


def _say_repaired(said: _Verdicts, name: str, done: "Repaired", seconds: float) -> None:
    """Tell what was repaired; what the record itself says is missing is no damage."""
    session, record = said.session, done.record
    say_litter(session, name, done.litter)
    row = {"id": name, "ok": said.accepts(record), "files": record.total_files}
    row |= {"repaired": done.files, "new_record": done.has_new_record, "missing": record.missing}
    said.rows.append(row)
    for path in done.files[:_MAX_NAMED]:
        session.say(f"{name}: repaired {path}")
    if len(done.files) > _MAX_NAMED:
        session.say(f"{name}: … and {len(done.files) - _MAX_NAMED} more; --json names all")
    if done.has_new_record:
        session.say(f"{name}: wrote manifest.json and SHA256SUMS anew")
    if not said.accepts(record):
        missing = [f"missing: files/{path}" for path in record.missing]
        said.fail(name, missing, f"covcat fetch {quote(name)}")
        return
    mended = f", {len(done.files)} of them repaired" if done.files else ""
    files, lacking = plural(record.total_files, "file"), _lacking(len(record.missing))
    session.say(f"{name}: {files} as recorded (every byte){mended}{lacking}{took(seconds)}")


def _lacking(files: int) -> str:
    return f"; {plural(files, 'file')} missing, as its manifest says" if files else ""
