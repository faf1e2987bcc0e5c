"""Which format a file has: by its first bytes, and its name must not say another.

A `.zip` that is a 7z was renamed or mixed up on the way: both words are in the message.
"""

from collections.abc import Mapping
from shlex import quote
from typing import BinaryIO

from covcat.archives.base import (
    BadArchiveError,
    PaddedError,
    Padding,
    SplitError,
    UnsupportedError,
)
from covcat.archives.streams import compression_of, open_unpacked
from covcat.archives.tar_headers import BLOCK, END, has_checksum
from covcat.archives.volumes import Archive
from covcat.archives.zip_directory import read_directory
from covcat.archives.zip_end import SPLIT, FileWindow, NoEndError, read_end, start_of

# Suffixes that say a format; the longer ones first.
SUFFIXES = {
    **dict.fromkeys((".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"), "tar"),
    **dict.fromkeys((".tgz", ".tbz2", ".tbz", ".txz", ".tzst", ".tar"), "tar"),
    **{f".{kind}": kind for kind in ("zip", "7z", "rar", "gz", "bz2", "xz", "zst")},
}
_MAGIC = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"RE\x7e\x5e": "rar"}
_OTHERS = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"<!": "a web page",
    b"<html": "a web page",
    b"{": "a JSON document",
}
_PROGRAMS = {b"MZ": "a Windows program", b"\x7fELF": "a program"}  # perhaps before a zip

# Archives that are not read here: their names, how they begin, and where.
_UNREAD = {
    "a cpio archive": (0, (b"070701", b"070702", b"070707", b"\xc7\x71", b"\x71\xc7")),
    "a xar archive": (0, (b"xar!",)),
    "an ISO 9660 image": (0x8001, (b"CD001",)),
}


def kind_of(archive: Archive, *, allows_padding: bool = False) -> str:
    """Return the word of FORMATS for a file; of a zip there may be bytes before, if allowed."""
    found = _by_magic(archive, allows_padding=allows_padding)
    suffix = _suffix(archive.name)
    said = SUFFIXES.get(suffix, found)
    if said != found and not (found == "tar" and said in ("gz", "bz2", "xz", "zst")):
        right = f"{stem_of(archive.name)}.{found}"
        raise UnsupportedError(
            f"is called `{suffix}`, and is of the format {found}", f"mv {{}} {quote(right)}"
        )
    return found


def stem_of(name: str) -> str:
    """Return an archive's name without the suffix that says its format."""
    return name[: -len(_suffix(name))] or name if _suffix(name) else name + ".d"


def _suffix(name: str) -> str:
    return next((one for one in SUFFIXES if name.lower().endswith(one)), "")


def _by_magic(archive: Archive, *, allows_padding: bool) -> str:
    suffix = _suffix(archive.name)
    is_named_tar = SUFFIXES.get(suffix) == "tar"
    with archive.open("rb") as stream:
        start = stream.read(BLOCK)
        if start_of(start) is not None:
            # So the first of several volumes begins too. Of all else its reader says what is wrong.
            if start.startswith(SPLIT) and isinstance(_error_at_end(stream), NoEndError):
                raise SplitError
            return "zip"
        for magic, kind in _MAGIC.items():
            if start.startswith(magic):
                return kind
        if has_checksum(start) or (suffix == ".tar" and start and not start.strip(b"\0")):
            return "tar"
        packing = compression_of(stream)
        if packing is None:
            # The last of several volumes begins anywhere in the archive.
            if suffix == ".zip" and isinstance(error := _error_at_end(stream), SplitError):
                raise error
            if not start:
                raise BadArchiveError("is empty")
            _check_not_unread(stream)
            if (other := _looks_like(start, _OTHERS)) or not _is_padded_zip(
                stream, allows_padding=allows_padding
            ):
                raise UnsupportedError(
                    _not_an_archive(other or _looks_like(start, _PROGRAMS)), "file {}"
                )
            return "zip"
        with open_unpacked(stream, packing) as flow:
            first = flow.take(BLOCK)
    if has_checksum(first) or (is_named_tar and first == END):
        return "tar"
    if is_named_tar:
        raise UnsupportedError(f"is packed with {packing}, and holds no tar")
    return packing


def _error_at_end(stream: BinaryIO) -> BadArchiveError | None:
    """Return what is wrong with the end of a file as that of a zip."""
    try:
        read_end(FileWindow(stream))
    except BadArchiveError as error:
        return error
    return None


def _check_not_unread(stream: BinaryIO) -> None:
    for name, (at, starts) in _UNREAD.items():
        stream.seek(at)
        if stream.read(len(max(starts, key=len))).startswith(starts):
            raise UnsupportedError(
                f"is {name}, which covcat does not read",
                "mkdir plain && bsdtar -xf {} -C plain (import takes the folder)",
            )


def _is_padded_zip(stream: BinaryIO, *, allows_padding: bool) -> bool:
    """Tell a zip that begins later in its file: a program that unpacks itself, a saved answer.

    Raises:
        PaddedError: it is one, and that is not allowed.
    """
    window = FileWindow(stream)
    try:
        end = read_end(window)
    except BadArchiveError:
        return False
    if window.read_at(end.directory, 4) != b"PK\x01\x02":
        return False
    if not allows_padding:
        next(read_directory(window, _refuse), None)
    return True


def _refuse(padding: Padding) -> None:
    raise PaddedError(padding)


def _looks_like(start: bytes, known: Mapping[bytes, str]) -> str | None:
    looks = start.lstrip()[:16].lower()
    such = (
        words
        for magic, words in known.items()
        if start.startswith(magic) or looks.startswith(magic)
    )
    return next(such, None)


def _not_an_archive(looks_like: str | None) -> str:
    if looks_like:
        return f"is no archive: it starts like {looks_like}"
    return "is of no format that covcat knows: expected zip, tar, 7z, rar, gz, bz2, xz or zst"
