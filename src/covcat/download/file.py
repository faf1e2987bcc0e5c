"""File -> verified file: tries one address after the other, each as often as makes sense.

The only place that retries. A file that fails leaves nothing but, where a later run can go on
with it, its part.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from covcat.digests import VerifiedBy
from covcat.download.addresses import without_secrets
from covcat.download.attempt import Attempt
from covcat.download.pace import pause_after
from covcat.download.remote import Download, Location, compared
from covcat.download.wanted import Target, Transfers
from covcat.errors import (
    BrokenError,
    CovcatError,
    DiskError,
    IntegrityError,
    SeveralError,
    StoppedError,
    TransientError,
)

_PROGRESS = 1 << 20  # bytes that renew the retries
Locate = Callable[[], Location]


def fetch(wanted: Target, addresses: Sequence[Locate], line: Transfers, target: Path) -> Download:
    """Bring a file to `target` and check every digest that is pinned for it.

    `addresses` are asked where the file is now before each try: signed ones expire.

    Raises:
        NetworkError: it did not come, after every try.
        IntegrityError: it came, and is not what is pinned.
        ActionNeededError: a login, consent or challenge page came in its place.
        DiskError: the disk refused.
        SeveralError: there are several addresses, and each failed.
    """
    failures: list[CovcatError] = []
    for locate in addresses:
        try:
            return _from(locate, wanted, line, target)
        except (DiskError, StoppedError):
            raise
        except CovcatError as error:
            failures.append(error)
            if len(addresses) > len(failures):
                line.progress.note(f"{error.message}; trying its next address")
    if len(failures) == 1:
        raise failures[0]
    raise SeveralError(
        f"`{wanted.name}` could not be had from any of its {len(failures)} addresses",
        failures,
        details=[one.message + (f" ({one.cause})" if one.cause else "") for one in failures],
        hint="try again later",
    )


def _from(locate: Locate, wanted: Target, line: Transfers, target: Path) -> Download:
    """Bring the file from one address."""
    arrival = Attempt(wanted, line)
    is_worth_keeping = True
    try:
        location = locate()
        if location.path is None:
            arrival.find_kept(location.url)
        _attempts(arrival, locate, location)
        try:
            verified_by = _verify(arrival)
        except IntegrityError:
            if not arrival.is_joined:
                raise
            line.progress.note(f"{wanted.name}: what was joined is wrong; starting again")
            arrival.restart()
            arrival.wants_one_answer = True
            _attempts(arrival, locate, locate())
            verified_by = _verify(arrival)
        arrival.part.finish(target)
        return _download(arrival, location, target, verified_by)
    except IntegrityError:
        is_worth_keeping = False
        raise
    finally:
        arrival.leave(keep=is_worth_keeping)


def _attempts(arrival: Attempt, locate: Locate, location: Location) -> None:
    """Try until the file is whole, waiting a while after each failure; progress renews hope."""
    line, failures, broken = arrival.line, 0, 0
    while True:
        before, arrival.has_answered = arrival.offset, False
        try:
            arrival.attempt(location)
            return
        except TransientError as error:
            if arrival.can_go_on and arrival.offset - before >= _PROGRESS:
                failures = 0
            failures += 1
            broken += arrival.has_answered
            if broken == arrival.wanted.served.breaks:
                raise BrokenError(error.message, cause=error.cause, hint=error.hint) from error
            if failures > line.network.retries:
                raise
            pause = pause_after(error, failures, line.network.pause)
            kept = f" after {arrival.offset:,} bytes" if arrival.can_go_on else ""
            line.progress.note(
                f"{error.message}; trying again{kept} in {pause:.1f} s "
                f"({failures} of {line.network.retries})"
            )
            line.web.wait(pause)
            location = locate()


def _verify(arrival: Attempt) -> VerifiedBy:
    """Compare with all that is pinned or claimed, and return the strongest of it."""
    arrival.digests.settle()
    served = arrival.wanted.served
    known = [*served.digests, *arrival.claims]
    kind = compared(served, known, arrival.url, arrival.offset, arrival.digests.hexdigest)
    has_end = arrival.has_end or arrival.total is not None
    return kind if has_end or kind != "first-use" else "unknown-length"


def _download(
    arrival: Attempt, location: Location, target: Path, verified_by: VerifiedBy
) -> Download:
    digests = arrival.digests
    return Download(
        path=target,
        name=location.name,
        url=location.url,
        final_url=without_secrets(arrival.final_url),
        mirror=arrival.line.network.mirror if location.path is None else None,
        bytes=arrival.offset,
        sha256=digests.hexdigest("sha256") or "",
        md5=digests.hexdigest("md5"),
        verified_by=verified_by,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
