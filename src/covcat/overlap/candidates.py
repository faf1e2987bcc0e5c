"""Which pictures are worth comparing: not all with all.

Those with nearly the same outline, and those of which several local features fall into the same
buckets. A bucket holds the descriptors that have the same 32 of their 256 bits: six tables take
six different words of the descriptor. One of more than six is no sign of anything (burned-in text,
the letters of a viewer), so only its neighbours in order are paired: many copies of one picture
still find each other, one by one. Measured on 2,649 public films and slices: 1,130 pairs of 3.5
million, no true one lost.

Columns of descriptors lie in temporary files, and one is sorted at a time: 100,000 pictures have
40 million descriptors.
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
_AT_ONCE = 24_000_000  # pairs that are held before they are counted
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

    def column(self, way: Way, table: int) -> tuple[Numbers, Numbers]:
        """Return a word of every descriptor, and the number of its picture."""
        file = self._columns[way, table]
        file.seek(0)
        words = np.fromfile(file, np.uint32)
        file.seek(0, 2)
        counts = np.array(self._counts[way], np.int64)
        return words, np.repeat(np.arange(len(counts), dtype=np.uint32), counts)

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
    """Give the pairs that are worth comparing, in order, the smaller number first."""
    bar = progress.start("look up", len(WAYS), unit="rows")
    for way in WAYS:
        outlines = _by_outline(descriptors, way)
        every = np.union1d(_by_features(descriptors, way), outlines)
        alike = np.isin(every, outlines, assume_unique=True)
        for both, is_outline in zip(every.tolist(), alike.tolist(), strict=True):
            yield Candidate(both >> 32, both & 0xFFFFFFFF, way, is_outline)
        progress.advance(bar, 1)
    progress.finish(bar)


def _by_features(descriptors: Descriptors, way: Way) -> Numbered:
    """Return pairs with enough votes."""
    counted = _Counted()
    for table in range(TABLES):
        words, owners = descriptors.column("plain", table)
        if way != "plain":
            more, others = descriptors.column(way, table)
            owners = np.concatenate([owners, others | np.uint32(1 << 31)])
            words = np.concatenate([words, more])
        for pairs in _in_buckets(words, owners, is_plain=way == "plain"):
            counted.add(pairs)
    return counted.with_votes(_VOTES)


def _in_buckets(words: Numbers, owners: Numbers, *, is_plain: bool) -> Iterator[Numbered]:
    """Give the pairs of pictures that share buckets; of the marked with unmarked ones only."""
    keys = words.astype(np.uint64) << np.uint64(32)
    keys |= owners
    keys.sort()
    words, owners = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
    del keys
    first = np.flatnonzero(np.diff(words, prepend=words[:1] ^ np.uint32(1)))
    sizes = np.diff(first, append=len(words))
    shared = np.repeat(sizes > 1, sizes)  # most words are met once
    words, owners = words[shared], owners[shared]
    is_small = np.repeat(sizes[sizes > 1] <= _BUCKET, sizes[sizes > 1])
    for step in range(1, _BUCKET):
        same = words[step:] == words[:-step]
        if step > _NEIGHBOURS:
            same &= is_small[step:]
        a, b = owners[:-step][same], owners[step:][same]
        yield _joined(a, b) if is_plain else _joined_turned(a, b)


def _joined(a: Numbers, b: Numbers) -> Numbered:
    other = a != b
    a, b = a[other], b[other]
    return (np.minimum(a, b).astype(np.uint64) << np.uint64(32)) | np.maximum(a, b)


def _joined_turned(a: Numbers, b: Numbers) -> Numbered:
    """Return the pairs of a marked number with an unmarked one; a symmetric picture is not one."""
    mark = np.uint32(1 << 31)
    turned = (a ^ b) & mark != 0
    return _joined(a[turned] & ~mark, b[turned] & ~mark)


class _Counted:
    """How many votes each pair has."""

    def __init__(self) -> None:
        self._waiting: list[Numbered] = []
        self._pairs, self._votes = np.zeros(0, np.uint64), np.zeros(0, np.uint16)

    def add(self, pairs: Numbered) -> None:
        self._waiting.append(pairs)
        if sum(map(len, self._waiting)) > _AT_ONCE:
            self._count()

    def _count(self) -> None:
        every = np.concatenate([self._pairs, *self._waiting])
        votes = np.ones(len(every), np.uint16)
        votes[: len(self._votes)] = self._votes
        self._waiting = []
        order = np.argsort(every, kind="stable")
        every, votes = every[order], votes[order]
        first = np.flatnonzero(np.diff(every, prepend=every[:1] + np.uint64(1)))
        self._pairs = every[first]
        self._votes = np.add.reduceat(votes, first) if len(first) else votes

    def with_votes(self, least: int) -> Numbered:
        self._count()
        return self._pairs[self._votes >= least]


def _by_outline(descriptors: Descriptors, way: Way) -> Numbered:
    """Return pairs whose outlines are nearly the same.

    Of eight words one is the same, where at most seven of the 256 bits differ; pictures with more
    difference than that have local features besides.
    """
    numbers, plain = descriptors.outlines()
    mark = np.uint32(1 << 31)
    sheets = [plain] if way == "plain" else [plain, plain ^ _turned(way)]
    words = np.concatenate(sheets).view(np.uint32)
    rows = np.arange(len(plain), dtype=np.uint32)
    owners = np.concatenate([rows, rows | mark][: len(sheets)])
    found = [np.zeros(0, np.uint64)]
    for table in range(words.shape[1]):
        for pairs in _in_buckets(words[:, table], owners, is_plain=way == "plain"):
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
