"""What the torture harnesses share: targets, a place for each case, runs of covcat, a tally."""

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from makers.archives import zip_of
from makers.releases import Shelf

from torture.origin import Channel, Origin

COVCAT = str(Path(sys.executable).with_name("covcat"))
HANG = 60.0  # seconds after which a run counts as hanging
WORKERS = max(2, os.cpu_count() or 2)
HOST = "data.example.org"

# Put on the path of a child, it patches what its TORTURE names.
PATCHES = """\
import errno, fcntl, hashlib, itertools, os

asked = os.environ.get("TORTURE", "").split()

if "names" in asked:  # the same names in every run
    numbers = itertools.count()
    os.urandom = lambda size: hashlib.shake_128(b"%d" % next(numbers)).digest(size)

def refuse(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

if "locks-always" in asked:  # as Lustre and some NFS do
    fcntl.flock = fcntl.lockf = lambda *_: None
if "locks-never" in asked:
    fcntl.flock = fcntl.lockf = refuse
"""


# ---- what is fetched ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A resource: what is served for it, and what lies under `files/` in the end."""

    id: str
    served: Mapping[str, bytes]  # by name
    files: Mapping[str, bytes]  # by path

    @property
    def total(self) -> int:
        return sum(map(len, self.served.values()))


def one_file(size: int, id: str = "big") -> Target:
    body = random.Random(id).randbytes(size)
    return Target(id, {"scan.bin": body}, {"scan.bin": body})


def zip_and_two(size: int, id: str = "set") -> Target:
    """A release of a zip that is unpacked and two plain files; `size` is of each."""
    made = random.Random(id)
    members = {f"images/{number}.png": made.randbytes(size // 3) for number in range(3)}
    plain = {"left.bin": made.randbytes(size), "right.bin": made.randbytes(size)}
    return Target(id, {"images.zip": zip_of(members), **plain}, {**members, **plain})


# ---- runs --------------------------------------------------------------------------------------


class Ended(NamedTuple):
    """How a run ended; a negative code is a signal, None a run that hung."""

    code: int | None
    out: str
    err: str
    seconds: float
    peak_bytes: int


class Running:
    """A run of covcat in a process group of its own."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]):
        # closed in `wait`
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._began = time.monotonic()
        streams = {"stdin": subprocess.DEVNULL, "stdout": self._out, "stderr": self._err}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, **streams
        )

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    @property
    def is_over(self) -> bool:
        """True if it has ended; it is not reaped, so that its number stays its own."""
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self.process.pid, options) is not None

    def wait(self, kill_after: float | None = None) -> Ended:
        """Wait for the end, which is a kill after so many seconds."""
        limit = HANG if kill_after is None else kill_after
        timer = threading.Timer(limit, self.signal, [signal.SIGKILL])
        timer.start()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        timer.cancel()
        timer.join()
        _, status, usage = os.wait4(self.process.pid, 0)
        seconds = time.monotonic() - self._began
        code: int | None = os.waitstatus_to_exitcode(status)
        self.process.returncode = code
        if code == -signal.SIGKILL and kill_after is None and seconds >= HANG:
            code = None
        texts = []
        for stream in (self._out, self._err):
            with stream:
                stream.seek(0)
                texts.append(stream.read().decode("utf-8", "surrogateescape"))
        return Ended(code, *texts, seconds, usage.ru_maxrss << 10)


@dataclass
class Place:
    """Where one case happens: its data folder, and round it what must stay untouched."""

    root: Path
    world: "World"
    target: Target
    channel: Channel
    options: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # of the environment

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "cwd"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def final(self) -> Path:
        return self.data / self.target.id / "1"

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a run sees: nothing of the caller's own settings."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        path = [str(self.world.patches), *kept.get("PYTHONPATH", "").split(os.pathsep)]
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written but data
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "COVCAT_PAUSE": "0.05",
            **self.settings,
            **more,
        }

    def command(self, *words: str) -> list[str]:
        """Return a covcat command on this data folder."""
        return [
            *(COVCAT, *words, "--data-dir", str(self.data)),
            *("--catalog", str(self.world.catalog), "--mirror", self.channel.url),
        ]

    def start(self, prefix: Sequence[str] = (), patch: str = "", **more: str) -> Running:
        command = [*prefix, *self.command("fetch", self.target.id, *self.options)]
        return Running(command, self.root / "cwd", self.environment(TORTURE=patch, **more))

    def fetch(self, prefix: Sequence[str] = (), patch: str = "", **more: str) -> Ended:
        return self.start(prefix, patch, **more).wait()

    def verify(self) -> Ended:
        return Running(self.command("verify"), self.root / "cwd", self.environment()).wait()

    def copy_data(self, template: Path | None) -> None:
        """Begin with a copy of this data folder, or with none."""
        if template is not None:
            shutil.copytree(template, self.data, symlinks=True)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


class World:
    """A server, a catalog, and a folder for the places of the cases."""

    def __init__(self, root: Path, origin: Origin, targets: Sequence[Target]) -> None:
        self.root, self.origin = root, origin
        self.targets = {target.id: target for target in targets}
        self.catalog, self.patches = root / "catalog", root / "patches"
        self._numbers = itertools.count()
        self.catalog.mkdir()
        self.patches.mkdir()
        (self.patches / "sitecustomize.py").write_text(PATCHES)
        for target in targets:
            Shelf(self.catalog).add_pinned(target.id, target.served, f"https://{HOST}/{target.id}")

    def place(
        self,
        target: str,
        rate: float | None = None,
        piece: int = 1 << 16,
        options: tuple[str, ...] = (),
        settings: Mapping[str, str] | None = None,
    ) -> Place:
        """Make a place of its own for a case."""
        name = f"p{next(self._numbers)}"
        channel = self.origin.channel(name, rate, piece)
        place = self.root / name
        return Place(place, self, self.targets[target], channel, options, settings or {})


@contextlib.contextmanager
def world(*targets: Target) -> Iterator[World]:
    """Serve these targets; the folder goes away in the end."""
    every = ((target.id, served) for target in targets for served in target.served.items())
    bodies = {f"{HOST}/{id}/{name}": body for id, (name, body) in every}
    made = tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True)
    with made as folder, Origin(bodies) as origin:
        yield World(Path(folder).resolve(), origin, targets)


# ---- cases and their tally ---------------------------------------------------------------------


@dataclass
class Verdict:
    """What a case showed."""

    tried: int = 1
    is_wrong: bool = False  # a run said that all is well, and the bytes are not right
    is_lost: bool = False  # no later run came to its end
    faults: list[str] = field(default_factory=list)  # violations of what must hold
    note: str = ""


class Case(NamedTuple):
    """Something to try; the label finds it again with --only."""

    label: str
    run: Callable[[], Verdict]


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    is_quick: bool = False
    count: int | None = None
    only: str = ""

    def number(self, full: int, quick: int) -> int:
        return self.count or (quick if self.is_quick else full)

    def some(self, cases: Sequence[Case], quick: int) -> list[Case]:
        """Return the cases to try: those that were named, or as many as wished, evenly spread."""
        named = [case for case in cases if self.only in case.label]
        most = self.number(len(named), quick)
        most = len(named) if self.only else min(most, len(named))
        return [named[number * len(named) // most] for number in range(most)]


@dataclass
class Tally:
    harness: str
    tried: int = 0
    completed: int = 0
    wrong: int = 0
    lost: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0
    notes: list[str] = field(default_factory=list)

    def add(self, label: str, verdict: Verdict) -> None:
        self.tried += verdict.tried
        self.completed += 0 if verdict.is_lost else verdict.tried
        self.wrong += verdict.is_wrong
        self.lost += verdict.is_lost
        self.violations += [f"[{label}] {fault}" for fault in verdict.faults]
        if verdict.note:
            self.notes.append(verdict.note)


class Patience:
    factor = 1.0  # how much longer than usual the harnesses may take, as `--patience` says


def conduct(
    harness: str, cases: Iterable[Case], budget: float = 600, workers: int = WORKERS
) -> Tally:
    """Try the cases, some at a time, for at most so many seconds."""
    tally = Tally(harness)
    budget *= Patience.factor
    began = time.monotonic()

    def attempt(case: Case) -> tuple[str, Verdict | None]:
        if time.monotonic() - began > budget:
            return case.label, None
        try:
            return case.label, case.run()
        except Exception as error:
            return case.label, Verdict(faults=[f"the harness itself failed: {error!r}"])

    mixed = list(cases)
    random.Random(harness).shuffle(mixed)  # what time does not allow is not always the same end
    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(attempt, mixed))
    for label, verdict in results:
        if verdict is not None:
            tally.add(label, verdict)
    if late := sum(verdict is None for _, verdict in results):
        tally.notes.append(f"{late} of {len(results)} cases left out: {budget:.0f} s were over")
    tally.seconds = time.monotonic() - began
    return tally


def left_out(harness: str, why: str) -> Tally:
    """A harness that cannot run here."""
    return Tally(harness, notes=[f"left out: {why}"])


def last_line(text: str) -> str:
    """Return the line of an output that says most."""
    lines = re.findall(r"^error: .*$", text, re.M) or text.strip().splitlines()[-1:]
    return lines[0][:300] if lines else "(no output)"
