"""Frames of DICOM files in the window that they name; what cannot be decoded says why."""

import cv2
import numpy as np
import pytest
from makers.dicom import dataset, saved
from makers.pictures import encoded, film
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from covcat.overlap.decode import frames
from covcat.overlap.pairs import NoPicture

FILM = film(1, 160, 120)
DEEP = FILM.astype(np.int16) * 8 - 1000  # as Hounsfield units


def packed(values, syntax, *pieces, **more):
    data = dataset(values, **more)
    data.PixelData = encapsulate(list(pieces))
    data["PixelData"].VR = "OB"
    return saved(data, syntax)


def rle(values):
    data = dataset(values)
    data.compress(RLELossless)
    return saved(data, RLELossless)


def bare(values):
    whole = saved(dataset(values), ImplicitVRLittleEndian)
    return whole[144 + int.from_bytes(whole[140:144], "little") :]


def windowed(center, width):
    low = center - 0.5 - (width - 1) / 2
    return np.clip((DEEP - low) * 255 / (width - 1), 0, 255)


LUNG = np.clip((DEEP + 1350.0) * 255 / 1500, 0, 255)
WINDOW = {"WindowCenter": 40, "WindowWidth": 400}
STORED = (DEEP + 1024).astype(np.uint16)
SHOWN = {
    "bytes": (saved(dataset(FILM)), FILM),
    "white is low": (saved(dataset(FILM, PhotometricInterpretation="MONOCHROME1")), 255 - FILM),
    "lungs": (saved(dataset(DEEP)), LUNG),
    "implicit": (saved(dataset(DEEP), ImplicitVRLittleEndian), LUNG),
    "a bare data set": (bare(DEEP), LUNG),
    "its own window": (saved(dataset(DEEP, **WINDOW)), windowed(40, 400)),
    "two windows": (
        saved(dataset(DEEP, WindowCenter=[-600, 40], WindowWidth=[1500, 400])),
        windowed(-600, 1500),
    ),
    "rescaled": (saved(dataset(STORED, RescaleSlope=1, RescaleIntercept=-1024)), LUNG),
    "colour": (saved(dataset(cv2.cvtColor(FILM, cv2.COLOR_GRAY2RGB))), FILM),
    "rle": (rle(DEEP), LUNG),
    "jpeg": (packed(FILM, JPEGBaseline8Bit, encoded(FILM, ".jpg", 1, 100)), FILM),
    "jpeg 2000": (
        packed(
            STORED,
            JPEG2000Lossless,
            encoded(STORED, ".jp2", cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000),
            RescaleSlope=1,
            RescaleIntercept=-1024,
        ),
        LUNG,
    ),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_slice_is_shown_as_a_viewer_shows_it(kind, tmp_path):
    data, expected = SHOWN[kind]
    (tmp_path / "slice").write_bytes(data)
    [(number, grey)] = frames(tmp_path / "slice")
    assert number == 0
    assert grey.dtype == np.uint8
    assert np.abs(grey.astype(float) - expected).max() <= 3


def test_the_frames_of_a_file_are_given_one_by_one(tmp_path):
    many = np.stack([film(number, 80, 60) for number in range(4)])
    (tmp_path / "frames.dcm").write_bytes(saved(dataset(many)))
    found = list(frames(tmp_path / "frames.dcm"))
    assert [number for number, _ in found] == [0, 1, 2, 3]
    assert all((grey == many[number]).all() for number, grey in found)


NONE = {
    "jpeg-ls": (packed(FILM, JPEGLSLossless, b"\xff\xd8\xff\xf7 junk"), "DICOM"),
    "damaged jpeg": (packed(FILM, JPEGBaseline8Bit, b"\xff\xd8\xff junk"), "does not decode"),
    "cut": (saved(dataset(DEEP))[:-9000], "damaged|DICOM|no picture"),
    "palette": (
        saved(dataset(FILM, PhotometricInterpretation="PALETTE COLOR")),
        "PALETTE COLOR",
    ),
    "strange numbers": (saved(dataset(DEEP, BitsAllocated=16, BitsStored=99)), "DICOM"),
}


@pytest.mark.parametrize("kind", NONE)
def test_a_file_that_cannot_be_decoded_says_why(kind, tmp_path):
    data, reason = NONE[kind]
    (tmp_path / "slice.dcm").write_bytes(data)
    with pytest.raises(NoPicture, match=reason):
        list(frames(tmp_path / "slice.dcm"))
