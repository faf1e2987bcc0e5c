"""A file on its way: its part on the disk, its digests, and what is known of it.

One attempt after the other may bring more of it; `covcat.download` decides how often.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from covcat.digests import Digest, Digests, Hash
from covcat.download.answers import HEAD, not_the_file
from covcat.download.pace import StallDetector
from covcat.download.parts import Record, copied
from covcat.download.remote import Location
from covcat.download.resume import (
    Held,
    Validator,
    claimed_md5,
    content_range,
    is_strong,
    judge,
    validator_of,
)
from covcat.download.wanted import Target, Transfers
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    IntegrityError,
    NetworkError,
    StoppedError,
    TransientError,
)
from covcat.files import disk_errors

if TYPE_CHECKING:
    from covcat.download.http import Answer


_READ = 1 << 20
_SPLIT_AFTER = 0.5  # seconds in which one connection shows how fast it is
_FAST = 64 << 20  # bytes a second: a connection that brings more is not what is slow
_WORTH = 8 << 20  # bytes still to come that are worth more connections


class Attempt:
    """Call `attempt` until it ends well, then let the part `finish`; in any case `leave`."""

    def __init__(self, wanted: Target, line: Transfers) -> None:
        """Make an empty part; `find_kept` fills it with what an earlier run left."""
        self.wanted, self.line = wanted, line
        self.part = line.parts.new(wanted.key, wanted.name)
        self.digests = self._digests()
        self.claims: list[Digest] = []  # what the answer's headers say of it
        self.total = wanted.served.bytes
        self.validator = Validator()
        self.url = ""  # that the bytes came from, before and after redirects
        self.final_url = ""
        self.has_end = False  # the last answer's body says how long it is, or where it ends
        self.has_answered = False  # the host, in the attempt that was last
        self.is_joined = False  # of bytes from more than one answer
        self.wants_one_answer = False  # no ranges: bytes that were joined were wrong
        self._is_whole_only = False  # no ranges in the next attempt: the last one was wrong
        self._is_split = False
        self._recorded = 0
        self._task = line.progress.start(wanted.name, self.total, wanted.within)

    def _digests(self) -> Digests:
        served = self.wanted.served
        claimed: list[Hash] = ["md5"] if served.has_claim else []
        return Digests([*(one.kind for one in served.digests), *claimed], served.bytes)

    # ---- what is here ----

    @property
    def offset(self) -> int:
        """Return how many bytes are here."""
        return self.part.written

    @property
    def can_go_on(self) -> bool:
        """True if another answer's bytes may follow those that are here."""
        is_known = self.wanted.is_pinned or self.validator.if_range is not None
        is_barred = self.wants_one_answer or self._is_whole_only
        return is_known and self.offset > 0 and not is_barred

    def find_kept(self, url: str) -> None:
        """Take over what an earlier run left, where its record vouches for it."""
        for path, record in self.line.parts.kept(self.wanted.key):
            if self._may_take(record, url) and self._take_over(path, record):
                self.url = self.final_url = record.url
                self.total = record.total if self.total is None else self.total
                self.validator = Validator(record.etag, record.last_modified)
                self.is_joined = True
                self._recorded = 0
                self.line.progress.note(f"{self.wanted.name}: going on after {self.offset:,} bytes")
                break
        self.line.parts.sweep(self.wanted.key, but=self.part.path)

    def _may_take(self, record: Record, url: str) -> bool:
        size = self.wanted.served.bytes
        if size is not None and (record.offset > size or record.total not in (None, size)):
            return False
        if record.etag is not None and not is_strong(record.etag):
            return False
        is_same = record.url == url and record.mirror == self.line.network.mirror
        return self.wanted.is_pinned or (is_same and bool(record.etag or record.last_modified))

    def _take_over(self, path: Path, record: Record) -> bool:
        is_long = copied(path, record, self.part, self._digest)
        self.digests.settle()
        if is_long and self.digests.hexdigest("sha256") == record.sha256:
            return True
        self.restart()
        return False

    def restart(self) -> None:
        """Throw away what is here, and begin with nothing."""
        self.line.progress.advance(self._task, -self.offset)
        self.part.drop()
        self.part = self.line.parts.new(self.wanted.key, self.wanted.name)
        self.digests, self.claims = self._digests(), []
        self.total = self.wanted.served.bytes
        self.validator, self.is_joined, self._recorded = Validator(), False, 0

    # ---- one attempt ----

    def attempt(self, location: Location) -> None:
        """Bring what is missing.

        Raises:
            TransientError: another attempt may bring more.
            CovcatError: none will.
        """
        if self.can_go_on and self.url != location.url and not self.wanted.is_pinned:
            self.restart()  # of another address: perhaps of other bytes
        if self.offset and not self.can_go_on:
            self.restart()
        if self.offset and self.offset == self.total:
            return
        host = urlsplit(location.url).netloc
        if location.path is not None:
            with self._local(location, location.path) as answer:
                self._read(answer, location, host)
            return
        with self.line.slots.hold(host, self.line.web.wait):
            helpers = self._one_connection(location, host)
            if helpers and not self._several(location, host, helpers):
                self._without_help(location, host)
        self._check_whole()

    def _without_help(self, location: Location, host: str) -> None:
        """Go on alone; who refuses ranges only is asked for all next time."""
        try:
            self._one_connection(location, host)
        except (ActionNeededError, NetworkError) as error:
            self._is_whole_only = True
            raise TransientError(error.message, cause=error.cause, hint=error.hint) from error

    def _one_connection(self, location: Location, host: str) -> int:
        """Read one answer; where it is left as too slow, return how many more may help."""
        headers = self._headers()
        asked = location.signed or location.url
        with self.line.web.get(asked, headers, login=location.login) as answer:
            self.has_answered = True
            if not self._accept(answer, location, is_range=bool(headers)):
                return 0
            return self._read(answer, location, host)

    def _headers(self) -> dict[str, str]:
        if not self.offset:
            return {}
        headers = {"Range": f"bytes={self.offset}-"}
        if self.validator.if_range is not None:
            headers["If-Range"] = self.validator.if_range
        return headers

    def _accept(self, answer: "Answer", location: Location, *, is_range: bool) -> bool:
        """Take what an answer says of the file; return False if there is nothing to read."""
        if self.wanted.served.has_claim:
            self.claims = claimed_md5(answer.headers)
        if is_range:
            held = Held(self.offset, self.total, self.validator, self.wanted.is_pinned)
            verdict = judge(answer.status, answer.headers, held)
            if verdict == "complete":
                self.total = self.offset
                return False
            if verdict == "ask for all":
                self._is_whole_only = True
                raise TransientError(f"`{location.url}` answered with a wrong range")
            if verdict == "go on":
                self.is_joined = True
                self.total = self.total if self.total is not None else _total(answer.headers)
                self.final_url = answer.url
                return True
        if self.offset:
            self.restart()
        self._is_whole_only = False
        self.url, self.final_url = location.url, answer.url
        self.validator = validator_of(answer.headers)
        if self.total is None:
            self.total = answer.length
            self.line.progress.set_total(self._task, self.total)
        return True

    def _read(self, answer: "Answer", location: Location, host: str) -> int:
        """Take the body; where it is left as too slow, return how many connections may help."""
        self.has_end = answer.is_chunked or answer.length is not None
        floor = StallDetector(self.line.network.slowest, self.line.network.limit_rate)
        since, before = time.monotonic(), self.offset
        heard = _heard(answer.chunks, floor, location.url)
        for data in self._checked(answer, heard):
            self.take(data)
            self.line.progress.advance(self._task, len(data))
            self.line.limit.take(len(data), self.line.web.wait)
            taken = time.monotonic() - since
            if taken > _SPLIT_AFTER:
                rate = (self.offset - before) / taken
                if self._is_slow(answer, rate) and (helpers := self.line.slots.spare(host)):
                    return helpers
                since, before = time.monotonic(), self.offset
        if answer.is_chunked and self.total is not None and self.offset < self.total:
            raise IntegrityError(  # the server said that this is all of it
                f"`{location.url}`: expected {self.total} bytes, got {self.offset}"
            )
        return 0

    def _checked(self, answer: "Answer", chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the body on; the first bytes of a file are looked at before."""
        if self.offset:
            yield from chunks
            return
        head = b""
        for data in chunks:
            head += data
            if len(head) >= HEAD:
                break
        served, kind = self.wanted.served, answer.headers.get("content-type", "")
        if not head and served.bytes != 0:
            raise NetworkError(f"`{answer.shown}` answered with nothing", hint="try again later")
        if head and (wrong := not_the_file(head, served.unpack, kind, answer.shown)):
            raise wrong
        if served.bytes is not None and answer.length not in (None, served.bytes):
            raise IntegrityError(
                f"`{answer.shown}` is not the pinned file: expected {served.bytes} bytes, got "
                f"{answer.length}",
                hint="it was changed upstream or on the way; nothing was kept",
            )
        yield head
        yield from chunks

    def take(self, data: bytes) -> None:
        """Write and hash the next bytes.

        Raises:
            IntegrityError: they are more than are expected.
            DiskError: there is no room for them.
        """
        self._check_bound(self.offset + len(data))
        self.part.write(data)
        self._digest(data)

    def _digest(self, data: bytes) -> None:
        self.digests.update(data)
        if self.offset - self._recorded >= self.line.network.checkpoint:
            self._record()

    def _check_bound(self, size: int) -> None:
        """Stop a body that goes on beyond what is pinned or what there is room for."""
        served, room = self.wanted.served, self.wanted.room
        if served.bytes is not None and size > served.bytes:
            raise IntegrityError(f"`{self.url}` is longer than expected: {served.bytes} bytes")
        bound = served.file.max_bytes if served.unpack == "none" else None
        if bound is not None and size > bound:
            raise IntegrityError(f"`{self.url}` is longer than the catalog allows: {bound} bytes")
        if room is not None and size > room:
            raise DiskError(
                f"`{self.url}` goes on beyond the {room} bytes that there is room for",
                hint="free some space, or choose another place with --data-dir",
            )

    def _check_whole(self) -> None:
        if self.total is not None and self.offset < self.total:
            raise TransientError(
                f"`{self.url}` ended after {self.offset:,} of {self.total:,} bytes",
                hint="check the network, then try again",
            )
        if self.total is not None and self.offset > self.total:
            raise IntegrityError(f"`{self.url}` is longer than it declares: {self.total} bytes")

    # ---- several connections ----

    def _is_slow(self, answer: "Answer", rate: float) -> bool:
        """Say whether more connections may help, and the server can give them."""
        return (
            not self._is_split
            and not self.wants_one_answer
            and rate < _FAST
            and self.line.network.limit_rate is None
            and self.total is not None
            and self.total - self.offset >= _WORTH
            and self.validator.etag is not None
            and answer.headers.get("accept-ranges", "").lower() == "bytes"
        )

    def _several(self, location: Location, host: str, helpers: int) -> bool:
        """Bring the rest over more connections; return False if it has to be done as before."""
        from covcat.download import ranges

        self._is_split = True  # whatever comes of it, not again
        shared = ranges.Shared(
            self.line.web,
            location,
            self.validator.etag or "",
            self.total or 0,
            self.part,
            lambda size: self.line.progress.advance(self._task, size),
        )
        self.is_joined = True
        try:
            for data in ranges.bring(shared, self.offset, 1 + helpers):
                self._check_bound(self.offset + len(data))
                self.part.written += len(data)
                self._digest(data)
        except (StoppedError, DiskError):
            raise
        except CovcatError as error:
            self.line.progress.note(f"{error.message}; going on with one connection")
            return False
        finally:
            self.line.slots.give_back(host, helpers)
        return True

    # ---- the end ----

    def _record(self) -> None:
        """Note how far the part is, so that a later run can go on; nothing if it could not."""
        if not self.can_go_on:
            return
        self._recorded = self.offset
        record = Record(
            url=self.url,
            mirror=self.line.network.mirror,
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
        self.line.progress.finish(self._task)
        try:
            if keep and self.can_go_on:
                self._record()
                self.digests.settle()
                self.part.close()
                return
        except CovcatError:  # the disk is full: the record of the last checkpoint stays
            if self.part.record_path.exists():
                self.part.close()
                return
        self.part.drop()

    @contextmanager
    def _local(self, location: Location, path: Path) -> Iterator["Answer"]:
        """Read a file that is on this machine as if it came from a host."""
        from covcat.download.http import Answer

        with disk_errors(f"read `{path.name}`"):
            stream, size = path.open("rb"), path.stat().st_size
        with stream:
            chunks = iter(lambda: stream.read(_READ), b"")
            answer = Answer(location.url, None, 200, {"content-length": str(size)}, chunks)
            self._accept(answer, location, is_range=False)
            yield answer


def _heard(chunks: Iterator[bytes], floor: StallDetector, url: str) -> Iterator[bytes]:
    """Tell `floor` of all bytes as they come."""
    for data in chunks:
        floor.hear(len(data), url)
        yield data


def _total(headers: Mapping[str, str]) -> int | None:
    found = content_range(headers)
    return found[2] if found else None
