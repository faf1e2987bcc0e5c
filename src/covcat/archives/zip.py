"""Zip, by the standard library's reader, once `zip_structure` has found it consistent."""

import stat
import zipfile
from typing import BinaryIO

from covcat.archives.member import MAX_MEMBERS, BadArchiveError, Member, Open, copy
from covcat.archives.zip_structure import check

_ENCRYPTED, _PATCH, _STRONG, _UTF8, _MASKED = 1, 32, 64, 2048, 8192  # flag bits
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def members(stream: BinaryIO) -> list[Member]:
    """List every entry, after the structure has been found consistent."""
    with zipfile.ZipFile(stream) as archive:
        if len(archive.infolist()) > MAX_MEMBERS:
            raise BadArchiveError(f"has more than {MAX_MEMBERS:,} members")
        check(archive, stream)
        return [_member(number, info) for number, info in enumerate(archive.infolist())]


def unpack(stream: BinaryIO, open_member: Open) -> None:
    """Push the bytes of each wanted member; the reader checks every CRC."""
    with zipfile.ZipFile(stream) as archive:
        for number, info in enumerate(archive.infolist()):
            writer = open_member(_member(number, info))
            if writer is not None:
                with archive.open(info) as source:
                    copy(source, writer)  # type: ignore[arg-type]  # ZipExtFile reads bytes


def comment(stream: BinaryIO) -> str:
    """Return the archive's comment: git writes the commit id there."""
    with zipfile.ZipFile(stream) as archive:
        return archive.comment.decode("ascii", "replace")


def _member(number: int, info: zipfile.ZipInfo) -> Member:
    _check_entry(info)
    mode = info.external_attr >> 16
    name = _name(info)
    match stat.S_IFMT(mode):
        case stat.S_IFLNK:
            kind = "link"
        case 0 | stat.S_IFREG:
            kind = "folder" if name.endswith("/") else "file"
        case stat.S_IFDIR:
            kind = "folder"
        case _:
            kind = "special"
    if (kind == "folder") != name.endswith("/"):
        raise BadArchiveError(f"calls `{name}` both a file and a folder")
    if kind == "folder" and info.file_size:
        raise BadArchiveError(f"has data in the folder `{name}`")
    return Member(number, name, kind, info.file_size, bool(mode & 0o111))  # type: ignore[arg-type]


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if info.flag_bits & (_ENCRYPTED | _STRONG | _MASKED):
        raise BadArchiveError(f"is encrypted (`{name}`), and covcat has no password for it")
    if info.flag_bits & _PATCH or info.compress_type not in _METHODS:
        raise BadArchiveError(f"packs `{name}` with method {info.compress_type}: not supported")


def _name(info: zipfile.ZipInfo) -> str:
    """Return the whole name; zipfile's own `filename` is cut at a NUL."""
    name = info.orig_filename
    if info.flag_bits & _UTF8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")  # UTF-8 whose flag was not set: usual on macOS
    except UnicodeDecodeError:
        raise BadArchiveError(f"has a name of unknown encoding: `{name}`") from None
