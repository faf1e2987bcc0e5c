"""One block of tar: what its fields say, strictly.

Layouts: v7, POSIX ustar (IEEE 1003.1, pax), old GNU (GNU tar manual, "Basic Tar Format") and
star. A field that readers take differently is refused.
"""

import re
from typing import NamedTuple
from zlib import adler32

from covcat.archives.member import BadArchiveError

BLOCK = 512
END = bytes(BLOCK)
MAX_SIZE = (1 << 63) - 1

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_PLAIN, _POSIX, _GNU = "v7", "posix", "gnu"


class Header(NamedTuple):
    """The fields that mean something to us; `name` ends before its first NUL."""

    type: bytes
    name: bytes
    size: int
    mode: int
    block: bytes  # all of it: what GNU keeps at its end belongs to sparse files
    is_gnu: bool


def has_checksum(block: bytes) -> bool:
    """Whether a block's checksum is right; some old writers summed signed bytes."""
    if len(block) != BLOCK:
        return False
    found = _OCTAL.fullmatch(block, 148, 156)
    if found is None or not found[1]:
        return False
    claimed = int(found[1], 8)
    # An Adler-32 begins with a plain sum, and is ten times as fast as `sum`; 256 bytes at a time
    # cannot reach its modulus.
    total = (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
    unsigned = total - sum(block[148:156]) + 8 * ord(" ")
    return claimed == unsigned or claimed == unsigned - 256 * sum(
        byte > 127 for byte in block[:148] + block[156:]
    )


def parse(block: bytes) -> Header:
    """Read the fields of a block whose checksum is right."""
    layout = _layout(block)
    name = _text(block[:100], "name")
    if layout == _POSIX and block[345]:
        name = _prefix(block) + b"/" + name
    return Header(
        type=block[156:157],
        name=name,
        size=number(block[124:136], "size"),
        mode=number(block[100:108], "mode"),
        block=block,
        is_gnu=layout == _GNU,
    )


def number(field: bytes, what: str) -> int:
    """Return what a numeric field says: octal digits, or base 256 as GNU and star write it."""
    found = _OCTAL.fullmatch(field)
    if found is not None:
        if (
            not found[1] and b" " in field
        ):  # an error to GNU tar, which skips the entry; 0 to others
            raise BadArchiveError(f"has a header whose {what} is blank")
        return int(found[1] or b"0", 8)
    value = int.from_bytes(field, "big", signed=True)
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
    elif field[0] != 0xFF:
        raise BadArchiveError(f"has a header whose {what} is not a number: {field!r}")
    if not 0 <= value <= MAX_SIZE:
        raise BadArchiveError(f"has a header whose {what} is {value}")
    return value


def _prefix(block: bytes) -> bytes:
    """Return what goes before the name; star keeps two times after byte 131 of it."""
    prefix = block[345:500]
    return _text(prefix if prefix[130] else prefix[:131], "prefix")


def _layout(block: bytes) -> str:
    magic = block[257:265]
    is_star = block[508:] == b"tar\0"
    if magic[:6] == b"ustar\0":
        if is_star and block[475]:
            raise BadArchiveError("has a star header whose prefix does not end")
        return _POSIX
    if magic == b"ustar  \0":
        _demand_gnu(block)
        return _GNU
    if block[345 : 476 if is_star else 500].strip(b"\0"):
        raise BadArchiveError("has a header with a prefix, and no mark of the format it is of")
    return _PLAIN


def _demand_gnu(block: bytes) -> None:
    """Refuse what GNU keeps at a header's end and others take for something else.

    The two times that `tar --incremental` writes are a prefix of the name to Python and 7-Zip; the
    size of a sparse file is that of any file to bsdtar. M is the rest of a file, in a later volume.
    """
    if block[345:369].strip(b"\0"):
        raise BadArchiveError("has a GNU header with times, which are a prefix to other readers")
    if block[386:495].strip(b"\0") and block[156:157] not in (b"S", b"M"):
        raise BadArchiveError("has a GNU header with a sparse map for an entry that is not sparse")


def _text(field: bytes, what: str) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise BadArchiveError(f"has a header with bytes after the end of its {what}: {field!r}")
    return text
