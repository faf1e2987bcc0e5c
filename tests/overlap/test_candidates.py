"""Which pairs are looked at: held against a plain count, word by word."""

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest

from covcat.overlap import candidates as lookup
from covcat.overlap.align import WAYS
from covcat.overlap.candidates import TABLES, Candidate, Descriptors, candidates
from covcat.overlap.features import Features, Frame, Points
from covcat.progress import Callback, Silent

LARGEST_BUCKET, VOTES = 6, 4


def pictures(count: int, words: int) -> list[Features]:
    """Return pictures whose descriptors have few words, so that many share some."""
    noise = np.random.default_rng(19)
    found = []
    for _ in range(count):
        rows = noise.integers(1, words, (60, 8), np.uint32)
        mirrored, inverted = rows[:20].copy(), noise.integers(0, words, (20, 8), np.uint32)
        mirrored[:5] = 0  # too near to the edge to tell
        points = Points(
            np.zeros((60, 4), np.float32),
            *(one.view(np.uint8) for one in (rows, mirrored, inverted)),
        )
        found.append(Features(9, 9, noise.bytes(32), b"", Frame(0, 0, 9, 9, 1.0), points))
    return found


def counted(some: list[Features]) -> set[Candidate]:
    """Return the pairs with enough votes, as they are counted one by one."""
    found = set()
    for way in WAYS:
        votes = Counter[tuple[int, int]]()
        for table in range(TABLES):
            buckets: dict[int, list[tuple[bool, int]]] = {}
            for number, one in enumerate(some):
                for mark in (False, True)[: 1 if way == "plain" else 2]:
                    rows = getattr(one.points, way) if mark else one.points.descriptors
                    for row in rows.view(np.uint32):
                        if row.any():
                            buckets.setdefault(int(row[table]), []).append((mark, number))
            for bucket in buckets.values():
                bucket.sort()
                is_small = len(bucket) <= LARGEST_BUCKET
                met = combinations(bucket, 2) if is_small else pairwise(bucket)
                for (mark, a), (other, b) in met:
                    if a != b and (way == "plain" or mark != other):
                        votes[min(a, b), max(a, b)] += 1
        found |= {Candidate(*both, way, False) for both, number in votes.items() if number >= VOTES}
    return found


@pytest.mark.parametrize("words", [60, 400, 4_000])
@pytest.mark.parametrize("piece", [7, 1 << 22])
def test_pairs_are_those_that_share_words_in_any_way(
    words: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "_PIECE", piece)
    some, descriptors = pictures(40, words), Descriptors()
    for one in some:
        descriptors.add(one)
    found = list(candidates(descriptors, Silent()))
    descriptors.close()
    expected = counted(some)
    assert expected or words > 400
    assert found == sorted(found, key=lambda one: (WAYS.index(one.way), one.a, one.b))
    assert set(found) == expected
    assert len(found) == len(expected)


def test_how_far_the_look_up_is_ends_at_its_total() -> None:
    descriptors, heard = Descriptors(), list[tuple[str, int, int | None]]()
    for one in pictures(5, 60):
        descriptors.add(one)
    list(candidates(descriptors, Callback(lambda *one: heard.append(one))))
    descriptors.close()
    total = TABLES * descriptors.count
    assert heard[0] == ("look up", 0, total)
    assert heard[-1] == ("look up", total, total)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
