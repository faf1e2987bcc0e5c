"""A data folder shared by a group: two users, by their numbers, each with a group of their own."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import typer
from makers.archives import REPOSITORY, git_zip
from makers.releases import Shelf
from makers.runs import Ran
from makers.said import check_said
from servers.server import Answer, Server

import covcat

GROUP = 40_010
PYTHONS = (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
SOURCES = os.pathsep.join(str(Path(one.__file__).parents[1]) for one in (covcat, typer))
DEAD = """
import os, sys
from pathlib import Path
from covcat.store.folder import Store
store = Store(Path(sys.argv[1]))
store.prepare()
with store.workshop() as folder:
    (folder / "release/files").mkdir(parents=True)
    (folder / "release/files/half").write_text("half")
    os._exit(9)
"""
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be two other users"
)


@dataclass(frozen=True)
class User:
    """One of two, who share a group and nothing else."""

    number: int
    python: str
    place: Path
    server: Server
    umask: int = 0o002
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *args: str) -> "subprocess.Popen[str]":
        """Start Python as this user."""
        env = {
            "PATH": str(self.place),  # no programs: doctor would try them all
            "HOME": str(self.place),
            "PYTHONPATH": SOURCES,
            "PYTHONDONTWRITEBYTECODE": "1",
            "COVCAT_DATA_DIR": str(self.place / "data"),
            "COVCAT_CATALOG": str(self.place / "shelf"),
            "COVCAT_MIRROR": self.server.url,
            "COVCAT_CONFIG": "none",
            "COVCAT_PAUSE": "0",
            **self.environment,
        }
        return subprocess.Popen(
            [self.python, *args],
            user=self.number,
            group=self.number,
            extra_groups=[GROUP],
            umask=self.umask,
            env=env,
            cwd=self.place,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def python_runs(self, *args: str) -> Ran:
        """Run Python as this user."""
        process = self.start(*args)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def runs(self, *args: str) -> Ran:
        """Run covcat as this user."""
        return self.python_runs("-m", "covcat", *args)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="covcat-group-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that other users may run, and that finds covcat there."""
    for one in PYTHONS:
        with Server() as unasked, suppress(OSError):
            user = User(40_001, one, Path("/"), unasked)
            if user.python_runs("-c", "import covcat.cli.main").code == 0:
                return one
    pytest.skip("other users can run no Python here that finds covcat")


@pytest.fixture
def users(place: Path, server: Server, python: str) -> tuple[User, User]:
    """Both, and what they share: a data folder of the group's, and a catalog."""
    (place / "data").mkdir()
    os.chown(place / "data", 0, GROUP)
    (place / "data").chmod(0o2770)
    Shelf(place / "shelf").add_repository()
    server.serve_repository(git_zip(REPOSITORY))
    return (User(40_001, python, place, server), User(40_002, python, place, server))


def _others(folder: Path) -> list[str]:
    """Return what the group may not change, or is not the group's, below a folder."""
    found = []
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        wanted = 0o2070 if path.is_dir() else 0o060
        has_all = status.st_mode & wanted == wanted and not status.st_mode & stat.S_IWOTH
        if not has_all or status.st_gid != GROUP:
            found.append(f"{path.relative_to(folder)} {status.st_mode:o} {status.st_gid}")
    return found


def test_what_one_user_fetches_the_other_verifies_indexes_and_completes(users) -> None:
    one, two = users
    assert one.runs("fetch", "set", "--no-extract").code == 0
    assert two.runs("verify", "set").code == 0
    assert two.runs("fetch", "set").code == 0
    again = one.runs("verify", "set")
    assert again.code == 0, again.err
    assert "5 files as recorded" in again.err  # the archive stays
    data = one.place / "data"
    made = {path.name: path.stat().st_uid for path in (data / "set/1").iterdir()}
    assert made.pop("verified.json") == one.number  # who looked at what the other has made
    assert set(made.values()) == {two.number}
    assert list((data / ".covcat/staging").iterdir()) == []
    assert _others(data) == []


def test_an_index_that_one_made_is_used_and_replaced_by_the_other(users) -> None:
    one, two = users
    assert one.runs("fetch", "sample").code == 0
    mine = one.runs("images", "sample", "--format", "csv")
    assert mine.code == 0, mine.err
    theirs = two.runs("images", "sample", "--format", "csv")
    assert (theirs.code, theirs.out) == (0, mine.out)
    index = next((one.place / "data/sample").glob("*/index.sqlite"))
    index.write_bytes(b"damaged")
    assert two.runs("images", "sample", "--format", "csv").out == mine.out
    assert index.stat().st_uid == two.number
    assert _others(one.place / "data") == []


def test_what_a_killed_run_of_one_left_the_other_sweeps(users) -> None:
    one, two = users
    data = one.place / "data"
    assert one.python_runs("-c", DEAD, str(data)).code == 9
    assert len(list((data / ".covcat/staging").iterdir())) == 1
    assert two.runs("fetch", "set").code == 0
    assert list((data / ".covcat/staging").iterdir()) == []
    assert not list((data / ".covcat/locks").glob("[0-9a-f]" * 16 + ".lock"))


def test_a_download_that_one_began_the_other_ends(users, server: Server) -> None:
    one, two = users
    body = bytes(range(256)) * 4096
    Shelf(one.place / "shelf").add_web("big", "big.bin", bytes=len(body))
    ranged = {"ETag": '"made-up"', "Accept-Ranges": "bytes"}
    half = len(body) // 2
    rest = {**ranged, "Content-Range": f"bytes {half}-{len(body) - 1}/{len(body)}"}
    path = "/data.example.org/big.bin"
    server.serve(path, Answer(body, headers=ranged, cut=half))
    assert one.runs("fetch", "big", "--retries", "0").code == 4
    parts = one.place / "data/.covcat/parts"
    assert list(parts.glob("*.part"))
    assert _others(one.place / "data") == []
    server.serve(path, Answer(body[half:], 206, headers=rest))
    assert two.runs("fetch", "big").code == 0
    assert f"bytes={half}-" in [headers.get("Range") for _, headers in server.requests]
    assert list(parts.iterdir()) == []
    assert one.runs("verify", "big").code == 0


def test_what_one_keeps_to_himself_the_other_does_not_throw_away(users) -> None:
    one, two = users
    assert one.runs("fetch", "set").code == 0
    private = one.place / "data/set/1/files/private"
    (private / "inside").mkdir(parents=True)
    (private / "inside/a.csv").write_text("mine")
    os.chown(private, one.number, one.number)
    private.chmod(0o700)
    check_said(two.runs("verify"), 5, "extra: files/private")
    for command in (["fetch", "set", "--keep-archives"], ["remove", "set", "--yes"]):
        check_said(two.runs(*command), 8, "files/private")
    assert (private / "inside/a.csv").read_text() == "mine"


def test_a_lock_or_a_record_that_one_may_not_read_is_not_called_damaged(users) -> None:
    one, two = users
    assert one.runs("fetch", "set").code == 0
    (one.place / "data/set/1/manifest.json").chmod(0o600)
    (one.place / "covcat.lock").write_text("{}")
    (one.place / "covcat.lock").chmod(0o600)
    for command in (["verify", "set"], ["fetch", "--locked"]):
        refused = two.runs(*command)
        assert (refused.code, os.strerror(errno.EACCES) in refused.err) == (8, True), refused.err


def test_a_release_that_one_closed_is_not_called_absent(users) -> None:
    one, two = users
    assert one.runs("fetch", "set").code == 0
    (one.place / "data/set/1").chmod(0o700)
    for command in (["verify", "set"], ["path", "set"]):
        check_said(two.runs(*command), 8, "permission denied")


def test_both_fetch_the_same_at_once(users) -> None:
    processes = [user.start("-m", "covcat", "fetch", "set") for user in users]
    outs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outs
    assert users[0].runs("verify", "set").code == 0
    assert list((users[0].place / "data/.covcat/staging").iterdir()) == []


def test_a_umask_that_shuts_the_group_out_is_said_and_doctor_tells_the_way_out(users) -> None:
    one, two = users
    closed = User(one.number, one.python, one.place, one.server, umask=0o022)
    assert closed.runs("fetch", "set").code == 0
    check_said(two.runs("verify", "set"), 0, "note: `status` will not tell of this")
    refused = two.runs("fetch", "set", "--keep-archives")
    check_said(refused, 8, "hint: `covcat doctor` tells")
    assert os.strerror(errno.EACCES) in refused.err
    checks = {row["check"]: row for row in two.runs("doctor", "--json").document["data"]["checks"]}
    assert checks["shared folders"]["state"] == "wrong"
    assert "chmod -R g+rwX" in checks["shared folders"]["fix"]


def test_what_one_user_closed_is_not_passed_over_in_silence(users) -> None:
    one, two = users
    private = User(one.number, one.python, one.place, one.server, umask=0o077)
    assert private.runs("fetch", "set").code == 0
    refused = two.runs("verify")
    check_said(refused, 8, f"cannot look into `{one.place / 'data/set'}`: permission denied")
    told = two.runs("doctor")
    assert told.code == 0, told.err
    assert "\nshared folders\twrong\t" in told.out


def test_a_data_folder_that_is_a_disk_of_its_own_may_have_a_closed_lost_and_found(users) -> None:
    one, _ = users
    assert one.runs("fetch", "set").code == 0
    (one.place / "data/lost+found").mkdir(mode=0o700)
    for command in ("verify", "status"):
        ran = one.runs(command)
        assert (ran.code, "cannot look" in ran.err) == (0, False), ran.err


@pytest.fixture
def reader(users) -> User:
    """Who may read what `one` fetched, and write into a cache only."""
    one, two = users
    assert one.runs("fetch", "sample").code == 0
    home = one.place / "home"
    home.mkdir()
    os.chown(home, two.number, two.number)
    return replace(two, environment={"XDG_CACHE_HOME": str(home / "cache")})


CLOSED = {
    "all of it": ["", "sample/1", ".covcat/staging"],
    "the folder of the release": ["sample/1"],
    "covcat's own": [".covcat/staging"],
}


def close(data: Path, names: list[str]) -> None:
    for name in names:
        (data / name).chmod(0o555)


@pytest.mark.parametrize("names", CLOSED.values(), ids=CLOSED)
def test_who_may_only_read_has_the_index_in_a_cache(users, reader: User, names) -> None:
    data, cache = reader.place / "data", reader.place / "home/cache/covcat/indexes"
    close(data, names)
    before = sorted(data.rglob("*"))
    theirs = reader.runs("images", "sample", "--format", "csv", "-v")
    assert theirs.code == 0, theirs.err
    (index,) = cache.iterdir()
    assert f"its image index is `{index}`" in theirs.err
    for command in ("counts", "select"):
        ran = reader.runs(command, "sample")
        assert (ran.code, "making" in ran.err) == (0, False), ran.err
    call = "import covcat; print(len(covcat.images('sample', data_dir='data')))"
    assert reader.python_runs("-c", call).out == f"{len(theirs.out.splitlines()) - 1}\n"
    assert sorted(data.rglob("*")) == before
    index.write_bytes(index.read_bytes().replace(b"sample", b"simple", 1))
    again = reader.runs("images", "sample", "--format", "csv")
    assert ("making" in again.err, again.out) == (True, theirs.out)
    for name in names:
        (data / name).chmod(0o2775)
    mine = users[0].runs("images", "sample", "--format", "csv")
    assert (mine.out, (data / "sample/1/index.sqlite").exists()) == (theirs.out, True)


FOREIGN = {
    "a folder that anybody may write to": lambda index, _: index.parent.chmod(0o777),
    "a file that anybody may write to": lambda index, _: index.chmod(0o666),
    "a file of somebody else": lambda index, other: os.chown(index, other, other),
    "a folder of somebody else": lambda index, other: os.chown(index.parent, other, -1),
}


@pytest.mark.parametrize("give", FOREIGN.values(), ids=FOREIGN)
def test_an_index_that_others_may_have_put_into_the_cache_is_not_read(users, reader, give) -> None:
    close(reader.place / "data", CLOSED["all of it"])
    assert reader.runs("images", "sample", "--format", "csv").code == 0
    (index,) = (reader.place / "home/cache/covcat/indexes").iterdir()
    assert "making" not in reader.runs("counts", "sample").err
    give(index, users[0].number)
    ran = reader.runs("counts", "sample")  # in a folder of somebody else it cannot make another
    assert ("making its image index" in ran.err, ran.code) in {(True, 0), (True, 8)}, ran.err


def test_what_lies_in_a_cache_is_listed_and_pruned(reader: User) -> None:
    close(reader.place / "data", CLOSED["all of it"])
    assert reader.runs("images", "sample", "--format", "csv").code == 0
    (index,) = (reader.place / "home/cache/covcat/indexes").iterdir()
    listed = reader.runs("cache", "list", "--format", "csv")
    assert f"index,sample@1,1,{index.stat().st_size}," in listed.out, listed.err
    assert str(index.parent) in listed.err
    assert reader.runs("paths").out.count(str(index.parent)) == 1
    pruned = reader.runs("cache", "prune", "--indexes")
    assert (pruned.code, index.exists()) == (0, False), pruned.err


def test_who_may_write_nowhere_is_told_which_folder_to_give(reader: User) -> None:
    close(reader.place / "data", CLOSED["all of it"])
    (reader.place / "home").chmod(0o555)
    ran = reader.runs("images", "sample")
    check_said(ran, 8, f"`{reader.place}/home/cache/covcat/indexes/sample@1.")
    assert "hint: set XDG_CACHE_HOME" in ran.err
