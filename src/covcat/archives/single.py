"""One file packed with gzip, bzip2, xz or Zstandard: `scan.nii.gz`, `labels.csv.bz2`.

A packed tar is refused here: taken for one file, its members would stay hidden in it.
"""

from pathlib import PurePath

from covcat.archives.base import CHUNK, Member, Open, Source, UnsafeError
from covcat.archives.streams import open_unpacked, require_compression
from covcat.archives.tar_headers import BLOCK, has_checksum

IS_STREAM = True

_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def unpack(source: Source, open_member: Open) -> None:
    """Push the bytes of the one file.

    It is named after the archive, as `gunzip` does: a name kept in gzip's header may be any.
    """
    packing = require_compression(source.stream, "is not compressed")
    with open_unpacked(source.stream, packing) as flow:
        if has_checksum(flow.peek(BLOCK)):
            raise UnsafeError("holds a tar: it must be declared as tar")
        path = PurePath(source.path.name)
        name = path.stem if path.suffix.lower() in _SUFFIXES else path.name + ".unpacked"
        writer = open_member(Member(0, name, "file", None))
        while piece := flow.piece(CHUNK):
            if writer is not None:
                writer.write(piece)
        if writer is not None:
            writer.finish()
