"""Features that are kept, by the sha256 of their file: `features.sqlite` beside an index.

Of each picture about 28 kB, packed; what is read back may be anybody's.

It lies in the folder of a release, or in the user's cache. Batches are committed as they are done,
so there is no seal of the whole: each row has one. A file that covcat did not make, that is
damaged, or that another method made is never asked, and is made anew; a row that is damaged or
forged is as if it were not there.
"""

import hashlib
import os
import shutil
import sqlite3
import stat
import struct
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from covcat.files import (
    FILE_MODE,
    IS_WINDOWS,
    NEW,
    disk_errors,
    is_anybodys,
    link_or_copy,
    make_folder,
    sqlite_errors,
)
from covcat.overlap.features import (
    FINEST,
    MOST_POINTS,
    MOST_TURNED,
    STEP,
    Features,
    Frame,
    Points,
    method,
    steps_of,
)
from covcat.store import cached
from covcat.store.folder import FEATURES, MANIFEST

_SCHEMA = (
    "CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    "CREATE TABLE files (sha256 BLOB PRIMARY KEY, pictures INTEGER, reason TEXT) WITHOUT ROWID",
    "CREATE TABLE pictures (sha256 BLOB, frame INTEGER, data BLOB)",
    "CREATE INDEX by_file ON pictures (sha256, frame)",
    "CREATE TABLE kept (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
)
_WAIT = 60.0  # seconds that another process may write
_ASKED = 500  # files in one question
_SEAL = 8  # bytes of a sha256 at the end of what is kept
_MOST_REASON = 500  # characters
_HEAD = struct.Struct("<IIIIIId32sB32sHH")
_PLACE = np.dtype([("x", "<u2"), ("y", "<u2"), ("step", "u1"), ("angle", "u1")])
_FINE = 100  # parts of a pixel that are kept
_TURN = 256 / 360  # parts of a degree that are kept


@dataclass(frozen=True, slots=True)
class Described:
    """What was made of one file: its pictures by frame, packed, and what is wrong with it."""

    sha256: str
    pictures: tuple[tuple[int, bytes], ...]
    reason: str | None = None  # why it, or a part of it, is not compared


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is kept of one file."""

    pictures: int
    reason: str | None  # why it, or a part of it, is not compared


class FeatureStore:
    """Features on disk, open to be asked and added to."""

    def __init__(self, path: Path, base: sqlite3.Connection) -> None:
        self.path, self._base = path, base
        weakref.finalize(self, base.close)

    @classmethod
    def open(cls, path: Path, method: str) -> Self:
        """Open what is there if it was made by that method, or else begin anew.

        Raises:
            DiskError: it cannot be written.
        """
        with disk_errors(f"keep features in `{path}`"), sqlite_errors(f"keep features in `{path}`"):
            if (base := _opened(path, method)) is None:
                _begin(path, method)
                base = sqlite3.connect(path, timeout=_WAIT)
            base.execute("PRAGMA synchronous = NORMAL")
            return cls(path, base)

    def files(self, sha256s: Iterable[str]) -> dict[str, KeptFile]:
        """Return what is known of those files of which anything is."""
        found: dict[str, KeptFile] = {}
        keys = map(bytes.fromhex, sha256s)
        for row in self._asked_of(keys, "SELECT * FROM files WHERE sha256 IN ({})"):
            match row:
                case bytes(sha256), int(pictures), str() | None as reason:
                    found[sha256.hex()] = KeptFile(pictures, reason)
                case _:  # forged: as if it were not there
                    pass
        return found

    def read(self, sha256s: Iterable[str]) -> Iterator[tuple[str, int, Features]]:
        """Give sha256, frame and features of every picture of these files, a few at a time."""
        question = (
            "SELECT sha256, frame, data FROM pictures WHERE sha256 IN ({}) ORDER BY sha256, frame"
        )
        for sha256, frame, data in self._asked_of(map(bytes.fromhex, sha256s), question):
            features = unpacked(data) if isinstance(data, bytes) else None
            if features is not None and isinstance(sha256, bytes) and isinstance(frame, int):
                yield sha256.hex(), frame, features

    def packed(self, sha256: str, frame: int) -> bytes | None:
        """Return what is kept of one picture, as it is kept."""
        question = "SELECT data FROM pictures WHERE sha256 = ? AND frame = ?"
        rows = self._asked(question, (bytes.fromhex(sha256), frame))
        return next((data for (data,) in rows if isinstance(data, bytes)), None)

    def add(self, described: Sequence[Described]) -> None:
        """Keep what was made of some files; all of it, or nothing if this is broken off."""
        with sqlite_errors(f"keep features in `{self.path}`"), self._base as base:
            for one in described:
                key = bytes.fromhex(one.sha256)
                base.execute("DELETE FROM pictures WHERE sha256 = ?", (key,))
                rows = ((key, frame, data) for frame, data in one.pictures)
                base.executemany("INSERT INTO pictures VALUES (?, ?, ?)", rows)
                reason = one.reason and one.reason[:_MOST_REASON]
                known = (key, len(one.pictures), reason)
                base.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", known)

    def add_from(self, other: Self) -> None:
        """Keep what another one, of the same method, has of files."""
        rows = other._asked("SELECT sha256 FROM files", ())
        every = [sha256.hex() for (sha256,) in rows if isinstance(sha256, bytes)]
        known, coming = self.files(every), list[Described]()
        for sha256, its in other.files(one for one in every if one not in known).items():
            frames = other._frames(sha256)
            coming += [Described(sha256, frames, its.reason)] if len(frames) == its.pictures else []
            if len(coming) >= _ASKED:
                self.add(coming)
                coming.clear()
        self.add(coming)

    def _frames(self, sha256: str) -> tuple[tuple[int, bytes], ...]:
        """Return what is kept of the pictures of a file, as it is kept."""
        question = "SELECT frame, data FROM pictures WHERE sha256 = ? ORDER BY frame"
        rows = self._asked(question, (bytes.fromhex(sha256),))
        return tuple(
            (at, its) for at, its in rows if isinstance(at, int) and isinstance(its, bytes)
        )

    def kept(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Give those of these keys by which anything is kept, and what."""
        for key, value in self._asked_of(keys, "SELECT key, value FROM kept WHERE key IN ({})"):
            if isinstance(key, bytes) and isinstance(value, bytes):
                told = value[:-_SEAL]
                if value == told + _seal(key, told):
                    yield key, told

    def keep(self, values: Mapping[bytes, bytes]) -> None:
        """Keep something by each key; all of it, or nothing if this is broken off."""
        with sqlite_errors(f"keep features in `{self.path}`"), self._base as base:
            rows = ((key, value + _seal(key, value)) for key, value in values.items())
            base.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)

    def _asked_of(self, keys: Iterable[bytes], question: str) -> Iterator[tuple[object, ...]]:
        """Give the rows of these keys, a few at a time; they go into the `{}` of the question."""
        every = list(dict.fromkeys(keys))
        for start in range(0, len(every), _ASKED):
            some = every[start : start + _ASKED]
            yield from self._asked(question.format(", ".join("?" * len(some))), some)

    def _asked(self, question: str, values: Sequence[bytes | int]) -> Iterator[tuple[object, ...]]:
        """Give rows; none from where the file is damaged on: they are made anew."""
        with suppress(sqlite3.DatabaseError, UnicodeError):
            yield from self._base.execute(question, values)


def store_of(folder: Path) -> FeatureStore:
    """Return the features of a release, beside its manifest, or of a user's folder, in the cache.

    Those of a release whose folder this user may not write to lie in the cache too; they begin
    with what is there already.

    Raises:
        UsageError: OpenCV is not installed.
        DiskError: they cannot be kept there.
    """
    beside, own, made_by = folder / FEATURES, cached.file_of(folder, "features"), method()
    is_release = (folder / MANIFEST).is_file()
    if own is None or (is_release and os.access(folder, os.W_OK | os.X_OK)):
        return FeatureStore.open(beside, made_by)
    if is_release and not own.exists() and (base := _opened(beside, made_by)) is not None:
        base.close()
        with disk_errors(f"keep features in `{own}`"):
            make_folder(own.parent)
            aside = own.with_name(f".{own.name}.{os.urandom(4).hex()}")
            shutil.copyfile(beside, aside, follow_symlinks=False)
            aside.replace(own)
    return FeatureStore.open(own, made_by)


def _seal(key: bytes, value: bytes) -> bytes:
    return hashlib.sha256(key + value).digest()[:_SEAL]


def _opened(path: Path, method: str) -> sqlite3.Connection | None:
    """Open a file that is covcat's own, and of that method."""
    try:
        status = path.lstat()
        strange = is_anybodys(status.st_mode) or not stat.S_ISREG(status.st_mode)
        if strange or not _is_trusted(status, path.parent.stat()):
            return None
        base = sqlite3.connect(path, timeout=_WAIT)
    except (OSError, sqlite3.Error):
        return None
    if _is_own(base, method):
        return base
    base.close()
    return None


def _begin(path: Path, method: str) -> None:
    """Put an empty one in the place of whatever is there; of two that do so at once one wins."""
    make_folder(path.parent)
    for end in ("", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        os.close(os.open(aside, NEW, FILE_MODE))
        base = sqlite3.connect(aside)
        try:
            with base:
                for line in _SCHEMA:
                    base.execute(line)
                base.execute("INSERT INTO about VALUES ('method', ?)", (method,))
        finally:
            base.close()
        with suppress(FileExistsError):
            link_or_copy(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _is_own(base: sqlite3.Connection, method: str) -> bool:
    """Tell if it is whole as far as can be seen, without views or triggers, and of that method."""
    try:
        base.execute("PRAGMA trusted_schema = OFF")
        made = base.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
        about = base.execute("SELECT key, value FROM about").fetchall()
    except (sqlite3.DatabaseError, UnicodeError):
        return False
    return made == [(line,) for line in _SCHEMA] and about == [("method", method)]


def _is_trusted(file: os.stat_result, folder: os.stat_result) -> bool:
    """Tell if it was laid there by this user, or by whom the folder belongs to."""
    return IS_WINDOWS or file.st_uid in (os.geteuid(), folder.st_uid)


def packed(features: Features) -> bytes:
    """Return what `unpacked` reads."""
    frame, points = features.frame, features.points
    head = _HEAD.pack(
        features.width,
        features.height,
        frame.left,
        frame.top,
        frame.width,
        frame.height,
        frame.scale,
        features.pixels,
        len(features.outline),
        features.outline.ljust(32, b"\0"),
        len(points.descriptors),
        len(points.mirrored),
    )
    places = np.zeros(len(points.places), _PLACE)
    places["x"], places["y"] = np.round(points.places[:, :2].T * _FINE)
    places["step"] = steps_of(points.places)
    places["angle"] = np.round(points.places[:, 3] * _TURN) % 256
    arrays = (places, points.descriptors, points.mirrored, points.inverted, points.both)
    body = head + b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)
    return body + hashlib.sha256(body).digest()[:_SEAL]


def unpacked(data: bytes) -> Features | None:
    """Return features as they were packed; None of what is damaged."""
    body, seal = data[:-_SEAL], data[-_SEAL:]
    if len(body) < _HEAD.size or hashlib.sha256(body).digest()[:_SEAL] != seal:
        return None
    *sides, scale, pixels, has_outline, outline, count, turned = _HEAD.unpack_from(body)
    width, height, left, top, inner_width, inner_height = sides
    expected = _HEAD.size + count * (_PLACE.itemsize + 32) + 3 * turned * 32
    is_inside = 0 < inner_width <= width - left and 0 < inner_height <= height - top
    is_bounded = count <= MOST_POINTS and turned <= min(count, MOST_TURNED) and 0 < scale <= 1e3
    if len(body) != expected or not is_inside or not is_bounded or has_outline not in (0, 32):
        return None
    at = _HEAD.size
    kept = np.frombuffer(body, _PLACE, count, at)
    columns = (
        kept["x"] / _FINE,
        kept["y"] / _FINE,
        FINEST * STEP ** kept["step"].astype(np.float64),
        kept["angle"] / _TURN,
    )
    places = np.stack(columns, axis=1).astype(np.float32)
    at += count * _PLACE.itemsize
    points = Points(places, *_rows(body, at, (count, turned, turned, turned)))
    frame = Frame(left, top, inner_width, inner_height, scale)
    return Features(width, height, pixels, outline[:has_outline], frame, points)


def _rows(body: bytes, at: int, counts: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    found = []
    for count in counts:
        found.append(np.frombuffer(body, np.uint8, count * 32, at).reshape(count, 32))
        at += count * 32
    return found
