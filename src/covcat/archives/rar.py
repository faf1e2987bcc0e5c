"""RAR 1.5 to 7: members from its headers, bytes from one run of a tool for the whole archive.

A solid archive unpacks only from its start, so asking a tool for one member after another would
take quadratic time. The tool is told no names; what it prints is cut by the headers' sizes and
checked against their checksums here. An archive that only stores its files needs no tool.
"""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from covcat.archives.base import (
    Member,
    Open,
    Source,
    UnsafeError,
    UnsupportedError,
    decode_name,
    decrypting,
    folder_name,
    label,
)
from covcat.archives.joined import Crc32, MemberPart, split
from covcat.archives.rar_listing import Listing, Packed, read_header, read_listing
from covcat.archives.sandbox import check_unchanged, run_tool
from covcat.archives.streams import Flow
from covcat.archives.tools import ARCHIVE, no_rar_tool, rar_tool

IS_STREAM = False
_UNIX = 3  # rarfile's number of a host
_LARGE, _UNICODE, _UNKNOWN_SIZE = 0x0100, 0x0200, 0x08  # flags: of a file in RAR 4; in RAR 5
_NAME, _MORE = 32, 8  # where a file's header of RAR 4 has its name; that much later if it is large
_METHODS = range(0x30, 0x36)  # stored, and five levels
_ALGORITHMS4 = (13, 15, 20, 26, 29, 36)  # the RAR that brought each, without its point
_ALGORITHMS5 = (0, 1)  # of RAR 5 and RAR 7
_DICTIONARY = 256 << 20  # bytes that a tool may need; it has to fit into `sandbox.MEMORY`
_SYMLINK, _HARD, _COPY = 1, 4, 5  # redirections of RAR 5
_PIECE = 1 << 17  # bytes at once: larger buffers are fresh pages from the kernel each time
_HUGE = 4 << 30  # a dictionary that only RAR 7 can have


@dataclass(slots=True)
class RarMember(Member):
    """A member, and the archive with all its parts."""

    listing: Listing = None  # type: ignore[assignment]  # fields after defaults need one


def members(source: Source) -> list[Member]:
    """List every entry but old versions of files, which RAR keeps beside the newest."""
    listing = read_listing(source)
    current = [one for one in listing.files if not one.is_old_version]
    members: list[Member] = []
    for number, one in enumerate(current):
        name, kind = _name(one, listing, source), _kind(one)
        _check(one, name, kind)
        name = folder_name(name.rstrip("/")) if kind == "folder" else name
        is_executable = one.info.host_os == _UNIX and bool(one.info.mode & 0o111)
        size = one.info.file_size
        target, redirection = _target(one)
        members.append(
            RarMember(
                number,
                name,
                kind,
                size,
                is_executable,
                target=target,
                is_hard=redirection in (_HARD, _COPY),
                is_copy=redirection == _COPY,
                listing=listing,
            )
        )
    return members


def unpack(source: Source, listed: Sequence[Member], open_member: Open) -> None:
    """Push the bytes of each wanted member; all are read and checked."""
    ours = [one for one in listed if isinstance(one, RarMember)]
    if not ours:
        return
    listing = ours[0].listing
    parts = _parts(listing, ours)
    is_encrypted = listing.is_encrypted
    # One file, in which the bytes of all files lie as they are, needs no tool.
    if (
        len(listing.volumes) == 1
        and not is_encrypted
        and all(
            one.info.compress_type == _METHODS[0] and one.info.compress_size == one.info.file_size
            for one in listing.files
            if not one.is_folder
        )
    ):
        split(Flow(_read_stored(source.stream, listing)).piece, parts, open_member)
        return
    tool = rar_tool(listing.version, is_encrypted=is_encrypted)
    if tool is None:
        raise no_rar_tool(is_encrypted=is_encrypted)
    first, inputs = ARCHIVE, {ARCHIVE: source.path}
    if len(listing.volumes) > 1:
        inputs = {path.name: path for path in listing.volumes}
        first = listing.volumes[0].name
    command = tool.command(f"RAR {listing.version}", first)
    states = dict(zip(listing.volumes, listing.states, strict=True))
    size = sum(part.size for part in parts)
    password = source.password if is_encrypted else None
    with (
        decrypting(None if listing.has_proved else password),
        check_unchanged(states),
        run_tool(command, inputs, size, password=password) as stream,
    ):
        split(stream.read, parts, open_member)
        stream.end()


def _parts(listing: Listing, ours: Sequence[RarMember]) -> list[MemberPart]:
    """Return the parts of the tool's output, old versions among them."""
    from rarfile import Blake2SP

    current = iter(ours)
    parts = []
    for one in listing.files:
        name = str(one.info.filename)
        member = Member(-1, name, "special", 0) if one.is_old_version else next(current)
        checksum, declared = (Crc32, one.crc) if one.blake2sp is None else (Blake2SP, one.blake2sp)
        has_bytes = member.kind == "file" or (member.kind == "link" and member.target is None)
        is_checked = has_bytes and declared is not None and one.has_plain_sum
        parts.append(MemberPart(member, one.size, checksum if is_checked else None, declared))
    return parts


def _read_stored(stream: BinaryIO, listing: Listing) -> Iterator[bytes]:
    """Give the data of all files that are only stored, back to back."""
    for one in listing.files:
        left = one.size
        stream.seek(one.info.data_offset)
        while left and (data := stream.read(min(left, _PIECE))):
            yield data
            left -= len(data)


def _kind(one: Packed) -> Literal["file", "folder", "link", "special"]:
    if one.info.file_redir is not None:  # RAR 5: symbolic, hard, junction, or "a copy of"
        return "link"
    form = stat.S_IFMT(one.info.mode) if one.info.host_os == _UNIX else 0
    if form == stat.S_IFLNK:
        return "link"
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "special"
    return "folder" if one.is_folder else "file"


def _target(one: Packed) -> tuple[str | None, int | None]:
    """Return where a link of RAR 5 leads, and its kind.

    In RAR 4 it is the member's bytes; those of Windows lead elsewhere.
    """
    if one.info.file_redir is None:
        return None, None
    kind, _, target = one.info.file_redir
    is_known = kind in (_SYMLINK, _HARD, _COPY) and "\ufffd" not in str(target)
    return (str(target) if is_known else ""), int(kind)


def _check(one: Packed, name: str, kind: str) -> None:
    """Refuse what no tool reads, and what contradicts itself."""
    info = one.info
    if info.compress_type not in _METHODS:
        raise UnsupportedError(f"packs `{name}` with an unknown method, {info.compress_type}")
    # Tools do not agree on other algorithms, even for files that are only stored.
    flags = getattr(info, "file_compress_flags", None)  # of RAR 5
    is_known = info.extract_version in _ALGORITHMS4 if flags is None else flags & 63 in _ALGORITHMS5
    if not is_known:
        raise UnsupportedError(f"packs `{name}` with an algorithm that is not known")
    is_empty = kind == "folder" or info.file_redir is not None
    if is_empty and (info.compress_size or (kind == "folder" and info.file_size)):
        raise UnsafeError(f"has data in the {kind} `{name}`")
    if kind == "file" and name.endswith("/"):
        raise UnsafeError(f"calls `{name}` both a file and a folder")
    if getattr(info, "file_flags", 0) & _UNKNOWN_SIZE:
        raise UnsupportedError(f"does not say how long `{name}` is")
    if kind == "file" and info.compress_type != _METHODS[0] and flags:
        dictionary = (128 << 10) << (flags >> 10 & 31)
        if flags & 63:  # RAR 7
            dictionary += dictionary // 32 * (flags >> 15 & 31)
        if dictionary >= _HUGE or min(dictionary, info.file_size) > _DICTIONARY:
            raise UnsupportedError(
                f"needs a dictionary of {dictionary >> 20:,} MB for `{name}`, more than "
                f"{_DICTIONARY >> 20} MB"
            )


# ---- names -------------------------------------------------------------------------------------


def _name(one: Packed, listing: Listing, source: Source) -> str:
    """Return the name: RAR 5 has UTF-8; RAR 4 has Unicode, or bytes that say no encoding."""
    info = one.info
    raw: bytes = info.orig_filename
    if listing.version == 5:
        # rarfile gives less of a name than its header has: it cuts at a NUL.
        if bytes(_vint(len(raw))) + raw not in read_header(one, listing, source):
            raise UnsafeError(f"has a NUL in the name `{info.filename}`")
        name = _utf8(raw)
    elif info.flags & _UNICODE:
        is_packed = len(raw) < info._name_size
        name = (
            _unpacked(info, read_header(one, listing, source))
            if is_packed
            else _utf8(raw).replace("\\", "/")
        )
    elif len(raw) < info._name_size:
        raise UnsafeError(f"has a NUL in the name `{info.filename}`")
    else:
        name = decode_name(raw, source.encoding).replace("\\", "/")
    if "\ufffd" in name or "\0" in name:
        raise UnsafeError(f"has a name that cannot be read: `{name}`")
    return name


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnsafeError(f"calls a name UTF-8 that is not: `{label(raw)}`") from None


def _unpacked(info: Any, header: bytes) -> str:
    """Return RAR 4's Unicode name, which follows a plain one and is packed as changes to it.

    Where it ends within a step rarfile takes the plain name in its place, unrar and 7-Zip what
    they have of it so far, and bsdtar another one.
    """
    from rarfile import UnicodeFilename

    start = _NAME + _MORE * bool(info.flags & _LARGE)
    plain, _, packed = header[start : start + info._name_size].partition(b"\0")
    unpacking = UnicodeFilename(plain, packed)
    unpacking.decode()
    if unpacking.failed or not info.filename:
        raise UnsafeError(
            f"has a Unicode name that is cut off, for `{info.filename}`: readers disagree on it"
        )
    return str(info.filename)


def _vint(number: int) -> list[int]:
    """Return RAR 5's variable-length integer: 7 bits a byte, lowest first."""
    return [number] if number < 128 else [number & 127 | 128, *_vint(number >> 7)]
