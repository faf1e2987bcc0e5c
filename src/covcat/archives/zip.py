"""Zip: members from a directory found consistent, bytes inflated by isal on several threads."""

import os
import stat
import threading
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import BinaryIO, Literal

from isal.isal_zlib import crc32  # 13 times as fast as zlib's

from covcat.archives import zip_directory as directory
from covcat.archives.base import (
    BadArchiveError,
    Member,
    Open,
    Source,
    UnsafeError,
    UnsupportedError,
    Writer,
    decode_name,
    describe,
)
from covcat.archives.zip_directory import Entry
from covcat.archives.zip_end import FileWindow, read_end
from covcat.archives.zip_member import PPMD, ZipMember
from covcat.archives.zip_methods import METHODS, NAMES, SMALL

IS_STREAM = False
_DOS_HOSTS, _DOS_FOLDER = (0, 6, 11, 14), 0x10  # FAT, HPFS, NTFS and VFAT; one of their attributes
_DEFLATE, _NOTHING = 8, b"\x03\x00"  # no bytes, deflated: so Java writes folders
_THREADS = 4
_PIECE = 1 << 17  # bytes at once: larger buffers are fresh pages from the kernel each time


def members(source: Source) -> list[Member]:
    """List every entry, after the structure has been found consistent."""
    window = FileWindow(source.stream)
    entries = directory.read_directory(window, source.pass_over)
    listed = [_member(entry, data, source, window) for entry, data in entries]
    return sorted(listed, key=attrgetter("number"))


def comment(stream: BinaryIO) -> str:
    """Return the archive's comment: git writes the commit id there."""
    return read_end(FileWindow(stream)).comment.decode("ascii", "replace")


def unpack(source: Source, listed: Sequence[Member], open_member: Open) -> None:
    """Push the bytes of each wanted member: large ones on threads, small ones here meanwhile."""
    ours = [one for one in listed if isinstance(one, ZipMember)]
    files = [one for one in ours if one.kind in ("file", "link")]
    hard = {one.number: open_member(one) for one in files if one.needs_tool and not one.barred}
    if writers := {number: writer for number, writer in hard.items() if writer is not None}:
        from covcat.archives import zip_tool

        zip_tool.unpack(source, ours, writers)
    wanted = [one for one in files if one.number not in hard]
    wanted.sort(key=attrgetter("data"))
    small: list[ZipMember] = []
    large: list[ZipMember] = []
    for one in wanted:
        (small if one.is_small else large).append(one)
    if not large:
        _push_small(small, source, open_member)
        return
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    stop = threading.Event()

    def run(member: ZipMember) -> None:
        if writer := open_member(member):
            _push_large(member, FileWindow(source.stream), writer, stop)

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1, len(large))) as pool:
        futures = [pool.submit(run, one) for one in large]
        try:
            _push_small(small, source, open_member)
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        finally:  # after an error or a signal, what has not begun is dropped, the rest stops soon
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _push_small(members: Sequence[ZipMember], source: Source, open_member: Open) -> None:
    """Push each wanted member, whole and checked: what surrounds the bytes costs most."""
    window = FileWindow(source.stream, 2 * SMALL)
    for member in members:
        if writer := open_member(member):
            data = _unpack_small(member, window)
            if crc32(data) != member.crc:
                raise _wrong_checksum(member)
            writer.write(data)
            writer.finish()


def _push_large(
    member: ZipMember, window: FileWindow, writer: Writer, stop: threading.Event
) -> None:
    checksum = 0
    for data in _unpacked(member, window):
        if stop.is_set():
            raise BadArchiveError("was left in the middle")
        checksum = crc32(data, checksum)
        writer.write(data)
    if checksum != member.crc:
        raise _wrong_checksum(member)
    writer.finish()


def _wrong_checksum(member: ZipMember) -> BadArchiveError:
    return BadArchiveError(f"has a wrong checksum for `{member.name}`")


def _unpack_small(member: ZipMember, window: FileWindow) -> bytes:
    """Unpack a member in one go: generators cost as much as its bytes."""
    data = window.read_at(member.data, member.packed)
    if len(data) < member.packed:
        raise BadArchiveError("became shorter while it was read")
    if member.method:
        decompressor = METHODS[member.method](member.flags, member.packed, member.size)
        try:
            data = decompressor.decompress(data, member.size + 1)
        except Exception as error:  # never used again: CVE-2026-6100, CVE-2026-9669
            raise BadArchiveError(
                f"has damaged data in `{member.name}`: {describe(error)}"
            ) from error
        if not decompressor.eof or decompressor.unused_data:
            raise BadArchiveError(f"has a packed stream that does not fit `{member.name}`")
    return data


def _unpacked(member: ZipMember, window: FileWindow) -> Iterator[bytes]:
    """Give the unpacked bytes of a member; its packed bytes must end where its stream does."""
    pieces = window.pieces(member.data, member.packed)
    if not member.method:
        yield from pieces
        return
    decompressor = METHODS[member.method](member.flags, member.packed, member.size)
    for piece in pieces:
        if decompressor.eof:
            raise UnsafeError(f"has hidden bytes in `{member.name}`")
        packed, is_full = piece, True
        while (packed or is_full) and not decompressor.eof:
            try:
                unpacked = decompressor.decompress(packed, _PIECE)
            except Exception as error:  # never used again: CVE-2026-6100, CVE-2026-9669
                raise BadArchiveError(f"has damaged data: {describe(error)}") from error
            if unpacked:
                yield unpacked
            packed = getattr(decompressor, "unconsumed_tail", b"")
            is_full = len(unpacked) == _PIECE
    if not decompressor.eof:
        raise BadArchiveError(f"has a packed stream without an end for `{member.name}`")
    if decompressor.unused_data:
        raise UnsafeError(f"has hidden bytes in `{member.name}`")


# ---- a member ----------------------------------------------------------------------------------


def _member(entry: Entry, data: int, source: Source, window: FileWindow) -> ZipMember:
    barred, is_locked = _barred(entry, source.password)
    if barred and entry.flags & directory.MASKED:  # and so perhaps its name
        raise UnsupportedError(barred)
    is_plain = not (barred or entry.method or entry.flags & directory.ENCRYPTED)
    if is_plain and entry.packed != entry.size:
        raise UnsafeError(f"stores `{entry.label}` in another size than its own")
    raw = entry.unicode_name or entry.name
    if entry.unicode_name is None and not entry.flags & directory.UTF8:
        name = decode_name(raw, source.encoding)
    else:
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            label = entry.label
            raise UnsafeError(f"calls a name UTF-8 that is not: `{label}`") from None
    kind = _kind(entry, name)
    if kind == "folder":
        is_short = not (entry.size or entry.crc) and entry.packed <= len(_NOTHING)
        packed = window.read_at(data, entry.packed) if is_short else None
        if packed != b"" and not (packed == _NOTHING and entry.method == _DEFLATE):
            raise UnsafeError(f"has data in the folder `{name}`")
    executable = bool(entry.attributes >> 16 & 0o111)
    packing = (entry.flags, entry.method, entry.crc, entry.packed, data, entry.has_crc)
    return ZipMember(entry.number, name, kind, entry.size, executable, barred, is_locked, *packing)


def _barred(entry: Entry, password: str | None) -> tuple[str, bool]:
    """Return why the bytes of an entry cannot be unpacked, and whether a password would do."""
    if entry.flags & (directory.STRONG | directory.MASKED):
        return f"is encrypted (`{entry.label}`) in a way that few programs read", False
    if entry.flags & directory.PATCH:
        return f"has a patch in place of `{entry.label}`: not supported", False
    if entry.flags & directory.ENCRYPTED:
        is_known = entry.method in (0, PPMD, directory.AES) or entry.method in METHODS
        if is_known and password is None:
            return f"is encrypted (`{entry.label}`)", True
        if is_known and (entry.method == directory.AES) == bool(entry.aes):
            return "", False
    elif entry.method in (0, PPMD) or entry.method in METHODS:
        return "", False
    known = f" ({NAMES[entry.method]})" if entry.method in NAMES else ""
    return f"packs `{entry.label}` with method {entry.method}{known}: not supported", False


def _kind(entry: Entry, name: str) -> Literal["file", "folder", "link", "special"]:
    """Return what a member is, where its name and its attributes say the same."""
    form = stat.S_IFMT(entry.attributes >> 16)
    if form == stat.S_IFLNK:
        return "link"
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "special"
    is_folder = name.endswith("/")
    by_dos = entry.host in _DOS_HOSTS and entry.attributes & _DOS_FOLDER
    calls_it_folder = form == stat.S_IFDIR or by_dos
    if (calls_it_folder and not is_folder) or (form == stat.S_IFREG and is_folder):
        raise UnsafeError(f"calls `{name}` both a file and a folder")
    return "folder" if is_folder else "file"
