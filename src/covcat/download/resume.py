"""May bytes of two answers be joined? Rules on validators and ranges: RFC 9110, 8.8 and 14."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from covcat.digests import Digest

Verdict = Literal["go on", "from zero", "complete", "ask for all"]
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Validator:
    """What tells one state of a file from another: strong validators only."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def if_range(self) -> str | None:
        """Return what may stand in If-Range."""
        return self.etag or self.last_modified


def validator_of(headers: Mapping[str, str]) -> Validator:
    """Return the strong validators of an answer.

    An ETag is weak if it says so; a Last-Modified date, unless it is a second or more older than
    Date (RFC 9110, section 8.8.2.2).
    """
    etag = headers.get("etag")
    if etag is not None and not is_strong(etag):
        etag = None
    modified = headers.get("last-modified")
    if modified is not None and not _is_settled(modified, headers.get("date")):
        modified = None
    return Validator(etag, modified)


def is_strong(etag: str) -> bool:
    """Say whether an ETag is one at all, and not a weak one."""
    return re.fullmatch(r'"[\x21\x23-\x7e]*"', etag) is not None


def _is_settled(modified: str, date: str | None) -> bool:
    try:
        age = parsedate_to_datetime(date or "") - parsedate_to_datetime(modified)
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
    return age.total_seconds() >= 1


@dataclass(frozen=True, slots=True)
class Held:
    """What is here of a file, and what is known of it."""

    offset: int
    total: int | None
    validator: Validator
    is_pinned: bool  # a digest of the whole file decides in the end


def judge(status: int, headers: Mapping[str, str], held: Held) -> Verdict:
    """Say what the answer to `Range: bytes=OFFSET-` lets be done."""
    if status == 200:
        return "from zero"
    found = content_range(headers)
    if status == 416:
        length = re.fullmatch(r"bytes \*/([0-9]{1,18})", headers.get("content-range", ""))
        is_all = length is not None and int(length[1]) == held.offset and held.is_pinned
        return "complete" if is_all else "ask for all"
    if status != 206 or found is None:
        return "ask for all"
    start, end, total = found
    if start != held.offset or end < start or total is None or end >= total:
        return "ask for all"
    if held.total is not None and total != held.total:
        return "ask for all"
    return "go on" if _is_same(headers, held) else "ask for all"


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None] | None:
    """Return first byte, last byte and total of a single range, or None."""
    found = _RANGE.fullmatch(headers.get("content-range", ""))
    if found is None or "multipart" in headers.get("content-type", ""):
        return None
    return int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])


def _is_same(headers: Mapping[str, str], held: Held) -> bool:
    """Compare what the answer says of its state: servers send 206 in spite of If-Range."""
    if held.validator.etag is not None and "etag" in headers:
        return headers["etag"] == held.validator.etag
    if held.validator.last_modified is not None and "last-modified" in headers:
        return headers["last-modified"] == held.validator.last_modified
    return held.is_pinned


def claimed_md5(headers: Mapping[str, str]) -> list[Digest]:
    """Return the md5 that Google's storage says of the whole file; composed ones have none.

    `x-goog-hash: crc32c=…,md5=<base64>`, in one line or two: cloud.google.com/storage/docs/xml-api.
    """
    for item in headers.get("x-goog-hash", "").split(","):
        kind, _, value = item.strip().partition("=")
        if kind == "md5":
            try:
                found = base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                return []
            return [Digest("md5", found.hex(), "host-md5")] if len(found) == 16 else []
    return []
