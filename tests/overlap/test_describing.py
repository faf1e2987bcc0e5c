"""Features are made once, kept, and whatever cannot be compared is told."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.pictures import encoded, film
from makers.tables import png

from covcat.errors import NotFoundError
from covcat.overlap.describing import described, scaled_pictures
from covcat.overlap.feature_store import FeatureStore, packed, unpacked
from covcat.overlap.features import MOST_TURNED, describe, method
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent


def found(folder, store):
    return described(of_folder(folder, "mine", Silent()), store, Silent())


@pytest.fixture
def store(tmp_path):
    return FeatureStore.open(tmp_path / "kept" / "features.sqlite", method())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "one.png").write_bytes(encoded(film(1)))
    (folder / "a" / "again.png").write_bytes(encoded(film(1)))
    (folder / "two.jpg").write_bytes(encoded(film(2), ".jpg"))
    return folder


def test_each_picture_has_features_and_the_same_bytes_have_them_once(folder, store):
    first = found(folder, store)
    assert first.made == 2
    paths = sorted([one.path for one in pictures] for pictures, _ in first.features())
    assert paths == [["a/again.png", "a/one.png"], ["two.jpg"]]
    assert first.left_out == ()


def test_a_second_run_makes_nothing_and_gives_the_same(folder, store):
    def told(result):
        return [(pictures, packed(features)) for pictures, features in result.features()]

    first, second = told(found(folder, store)), found(folder, store)
    assert second.made == 0
    assert told(second) == first


def test_a_new_picture_alone_is_made(folder, store):
    found(folder, store)
    (folder / "three.png").write_bytes(encoded(film(3)))
    assert found(folder, store).made == 1


def test_another_method_makes_all_anew(folder, store):
    found(folder, store)
    other = FeatureStore.open(store.path, "another method")
    assert found(folder, other).made == 2


LEFT_OUT = {
    "words.txt": (b"no picture at all\n" * 99, "no picture"),
    "black.png": (encoded(np.zeros((90, 80), np.uint8)), "of one tone: 80 x 90 pixels"),
    "point.png": (encoded(np.full((1, 1), 9, np.uint8)), "of one tone: 1 x 1 pixels"),
    "mask.png": (
        encoded(np.repeat(np.repeat(np.uint8([[0, 255], [255, 0]]), 99, 0), 99, 1)),
        "of 2 tones: a mask or a drawing",
    ),
    "cut.jpg": (encoded(film(4), ".jpg")[:-9000], "cut: the end of the jpeg is missing"),
    "cut.png": (encoded(film(4))[:-9000], "cut: the end of the png is missing"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_cannot_be_compared_is_told(name, tmp_path, store):
    data, reason = LEFT_OUT[name]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_bytes(data)
    result = found(tmp_path / "mine", store)
    assert [(one.path, one.reason) for one in result.left_out] == [(name, reason)]
    assert list(result.features()) == []


@pytest.mark.large
def test_a_folder_of_odd_files_is_gone_through_and_each_is_counted(tmp_path, store):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, (data, _) in LEFT_OUT.items():
        (folder / name).write_bytes(data)
    for name in ("a.txt", "b.csv", "c.dat"):
        (folder / name).write_bytes(b"1,2,3\n" * 99)
    (folder / "film.png").write_bytes(encoded(film(1)))
    (folder / "bomb.png").write_bytes(png(40_000, 40_000))
    result = found(folder, store)
    reasons = {name: reason for name, (_, reason) in LEFT_OUT.items()}
    reasons |= dict.fromkeys(("a.txt", "b.csv", "c.dat"), "no picture")
    reasons["bomb.png"] = "declares 40,000 x 40,000 pixels, more than 100,000,000 are not decoded"
    assert {one.path: one.reason for one in result.left_out} == reasons
    assert [one.path for pictures, _ in result.features() for one in pictures] == ["film.png"]


MEASURED = """
import sys
from pathlib import Path
from covcat.overlap.describing import describe_file
from covcat.overlap.features import method
made = describe_file((sys.argv[1], sys.argv[2], method()))
lines = Path("/proc/self/status").read_text().splitlines()
print(len(made.pictures), next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
@pytest.mark.parametrize(
    ("suffix", "kind", "most"), [(".jpg", np.uint8, 450), (".png", np.uint16, 600)]
)
def test_the_largest_picture_that_is_decoded_takes_bounded_memory(suffix, kind, most, tmp_path):
    large = cv2.resize(film(1).astype(kind) * kind(1 + (kind is np.uint16) * 99), (10_000, 9_999))
    path = tmp_path / f"large{suffix}"
    path.write_bytes(encoded(large, suffix))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    command = [sys.executable, "-c", MEASURED, str(path), sha256]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    pictures, peak = map(int, ran.stdout.split())
    assert peak / 1024 < most
    assert pictures == 1


def test_links_are_not_followed_and_litter_is_passed_over(folder, store, tmp_path):
    (tmp_path / "elsewhere.png").write_bytes(encoded(film(5)))
    (folder / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "._one.png").write_bytes(b"x")
    (folder / ".hidden.png").write_bytes(encoded(film(5)))
    result = found(folder, store)
    assert result.made == 2
    assert [one.path for one in result.left_out] == ["link.png", "up"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NotFoundError):
        of_folder(tmp_path / "nowhere", "nowhere", Silent())


def test_a_file_that_changed_after_it_was_hashed_is_told_and_nothing_of_it_kept(folder, store):
    pictures = of_folder(folder, "mine", Silent())
    (folder / "two.jpg").write_bytes(encoded(film(6), ".jpg"))
    result = described(pictures, store, Silent())
    assert [one.path for one in result.left_out] == ["two.jpg"]
    assert "changed" in result.left_out[0].reason
    assert found(folder, store).left_out == ()


def test_the_scaled_picture_is_given_again_for_verification(folder, store):
    for pictures, features in found(folder, store).features():
        [(number, small)] = scaled_pictures(folder / pictures[0].path, {0: features})
        assert number == 0
        assert max(small.shape) == 512


DAMAGE = {
    "no database": lambda path: path.write_bytes(b"junk" * 9000),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[:20_000]),
    "empty": lambda path: path.write_bytes(b""),
    "another's tables": lambda path: tampered(path, "CREATE VIEW strange AS SELECT 1"),
    "rows of junk": lambda path: tampered(path, "UPDATE pictures SET data = x'0102'"),
    "rows of text": lambda path: tampered(path, "UPDATE pictures SET data = 'text', frame = 'x'"),
    "a link": lambda path: (shutil.move(path, f"{path}.old"), path.symlink_to(f"{path}.old")),
}


def tampered(path, line):
    base = sqlite3.connect(path)
    with base:
        base.execute(line)
    base.close()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_store_that_is_damaged_or_forged_is_made_anew(damage, folder, store):
    found(folder, store)
    DAMAGE[damage](store.path)
    again = FeatureStore.open(store.path, method())
    result = found(folder, again)
    assert len(list(result.features())) == 2


def test_of_a_picture_of_few_points_most_of_them_fine_ones_of_its_middle_all_are_kept():
    plain = np.tile(np.linspace(60, 190, 700).astype(np.uint8), (600, 1))
    for number in range(3):
        x, y = 330 + 30 * number, 280 + 20 * number
        cv2.rectangle(plain, (x, y), (x + 15, y + 12), 40 + 30 * number, -1)
    points = describe(plain).points
    assert len(points.mirrored) < MOST_TURNED < len(points.places)
    again = unpacked(packed(describe(plain)))
    assert (again.points.descriptors == points.descriptors).all()


def test_packed_features_are_the_same_again_and_damage_gives_none():
    features = describe(film(1))
    data = packed(features)
    assert 20_000 < len(data) < 30_000
    again = unpacked(data)
    assert (again.width, again.frame, again.outline) == (700, features.frame, features.outline)
    apart = np.abs(again.points.places - features.points.places)
    assert apart[:, :3].max() < 0.02
    assert np.minimum(apart[:, 3], 360 - apart[:, 3]).max() < 0.75
    assert (again.points.both == features.points.both).all()
    assert (again.points.inverted == features.points.inverted).all()
    for place in range(0, len(data), 997):
        assert unpacked(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]) is None
        assert unpacked(data[:place]) is None
