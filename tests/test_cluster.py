"""Work on a Dask cluster, of real processes: the same as here, whatever dies, or what to type."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from makers.archives import RAW, REPOSITORY
from servers.server import Answer

from covcat.engine import served
from covcat.engine.served import Differs, Seen

TESTS = Path(__file__).parent
QUICK = {  # how long anybody is waited for: four times that
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
}
DRIVE = """
import sys
from pathlib import Path
from covcat import engine
from covcat.progress import Silent
from makers.counted_work import count
address, log, *texts = sys.argv[1:]
engine.choose(address, Path.cwd())
if __name__ == "__main__":
    tasks = [engine.Task(text, 5 << 20, (log, text)) for text in texts]
    for batch in engine.run(count, tasks, Silent(), "work"):
        for task, result in batch:
            print(task.key, result, flush=True)
"""


@dataclass
class Cluster:
    """A scheduler and workers, each a process of its own."""

    held: ExitStack
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def begin(self, name: str) -> None:
        kind, *place = "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-show"
        if name != "scheduler":
            kind, *place = "worker", self.address, "--nthreads", "1", "--local-directory", name
        if name.startswith("alone"):
            place.append("--no-nanny")
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *place, "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=environment(), **quiet, start_new_session=True)
        self.processes[name] = process
        self.held.callback(self.kill, name)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def environment(**more: str) -> dict[str, str]:
    kept = {name: one for name, one in os.environ.items() if not name.startswith("COV_")}
    return {**kept, **QUICK, "PYTHONPATH": str(TESTS), **more}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers, which no test may harm."""
    with ExitStack() as held, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cluster"))
        cluster = Cluster(held, free_port())
        for name in ("scheduler", "alone-1", "alone-2"):
            cluster.begin(name)
        yield cluster


@pytest.fixture
def own() -> Iterator[Cluster]:
    with ExitStack() as held:
        yield Cluster(held, free_port())


def covcat(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covcat", *args]
    return subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, check=False
    )


def drive(cluster: Cluster, *texts: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVE, cluster.address, "log", *texts]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(), text=True, **pipes)


def begun() -> None:
    """Wait until somebody works."""
    while not Path("log").exists():
        time.sleep(0.05)


SLOW = [f"slow{number}" for number in range(24)]
ALL = sorted(f"{text} {text.upper()}" for text in SLOW)


def test_verify_index_and_overlap_give_the_same_as_here(shared):
    assert covcat("fetch", "sample", "-q").returncode == 0
    release = Path("covcat-data/sample/1")
    asked = (
        ["verify", "sample", "--json"],
        ["images", "sample", "--format", "csv"],
        ["overlap", "sample", "--within", "--pairs", "--min-verdict", "look", "--format", "csv"],
    )
    said = {}
    for engine in ("", shared.address):
        for name in ("index.sqlite", "features.sqlite", "overlap.json"):
            (release / name).unlink(missing_ok=True)
        ran = [covcat(*words, COVCAT_ENGINE=engine) for words in asked]
        assert [one.returncode for one in ran] == [0] * 3, [one.stderr for one in ran]
        said[engine] = [one.stdout for one in ran], (release / "index.sqlite").read_bytes()
    assert said[""] == said[shared.address]
    assert not list(Path("covcat-data").glob(".covcat-*"))


def test_workers_bring_the_files_of_a_release_whose_record_is_the_same(
    shared, offered, server, shelf
):
    options = ["--by-file", "--catalog", str(shelf.folder), "--mirror", server.url]
    kept = []
    for engine in ("", shared.address):
        ran = covcat(
            "fetch", "set", *options, "--data-dir", f"data{engine[-5:]}", COVCAT_ENGINE=engine
        )
        assert ran.returncode == 0, ran.stderr
        folder = Path(ran.stdout.strip()).parent
        record = re.sub(r'"\w+_at": "[^"]*"', "", (folder / "manifest.json").read_text())
        kept.append((record, (folder / "SHA256SUMS").read_text()))
        assert not list(folder.parents[1].glob(".covcat/p*/*"))
    assert kept[0] == kept[1]


def test_a_file_that_no_worker_can_bring_is_told_as_it_is_here(shared, offered, server, shelf):
    server.serve(f"{RAW}/{next(iter(REPOSITORY))}", Answer(b"other"))
    options = [
        "--by-file",
        "--catalog",
        str(shelf.folder),
        "--mirror",
        server.url,
        "--retries",
        "0",
    ]
    here = covcat("fetch", "set", *options, "--data-dir", "here")
    there = covcat("fetch", "set", *options, "--data-dir", "there", "--engine", shared.address)
    assert (there.returncode, here.returncode) == (5, 5)
    assert there.stderr.splitlines()[-2:] == here.stderr.splitlines()[-2:]
    assert not list(Path("there/set").glob("*"))


def test_a_damaged_file_is_found_by_a_cluster_too(shared):
    covcat("fetch", "sample", "-q")
    Path("covcat-data/sample/1/files/LICENSE").write_text("other")
    here, there = covcat("verify"), covcat("verify", "--engine", shared.address)
    assert (there.returncode, there.stderr) == (5, here.stderr)


def test_what_the_work_raises_on_a_worker_is_raised_here(shared):
    ran = drive(shared, "raises-this")
    assert "ValueError: raises-this" in ran.communicate()[1]


@pytest.mark.large
def test_killed_workers_take_no_task_with_them(own):
    for name in ("scheduler", "alone-1", "alone-2", "alone-3"):
        own.begin(name)
    ran = drive(own, *SLOW)
    begun()
    own.kill("alone-1")
    own.kill("alone-2")
    out, err = ran.communicate()
    assert (sorted(out.splitlines()), err) == (ALL, "")


@pytest.mark.large
def test_what_workers_die_on_is_tried_here_and_given_up_alone(own):
    for name in ("scheduler", "watched-1", "watched-2"):
        own.begin(name)
    ran = drive(own, "a", "dies", "b")
    out, err = ran.communicate()
    assert sorted(out.splitlines()) == ["a A", "b B", "dies Died(cause='SIGKILL')"], err


@pytest.mark.large
def test_a_scheduler_that_is_restarted_is_found_again(own):
    for name in ("scheduler", "alone-1"):
        own.begin(name)
    ran = drive(own, *SLOW)
    begun()
    own.kill("scheduler")
    own.kill("alone-1")
    own.begin("scheduler")
    own.begin("alone-1")
    out, err = ran.communicate()
    assert sorted(out.splitlines()) == ALL, err


@pytest.mark.large
@pytest.mark.parametrize(("lost", "left"), [("scheduler", "scheduler"), ("alone-1", "workers")])
def test_a_cluster_that_stays_away_ends_the_run_with_what_to_type(own, lost, left):
    for name in ("scheduler", "alone-1"):
        own.begin(name)
    ran = drive(own, *SLOW)
    begun()
    own.kill(lost)
    err = ran.communicate()[1]
    assert f"NetworkError: `{own.address}` has no {left}" in err
    assert not list(Path.cwd().glob(".covcat-*"))


@pytest.mark.large
def test_ctrl_c_ends_a_run_on_a_cluster(own):
    for name in ("scheduler", "alone-1"):
        own.begin(name)
    ran = drive(own, "sleeps", *SLOW)
    begun()
    ran.send_signal(signal.SIGINT)
    ran.communicate(timeout=10)
    assert not list(Path.cwd().glob(".covcat-*"))


def test_a_scheduler_that_is_not_there_is_an_error_with_what_to_type():
    covcat("fetch", "sample", "-q")
    ran = covcat("verify", "--engine", f"tcp://127.0.0.1:{free_port()}")
    assert ran.returncode == 4
    assert ran.stderr.startswith("error: no scheduler of Dask answers at `tcp://127.0.0.1:")
    assert "hint: start one with `dask scheduler`" in ran.stderr


def test_a_scheduler_without_workers_is_an_error_with_what_to_type(own):
    own.begin("scheduler")
    covcat("fetch", "sample", "-q")
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    while (ran := covcat("verify", "--engine", own.address, **quick)).returncode == 4:
        if "has no workers" in ran.stderr:
            break
    assert f"hint: `dask worker {own.address}` starts one: then run the same" in ran.stderr


CAN_HIDE = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)


@pytest.mark.skipif(CAN_HIDE.returncode != 0, reason="nobody may mount here")
def test_workers_that_see_another_data_folder_are_found_out_before_anything_starts(shared):
    covcat("fetch", "sample", "-q")
    verify = f"{sys.executable} -m covcat verify --engine {shared.address}"
    hidden = "cp -r covcat-data copy && mount -t tmpfs none covcat-data && cp -r copy/. covcat-data"
    command = ["unshare", "-m", "sh", "-c", f"{hidden} && {verify}"]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 8
    assert f"2 of 2 workers of `{shared.address}` cannot work on `{Path.cwd()}" in ran.stderr
    assert "hint: mount it there under the same path" in ran.stderr


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    (tmp_path / "shown").write_text("words")
    folders = ((str(tmp_path), served.number_of(str(tmp_path))),)
    return Seen("data", str(tmp_path / "shown"), "words", served.versions(), folders)


UNLIKE: dict[str, tuple[Callable[[Seen], Seen], str]] = {
    "no file": (lambda one: replace(one, file="/none"), "does not see `data`"),
    "other words": (lambda one: replace(one, words="other"), "does not see `data`"),
    "no folder": (lambda one: replace(one, folders=(("/none", 1),)), "does not see `/none`"),
    "other folder": (lambda one: replace(one, folders=(("/", -2),)), "does not see `/`"),
    "covcat": (lambda one: replace(one, versions=("covcat 0",)), "expected covcat 0, got covcat "),
}


@pytest.mark.parametrize(("change", "why"), UNLIKE.values(), ids=UNLIKE)
def test_a_worker_says_what_it_does_not_see_or_has_otherwise(seen, change, why):
    assert served.difference(seen) is None
    found = served.difference(change(seen))
    assert isinstance(found, Differs)
    assert why in found.why


WRONG = {
    "no address": (["--engine", "scheduler"], "is no address of a Dask scheduler"),
    "a user": (["--engine", "tcp://me@scheduler:1"], "is no address of a Dask scheduler"),
    "offline": (["--engine", "tcp://scheduler:1", "--offline"], "--offline opens no socket"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_an_engine_that_cannot_be_is_a_mistake_of_usage(words, told):
    ran = covcat("verify", *words)
    assert ran.returncode == 2
    assert told in ran.stderr


def test_without_the_extra_the_line_that_installs_it_is_told():
    covcat("fetch", "sample", "-q")
    Path("distributed.py").write_text("raise ImportError")
    ran = covcat("verify", "--engine", "tcp://127.0.0.1:1", PYTHONPATH=str(Path.cwd()))
    assert (ran.returncode, ran.stderr.splitlines()[1]) == (
        2,
        "hint: pip install 'covcat[cluster]'",
    )
