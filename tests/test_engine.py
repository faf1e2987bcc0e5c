"""Work in batches on processes: every task is done, whatever dies, and nothing lives on."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
from makers.counted_work import count, no_process

from covcat import engine
from covcat.engine import Died, Task, processes
from covcat.errors import UsageError
from covcat.progress import Callback, Silent


def tasks(path, *texts, size=1):
    return [Task(text, size, (str(path), text)) for text in texts]


def done(path, *texts, size=1, progress=None):
    batches = engine.run(
        count, tasks(path, *texts, size=size), progress or Silent(), "work", workers=2
    )
    return {task.key: result for batch in batches for task, result in batch}


def test_every_task_is_done_once_and_its_result_is_beside_it(tmp_path):
    texts = [f"t{number}" for number in range(100)]
    assert done(tmp_path / "log", *texts) == {text: text.upper() for text in texts}
    assert sorted((tmp_path / "log").read_text().split()) == sorted(texts)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say it")
def test_as_many_processes_work_as_a_job_may_use_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    assert engine.cores() == 3


def test_progress_hears_of_every_byte(tmp_path):
    heard = []
    bar = Callback(lambda label, size, total: heard.append((label, size, total)))
    done(tmp_path / "log", "a", "b", "c", size=3 << 20, progress=bar)
    assert heard[0] == ("work", 0, 9 << 20)
    assert heard[-1] == ("work", 9 << 20, 9 << 20)


def test_a_process_that_dies_takes_no_task_with_it(tmp_path):
    found = done(tmp_path / "log", "a", "once", "b", "c")
    assert found == {"a": "A", "once": "ONCE", "b": "B", "c": "C"}


def test_what_processes_die_on_is_given_up_alone(tmp_path):
    found = done(tmp_path / "log", "a", "dies", "b", "c")
    assert found.pop("dies") == Died("SIGKILL")
    assert found == {"a": "A", "b": "B", "c": "C"}


def test_work_on_which_every_process_dies_is_given_up_alone(tmp_path):
    assert set(done(tmp_path / "log", "dies1", "dies2", "dies3").values()) == {Died("SIGKILL")}


def test_what_the_work_raises_is_raised_here(tmp_path):
    with pytest.raises(ValueError, match="raises-this"):
        done(tmp_path / "log", "a", "raises-this")
    assert not multiprocessing.active_children()


def test_processes_that_cannot_begin_are_an_error_and_no_endless_loop(monkeypatch):
    monkeypatch.setattr(processes, "_serve", no_process)
    with pytest.raises(UsageError) as raised:
        list(engine.run(count, [Task("a", 1, "a")] * 100, Silent(), "work", workers=2))
    assert raised.value.code == 2
    assert "exit code 3" in raised.value.message


def test_ctrl_c_ends_all_processes_within_a_second(tmp_path):
    began = time.monotonic()

    def interrupt():
        while not (tmp_path / "log").exists():
            time.sleep(0.05)
        nonlocal began
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path / "log", "sleeps-1", "sleeps-2", size=5 << 20)
    assert time.monotonic() - began < 1
    thread.join()
    assert not multiprocessing.active_children()


def test_no_tasks_start_no_process(tmp_path):
    assert done(tmp_path / "log") == {}
