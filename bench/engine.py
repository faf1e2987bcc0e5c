"""A cluster against this machine: the same results, at which cost, whatever fails.

    sudo .venv/bin/python bench/engine.py --files 20000

A scheduler, four workers and the caller are processes in namespaces of their own, on one bridge,
and share the folder that is made here. Results on the cluster are held byte for byte against those
of four processes of this machine, in pairs by turns: seconds of the clock, and of processors of
all processes together. What a cluster costs before the first file is told apart, by a release of
a few files. Then, in each command, two workers are killed, the scheduler is restarted, and a link
is cut for 20 seconds. Skipped with a reason where nobody may make namespaces.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from makers.films import ENTRY, table_of
from makers.laid import lay
from makers.releases import Shelf

from covcat.catalog import load
from covcat.overlap.opencv import opencv

SCHEDULER, CALLER = "10.77.0.1", "10.77.0.2"
WORKERS = [f"10.77.0.{number}" for number in range(11, 15)]
RUN = f"covcat{os.getpid() % 10_000}"  # begins the names of this run's namespaces
HUB = f"{RUN}-hub"
ADDRESS = f"tcp://{SCHEDULER}:8786"
CUT, IDLE = 20, 15  # seconds


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True)


def space(address: str) -> str:
    """Return the name of a namespace."""
    return f"{RUN}-{address.rpartition('.')[2]}"


def make_network(held: ExitStack) -> None:
    """Make a namespace for each address, all on one bridge, which is in one of its own."""
    ip("netns", "add", HUB)
    held.callback(ip, "netns", "del", HUB)
    ip("-n", HUB, "link", "add", "hub", "type", "bridge")
    ip("-n", HUB, "link", "set", "hub", "up")
    for address in (SCHEDULER, CALLER, *WORKERS):
        add_space(held, address)


def add_space(held: ExitStack, address: str) -> None:
    """Make the namespace of an address, on the bridge."""
    name = space(address)
    ip("netns", "add", name)
    held.callback(ip, "netns", "del", name)
    ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", name, "netns", HUB)
    ip("-n", HUB, "link", "set", name, "master", "hub", "up")
    ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    ip("-n", name, "link", "set", "eth0", "up")
    ip("-n", name, "link", "set", "lo", "up")


class Processes:
    """What runs in the namespaces."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, dict[str, subprocess.Popen[bytes]]()
        self.idle = 0.0

    def begin(self, address: str) -> None:
        """Start the scheduler, or a worker."""
        kind, *more = "scheduler", "--host", address, "--port", "8786", "--no-show"
        if address != SCHEDULER:
            kind, *more = "worker", ADDRESS, "--host", address, "--nthreads", "1"
            more += ["--no-nanny", "--local-directory", str(self.folder / space(address))]
        command = [*inside(address), "-m", f"distributed.cli.dask_{kind}", *more, "--no-dashboard"]
        with (self.folder / f"{space(address)}.log").open("ab") as log:
            self.running[address] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, address: str) -> None:
        """Kill it at once."""
        process = self.running.pop(address)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def spent(self) -> dict[str, float]:
        """Return how many seconds of processors the scheduler and the workers took until now."""
        found = {"scheduler": 0.0, "workers": 0.0}
        for address, process in self.running.items():
            words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            role = "scheduler" if address == SCHEDULER else "workers"
            found[role] += sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")
        return found

    def look_idle(self) -> None:
        """Look how many seconds of processors all take in a second in which nobody asks them."""
        before, since = sum(self.spent().values()), time.monotonic()
        time.sleep(IDLE)
        self.idle = (sum(self.spent().values()) - before) / (time.monotonic() - since)

    def end(self) -> None:
        """Kill all."""
        for address in [*self.running]:
            self.kill(address)


def inside(address: str) -> list[str]:
    """Return how Python is started there."""
    return ["ip", "netns", "exec", space(address), sys.executable]


def make_release(folder: Path, name: str, count: int) -> None:
    """Lay a release of small films, of which each tenth is another one again, with its entry."""
    cv2, rows, files = opencv(), [], {}
    for number in range(count):
        noise = np.random.default_rng(number - number % 10 if number % 10 == 9 else number)
        small = noise.integers(20, 235, (9, 9), np.uint8)
        film = cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC)
        film[0, 0] = number % 10 == 9
        files[f"images/{number:05}.png"] = cv2.imencode(".png", film)[1].tobytes()
        rows.append({"patientid": number, "finding": "No Finding", "filename": f"{number:05}.png"})
    shelf = Shelf(folder / "shelf")
    shelf.folder.mkdir(exist_ok=True)
    shelf.add(name, ENTRY)
    found = load.load((shelf.folder,)).find(name)
    lay(found, {"metadata.csv": table_of(rows), **files}, data=folder / "data")


MANY, FEW = "films", "few"
FEW_FILES = 40
COMMANDS = {
    "verify": ["verify", "--json"],
    "index": ["images", "--format", "csv"],
    "overlap": ["overlap", "--within", "--pairs", "--format", "csv"],
}
FOUR = (
    "from covcat import engine; engine.cores = lambda: 4; from covcat.__main__ import main; main()"
)


WATCHED = """
from covcat import __main__
from covcat.cli.progress import _KnownTasks
_KnownTasks.heartbeat = 0  # a line for each batch
__main__.main()
"""


def run(
    folder: Path, name: str, *, far: bool, of: str = MANY, watched: bool = False
) -> subprocess.Popen[bytes]:
    """Start a command, on four processes here or on the cluster, in the caller's namespace."""
    start = ["-c", WATCHED] if watched else ["-m", "covcat"] if far else ["-c", FOUR]
    engine = ["--engine", ADDRESS] if far else []
    more = [of, "--data-dir", str(folder / "data"), "--catalog", str(folder / "shelf"), *engine]
    words = [*inside(CALLER), *start, *COMMANDS[name], *more]
    err = (folder / "err").open("wb")
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=err)


def finish(folder: Path, process: subprocess.Popen[bytes], of: str = MANY) -> str:
    """Return a digest of what a command said, and of the index; or how it failed."""
    out, _ = process.communicate()
    if process.returncode != 0:
        return f"exit {process.returncode}: {(folder / 'err').read_text()}"
    index = folder / f"data/{of}/1/index.sqlite"
    data = index.read_bytes() if index.is_file() else b""
    return hashlib.sha256(out + data).hexdigest()[:16]


def forget(folder: Path, of: str = MANY, names: Sequence[str] = tuple(COMMANDS)) -> None:
    """Let what these commands made be made anew."""
    made = {"index": ["index.sqlite"], "overlap": ["features.sqlite", "overlap.json"]}
    for name in (file for one in names for file in made.get(one, ["verified.json"])):
        (folder / f"data/{of}/1" / name).unlink(missing_ok=True)


@dataclass
class Ran:
    """What a command gave, and its seconds: by the clock, and of processors by who spent them."""

    said: str
    clock: float
    spent: dict[str, float]
    idle: float = 0.0  # of these, what a cluster takes while nobody asks

    @property
    def work(self) -> float:
        """Return the seconds of all processors but for those."""
        return sum(self.spent.values()) - self.idle


def timed(folder: Path, processes: Processes, name: str, *, far: bool, of: str = MANY) -> Ran:
    """Run a command anew."""
    forget(folder, of, [name])
    before, since, own = processes.spent(), time.monotonic(), getrusage(RUSAGE_CHILDREN)
    said = finish(folder, run(folder, name, far=far, of=of), of)
    clock, now = time.monotonic() - since, getrusage(RUSAGE_CHILDREN)
    spent = {"caller": now.ru_utime - own.ru_utime + now.ru_stime - own.ru_stime}
    if far:
        spent |= {role: its - before[role] for role, its in processes.spent().items()}
    return Ran(said, clock, spent, processes.idle * clock if far else 0.0)


def compare(folder: Path, processes: Processes, name: str, pairs: int) -> bool:
    """Run a command here and there by turns, and print medians; tell if all said the same."""
    works, are_same = dict[str, tuple[float, float]](), list[bool]()
    for of in (FEW, MANY):
        here, there = list[Ran](), list[Ran]()
        for _ in range(pairs):
            here.append(timed(folder, processes, name, far=False, of=of))
            there.append(timed(folder, processes, name, far=True, of=of))
        are_same.append(len({one.said for one in [*here, *there]}) == 1)
        works[of] = median(one.work for one in here), median(one.work for one in there)
        by = [f"{role} {median(one.spent[role] for one in there):.2f}" for role in there[0].spent]
        clocks = [median(one.clock for one in some) for some in (here, there)]
        print(
            f"{name} of {of}: {'the same' if are_same[-1] else 'DIFFERS'}; processors "
            f"{works[of][0]:.2f} s here, {works[of][1]:.2f} s there ({', '.join(by)}, less idle "
            f"{median(one.idle for one in there):.2f}): {works[of][1] / works[of][0]:.2f} times; "
            f"clock {clocks[0]:.1f} s, {clocks[1]:.1f} s: {clocks[1] / clocks[0]:.2f} times",
            flush=True,
        )
    once = works[FEW][1] - works[FEW][0]
    here_each, there_each = (works[MANY][at] - works[FEW][at] for at in (0, 1))
    print(
        f"{name}: {once:+.2f} s at the start, whatever is asked; then {there_each / here_each:.2f} "
        f"times ({here_each:.2f} s here, {there_each:.2f} s there)",
        flush=True,
    )
    return all(are_same)


def disturb(processes: Processes, how: str) -> None:
    """Do to the cluster what happens to clusters."""
    if how == "two workers killed":
        for address in WORKERS[:2]:
            processes.kill(address)
    elif how == "scheduler restarted":
        for address in [*processes.running]:
            processes.kill(address)
        for address in (SCHEDULER, *WORKERS):
            processes.begin(address)
    else:
        link = space(CALLER if how == "caller's link cut" else WORKERS[2])
        ip("-n", HUB, "link", "set", link, "down")
        time.sleep(CUT)
        ip("-n", HUB, "link", "set", link, "up")


FIRST, NEXT = 8, 100  # batches that are done when the first fault comes, and from one to another
FAULTS = ("two workers killed", "scheduler restarted", "a worker's link cut", "caller's link cut")


def endure(folder: Path, processes: Processes, name: str, faults: Sequence[str]) -> bool:
    """Disturb a command, once or more; print what became of it, and tell if it was right."""
    forget(folder, names=[name])
    right = finish(folder, run(folder, name, far=False))
    forget(folder, names=[name])
    ran = run(folder, name, far=True, watched=True)
    for number, fault in enumerate(faults):
        while ran.poll() is None and lines(folder) < FIRST + number * NEXT:
            time.sleep(0.02)
        print(f"{name}: {fault}, {'TOO LATE' if ran.poll() is not None else 'amid the work'}")
        disturb(processes, fault)
    found = finish(folder, ran)
    for address in {SCHEDULER, *WORKERS} - processes.running.keys():
        processes.begin(address)
    if found != right:  # it stopped: what it says to type is the same command again
        print(f"{name}: {found[-500:]}")
        found = finish(folder, run(folder, name, far=True))
    left = [*(folder / "data").glob(".covcat-*"), *(folder / "data/.covcat/staging").glob("*")]
    is_right = found == right and not left
    print(f"{name}: {'complete, the same' if is_right else f'WRONG: {found} {left}'}", flush=True)
    return is_right


def lines(folder: Path) -> int:
    """Return how many lines on its way the command has said that runs."""
    return (folder / "err").read_bytes().count(b" of ")


def main() -> None:
    """Compare, then disturb."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=3, help="how often each is compared")
    parser.add_argument("--only", choices=[*COMMANDS], action="append")
    parser.add_argument("--quick", action="store_true", help="no faults")
    asked = parser.parse_args()
    names = asked.only or [*COMMANDS]
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("skipped: only root makes network namespaces, by `ip`")
        return
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        make_network(held)
        make_release(folder, MANY, asked.files)
        make_release(folder, FEW, FEW_FILES)
        processes = Processes(folder)
        held.callback(processes.end)
        for address in (SCHEDULER, *WORKERS):
            processes.begin(address)
        for name in COMMANDS:  # begins when all are there; workers import what they need
            finish(folder, run(folder, name, far=True, of=FEW))
        processes.look_idle()
        print(f"idle, scheduler and workers take {processes.idle:.3f} s of processors a second")
        good = [compare(folder, processes, name, asked.pairs) for name in names if asked.pairs]
        for name in () if asked.quick else names:
            several = [FAULTS] if name == "overlap" else [[one] for one in FAULTS]  # it takes long
            good += [endure(folder, processes, name, faults) for faults in several]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
