"""Neighbouring slices of one scan are never the same picture; changed copies of a slice are.

The slices are made after a head CT of 256 x 256 pixels, 1.5 mm apart, in a window for bone: sharp
edges of a high contrast, which move a little and not together from one slice to the next, and grain
that is each slice's own.
"""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from makers.pictures import encoded, slices

from covcat.overlap.features import Features, Grey, describe, scaled
from covcat.overlap.verify import Sameness, alignments, verify


def compared(a: Grey, b: Grey) -> Sameness | None:
    one, other = seen(a), seen(b)
    return verify(one, other, alignments(one[0], other[0], "plain", is_outline=True))


def seen(grey: Grey) -> tuple[Features, Grey]:
    features = describe(grey)
    return features, scaled(grey, features.frame)


def verdict(a: Grey, b: Grey) -> str | None:
    found = compared(a, b)
    return found and found.verdict


def jpeg(grey: Grey, quality: int) -> Grey:
    data = encoded(grey, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def gamma(grey: Grey) -> Grey:
    return cv2.LUT(grey, (255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8))


def half(grey: Grey) -> Grey:
    return cv2.resize(grey, (128, 128), interpolation=cv2.INTER_AREA)


def test_two_neighbours_are_for_eyes_and_never_the_same_picture():
    assert [verdict(a, b) for a, b in pairwise(slices()[:3])] == ["look"] * 2


def test_a_slice_and_its_mean_with_the_next_but_one_are_not_the_same_picture():
    assert verdict(slices()[0], slices()[3]) == "look"


@pytest.mark.parametrize(
    "change", [gamma, half, lambda one: jpeg(one, 75)], ids=["gamma", "half", "JPEG"]
)
def test_a_changed_copy_is_the_same_picture_and_a_changed_slice_nearby_is_not(change):
    first, _, other, _ = slices()
    assert verdict(first, change(first)) == "same picture"
    assert verdict(first, change(other)) != "same picture"
