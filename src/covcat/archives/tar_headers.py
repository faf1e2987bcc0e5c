"""One block of tar: what its fields say, strictly.

Layouts: v7, POSIX ustar (IEEE 1003.1, pax), old GNU (GNU tar manual, "Basic Tar Format") and
star. A field that readers take differently is refused.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from zlib import adler32

from covcat.archives.base import BadArchiveError, UnsafeError, label

MAX_RECORDS = 1 << 20  # bytes of one pax header
_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_NUMBER = re.compile(rb"0*[0-9]{1,19}")
_NAMES = (b"path", b"linkpath")
SPARSE = b"GNU.sparse."  # begins the keys of a file with holes
# What would rename or resize every later member: readers disagree on how long it holds.
_NEVER_GLOBAL = re.compile(
    rb"path|linkpath|size|hdrcharset|SCHILY\.realsize|GNU\.(sparse|volume)\..*"
)
_CHARSETS = (b"BINARY", b"ISO-IR 10646 2000 UTF-8")
BLOCK = 512
END = bytes(BLOCK)
_MAX_SIZE = (1 << 63) - 1
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_LIKE_CHECKSUM = re.compile(rb" *[0-7]{4,7}[ \0]{1,2}")
Records = Mapping[bytes, bytes]


class Header(NamedTuple):
    """The fields that mean something to us; `name` ends before its first NUL."""

    type: bytes
    name: bytes
    size: int
    mode: int
    link: bytes  # the target of a link


def has_checksum(block: bytes) -> bool:
    """Whether a block's checksum is right; some old writers summed signed bytes."""
    found = _OCTAL.fullmatch(block, 148, 156)
    if len(block) != BLOCK or found is None or not found[1]:
        return False
    claimed = int(found[1], 8)
    # An Adler-32 begins with a plain sum, and is ten times as fast as `sum`; 256 bytes at a time
    # cannot reach its modulus.
    total = (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
    unsigned = total - sum(block[148:156]) + 8 * ord(" ")
    return claimed == unsigned or claimed == unsigned - 256 * sum(
        byte > 127 for byte in block[:148] + block[156:]
    )


def resembles(block: bytes) -> bool:
    """Whether a block may be a damaged header: a wrong byte must not make padding of a member."""
    return block[257:262] == b"ustar" or _LIKE_CHECKSUM.fullmatch(block, 148, 156) is not None


def has_times(block: bytes) -> bool:
    """Whether it is a GNU header with the two times that `tar --incremental` writes.

    They are a prefix of the name to Python and 7-Zip, and none to GNU tar and bsdtar.
    """
    return block[257:265] == b"ustar  \0" and bool(block[345:369].strip(b"\0"))


def parse(block: bytes) -> Header:
    """Read the fields of a block whose checksum is right."""
    name = _text(block[:100], "name")
    if _is_posix(block) and block[345]:
        # star keeps two times after byte 131 of the prefix.
        prefix = block[345:500] if block[475] else block[345:476]
        name = _text(prefix, "prefix") + b"/" + name
    size, mode = _number(block[124:136], "size"), _number(block[100:108], "mode")
    return Header(block[156:157], name, size, mode, block[157:257].partition(b"\0")[0])


def _number(field: bytes, what: str) -> int:
    """Return what a numeric field says: octal digits, or base 256 as GNU and star write it."""
    found = _OCTAL.fullmatch(field)
    if found is not None:
        # A blank is an error to GNU tar, which skips the entry, and 0 to others.
        if not found[1] and b" " in field:
            raise UnsafeError(f"has a header whose {what} is blank")
        return int(found[1] or b"0", 8)
    value = int.from_bytes(field, "big", signed=True)
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
    elif field[0] != 0xFF:
        raise BadArchiveError(f"has a header whose {what} is not a number: `{label(field)}`")
    if not 0 <= value <= _MAX_SIZE:
        raise BadArchiveError(f"has a header whose {what} is {value}")
    return value


def _is_posix(block: bytes) -> bool:
    """Tell the format with a prefix, and check what each format has where that would be."""
    magic = block[257:265]
    is_star = block[508:] == b"tar\0"
    if magic[:6] == b"ustar\0":
        if is_star and block[475]:
            raise BadArchiveError("has a star header whose prefix does not end")
        return True
    if magic == b"ustar  \0":
        # The size of a sparse file is that of any file to bsdtar. M is the rest of a file, in a
        # later volume.
        if block[345:369].strip(b"\0"):
            _number(block[345:357], "time of access")
            _number(block[357:369], "time of change")
        if block[386:495].strip(b"\0") and block[156:157] not in (b"S", b"M"):
            raise UnsafeError("has a GNU header with a sparse map for an entry that is not sparse")
        return False
    if block[345 : 476 if is_star else 500].strip(b"\0"):
        raise UnsafeError("has a header with a prefix, and no mark of the format it is of")
    return False


def _text(field: bytes, what: str) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise UnsafeError(f"has a header with bytes after the end of its {what}: `{label(field)}`")
    return text


def parse_records(body: bytes) -> dict[bytes, bytes]:
    """Return the records of an `x` or `g` header."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        length = _LENGTH.match(body, at)
        end = at + int(length[1]) if length else 0
        line = body[length.end() : end] if length else b""
        key, equals, value = line[:-1].partition(b"=")
        if end > len(body) or not key or not equals or line[-1:] != b"\n":
            raise BadArchiveError(f"has a malformed pax header: `{label(body[at : at + 40])}`")
        if key in found and not key.startswith(SPARSE):
            raise UnsafeError(f"has a pax header that gives `{_label(key)}` twice")
        found[key] = value
        at = end
    for key in _NAMES:
        if key in found and (not found[key] or b"\0" in found[key]):
            raise UnsafeError(f"has a pax header whose `{_label(key)}` is empty or has a NUL")
    if found.get(b"hdrcharset", _CHARSETS[0]) not in _CHARSETS:
        raise UnsafeError("has a pax header with an unknown `hdrcharset`")
    return found


def check_harmless(records: Records) -> None:
    """Check a `g` header: comments, times and owners may be set for all members."""
    for key in records:
        if _NEVER_GLOBAL.fullmatch(key):
            raise UnsafeError(f"has a global pax header that sets `{_label(key)}`")


def read_decimal(text: bytes) -> int:
    """Return a size that pax gives in decimal digits."""
    if _NUMBER.fullmatch(text) is None or int(text) > _MAX_SIZE:
        raise BadArchiveError(f"has a pax header whose size is not a size: `{label(text[:40])}`")
    return int(text)


def _label(key: bytes) -> str:
    return key.decode("utf-8", "replace")
