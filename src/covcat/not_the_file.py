"""Is an answer the file at all? Login pages, quota pages and errors come with status 200."""

import re
from html import unescape
from urllib.parse import urlsplit

from covcat.errors import ActionNeededError, CovcatError, IntegrityError, NetworkError
from covcat.names import split, volume

HEAD = 512  # bytes that decide it

MAGIC = {
    "zip": (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00"),  # the last of split ones
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "rar": (b"Rar!\x1a\x07",),
    "gz": (b"\x1f\x8b",),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\x00",),
    "zst": (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n, 0x2A, 0x4D, 0x18]) for n in range(16))),
}
_PAGE = re.compile(rb"<(?:!doctype|html|head|\?xml)", re.I)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.I)
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f]")  # in packed bytes, which may begin like JSON too
_GATE = re.compile(
    r"log ?in|sign ?in|consent|captcha|challenge|just a moment|attention required|verify|"
    r"virus scan|quota",
    re.I,
)


def not_the_file(head: bytes, unpack: str, content_type: str, url: str) -> CovcatError | None:
    """Return what is wrong with an answer that starts with `head`; None if it may be the file."""
    expected = MAGIC.get(unpack, ())
    if expected and head.startswith(expected):
        return None
    is_page = _PAGE.match(_without_comments(head)) is not None
    if is_page and (unpack != "none" or "html" in content_type):
        return _page_error(head, url)
    if unpack != "none" and head.lstrip()[:1] in (b"{", b"[") and not _CONTROL.search(head):
        return NetworkError(
            f"`{url}` answered with JSON in place of the file",
            cause=head[:200].decode("utf-8", "replace"),
        )
    if expected and volume(urlsplit(url).path):
        return split(urlsplit(url).path.rpartition("/")[2])
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
