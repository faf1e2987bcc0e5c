"""A cluster against this machine: the same results, at which cost, whatever fails.

    sudo .venv/bin/python bench/engine.py --files 20000

A scheduler, four workers and the caller are processes in namespaces of their own, on one bridge,
and share the folder that is made here. Results on the cluster are held byte for byte against those
of this machine alone; then two workers are killed, the scheduler is restarted, and a link is cut
for 20 seconds. Skipped with a reason where nobody may make namespaces.
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
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from makers.films import ENTRY, table_of
from makers.laid import lay
from makers.releases import Shelf

from covcat.catalog import load
from covcat.overlap.opencv import opencv

SCHEDULER, CALLER = "10.77.0.1", "10.77.0.2"
WORKERS = [f"10.77.0.{number}" for number in range(11, 15)]
ADDRESS = f"tcp://{SCHEDULER}:8786"
CUT = 20  # seconds
RUN = f"covcat{os.getpid() % 10_000}"  # begins the names of this run's namespaces
HUB = f"{RUN}-hub"


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

    def end(self) -> None:
        """Kill all."""
        for address in [*self.running]:
            self.kill(address)


def inside(address: str) -> list[str]:
    """Return how Python is started there."""
    return ["ip", "netns", "exec", space(address), sys.executable]


def make_release(folder: Path, count: int) -> None:
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
    shelf.folder.mkdir()
    shelf.add("films", ENTRY)
    found = load.load((shelf.folder,)).find("films")
    lay(found, {"metadata.csv": table_of(rows), **files}, data=folder / "data")


COMMANDS = {
    "verify": ["verify", "films", "--json"],
    "index": ["images", "films", "--format", "csv"],
    "overlap": ["overlap", "films", "--within", "--pairs", "--format", "csv"],
}


def run(folder: Path, name: str, *, far: bool) -> subprocess.Popen[bytes]:
    """Start a command, here or in the caller's namespace with the cluster for its engine."""
    start = [*inside(CALLER), "-m", "covcat", "--engine", ADDRESS]
    words = start if far else [sys.executable, "-m", "covcat"]
    more = ["--data-dir", str(folder / "data"), "--catalog", str(folder / "shelf")]
    err = (folder / "err").open("wb")
    return subprocess.Popen([*words, *COMMANDS[name], *more], stdout=subprocess.PIPE, stderr=err)


def finish(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Return a digest of what a command said, and of the index; or how it failed."""
    out, _ = process.communicate()
    if process.returncode != 0:
        return f"exit {process.returncode}: {(folder / 'err').read_text()}"
    index = folder / "data/films/1/index.sqlite"
    data = index.read_bytes() if index.is_file() else b""
    return hashlib.sha256(out + data).hexdigest()[:16]


def forget(folder: Path) -> None:
    """Let everything be made anew."""
    for name in ("index.sqlite", "features.sqlite", "overlap.json", "verified.json"):
        (folder / "data/films/1" / name).unlink(missing_ok=True)


def timed(folder: Path, names: list[str], *, far: bool) -> dict[str, tuple[str, float]]:
    """Run commands anew; return what each gave, and its seconds."""
    forget(folder)
    found = {}
    for name in names:
        since = time.monotonic()
        found[name] = finish(folder, run(folder, name, far=far)), time.monotonic() - since
    return found


def disturb(processes: Processes, how: str) -> None:
    """Do to the cluster what happens to clusters."""
    if how == "two workers killed":
        processes.kill(WORKERS[0])
        processes.kill(WORKERS[1])
    elif how == "scheduler restarted":
        for address in (SCHEDULER, *WORKERS):
            if address in processes.running:
                processes.kill(address)
        for address in (SCHEDULER, *WORKERS):
            processes.begin(address)
    else:
        link = space(CALLER if how == "caller's link cut" else WORKERS[2])
        ip("-n", HUB, "link", "set", link, "down")
        time.sleep(CUT)
        ip("-n", HUB, "link", "set", link, "up")


FAULTS = ("two workers killed", "scheduler restarted", "a worker's link cut", "caller's link cut")


def main() -> None:
    """Compare, then disturb."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--after", type=float, default=6, help="seconds from a start to its fault")
    parser.add_argument("--quick", action="store_true", help="neither overlap nor faults")
    asked = parser.parse_args()
    names = ["verify", "index"] if asked.quick else [*COMMANDS]
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("skipped: only root makes network namespaces, by `ip`")
        return
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        make_network(held)
        make_release(folder, asked.files)
        processes = Processes(folder)
        held.callback(processes.end)
        here = timed(folder, names, far=False)
        for address in (SCHEDULER, *WORKERS):
            processes.begin(address)
        finish(folder, run(folder, "verify", far=True))  # begins when all are there
        there = timed(folder, names, far=True)
        wrong = [name for name in names if here[name][0] != there[name][0]]
        for name in names:
            (digest, alone), (other, far) = here[name], there[name]
            print(
                f"{name}: {'the same' if digest == other else f'DIFFERS: {other}'}; "
                f"here {alone:.1f} s, 4 workers {far:.1f} s: {far / alone:.2f} times",
                flush=True,
            )
        for fault in () if asked.quick else FAULTS:
            forget(folder)
            finish(folder, run(folder, "index", far=False))
            ran = run(folder, "overlap", far=True)
            time.sleep(asked.after)
            disturb(processes, fault)
            found = finish(folder, ran)
            is_same = found == here["overlap"][0]
            left = list((folder / "data").glob(".covcat-*"))
            wrong += [] if is_same and not left else [fault]
            print(f"{fault}: {'completes, the same' if is_same else found}", flush=True)
            if fault == "two workers killed":
                processes.begin(WORKERS[0])
                processes.begin(WORKERS[1])
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
