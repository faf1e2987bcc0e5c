"""A run again: what was found is kept, a run that was killed goes on, and what changed is seen."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from makers.pictures import film

from covcat import engine
from covcat.overlap import find, pictures
from covcat.overlap.again import find_or_recall
from covcat.overlap.describing import described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import method
from covcat.overlap.find import Overlap
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent

ROOT = Path(__file__).resolve().parents[2]
PAIRS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Films, and a part of each."""
    place = tmp_path / "mine"
    place.mkdir()
    for number in range(PAIRS):
        whole = film(number, 200, 240)
        cv2.imwrite(str(place / f"{number}.png"), whole)
        cv2.imwrite(str(place / f"{number} part.png"), whole[10:190, 10:220])
    return place


def run(folder: Path, kept: Path) -> Overlap:
    store = FeatureStore.open(kept, method())
    made = described(of_folder(folder, "mine", Silent(), store), store, Silent())
    return find_or_recall([made], Silent(), within=True)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of how many pairs of pictures were compared, in each search."""
    numbers: list[int] = []
    usual = engine.run

    def counted(work, tasks, *others, **how):
        if work is not find.look_at:
            return usual(work, tasks, *others, **how)
        tasks = list(tasks)
        numbers.append(sum(len(one.argument.others) for one in tasks))
        return ([(one, work(how["fill"](one.argument)))] for one in tasks)

    monkeypatch.setattr(engine, "run", counted)
    return numbers


def test_the_same_run_again_looks_for_nothing_and_tells_the_same(folder, tmp_path, monkeypatch):
    first = run(folder, tmp_path / "kept")
    assert [one.verdict for one in first.pairs] == ["same picture"] * PAIRS
    monkeypatch.delattr(find, "_gather")
    assert run(folder, tmp_path / "kept") == first


@pytest.mark.large
def test_of_a_new_picture_its_own_pairs_alone_are_compared(folder, tmp_path, compared):
    before = run(folder, tmp_path / "kept")
    cv2.imwrite(str(folder / "new.png"), film(3, 200, 240)[20:, 20:])
    after = run(folder, tmp_path / "kept")
    assert compared[0] >= PAIRS
    assert 1 <= compared[-1] <= 2 * PAIRS < compared[0]
    assert set(before.pairs) < set(after.pairs)
    assert after == run(folder, tmp_path / "others")


def test_other_code_compares_anew(folder, tmp_path, compared, monkeypatch):
    first = run(folder, tmp_path / "kept")
    monkeypatch.setattr("covcat.overlap.compared.method", lambda: b"of another day")
    assert run(folder, tmp_path / "kept") == first
    assert compared[1] == compared[0]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE kept SET value = x'00' || value",
        "UPDATE kept SET value = substr(value, 2)",
        "UPDATE kept SET value = 'text'",
        "DELETE FROM kept",
    ],
)
def test_what_was_kept_and_is_damaged_is_as_if_it_were_not_there(
    damage, folder, tmp_path, compared
):
    first = run(folder, tmp_path / "kept")
    with sqlite3.connect(tmp_path / "kept") as base:
        base.execute(damage)
    base.close()
    assert run(folder, tmp_path / "kept") == first
    assert compared[1] == compared[0]


def test_a_file_that_changed_meanwhile_is_undecided_and_nothing_of_that_is_kept(
    folder, tmp_path, compared
):
    store = FeatureStore.open(tmp_path / "kept", method())
    made = described(of_folder(folder, "mine", Silent()), store, Silent())
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(b"no picture any more")
    cut = find_or_recall([made], Silent(), within=True)
    assert cut.undecided >= 1
    assert len(cut.pairs) == PAIRS - 1
    (folder / "3.png").write_bytes(whole)
    again = find_or_recall([made], Silent(), within=True)
    assert compared[1] == cut.undecided
    assert (again.undecided, len(again.pairs)) == (0, PAIRS)


KILLED = """
import os, signal, sys
from pathlib import Path
from covcat import engine
from covcat.overlap.again import find_or_recall
from covcat.overlap.describing import described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import method
from covcat.overlap.pictures import of_folder
from covcat.progress import Callback

def heard(label, done, total):
    if label == sys.argv[3] and done:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    engine._BATCH_TASKS = 2
    store, bar = FeatureStore.open(Path(sys.argv[2]), method()), Callback(heard)
    made = described(of_folder(Path(sys.argv[1]), "mine", bar, store), store, bar)
    find_or_recall([made], bar, within=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    "stage", ["mine: sha256", "mine: features", "read features", "look up", "compare"]
)
@pytest.mark.large
def test_killed_at_any_stage_it_goes_on_and_finds_the_same(stage, folder, tmp_path, compared):
    kept, waiting = tmp_path / "kept", tmp_path / "tmp"
    waiting.mkdir()
    (tmp_path / "run.py").write_text(KILLED)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(folder), str(kept), stage],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(waiting)},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert list(waiting.iterdir()) == []
    went_on = run(folder, kept)
    assert went_on == run(folder, tmp_path / "others")
    assert len(went_on.pairs) == PAIRS
    assert (compared[0] < compared[1]) == (stage == "compare")
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith("kept")) == ["kept"]


def test_files_that_are_as_they_were_are_not_read_again(folder, tmp_path, monkeypatch):
    store = FeatureStore.open(tmp_path / "kept", method())
    monkeypatch.setattr(pictures, "_MOMENT", -(1 << 60))  # as if they were old
    first = of_folder(folder, "mine", Silent(), store)
    read: list[str] = []
    usual = pictures.hashed
    monkeypatch.setattr(
        pictures, "hashed", lambda path, *others: read.append(path.name) or usual(path, *others)
    )
    assert of_folder(folder, "mine", Silent(), store) == first
    assert read == []
    status = (folder / "3.png").stat()
    data = bytearray((folder / "3.png").read_bytes())
    data[-20] ^= 1
    (folder / "3.png").write_bytes(data)
    os.utime(folder / "3.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    after = of_folder(folder, "mine", Silent(), store)
    assert read == ["3.png"]
    assert [a.path for a, b in zip(first.files, after.files, strict=True) if a != b] == ["3.png"]


def test_files_that_were_changed_a_moment_ago_are_read_again(folder, tmp_path, monkeypatch):
    store = FeatureStore.open(tmp_path / "kept", method())
    of_folder(folder, "mine", Silent(), store)
    assert list(store.kept(pictures._key(one.name) for one in folder.iterdir())) == []
