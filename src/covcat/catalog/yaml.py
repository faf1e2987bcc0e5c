"""YAML read so that a catalog cannot lie: text only, no anchors, tags or duplicate keys.

PyYAML's own loaders read an all-digit md5 as a number, `no` as False, and let the last of two
equal keys win (pyyaml#235 and others). Here every scalar stays the text that was written.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from covcat.errors import IntegrityError
from covcat.files import NoFileError, opened

MAX_BYTES = 1_000_000
MAX_DEPTH = 32

KeyPath = tuple[str | int, ...]  # keys and positions from the root: ("releases", 0, "date")
Lines = dict[KeyPath, int]  # the line, from 1, on which each value starts


def read(path: Path) -> bytes:
    """Read a catalog file whole, refusing what cannot be one before reading it."""
    try:
        with opened(path) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NoFileError) as error:
        raise IntegrityError(f"{path}: expected a YAML file, found none") from error
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > MAX_BYTES:
        raise IntegrityError(f"{path}:1: expected at most {MAX_BYTES:,} bytes, got more")
    return data


def parse(data: bytes, name: str) -> tuple[dict[str, Any], Lines]:
    """Turn one YAML document into dicts, lists and texts, with the line of each value.

    Raises:
        IntegrityError: naming `name` and the line of the first thing that is not allowed.
    """
    import yaml

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise IntegrityError(f"{name}:{line}: expected UTF-8, got byte 0x{byte:02x}") from error
    try:
        return _read_with(yaml.CSafeLoader, text, name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = mark.index if mark else getattr(error, "position", 0)
        line = mark.line + 1 if mark else text.count("\n", 0, position) + 1
        before = text[:position]
        if before.count("[") + before.count("{") > MAX_DEPTH:
            # libyaml looks ahead of what it gives, to a limit of its own: ours comes first
            with suppress(yaml.YAMLError):
                _read_with(yaml.SafeLoader, before, name)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise IntegrityError(f"{name}:{line}: not valid YAML: {problem}") from error


def _read_with(loader: Any, text: str, name: str) -> tuple[dict[str, Any], Lines]:
    import yaml

    return _TreeBuilder(yaml.parse(text, Loader=loader), name).document()


class _TreeBuilder:
    """Builds values from parser events: one pass, and nothing is expanded on the way."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self._events = events
        self._name = name
        self._lines: Lines = {}

    def document(self) -> tuple[dict[str, Any], Lines]:
        next(self._events)  # the start of the stream
        start = next(self._events)
        if not _is(start, "DocumentStart"):
            raise self._mistake(start, "the file is empty")
        root = next(self._events)
        if not _is(root, "MappingStart"):
            raise self._mistake(start, "expected a mapping of keys, such as `id: …`")
        value = self._value(root, ())
        next(self._events)  # the end of the document
        after = next(self._events)
        if not _is(after, "StreamEnd"):
            raise self._mistake(after, "expected one document, found a second one")
        return cast(dict[str, Any], value), self._lines

    def _value(self, event: Any, place: KeyPath) -> Any:
        self._lines[place] = event.start_mark.line + 1
        if len(place) > MAX_DEPTH:
            raise self._mistake(event, f"nested more than {MAX_DEPTH} levels deep")
        if _is(event, "Alias") or event.anchor:
            raise self._mistake(event, "anchors and aliases (`&`, `*`) are not allowed")
        if event.tag:
            raise self._mistake(event, f"the tag `{event.tag}` is not allowed")
        if _is(event, "SequenceStart"):
            items: list[Any] = []
            while not _is(one := next(self._events), "SequenceEnd"):
                items.append(self._value(one, (*place, len(items))))
            return items
        if _is(event, "Scalar"):
            if not event.style and event.value in ("", "~", "null"):
                raise self._mistake(event, "a value is missing; leave the key out if it is unknown")
            return str(event.value)
        found: dict[str, Any] = {}
        while not _is(key := next(self._events), "MappingEnd"):
            if not _is(key, "Scalar") or key.anchor or key.tag or key.value == "<<":
                raise self._mistake(key, "a key must be plain text, without anchors or `<<`")
            if key.value in found:
                raise self._mistake(key, f"the key `{key.value}` is there twice")
            found[key.value] = self._value(next(self._events), (*place, key.value))
        return found

    def _mistake(self, event: Any, text: str) -> IntegrityError:
        return IntegrityError(f"{self._name}:{event.start_mark.line + 1}: {text}")


def _is(event: Any, kind: str) -> bool:
    return type(event).__name__ == f"{kind}Event"


def packaged_catalog() -> Path:
    """Return the folder of the catalog that came with covcat."""
    here = Path(__file__).parents[1]
    installed = here / "data"  # the wheel puts catalog/ there
    return installed if installed.is_dir() else here.parents[1] / "catalog"
