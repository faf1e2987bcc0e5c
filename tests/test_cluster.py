"""Work on a Dask cluster, of real processes: the same as here, whatever dies, or what to type."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from makers.archives import RAW, REPOSITORY, tar_of, zip_of
from makers.clusters import Cluster, covcat, environment, free_port
from makers.releases import Shelf
from servers.server import Answer, Server

import covcat as covcat_package
from covcat.catalog.files import WebFile
from covcat.download.remote import RemoteFile
from covcat.engine import served
from covcat.engine.served import Differs, Seen
from covcat.errors import IntegrityError
from covcat.fetching import far

DRIVE = """
import sys
from pathlib import Path
from covcat import engine
from covcat.progress import Silent
from makers.counted_work import count
address, log, *texts = sys.argv[1:]
engine.use_engine(address, Path.cwd())
if __name__ == "__main__":
    tasks = [engine.Task(text, 5 << 20, (log, text)) for text in texts]
    for batch in engine.run(count, tasks, Silent(), "work"):
        for task, result in batch:
            print(task.key, result, flush=True)
"""


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


PATIENT = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "30s"}  # where who is away comes again


def drive(cluster: Cluster, *texts: str, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVE, cluster.address, "log", *texts]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(**more), text=True, **pipes)


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


SETS = {
    "a.zip": {"images/1.png": b"one" * 999, "images/.DS_Store": b"junk", "a/x.txt": b"a"},
    "b.zip": {"images/2.png": b"two" * 999, "b/in.zip": zip_of({"y.txt": b"inside"})},
    "c.tar.bz2": {"images/deep/3.png": b"three" * 999},
}


def fetched(
    server: Server, shelf: Shelf, sets: dict[str, dict[str, bytes]], *args: str, engine: str = ""
) -> subprocess.CompletedProcess[str]:
    """Offer a release of these archives and a table, and fetch it into a folder of the engine."""
    bodies = {name: zip_of(inside) for name, inside in sets.items() if name.endswith(".zip")}
    bodies |= {name: tar_of(sets[name], "bz2") for name in sets.keys() - bodies.keys()}
    for name, body in {**bodies, "t.csv": b"table"}.items():
        server.serve(f"/data.example.org/{name}", Answer(body))
    kinds = {"zip": "zip", "bz2": "tar"}
    files = [
        {"name": one, "unpack": kinds[one.rpartition(".")[2]], "nested": ["b/in.zip"]}
        for one in sets
    ]
    shelf.add_files("set", *files, {"name": "t.csv"})
    options = ["--catalog", str(shelf.folder), "--mirror", server.url, *args]
    return covcat(
        "fetch", "set", *options, "--data-dir", f"data{engine[-5:]}", COVCAT_ENGINE=engine
    )


def tree_of(ran: subprocess.CompletedProcess[str]) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of all that was fetched, of the record without its times."""
    assert ran.returncode == 0, ran.stderr
    release = Path(ran.stdout.strip()).parent
    found = {
        str(one.relative_to(release)): (
            one.stat().st_mode,
            re.sub(rb'"\w+_at": "[^"]*"', b"", one.read_bytes()) if one.is_file() else b"",
        )
        for one in release.rglob("*")
    }
    assert not list(release.parents[1].glob(".covcat/[ps]*/*"))
    return found


@pytest.mark.parametrize("option", ["--keep-archives", "--no-extract"])
def test_workers_unpack_archives_and_tree_and_record_are_the_same(shared, server, shelf, option):
    here = fetched(server, shelf, SETS, option)
    there = fetched(server, shelf, SETS, option, engine=shared.address)
    assert tree_of(there) == tree_of(here)
    told = [
        sorted(line for line in ran.stderr.splitlines() if "desktops" in line)
        for ran in (here, there)
    ]
    assert told[0] == told[1]


def test_archives_are_unpacked_by_workers_and_not_here(shared, server, shelf):
    here = fetched(server, shelf, SETS, "--progress", "json")
    there = fetched(server, shelf, SETS, "--progress", "json", engine=shared.address)
    assert ("unpacking a.zip" in here.stderr, "unpacking" in there.stderr) == (True, False)


REFUSED = {
    "a way out": {"../x.txt": b"evil"},
    "a path of another archive": {"images/1.png": b"other"},
    "a folder where another has a file": {"a/x.txt/z": b"other"},
    "a path that differs in case": {"A/X.txt": b"other"},
    "nothing": {},
}


@pytest.mark.parametrize("inside", REFUSED.values(), ids=REFUSED)
def test_an_archive_that_is_refused_here_is_refused_on_a_worker(shared, server, shelf, inside):
    here = fetched(server, shelf, SETS | {"z.zip": inside})
    there = fetched(server, shelf, SETS | {"z.zip": inside}, engine=shared.address)
    assert (there.returncode, here.returncode) == (6, 6)
    assert there.stderr.splitlines()[-1] == here.stderr.splitlines()[-1]
    assert not list(Path().glob("data*/set/*"))
    assert not list(Path().glob("data*/.covcat/staging/*"))


def test_what_the_workers_are_told_is_believed_as_it_was_written_alone(tmp_path):
    (tmp_path / "build").write_bytes(b"other")
    file = RemoteFile(file=WebFile(host="web", name="a", url="https://example.org/a"), name="a")
    with pytest.raises(IntegrityError, match="is not as it was written"):
        far.bring_one(far.Asked(tmp_path / "build", "0" * 64, 0, file, None))


@pytest.mark.large
def test_a_worker_that_is_killed_while_it_unpacks_leaves_nothing_wrong(own, server, shelf):
    many = {f"{name}.zip": {f"{name}/{n}": b"1" * n for n in range(4000)} for name in "ab"}
    here = fetched(server, shelf, many)
    for name in ("scheduler", "alone-1"):
        own.begin(name)
    with ThreadPoolExecutor() as pool:
        run = pool.submit(fetched, server, shelf, many, engine=own.address)
        while not run.done() and not list(
            Path().glob("data*/.covcat/staging/*/*/release/files/a/*")
        ):
            time.sleep(0.01)
        own.kill("alone-1")
        own.begin("alone-2")
    assert tree_of(run.result()) == tree_of(here)


def test_a_damaged_file_is_found_by_a_cluster_too(shared):
    covcat("fetch", "sample", "-q")
    Path("covcat-data/sample/1/files/LICENSE").write_text("other")
    here, there = covcat("verify"), covcat("verify", "--engine", shared.address)
    told = [ran.stderr[ran.stderr.index("error:") :] for ran in (here, there)]
    assert (there.returncode, told[1]) == (5, told[0])


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
    ran = drive(own, *SLOW, **PATIENT)
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


VERSIONS = "from covcat.engine.served import versions; print(versions())"


@pytest.mark.parametrize("more", ["", "# a line more\n"], ids=["the same", "another"])
def test_other_code_under_the_same_number_is_another_covcat(tmp_path, more):
    package = tmp_path / "covcat"
    shutil.copytree(Path(covcat_package.__file__).parent, package)
    with (package / "digests.py").open("a") as file:
        file.write(more)
    command, measured = [sys.executable, "-c", VERSIONS], "COVERAGE_PROCESS_"  # and not this copy
    env = {name: one for name, one in os.environ.items() if not name.startswith(measured)}
    told = subprocess.check_output(command, cwd=tmp_path, env=env, text=True)
    assert (told == f"{served.versions()}\n") == (not more)


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
