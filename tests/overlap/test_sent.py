"""What pictures are compared by lies once where all workers see it, and gives what it gave sent."""

import os
import shutil
from collections import namedtuple
from dataclasses import asdict
from pathlib import Path

import pytest
from makers.pictures import film, write_pictures

from covcat import engine
from covcat.errors import DiskError
from covcat.overlap import find, sent
from covcat.overlap.describing import DescribedSet, described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import method
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent


@pytest.fixture
def mine(tmp_path: Path) -> DescribedSet:
    folder = tmp_path / "mine"
    films = {f"{number}.png": film(number) for number in range(3)}
    write_pictures(folder, films | {"crop.png": film(0)[60:540, 60:600]})
    store = FeatureStore.open(tmp_path / "kept.sqlite", method())
    return described(of_folder(folder, "mine", Silent()), store, Silent())


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the workers of a cluster see one."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(engine, "shared_folder", lambda: folder)
    return folder


def overlap_of(one: DescribedSet) -> find.Overlap:
    with one.store._base as base:  # nothing is known of any pair
        base.execute("DELETE FROM kept")
    return find.find_overlap([one], Silent(), within=True, workers=1)


@pytest.mark.parametrize("free", ["room", "none"])
def test_pictures_are_compared_by_what_lies_there_as_by_what_is_sent(
    mine, shared, monkeypatch, free
):
    laid, lay = [], sent._lay
    monkeypatch.setattr(sent, "_lay", lambda *args: laid.append(lay(*args)) or laid[-1])
    if free == "none":
        usage = namedtuple("usage", "free")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0))
    by_file = overlap_of(mine)
    monkeypatch.setattr(engine, "shared_folder", lambda: None)
    assert asdict(by_file) == asdict(overlap_of(mine))
    assert [one.verdict for one in by_file.pairs] == ["same picture"]
    assert [one is None for one in laid] == [free == "none"] * len(laid)
    assert laid
    assert os.listdir(shared) == []


def test_each_picture_lies_there_once(mine, shared):
    places = [sent.PicturePlace("store", one.sha256, 0, "", 0) for one in mine.set.files]
    asked = [sent.ToCompare(places[0], tuple((0, one, ()) for one in places[1:])) for _ in range(9)]
    gone = sent.PicturePlace("store", "ab" * 32, 0, "", 0)
    with sent.filling({"store": mine.store}, [*asked, sent.ToCompare(gone, ())]) as fill:
        (file,) = shared.iterdir()
        kept = [mine.store.packed(one.sha256, 0) for one in places]
        assert file.stat().st_size == sum(map(len, kept))
        assert sent.read(fill(asked[3])) == kept
        assert sent.read(fill(sent.ToCompare(gone, ()))) == [None]


def test_a_worker_that_cannot_read_it_says_which_file(mine, shared):
    place = sent.PicturePlace("store", mine.set.files[0].sha256, 0, "", 0)
    asked = sent.ToCompare(place, ())
    with sent.filling({"store": mine.store}, [asked]) as fill:
        filled = fill(asked)
    with pytest.raises(DiskError, match=r"cannot read `.*features-"):
        sent.read(filled)
