"""Releases that are asked for -> their indexes; what images, counts and select say of them."""

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from covcat.catalog import load as catalogs
from covcat.catalog.columns import Value
from covcat.catalog.entries import Release, Resource
from covcat.cli.session import Session
from covcat.engine.shards import Shard
from covcat.errors import CovcatError, DiskError, IntegrityError, SeveralError
from covcat.text import plural

if TYPE_CHECKING:
    from covcat.imaging.build import IndexReport
    from covcat.imaging.cohort import IndexedRelease
    from covcat.imaging.opening import Index
    from covcat.imaging.query import Question


_NAMED = 3  # image files that could not be read
MOST_LETTERS = 200  # of a text that a person reads
_T = TypeVar("_T")
Failed = Mapping[str, CovcatError]  # by ID@RELEASE


def index_here(session: Session, resource: Resource, release: Release) -> "Index":
    """Return the index of a release that is here."""
    from covcat.cli.progress import drawn
    from covcat.imaging.index import index_of

    with drawn(session, "auto") as progress:
        index = index_of(resource, release, session.store, progress)
    if session.verbose and index.path.parent != session.store.release(resource.id, release.id):
        why = "the folder of its release may not be written to"
        session.say(f"note: {index.name}: its image index is `{index.path}`: {why}")
    return index


def indexed(session: Session, resource: Resource, release: Release) -> "IndexedRelease":
    """Return a release that is here with its index."""
    from covcat.imaging.cohort import IndexedRelease

    folder = session.store.release(resource.id, release.id)
    return IndexedRelease(resource, release, folder, index_here(session, resource, release))


def indexes(
    session: Session, names: list[str] | None, *, needs_all: bool = False, is_again: bool = False
) -> "tuple[dict[str, IndexedRelease], Failed]":
    """Return each release that is asked for with its index; say what became of its rows.

    One that cannot be read is told and left out, or ends the command where it `needs_all`.
    """
    from covcat.imaging.index import here

    def told(resource: Resource, release: Release) -> "IndexedRelease":
        found = indexed(session, resource, release)
        tell(session, found.index)
        return found

    found, failed = each(here(session.catalog, session.store, names or ()), told)
    if failed and needs_all:
        raise refusal(failed, found, is_again=is_again)
    warn_of_failures(session, failed)
    return found, failed


def keep_shares(session: Session, names: list[str] | None, shard: Shard) -> None:
    """Read a share of the headers of each release, for who makes its index."""
    from covcat.cli.progress import drawn
    from covcat.imaging.build import keep_share
    from covcat.imaging.index import here

    for resource, release in here(session.catalog, session.store, names or ()):
        name = f"{resource.id}@{release.id}"
        folder = session.store.release(resource.id, release.id)
        with drawn(session, "auto") as progress:
            count = keep_share(resource, release, folder, shard, progress)
        told = f"shard {shard}: headers of {plural(count, 'image')}"
        session.say(f"{name}: {told}; when all are done: covcat images {shlex.quote(name)}")


def each(
    releases: Iterable[tuple[Resource, Release]], work: Callable[[Resource, Release], _T]
) -> tuple[dict[str, _T], Failed]:
    """Work on each release; one that cannot be read stops others only if there are none."""
    done: dict[str, _T] = {}
    failed: dict[str, CovcatError] = {}
    for resource, release in releases:
        name = f"{resource.id}@{release.id}"
        try:
            done[name] = work(resource, release)
        except (IntegrityError, DiskError) as error:
            failed[name] = error
    if failed and not done:
        if len(failed) > 1:
            raise without(failed, ())
        ((name, alone),) = failed.items()
        if isinstance(alone, IntegrityError) and alone.hint is None:
            id = name.partition("@")[0]
            alone.hint = f"its files are as recorded; `covcat show {id}` says where they are from"
        raise alone
    return done, failed


def warn_of_failures(session: Session, failed: Failed) -> None:
    """Say which releases are left out of an answer, and why."""
    for name, error in failed.items():
        session.say(f"warning: {name} is left out: {_why(name, error)}")


def _why(name: str, error: CovcatError) -> str:
    return error.message.removeprefix(f"{name}: ")


def without(
    failed: Failed, good: Collection[str], data: dict[str, Any] | None = None
) -> CovcatError:
    """Return the error that ends a command which answered without some releases."""
    hint = next((one.hint for one in failed.values() if one.hint), None)
    return _together(failed, good, "is left out", hint or (_only(good) if good else None), data)


def refusal(failed: Failed, good: Collection[str], *, is_again: bool) -> CovcatError:
    """Return the error of a command that makes nothing of less than was asked for."""
    hint = _only(good)
    if is_again or not good:
        hints = [one.hint for one in failed.values() if one.hint]
        hint = hints[0] if hints else f"covcat verify {shlex.join(failed)}"
    return _together(failed, good, "cannot be read", hint)


def _only(good: Collection[str]) -> str:
    return f"with the options of before, name only these: {shlex.join(good)}"


def _together(
    failed: Failed,
    good: Collection[str],
    what: str,
    hint: str | None,
    data: dict[str, Any] | None = None,
) -> CovcatError:
    number = len(failed) + len(good)
    details = [f"{name}: {_why(name, error)}" for name, error in failed.items()]
    if len(failed) > 1:
        text = f"{len(failed)} of {number} releases cannot be read"
        return SeveralError(text, [*failed.values()], hint=hint, details=details, data=data)
    ((name, error),) = failed.items()
    text = f"{name}, 1 of {number} releases, {what}: {_why(name, error)}"
    return type(error)(text, cause=error.cause, hint=hint, details=error.details, data=data)


def warn_of_doubles(session: Session, releases: "Iterable[IndexedRelease]", done: str) -> None:
    """Warn of images that are there twice: in a set that holds another, in two releases of one."""
    counts = Counter(one.resource.id for one in releases)
    for line in catalogs.find_overlaps(session.catalog, set(counts)):
        session.say(f"warning: {line}")
    for id, number in counts.items():
        if number > 1:
            session.say(f"warning: {id}: {number} of its releases are {done} together")


def warn_of_gone(session: Session, gone: Mapping[str, int]) -> None:
    """Warn of images that were listed, by ID@RELEASE, and are not as they were recorded."""
    for name, number in gone.items():
        verb = "is" if number == 1 else "are"
        session.say(
            f"warning: {name}: {plural(number, 'image')} {verb} gone from the disk or of another "
            f"size: covcat verify {name} --repair"
        )


def warn_of_labels(session: Session, every: "Sequence[Index]", question: "Question") -> None:
    """Warn of pictures of which one row is taken, and others say another finding."""
    from covcat.imaging.query import count_differing, count_unordered

    if question.one_per == "series":
        session.say(
            "of each series the middle one of its slices that pass is taken: column `slice`"
        )
        if number := sum(count_unordered(one, question) for one in every):
            session.say(
                f"warning: of {number:,} series the order is not known: the middle one by name"
            )
    if number := count_differing(every, question):
        what = plural(number, "picture")
        session.say(f"warning: {what} with copies that have other findings: covcat overlap -v")


def say_not_compared(session: Session, names: Collection[str]) -> None:
    """Say of which releases, by ID@RELEASE, nobody looked which pictures are the same."""
    from covcat.store import overlaps

    known = {name: overlaps.current(session.store.release(*name.split("@", 1))) for name in names}
    lacking = [
        name
        for name, record in known.items()
        if record is None or set(names) - {name, *record.others}
    ]
    if lacking:
        session.say(
            f"note: which pictures of {', '.join(lacking)} are the same was not looked for: "
            f"{shlex.join(['covcat', 'overlap', *names, '--within'])}"
        )


def left_out(why: str, count: int) -> str:
    """Say that rows are not in a cohort, and why."""
    if count == 1:
        return f"1 row is left out: {why}"
    return f"{count:,} rows are left out: {why.replace('its ', 'their ', 1)}"


def say_passing(session: Session, passed: int, total: int, noun: str) -> None:
    """Say, as the last line of a command, how many of all there are it is about."""
    verb = "passes" if passed == 1 else "pass"
    session.say(f"{passed:,} of {plural(total, noun)} {verb}")


def tell(session: Session, index: "Index") -> None:
    """Say what became of the rows and files of a release, and what is odd about its tables."""
    name, report = index.name, index.report
    session.say(told(name, report))
    for path in report.absent:
        way = shlex.join(["covcat", "fetch", name, "--include", path])
        where = f"its label table `{path}` is not here: {way}"
        lost = f"`{path}`, which its entry names for labels, is not among its files"
        session.say(f"{name}: {where}" if report.is_part else f"warning: {name}: {lost}")
    for what in report.lacking:
        session.say(f"warning: {name}: {what}, though its entry names it")
    if report.conflicts:
        named = "; ".join(str(cut(one)) for one in report.conflicting[:_NAMED])
        session.say(
            f"warning: {name}: {plural(report.conflicts, 'join')} of rows that contradict each "
            f"other or could be of several images, of which nothing is taken: {named}"
        )
    for path in report.altered:
        changed = f"`{path}` was changed since it was fetched, and is read as it is now"
        session.say(f"warning: {name}: {changed}: covcat verify {name}")


def told(name: str, report: "IndexReport") -> str:
    """Say what became of the rows and files of a release; the numbers in brackets add up."""
    images = plural(report.images, "image")
    alone, lost = report.image_only, report.label_only - report.ambiguous
    if report.both + report.label_only and alone:
        images += f" ({report.images - alone:,} with labels, {alone:,} without)"
    # rows of bare DICOM data sets are told apart: how these are written had to be inferred
    rows = report.both + report.label_only - report.bare
    labels = f"{plural(rows, 'row')} of labels" if rows else "no labels"
    text = f"{name}: {images}, {labels}"
    if report.label_only:
        parts = [f"{report.both - report.bare:,} of these images"]
        parts += [f"{lost:,} of images that are not here"] if lost else []
        if report.ambiguous:
            parts.append(f"{report.ambiguous:,} that could be of several images")
        text += f" ({', '.join(parts)})"
    text += f", {report.bare:,} from DICOM without a preamble" if report.bare else ""
    if report.not_added:
        text += f", {plural(report.not_added, 'further row')} about images that are not here"
    if report.unreadable:
        files = plural(report.unreadable, "image file")
        text += f"; {files} could not be read: {first_of(report.unread)}"
    if report.bad_outlines:
        outlines = plural(report.bad_outlines, "outline")
        text += f"; {outlines} could not be read: {first_of(report.outlined_badly)}"
    if report.other_size:
        text += f"; {plural(report.other_size, 'mask')} not of the size of the picture"
    if kinds := report.without_term:
        listed = ", ".join(f"`{cut(raw)}` ({count})" for raw, count in kinds.items())
        text += f"; findings that the vocabulary does not have: {listed}"
    return text


def first_of(names: Sequence[object], most: int = _NAMED) -> str:
    """Return the first of some names, each cut where it is long, and `…` for the others."""
    more = ", …" if len(names) > most else ""
    return ", ".join(f"`{cut(str(name))}`" for name in names[:most]) + more


def cut(value: Value) -> Value:
    """Keep a long text from filling the screen."""
    is_long = isinstance(value, str) and len(value) > MOST_LETTERS
    return f"{str(value)[:MOST_LETTERS]}…" if is_long else value
