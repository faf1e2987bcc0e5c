"""Copies are found whatever was done to them, and strangers are not: over files, by processes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.dicom import dataset, saved
from makers.pictures import film, write_pictures
from pydicom.uid import generate_uid

from covcat.overlap.describing import DescribedSet, described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import method
from covcat.overlap.find import Overlap, find_overlap
from covcat.overlap.pairs import VERDICTS, Pair
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent


def read(folder: Path) -> DescribedSet:
    store = FeatureStore.open(folder.with_name(f"{folder.name}.sqlite"), method())
    return described(of_folder(folder, folder.name, Silent()), store, Silent())


def found(*folders: Path, within: bool = False) -> Overlap:
    return find_overlap([read(one) for one in folders], Silent(), within=within, workers=1)


def by_paths(overlap: Overlap) -> dict[tuple[str, str], Pair]:
    return {(one.a.path, one.b.path): one for one in overlap.pairs}


def lettered(pixels: np.ndarray) -> np.ndarray:
    """Return it with what a viewer burns in."""
    written = pixels.copy()
    for place in ((20, 40), (20, 580), (480, 40), (480, 580)):
        cv2.putText(written, "ERECT AP 12", place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
    return written


@pytest.fixture(scope="module")
def overlap(tmp_path_factory: pytest.TempPathFactory) -> Overlap:
    folder = tmp_path_factory.mktemp("sets")
    films = [film(seed) for seed in range(8)]
    squeezed = cv2.resize(films[3], (224, 224), interpolation=cv2.INTER_AREA)
    ours = {f"{number}.png": one for number, one in enumerate(films[:6])}
    ours["7.png"] = films[7]
    ours |= {f"lettered {number}.png": lettered(film(20 + number)) for number in range(4)}
    theirs = {
        "crop.png": films[0][90:540, 70:600],
        "mirrored.png": films[1][:, ::-1],
        "inverted.png": 255 - films[2],
        "squeezed.png": squeezed,
        "turned.png": cv2.rotate(films[4], cv2.ROTATE_90_CLOCKWISE),
        "half.jpg": cv2.resize(films[5], (350, 300), interpolation=cv2.INTER_AREA),
        "sixth.png": films[7][180:420, 210:490],
        "stranger.png": films[6],
        "lettered stranger.png": lettered(film(8)),
    }
    return found(write_pictures(folder / "ours", ours), write_pictures(folder / "theirs", theirs))


def test_each_copy_is_found_and_no_stranger_is(overlap):
    assert {names: one.verdict for names, one in by_paths(overlap).items()} == {
        ("0.png", "crop.png"): "same picture",
        ("1.png", "mirrored.png"): "same picture",
        ("2.png", "inverted.png"): "same picture",
        ("3.png", "squeezed.png"): "same picture",
        ("4.png", "turned.png"): "same picture",
        ("5.png", "half.jpg"): "same picture",
        ("7.png", "sixth.png"): "same picture",
    }
    assert overlap.pictures == {"ours": 11, "theirs": 9}
    assert [len(one.members) for one in overlap.groups] == [2] * 7
    assert all(one.representative.set == "ours" for one in overlap.groups[:3])


def test_a_pair_says_how_one_leads_to_the_other(overlap):
    pairs = by_paths(overlap)
    crop = pairs["0.png", "crop.png"]
    assert crop.scale == pytest.approx(1, abs=0.01)
    assert crop.shown_a == pytest.approx(450 * 530 / (600 * 700), abs=0.02)
    assert crop.shown_b == pytest.approx(1, abs=0.02)
    assert (crop.mirrored, crop.inverted) == (False, False)
    assert pairs["1.png", "mirrored.png"].mirrored
    assert pairs["1.png", "mirrored.png"].rotation == pytest.approx(0, abs=0.5)
    assert pairs["2.png", "inverted.png"].inverted
    assert pairs["3.png", "squeezed.png"].stretch == pytest.approx(600 / 700, abs=0.02)
    assert pairs["4.png", "turned.png"].rotation == pytest.approx(90, abs=0.5)
    assert pairs["5.png", "half.jpg"].scale == pytest.approx(0.5, abs=0.01)
    assert pairs["7.png", "sixth.png"].shown_a == pytest.approx(0.16, abs=0.01)


def test_copies_of_the_same_pixels_are_a_group_without_a_pair_for_each_two(tmp_path):
    one = film(3)
    copies = write_pictures(tmp_path / "copies", {f"{number:03}.png": one for number in range(40)})
    write_pictures(copies, {"other.jpg": one})
    overlap = found(copies, within=True)
    (group,) = overlap.groups
    assert len(group.members) == 41
    verdicts = [pair.verdict for pair in overlap.pairs]
    assert verdicts.count("same bytes") == 39
    assert verdicts.count("same picture") == 1


def test_the_same_pixels_in_another_format_are_the_same_pixels(tmp_path):
    ours = write_pictures(tmp_path / "ours", {"one.png": film(4)})
    theirs = write_pictures(tmp_path / "theirs", {"one.bmp": film(4)})
    (pair,) = found(ours, theirs).pairs
    assert (pair.verdict, pair.score) == ("same pixels", 1.0)


def test_pairs_within_a_set_are_only_told_when_asked_for(tmp_path):
    ours = write_pictures(
        tmp_path / "ours", {"one.png": film(5), "two.png": film(5)[30:570, 30:650]}
    )
    write_pictures(tmp_path / "theirs", {"stranger.png": film(6)})
    assert found(ours, tmp_path / "theirs").pairs == ()
    (pair,) = found(ours, tmp_path / "theirs", within=True).pairs
    assert pair.verdict == "same picture"


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (20, 20)])
def test_pictures_that_show_nothing_are_never_the_same_picture(tmp_path, size):
    noise = np.random.default_rng(1).integers(0, 255, (2, *size)).astype(np.uint8)
    dark = {"black.png": np.zeros((300, 300), np.uint8), "plain.png": noise[0]}
    ours = write_pictures(tmp_path / "ours", dark)
    theirs = write_pictures(tmp_path / "theirs", {"white.png": np.full((300, 300), 255, np.uint8)})
    write_pictures(theirs, {"noise.png": noise[1]})
    assert [one for one in found(ours, theirs).pairs if one.verdict == "same picture"] == []


def test_no_set_and_an_empty_set_have_no_pairs(tmp_path):
    (tmp_path / "empty").mkdir()
    assert found(tmp_path / "empty").pairs == ()
    assert find_overlap([], Silent(), within=True).pairs == ()


def test_slices_of_one_series_are_the_same_picture_only_if_they_are_the_same_pixels(tmp_path):
    """As a scanner writes them: a file each, with one SeriesInstanceUID and their own instance."""
    series, slice_ = generate_uid(), generate_uid()
    of = {"SeriesInstanceUID": series}
    cases = {
        "look": (of, of),
        "same picture in another series": (of, {"SeriesInstanceUID": generate_uid()}),
        "same picture of no series": (of, {}),
        "same picture compressed anew": (of | {"SOPInstanceUID": slice_},) * 2,
        "same pixels": (of, of),
        "same bytes": (of, of),
    }
    (folder := tmp_path / "ct").mkdir()
    for number, (case, (ours, theirs)) in enumerate(cases.items()):
        slices = film(number, 160, 120), cv2.GaussianBlur(film(number, 160, 120), (0, 0), 0.6)
        a = saved(dataset(slices[0], **ours))
        b = saved(dataset(slices[case != "same pixels"], **theirs))
        (folder / f"{case} a.dcm").write_bytes(a)
        (folder / f"{case} b.dcm").write_bytes(a if case == "same bytes" else b)
    pairs = by_paths(found(folder, within=True))
    assert {(a[:-6], b[:-6]): pair.verdict for (a, b), pair in pairs.items()} == {
        (case, case): next(one for one in VERDICTS if case.startswith(one)) for case in cases
    }
