"""Signals: whenever one comes, the exit code is its own and nobody sees a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import covcat as library
from covcat.imaging import opening

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SLOW = (
    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000000000) "
    "SELECT count(*) FROM c) > 1"
)
ASKING = (
    *("images", "images --one-per patient", "images -o out.csv", "images -o out.sqlite"),
    *("select", "select -o cohort", "counts", "counts --by view", "counts --json"),
)


def started(*command: str, **kwargs: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=-1, stderr=-1, **kwargs)  # type: ignore[call-overload]


def stopped(run: subprocess.Popen[bytes], number: int) -> tuple[int, bytes, bytes]:
    run.send_signal(number)
    out, err = run.communicate(timeout=30)
    return run.returncode, out, err


EACH = [(how, signal.SIGINT) for how in ASKING] + [("images", signal.SIGHUP)]
EACH += [(how, signal.SIGTERM) for how in ("images", "select", "counts")]


@pytest.mark.parametrize(("how", "number"), EACH, ids=[f"{a}-{b.name}" for a, b in EACH])
@pytest.mark.large
def test_a_signal_during_a_long_condition_is_no_error_of_usage(
    covcat, tmp_path: Path, how: str, number: signal.Signals
) -> None:
    covcat("fetch", "sample", "-q")
    covcat("images", "-q")
    before = sorted(tmp_path.iterdir())
    run = started(sys.executable, "-m", "covcat", *how.split(), "--where", SLOW)
    assert run.stderr is not None
    assert run.stderr.readline().startswith(b"sample@1: 12 images")  # then it asks
    time.sleep(1)
    code, out, err = stopped(run, number)
    assert code == CODES[number], err
    assert f"stopped by {number.name}".encode() in out + err
    assert b"Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_an_interrupt_in_a_notebook_is_one_too(covcat, monkeypatch) -> None:
    covcat("fetch", "sample", "-q")

    def interrupted(self: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "_STEPS", 1)
    monkeypatch.setattr(opening._TimeLimit, "is_over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        library.images("sample", where="age > 40")


DROPPED = """
import os, sys, time, weakref
from covcat import stopping
stopping.listen()
class Thing:
    def __del__(self): DO
def when_gone(ref): DO
thing = Thing()
ref = weakref.ref(thing, when_gone)
try:
    del thing
    time.sleep(20)
except BaseException as error:
    print(type(error).__name__, stopping.asked())
"""


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGINT, "KeyboardInterrupt 2"), (signal.SIGTERM, "StopSignal 15")],
    ids=["INT", "TERM"],
)
@pytest.mark.parametrize("place", ["__del__", "when_gone"])
def test_a_signal_that_python_drops_comes_again(
    number: signal.Signals, said: str, place: str
) -> None:
    act = f"os.kill(os.getpid(), {number}); time.sleep(0.1)"
    lines = [one.replace("DO", act if place in one else "pass") for one in DROPPED.splitlines()]
    script = "\n".join(lines)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30)
    assert (ran.stdout.decode().strip(), ran.stderr) == (said, b"")


def test_what_python_drops_of_anything_else_is_still_told() -> None:
    script = DROPPED.replace("def __del__(self): DO", "def __del__(self): 1 / 0")
    script = script.replace("DO", "pass").replace("time.sleep(20)", "pass")
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30)
    assert b"ZeroDivisionError" in ran.stderr


SLOWLY = "import sys, time; print('now', flush=True); time.sleep(30)\n"


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize("module", ["typer", "covcat_late"])
def test_a_signal_while_covcat_starts_just_ends_it(
    tmp_path: Path, number: signal.Signals, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text(SLOWLY)
    end = f"import atexit; atexit.register(__import__, '{module}')"
    (tmp_path / "sitecustomize.py").write_text(end if module == "covcat_late" else "")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = started(sys.executable, "-m", "covcat", "list", "-q", env=env)
    assert run.stdout is not None
    while run.stdout.readline() != b"now\n":
        assert run.poll() is None
    assert stopped(run, number) == (-number, b"", b"")


def test_signals_that_are_ignored_stay_ignored(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(SLOWLY.replace("30", "1") + "raise SystemExit(7)\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    script = f"trap '' INT TERM HUP; exec {sys.executable} -m covcat list"
    run = started("sh", "-c", script, env=env)
    assert run.stdout is not None
    assert run.stdout.readline() == b"now\n"
    for number in (signal.SIGTERM, signal.SIGHUP):
        run.send_signal(number)
    assert stopped(run, signal.SIGINT) == (7, b"", b"")
