"""Sparse files in tar: which ranges of a file are stored, the rest being zeros.

Formats: old GNU (type `S`), pax 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").
"""

import re
from typing import NamedTuple

from covcat.archives.member import CHUNK, BadArchiveError, Writer
from covcat.archives.streams import Flow
from covcat.archives.tar_headers import BLOCK, Header, number
from covcat.archives.tar_pax import Records, decimal

_MAX_RANGES = 100_000
_LINE = re.compile(rb"[0-9]{1,19}\n")
_KEYS = re.compile(rb"GNU\.sparse\..*")
_ZEROS = memoryview(bytes(CHUNK))


class Ranges(NamedTuple):
    """The file's real size in bytes, and the (offset, size) pairs stored one after the other."""

    real_size: int
    pairs: list[tuple[int, int]]
    stored: int  # bytes of the member that are data, after any map


def from_gnu(header: Header, stored: int, flow: Flow) -> Ranges:
    """Read the map of a type `S` header and the blocks that continue it."""
    if not header.is_gnu:
        raise BadArchiveError("has a sparse file that is not in GNU's format")
    pairs: list[tuple[int, int]] = []
    fields, block = header.block[386:482], header.block
    goes_on = block[482]
    while True:
        is_full = _add_pairs(pairs, fields)
        if not goes_on:
            break
        block = flow.take(BLOCK)
        if not is_full or len(block) < BLOCK or len(pairs) > _MAX_RANGES:
            raise BadArchiveError("has a sparse file whose map does not end well")
        fields, goes_on = block[:504], block[504]
    return _checked(number(header.block[483:495], "sparse size"), pairs, stored)


def _add_pairs(pairs: list[tuple[int, int]], fields: bytes) -> bool:
    """Add the pairs of one block; returns whether all places were used."""
    for at in range(0, len(fields), 24):
        if not fields[at : at + 24].strip(b"\0"):
            if fields[at:].strip(b"\0"):
                raise BadArchiveError("has a sparse file with a gap in its map")
            return False
        offset = number(fields[at : at + 12], "sparse offset")
        pairs.append((offset, number(fields[at + 12 : at + 24], "sparse length")))
    return True


def from_pax(records: Records, stored: int, flow: Flow) -> Ranges | None:
    """Read the map that pax records give or announce; None if the file is not sparse."""
    if not any(map(_KEYS.fullmatch, records)):
        return None
    version = records.get(b"GNU.sparse.major"), records.get(b"GNU.sparse.minor")
    has_map = b"GNU.sparse.map" in records
    if version == (b"1", b"0") and not has_map:
        real_size = _size(records, b"GNU.sparse.realsize")
        pairs, used = _leading_map(flow, stored)
        return _checked(real_size, pairs, stored - used)
    if version not in ((None, None), (b"0", b"0"), (b"0", b"1")):
        raise BadArchiveError("has a sparse file of an unknown format")
    numbers = [
        decimal(text, "map") for text in records.get(b"GNU.sparse.map", b"").split(b",") if text
    ]
    count = _size(records, b"GNU.sparse.numblocks")
    if len(numbers) != 2 * count:
        raise BadArchiveError("has a sparse file whose map is not as long as it says")
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return _checked(_size(records, b"GNU.sparse.size"), pairs, stored)


def _size(records: Records, key: bytes) -> int:
    return decimal(records.get(key, b""), key.decode())


def _leading_map(flow: Flow, stored: int) -> tuple[list[tuple[int, int]], int]:
    """Read the map before the data: decimal lines, filled up to a block; and its length."""
    text, at = b"", 0
    numbers: list[int] = []
    while not numbers or len(numbers) < 1 + 2 * numbers[0]:
        found = _LINE.match(text, at)
        if found is not None:
            numbers.append(decimal(text[at : found.end() - 1], "map"))
            at = found.end()
        elif len(text) - at > 20 or len(text) >= stored or numbers[:1] > [_MAX_RANGES]:
            raise BadArchiveError("has a sparse file whose map is not made of numbers")
        else:
            text += _whole_block(flow)
    return list(zip(numbers[1::2], numbers[2::2], strict=True)), len(text)


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
