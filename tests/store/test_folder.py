"""The data folder: private folders, locks, sweeping, the one rename, what the disk refuses."""

import errno
import itertools
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from makers.archives import COMMIT, REPOSITORY, git_zip
from makers.runs import tree_on_disk
from makers.said import check_said
from servers.server import Answer

from covcat import files
from covcat.errors import DiskError
from covcat.store import folder as stores
from covcat.store.folder import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "data")
    made.prepare()
    return made


def test_a_workshop_is_private_and_swept_in_the_end(store: Store) -> None:
    def fail() -> None:
        with store.workshop() as folder:
            assert not folder.stat().st_mode & 0o027  # the group may sweep, if the umask lets it
            (folder / "left").mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(store.staging.iterdir()) == []


def test_a_workshop_in_which_a_worker_goes_on_writing_is_swept_in_the_end(store: Store) -> None:
    over = threading.Event()

    def write(folder: Path) -> None:
        for number in itertools.count():
            with suppress(OSError):
                (folder / f"{number}").mkdir()
            if over.is_set():
                return

    with store.workshop() as folder:
        (folder / "its").mkdir()
        writers = [threading.Thread(target=write, args=(folder / "its",)) for _ in range(4)]
        for one in writers:
            one.start()
        while len(list((folder / "its").iterdir())) < 100:
            pass
    over.set()
    for one in writers:
        one.join()
    assert list(store.staging.iterdir()) == []


def test_what_killed_runs_left_is_swept_but_not_what_is_in_use(store: Store) -> None:
    (store.staging / "0123456789abcdef" / "release").mkdir(parents=True)
    with store.workshop() as used:
        store.sweep()
        assert list(store.staging.iterdir()) == [used]


def _publish(store: Store, text: str) -> Path:
    with store.workshop() as workshop:
        built = workshop / "release"
        built.mkdir()
        (built / "text").write_text(text)
        (built / "manifest.json").touch()
        return store.publish(built, "set", "1")


def test_a_release_replaces_an_older_state_whole(store: Store) -> None:
    _publish(store, "first")
    final = _publish(store, "second")
    assert (final / "text").read_text() == "second"
    assert list(store.staging.iterdir()) == []


def test_a_release_is_replaced_where_the_system_cannot_exchange(store: Store, monkeypatch) -> None:
    class NoExchange:
        @staticmethod
        def renameat2(*args: object) -> int:
            return -1

    _publish(store, "first")
    monkeypatch.setattr(stores, "sync", lambda folder: None)
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *args, **kwargs: NoExchange)
    assert (_publish(store, "second") / "text").read_text() == "second"


def test_everything_is_on_the_disk_before_the_final_name(store: Store, monkeypatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(stores, "sync", lambda folder: synced.append(folder / "text"))
    final = store.release("set", "1")
    real = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda self, to: (synced.append(Path(to)), real(self, to))[1]
    )
    _publish(store, "text")
    assert [path.name for path in synced[:2]] == ["text", final.name]
    assert final.is_dir()


@pytest.mark.parametrize("moment", ["before the second rename", "after it"])
def test_a_kill_in_the_middle_of_a_swap_loses_nothing(
    store: Store, tmp_path: Path, moment: str
) -> None:
    final = _publish(store, "first")
    aside = final.with_name(".1.covcat-old")
    final.rename(aside)
    if moment == "after it":
        final.mkdir()
        (final / "manifest.json").touch()
        (final / "text").write_text("second")
    assert [name for _, name, _ in store.releases()] == (["1"] if moment == "after it" else [])
    store.sweep()
    assert (final / "text").read_text() == ("second" if moment == "after it" else "first")
    assert not aside.exists()


def test_a_swap_that_fails_half_way_is_taken_back(store: Store, monkeypatch) -> None:
    final = _publish(store, "first")
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *args, **kwargs: object())
    monkeypatch.setattr(stores, "sync", lambda folder: None)
    real, calls = Path.rename, []

    def failing(self: Path, to: Path) -> Path:
        calls.append(to)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        _publish(store, "second")
    assert (final / "text").read_text() == "first"


def test_what_another_process_is_swapping_is_left_alone(store: Store) -> None:
    final = _publish(store, "first")
    aside = final.with_name(".1.covcat-old")
    final.rename(aside)
    with store.lock("set@1"):
        store.sweep()
        assert aside.is_dir()
    store.sweep()
    assert final.is_dir()


def test_a_users_own_hidden_folder_is_never_swept(store: Store) -> None:
    final = _publish(store, "first")
    for name in (".1.old", ".1.covcat-old"):
        final.with_name(name).mkdir()
        (final.with_name(name) / "mine").write_text("mine")
    store.sweep()
    assert (final.with_name(".1.old") / "mine").is_file()
    assert (final.with_name(".1.covcat-old") / "mine").is_file()


def test_no_folder_is_open_to_the_world_whatever_the_umask(covcat) -> None:
    before = os.umask(0)
    try:
        assert covcat("fetch", "sample").code == 0
    finally:
        os.umask(before)
    open_ones = [path for path in Path("covcat-data").rglob("*") if path.stat().st_mode & 0o002]
    assert open_ones == []


def test_an_open_umask_does_not_lock_covcat_out(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Store(tmp_path / "open")
        made.prepare()
        made.prepare()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "open/.covcat").stat().st_mode) == 0o775


def test_publishing_looks_again_at_what_is_in_the_way(store: Store) -> None:
    store.release("set", "1").mkdir(parents=True)
    with pytest.raises(DiskError, match="is in the way, and covcat did not make it"):
        _publish(store, "text")


def test_a_folder_that_anybody_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(DiskError, match="anybody may write"):
        Store(folder).prepare()
    folder.chmod(0o1777)
    Store(folder).prepare()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_data_folder_that_is_a_file_is_a_disk_error(covcat, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    ran = covcat("fetch", "sample", "--data-dir", str(tmp_path / name))
    check_said(ran, 8, f"error: cannot use the data folder `{tmp_path / name}`")


def test_too_little_space_is_said_before_the_first_byte(covcat, server, monkeypatch) -> None:
    monkeypatch.setattr(Store, "free_bytes", lambda self: 1_000_000)
    check_said(covcat("fetch", "figure1"), 8, "expected 14,922,683 bytes, got 1,000,000")
    assert not server.requests


def test_a_disk_that_fills_up_leaves_nothing(covcat, offered, monkeypatch) -> None:

    def full(handle: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("covcat.download.parts.os.pwrite", full)
    check_said(
        covcat("fetch", "set"),
        8,
        f"error: cannot write the download of `set-{COMMIT}.zip`: {os.strerror(errno.ENOSPC)}\n",
        "hint: free some space",
    )
    monkeypatch.undo()
    assert not list(Path("covcat-data").glob("[!.]*"))


def _command(shelf, server, *args: str) -> list[str]:
    return [
        *(sys.executable, "-c", "from covcat.cli.main import main; main()", *args),
        *("--catalog", str(shelf.folder), "--mirror", server.url),
    ]


def test_two_processes_on_one_release_both_get_it_and_one_downloads(offered, shelf, server) -> None:
    runs = [
        subprocess.Popen(_command(shelf, server, "fetch", "set", "-q"), stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    outs = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert set(outs) == {b"covcat-data/set/1/files\n"}
    assert len(server.requests) == 1


def _endless(server):
    """Serve a repository without end; return the event that says it has begun."""
    waiting = multiprocessing.Event()

    class Endless(bytes):
        def __getitem__(self, piece):
            waiting.set()
            time.sleep(0.05)
            return b"PK\x03\x04" + bytes(65532)

        def __len__(self) -> int:
            return 1 << 40

    path = f"/codeload.github.com/test/set/zip/{COMMIT}"
    server.serve(path, Answer(Endless(), has_length=False))
    return waiting


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["INT", "TERM", "HUP"],
)
def test_a_signal_stops_a_fetch_and_leaves_nothing(
    offered, shelf, server, number: int, code: int
) -> None:
    waiting = _endless(server)
    run = subprocess.Popen(
        _command(shelf, server, "fetch", "set", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert waiting.wait(30)
    time.sleep(0.3)
    run.send_signal(number)
    out, err = run.communicate(timeout=10)
    assert run.returncode == code, err
    assert b'"kind": "interrupted"' in out
    assert b"Traceback" not in err
    assert list(Path("covcat-data/.covcat/staging").iterdir()) == []
    assert not Path("covcat-data/set").exists()


def test_a_signal_stops_all_that_was_asked_for(shelf, server) -> None:
    waiting = _endless(server)
    shelf.add_repository()
    run = subprocess.Popen(_command(shelf, server, "fetch", "set", "sample"), stdout=-1, stderr=-1)
    assert waiting.wait(30)
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=10)
    assert (run.returncode, out) == (143, b"")
    assert b"error: stopped by SIGTERM; no half data has a final name" in err
    assert not Path("covcat-data/sample").exists()


def test_a_hang_up_that_is_ignored_stays_ignored(shelf, server) -> None:
    waiting = _endless(server)
    shelf.add_repository()
    command = ["nohup", *_command(shelf, server, "fetch", "set")]
    run = subprocess.Popen(command, stdout=-1, stderr=-1)
    assert waiting.wait(30)
    run.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=10)
    assert run.returncode == 143


def test_a_killed_fetch_is_swept_by_the_next_one(shelf, server, covcat) -> None:
    shelf.add_repository()
    whole = git_zip(REPOSITORY)
    server.serve_repository(whole)
    kill = "import os, covcat.store.folder as s; s.Store.publish = lambda *a: os.kill(os.getpid(), 9); "
    command = _command(shelf, server, "fetch", "set")
    command[2] = kill + command[2]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert len(os.listdir("covcat-data/.covcat/staging")) == 1
    assert not Path("covcat-data/set").exists()
    assert covcat("fetch", "set").code == 0
    assert os.listdir("covcat-data/.covcat/staging") == []
    assert tree_on_disk(Path("covcat-data/set/1/files")) == REPOSITORY


@pytest.mark.parametrize("name", ["staging", "partial"])
def test_a_link_in_place_of_a_private_folder_is_not_swept(
    covcat, tmp_path: Path, name: str
) -> None:
    assert covcat("fetch", "sample").code == 0
    theirs = tmp_path / "theirs"
    for inside in ("0123456789abcdef", "sample@1.done", "thesis.done"):
        (theirs / inside).mkdir(parents=True)
        (theirs / inside / "thesis.tex").write_text("precious")
    private = Path("covcat-data/.covcat") / name
    private.rmdir()
    private.symlink_to(theirs)
    for command in (["fetch", "sample"], ["verify", "--repair"], ["cache", "prune"]):
        covcat(*command)
        assert len(list(theirs.glob("*/thesis.tex"))) == 3
    assert covcat("fetch", "sample", "--keep-archives").code == 8
