"""Which pairs are looked at: those of which two features meet and say the same."""

import numpy as np
import pytest

from covcat.errors import UsageError
from covcat.overlap import candidates as lookup
from covcat.overlap import votes
from covcat.overlap.align import WAYS, Way
from covcat.overlap.candidates import TABLES, Candidate, Descriptors, candidates
from covcat.overlap.features import CLOSER, FINEST, STEP, Features, Frame, Points
from covcat.progress import Callback, Silent

NOISE = np.random.default_rng(19)
PLACES = ((100.0, 100.0), (300.0, 180.0), (220.0, 400.0))


def picture(places: np.ndarray, words: np.ndarray, turned: dict[Way, np.ndarray]) -> Features:
    """Return a picture of these features; in the three ways it has only those that are given."""
    none = np.zeros((len(words), 8), np.uint32)
    rows = (words, *(turned.get(way, none) for way in WAYS[1:]))
    points = Points(places.astype(np.float32), *(one.view(np.uint8) for one in rows))
    return Features(512, 512, NOISE.bytes(32), b"", Frame(0, 0, 512, 512, 1.0), points)


def strange(count: int) -> np.ndarray:
    """Return descriptors that no other has a word of."""
    return NOISE.integers(1, 1 << 32, (count, 8), np.uint32)


def featured(moved: tuple[float, float] = (0, 0), steps: int = 0, angle: float = 0) -> np.ndarray:
    """Return places of features: enlarged by steps of scale, turned about a corner, and moved."""
    turn, scale = np.radians(angle), STEP**steps
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    places = np.array(PLACES) @ matrix.T + moved
    size, own = FINEST * STEP ** (CLOSER + 2 + steps), 40.0 + angle
    return np.column_stack([places, np.full(len(places), size), np.full(len(places), own)])


def looked_at(*pictures: Features) -> list[Candidate]:
    """Return the pairs that are to be compared."""
    descriptors = Descriptors()
    try:
        for one in pictures:
            descriptors.add(one)
        return list(candidates(descriptors, Silent()))
    finally:
        descriptors.close()


LAID = {
    "as it is": ((0, 0), 0, 0.0),
    "moved": ((70, -50), 0, 0.0),
    "a crop": ((-160, -130), 3, 0.0),
    "turned": ((480, 30), -1, 90.0),
}


@pytest.mark.parametrize("case", LAID)
@pytest.mark.parametrize("shared", [1, 2, 3])
def test_two_features_that_meet_and_agree_make_a_pair_and_one_does_not(case, shared):
    words, others = strange(3), strange(3)
    others[:shared, 5] = words[:shared, 5]
    pair = picture(featured(), words, {}), picture(featured(*LAID[case]), others, {})
    expected = [Candidate(0, 1, "plain", False)] if shared > 1 else []
    assert looked_at(*pair) == expected


def test_a_feature_that_meets_by_many_words_is_one_and_those_that_disagree_are_none():
    words = strange(3)
    others = np.concatenate([words[:1], strange(2)])
    assert looked_at(picture(featured(), words, {}), picture(featured(), others, {})) == []
    elsewhere = featured()
    elsewhere[:, :2] = ((100, 100), (40, 480), (450, 60))
    elsewhere[:, 3] += (0, 90, 200)
    assert looked_at(picture(featured(), words, {}), picture(elsewhere, words, {})) == []


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("turned_is_first", [True, False])
def test_a_turned_picture_is_looked_up_as_it_would_be(way, turned_is_first):
    seen = featured()
    if way in ("mirrored", "both"):
        seen[:, 0] = 511 - seen[:, 0]
        seen[:, 3] = 180 - seen[:, 3]
    if way in ("inverted", "both"):
        seen[:, 3] += 180
    foreseen = strange(3)
    one = picture(featured(), strange(3), {way: foreseen})
    other = picture(seen, foreseen, {})
    pair = (one, other) if turned_is_first else (other, one)
    assert looked_at(*pair) == [Candidate(0, 1, way, False)]


@pytest.mark.parametrize("finer", [1, CLOSER])
def test_finer_points_of_the_middle_meet_those_of_a_crop_and_not_of_another_middle(finer):
    words, enlarged = strange(3), featured((-160, -130), CLOSER)
    whole, alike = featured(), featured()
    whole[:, 2] /= STEP ** (2 + finer)
    alike[:, 2] /= STEP ** (2 + finer)
    enlarged[:, 2] /= STEP ** (2 + finer)
    one = picture(whole, words, {})
    assert looked_at(one, picture(enlarged, words, {}))
    assert looked_at(one, picture(alike, words, {})) == []


@pytest.mark.parametrize(("steps", "is_pair"), [(5, True), (0, False)])
@pytest.mark.parametrize("whole_is_first", [True, False])
def test_two_places_near_each_other_are_one_but_for_a_crop_that_shows_them_apart(
    steps, is_pair, whole_is_first
):
    words, scale = strange(2), STEP**steps
    near = np.array([(280.0, 160.0), (340.0, 220.0)])
    size = np.array([(FINEST * STEP**CLOSER, 40.0)] * 2)
    whole = picture(np.column_stack([near, size]), words, {})
    crop = picture(np.column_stack([(near - (256, 130)) * scale, size * (scale, 1)]), words, {})
    found = looked_at(*((whole, crop) if whole_is_first else (crop, whole)))
    assert bool(found) == is_pair


def test_of_many_copies_each_meets_its_neighbours():
    words = strange(3)
    many = [picture(featured(), words, {}) for _ in range(30)]
    found = {(one.a, one.b) for one in looked_at(*many)}
    assert {(k, k + 1) for k in range(29)} <= found
    assert len(found) < 100


@pytest.mark.parametrize("piece", [7, 1 << 22])
@pytest.mark.large
def test_what_is_found_does_not_depend_on_how_much_is_gone_through_at_once(piece, monkeypatch):
    noise = np.random.default_rng(20)
    some = []
    for _ in range(30):
        places = noise.uniform((0, 0, FINEST, 0), (511, 511, 200, 360), (60, 4))
        turned = {way: noise.integers(1, 300, (60, 8), np.uint32) for way in WAYS[1:]}
        some.append(picture(places, noise.integers(1, 300, (60, 8), np.uint32), turned))
    whole = looked_at(*some)
    monkeypatch.setattr(lookup, "_PIECE", piece)
    monkeypatch.setattr(votes, "_PIECE", piece)
    assert whole
    assert whole == sorted(whole, key=lambda one: (WAYS.index(one.way), one.a, one.b))
    assert looked_at(*some) == whole


def test_how_far_the_look_up_is_ends_at_its_total():
    descriptors, heard = Descriptors(), list[tuple[str, int, int | None]]()
    for _ in range(5):
        descriptors.add(picture(featured(), strange(3), {}))
    list(candidates(descriptors, Callback(lambda *one: heard.append(one))))
    descriptors.close()
    total = TABLES * descriptors.count
    assert heard[0] == ("look up", 0, total)
    assert heard[-1] == ("look up", total, total)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)


def test_more_pictures_than_their_numbers_have_room_for_are_refused(monkeypatch):
    monkeypatch.setattr(lookup, "MOST_PICTURES", 2)
    with pytest.raises(UsageError, match="3 pictures are too many"):
        looked_at(*(picture(featured(), strange(3), {}) for _ in range(3)))
