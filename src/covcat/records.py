"""JSON that covcat wrote and reads again: it may have been edited, cut or made elsewhere."""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from covcat.errors import NewerError
from covcat.files import opened

Record = TypeVar("Record")


def read_record(path: Path, kind: type[Record], schema: str, most: int) -> Record:
    """Read a JSON record strictly: nothing in it is guessed at or passed over.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ValueError: it is damaged or edited.
        NewerError: a newer covcat made it.
    """
    with opened(path) as stream:
        return parse_record(path, stream.read(most), kind, schema)


def parse_record(path: Path, data: bytes, kind: type[Record], schema: str) -> Record:
    """Return what the record `path` says, whose bytes are `data`; raises as `read_record`."""
    from pydantic import ValidationError

    tree = _parsed(data)
    found = tree.get("schema") if isinstance(tree, dict) else None
    if found != schema and str(found).startswith(schema.partition("/")[0] + "/"):
        text = f"`{path}` was made by a newer covcat ({found})"
        raise NewerError(text, hint="pip install -U covcat")
    try:
        record: Record = _adapter(kind).validate_json(data, strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}") from error
    return record


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def read_json(path: Path, most: int, *, follow: bool = True) -> tuple[Any, bytes]:
    """Read the JSON in the first `most` bytes of a regular file, and return it with these.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ValueError: it is no JSON, or has a key twice.
    """
    with opened(path, follow=follow) as stream:
        data = stream.read(most)
    return _parsed(data), data


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(str(error)) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"`{text}` is not a number of JSON")
