"""The hidden folders in which bags, cohorts and unpacked archives are built."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOUR = 3600


def left(name: str, *, hours: float) -> Path:
    """Make what a killed run leaves beside its target."""
    folder = Path(name)
    (folder / "release").mkdir(parents=True)
    (folder / "release/half").write_text("half")
    then = folder.stat().st_mtime - hours * HOUR
    os.utime(folder, (then, then))
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


@pytest.fixture(params=["bag", "document", "cohort", "archive"])
def write(request, covcat):
    """Write something beside the folders."""
    assert covcat("fetch", "sample", "--keep-archives").code == 0
    (archive,) = Path("covcat-data/sample/1/archives").iterdir()
    commands = {
        "bag": ["manifest", "export", "--format", "bagit", "-o", "out"],
        "document": ["manifest", "export", "--format", "csv", "-o", "out.csv"],
        "cohort": ["select", "-o", "out", "--as", "copies"],
        "archive": ["extract", str(archive), "out"],
    }
    return lambda: covcat(*commands[request.param])


def test_what_a_killed_run_left_goes_with_the_next_one_that_writes_there(write) -> None:
    old = left(f".covcat-{'0' * 16}", hours=2)
    young = left(f".covcat-{'1' * 16}", hours=0)
    living = left(f".covcat-{'2' * 16}", hours=2)
    mine = left(".covcat-notes", hours=2)
    elsewhere = left("elsewhere", hours=2)
    link = Path(f".covcat-{'3' * 16}")
    link.symlink_to(elsewhere)
    with held(living):
        ran = write()
    assert ran.code == 0, ran.err
    assert not old.exists()
    for folder in (young, living, mine, elsewhere, link):
        assert (folder / "release/half").read_text() == "half"
    assert len(list(Path().glob(".covcat-*"))) == 4  # its own is gone as well
