"""Where features lie, and that every part of covcat knows them as its own."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from makers.pictures import encoded, film

from covcat.overlap.describing import described
from covcat.overlap.feature_store import FeatureStore, store_of
from covcat.overlap.features import method
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent
from covcat.store import cached
from covcat.store.folder import FEATURES


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "covcat" / "features"


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "data" / "set" / "1"
    (folder / "files").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    cv2.imwrite(str(folder / "files" / "film.png"), film(1))
    return folder


def made(release):
    pictures = of_folder(release / "files", "set@1", Silent())
    return described(pictures, store_of(release), Silent()).made


def test_those_of_a_release_lie_beside_its_manifest(release, cache):
    assert made(release) == 1
    assert (release / FEATURES).is_file()
    assert made(release) == 0
    assert not cache.exists()


def test_those_of_a_users_folder_lie_in_the_cache_and_nothing_is_written_there(tmp_path, cache):
    (tmp_path / "mine").mkdir()
    assert store_of(tmp_path / "mine").path.parent == cache
    assert list((tmp_path / "mine").iterdir()) == []
    assert [name for name, _ in cached.files("features")] == [f"{tmp_path.name}@mine"]


def test_a_release_that_may_not_be_written_to_has_them_in_the_cache_and_loses_none(
    release, cache, monkeypatch
):
    assert made(release) == 1
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert store_of(release).path.parent == cache
    assert made(release) == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
def test_a_file_that_another_user_laid_there_is_not_read(release, cache):
    made(release)
    os.chown(release / FEATURES, 65534, 65534)
    assert made(release) == 1
    assert (release / FEATURES).stat().st_uid == 0


ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import sys
from pathlib import Path
from covcat.overlap.describing import described
from covcat.overlap.feature_store import FeatureStore
from covcat.overlap.features import method
from covcat.overlap.pictures import of_folder
from covcat.progress import Silent

if __name__ == "__main__":
    store = FeatureStore.open(Path(sys.argv[2]), method())
    described(of_folder(Path(sys.argv[1]), "mine", Silent()), store, Silent())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_where_it_was(how, tmp_path):
    folder, kept = tmp_path / "mine", tmp_path / "features.sqlite"
    folder.mkdir()
    for number in range(250):
        (folder / f"{number}.png").write_bytes(encoded(film(number, 120, 100)))
    (tmp_path / "run.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "run.py"), str(folder), str(kept)]
    run = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stderr=subprocess.DEVNULL
    )
    while (before := count(kept)) == 0:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(how)
    run.wait(timeout=30)
    before = max(before, count(kept))
    assert 0 < before < 250
    store = FeatureStore.open(kept, method())
    result = described(of_folder(folder, "mine", Silent()), store, Silent())
    assert result.made <= 250 - before
    assert len(list(result.features())) == 250


def count(path: Path) -> int:
    try:
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        found = base.execute("SELECT count(*) FROM files").fetchone()[0]
        base.close()
    except sqlite3.Error:
        return 0
    return int(found)
