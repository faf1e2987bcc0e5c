"""Measure `covcat fetch` against other downloaders, as ratios in one run.

Usage: python bench/download.py [--quick] [CASE …], such as `large` or `'many, delayed'`

All are whole processes that download the same files into a fresh folder, in turn, so that a busy
machine slows all of them. nginx serves the files from memory on the loopback. covcat's SHA-256,
manifest and syncs are included. Of both, the ratio "less start-up" leaves out what a Python
program takes for a tiny file, and is what the target is for. CPU is user and system time. The
exit code is always 0: a ratio is for people to read, not for a gate that depends on the machine.
"""

import filecmp
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

from serving import HOST, LIMITED, Served, add_catalog, delaying, nginx, serving, write
from start import environment

RUNS, QUICK_RUNS = 9, 3
STARTS = 7  # runs on a tiny file
LARGE, QUICK_LARGE = 1 << 30, 256 << 20  # bytes
SLOW, QUICK_SLOW = 200_000_000, 60_000_000
SMALL, QUICK_SMALL = 1000, 200  # files
SMALL_SIZE = 100_000  # bytes
DELAY = 0.03  # seconds of a round trip
JOBS = 16
SYNC = " + sync"  # a peer that also waits until the disk has all
PACKAGES = {  # of Debian, by what a peer runs
    "curl": "curl",
    "aria2c": "aria2",
    "wget": "wget",
    "pooch": "python3-pooch; or the dependency group bench",
}
TEE = 'curl -q -sSf "$1" | tee "$2" | sha256sum'
ALL = 'folder=$1; shift; "$@" && sync "$folder"/*'
POOCH = """\
import sys, pooch
url, sha256, folder, name = sys.argv[1:]
pooch.get_logger().setLevel("ERROR")
pooch.retrieve(url, known_hash="sha256:" + sha256, fname=name, path=folder)
"""

Command = list[str]


@dataclass(frozen=True, slots=True)
class Case:
    """What is downloaded, from where and to where, and against which peers."""

    name: str
    files: list[Served]
    server: str
    folder: Path  # for downloads
    catalog: Path  # of covcat
    targets: Mapping[str, float | None]  # by peer
    options: tuple[str, ...] = ()  # of covcat

    def url(self, file: Served) -> str:
        """Return the address that a peer asks."""
        return f"{self.server}/{HOST}/{file.path}"


@dataclass(frozen=True, slots=True)
class Run:
    """One process: what it took, and the last line of what it said if it failed."""

    seconds: float
    cpu: float  # seconds
    peak: int  # KiB of memory
    error: str = ""


@dataclass(slots=True)
class Runs:
    """All runs of one program on one case."""

    all: list[Run] = field(default_factory=list)
    error: str = ""

    def add(self, run: Run) -> None:
        """Take one more run."""
        self.all.append(run)
        self.error = self.error or run.error

    @property
    def seconds(self) -> float:
        """Median."""
        return median(run.seconds for run in self.all)

    @property
    def cpu(self) -> float:
        """Median of the seconds of CPU."""
        return median(run.cpu for run in self.all)

    @property
    def peak(self) -> float:
        """Largest MiB of memory."""
        return max(run.peak for run in self.all) / 1024


# ---- programs ----------------------------------------------------------------------------------


def covcat() -> str | None:
    """Return the covcat beside this Python."""
    return shutil.which("covcat", path=str(Path(sys.executable).parent))


def has_jobs() -> bool:
    """Say whether this covcat can be told how many files to fetch at a time."""
    asked = [str(covcat()), "fetch", "--help"]
    done = subprocess.run(asked, env=variables(), capture_output=True, text=True, check=False)
    return "--jobs" in done.stdout


def needs(peer: str) -> str:
    """Return the program that a peer runs."""
    return peer.replace("|", " ").split()[0]


def is_there(peer: str) -> bool:
    """Say whether a peer is installed."""
    program = needs(peer)
    found = importlib.util.find_spec(program) if program == "pooch" else shutil.which(program)
    return found is not None


def variables() -> dict[str, str]:
    """Return the environment without proxies, which must not come between."""
    return {
        name: value for name, value in environment().items() if not name.lower().endswith("_proxy")
    }


def command(program: str, case: Case, folder: Path) -> Command:
    """Return how a program is asked for a case's files."""
    if program.endswith(SYNC):
        inner = command(program.removesuffix(SYNC), case, folder)
        return ["sh", "-c", ALL, "sh", str(folder), *inner]
    file = case.files[0]
    url, path = case.url(file), str(folder / file.name)
    if program == "curl|tee|sha256sum":
        return ["sh", "-c", TEE, "sh", url, path]
    if program == "curl":
        return ["curl", "-q", "-sSf", "-o", path, url]
    if program == "wget":
        return ["wget", "--no-config", "-q", "-O", path, url]
    if program == "pooch":
        return [sys.executable, "-c", POOCH, url, file.sha256, str(folder), file.name]
    if program == "covcat":
        places = ["--data-dir", str(folder), "--catalog", str(case.catalog)]
        options = [*places, "--mirror", case.server, "-q"]
        return [str(covcat()), *options, "fetch", "bench", *case.options]
    return aria2c(program.split()[1:], case, folder)


def aria2c(options: Command, case: Case, folder: Path) -> Command:
    """Return how aria2c is asked: for one file, or for a list of them that it also checks."""
    asked = ["aria2c", "--no-conf", "-q", "-d", str(folder)]
    if len(case.files) > 1:
        return [*asked, *options, "-i", str(case.catalog / "aria2c.txt")]
    file = case.files[0]
    checked = f"--checksum=sha-256={file.sha256}"
    options = [checked if option == "--checksum" else option for option in options]
    return [*asked, "-o", file.name, *options, case.url(file)]


# ---- measurement -------------------------------------------------------------------------------


def wrong(case: Case, folder: Path) -> str:
    """Say which file is not there as it was served, if any."""
    found = {path.name: path for path in folder.rglob("*") if path.is_file()}
    for file in case.files:
        if file.name not in found:
            return f"{file.name} is missing"
        if not filecmp.cmp(file.local, found[file.name], shallow=False):
            return f"{file.name} has other bytes"
    return ""


def last_error(said: str) -> str:
    """Return the last line of a program's messages that is not covcat's advice."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("hint:")]
    return lines[-1].strip() if lines else ""


def download(program: str, case: Case, *, is_checked: bool = False) -> Run:
    """Run a program once, into a folder that is made before and dropped after the clock stops."""
    with tempfile.TemporaryDirectory(dir=case.folder) as made:
        arguments, shown = command(program, case, Path(made)), variables()
        start = perf_counter()
        process = subprocess.Popen(
            arguments,
            env=shown,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        taken = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        error = ""
        if process.returncode:
            error = last_error(said) or f"ended with {process.returncode}"
        elif is_checked:
            error = wrong(case, Path(made))
        return Run(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, error)


def measure(programs: Command, case: Case, runs: int) -> dict[str, Runs]:
    """Time all programs in turn; which goes first changes from round to round.

    The bytes of each one's first run are compared with what is served. One that fails is not run
    again; without covcat there is nothing to compare.
    """
    found = {program: Runs() for program in programs}
    for number in range(runs):
        turn = number % len(programs)
        for program in programs[turn:] + programs[:turn]:
            if not found[program].error and not found["covcat"].error:
                found[program].add(download(program, case, is_checked=number == 0))
    return found


def start_up(program: str, tiny: Case) -> float:
    """Return what a Python program takes for a tiny file; 0 for any other."""
    if program not in ("covcat", "pooch"):
        return 0.0
    runs = [download(program, tiny) for _ in range(STARTS)]
    return 0.0 if any(run.error for run in runs) else median(run.seconds for run in runs)


# ---- cases -------------------------------------------------------------------------------------


def cases(memory: Path, disk: Path, server: str, delayed: str, is_quick: bool) -> Iterator[Case]:
    """Yield all cases, first the tiny one by which start-up is measured; make their files."""
    size = QUICK_LARGE if is_quick else LARGE
    slow_size, count = (QUICK_SLOW, QUICK_SMALL) if is_quick else (SLOW, SMALL)
    tiny = [write(memory, "tiny.bin", 3)]
    large = [write(memory, "large.bin", size)]
    slow = [write(memory, f"{LIMITED}/slow.bin", slow_size)]
    small = [write(memory, f"small/{n:04}.bin", SMALL_SIZE) for n in range(count)]
    jobs = ("--jobs", str(JOBS)) if has_jobs() else ()
    of = {
        name: add_catalog(memory / name, files, delayed if name == "many" else server)
        for name, files in (("tiny", tiny), ("one", large), ("slow", slow), ("many", small))
    }
    aria2c, many = "aria2c --checksum", f"aria2c -j{JOBS}"
    tee, slowly = "curl|tee|sha256sum", "aria2c -x4 -s4 -k1M"
    peers = {"curl": 2.0, tee: 0.55, aria2c: 0.6, f"{aria2c} -x4": None, "wget": None, "pooch": 0.3}
    on_disk = dict.fromkeys(["curl", f"curl{SYNC}", tee, aria2c, f"{aria2c}{SYNC}"])
    many_on_disk = dict.fromkeys([many, f"{many}{SYNC}"])
    yield Case("tiny", tiny, server, memory, of["tiny"], {})
    yield Case("large", large, server, memory, of["one"], peers)
    yield Case("limited rate", slow, server, memory, of["slow"], {slowly: 1.1, "curl": None})
    yield Case("many, delayed", small, delayed, memory, of["many"], {many: 1.1}, jobs)
    yield Case("large, disk", large, server, disk, of["one"], on_disk)
    yield Case("many, disk", small, delayed, disk, of["many"], many_on_disk, jobs)


# ---- report ------------------------------------------------------------------------------------


def row(case: Case, peer: str, found: dict[str, Runs], starts: dict[str, float]) -> str:
    """Say how covcat did against one peer in a line."""
    ours, theirs = found["covcat"], found[peer]
    if theirs.error:
        return f"{case.name:13} {peer:24} {peer}: {theirs.error}"
    rest = theirs.seconds - starts[peer]
    less = (ours.seconds - starts["covcat"]) / rest if rest > 0 else float("nan")
    text = f"{case.name:13} {peer:24} {ours.seconds:8.2f} {theirs.seconds:8.2f}"
    text += f" {ours.seconds / theirs.seconds:6.2f} {less:13.2f} {ours.cpu:10.2f} {theirs.cpu:8.2f}"
    text += f" {ours.peak:10.0f} {theirs.peak:8.0f}"
    if (target := case.targets[peer]) is None:
        return text
    return f"{text}   {target}: {'met' if less <= target else 'missed'}"


def compare(case: Case, runs: int, starts: dict[str, float]) -> None:
    """Measure one case, and print a line for each peer."""
    peers = [peer for peer in case.targets if is_there(peer)]
    if not peers:
        return
    found = measure(["covcat", *peers], case, runs)
    if found["covcat"].error:
        print(f"{case.name:13} covcat: {found['covcat'].error}", flush=True)
        return
    for peer in peers:
        print(row(case, peer, found, starts), flush=True)


def head(all_cases: list[Case], runs: int, starts: dict[str, float]) -> None:
    """Print what is measured, and the table's head."""
    took = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in starts.items() if seconds)
    print(f"median of {runs} runs; start-up of {took}")
    sizes = [
        f"{case.name} {len(case.files)} × {case.files[0].size / 1e6:.1f}" for case in all_cases
    ]
    print(f"files × MB: {'; '.join(sizes)}")
    lacking = sorted(
        {needs(peer) for case in all_cases for peer in case.targets if not is_there(peer)}
    )
    named = [f"{program} (Debian's {PACKAGES[program]})" for program in lacking]
    print(f"not installed: {', '.join(named) or 'none'}")
    if not has_jobs():
        print("this covcat knows no --jobs")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory is seen from {own:.0f} MiB on, which this program itself takes")
    print(
        f"{'case':13} {'peer':24} {'covcat s':>8} {'peer s':>8} {'ratio':>6} {'less start-up':>13} "
        f"{'covcat CPU':>10} {'peer CPU':>8} {'covcat MiB':>10} {'peer MiB':>8}   target",
        flush=True,
    )


def report(memory: Path, disk: Path, is_quick: bool) -> None:
    """Start the servers, and compare all programs on each case."""
    runs = QUICK_RUNS if is_quick else RUNS
    with serving(memory) as server, delaying(server, DELAY) as delayed:
        tiny, *others = cases(memory, disk, server, delayed, is_quick)
        peers = {peer for case in others for peer in case.targets if is_there(peer)}
        starts = {program: start_up(program, tiny) for program in ["covcat", *sorted(peers)]}
        named = [one for one in sys.argv[1:] if not one.startswith("-")]
        others = [case for case in others if not named or case.name in named]
        head(others, runs, starts)
        for case in others:
            compare(case, runs, starts)


@contextmanager
def folders(is_quick: bool) -> Iterator[tuple[Path, Path]]:
    """Make a folder in memory, where there is enough of it, and one on disk."""
    memory = Path("/dev/shm")
    needed = 3 * ((QUICK_LARGE + QUICK_SLOW) if is_quick else (LARGE + SLOW))
    is_enough = memory.is_dir() and shutil.disk_usage(memory).free > needed
    if not is_enough:
        print(f"note: {memory} has no {needed / 1e9:.1f} GB free; all is on disk", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory(dir=memory if is_enough else None) as one,
        tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="covcat-bench-") as two,
    ):
        yield Path(one), Path(two)


def main() -> None:
    """Say what is missing, or measure."""
    if covcat() is None:
        print(f"note: covcat is not installed beside {sys.executable}", file=sys.stderr)
        return
    if nginx() is None:
        print("note: nginx is not installed (Debian's nginx-light)", file=sys.stderr)
        return
    is_quick = "--quick" in sys.argv[1:]
    try:
        with folders(is_quick) as (memory, disk):
            report(memory, disk, is_quick)
    except OSError as error:
        print(f"note: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
