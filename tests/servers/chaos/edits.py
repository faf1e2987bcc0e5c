"""What happens to a part and its record between two runs: crashes, other hands, other times."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from covcat.seal import sealed
from servers.chaos.body import Stream
from servers.chaos.case import Edit, parts_in

Change = Callable[[dict[str, Any]], object]


def _part(data: Path) -> Path:
    found = parts_in(data)
    if len(found) != 1:
        raise AssertionError(f"{len(found)} parts after the first run")
    return found[0]


def _record(data: Path) -> Path:
    return _part(data).with_suffix(".json")


def _rewrite(data: Path, change: Change) -> None:
    """Change the record, and seal it again: another covcat may have written it so."""
    path = _record(data)
    record = json.loads(path.read_text())
    del record["seal"]
    change(record)
    path.write_text(json.dumps(sealed(record)))


def changed(**values: object) -> Edit:
    """Set keys of the record."""
    return lambda data, outside: _rewrite(data, lambda record: record.update(values))


def without(*names: str) -> Edit:
    """Drop keys of the record."""
    return lambda data, outside: _rewrite(
        data, lambda record: [record.pop(name, None) for name in names]
    )


def record_is(content: bytes) -> Edit:
    """Replace the record."""
    return lambda data, outside: _ignore(_record(data).write_bytes(content))


def no_record(data: Path, outside: Path) -> None:
    """Lose the record."""
    _record(data).unlink()


def cut_record(data: Path, outside: Path) -> None:
    """Cut the record in the middle, as a crash without fsync does."""
    path = _record(data)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def record_folder(data: Path, outside: Path) -> None:
    """Put a folder in the record's place."""
    path = _record(data)
    path.unlink()
    path.mkdir()


def record_pipe(data: Path, outside: Path) -> None:
    """Put a named pipe in the record's place: whoever opens it waits."""
    path = _record(data)
    path.unlink()
    os.mkfifo(path)


def part_pipe(data: Path, outside: Path) -> None:
    """Put a named pipe in the part's place."""
    path = _part(data)
    path.unlink()
    os.mkfifo(path)


def part_link(data: Path, outside: Path) -> None:
    """Put a link to a file of the user's in the part's place."""
    path = _part(data)
    path.unlink()
    path.symlink_to(outside / "thesis.bin")


def record_link(data: Path, outside: Path) -> None:
    """Move the record outside and put a link in its place."""
    path = _record(data)
    target = outside / "record.json"
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target)


def zero_tail(data: Path, outside: Path) -> None:
    """Fill the last 5,000 bytes with zeros: data that a power cut lost."""
    path = _part(data)
    kept = path.read_bytes()
    path.write_bytes(kept[:-5000] + bytes(5000))


def zero_head(data: Path, outside: Path) -> None:
    """Fill the first 4,096 bytes with zeros."""
    path = _part(data)
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def flip(data: Path, outside: Path) -> None:
    """Turn one bit in the middle."""
    path = _part(data)
    kept = bytearray(path.read_bytes())
    kept[len(kept) // 2] ^= 1
    path.write_bytes(kept)


def shorten(data: Path, outside: Path) -> None:
    """Lose the last 5,000 bytes."""
    path = _part(data)
    os.truncate(path, path.stat().st_size - 5000)


def empty(data: Path, outside: Path) -> None:
    """Lose every byte."""
    os.truncate(_part(data), 0)


def lengthen(data: Path, outside: Path) -> None:
    """Add bytes that no record speaks of."""
    with _part(data).open("ab") as stream:
        stream.write(b"tail" * 2000)


def filled(content: Stream) -> Edit:
    """Make the part as long as `content`, with a record that agrees."""

    def edit(data: Path, outside: Path) -> None:
        _part(data).write_bytes(content.data)
        digest = hashlib.sha256(content.data).hexdigest()
        changed(offset=content.size, sha256=digest, total=None)(data, outside)

    return edit


def _ignore(_: object) -> None:
    return None
