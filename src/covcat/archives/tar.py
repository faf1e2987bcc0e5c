"""Tar, plain or packed with gzip, bzip2 or xz.

`tarfile` stops at the first empty or damaged header and never reads the compressor's trailer, so
a cut or altered archive looks whole to it: what follows its end is read and must be zeros.
"""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from covcat.archives.member import CHUNK, BadArchiveError, Member, Open, copy

PACKED: Mapping[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
_FILES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}


def members(stream: BinaryIO) -> list[Member]:
    """List every entry, reading the archive to its very end."""
    with _plain(stream) as plain, tarfile.open(fileobj=plain, mode="r:") as archive:
        found = [_member(number, info) for number, info in enumerate(archive)]
        _drain(plain, archive.offset)
        return found


def unpack(stream: BinaryIO, open_member: Open) -> None:
    """Push the bytes of each wanted member."""
    with _plain(stream) as plain, tarfile.open(fileobj=plain, mode="r:") as archive:
        for number, info in enumerate(archive):
            writer = open_member(_member(number, info))
            source = archive.extractfile(info) if writer is not None else None
            if writer is not None and source is not None:
                copy(cast(BinaryIO, source), writer)
        _drain(plain, archive.offset)


@contextmanager
def _plain(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Give the tar inside whatever it is packed with."""
    stream.seek(0)
    magic = stream.read(6)
    stream.seek(0)
    for start, opener in PACKED.items():
        if magic.startswith(start):
            with opener(stream) as unpacked:
                yield cast(BinaryIO, unpacked)
            return
    yield stream


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


def _drain(plain: BinaryIO, end: int) -> None:
    """Read on from where the members ended: only zeros may follow."""
    plain.seek(end)
    while rest := plain.read(CHUNK):
        if rest.strip(b"\0"):
            raise BadArchiveError("goes on after its last member, or has a damaged header")
