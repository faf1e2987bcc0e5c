"""A file on its way: its part on the disk, its digests, and what is known of it.

One try after the other may bring more of it; `covcat.download.retry` decides how often.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from covcat.digests import PINNED, Digest, Digests, Hash
from covcat.download import ranges
from covcat.download.answers import HEAD, Answer, not_the_file
from covcat.download.http import Web
from covcat.download.pace import ConnectionLimit, RateLimit, StallDetector
from covcat.download.parts import PartRecord, Parts, copy_kept
from covcat.download.remote import Location, Network, Target
from covcat.download.resume import (
    HeldPart,
    Validator,
    claimed_md5,
    content_range,
    is_strong,
    judge,
    validator_of,
)
from covcat.errors import (
    ActionNeededError,
    BrokenError,
    CovcatError,
    DiskError,
    IntegrityError,
    NetworkError,
    StoppedError,
    TransientError,
)
from covcat.files import disk_errors
from covcat.progress import Progress

_SPLIT_AFTER = 0.5  # seconds in which one connection shows how fast it is
_FAST = 64 << 20  # bytes a second: a connection that brings more is not what is slow
_WORTH = 8 << 20  # bytes still to come that are worth more connections


@dataclass(frozen=True, slots=True)
class Transfers:
    """What all transfers of one run share."""

    web: Web
    network: Network
    limit: RateLimit
    slots: ConnectionLimit
    parts: Parts
    progress: Progress


class Attempt:
    """Call `bring` until it ends well, then let the part `finish`; in any case `leave`."""

    def __init__(
        self, target: Target, transfers: Transfers, locate: Callable[[], Location]
    ) -> None:
        self.target, self.transfers, self._locate = target, transfers, locate
        self.location = locate()
        self.url = self.final_url = ""  # that the bytes came from, before and after redirects
        self.has_end = False  # the last answer's body says how long it is, or where it ends
        self.wants_one_answer = False  # no ranges: bytes that were joined were wrong
        self._is_whole_only = False  # no ranges in the next try: the last one was wrong
        self._is_split = False
        self._broken = 0  # answers that broke off
        self._task = 0  # none yet
        self._begin()

    def _begin(self) -> None:
        remote = self.target.remote
        self.part = self.transfers.parts.new(self.target.key, self.target.name)
        claimed: list[Hash] = ["md5"] if remote.has_claim else []
        self.digests = Digests([*(one.kind for one in remote.digests), *claimed], remote.bytes)
        self.claims: list[Digest] = []  # what the answer's headers say of it
        self.total = remote.bytes
        self._validator: Validator | None = Validator()
        self.is_joined = False  # of bytes from more than one answer
        self._recorded = 0

    def restart(self) -> None:
        """Throw away what is here, and begin with nothing."""
        self.transfers.progress.advance(self._task, -self.offset)
        self.part.drop()
        self._begin()

    @property
    def validator(self) -> Validator:
        """What tells this state of the file from another; read where it is asked for."""
        if self._validator is None:
            self._validator = validator_of(self._headers)
        return self._validator

    @property
    def offset(self) -> int:
        """Return how many bytes are here."""
        return self.part.written

    def kept(self) -> int:
        """Return how many bytes are here that another answer's may follow."""
        is_known = self.target.is_pinned or self.validator.if_range is not None
        is_barred = self.wants_one_answer or self._is_whole_only
        return self.offset if is_known and not is_barred else 0

    def start(self) -> None:
        """Take over what an earlier run left, and begin to tell how far the file is."""
        if self.location.path is None and self.target.key in self.transfers.parts.keys:
            self._find_kept()
        progress = self.transfers.progress
        self._task = progress.start(
            self.target.name, self.total, self.target.within, about=self.target.about
        )
        progress.advance(self._task, self.offset)  # by one step: it says nothing of the speed

    def _find_kept(self) -> None:
        """Take over what an earlier run left, where its record vouches for it."""
        parts = self.transfers.parts
        for path, record in parts.kept(self.target.key):
            if not self._may_take(record):
                continue
            is_long = copy_kept(path, record, self.part, self._digest)
            self.digests.settle()
            if not is_long or self.digests.sha256 != record.sha256:
                self.part.drop()
                self._begin()
                continue
            self.url = self.final_url = record.url
            self.total = record.total if self.total is None else self.total
            self._validator = Validator(record.etag, record.last_modified)
            self.is_joined = True
            self._recorded = 0
            self.transfers.progress.note(
                f"{self.target.name}: going on after {self.offset:,} bytes"
            )
            break
        parts.sweep(self.target.key, but=self.part.path)
        if self.target.room is not None:  # it was measured while the earlier part was there
            self.target.room.give_back(self.offset)

    def _may_take(self, record: PartRecord) -> bool:
        size = self.target.remote.bytes
        if size is not None and (record.offset > size or record.total not in (None, size)):
            return False
        if record.etag is not None and not is_strong(record.etag):
            return False
        is_same = record.url == self.location.url and record.mirror == self.transfers.network.mirror
        return self.target.is_pinned or (is_same and bool(record.etag or record.last_modified))

    def locate(self) -> None:
        """Ask again where the file is: signed addresses expire."""
        self.location = self._locate()

    def bring(self) -> None:
        """Bring what is missing.

        Raises:
            BrokenError: answers broke off so often that another way should be tried.
            TransientError: another try may bring more.
            CovcatError: none will.
        """
        self._has_answered = False
        try:
            self._bring()
        except TransientError as error:
            self._broken += self._has_answered
            if self._broken == self.target.remote.breaks:
                raise BrokenError(error.message, cause=error.cause, hint=error.hint) from error
            raise

    def _bring(self) -> None:
        is_elsewhere = self.url != self.location.url and not self.target.is_pinned
        if self.offset and (is_elsewhere or not self.kept()):
            self.restart()
        if self.offset and self.offset == self.total:
            return
        host, path = urlsplit(self.location.url).netloc, self.location.path
        if path is not None:  # it comes with covcat, and is small
            with disk_errors(f"read `{path.name}`"):
                data = path.read_bytes()
            headers = {"content-length": str(len(data))}
            answer = Answer(self.location.url, None, 200, headers, iter([data]))
            self._accept(answer, is_range=False)
            self._read(answer, host)
            return
        with self.transfers.slots.hold(host, self.transfers.web.wait):
            helpers = self._ask(host)
            if helpers and not self._bring_in_ranges(host, helpers):
                try:
                    self._ask(host)
                except (ActionNeededError, NetworkError) as error:
                    self._is_whole_only = True  # who refuses ranges only is asked for all next time
                    raise TransientError(
                        error.message, cause=error.cause, hint=error.hint
                    ) from error
        if self.total is not None and self.offset < self.total:
            raise TransientError(
                f"`{self.url}` ended after {self.offset:,} of {self.total:,} bytes",
                hint="check the network, then try again",
            )
        if self.total is not None and self.offset > self.total:
            raise IntegrityError(f"`{self.url}` is longer than it declares: {self.total} bytes")

    def _ask(self, host: str) -> int:
        """Read one answer; where it is left as too slow, return how many more may help."""
        headers = {"Range": f"bytes={self.offset}-"} if self.offset else {}
        if self.offset and self.validator.if_range is not None:
            headers["If-Range"] = self.validator.if_range
        where = self.location
        with self.transfers.web.get(
            where.signed or where.url, headers, login=where.login, private=where.private
        ) as answer:
            self._has_answered = True
            is_to_read = self._accept(answer, is_range=bool(headers))
            return self._read(answer, host) if is_to_read else 0

    def _accept(self, answer: Answer, *, is_range: bool) -> bool:
        """Take what an answer says of the file; return False if there is nothing to read."""
        if self.target.remote.has_claim:
            self.claims = claimed_md5(answer.headers)
        if is_range:
            held = HeldPart(self.offset, self.total, self.validator, self.target.is_pinned)
            verdict = judge(answer.status, answer.headers, held)
            if verdict == "complete":
                self.total = self.offset
                return False
            if verdict == "ask for all":
                self._is_whole_only = True
                raise TransientError(f"`{self.location.url}` answered with a wrong range")
            if verdict == "go on":
                self.is_joined = True
                if self.total is None and (found := content_range(answer.headers)):
                    self._set_total(found[2])
                self.final_url = answer.url
                return True
        if self.offset:
            self.restart()
        self._is_whole_only = False
        self.url, self.final_url = self.location.url, answer.url
        self._headers, self._validator = answer.headers, None
        if self.total is None and answer.length is not None:
            self._set_total(answer.length)
        return True

    def _set_total(self, total: int | None) -> None:
        """Take an answer's word for how large the file is, if there is room for that."""
        if total is not None:
            self.target.check_size(total, self.url)
        self.total = total
        self.transfers.progress.set_total(self._task, total)

    def _read(self, answer: Answer, host: str) -> int:
        """Take the body; where it is left as too slow, return how many connections may help."""
        transfers = self.transfers
        self.has_end = answer.is_chunked or answer.length is not None
        detector = StallDetector(transfers.network.slowest, transfers.network.limit_rate)
        since, before = time.monotonic(), self.offset
        chunks = detector.listen(answer.chunks, self.location.url)
        for data in chunks if self.offset else self._check_head(answer, chunks):
            self.target.check_size(self.offset + len(data), self.url)
            self.part.write(data)
            self._digest(data)
            transfers.progress.advance(self._task, len(data))
            transfers.limit.take(len(data), transfers.web.wait)
            taken = time.monotonic() - since
            if taken > _SPLIT_AFTER:
                rate = (self.offset - before) / taken
                if self._is_slow(answer, rate) and (helpers := transfers.slots.spare(host)):
                    return helpers
                since, before = time.monotonic(), self.offset
        if answer.is_chunked and self.total is not None and self.offset < self.total:
            raise IntegrityError(  # the server said that this is all of it
                f"`{self.location.url}`: expected {self.total} bytes, got {self.offset}"
            )
        return 0

    def _check_head(self, answer: Answer, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the body on; the first bytes of a file are looked at before."""
        head = b""
        for data in chunks:
            head += data
            if len(head) >= HEAD:
                break
        remote, kind = self.target.remote, answer.headers.get("content-type", "")
        if not head and remote.bytes != 0:
            raise NetworkError(f"`{answer.shown}` answered with nothing", hint="try again later")
        is_pinned = any(one.means in PINNED for one in remote.digests)
        wrong = not_the_file(head, remote.unpack, kind, answer.shown, is_pinned=is_pinned)
        if head and wrong:
            raise wrong
        if remote.bytes is not None and answer.length not in (None, remote.bytes):
            raise IntegrityError(
                f"`{answer.shown}` is not the pinned file: expected {remote.bytes} bytes, got "
                f"{answer.length}",
                hint="it was changed upstream or on the way; nothing was kept",
            )
        yield head
        yield from chunks

    def _digest(self, data: bytes) -> None:
        self.digests.update(data)
        if self.offset - self._recorded >= self.transfers.network.checkpoint:
            self._record()

    def _is_slow(self, answer: Answer, rate: float) -> bool:
        """Say whether more connections may help, and the server can give them."""
        return (
            not self._is_split
            and not self.wants_one_answer
            and rate < _FAST
            and self.transfers.network.limit_rate is None
            and self.total is not None
            and self.total - self.offset >= _WORTH
            and self.validator.etag is not None
            and answer.headers.get("accept-ranges", "").lower() == "bytes"
        )

    def _bring_in_ranges(self, host: str, helpers: int) -> bool:
        """Bring the rest over more connections; return False if it has to be done as before."""
        progress = self.transfers.progress
        self._is_split = True  # whatever comes of it, not again
        readers = ranges.RangeReaders(
            web=self.transfers.web,
            location=self.location,
            etag=self.validator.etag or "",
            total=self.total or 0,
            part=self.part,
            heard=lambda size: progress.advance(self._task, size),
        )
        self.is_joined = True
        try:
            for data in readers.bring(self.offset, 1 + helpers):
                self.target.check_size(self.offset + len(data), self.url)
                self.part.written += len(data)
                self._digest(data)
        except (StoppedError, DiskError):
            raise
        except CovcatError as error:
            progress.note(f"{error.message}; going on with one connection")
            return False
        finally:
            self.transfers.slots.give_back(host, helpers)
        return True

    def _record(self) -> None:
        """Note how far the part is, so that a later run can go on; nothing if it could not."""
        if not self.kept():
            return
        self._recorded = self.offset
        record = PartRecord(
            url=self.url,
            mirror=self.transfers.network.mirror,
            etag=self.validator.etag,
            last_modified=self.validator.last_modified,
            total=self.total,
            offset=self.offset,
            sha256="",
        )
        part = self.part
        self.digests.when_here(lambda sha256: part.record(replace(record, sha256=sha256)))

    def leave(self, *, keep: bool) -> None:
        """Stop working on it; keep what is here for a later run, if it can be of use."""
        self.transfers.progress.finish(self._task)
        if self.part.is_in_place:
            return
        is_kept = keep and self.kept() > 0
        try:
            if is_kept:
                self._record()
                self.digests.settle()
                self.part.close()
        except CovcatError:  # the disk is full: the record of the last checkpoint stays
            is_kept = self.part.record_path.exists()
        if is_kept:
            self.part.close()
            self.transfers.parts.keys.add(self.target.key)
        else:
            self.part.drop()
