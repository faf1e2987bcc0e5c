"""Answers, and what one means that is not the file: a status, its headers, what was said. Pure.

Each rule names the host on which it was seen: Dataverse's guestbooks, the challenges of Cloudflare
and AWS, signed addresses of S3 and GCS that expired, S3's regions, GitHub's limits with status 403.
"""

import json
import re
import time
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape
from urllib.parse import urlsplit

from covcat.download.addresses import without_secrets
from covcat.errors import (
    ActionNeededError,
    CovcatError,
    GoneError,
    IntegrityError,
    NetworkError,
    RefusedError,
    TransientError,
)
from covcat.names import split, volume

_SECONDS = re.compile(r"[0-9]{1,12}")
_YEAR = 365 * 86400  # a larger RateLimit-Reset is a date, not a number of seconds
HEAD = 512  # bytes that decide it
_PAGE = re.compile(rb"<(?:!doctype|html|head|\?xml)", re.I)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.I)
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f]")  # in packed bytes, which may begin like JSON too
_GATE = re.compile(
    r"log ?in|sign ?in|consent|captcha|challenge|just a moment|attention required|verify|"
    r"virus scan|quota",
    re.I,
)
SAID = 4096  # bytes of a body that are looked at
_FINAL = {501, 505}  # of 5xx: another try gets the same
_CLOSED = {
    401: "a login is asked for",
    403: "access is refused",
    407: "the proxy asks for a login",
    451: "it is withheld for legal reasons",
}
_EXPIRED = re.compile(r"expired|SignatureDoesNotMatch|ExpiredToken", re.I)
_GUESTBOOK = re.compile(r"guestbook", re.I)
_PAYS = re.compile(r"requester pays", re.I)
_LIMIT = re.compile(r"rate limit|abuse detection", re.I)
_TAGS = re.compile(r"<title[^>]*>([^<]{1,200})|<(?:Message|Code)>([^<]{1,200})", re.I)
_MOST = 300  # characters of it that are shown
_REGION = "in an entry of your own: region: {}; if it is covcat's: pip install -U covcat"
_LATER = "try again later"
_OPEN = "open {} in a browser and see what it asks for"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body is being read: 200, to a range also 206 and 416, to a condition 304."""

    url: str  # after redirects, as if there were no mirror
    mirror: str | None
    status: int
    headers: Mapping[str, str]  # a dict: httpx decodes all of its own whenever one is looked up
    chunks: Iterator[bytes]
    moved_to: str | None = None  # where what was asked for is for good, by its first redirects

    @property
    def shown(self) -> str:
        """The address as it may be shown: what signs it is a secret."""
        return without_secrets(self.url)

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the server says so."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() and len(text) < 20 else None

    @property
    def is_chunked(self) -> bool:
        """True if the body says itself where it ends."""
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


def refusal(
    url: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Collection[str] = (),
) -> CovcatError:
    """Return the error that an answer other than the file means; `secrets` are not shown."""
    text = said(body, secrets)
    cause, kind = text or None, ActionNeededError
    is_limit = status == 403 and (
        headers.get("x-ratelimit-remaining") == "0" or bool(_LIMIT.search(text))
    )
    if _is_challenge(status, headers):
        why = "a challenge for browsers is set"
    elif status in (400, 403) and _EXPIRED.search(text) and body.lstrip().startswith(b"<"):
        return TransientError(f"`{url}` has expired (HTTP {status})", cause=text, hint=_LATER)
    elif status == 400 and _GUESTBOOK.search(text):
        why = "its guestbook must be filled in"
    elif status == 400 and _PAYS.search(text):
        why, kind = "whoever asks is to pay for it", RefusedError
    elif status in (301, 400) and (region := headers.get("x-amz-bucket-region")):
        message = f"`{url}` is of a bucket in the region `{region}`, and was asked for in another"
        return GoneError(message, cause=cause, hint=_REGION.format(region))
    elif is_limit or status in (408, 425, 429) or (status >= 500 and status not in _FINAL):
        error = TransientError(f"`{url}` answered HTTP {status}", cause=cause, hint=_LATER)
        if is_limit or status in (429, 503):
            error.after = wait_asked(headers)
        return error
    elif status in _CLOSED:
        why, kind = _CLOSED[status], ActionNeededError if status == 407 else RefusedError
    elif status in (404, 410):
        hint = "`covcat show` names the resource's own page"
        return GoneError(f"`{url}` is gone (HTTP {status})", cause=cause, hint=hint)
    else:
        return NetworkError(f"`{url}` answered HTTP {status}, which is not a file", cause=cause)
    message = f"`{url}` wants a person: {why} (HTTP {status})"
    return kind(message, cause=cause, hint=_OPEN.format(url))


def _is_challenge(status: int, headers: Mapping[str, str]) -> bool:
    """Tell a page that only browsers pass: figshare's comes with status 202 and no body."""
    by_aws = headers.get("x-amzn-waf-action", "").lower() in ("challenge", "captcha")
    by_cloudflare = headers.get("cf-mitigated", "").lower() == "challenge"
    return (by_aws and status in (202, 403, 405)) or (by_cloudflare and status in (403, 429, 503))


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return what must not be shown of a login's headers, longest first: hosts echo them."""
    found: set[str] = set()
    for value in headers.values():
        kind, _, bare = value.rpartition(" ")  # as in `Bearer TOKEN`
        found |= {value, bare}
        if kind == "Basic":
            with suppress(ValueError):
                found.add(b64decode(bare).decode().partition(":")[2])
    return tuple(sorted((one for one in found if len(one) > 3), key=len, reverse=True))


def said(body: bytes, secrets: Collection[str] = ()) -> str:
    """Return what a server said in JSON, XML or on a page; "" where that is not plain."""
    text = _without(body.decode("utf-8", "replace").strip(), secrets)
    if text.startswith("{"):
        with suppress(ValueError, RecursionError):
            tree = json.loads(text)
            for value in map(tree.get, ("message", "error", "errorMessage")):
                found = value.get("message") if isinstance(value, dict) else value
                if isinstance(found, str) and found:
                    return _without(found, secrets)[:_MOST]
        return ""
    if text.startswith("<"):
        found = [unescape(one or two).strip() for one, two in _TAGS.findall(text)]
        return " - ".join(dict.fromkeys(found))[:_MOST]
    return "" if len(text) > _MOST or "\n" in text else text


def _without(text: str, secrets: Collection[str]) -> str:
    for one in secrets:
        text = text.replace(one, "…")
    return text


def wait_asked(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds to wait, or None where the headers do not say it.

    Retry-After: RFC 9110, section 10.2.3 (seconds or a date). RateLimit-Reset: seconds in the
    drafts of the IETF, seconds since 1970 with GitHub and Zenodo; `RateLimit: …;t=` in later ones.
    """
    now = time.time() if now is None else now
    if text := headers.get("retry-after", "").strip():
        if _SECONDS.fullmatch(text):
            return float(text)
        with suppress(ValueError, OverflowError, TypeError, IndexError):
            return max(0.0, parsedate_to_datetime(text).timestamp() - now)
        return None
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        text = headers.get(name, "").strip()
        if _SECONDS.fullmatch(text):
            return max(0.0, float(text) - now) if float(text) > _YEAR else float(text)
    found = re.search(r";\s*t=([0-9]{1,12})\b", headers.get("ratelimit", ""))
    return float(found[1]) if found else None


MAGIC = {
    "zip": (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00"),  # the last of split ones
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "rar": (b"Rar!\x1a\x07",),
    "gz": (b"\x1f\x8b",),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\x00",),
    "zst": (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n, 0x2A, 0x4D, 0x18]) for n in range(16))),
}


def not_the_file(
    head: bytes, unpack: str, content_type: str, url: str, *, is_pinned: bool = False
) -> CovcatError | None:
    """Return what is wrong with an answer that starts with `head`; None if it may be the file.

    A zip may begin later in its file: of one that is pinned the digest decides.
    """
    expected, name = MAGIC.get(unpack, ()), urlsplit(url).path.rpartition("/")[2]
    if expected and head.startswith(expected):
        return None
    text = head.lstrip()
    while text.startswith(b"<!--") and (end := text.find(b"-->")) >= 0:
        text = text[end + 3 :].lstrip()  # a pattern for comments would backtrack for ever
    if _PAGE.match(text) and (unpack != "none" or "html" in content_type):
        found = _TITLE.search(head)
        title = unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
        message = f"`{url}` answered with a web page in place of the file"
        cause = f"its title is `{title}`" if title else None
        if _GATE.search(title or head.decode("utf-8", "replace")):
            return ActionNeededError(message, cause=cause, hint=_OPEN.format(url))
        return NetworkError(message, cause=cause, hint=_LATER)
    if unpack != "none" and head.lstrip()[:1] in (b"{", b"[") and not _CONTROL.search(head):
        said_so = head[:200].decode("utf-8", "replace")
        return NetworkError(f"`{url}` answered with JSON in place of the file", cause=said_so)
    if expected and volume(name):
        return split(name)
    if expected and not (is_pinned and unpack == "zip"):
        start = head[:8].decode("ascii", "backslashreplace")
        return IntegrityError(f"`{url}` is not a {unpack} file: it starts with `{start}`")
    return None
