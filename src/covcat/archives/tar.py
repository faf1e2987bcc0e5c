"""Tar, plain or packed with gzip, bzip2 or xz.

`tarfile` stops at the first empty or damaged header and never reads the compressor's trailer, so
a cut or altered archive looks whole to it: what follows its end is read and must be zeros.
"""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from covcat.archives.member import CHUNK, MAX_MEMBERS, BadArchiveError, Member, Open, copy
from covcat.archives.streams import DECOMPRESSORS, Unpacked

_FILES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}
_END = 1024  # zero bytes that end an archive


def members(stream: BinaryIO) -> list[Member]:
    """List every entry, reading the archive to its very end."""
    with _opened(stream) as archive:
        return [_member(number, info) for number, info in _entries(archive)]


def unpack(stream: BinaryIO, open_member: Open) -> None:
    """Push the bytes of each wanted member."""
    with _opened(stream) as archive:
        for number, info in _entries(archive):
            writer = open_member(_member(number, info))
            source = archive.extractfile(info) if writer is not None else None
            if writer is not None and source is not None:
                copy(cast(BinaryIO, source), writer)


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[tarfile.TarFile]:
    """Open the tar inside whatever it is packed with."""
    stream.seek(0)
    magic = stream.read(6)
    stream.seek(0)
    plain = stream
    for start, make in DECOMPRESSORS.items():
        if magic.startswith(start):
            plain = cast(BinaryIO, Unpacked(stream, make))
    with tarfile.open(fileobj=plain, mode="r:") as archive:
        yield archive
        _demand_end(plain, archive.offset, is_packed=plain is not stream)


def _entries(archive: tarfile.TarFile) -> Iterator[tuple[int, tarfile.TarInfo]]:
    for number, info in enumerate(archive):
        if number >= MAX_MEMBERS:
            raise BadArchiveError(f"has more than {MAX_MEMBERS:,} members")
        yield number, info
        vars(archive)["members"] = []  # tarfile keeps every header for ever otherwise


def _member(number: int, info: tarfile.TarInfo) -> Member:
    if info.size < 0:
        raise BadArchiveError(f"gives `{info.name}` a negative size")
    executable = bool(info.mode & 0o100)
    if info.issparse():
        return Member(number, info.name, "special", info.size)
    if info.type in _FILES:
        return Member(number, info.name, "file", info.size, executable)
    if info.type == tarfile.DIRTYPE:
        return Member(number, info.name + "/", "folder", 0)
    if info.islnk() or info.issym():
        return Member(number, info.name, "link", 0)
    return Member(number, info.name, "special", 0)


def _demand_end(plain: BinaryIO, end: int, *, is_packed: bool) -> None:
    """Read on from where the members ended: only zeros may follow.

    A plain tar may end with its last member, as some writers leave it; a packed one may not.
    """
    plain.seek(end)
    zeros = 0
    while rest := plain.read(CHUNK):
        if rest.strip(b"\0"):
            raise BadArchiveError("goes on after its last member, or has a damaged header")
        zeros += len(rest)
    if is_packed and zeros < _END:
        raise BadArchiveError("has no end: the part after its last member is missing")
