"""What is kept of pictures, for whoever compares them: sent along, or in a file that all see.

Each picture is compared with many. To the workers of a cluster what is kept of it would go through
the scheduler as many times: there it lies once in a file of the data folder, and they read it.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from covcat import engine
from covcat.files import NEW, disk_errors
from covcat.overlap.compared import Tried
from covcat.overlap.feature_store import FeatureStore

_ROOM = 2  # times what all stores hold must be free, or nothing is laid there
_Span = tuple[int, int]  # first byte, and number of bytes


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """Where a picture and its features are."""

    store: str
    sha256: str
    frame: int
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ToCompare:
    """One picture, and those it is to be compared with, by their numbers."""

    a: PicturePlace
    others: tuple[tuple[int, PicturePlace, Tried], ...]

    @property
    def places(self) -> list[PicturePlace]:
        """Return where all of them are, that one first."""
        return [self.a, *(place for _, place, _ in self.others)]


@dataclass(frozen=True, slots=True)
class _Laid:
    """Where in a file that is; None for what is not kept any more."""

    file: str
    spans: tuple[_Span | None, ...]


Filled = tuple[ToCompare, list[bytes | None] | _Laid]
Fill = Callable[[ToCompare], Filled]


@contextmanager
def filling(stores: Mapping[str, FeatureStore], asked: Sequence[ToCompare]) -> Iterator[Fill]:
    """Give what adds to each question what is kept of its pictures."""
    shared = engine.shared_folder() if asked else None
    # A name of its own each time: disks of clusters remember for a while what had a name.
    file = None if shared is None else shared / f"features-{os.urandom(4).hex()}"
    try:
        spans = None if file is None else _lay(file, stores, asked)

        def fill(one: ToCompare) -> Filled:
            if file is None or spans is None:
                return one, [_kept(stores, place) for place in one.places]
            return one, _Laid(str(file), tuple(spans[_key(place)] for place in one.places))

        yield fill
    finally:
        if file is not None:
            with suppress(OSError):
                file.unlink()


def read(filled: Filled) -> list[bytes | None]:
    """Return what is kept of each of these pictures, as it is kept.

    Raises:
        DiskError: the file that it lies in cannot be read.
    """
    laid = filled[1]
    if isinstance(laid, list):
        return laid
    with disk_errors(f"read `{laid.file}`"), Path(laid.file).open("rb", buffering=0) as file:
        found: list[bytes | None] = []
        for span in laid.spans:
            if span is not None:
                file.seek(span[0])
            found.append(None if span is None else file.read(span[1]))
        return found


def _lay(
    path: Path, stores: Mapping[str, FeatureStore], asked: Iterable[ToCompare]
) -> dict[tuple[str, int], _Span | None] | None:
    """Write what is kept of each picture once, and say where; None where there is no room."""
    spans, at = dict[tuple[str, int], _Span | None](), 0
    try:
        size = sum(one.path.stat().st_size for one in stores.values())
        if shutil.disk_usage(path.parent).free < _ROOM * size:
            return None
        with os.fdopen(os.open(path, NEW, 0o600), "wb") as file:
            for place in (place for one in asked for place in one.places):
                if _key(place) in spans:
                    continue
                data = _kept(stores, place)
                spans[_key(place)] = None if data is None else (at, len(data))
                at += file.write(data or b"")
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # a quota: what is kept is sent
        return None
    return spans


def _key(place: PicturePlace) -> tuple[str, int]:
    return place.sha256, place.frame


def _kept(stores: Mapping[str, FeatureStore], place: PicturePlace) -> bytes | None:
    return stores[place.store].packed(place.sha256, place.frame)
