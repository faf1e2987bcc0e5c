"""Location -> verified file: transfer, retry, digests; a file that fails leaves nothing behind."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from covcat.errors import (
    ActionNeededError,
    CovcatError,
    DiskError,
    IntegrityError,
    NetworkError,
)
from covcat.model import Download, File, Location, VerifiedBy
from covcat.progress import Progress
from covcat.store import FILE_MODE, disk_errors, write_whole

if TYPE_CHECKING:
    from hashlib import _Hash

    from covcat.web import Answer, Web

CHUNK = 1 << 20
HEAD = 512  # bytes that decide whether an answer can be the file at all
TRIES = 3
PAUSE = 0.5  # seconds before the second try; doubled before each further one

MAGIC = {
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "rar": (b"Rar!\x1a\x07",),
}
_PAGE = re.compile(rb"<(?:!doctype|html|head|\?xml)", re.I)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.I)
_GATE = re.compile(
    r"log ?in|sign ?in|consent|captcha|challenge|just a moment|attention required|verify|"
    r"virus scan|quota",
    re.I,
)


def fetch(
    file: File,
    location: Location,
    web: "Web",
    target: Path,
    progress: Progress,
    room: int | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Download:
    """Bring a file to `target` and check every digest that is pinned for it.

    `room` is the most bytes that may come where the size is unknown.

    Raises:
        NetworkError: it did not come, after every try.
        IntegrityError: it came, and is not what is pinned.
        ActionNeededError: a login, consent or challenge page came in its place.
        DiskError: the disk refused.
    """
    from covcat.web import TransientError  # httpx is slow to import, and may not be needed

    for attempt in range(1, TRIES + 1):
        try:
            with _source(location, web) as answer:
                return _receive(file, location, answer, target, progress, room)
        except TransientError as error:
            if attempt == TRIES:
                raise
            progress.note(f"{error.message}; trying again ({attempt + 1} of {TRIES})")
            pause(PAUSE * 2 ** (attempt - 1))
    raise AssertionError("unreachable: the last try raises or returns")


class _Local:
    """A file that comes with covcat, read like an answer."""

    def __init__(self, location: Location, path: Path) -> None:
        self.url = location.url
        self.mirror: str | None = None
        self.headers: dict[str, str] = {}
        self.length: int | None = path.stat().st_size
        self.chunks = self._read(path)

    @staticmethod
    def _read(path: Path) -> Iterator[bytes]:
        with path.open("rb") as stream:
            while data := stream.read(CHUNK):
                yield data


@contextmanager
def _source(location: Location, web: "Web") -> Iterator["Answer | _Local"]:
    if location.path is None:
        with web.get(location.url) as answer:
            yield answer
        return
    with disk_errors(f"read what came with covcat, `{location.path.name}`"):
        local = _Local(location, location.path)
    yield local


def _receive(
    file: File,
    location: Location,
    answer: "Answer | _Local",
    target: Path,
    progress: Progress,
    room: int | None,
) -> Download:
    """Write the body, hashing it on the way, and judge it; on any failure remove it."""
    digests = _digests(file)
    total = file.bytes if file.bytes is not None else answer.length
    task = progress.start(location.name, total)
    size = 0
    try:
        with _created(target, location.name) as write:
            for data in _checked_head(file, answer):
                size += len(data)
                _demand_bound(file, location, size, room)
                for digest in digests.values():
                    digest.update(data)
                write(data)
                progress.advance(task, len(data))
        verified_by = _verify(file, location, size, digests)
    except BaseException:
        target.unlink(missing_ok=True)
        progress.finish(task)
        raise
    progress.finish(task)
    return Download(
        path=target,
        name=location.name,
        url=location.url,
        final_url=answer.url,
        mirror=answer.mirror,
        bytes=size,
        sha256=digests["sha256"].hexdigest(),
        md5=digests["md5"].hexdigest() if "md5" in digests else None,
        verified_by=verified_by,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _demand_bound(file: File, location: Location, size: int, room: int | None) -> None:
    """Stop a body that goes on beyond what is pinned or what there is room for."""
    if file.bytes is not None and size > file.bytes:
        raise IntegrityError(f"`{location.url}` is longer than expected: {file.bytes} bytes")
    bound = file.max_bytes if file.unpack == "none" else None
    if bound is not None and size > bound:
        raise IntegrityError(f"`{location.url}` is longer than the catalog allows: {bound} bytes")
    if room is not None and size > room:
        raise DiskError(
            f"`{location.url}` goes on beyond the {room} bytes that there is room for",
            hint="free some space, or choose another place with --data-dir",
        )


@contextmanager
def _created(target: Path, name: str) -> Iterator[Callable[[bytes], object]]:
    """Make a new private file, and turn what the disk refuses into a DiskError."""
    with disk_errors(f"write the download of `{name}`"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        stream = os.fdopen(os.open(target, flags, FILE_MODE), "wb", buffering=0)

    def write(data: bytes) -> None:
        with disk_errors(f"write the download of `{name}`"):
            write_whole(stream, data)

    try:
        yield write
    finally:
        with disk_errors(f"write the download of `{name}`"):
            stream.close()


def _digests(file: File) -> dict[str, "_Hash"]:
    """Start sha256, which is always recorded, and what else is pinned."""
    found = {"sha256": hashlib.sha256()}
    if file.md5 or file.md5_prefix:
        found["md5"] = hashlib.md5(usedforsecurity=False)
    if file.sha1_prefix:
        found["sha1"] = hashlib.sha1(usedforsecurity=False)
    return found


def _verify(file: File, location: Location, size: int, digests: dict[str, "_Hash"]) -> VerifiedBy:
    """Compare with all that is pinned, and return the strongest of it."""
    if file.bytes is not None and size != file.bytes:
        raise IntegrityError(f"`{location.url}`: expected {file.bytes} bytes, got {size}")
    pins: list[tuple[VerifiedBy, str, str | None]] = [
        ("sha256", "sha256", file.sha256),
        ("md5", "md5", file.md5),
        ("md5-prefix", "md5", file.md5_prefix),
        ("md5-prefix", "sha1", file.sha1_prefix),
    ]
    for _, kind, expected in pins:
        got = digests[kind].hexdigest()[: len(expected)] if expected else None
        if expected != got:
            raise IntegrityError(
                f"`{location.url}` is not the pinned file: {kind} expected {expected}, got {got}",
                hint="it was changed upstream or on the way; nothing was kept",
            )
    return next((verified_by for verified_by, _, expected in pins if expected), "first-use")


# ---- is it the file at all? --------------------------------------------------------------------


def _checked_head(file: File, answer: "Answer | _Local") -> Iterator[bytes]:
    """Pass the body on, once its first bytes have been found to be possible for the file."""
    head = b""
    for data in answer.chunks:
        head += data
        if len(head) >= HEAD:
            break
    wrong = not_the_file(head, file.unpack, answer.headers.get("content-type", ""), answer.url)
    if wrong:
        raise wrong
    yield head
    yield from answer.chunks


def not_the_file(head: bytes, unpack: str, content_type: str, url: str) -> CovcatError | None:
    """Return what is wrong with an answer that starts with `head`, or None if it may be the file.

    Login pages, quota pages and errors come with status 200 from many hosts.
    """
    if not head:
        return NetworkError(f"`{url}` answered with nothing", hint="try again later")
    expected = MAGIC.get(unpack, ())
    if expected and head.startswith(expected):
        return None
    is_page = _PAGE.match(_without_comments(head)) is not None
    if is_page and (unpack != "none" or "html" in content_type):
        return _page_error(head, url)
    if unpack != "none" and head.lstrip()[:1] in (b"{", b"["):
        return NetworkError(
            f"`{url}` answered with JSON in place of the file",
            cause=head[:200].decode("utf-8", "replace"),
        )
    if expected:
        return IntegrityError(f"`{url}` is not a {unpack} file: it starts with {head[:8]!r}")
    return None


def _without_comments(head: bytes) -> bytes:
    """Skip white space and HTML comments; a pattern for both would backtrack for ever."""
    head = head.lstrip()
    while head.startswith(b"<!--") and (end := head.find(b"-->")) >= 0:
        head = head[end + 3 :].lstrip()
    return head


def _page_error(head: bytes, url: str) -> CovcatError:
    found = _TITLE.search(head)
    title = unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
    message = f"`{url}` answered with a web page in place of the file"
    cause = f"its title is `{title}`" if title else None
    if _GATE.search(title or head.decode("utf-8", "replace")):
        return ActionNeededError(
            message, cause=cause, hint=f"open {url} in a browser and see what it asks for"
        )
    return NetworkError(message, cause=cause, hint="try again later")
