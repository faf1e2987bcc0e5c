"""The pictures of a set -> their features: those that are kept, and what is new made now.

On processes over the cores; each batch is kept as soon as it is done, so a run that was killed
goes on where it was.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from covcat import engine
from covcat.engine import Died, Task, processes
from covcat.engine.shards import Shard
from covcat.errors import UsageError
from covcat.files import opened
from covcat.overlap import decode
from covcat.overlap.feature_store import Described, FeatureStore, packed
from covcat.overlap.features import Features, Grey, describe, method, scaled
from covcat.overlap.pairs import NoPicture, Picture
from covcat.overlap.pictures import LeftOut, PictureFile, PictureSet
from covcat.progress import Progress, Silent
from covcat.store import shards

_FEWEST_TONES = 8  # of a film or slice; a mask or a drawing has fewer
_PEEK = 4  # every fourth row and column shows the tones


@dataclass(frozen=True, slots=True)
class DescribedSet:
    """A set whose features are kept."""

    set: PictureSet
    store: FeatureStore
    made: int  # files whose features were made now; those of the others were kept
    left_out: tuple[LeftOut, ...]  # what is not compared, with what was left out before
    _by_sha256: Mapping[str, tuple[PictureFile, ...]] = field(repr=False)
    _pictures: Mapping[str, int] = field(repr=False)  # of each file

    def __len__(self) -> int:
        """How many pictures there are, the same bytes once."""
        return sum(self._pictures.values())

    def features(self) -> Iterator[tuple[tuple[Picture, ...], Features]]:
        """Give the pictures that are the same bytes, ordered by path, with their features.

        Ordered by sha256 and frame; a few are in memory at a time. What is damaged of what was
        kept is made anew, and comes last.
        """
        given: dict[str, set[int]] = {sha256: set() for sha256 in self._by_sha256}
        for sha256, frame, found in self.store.read(given):
            given[sha256].add(frame)
            yield self._alike(sha256, frame), found
        broken = [key for key, frames in given.items() if len(frames) != self._pictures.get(key, 0)]
        if broken:
            _make([self._by_sha256[key][0] for key in broken], self.store, Silent(), self.set)
        for sha256, frame, found in self.store.read(broken):
            if frame not in given[sha256]:
                yield self._alike(sha256, frame), found

    def _alike(self, sha256: str, frame: int) -> tuple[Picture, ...]:
        files = self._by_sha256[sha256]
        return tuple(Picture(one.set, one.path, sha256, frame) for one in files)

    def digest(self) -> bytes:
        """Return a digest of all that is compared: names, bytes, and what can be told of each."""
        told = [(one.path, one.sha256, self._pictures.get(one.sha256)) for one in self.set.files]
        return hashlib.sha256(json.dumps([self.set.name, told]).encode()).digest()

    def file(self, picture: Picture) -> Path:
        """Return where a picture of this set lies."""
        return self.set.folder / picture.path


def describe_share(pictures: PictureSet, shard: Shard, progress: Progress) -> int:
    """Keep features of a shard's pictures apart, for who compares all; return of how many files."""
    assert pictures.release is not None
    path = shards.place(pictures.release, "features", shard, "sqlite")
    files = {one.sha256: one for one in sorted(pictures.files, key=lambda one: one.path)}
    some = shard.share(sorted(files))
    store = FeatureStore.open(path, method())
    known = store.files(some)
    _make([files[one] for one in some if one not in known], store, progress, pictures)
    return len(some)


def _take_shares(release: Path, store: FeatureStore) -> None:
    """Keep with the others what shards made."""
    for path in shards.every(release, "features", "sqlite"):
        share = FeatureStore.open(path, method())
        store.add_from(share)
    shards.drop(release, "features", "sqlite")


def described(pictures: PictureSet, store: FeatureStore, progress: Progress) -> DescribedSet:
    """Return a set with features of all its pictures, made now where they are not kept.

    Raises:
        DiskError: they cannot be kept.
        UsageError: OpenCV is not installed, or no process can be started.
    """
    if pictures.release is not None:
        _take_shares(pictures.release, store)
    by_sha256: dict[str, list[PictureFile]] = {}
    for one in sorted(pictures.files, key=lambda one: (one.sha256, one.path)):
        by_sha256.setdefault(one.sha256, []).append(one)
    known = store.files(by_sha256)
    new = [files[0] for sha256, files in by_sha256.items() if sha256 not in known]
    reasons = _make(new, store, progress, pictures)
    known |= store.files(one.sha256 for one in new)
    reasons |= {sha256: one.reason for sha256, one in known.items() if one.reason}
    left = [
        LeftOut(one.set, one.path, reasons[one.sha256])
        for one in pictures.files
        if one.sha256 in reasons
    ]
    return DescribedSet(
        set=pictures,
        store=store,
        made=len(new),
        left_out=tuple(sorted((*pictures.left_out, *left))),
        _by_sha256={key: tuple(files) for key, files in by_sha256.items()},
        _pictures={sha256: one.pictures for sha256, one in known.items()},
    )


def _make(
    files: Iterable[PictureFile], store: FeatureStore, progress: Progress, pictures: PictureSet
) -> dict[str, str]:
    """Make and keep features; return, by sha256, why a file could not be read."""
    made_by, label = method(), f"{pictures.name}: features"
    tasks = [Task(one.sha256, one.bytes, (str(one.file), one.sha256, made_by)) for one in files]
    unread, reads = dict[str, str](), [pictures.folder]
    with closing(engine.run(describe_file, tasks, progress, label, reads=reads)) as batches:
        for batch in batches:
            done = [_result(task, result) for task, result in batch]
            unread |= {one.sha256: one.reason for one in done if isinstance(one, _Unread)}
            store.add([one for one in done if isinstance(one, Described)])
    return unread


@dataclass(frozen=True, slots=True)
class _Unread:
    """A file that is not as it was recorded, or cannot be read: nothing of it is kept."""

    sha256: str
    reason: str


def _result(task: Task, result: Any) -> Described | _Unread:
    if isinstance(result, Died):
        return Described(task.key, (), f"its decoder died ({result.cause})")
    assert isinstance(result, Described | _Unread)
    return result


def describe_file(argument: tuple[str, str, str]) -> Described | _Unread:
    """Return what is kept of a file that must have that sha256: the engine's work."""
    path, sha256, made_by = Path(argument[0]), *argument[1:]
    if (mine := method()) != made_by:
        raise UsageError(f"{platform.node()} describes by {mine}: expected {made_by}")
    silence_decoders()
    found: list[tuple[int, bytes]] = []
    count, reason = 0, None
    try:
        with opened(path) as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                return _Unread(sha256, "was changed since its sha256 was recorded")
        for number, grey in decode.frames(path):
            count += 1
            if (why := _untold(grey)) is None:
                found.append((number, packed(describe(grey))))
            reason = reason or why
    except NoPicture as error:
        reason = str(error)
        return Described(sha256, tuple(found), reason)
    except MemoryError:
        return Described(sha256, (), "takes more memory than there is")
    except OSError as error:
        return _Unread(sha256, f"cannot be read: {os.strerror(error.errno or 0)}")
    return Described(sha256, tuple(found), reason if count == 1 or not found else None)


def _untold(grey: Grey) -> str | None:
    """Say why nothing can be told of a picture; of a volume the first and last slices are so."""
    some = grey[::_PEEK, ::_PEEK] if min(grey.shape) > 64 else grey
    tones = np.count_nonzero(np.bincount(some.ravel(), minlength=256))
    if tones == 1:
        return f"of one tone: {grey.shape[1]} x {grey.shape[0]} pixels"
    return f"of {tones} tones: a mask or a drawing" if tones < _FEWEST_TONES else None


@cache
def silence_decoders() -> None:
    """Let libpng, libjpeg and FFmpeg say nothing on stderr: their words are reasons here."""
    if processes.is_one:
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, 2)
        os.close(handle)


def scaled_pictures(path: Path, features: Mapping[int, Features]) -> Iterator[tuple[int, Grey]]:
    """Give the pictures of a file again as their local features were found in them: 512 pixels.

    Of its frames those are given whose features are. What cannot be decoded any more is not given.
    """
    last = max(features, default=-1)
    try:
        for number, grey in decode.frames(path):
            if number in features:
                found = features[number]
                if grey.shape == (found.height, found.width):
                    yield number, scaled(grey, found.frame)
            if number >= last:
                return
    except (NoPicture, OSError):
        return
