"""What comparing gave, kept beside features: of two pictures by their pixels, and of whole runs.

It holds as long as the code of this folder and OpenCV are the same; features hold longer.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from math import isfinite

from covcat.overlap.align import Way
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.opencv import opencv
from covcat.overlap.pairs import VERDICTS
from covcat.overlap.verify import Sameness

Tried = tuple[tuple[Way, bool], ...]  # in which ways, and whether as their outlines lie

_SAMENESS = struct.Struct("<B??6d")
_NUMBERS = ("score", "scale", "stretch", "rotation", "shown_a", "shown_b")


@cache
def method() -> bytes:
    """Return a digest of the code that compares: by other code everything is compared anew."""
    found = hashlib.sha256(opencv().__version__.encode())
    for one in sorted(files(__package__).iterdir(), key=lambda one: one.name):
        if one.name.endswith(".py"):
            found.update(hashlib.sha256(one.read_bytes()).digest())
    return found.digest()


def key_of(a: bytes, b: bytes, tried: Tried) -> bytes:
    """Return by what the result of comparing two pictures is kept: their pixels' digests."""
    how = "".join(f"{way[0]}{is_outline:d}" for way, is_outline in tried)
    return hashlib.sha256(method() + a + b + how.encode()).digest()[:16]


def read(store: FeatureStore, keys: Iterable[bytes]) -> dict[bytes, Sameness | None]:
    """Return what is known of these comparisons."""
    known: dict[bytes, Sameness | None] = {}
    for key, data in store.kept(keys):
        if not data:
            known[key] = None
        elif (same := _sameness(data)) is not None:
            known[key] = same
    return known


def keep(store: FeatureStore, results: Mapping[bytes, Sameness | None]) -> None:
    """Keep what comparisons gave.

    Raises:
        DiskError: it cannot be written.
    """
    store.keep({key: b"" if one is None else _bytes(one) for key, one in results.items()})


def _bytes(one: Sameness) -> bytes:
    numbers = (getattr(one, name) for name in _NUMBERS)
    return _SAMENESS.pack(VERDICTS.index(one.verdict), one.mirrored, one.inverted, *numbers)


def _sameness(data: bytes) -> Sameness | None:
    if len(data) != _SAMENESS.size:
        return None
    verdict, mirrored, inverted, *numbers = _SAMENESS.unpack(data)
    if verdict >= len(VERDICTS) or not all(map(isfinite, numbers)):
        return None
    told = dict(zip(_NUMBERS, numbers, strict=True))
    return Sameness(verdict=VERDICTS[verdict], mirrored=mirrored, inverted=inverted, **told)
