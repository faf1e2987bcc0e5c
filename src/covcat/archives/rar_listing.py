"""The headers of a RAR archive, read by rarfile, which is kept from running any program.

rarfile stops quietly at blocks it does not know, and leaves old versions of files out, which
every tool unpacks with the rest: so its account of each block is followed from start to end.
Encrypted headers it decrypts with a password, by `cryptography` or pycryptodome.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from covcat.archives.base import (
    BadArchiveError,
    PasswordError,
    Source,
    SplitError,
    UnsafeError,
    UnsupportedError,
    describe,
)
from covcat.archives.sandbox import State, state_of

# Each costs rarfile about 1 KB of memory.
MAX_HEADERS = 300_000
# rarfile gives the types of RAR 4 to blocks of RAR 5 too; before the end: comments, signatures,
# recovery records and services.
_MAIN, _FILE, _SERVICE, _END = 0x73, 0x74, 0x7A, 0x7B
_ENCRYPTION = 0x04  # of RAR 5: all that follows in the volume is encrypted
_KNOWN = range(_MAIN, _END + 1)
_VOLUME = 0x0001
_BEFORE, _AFTER, _OLD_VERSION = 0x0001, 0x0002, 0x0800  # flags of a file block
_NEXT_VOLUME = 0x0001  # flag of an end block
_LOCKED = 0x0080  # flag of RAR 4's main block: all that follows is encrypted
_SALT4, _START5 = 8, 16  # bytes before each encrypted header
_KEYED = 0x02  # flag of an encrypted file of RAR 5
_STORED = 0x30
_NOT_READ = "its headers cannot be decrypted with it"
_FIRST_WITH_END = 29  # RAR 2 and older wrote no end block


@dataclass(slots=True)
class Packed:
    """One file of the archive, all its parts together; `info` is rarfile's, of the first."""

    info: Any
    crc: int | None
    blake2sp: bytes | None
    is_old_version: bool
    lock: Any  # the block that encrypts its header, if any does

    @property
    def is_folder(self) -> bool:
        """Whether it is one, of which rarfile may know a size."""
        return bool(self.info.is_dir())

    @property
    def is_encrypted(self) -> bool:
        """Whether it needs a password."""
        return bool(self.info.needs_password())

    @property
    def has_plain_sum(self) -> bool:
        """False where a checksum is keyed with the password: then only the tool checks it."""
        return not (self.is_encrypted and getattr(self.info, "file_encryption", (0, 0))[1] & _KEYED)

    @property
    def size(self) -> int:
        """How many bytes come out of it."""
        return 0 if self.is_folder else int(self.info.file_size)


@dataclass(frozen=True, slots=True)
class Listing:
    """All headers of an archive."""

    version: int  # 4 (and older) or 5 (and 7)
    volumes: tuple[Path, ...]
    files: tuple[Packed, ...]
    states: tuple[State, ...]  # of the volumes when they were listed
    keys: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)  # by salt

    @property
    def is_encrypted(self) -> bool:
        """Whether a tool needs a password."""
        return any(one.is_encrypted or one.lock for one in self.files)

    @property
    def has_proved(self) -> bool:
        """Whether the password is right: it opened the headers, which have their checksums."""
        return all(one.lock for one in self.files)


def read_listing(source: Source) -> Listing:
    """Read all headers; an archive that is the first of several volumes is read with the others."""
    source.stream.seek(0)
    magic = source.stream.read(8)
    if magic.startswith(b"RE\x7e\x5e"):
        raise UnsupportedError("is of RAR 1.4 or older, which covcat cannot read")
    if magic[:7] != b"Rar!\x1a\x07\x00" and magic != b"Rar!\x1a\x07\x01\x00":
        raise UnsupportedError("does not start as RAR does (self-extracting ones are not read)")
    version = 4 if magic[6] == 0 else 5
    state = state_of(source.stream.fileno())
    first = _walk(source.stream, source.password, is_part=True)
    if not first.is_volume:
        if first.goes_on:
            raise UnsafeError("goes on in another volume, but does not say it is one itself")
        _check_end(first.ends[0] if first.ends else _VolumeEnd(), first.is_old, source.stream)
        return Listing(version, (source.path,), tuple(first.files), (state,))
    whole = _walk(str(source.path), source.password, is_part=False)
    if whole.goes_on:
        raise SplitError("the one after the last that is here is missing")
    states = (state, *(state_of(volume) for volume in whole.volumes[1:]))
    for end, volume in zip(whole.ends, whole.volumes, strict=True):
        with volume.open("rb") as stream:
            _check_end(end, whole.is_old, stream)
    return Listing(version, tuple(whole.volumes), tuple(whole.files), states)


@dataclass(slots=True)
class _VolumeEnd:
    """The last block of a volume."""

    at: int = 0  # where it ends
    type: int = 0
    files: int = 0  # how many file blocks the volume has, up to here


@dataclass(slots=True)
class _RarBlocks:
    """Hears of every block, in order, and keeps what covcat needs."""

    has_password: bool
    files: list[Packed] = field(default_factory=list)
    volumes: list[Path] = field(default_factory=list)
    ends: list[_VolumeEnd] = field(default_factory=list)  # of the volumes
    is_volume: bool = False
    goes_on: bool = False  # in another volume
    lock: Any = None  # the block that encrypts what follows
    _is_cut: bool = False  # the last file so far has more parts
    _count: int = 0

    @property
    def is_old(self) -> bool:
        """True if RAR 2 or an older one wrote it, as far as its files tell."""
        packed = [one.info for one in self.files if one.info.compress_type != _STORED]
        return any(info.extract_version < _FIRST_WITH_END for info in packed)

    def hear(self, info: Any) -> None:
        """Take one block; refuse those on which tools do not agree, and that can hide bytes."""
        self._count += 1
        if self._count > MAX_HEADERS:
            raise UnsupportedError(f"has more than {MAX_HEADERS:,} headers: too many for RAR")
        if info.needs_password() and not self.has_password:
            is_all = info.type == _ENCRYPTION
            raise _names_too() if is_all else PasswordError(f"is encrypted (`{info.filename}`)")
        is_first = info.volume == len(self.ends)
        if is_first:
            if self._locks(info):
                return
            self.ends.append(_VolumeEnd())
        if (info.type == _MAIN) != is_first:
            raise UnsafeError("has a main header that is not the first, or not the only one")
        if info.type not in _KNOWN:
            raise UnsupportedError(f"has a block of the unknown type {info.type}")
        if info.type in (_MAIN, _END) and info.add_size:
            raise UnsafeError("has data in its main header or in its end")
        # rarfile goes on after `add_size` bytes; a flag less, and it would go on within the data.
        if info.type in (_FILE, _SERVICE) and info.compress_size != info.add_size:
            raise UnsafeError(f"has two sizes for the data of `{info.filename}`")
        self.ends[-1].at, self.ends[-1].type = info.data_offset + info.add_size, info.type
        if info.type == _MAIN:
            self.is_volume = bool(info.flags & _VOLUME)
        elif info.type == _FILE:
            self._file(info)
        elif info.type == _END:
            self.goes_on = self._is_cut or bool(info.flags & _NEXT_VOLUME)

    def _locks(self, info: Any) -> bool:
        """Take note of what encrypts the headers of a volume; tell if it is a block for that."""
        if self.lock is not None and self.lock.volume != info.volume:
            self.lock = None
        is_block = info.type == _ENCRYPTION and self.lock is None and not info.add_size
        if is_block or (info.type == _MAIN and info.flags & _LOCKED and self.lock is None):
            self.lock = info
        return is_block

    def _file(self, info: Any) -> None:
        """Take a file or a later part of one, which is the first of the next volume."""
        self.ends[-1].files += 1
        if not info.flags & _BEFORE:
            if self._is_cut:
                raise BadArchiveError(f"has `{info.filename}` where a part of another file is due")
            is_old = getattr(info, "file_version", None) is not None
            is_old |= not hasattr(info, "block_type") and bool(info.flags & _OLD_VERSION)
            self.files.append(Packed(info, info.CRC, info.blake2sp_hash, is_old, self.lock))
        elif self.files:
            whole = self.files[-1]
            is_next = self._is_cut and self.ends[-1].files == 1
            if not is_next or info.orig_filename != whole.info.orig_filename:
                raise BadArchiveError(f"has a part of `{info.filename}` where none is due")
            # The checksums of the whole file are in its last part.
            whole.crc, whole.blake2sp = info.CRC, info.blake2sp_hash
        elif not self.is_volume:  # a later volume is refused when all of them are read
            raise UnsafeError("begins within a file")
        self._is_cut = self.goes_on = bool(info.flags & _AFTER)


def _walk(archive: Any, password: str | None, *, is_part: bool) -> _RarBlocks:
    """Have rarfile read all headers of a file, or of one and the volumes beside it."""
    import rarfile

    rarfile.RAR_MAX_COMMENT = -1  # it would run a tool from PATH to unpack a comment
    blocks = _RarBlocks(password is not None)
    try:
        parsed = rarfile.RarFile(
            archive,
            errors="strict",
            info_callback=lambda info: blocks.hear(info),
            part_only=is_part,
        )
        if parsed.needs_password() and not blocks.ends:  # its headers are encrypted
            if password is None:
                raise _names_too()
            blocks = _RarBlocks(has_password=True)
            parsed.setpassword(password)  # reads them again
    except rarfile.NeedFirstVolume as error:
        number = f"number {error.current_volume + 1}" if error.current_volume else "a later one"
        raise SplitError(
            f"is {number} of several volumes: begin with the first, with all of them in one folder"
        ) from error
    except (rarfile.Error, ValueError, OverflowError, LookupError, TypeError, AttributeError) as e:
        if isinstance(e, rarfile.NoCrypto):
            raise UnsupportedError(
                "is encrypted, its names too, and nothing that decrypts them is installed",
                "pip install pycryptodome",
            ) from e
        start, _, name = str(e).rpartition(": ")
        if start == "Cannot open next volume":
            missing = Path(name).name
            raise SplitError(f"`{missing}` is missing") from e
        if blocks.lock or isinstance(e, rarfile.RarWrongPassword):
            raise PasswordError(_NOT_READ, is_wrong=True) from e
        raise BadArchiveError(f"has damaged headers ({describe(e)})") from e
    if blocks.lock and not blocks.ends:
        raise PasswordError(_NOT_READ, is_wrong=True)
    if not is_part:
        blocks.volumes = [Path(volume).absolute() for volume in parsed.volumelist()]
    return blocks


def _names_too() -> PasswordError:
    return PasswordError("is encrypted, its names too")


def read_header(one: Packed, listing: Listing, source: Source) -> bytes:
    """Return a file's header as it is before it is encrypted, of which rarfile keeps less."""
    import rarfile

    info, lock = one.info, one.lock
    path = Path(str(info.volume_file)) if info.volume else None
    with path.open("rb") if path else nullcontext(source.stream) as stream:
        if lock is None:
            stream.seek(info.header_offset)
            return stream.read(info.header_size)
        stream.seek(info.header_offset - (_SALT4 if listing.version == 4 else _START5))
        if listing.version == 4:
            salt, start = stream.read(_SALT4), None
        else:
            salt, start = lock.encryption_salt, stream.read(_START5)
        if salt not in listing.keys:  # made slowly on purpose
            listing.keys[salt] = (
                rarfile.rar3_s2k(source.password, salt)
                if listing.version == 4
                else (rarfile.rar5_s2k(source.password, salt, 1 << lock.encryption_kdf_count), b"")
            )
        key, first = listing.keys[salt]
        return bytes(rarfile.HeaderDecrypt(stream, key, start or first).read(info.header_size))


def _check_end(end: _VolumeEnd, is_old: bool, stream: BinaryIO) -> None:
    """Check that the blocks reach to the end of the file, and that it is the archive's.

    RAR 2 and older wrote no end block, so one of theirs that is cut between two files looks
    whole; newer ones must have it. Zeros after the end are padding.
    """
    if end.type != _END and not is_old:
        raise BadArchiveError("has no end: it was cut off, or a header before the end is damaged")
    stream.seek(0, 2)
    if stream.tell() < end.at:
        raise BadArchiveError("is cut off within its last file")
    stream.seek(end.at)
    while rest := stream.read(1 << 16):
        if rest.strip(b"\0"):
            raise UnsafeError("goes on after its end")
