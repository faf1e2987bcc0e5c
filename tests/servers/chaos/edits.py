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


def _bytes_of(place: Callable[[Path], Path], change: Callable[[bytes], bytes]) -> Edit:
    """Change the bytes of the part or of its record."""

    def edit(data: Path, outside: Path) -> None:
        path = place(data)
        path.write_bytes(change(path.read_bytes()))

    return edit


def _instead_of(place: Callable[[Path], Path], put: Callable[[Path, Path, bytes], object]) -> Edit:
    """Remove the part or its record; `put` gets the place, the folder outside, and the bytes."""

    def edit(data: Path, outside: Path) -> None:
        path = place(data)
        kept = path.read_bytes()
        path.unlink()
        put(path, outside, kept)

    return edit


def _rewrite(change: Change) -> Edit:
    """Change the record, and seal it again: another covcat may have written it so."""

    def edit(data: Path, outside: Path) -> None:
        record = json.loads(_record(data).read_text())
        del record["seal"]
        change(record)
        _record(data).write_text(json.dumps(sealed(record)))

    return edit


def changed(**values: object) -> Edit:
    return _rewrite(lambda record: record.update(values))


def without(name: str) -> Edit:
    return _rewrite(lambda record: record.pop(name))


def record_is(content: bytes) -> Edit:
    return _bytes_of(_record, lambda _: content)


def filled(content: Stream) -> Edit:
    """Make the part as long as `content`, with a record that agrees."""

    def edit(data: Path, outside: Path) -> None:
        _part(data).write_bytes(content.data)
        digest = hashlib.sha256(content.data).hexdigest()
        changed(offset=content.size, sha256=digest, total=None)(data, outside)

    return edit


def _flipped(kept: bytes) -> bytes:
    middle = len(kept) // 2
    return kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :]


def _moved_out(path: Path, outside: Path, kept: bytes) -> None:
    (outside / "record.json").write_bytes(kept)
    path.symlink_to(outside / "record.json")


zero_tail = _bytes_of(_part, lambda kept: kept[:-5000] + bytes(5000))  # a power cut lost them
zero_head = _bytes_of(_part, lambda kept: bytes(4096) + kept[4096:])
flip = _bytes_of(_part, _flipped)
shorten = _bytes_of(_part, lambda kept: kept[:-5000])
empty = _bytes_of(_part, lambda _: b"")
lengthen = _bytes_of(_part, lambda kept: kept + b"tail" * 2000)  # of which no record speaks
cut_record = _bytes_of(_record, lambda kept: kept[: len(kept) // 2])  # a crash without fsync
no_record = _instead_of(_record, lambda *_: None)
record_folder = _instead_of(_record, lambda path, *_: path.mkdir())
record_pipe = _instead_of(_record, lambda path, *_: os.mkfifo(path))  # whoever opens it waits
record_link = _instead_of(_record, _moved_out)
part_pipe = _instead_of(_part, lambda path, *_: os.mkfifo(path))
part_link = _instead_of(_part, lambda path, outside, _: path.symlink_to(outside / "thesis.bin"))
