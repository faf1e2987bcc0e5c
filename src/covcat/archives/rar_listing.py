"""The headers of a RAR archive, read by rarfile, which is kept from running any program.

rarfile stops quietly at blocks it does not know, and leaves old versions of files out, which
every tool unpacks with the rest: so its account of each block is followed from start to end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from covcat.archives.member import BadArchiveError, Source

# Each costs rarfile about 1 KB of memory.
MAX_HEADERS = 300_000
_MAIN, _FILE, _END = 0x73, 0x74, 0x7B  # rarfile gives the types of RAR 4 to blocks of RAR 5 too
_VOLUME = 0x0001
_BEFORE, _AFTER, _OLD_VERSION = 0x0001, 0x0002, 0x0800  # flags of a file block
_STORED = 0x30
_FIRST_WITH_END = 29  # RAR 2 and older wrote no end block


@dataclass(slots=True)
class Packed:
    """One file of the archive, all its parts together; `info` is rarfile's, of the first."""

    info: Any
    crc: int | None
    blake2sp: bytes | None
    is_old_version: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """All headers of an archive."""

    version: int  # 4 (and older) or 5 (and 7)
    volumes: tuple[Path, ...]
    files: tuple[Packed, ...]


def read_listing(source: Source) -> Listing:
    """Read all headers; an archive that is the first of several volumes is read with the others.

    Raises:
        BadArchiveError: it is damaged, encrypted, or not whole.
    """
    source.stream.seek(0)
    version = _version(source.stream.read(8))
    first = _walk(source.stream, _Blocks(source), is_part=True)
    if not first.is_volume:
        _demand_end(first, source.stream)
        return Listing(version, (source.path,), tuple(first.files))
    whole = _walk(str(source.path), _Blocks(source), is_part=False)
    if not whole.has_all_parts:
        raise BadArchiveError("is one volume of several, and the last one is not beside it")
    return Listing(version, tuple(whole.volumes), tuple(whole.files))


def _version(magic: bytes) -> int:
    if magic.startswith(b"RE\x7e\x5e"):
        raise BadArchiveError("is of RAR 1.4 or older, which covcat cannot read")
    if magic == b"Rar!\x1a\x07\x01\x00":
        return 5
    if magic[:7] == b"Rar!\x1a\x07\x00":
        return 4
    raise BadArchiveError("does not start as RAR does (self-extracting ones are not read)")


@dataclass(slots=True)
class _Blocks:
    """Hears of every block, in order, and keeps what covcat needs."""

    source: Source
    files: list[Packed] = field(default_factory=list)
    volumes: list[Path] = field(default_factory=list)
    is_volume: bool = False
    has_all_parts: bool = True
    end: int = 0  # where the last block ends
    last: int = 0  # its type
    _count: int = 0

    def hear(self, info: Any) -> None:
        """Take one block from rarfile."""
        self._count += 1
        if self._count > MAX_HEADERS:
            raise BadArchiveError(f"has more than {MAX_HEADERS:,} headers: too many for RAR")
        if info.needs_password():
            raise encrypted(str(info.filename or ""))
        self.end, self.last = info.data_offset + info.add_size, info.type
        if info.type == _MAIN:
            self.is_volume |= bool(info.flags & _VOLUME)
        elif info.type == _FILE:
            self._file(info)

    def _file(self, info: Any) -> None:
        self.has_all_parts = not info.flags & _AFTER
        if not info.flags & _BEFORE:
            is_old = getattr(info, "file_version", None) is not None
            is_old |= not hasattr(info, "block_type") and bool(info.flags & _OLD_VERSION)
            self.files.append(Packed(info, info.CRC, info.blake2sp_hash, is_old))
        elif self.files:  # the checksums of the whole file are in its last part
            self.files[-1].crc, self.files[-1].blake2sp = info.CRC, info.blake2sp_hash
        elif not self.is_volume:
            raise BadArchiveError("begins within a file")


def _walk(archive: Any, blocks: _Blocks, *, is_part: bool) -> _Blocks:
    """Have rarfile read all headers of a file, or of one and the volumes beside it."""
    import rarfile

    rarfile.RAR_MAX_COMMENT = -1  # it would run a tool from PATH to unpack a comment
    with _as_damage(rarfile):
        parsed = rarfile.RarFile(
            archive, errors="strict", info_callback=blocks.hear, part_only=is_part
        )
    if parsed.needs_password():
        raise encrypted("")
    if not is_part:
        blocks.volumes = [Path(volume).absolute() for volume in parsed.volumelist()]
    return blocks


@contextmanager
def _as_damage(rarfile: Any) -> Iterator[None]:
    """Turn whatever rarfile raises on hostile bytes into an error of ours."""
    try:
        yield
    except rarfile.NeedFirstVolume as error:
        number = f"number {error.current_volume + 1}" if error.current_volume else "a later one"
        raise BadArchiveError(
            f"is {number} of several volumes: begin with the first, with all of them in one folder"
        ) from error
    except (rarfile.Error, ValueError, OverflowError, LookupError, TypeError, AttributeError) as e:
        start, _, name = str(e).rpartition(": ")
        if start == "Cannot open next volume":
            missing = Path(name).name
            raise BadArchiveError(f"is one of several volumes, and `{missing}` is missing") from e
        raise BadArchiveError(f"has damaged headers ({e or type(e).__name__})") from e


def encrypted(name: str) -> BadArchiveError:
    """Return the error for an archive that needs a password."""
    which = f" (`{name}`)" if name else ""
    return BadArchiveError(f"is encrypted{which}, and covcat has no password for it")


def _demand_end(blocks: _Blocks, stream: Any) -> None:
    """Check that the blocks reach to the end of the file, and that it is the archive's.

    RAR 2 and older wrote no end block, so one of theirs that is cut between two files looks
    whole; newer ones must have it. Zeros after the end are padding.
    """
    old = any(one.info.extract_version < _FIRST_WITH_END for one in blocks.files if _is_packed(one))
    if blocks.last != _END and not old:
        raise BadArchiveError("has no end: it was cut off, or a header before the end is damaged")
    stream.seek(0, 2)
    if stream.tell() < blocks.end:
        raise BadArchiveError("is cut off within its last file")
    stream.seek(blocks.end)
    while rest := stream.read(1 << 16):
        if rest.strip(b"\0"):
            raise BadArchiveError("goes on after its end")


def _is_packed(one: Packed) -> bool:
    return bool(one.info.compress_type != _STORED)
