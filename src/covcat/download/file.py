"""File -> verified file: tries one address after the other, each as often as makes sense.

A file that fails leaves nothing but, where a later run can go on with it, its part.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from covcat.digests import VerifiedBy
from covcat.download.addresses import without_secrets
from covcat.download.attempt import Attempt, Transfers
from covcat.download.remote import Download, Location, Target, compared
from covcat.download.retry import retry
from covcat.errors import CovcatError, DiskError, IntegrityError, SeveralError, StoppedError

Locate = Callable[[], Location]


def fetch(
    target: Target, addresses: Sequence[Locate], transfers: Transfers, place: Path
) -> Download:
    """Bring a file to `place` and check every digest that is pinned for it.

    `addresses` are asked where the file is now before each try: signed ones expire. What is
    raised is what the one address failed with, or a SeveralError; a DiskError at once.
    """
    failures: list[CovcatError] = []
    for locate in addresses:
        try:
            return _fetch_from(locate, target, transfers, place)
        except (DiskError, StoppedError):
            raise
        except CovcatError as error:
            failures.append(error)
            if len(addresses) > len(failures):
                transfers.progress.note(f"{error.message}; trying its next address")
    if len(failures) == 1:
        raise failures[0]
    raise SeveralError(
        f"`{target.name}` could not be had from any of its {len(failures)} addresses",
        failures,
        details=[one.message + (f" ({one.cause})" if one.cause else "") for one in failures],
        hint="try again later",
    )


def _fetch_from(locate: Locate, target: Target, transfers: Transfers, place: Path) -> Download:
    attempt = Attempt(target, transfers, locate)
    is_worth_keeping = True
    try:
        attempt.start()
        _bring(attempt)
        try:
            verified_by = _verify(attempt)
        except IntegrityError:
            if not attempt.is_joined:
                raise
            transfers.progress.note(f"{target.name}: what was joined is wrong; starting again")
            attempt.restart()
            attempt.wants_one_answer = True
            attempt.locate()
            _bring(attempt)
            verified_by = _verify(attempt)
        attempt.part.finish(place)
        location = attempt.location
        return Download(
            path=place,
            name=location.name,
            url=location.url,
            final_url=without_secrets(attempt.final_url),
            mirror=transfers.network.mirror if location.path is None else None,
            bytes=attempt.offset,
            sha256=attempt.digests.sha256,
            md5=attempt.digests.hexdigest("md5"),
            verified_by=verified_by,
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    except IntegrityError:
        is_worth_keeping = False
        raise
    finally:
        attempt.leave(keep=is_worth_keeping)


def _bring(attempt: Attempt) -> None:
    """Try until the file is whole; progress renews the retries."""
    of, again = attempt.transfers, attempt.locate
    retry(attempt.bring, of.web, of.network, of.progress, kept=attempt.kept, prepare=again)


def _verify(attempt: Attempt) -> VerifiedBy:
    """Compare with all that is pinned or claimed, and return the strongest of it."""
    attempt.digests.settle()
    remote = attempt.target.remote
    known = [*remote.digests, *attempt.claims]
    kind = compared(remote, known, attempt.url, attempt.offset, attempt.digests.hexdigest)
    has_end = attempt.has_end or attempt.total is not None
    return kind if has_end or kind != "first-use" else "unknown-length"
