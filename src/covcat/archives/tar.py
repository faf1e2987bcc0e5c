"""Tar, plain or packed with gzip, bzip2, xz or Zstandard, read once from end to end.

Here is the way through the archive; what an entry is called and holds is in `tar_entries`.
Where GNU tar, bsdtar, Go and Python would list different members, the archive is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from covcat.archives.member import CHUNK, BadArchiveError, Member, Open, Source, Writer
from covcat.archives.streams import Flow, compression_of, unpacked, unread_compression_of
from covcat.archives.tar_entries import Entry, Reading, next_entry, pass_padding
from covcat.archives.tar_headers import BLOCK, END, has_checksum
from covcat.archives.tar_sparse import Ranges, write_zeros

IS_STREAM = True

_MAX_ZEROS = 1 << 24  # bytes after the last member


def holds_tar(first: bytes) -> bool:
    """Whether something that begins with these (at least 512) bytes is a tar with members."""
    return has_checksum(first[:BLOCK])


def members(source: Source) -> Iterator[Member]:
    """List every entry, one by one; whoever stops early has not heard of later damage."""
    with _opened(source) as (flow, is_packed):
        for entry in _entries(flow, is_packed, source.encoding):
            yield entry.member
            _pass(flow, entry, None)


def unpack(source: Source, open_member: Open) -> None:
    """Push the bytes of each file member for which `open_member` gives a writer."""
    with _opened(source) as (flow, is_packed):
        for entry in _entries(flow, is_packed, source.encoding):
            _pass(flow, entry, open_member(entry.member))


@contextmanager
def _opened(source: Source) -> Iterator[tuple[Flow, bool]]:
    """Give what is inside whatever the tar is packed with, and whether it is packed."""
    source.stream.seek(0)
    first = source.stream.read(BLOCK)
    packing = None
    if first != END and not holds_tar(first):  # a member's name may begin as a packed file does
        packing = compression_of(source.stream)
        if packing is None:
            unread = unread_compression_of(source.stream)
            raise BadArchiveError(f"is packed with {unread}" if unread else "is not a tar")
    with unpacked(source.stream, packing) as flow:
        first = flow.peek(BLOCK)
        if first != END and not holds_tar(first):
            raise BadArchiveError(f"is compressed ({packing}) but holds no tar")
        yield flow, packing is not None


def _entries(flow: Flow, is_packed: bool, encoding: str | None) -> Iterator[Entry]:
    """Give entry after entry, each to be passed before the next, and check the end."""
    reading, name = Reading(flow, encoding), ""
    try:
        while entry := next_entry(reading):
            name = entry.member.name
            yield entry
    except BadArchiveError as error:
        raise type(error)(f"{error}, after `{name}`" if name else f"{error}") from error
    _demand_end(flow, is_packed=is_packed)


def _pass(flow: Flow, entry: Entry, writer: Writer | None) -> None:
    """Go to the end of an entry's data, writing it if it is wanted."""
    if writer is None or entry.member.kind != "file":
        is_whole = flow.skip(entry.stored)
    elif entry.ranges is None:
        is_whole = _copy(flow, entry.stored, writer)
    else:
        is_whole = _fill(flow, entry.ranges, writer)
    what = f"`{entry.member.name}`"
    if not (is_whole and pass_padding(flow, entry.stored, what)):
        raise BadArchiveError(f"ends in the middle of {what}")
    if writer is not None:
        writer.finish()


def _copy(flow: Flow, size: int, writer: Writer) -> bool:
    """Write the next bytes; False if the end comes first."""
    while size and (piece := flow.piece(size)):
        writer.write(piece)
        size -= len(piece)
    return not size


def _fill(flow: Flow, ranges: Ranges, writer: Writer) -> bool:
    """Write a sparse file, its holes as zeros."""
    end = 0
    for offset, size in ranges.pairs:
        write_zeros(writer, offset - end)
        if not _copy(flow, size, writer):
            return False
        end = offset + size
    write_zeros(writer, ranges.real_size - end)
    return True


def _demand_end(flow: Flow, *, is_packed: bool) -> None:
    """Read on from the first empty block: only zeros may follow it.

    A plain tar may end with its last member, as some writers leave it; a packed one may not.
    """
    zeros = 0
    while zeros <= _MAX_ZEROS and (piece := flow.piece(CHUNK)):
        zeros += len(piece)
        if bytes(piece).strip(b"\0"):
            raise BadArchiveError("goes on after its last member")
    if zeros > _MAX_ZEROS:
        raise BadArchiveError("has more zeros after its last member than a tar needs")
    if is_packed and zeros < BLOCK:
        raise BadArchiveError("has no end: the part after its last member is missing")
