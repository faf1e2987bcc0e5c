"""The rows of files in a record, matched: to parse half a million takes several times as long."""

import re
import sys
from typing import get_args

from covcat.digests import VerifiedBy

FILES = b' "files": [\n'  # the line before them

# Of a usual file, as `write` writes it: `unsafe_name` finds nothing in such a path.
_NAME = r"(?:/(?!\.\.?[/\"])[\w .,()+=@#~-]{1,200}){1,4}"
_ROW = (
    r'^  \{{"path": "(files{})", "bytes": (0|[1-9]\d{{0,17}}), "sha256": "(\w*)", '
    r'"mode": (?:null|"\w*"), "blob": (?:null|"\w*"), "verified_by": "(?:{})", '
    r'"lfs": (?:true|false)\}},?$'
).format(_NAME, "|".join(get_args(VerifiedBy)))


def usual_files(data: bytes) -> list[tuple[str, str, str]] | None:
    """Return path, bytes and sha256 of each file, if a record's rows are those of usual ones.

    Nothing is unsafe about their paths. Else None: the record is to be parsed, which takes
    several times as long.
    """
    if sys.platform == "win32":  # where `con` is no usual name
        return None
    rows = data.partition(b"\n" + FILES)[2]
    found = re.findall(_ROW, rows.decode("utf-8", "replace"), re.ASCII | re.MULTILINE)
    number = len(found)
    is_all = number > 0 and rows.count(b"\n") == number + 2 and rows.count(b"},\n") == number - 1
    return found if is_all and rows.endswith(b"}\n ]\n}\n") else None
