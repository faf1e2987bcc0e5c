"""What runs on a worker of a cluster: it shows that it sees what the caller sees, then it works."""

import hashlib
import os
import pickle
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from covcat.engine.batches import Raised, Work, work_on
from covcat.version import __version__

_PROTOCOL = pickle.HIGHEST_PROTOCOL
_TELL = 0.5  # seconds between two words on how far a batch is


@dataclass(frozen=True, slots=True)
class Seen:
    """What a worker must see as the caller does: a file with these words, and folders."""

    shown: str  # the data folder
    file: str
    words: str
    versions: tuple[str, ...]
    folders: tuple[tuple[str, int], ...] = ()  # and the number that each has on its disk


@dataclass(frozen=True, slots=True)
class Differs:
    """In place of results: what the worker does not see, or has otherwise."""

    why: str


@cache
def versions() -> tuple[str, ...]:
    """Return what must be the same everywhere: the code, too, whose number may be that of other."""
    code, package = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        code.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    return f"covcat {__version__} of code {code.hexdigest()[:12]}", f"Python {python}"


def number_of(folder: str) -> int:
    """Return the number that a folder has on its disk, which all machines see."""
    try:
        return Path(folder).stat().st_ino
    except OSError:
        return -1


def difference(seen: Seen) -> Differs | None:
    """Say what this machine does not see, or has otherwise."""
    where = f"{platform.node()} ({os.getpid()})"
    if (mine := versions()) != seen.versions:
        return Differs(f"{where}: expected {', '.join(seen.versions)}, got {', '.join(mine)}")
    words = ""
    with suppress(OSError, UnicodeError):
        words = Path(seen.file).read_text(encoding="utf-8")
    blind = [folder for folder, number in seen.folders if number_of(folder) != number]
    blind += [seen.shown] if words != seen.words else []
    return Differs(f"{where}: does not see `{blind[-1]}`") if blind else None


_agreed = set[Seen]()


def pack(work: Work, arguments: list[Any]) -> bytes:
    """Return a batch as `serve` takes it: Dask would walk through the objects of one, twice."""
    return pickle.dumps((work, arguments), _PROTOCOL)


def serve(batch: bytes, name: str, seen: Seen, topic: str) -> bytes | Raised | Differs:
    """Do a batch, and tell now and then how far it is; return its results, as bytes."""
    from distributed import get_worker

    if seen not in _agreed:
        if (wrong := difference(seen)) is not None:
            return wrong
        _agreed.add(seen)
    work, arguments = pickle.loads(batch)  # noqa: S301 -- as all that Dask sends
    worker, told, since = get_worker(), 0, time.monotonic()

    def hear(size: int) -> None:
        nonlocal told, since
        told += size
        if time.monotonic() - since > _TELL:
            worker.log_event(topic, [name, told])
            told, since = 0, time.monotonic()

    results = work_on(work, arguments, hear)
    return results if isinstance(results, Raised) else pickle.dumps(results, _PROTOCOL)
