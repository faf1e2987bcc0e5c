"""Which pictures are worth comparing: not all with all.

Those with nearly the same outline, and those of which local features fall into the same buckets and
agree. A bucket holds the descriptors that have the same 32 of their 256 bits: eight tables take the
eight words of the descriptor. One of more than six is no sign of anything (burned-in text, the
letters of a viewer), so only its neighbours in order are paired: many copies of one picture still
find each other, one by one. Two features that meet say how one picture lies on the other: by how
much it is enlarged, turned and moved. Pictures are compared when two meetings say the same; chests
have so much in common that four which do not agree say less.

Columns of descriptors lie in temporary files, and one is sorted at a time: 100,000 pictures have
56 million descriptors. Of the mirrored and inverted ones only those are sorted too whose words are
among the others. Votes wait in files: films have so much in common that there are some for each
descriptor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from covcat.errors import UsageError
from covcat.overlap.align import MIRRORED, WAYS, Way, looked_up
from covcat.overlap.features import Features
from covcat.overlap.votes import MOST_PICTURES, Spots, Votes, spots_of
from covcat.progress import Progress

TABLES = 8  # the words of a descriptor
_BUCKET = 6  # descriptors, of which each is paired with each
_NEIGHBOURS = 1  # in larger buckets
_OUTLINE = 16  # bits of 256 by which outlines may differ
_MARK = 1 << 31  # of the number of a descriptor, or a picture, that is mirrored or inverted
_PIECE = 1 << 22  # rows that are gone through at once
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
        self._spots: dict[Way, IO[bytes]] = {
            way: TemporaryFile()  # noqa: SIM115 -- until `close`
            for way in WAYS
        }
        self._counts: dict[Way, list[int]] = {way: [] for way in WAYS}
        self._outlines: list[bytes] = []

    def __len__(self) -> int:
        return len(self._outlines)

    def add(self, features: Features) -> None:
        """Add one more picture; its number is how many there were before."""
        self._outlines.append(features.outline)
        width, _ = features.frame.scaled_size
        for way in WAYS:
            places, rows = looked_up(features.points, way, width)
            words = np.ascontiguousarray(rows).view(np.uint32)
            self._counts[way].append(len(words))
            self._spots[way].write(spots_of(places).tobytes())
            for table in range(TABLES):
                self._columns[way, table].write(words[:, table].tobytes())

    @property
    def count(self) -> int:
        """How many descriptors there are, in all ways."""
        return sum(sum(counts) for counts in self._counts.values())

    def column(self, way: Way, table: int) -> Numbered:
        """Return a word of every descriptor, above the number of that."""
        keys = _read(self._columns[way, table]).astype(np.uint64) << np.uint64(32)
        keys |= np.arange(len(keys), dtype=np.uint64)
        return keys

    def spots(self, way: Way) -> Spots:
        """Return of every descriptor the number of its picture, and where in that it is."""
        counts = np.array(self._counts[way], np.int64)
        owners = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
        return owners, _read(self._spots[way])

    def outlines(self) -> tuple[Numbers, NDArray[np.uint64]]:
        """Return the numbers of the pictures that have an outline, and those, four words each."""
        numbers = np.array([k for k, one in enumerate(self._outlines) if one], np.uint32)
        joined = b"".join(one for one in self._outlines if one)
        return numbers, np.frombuffer(joined, np.uint64).reshape(-1, 4)

    def close(self) -> None:
        """Give the disk back."""
        for file in (*self._columns.values(), *self._spots.values()):
            file.close()


def _read(file: IO[bytes]) -> Numbers:
    file.seek(0)
    values = np.fromfile(file, np.uint32)
    file.seek(0, 2)
    return values


def candidates(descriptors: Descriptors, progress: Progress) -> Iterator[Candidate]:
    """Give the pairs that are worth comparing, in order, the smaller number first.

    Raises:
        OSError: there is no room for temporary files.
        UsageError: there are too many pictures for one run.
    """
    if len(descriptors) > MOST_PICTURES:
        raise UsageError(
            f"{len(descriptors):,} pictures are too many to compare in one run: at most"
            f" {MOST_PICTURES:,}",
            hint="name the sets that are to be compared",
        )
    by_features = _by_features(descriptors, progress)
    for way in WAYS:
        outlines = _by_outline(descriptors, way)
        every = np.union1d(by_features[way], outlines)
        alike = np.isin(every, outlines, assume_unique=True)
        for both, is_outline in zip(every.tolist(), alike.tolist(), strict=True):
            yield Candidate(both >> 32, both & 0xFFFFFFFF, way, is_outline)


def _by_features(descriptors: Descriptors, progress: Progress) -> dict[Way, Numbered]:
    """Return pairs of which two features agree, in each way."""
    bar = progress.start("look up", TABLES * descriptors.count, unit="rows")
    votes = {way: Votes() for way in WAYS}
    try:
        spots = {way: descriptors.spots(way) for way in WAYS}
        for table in range(TABLES):
            keys = descriptors.column("plain", table)
            keys.sort()
            for a, b in _in_buckets(keys):
                votes["plain"].add(a, b, spots["plain"], spots["plain"])
            progress.advance(bar, len(keys))
            for way in WAYS[1:]:
                turned = descriptors.column(way, table)
                common = _in_common(turned | np.uint64(_MARK), keys)
                for a, b in _in_buckets(common):
                    votes[way].add(*_turned_first(a, b), spots[way], spots["plain"])
                progress.advance(bar, len(turned))
        return {way: votes[way].agreeing() for way in WAYS}
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


def _in_buckets(keys: Numbered) -> Iterator[tuple[Numbers, Numbers]]:
    """Give the numbers, below the words, that share buckets: the smaller ones first."""
    keys = keys[_is_shared(keys)]  # most words are met once
    words, rows = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
    first = np.flatnonzero(np.diff(words, prepend=words[:1] ^ np.uint32(1)))
    sizes = np.diff(first, append=len(words))
    is_small = np.repeat(sizes <= _BUCKET, sizes)
    for step in range(1, _BUCKET):
        same = words[step:] == words[:-step]
        if step > _NEIGHBOURS:
            same &= is_small[step:]
        yield rows[:-step][same], rows[step:][same]


def _turned_first(a: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
    """Return pairs of a marked number, without its mark, and an unmarked one, the larger before."""
    mark = np.uint32(_MARK)
    turned = (a ^ b) & mark != 0
    return b[turned] & ~mark, a[turned]


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
        for a, b in _in_buckets(keys):
            if way != "plain":
                a, b = _turned_first(a, b)
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
    if way in MIRRORED:
        change[:, 1::2] = 1
    if way in ("inverted", "both"):
        change ^= 1
        change[0, 0] = 0
    return np.packbits(change).view(np.uint64)
