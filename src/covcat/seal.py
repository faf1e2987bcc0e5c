"""What covcat writes for itself and reads again: JSON, strictly, and a seal that a change breaks.

The seal tells damage and edits, and is no signature: who may write a file may seal it anew. So
what a sealed file says must be harmless still: paths are checked, questions are bounded.
"""

import hashlib
import json
from collections.abc import Mapping, Set
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from covcat.errors import NewerError

_MARK = b"\ncovcat-seal-1 sha256 "
SIZE = len(_MARK) + 64 + 1  # bytes: the mark, the digest of all before it in hex, a line's end
_KEY = "seal"  # of a record
_CHUNK = 1 << 20


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be written as JSON, with its seal."""
    return {**record, _KEY: _digest(record)}


def unsealed(tree: object) -> dict[str, Any] | None:
    """Return a record as it was sealed, or None if its seal is missing or broken."""
    if not isinstance(tree, dict):
        return None
    inside = {key: value for key, value in tree.items() if key != _KEY}
    return inside if tree.get(_KEY) == _digest(inside) else None


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def append(path: Path) -> None:
    """Seal a file that is whole, at its end: SQLite does not look behind its last page."""
    with path.open("r+b") as stream:
        found = hashlib.file_digest(stream, "sha256")
        stream.write(_seal(found.hexdigest()))


def holds(stream: BinaryIO, size: int) -> str:
    """Return the sha256 of what is sealed in a file of `size` bytes, or "" if it was changed.

    It is not kept in memory.
    """
    if size < SIZE:
        return ""
    stream.seek(size - SIZE)
    end = stream.read()
    if not end.startswith(_MARK):  # nothing of a long file is read in vain
        return ""
    stream.seek(0)
    found, left = hashlib.sha256(), size - SIZE
    while left and (data := stream.read(min(left, _CHUNK))):
        found.update(data)
        left -= len(data)
    digest = found.hexdigest()
    return digest if not left and end == _seal(digest) else ""


def _seal(digest: str) -> bytes:
    return _MARK + digest.encode() + b"\n"


Record = TypeVar("Record")


def parse_record(path: Path | str, data: bytes, kind: type[Record], schema: str) -> Record:
    """Return what the record `path` says, whose bytes are `data`: nothing in it is guessed at.

    One that is damaged or edited raises ValueError, one of a newer covcat NewerError.
    """
    tree = parse_json(data, kept={"schema"})
    found = tree.get("schema") if isinstance(tree, dict) else None
    if found != schema and str(found).startswith(schema.partition("/")[0] + "/"):
        text = f"`{path}` was made by a newer covcat ({found})"
        raise NewerError(text, hint="pip install -U covcat")
    return parse_as(data, kind)


def parse_as(data: bytes, kind: type[Record], *, is_closed: bool = False) -> Record:
    """Return what JSON says as what it is to be; ValueError where that cannot be.

    Unknown keys are refused if `kind` says so, or else by `is_closed`.
    """
    from pydantic import ValidationError

    try:
        adapter = _adapter(kind, is_closed)  # type: ignore[arg-type]
        record: Record = adapter.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}") from error
    return record


@cache
def _adapter(kind: Any, is_closed: bool) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(kind, config=ConfigDict(extra="forbid") if is_closed else None)


def parse_json(data: bytes, kept: Set[str] | None = None) -> Any:
    """Return what JSON says, or raise ValueError: a key is there twice, or it is none.

    Of objects only what is `kept` is returned, where that is named: all is checked.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key is there twice")
        return found if kept is None else {key: found[key] for key in kept & found.keys()}

    def refuse(text: str) -> Any:
        raise ValueError(f"`{text}` is not a number of JSON")

    try:
        return json.loads(data, object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError(str(error)) from error
