"""The hidden folders in which bags, cohorts and unpacked archives are built."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from makers.archives import zip_of
from makers.runs import tree_on_disk

HOUR = 3600
HERE = os.fsencode(os.uname().nodename)
MARK = "made-by-covcat"
OTHER = b"another machine"


def hidden(digit: int) -> str:
    return f".covcat-{str(digit) * 16}"


def left(name: str, *, mark: bytes | None = HERE, hours: float = 0) -> Path:
    """Make what a killed run leaves beside its target."""
    folder = Path(name)
    (folder / "work/release").mkdir(parents=True)
    (folder / "work/release/half").write_text("half")
    then = time.time() - hours * HOUR
    if mark is not None:
        (folder / MARK).write_bytes(mark)
        os.utime(folder / MARK, (then, then))
    os.utime(folder, (then, then))
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    handle = os.open(folder / MARK, os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


@pytest.fixture(params=["bag", "document", "cohort", "archive"])
def write(request, covcat):
    """Write something beside the folders."""
    assert covcat("fetch", "sample", "--keep-archives").code == 0
    (archive,) = Path("covcat-data/sample/1/archives").iterdir()
    commands = {
        "bag": "manifest export --format bagit -o out",
        "document": "manifest export --format csv -o out.csv",
        "cohort": "select -o out --as copies",
        "archive": f"extract {archive} out",
    }
    return lambda: covcat(*commands[request.param].split())


def test_what_a_killed_run_left_goes_with_the_next_one_that_writes_there(write) -> None:
    gone = [left(hidden(0)), left(hidden(1), hours=2), left(hidden(2), mark=OTHER, hours=2)]
    living = left(hidden(3), hours=2)
    elsewhere = left("elsewhere")
    stays = [living, elsewhere, left(hidden(4), mark=OTHER), left(hidden(5), mark=None, hours=2)]
    stays.append(left(".covcat-notes"))
    for digit, hours in ((8, 2.0), (9, 0.0)):  # killed before it set its mark, or about to set it
        Path(hidden(digit)).mkdir()
        os.utime(hidden(digit), (time.time() - hours * HOUR,) * 2)
    link = Path(hidden(6))
    link.symlink_to(elsewhere)
    linked = left(hidden(7), mark=None)
    (linked / MARK).symlink_to(Path("elsewhere").absolute() / MARK)
    with held(living):
        ran = write()
    assert ran.code == 0, ran.err
    assert not any(one.exists() for one in gone)
    for folder in (*stays, link, linked):
        assert (folder / "work/release/half").read_text() == "half"
    assert not Path(hidden(8)).exists()
    assert Path(hidden(9)).exists()
    assert len(list(Path().glob(".covcat-*"))) == 7  # its own is gone as well


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")
def test_what_another_user_left_stays_and_is_no_error(covcat) -> None:
    Path("a.zip").write_bytes(zip_of({"a": b"1"}))
    theirs = left(hidden(0))
    os.chown(theirs, 12345, 12345)
    assert covcat("extract", "a.zip", "out").code == 0
    assert (theirs / "work/release/half").is_file()


def test_what_may_not_be_looked_into_is_no_error(covcat) -> None:
    Path("a.zip").write_bytes(zip_of({"a": b"1"}))
    shut = left(hidden(0), mark=None)
    shut.chmod(0)
    Path(hidden(1)).write_text("a file")
    os.mkfifo(hidden(2))
    assert covcat("extract", "a.zip", "out").code == 0
    assert len(list(Path().glob(".covcat-*"))) == 3
    shut.chmod(0o700)


def started(archive: str, target: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "covcat", "extract", archive, target]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def workshops() -> list[Path]:
    return list(Path().glob(f".covcat-*/{MARK}"))


@pytest.fixture
def large() -> dict[str, bytes]:
    """Files that take a while, in `large.zip`."""
    files = {f"{number}.bin": os.urandom(1 << 10) * (20 << 10) for number in range(10)}
    Path("large.zip").write_bytes(zip_of(files))
    return files


@pytest.mark.large
def test_what_a_killed_extract_left_goes_at_once_with_the_next(covcat, large) -> None:
    first = started("large.zip", "one")
    while not workshops():
        assert first.poll() is None
        time.sleep(0.001)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert len(list(Path().glob(".covcat-*"))) == 1
    assert covcat("extract", "large.zip", "two").code == 0
    assert tree_on_disk(Path("two")) == large
    assert sorted(one.name for one in Path().iterdir() if "covcat" in one.name) == []


def test_extracts_at_once_into_one_folder_leave_each_other_alone(large) -> None:
    running = [started("large.zip", f"there/{number}") for number in range(4)]
    for number, one in enumerate(running):
        _, err = one.communicate()
        assert one.returncode == 0, err
        assert tree_on_disk(Path(f"there/{number}")) == large
    assert sorted(one.name for one in Path("there").iterdir()) == ["0", "1", "2", "3"]
