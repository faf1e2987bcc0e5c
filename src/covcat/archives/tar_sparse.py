"""Sparse files in tar: which ranges of a file are stored, the rest being zeros.

Formats: old GNU (type `S`), pax 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from covcat.archives.base import CHUNK, BadArchiveError, Writer
from covcat.archives.streams import Flow
from covcat.archives.tar_headers import BLOCK, Header, Records, Room, decimal, number

_NUMBER = re.compile(rb"[0-9]{1,19}")
_LONGEST_LINE = 20  # bytes
_PREFIX = b"GNU.sparse."
_OLD_KEYS = {b"major", b"minor", b"name", b"size", b"numblocks", b"map"}
# The records of each version; readers choose differently among those of two.
_KEYS: Mapping[tuple[bytes | None, bytes | None], set[bytes]] = {
    (None, None): _OLD_KEYS,
    (b"0", b"0"): _OLD_KEYS,
    (b"0", b"1"): _OLD_KEYS,
    (b"1", b"0"): {b"major", b"minor", b"name", b"realsize"},
}
_ZEROS = memoryview(bytes(CHUNK))


class Ranges(NamedTuple):
    """The file's real size in bytes, and the (offset, size) pairs stored one after the other."""

    real_size: int
    pairs: list[tuple[int, int]]
    stored: int  # bytes of the member that are data, after any map


def from_gnu(header: Header, stored: int, flow: Flow, room: Room) -> Ranges:
    """Read the map of a type `S` header and the blocks that continue it."""
    if not header.is_gnu:
        raise BadArchiveError("has a sparse file that is not in GNU's format")
    pairs: list[tuple[int, int]] = []
    fields, goes_on = header.block[386:482], header.block[482]
    while True:
        now = _pairs(fields, room)
        pairs += now
        if not goes_on:
            break
        block = flow.take(BLOCK)
        is_full = 24 * len(now) == len(fields)
        if not is_full or len(block) < BLOCK or block[505:].strip(b"\0"):
            raise BadArchiveError("has a sparse file whose map does not end well")
        fields, goes_on = block[:504], block[504]
    return _checked(number(header.block[483:495], "sparse size"), pairs, stored)


def _pairs(fields: bytes, room: Room) -> list[tuple[int, int]]:
    """Return the pairs of one block, as many as there are places or less."""
    pairs = []
    for at in range(0, len(fields), 24):
        if not fields[at : at + 24].strip(b"\0"):
            if fields[at:].strip(b"\0"):
                raise BadArchiveError("has a sparse file with a gap in its map")
            break
        offset = number(fields[at : at + 12], "sparse offset")
        pairs.append((offset, number(fields[at + 12 : at + 24], "sparse length")))
    room.take_ranges(len(pairs))
    return pairs


def is_sparse(records: Records) -> bool:
    """Whether any record is of a sparse file."""
    return any(key.startswith(_PREFIX) for key in records)


def from_pax(records: Records, stored: int, flow: Flow, room: Room) -> Ranges | None:
    """Read the map that pax records give or announce; None if the file is not sparse."""
    if not is_sparse(records):
        return None
    version = records.get(b"GNU.sparse.major"), records.get(b"GNU.sparse.minor")
    known = _KEYS.get(version)
    if known is None:
        raise BadArchiveError("has a sparse file of an unknown format")
    if not {key.removeprefix(_PREFIX) for key in records if key.startswith(_PREFIX)} <= known:
        raise BadArchiveError("has a sparse file with the records of two formats")
    if version[0] == b"1":
        real_size = _size(records, b"GNU.sparse.realsize")
        pairs, used = _leading_map(flow, stored, room)
        return _checked(real_size, pairs, stored - used)
    pairs = _map(records, room)
    return _checked(_size(records, b"GNU.sparse.size"), pairs, stored)


def _map(records: Records, room: Room) -> list[tuple[int, int]]:
    """Read the map of the formats 0.0 and 0.1: numbers with commas."""
    text = records.get(b"GNU.sparse.map", b"")
    count = _size(records, b"GNU.sparse.numblocks")
    room.take_ranges(count)
    numbers = [decimal(one, "map") for one in text.split(b",")] if text else []
    if len(numbers) != 2 * count:
        raise BadArchiveError("has a sparse file whose map is not as long as it says")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _size(records: Records, key: bytes) -> int:
    return decimal(records.get(key, b""), key.decode())


def _leading_map(flow: Flow, stored: int, room: Room) -> tuple[list[tuple[int, int]], int]:
    """Read the map before the data: decimal lines, filled up to a block; and its length."""
    text = bytearray()
    lines, wanted = 0, 1
    while lines < wanted:
        if len(text) >= min(stored, wanted * _LONGEST_LINE):
            raise BadArchiveError("has a sparse file whose map is not made of numbers")
        block = _whole_block(flow)
        if not text:
            count = _number(block.partition(b"\n")[0])
            room.take_ranges(count)
            wanted += 2 * count
        text += block
        lines += block.count(b"\n")
    *found, rest = bytes(text).split(b"\n", wanted)
    if rest.strip(b"\0"):
        raise BadArchiveError("has a sparse file with bytes after its map")
    numbers = [_number(line) for line in found[1:]]
    return list(zip(numbers[::2], numbers[1::2], strict=True)), len(text)


def _number(line: bytes) -> int:
    if _NUMBER.fullmatch(line) is None:
        raise BadArchiveError("has a sparse file whose map is not made of numbers")
    return int(line)


def _whole_block(flow: Flow) -> bytes:
    block = flow.take(BLOCK)
    if len(block) < BLOCK:
        raise BadArchiveError("ends in the middle of a sparse file")
    return block


def _checked(real_size: int, pairs: list[tuple[int, int]], stored: int) -> Ranges:
    end = 0
    for offset, size in pairs:
        if offset < end or offset + size > real_size:
            raise BadArchiveError("has a sparse file whose map overlaps or leaves the file")
        end = offset + size
    if end != real_size:  # GNU tar would leave the last hole out
        raise BadArchiveError("has a sparse file whose map stops before its end")
    if sum(size for _, size in pairs) != stored:
        raise BadArchiveError("has a sparse file whose map does not fit its data")
    return Ranges(real_size, pairs, stored)


def write_zeros(writer: Writer, size: int) -> None:
    """Write a hole."""
    while size > 0:
        writer.write(_ZEROS[:size])
        size -= CHUNK
