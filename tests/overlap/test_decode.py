"""Whatever a picture is wrapped in, its grey pixels are the same; what is none says why."""

import gzip
import struct
import zlib

import cv2
import numpy as np
import pytest
from makers.pictures import encoded, film
from makers.tables import nifti, png, png_of

from covcat.overlap.decode import frames
from covcat.overlap.pairs import NoPicture

FILM = film(1, 300, 200)
DEEP = FILM.astype(np.uint16) * 200 + 1000


def palette_png(grey):
    height, width = grey.shape
    rows = b"".join(b"\0" + bytes(255 - row) for row in grey)
    table = b"".join(bytes([255 - tone] * 3) for tone in range(256))
    head = struct.pack(">LLBBBBB", width, height, 8, 3, 0, 0, 0)
    return png_of({b"IHDR": head, b"PLTE": table, b"IDAT": zlib.compress(rows), b"IEND": b""})


def turned_jpeg(grey):
    """A JPEG whose Exif says that it lies on its side: 6 is a quarter turn to the right."""
    tags = b"II*\0\x08\0\0\0" + struct.pack("<HHHLLL", 1, 0x0112, 3, 1, 6, 0)
    body = b"Exif\0\0" + tags
    data = encoded(cv2.rotate(grey, cv2.ROTATE_90_COUNTERCLOCKWISE), ".jpg", 1, 100)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def segments(jpeg):
    """Return the segments of a JPEG by their marks, and the scan at its end."""
    place, found = 2, {}
    while 0xDA not in found:
        size = 2 + struct.unpack(">H", jpeg[place + 2 : place + 4])[0]
        mark = jpeg[place + 1]
        found[mark] = found.get(mark, b"") + jpeg[place : place + size]
        place += size
    return found, jpeg[place:-2]


def cmyk_jpeg(inks):
    """A JPEG of cyan, magenta, yellow and black, as Adobe writes them: 255 is no ink."""

    def segment(mark, body):
        return bytes([255, mark]) + struct.pack(">H", len(body) + 2) + body

    parts = [segments(encoded(one, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100)) for one in inks]
    height, width = inks[0].shape
    frame = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3, 4))
    data = b"\xff\xd8" + segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0))
    data += parts[0][0][0xDB] + segment(0xC0, struct.pack(">BHHB", 8, height, width, 4) + frame)
    data += parts[0][0][0xC4]
    for number, (_, scan) in enumerate(parts, 1):
        data += segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + scan
    return data + b"\xff\xd9"


def animated(suffix):
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(one, cv2.COLOR_GRAY2BGR) for one in (FILM, film(2, 300, 200))]
    animation.durations = [100, 100]
    good, data = cv2.imencodeanimation(suffix, animation)
    assert good
    return data.tobytes()


def volume(values, kind=4, slope=0.0, intercept=0.0, order="<"):
    slices, height, width = values.shape
    head = bytearray(nifti(width, height, slices, kind=(kind, values.itemsize * 8), order=order))[
        :352
    ]
    struct.pack_into(f"{order}3f", head, 108, 352.0, slope, intercept)
    return bytes(head) + values.astype(values.dtype.newbyteorder(order)).tobytes()


STILLS = {
    "png": (encoded(FILM, ".png"), 0),
    "bmp": (encoded(FILM, ".bmp"), 0),
    "tiff": (encoded(FILM, ".tif"), 0),
    "jpeg": (encoded(FILM, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100), 2),
    "progressive jpeg": (encoded(FILM, ".jpg", 1, 100, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 2),
    "webp": (encoded(FILM, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101), 1),
    "colour": (encoded(cv2.cvtColor(FILM, cv2.COLOR_GRAY2BGR), ".png"), 0),
    "alpha": (encoded(np.dstack([FILM, FILM, FILM, FILM]), ".png"), 0),
    "palette": (palette_png(FILM), 0),
    "turned by exif": (turned_jpeg(FILM), 2),
    "cmyk": (cmyk_jpeg([np.full_like(FILM, 255)] * 3 + [FILM]), 1),
    "animated gif": (animated(".gif"), 12),
    "animated webp": (animated(".webp"), 4),
}


@pytest.mark.parametrize("kind", STILLS)
def test_a_still_picture_has_its_pixels_whatever_its_name(kind, tmp_path):
    data, most = STILLS[kind]
    (tmp_path / "film.dat").write_bytes(data)
    [(number, grey)] = frames(tmp_path / "film.dat")
    assert number == 0
    assert grey.shape == FILM.shape
    assert grey.dtype == np.uint8
    assert np.abs(grey.astype(int) - FILM).mean() <= most


DEEPS = {
    "png": encoded(DEEP, ".png"),
    "tiff": encoded(DEEP, ".tif"),
    "floats": encoded(DEEP.astype(np.float32) / 65535, ".tif"),
}


@pytest.mark.parametrize("kind", DEEPS)
def test_deep_pixels_are_shown_between_their_darkest_and_brightest(kind, tmp_path):
    (tmp_path / "deep").write_bytes(DEEPS[kind])
    [(_, grey)] = frames(tmp_path / "deep")
    assert grey.dtype == np.uint8
    assert np.corrcoef(grey.ravel(), FILM.ravel())[0, 1] > 0.99
    assert grey.min() == 0
    assert grey.max() == 255


VOLUME = np.stack([film(number, 60, 40) for number in range(5)]).astype(np.int16) * 8 - 1000
VOLUMES = {
    "plain": volume(VOLUME),
    "big-endian": volume(VOLUME, order=">"),
    "packed": gzip.compress(volume(VOLUME)),
    "scaled": volume((VOLUME + 1024).astype(np.int16), slope=1.0, intercept=-1024.0),
    "floats": volume(VOLUME.astype(np.float32), 16),
}


@pytest.mark.parametrize("kind", VOLUMES)
def test_a_volume_is_given_slice_by_slice_in_the_window_for_lungs(kind, tmp_path):
    (tmp_path / "volume.nii").write_bytes(VOLUMES[kind])
    found = list(frames(tmp_path / "volume.nii"))
    assert [number for number, _ in found] == [0, 1, 2, 3, 4]
    for number, grey in found:
        expected = np.clip((VOLUME[number] + 1350.0) * 255 / 1500, 0, 255)
        assert np.abs(grey - expected).max() <= 1


def test_a_packed_volume_that_is_cut_gives_what_is_there_and_says_so(tmp_path):
    (tmp_path / "cut.nii").write_bytes(volume(VOLUME)[:-5000])
    given = frames(tmp_path / "cut.nii")
    assert [next(given)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(NoPicture, match="3 of 5 slices"):
        next(given)


def test_a_clip_gives_a_few_frames_that_are_spread_over_it(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240), isColor=False
    )
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no clips")
    for number in range(80):
        writer.write(np.roll(film(3, 320, 240), number, axis=1))
    writer.release()
    found = list(frames(path))
    assert [number for number, _ in found] == [4, 14, 24, 34, 44, 54, 64, 74]
    assert all(grey.shape == (240, 320) for _, grey in found)


def pages():
    good, data = cv2.imencodemulti(".tif", [FILM, film(2, 300, 200), DEEP])
    assert good
    return data.tobytes()


def test_the_pages_of_a_tiff_are_pictures(tmp_path):
    (tmp_path / "pages.tif").write_bytes(pages())
    found = dict(frames(tmp_path / "pages.tif"))
    assert sorted(found) == [0, 1, 2]
    assert (found[1] == film(2, 300, 200)).all()


JPEG = encoded(FILM, ".jpg")
THUMBNAIL = (
    b"\xff\xe1"
    + struct.pack(">H", 9000)
    + b"Exif\0\0"
    + encoded(film(9, 60, 40), ".jpg").ljust(8992, b"\0")[:8992]
)
NONE = {
    "text": (b"no picture\n" * 99, "no picture"),
    "nothing": (b"", "no picture"),
    "too many pixels": (png(40_000, 40_000, bits=1), "40,000 x 40,000"),
    "cut jpeg": (JPEG[: len(JPEG) // 2], "cut"),
    "cut jpeg with a whole thumbnail": (JPEG[:2] + THUMBNAIL + JPEG[2 : len(JPEG) // 2], "cut"),
    "cut png": (encoded(FILM, ".png")[:-5000], "cut"),
    "cut tiff": (encoded(FILM, ".tif")[:-5000], "no picture|cut"),
    "cut gif": (animated(".gif")[:9000], "cut"),
    "cut webp": (encoded(FILM, ".webp")[:-500], "cut"),
    "damaged png": (
        encoded(FILM, ".png")[:9000] + b"junk" + encoded(FILM, ".png")[9004:],
        "damaged",
    ),
    "volume without voxels": (volume(VOLUME)[:352], "0 of 5 slices"),
    "volume of a strange type": (volume(VOLUME, 2048), "datatype 2048"),
    "volume with voxels elsewhere": (nifti(9, 9, 9), "another file|0 of 9"),
    "volume that never ends": (gzip.compress(volume(VOLUME)[:-9])[:-3000], "damaged|slices"),
}


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_whole_picture_says_why(kind, tmp_path, capfd):
    data, reason = NONE[kind]
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(NoPicture, match=reason):
        list(frames(tmp_path / "file"))
