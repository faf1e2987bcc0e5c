"""Features tell the same picture again, and are honest about pictures that tell nothing."""

import cv2
import numpy as np
import pytest
from makers.pictures import film

from covcat.overlap.features import OF_MIDDLE, Points, describe, framed, scaled

FILM = film(1)


def near(wanted: np.ndarray, found: np.ndarray) -> float:
    """Return the share of descriptors that have one within 32 bits."""
    one, other = (np.unpackbits(rows, axis=1).astype(np.float32) for rows in (wanted, found))
    distances = one.sum(1)[:, None] + other.sum(1)[None] - 2 * one @ other.T
    return float((distances.min(axis=1) <= 32).mean())


def test_a_picture_has_as_many_points_as_are_kept_and_they_lie_within_the_scaled_one():
    found = describe(FILM)
    assert (found.width, found.height) == (700, 600)
    points = found.points
    assert points.places.shape == (560, 4)
    assert points.descriptors.shape == (560, 32)
    assert points.mirrored.shape == points.inverted.shape == points.both.shape == (64, 32)
    height, width = scaled(FILM, found.frame).shape
    assert max(width, height) == 512
    assert (points.places[:, :2] >= 0).all()
    assert (points.places[:, :2] < (width, height)).all()


def test_the_same_pixels_have_one_digest_and_others_or_another_shape_another():
    found = describe(FILM)
    assert describe(FILM.copy()).pixels == found.pixels
    changed = FILM.copy()
    changed[300, 300] ^= 1
    assert describe(changed).pixels != found.pixels
    assert describe(FILM.reshape(700, 600)).pixels != found.pixels


CHANGES = {
    "mirrored": (lambda one: one[:, ::-1], "mirrored"),
    "inverted": (lambda one: 255 - one, "inverted"),
    "mirrored and inverted": (lambda one: 255 - one[:, ::-1], "both"),
    "half": (lambda one: cv2.resize(one, (350, 300), interpolation=cv2.INTER_AREA), "descriptors"),
    "gamma": (
        lambda one: cv2.LUT(one, (255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8)),
        "descriptors",
    ),
    "turned": (lambda one: cv2.rotate(one, cv2.ROTATE_90_CLOCKWISE), "descriptors"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_has_the_descriptors_that_were_foreseen(change):
    make, attribute = CHANGES[change]
    foreseen = getattr(describe(FILM).points, attribute)
    changed = describe(np.ascontiguousarray(make(FILM)))
    stranger = describe(film(2))
    assert near(foreseen, changed.points.descriptors) > 0.4
    assert near(foreseen, stranger.points.descriptors) < 0.05


def test_what_is_fine_in_a_crop_to_a_sixth_is_known_of_the_middle_of_the_whole():
    points = describe(FILM).points
    crop = describe(np.ascontiguousarray(FILM[180:420, 210:490])).points.descriptors
    assert near(points.descriptors[-OF_MIDDLE:], crop) > 0.3
    assert (np.abs(points.places[-OF_MIDDLE:, :2] - (256, 220)) <= (128, 110)).all()


def test_a_border_is_cut_off_even_where_a_marker_lies_on_it():
    bordered = cv2.copyMakeBorder(FILM, 100, 60, 200, 20, cv2.BORDER_CONSTANT, value=0)
    cv2.putText(bordered, "R", (10, 400), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    frame = framed(bordered)
    assert abs(frame.left - 200) <= 2
    assert abs(frame.top - 100) <= 2
    assert abs(frame.width - 700) <= 4
    assert abs(frame.height - 600) <= 4
    found = describe(bordered)
    assert (found.width, found.height) == (920, 760)
    assert near(describe(FILM).points.descriptors, found.points.descriptors) > 0.4


def test_burned_in_text_does_not_take_the_points_of_the_film():
    written = FILM.copy()
    for line in range(12):
        cv2.putText(
            written,
            "ANON 1970 F SCORE 12/34",
            (5, 20 + 14 * line),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5,
            255,
        )
    alone = np.array([one.pt for one in cv2.ORB_create(400).detect(written)])
    found = describe(written)
    assert within(alone / 700) > 0.6
    assert within(found.points.places[:, :2] / 512) < 0.3


def within(places: np.ndarray) -> float:
    """Return the share of places that are in the text; both in parts of the width."""
    return float(((places[:, 1] < 200 / 700) & (places[:, 0] < 210 / 700)).mean())


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (31, 40), (600, 700)])
def test_a_picture_of_one_tone_or_too_small_a_one_has_no_points(shape):
    found = describe(np.zeros(shape, np.uint8))
    assert isinstance(found.points, Points)
    assert len(found.points.places) == len(found.points.descriptors) == 0
    assert found.outline == b""
    assert (found.height, found.width) == shape


def test_the_outline_of_a_copy_is_near_and_of_a_stranger_far():
    def bits(picture: np.ndarray) -> int:
        one, other = (int.from_bytes(describe(each).outline) for each in (FILM, picture))
        return (one ^ other).bit_count()

    worse = cv2.imdecode(cv2.imencode(".jpg", FILM, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 0)
    assert bits(worse) <= 16
    assert bits(film(3)) > 60
