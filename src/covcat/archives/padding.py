"""Bytes before or after an archive: what may not be in them, whoever allows them.

Padding must hide nothing: another archive in it is what other readers would take for the archive.
7-Zip looks for the start of any format that it knows, anywhere in a file that begins with none.
"""

import re
from collections.abc import Iterable

from covcat.archives.base import UnsafeError
from covcat.archives.tar_headers import BLOCK, has_checksum

MOST_AFTER = 1 << 20  # bytes; the end of a zip is looked for so far from that of its file
# How archives, packed files and images of disks begin, or what is in all their headers: a mark,
# and what follows it. That is more than their makers ask for where a mark is so short that it
# comes by chance in megabytes of a program. Marks are searched for alone: ten times as fast.
_DICTIONARY = (
    rb"[\x01-\x04\x06\x08\x0c\x10\x18\x20\x30\x40\x60\x80\xc0]"  # 2^n, or half as much more
)
_STARTS = (
    ("zip", b"PK", rb"\x01\x02|\x03\x04|\x05\x06|\x06[\x06\x07]"),
    ("7z", b"7z\xbc\xaf\x27\x1c", b""),
    ("rar", b"Rar!\x1a\x07", b""),
    ("rar", b"RE\x7e\x5e", b""),
    ("tar", b"ustar", rb"\0| {2}\0"),
    ("gz", b"\x1f\x8b\x08", rb"[\0-\x1f]"),
    ("bz2", b"BZh", rb"[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)"),
    ("xz", b"\xfd7zXZ\0", b""),
    ("zst", b"\x28\xb5\x2f\xfd", b""),
    ("lzip", b"LZIP", rb"[\0\x01]"),
    # Its size is unknown, or below 1 TB; its first packed byte is always 0.
    (
        "lzma-alone",
        b"\x5d\0\0",
        rb"(?:%b\0|\0%b)(?:\xff{8}|[\0-\xff]{5}\0{3})\0" % (_DICTIONARY, _DICTIONARY),
    ),
    ("cpio", b"07070", rb"[127][0-9A-Fa-f]{8}"),
    ("cpio", b"TRAILER!!!", b""),
    ("ar", b"!<arch>\n", b""),
    ("cab", b"MSCF\0\0\0\0", b""),
    ("xar", b"xar!\0", b""),
    ("wim", b"MSWIM\0\0\0", b""),
    ("lzh", b"-lh", b"[0-9a-z]-"),
    ("lzh", b"-lz", b"[0-9a-z]-"),
    ("arj", b"\x60\xea", rb"[\0-\xff][\0-\x0a][\x1e-\x40][\x01-\x66]{2}[\0-\x0c][\0-\xff]{2}\x02"),
    ("chm", b"ITSF\3\0\0\0", b""),
    ("rpm", b"\xed\xab\xee\xdb", b""),
    ("compound file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b""),
    ("ISO 9660", b"CD001\1", b""),
    ("UDF", b"BEA01\1", b""),
    ("squashfs", b"hsqs", b""),
    ("squashfs", b"sqsh", b""),
    ("cramfs", b"Compressed ROMFS", b""),
    ("NTFS", b"NTFS    \0", b""),
    ("dmg", b"koly\0\0\0\4", b""),
    ("VHD", b"conectix\0", b""),
    ("VHDX", b"vhdxfile", b""),
)
_HIDDEN = tuple((name, mark, re.compile(rest)) for name, mark, rest in _STARTS)
_LONGEST = 16  # bytes of any of them
_END_OF_SUM = re.compile(rb"[0-7]{3}[\0 ]")
_SUM_ENDS = 156  # where the checksum of a tar's header does


def check_hides_nothing(pieces: Iterable[bytes], where: str) -> None:
    """Refuse padding in which another archive begins; `where` is "before …" or "after …"."""
    kept = b""
    for piece in pieces:
        data = kept + piece
        for name, mark, rest in _HIDDEN:
            at = data.find(mark)
            while at >= 0:
                if rest.match(data, at + len(mark)):
                    _refuse(name, where)
                at = data.find(mark, at + 1)
        kept = data[1 - _LONGEST :]


def check_after(data: bytes) -> None:
    """Refuse what follows an archive if it is too much, or hides another one."""
    if len(data) > MOST_AFTER:
        raise UnsafeError(f"has more than {MOST_AFTER:,} bytes after its end")
    check_hides_nothing([data], "after its end")
    if _has_tar(data):
        _refuse("tar", "after its end")


def _has_tar(data: bytes) -> bool:
    """Tell if a tar without a mark, as v7 wrote it, begins anywhere: by a header's checksum."""
    for found in _END_OF_SUM.finditer(data):
        for end in (found.end() + 1, found.end()):  # six digits and two bytes, or seven and one
            start = end - _SUM_ENDS
            if start >= 0 and has_checksum(data[start : start + BLOCK]):
                return True
    return False


def _refuse(what: str, where: str) -> None:
    raise UnsafeError(f"has hidden bytes {where}: another archive ({what}) begins there")
