"""The records of a pax header: `length key=value` lines (IEEE 1003.1, pax Extended Header)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from covcat.archives.member import BadArchiveError
from covcat.archives.tar_headers import MAX_SIZE

MAX_RECORDS = 1 << 20  # bytes of one pax header
_RECORDS_PER_MEMBER = 100
_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_NUMBER = re.compile(rb"0*[0-9]{1,19}")
_NAMES = (b"path", b"linkpath", b"GNU.sparse.name")
_REPEATED = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")  # the pairs of sparse format 0.0
# What would rename or resize every later member: readers disagree on how long it holds.
_NEVER_GLOBAL = re.compile(
    rb"path|linkpath|size|hdrcharset|SCHILY\.realsize|GNU\.(sparse|volume)\..*"
)
_CHARSETS = (b"BINARY", b"ISO-IR 10646 2000 UTF-8")

Records = Mapping[bytes, bytes]


@dataclass(slots=True)
class Room:
    """What an archive may still have of what takes long to read and hardly a byte when packed."""

    ranges: int = 200_000  # of all sparse files
    records: int = 200_000

    def take_ranges(self, count: int) -> None:
        """Refuse one range too many."""
        self.ranges -= count
        if self.ranges < 0:
            raise BadArchiveError("has sparse files of too many ranges")

    def take_records(self, count: int) -> None:
        """Refuse one record too many."""
        self.records -= count
        if self.records < 0:
            raise BadArchiveError("has too many pax records")

    def add_member(self) -> None:
        """Make room for the records of one more member."""
        self.records += _RECORDS_PER_MEMBER


def parse_records(body: bytes, room: Room) -> dict[bytes, bytes]:
    """Return the records of an `x` header; the pairs of sparse format 0.0 become one map."""
    found: dict[bytes, bytes] = {}
    pairs: list[tuple[bytes, bytes]] = []
    for key, value in _lines(body):
        room.take_records(1)
        if key in _REPEATED:
            pairs.append((key, value))
            continue
        if key in found:
            raise BadArchiveError(f"has a pax header that gives `{_shown(key)}` twice")
        found[key] = value
    for key in _NAMES:
        if key in found and (not found[key] or b"\0" in found[key]):
            raise BadArchiveError(f"has a pax header whose `{_shown(key)}` is empty or has a NUL")
    if found.get(b"hdrcharset", _CHARSETS[0]) not in _CHARSETS:
        raise BadArchiveError("has a pax header with an unknown `hdrcharset`")
    if pairs:
        found[b"GNU.sparse.map"] = _joined(pairs, found)
    return found


def demand_harmless(body: bytes, room: Room) -> None:
    """Check a `g` header: comments, times and owners may be set for all members."""
    for key in parse_records(body, room):
        if _NEVER_GLOBAL.fullmatch(key):
            raise BadArchiveError(f"has a global pax header that sets `{_shown(key)}`")


def decimal(text: bytes, what: str) -> int:
    """Return a size or offset that pax gives in decimal digits."""
    if _NUMBER.fullmatch(text) is None or int(text) > MAX_SIZE:
        raise BadArchiveError(f"has a pax header whose {what} is not a size: {text[:40]!r}")
    return int(text)


def _lines(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        found = _LENGTH.match(body, at)
        end = at + int(found[1]) if found else 0
        line = body[found.end() : end] if found else b""
        key, equals, value = line[:-1].partition(b"=")
        if end > len(body) or not key or not equals or line[-1:] != b"\n":
            raise BadArchiveError(f"has a malformed pax header: {body[at : at + 40]!r}")
        yield key, value
        at = end


def _joined(pairs: list[tuple[bytes, bytes]], found: Records) -> bytes:
    """Write the pairs of sparse format 0.0 as the map of format 0.1."""
    if b"GNU.sparse.map" in found or [key for key, _ in pairs] != list(_REPEATED) * (
        len(pairs) // 2
    ):
        raise BadArchiveError("has a pax header whose sparse map is not made of pairs")
    return b",".join(value for _, value in pairs)


def _shown(key: bytes) -> str:
    return key.decode("utf-8", "replace")
