"""Requests as an imitated host sees them, and replies as it gives them."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote, unquote

Framing = Literal["length", "chunked", "close"]
Headers = list[tuple[str, str]]
LAST_MODIFIED = "Tue, 05 Jan 2021 10:00:00 GMT"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Request:
    """One request; `path` is as it was sent, without the mirror's part."""

    host: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    is_mirrored: bool = False  # it was addressed to the loopback server, not to the host
    raw_query: str = ""
    target: str = ""  # as it stood in the first line

    @property
    def agent(self) -> str:
        return self.headers.get("user-agent", "")

    @property
    def parts(self) -> list[str]:
        """The path's segments, unquoted; a last empty one is left out."""
        return [unquote(part) for part in self.path.strip("/").split("/")]

    @property
    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Reply:
    """What is sent; the last fields say how badly."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    framing: Framing = "length"
    cut: int | None = None  # the connection ends after so many bytes of the body
    piece: int | None = None  # bytes written at once, with a pause after each
    pause: float = 0.0
    after_piece: Callable[[int, bool], None] | None = None  # gets what was sent, true if all
    is_dropped: bool = False  # no reply at all: the connection is closed

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        found = (value for known, value in self.headers if known.lower() == name.lower())
        return next(found, None)

    def having(self, headers: Mapping[str, str]) -> "Reply":
        """Return the reply with some headers replaced or added."""
        names = {name.lower() for name in headers}
        kept = [(name, value) for name, value in self.headers if name.lower() not in names]
        return replace(self, headers=[*kept, *headers.items()])


class Site:
    """One imitated host, or several that belong together."""

    hosts: Collection[str] = ()
    credentials: Collection[str] = ("authorization", "cookie")  # headers that are its business

    def has(self, host: str) -> bool:
        return host in self.hosts

    def accepts(self, host: str) -> Collection[str]:
        return self.credentials


def version_of(versions: Iterable[Any], number: str | None) -> Any | None:
    """Find the version of that number; without one, the highest."""
    if number is None:
        return max(versions, key=lambda one: int(one.number), default=None)
    return next((one for one in versions if one.number == number), None)


def as_json(
    value: object, status: int = 200, headers: Iterable[tuple[str, str]] = (), kind: str = ""
) -> Reply:
    content_type = ("Content-Type", kind or "application/json")
    return Reply(status, [content_type, *headers], json.dumps(value).encode())


def as_html(title: str, text: str = "", status: int = 200, *headers: tuple[str, str]) -> Reply:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>"
    return Reply(status, [("Content-Type", "text/html; charset=utf-8"), *headers], page.encode())


def as_text(text: str, status: int = 200) -> Reply:
    return Reply(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())


def redirect(location: str, status: int = 302, *headers: tuple[str, str]) -> Reply:
    return Reply(status, [("Location", location), *headers])


def disposition(name: str) -> str:
    is_plain = re.fullmatch(r"[\w.+-]+", name, re.ASCII)
    return "attachment; filename" + (f"={name}" if is_plain else f"*=UTF-8''{quote(name)}")


@dataclass(frozen=True)
class Content:
    """Bytes that a host serves, and what it says of them."""

    data: bytes
    etag: str | None = None  # with its quotes
    modified: str | None = LAST_MODIFIED
    type: str = "application/octet-stream"
    headers: tuple[tuple[str, str], ...] = ()
    has_ranges: bool = True
    heeds_if_range: bool = True  # Dataverse does not
    says_ranges: bool = True  # Accept-Ranges: bytes on every answer


def serve(request: Request, content: Content) -> Reply:
    """Answer with the bytes, or with the one range that was asked for."""
    headers = _common(content)
    asked = _RANGE.fullmatch(request.headers.get("range", "")) if content.has_ranges else None
    if asked is None or asked[0] == "bytes=-" or not _may_continue(request, content):
        return Reply(200, headers, content.data)
    size = len(content.data)
    if asked[1]:
        start, stop = int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size
    else:  # the last so many bytes
        start, stop = max(0, size - int(asked[2])), size
    if start >= stop:
        return Reply(416, [*headers, ("Content-Range", f"bytes */{size}")])
    part = ("Content-Range", f"bytes {start}-{stop - 1}/{size}")
    return Reply(206, [*headers, part], content.data[start:stop])


def _common(content: Content) -> Headers:
    ranges = "bytes" if content.has_ranges and content.says_ranges else None
    more = {"ETag": content.etag, "Last-Modified": content.modified, "Accept-Ranges": ranges}
    said = [(name, value) for name, value in more.items() if value]
    return [("Content-Type", content.type), *content.headers, *said]


def _may_continue(request: Request, content: Content) -> bool:
    """True if there is no If-Range, or it names what is here; a weak tag never does."""
    condition = request.headers.get("if-range")
    if condition is None or not content.heeds_if_range:
        return True
    is_strong = condition == content.etag and not condition.startswith("W/")
    return is_strong or (content.modified is not None and condition == content.modified)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def spoilt(data: bytes) -> bytes:
    """Return other bytes of the same length; an empty file gets one byte."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :] if data else b"\0"
