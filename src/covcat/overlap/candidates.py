"""Which pictures are worth comparing: not all with all.

Those with nearly the same outline, and those of which several local features fall into the same
buckets. A bucket holds the descriptors that have the same 32 of their 256 bits: six tables take
six different words of the descriptor. One of more than six is no sign of anything (burned-in text,
the letters of a viewer), so only its neighbours in order are paired: many copies of one picture
still find each other, one by one. Measured on 2,649 public films and slices: 1,130 pairs of 3.5
million, no true one lost.

Columns of descriptors lie in temporary files, and one is sorted at a time: 100,000 pictures have
40 million descriptors. Of the mirrored and inverted ones only those are sorted too whose words are
among the others. Votes wait in files: films have so much in common that there are some for each
descriptor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.align import WAYS, Way
from covcat.overlap.features import Features
from covcat.progress import Progress

TABLES = 6  # of the eight words that a descriptor has
_BUCKET = 6  # descriptors, of which each is paired with each
_NEIGHBOURS = 1  # in larger buckets
_VOTES = 4
_OUTLINE = 16  # bits of 256 by which outlines may differ
_MARK = 1 << 31  # of the number of a picture that is mirrored or inverted
_PIECE = 1 << 22  # rows that are gone through at once
_SHARES = 16  # files, by four bits
_SCATTER = 0x9E3779B97F4A7C15  # odd, its bits without a pattern: 2^64 / the golden ratio
_SIDE = 16  # frequencies of an outline, along each side

Numbers = NDArray[np.uint32]
Numbered = NDArray[np.uint64]  # two numbers in one: the smaller above 32 bits


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """Two pictures by their numbers, and in which way the first is to be looked at."""

    a: int
    b: int
    way: Way
    is_outline: bool  # their outlines are alike: they may fit as they are, without features


class Descriptors:
    """The local features and outlines of pictures, as they are looked up."""

    def __init__(self) -> None:
        self._columns: dict[tuple[Way, int], IO[bytes]] = {
            (way, table): TemporaryFile()  # noqa: SIM115 -- until `close`
            for way in WAYS
            for table in range(TABLES)
        }
        self._counts: dict[Way, list[int]] = {way: [] for way in WAYS}
        self._outlines: list[bytes] = []

    def __len__(self) -> int:
        return len(self._outlines)

    def add(self, features: Features) -> None:
        """Add one more picture; its number is how many there were before."""
        self._outlines.append(features.outline)
        points = features.points
        every = (points.descriptors, points.mirrored, points.inverted)
        for way, rows in zip(WAYS, every, strict=True):
            told = rows[rows.any(axis=1)]
            words = np.ascontiguousarray(told).view(np.uint32)
            self._counts[way].append(len(words))
            for table in range(TABLES):
                self._columns[way, table].write(words[:, table].tobytes())

    @property
    def count(self) -> int:
        """How many descriptors there are, in all ways."""
        return sum(sum(counts) for counts in self._counts.values())

    def column(self, way: Way, table: int) -> Numbered:
        """Return a word of every descriptor, above the number of its picture."""
        file = self._columns[way, table]
        file.seek(0)
        keys = np.fromfile(file, np.uint32).astype(np.uint64)
        file.seek(0, 2)
        keys <<= np.uint64(32)
        counts = np.array(self._counts[way], np.int64)
        keys |= np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
        return keys

    def outlines(self) -> tuple[Numbers, NDArray[np.uint64]]:
        """Return the numbers of the pictures that have an outline, and those, four words each."""
        numbers = np.array([k for k, one in enumerate(self._outlines) if one], np.uint32)
        joined = b"".join(one for one in self._outlines if one)
        return numbers, np.frombuffer(joined, np.uint64).reshape(-1, 4)

    def close(self) -> None:
        """Give the disk back."""
        for file in self._columns.values():
            file.close()


def candidates(descriptors: Descriptors, progress: Progress) -> Iterator[Candidate]:
    """Give the pairs that are worth comparing, in order, the smaller number first.

    Raises:
        OSError: there is no room for temporary files.
    """
    by_features = _by_features(descriptors, progress)
    for way in WAYS:
        outlines = _by_outline(descriptors, way)
        every = np.union1d(by_features[way], outlines)
        alike = np.isin(every, outlines, assume_unique=True)
        for both, is_outline in zip(every.tolist(), alike.tolist(), strict=True):
            yield Candidate(both >> 32, both & 0xFFFFFFFF, way, is_outline)


def _by_features(descriptors: Descriptors, progress: Progress) -> dict[Way, Numbered]:
    """Return pairs with enough votes, in each way."""
    bar = progress.start("look up", TABLES * descriptors.count, unit="rows")
    votes = {way: _Votes() for way in WAYS}
    try:
        for table in range(TABLES):
            keys = descriptors.column("plain", table)
            keys.sort()
            for pairs in _in_buckets(keys, is_plain=True):
                votes["plain"].add(pairs)
            progress.advance(bar, len(keys))
            for way in WAYS[1:]:
                turned = descriptors.column(way, table)
                common = _in_common(turned | np.uint64(_MARK), keys)
                for pairs in _in_buckets(common, is_plain=False):
                    votes[way].add(pairs)
                progress.advance(bar, len(turned))
        return {way: votes[way].pairs_with(_VOTES) for way in WAYS}
    finally:
        for one in votes.values():
            one.close()
        progress.finish(bar)


def _in_common(turned: Numbered, keys: Numbered) -> Numbered:
    """Return, sorted, all of both whose words may be in both, and few others."""
    turned = turned[_may_be_in(turned, keys)]
    common = np.concatenate([turned, keys[_may_be_in(keys, turned)]])
    common.sort()
    return common


def _may_be_in(keys: Numbered, others: Numbered) -> NDArray[np.bool_]:
    """Tell of each key if its word may be one of the others': one in eight is wrongly said to."""
    bits = min(32, len(others).bit_length() + 3)
    down = np.uint64(64 - bits)
    met, found = np.zeros(1 << bits, np.bool_), np.empty(len(keys), np.bool_)
    for start in range(0, len(others), _PIECE):
        met[others[start : start + _PIECE] >> down] = True
    for start in range(0, len(keys), _PIECE):
        found[start : start + _PIECE] = met[keys[start : start + _PIECE] >> down]
    return found


def _in_buckets(keys: Numbered, *, is_plain: bool) -> Iterator[Numbered]:
    """Give the pairs of pictures that share buckets; of the marked with unmarked ones only."""
    keys = keys[_is_shared(keys)]  # most words are met once
    words, owners = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
    first = np.flatnonzero(np.diff(words, prepend=words[:1] ^ np.uint32(1)))
    sizes = np.diff(first, append=len(words))
    is_small = np.repeat(sizes <= _BUCKET, sizes)
    for step in range(1, _BUCKET):
        same = words[step:] == words[:-step]
        if step > _NEIGHBOURS:
            same &= is_small[step:]
        a, b = owners[:-step][same], owners[step:][same]
        yield _joined(a, b) if is_plain else _joined_turned(a, b)


def _is_shared(keys: Numbered) -> NDArray[np.bool_]:
    """Tell of each of the sorted keys if a neighbour has the same word."""
    shared = np.zeros(len(keys), np.bool_)
    for start in range(0, len(keys), _PIECE):
        piece = keys[start : start + _PIECE + 1] >> np.uint64(32)
        same = piece[1:] == piece[:-1]
        shared[start : start + len(same)] |= same
        shared[start + 1 : start + 1 + len(same)] |= same
    return shared


def _joined(a: Numbers, b: Numbers) -> Numbered:
    other = a != b
    a, b = a[other], b[other]
    return (np.minimum(a, b).astype(np.uint64) << np.uint64(32)) | np.maximum(a, b)


def _joined_turned(a: Numbers, b: Numbers) -> Numbered:
    """Return the pairs of a marked number with an unmarked one; a symmetric picture is not one."""
    mark = np.uint32(_MARK)
    turned = (a ^ b) & mark != 0
    return _joined(a[turned] & ~mark, b[turned] & ~mark)


class _Votes:
    """Pairs, as often as something speaks for them: shared out to files that fit into memory."""

    def __init__(self) -> None:
        self._shares: list[IO[bytes]] = []

    def add(self, pairs: Numbered) -> None:
        """Add a vote for each of these pairs."""
        while len(self._shares) < _SHARES:
            self._shares.append(TemporaryFile())  # noqa: SIM115 -- until `close`
        for start in range(0, len(pairs), _PIECE):
            piece = pairs[start : start + _PIECE]
            share = (piece * np.uint64(_SCATTER)) >> np.uint64(60)
            for number, file in enumerate(self._shares):
                file.write(piece[share == number].tobytes())

    def pairs_with(self, least: int) -> Numbered:
        """Return, in order, the pairs with so many votes."""
        found = [np.zeros(0, np.uint64)]
        for file in self._shares:
            file.seek(0)
            pairs = np.fromfile(file, np.uint64)
            pairs.sort()
            found.append(np.unique(pairs[least - 1 :][pairs[least - 1 :] == pairs[: 1 - least]]))
        return np.sort(np.concatenate(found))

    def close(self) -> None:
        """Give the disk back."""
        for file in self._shares:
            file.close()


def _by_outline(descriptors: Descriptors, way: Way) -> Numbered:
    """Return pairs whose outlines are nearly the same.

    Of eight words one is the same, where at most seven of the 256 bits differ; pictures with more
    difference than that have local features besides.
    """
    numbers, plain = descriptors.outlines()
    sheets = [plain] if way == "plain" else [plain, plain ^ _turned(way)]
    words = np.concatenate(sheets).view(np.uint32)
    rows = np.arange(len(plain), dtype=np.uint64)
    owners = np.concatenate([rows, rows | np.uint64(_MARK)][: len(sheets)])
    found = [np.zeros(0, np.uint64)]
    for table in range(words.shape[1]):
        keys = np.sort((words[:, table].astype(np.uint64) << np.uint64(32)) | owners)
        for pairs in _in_buckets(keys, is_plain=way == "plain"):
            a, b = (pairs >> np.uint64(32)).astype(np.intp), pairs.astype(np.uint32)
            distances = [
                np.bitwise_count(sheets[-1][one] ^ plain[other]).sum(axis=1)
                for one, other in ((a, b), (b, a))
            ]
            near = np.minimum(*distances) <= _OUTLINE
            found.append(_joined(numbers[a[near]], numbers[b[near]]))
    return np.unique(np.concatenate(found))


def _turned(way: Way) -> NDArray[np.uint64]:
    """Return which bits of an outline change: odd waves across, or all but the mean."""
    change = np.zeros((_SIDE, _SIDE), np.uint8)
    if way == "mirrored":
        change[:, 1::2] = 1
    elif way == "inverted":
        change[:] = 1
        change[0, 0] = 0
    return np.packbits(change).view(np.uint64)
