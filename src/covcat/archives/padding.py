"""Bytes before or after an archive: what may not be in them, whoever allows them.

Padding must hide nothing: another archive in it is what other readers would take for the archive.
"""

import re
from collections.abc import Iterable

from covcat.archives.base import UnsafeError

MOST_AFTER = 1 << 20  # bytes; the end of a zip is looked for so far from that of its file
# Records of a zip; how 7z, RAR and tars begin, or what is in all their headers.
_HIDDEN = re.compile(
    rb"(?P<zip>PK(?:\x01\x02|\x03\x04|\x05\x06|\x06[\x06\x07]))|(?P<sevenzip>7z\xbc\xaf\x27\x1c)"
    rb"|(?P<rar>Rar!\x1a\x07|RE\x7e\x5e)|(?P<tar>ustar(?:\0| {2}\0))"
)
_LONGEST = 8  # bytes of any of them


def check_hides_nothing(pieces: Iterable[bytes], where: str) -> None:
    """Refuse padding in which another archive begins; `where` is "before …" or "after …"."""
    kept = b""
    for piece in pieces:
        data = kept + piece
        if found := _HIDDEN.search(data):
            what = "7z" if found.lastgroup == "sevenzip" else found.lastgroup
            raise UnsafeError(f"has hidden bytes {where}: another archive ({what}) begins there")
        kept = data[1 - _LONGEST :]


def check_after(data: bytes) -> None:
    """Refuse what follows an archive if it is too much, or hides another one."""
    if len(data) > MOST_AFTER:
        raise UnsafeError(f"has more than {MOST_AFTER:,} bytes after its end")
    check_hides_nothing([data], "after its end")
