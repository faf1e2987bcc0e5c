"""May bytes of two answers be joined? Rules on validators and ranges: RFC 9110, 8.8 and 14."""

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
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
    etag, modified, is_settled = headers.get("etag", ""), headers.get("last-modified", ""), False
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        age = parsedate_to_datetime(headers.get("date", "")) - parsedate_to_datetime(modified)
        is_settled = age.total_seconds() >= 1
    return Validator(etag if is_strong(etag) else None, modified if is_settled else None)


def is_strong(etag: str) -> bool:
    """Say whether an ETag is one at all, and not a weak one."""
    return re.fullmatch(r'"[\x21\x23-\x7e]*"', etag) is not None


@dataclass(frozen=True, slots=True)
class HeldPart:
    """What is here of a file, and what is known of it."""

    offset: int
    total: int | None
    validator: Validator
    is_pinned: bool  # a digest of the whole file decides in the end


def judge(status: int, headers: Mapping[str, str], held: HeldPart) -> Verdict:
    """Say what the answer to `Range: bytes=OFFSET-` lets be done."""
    if status == 200:
        return "from zero"
    if status == 416:
        length = re.fullmatch(r"bytes \*/([0-9]{1,18})", headers.get("content-range", ""))
        is_all = length is not None and int(length[1]) == held.offset and held.is_pinned
        return "complete" if is_all else "ask for all"
    found = content_range(headers)
    if status != 206 or found is None:
        return "ask for all"
    start, end, total = found
    is_next = start == held.offset and total is not None and start <= end < total
    if not is_next or held.total not in (None, total):
        return "ask for all"
    is_same = held.is_pinned  # servers send 206 in spite of If-Range: compare the state they name
    if held.validator.etag is not None and "etag" in headers:
        is_same = headers["etag"] == held.validator.etag
    elif held.validator.last_modified is not None and "last-modified" in headers:
        is_same = headers["last-modified"] == held.validator.last_modified
    return "go on" if is_same else "ask for all"


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None] | None:
    """Return first byte, last byte and total of a single range, or None."""
    found = _RANGE.fullmatch(headers.get("content-range", ""))
    if found is None or "multipart" in headers.get("content-type", ""):
        return None
    return int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])


def claimed_md5(headers: Mapping[str, str]) -> list[Digest]:
    """Return the md5 that Google's storage says of the whole file; composed ones have none.

    `x-goog-hash: crc32c=…,md5=<base64>`, in one line or two: cloud.google.com/storage/docs/xml-api.
    """
    for item in headers.get("x-goog-hash", "").split(","):
        if found := re.fullmatch(r"md5=([A-Za-z0-9+/]{22}==)", item.strip()):
            return [Digest("md5", base64.b64decode(found[1]).hex(), "host-md5")]
    return []
