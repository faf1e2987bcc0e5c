"""One file packed with gzip, bzip2, xz or Zstandard: `scan.nii.gz`, `labels.csv.bz2`.

A packed tar is refused here: taken for one file, its members would stay hidden in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from covcat.archives.base import CHUNK, BadArchiveError, Member, Open, Source
from covcat.archives.streams import Flow, open_unpacked, require_compression
from covcat.archives.tar import holds_tar
from covcat.archives.tar_headers import BLOCK

IS_STREAM = True

_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def members(source: Source) -> Iterator[Member]:
    """Name the one file; exhausted, it has been unpacked to its end."""
    with _opened(source) as flow:
        yield _member(source)
        while flow.piece(CHUNK):
            pass


def unpack(source: Source, open_member: Open) -> None:
    """Push the bytes of the one file."""
    with _opened(source) as flow:
        writer = open_member(_member(source))
        while piece := flow.piece(CHUNK):
            if writer is not None:
                writer.write(piece)
        if writer is not None:
            writer.finish()


@contextmanager
def _opened(source: Source) -> Iterator[Flow]:
    packing = require_compression(source.stream, "is not compressed")
    with open_unpacked(source.stream, packing) as flow:
        if holds_tar(flow.peek(BLOCK)):
            raise BadArchiveError("holds a tar: it must be declared as tar")
        yield flow


def _member(source: Source) -> Member:
    """Name it after the archive, as `gunzip` does: a name kept in gzip's header may be any."""
    path = PurePath(source.path.name)
    name = path.stem if path.suffix.lower() in _SUFFIXES else path.name + ".unpacked"
    return Member(0, name, "file", None)
