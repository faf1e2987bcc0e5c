"""Measure how long covcat takes to start, against a bare typer program, as a ratio in one run.

Usage: python bench/start.py [PAIRS]

Both are whole processes of the same Python, run in turn, so that a busy machine slows both. Of
`fetch sample` the time to its first byte is told too: from the start of the process until it opens
the archive. The exit code is always 0: a figure is for people to read, not for a gate that depends
on the machine.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PAIRS = 20
WARM_UPS = 3
TARGET = 1.35  # of `covcat list`, as a ratio of medians
HEAVY = ("pandas", "httpx", "py7zr", "rarfile", "rich", "pydantic")  # slow to import
FETCH = ["--data-dir", "data", "fetch", "sample", "-q"]
FIRST_BYTE = 350  # milliseconds, the target of `fetch sample`
COMMANDS = (["list"], ["--help"], ["--version"], FETCH)
START = "from covcat.cli.main import main; main()"
WATCH = """\
import sys, time

def opened(event, arguments):
    if event == "open" and str(arguments[0]).endswith("sample-1.zip") and not seen:
        seen.append(time.monotonic())
        print(seen[0], file=sys.stderr)

seen = []
sys.addaudithook(opened)
"""
BARE = """\
import typer

app = typer.Typer()


@app.command()
def main() -> None:
    print("hello")


app()
"""

Command = list[str]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Milliseconds of each pair of runs, in the order in which they were made."""

    covcat: list[float]
    bare: list[float]

    @property
    def ratio(self) -> float:
        """Median of covcat by median of the bare program."""
        return median(self.covcat) / median(self.bare)

    @property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest ratio of a single pair."""
        ratios = [one / two for one, two in zip(self.covcat, self.bare, strict=True)]
        return min(ratios), max(ratios)


def environment() -> dict[str, str]:
    """Return this process's variables without those that would change what is measured.

    PYTHONDONTWRITEBYTECODE is among them: with it each run may compile covcat anew.
    """
    unwanted = ("COVCAT_", "COVERAGE_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def milliseconds(command: Command, folder: Path) -> float:
    """Run a command with its output in a pipe, and return how long the whole process took."""
    shutil.rmtree(folder / "data", ignore_errors=True)  # which `fetch` makes
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=False)
    taken = (time.perf_counter() - start) * 1000
    if done.returncode:
        print(f"note: {' '.join(command)} ended with {done.returncode}", file=sys.stderr)
    return taken


def measure(command: Command, bare: Command, folder: Path, pairs: int) -> Pairs:
    """Time both in turn; which of them goes first changes from pair to pair."""
    for _ in range(WARM_UPS):
        milliseconds(command, folder)
        milliseconds(bare, folder)
    found = Pairs([], [])
    for number in range(pairs):
        turns = [(command, found.covcat), (bare, found.bare)]
        for what, times in turns if number % 2 else reversed(turns):
            times.append(milliseconds(what, folder))
    return found


def first_byte(folder: Path) -> float:
    """Return the milliseconds from the start of `fetch sample` until it opens the archive."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    command = [sys.executable, "-c", WATCH + START, *FETCH]
    start = time.monotonic()  # one clock for all processes
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    return (float(done.stderr.splitlines()[0]) - start) * 1000


def imported(arguments: Command, folder: Path) -> str:
    """Return which of HEAVY a Python run imports, by Python's own record of its imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    return ", ".join(name for name in HEAVY if name in modules) or "none"


def result(arguments: Command, found: Pairs) -> str:
    """Say one measurement in a line; only `list` has a target."""
    name = " ".join(["covcat", *(["fetch", "sample"] if arguments == FETCH else arguments)])
    low, high = found.spread
    text = f"{name:18} {median(found.covcat):7.0f} {median(found.bare):7.0f} {found.ratio:6.2f}"
    text += f"   {low:.2f} to {high:.2f}"
    if arguments != ["list"]:
        return text
    return f"{text}   target {TARGET}: {'met' if found.ratio <= TARGET else 'missed'}"


def report(pairs: int, covcat: str, folder: Path) -> None:
    """Measure every command, and print a line for each."""
    script = folder / "bare.py"
    script.write_text(BARE, encoding="utf-8")
    python = sys.version.split()[0]
    print(f"{pairs} pairs after {WARM_UPS} warm-ups; medians in ms; Python {python}")
    print(f"{'command':18} {'covcat':>7} {'bare':>7} {'ratio':>6}   of single pairs")
    for arguments in COMMANDS:
        found = measure([covcat, *arguments], [sys.executable, str(script)], folder, pairs)
        print(result(arguments, found), flush=True)
    times = [first_byte(folder) for _ in range(WARM_UPS + pairs)][WARM_UPS:]
    verdict = "met" if median(times) <= FIRST_BYTE else "missed"
    text = f"{median(times):7.0f}   {min(times):.0f} to {max(times):.0f}"
    print(f"{'its first byte':18} {text}   target {FIRST_BYTE}: {verdict}", flush=True)
    start = ["-c", START]
    print(f"of {', '.join(HEAVY)}:")
    print(f"  covcat list imports {imported([*start, 'list'], folder)}")
    print(f"  bare typer imports {imported([str(script)], folder)}")


def main() -> None:
    """Run in a folder of its own, where there is no data."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    pairs = int(asked) if asked.isdecimal() and int(asked) else PAIRS
    covcat = shutil.which("covcat", path=str(Path(sys.executable).parent))
    if covcat is None:
        print(f"note: covcat is not installed beside {sys.executable}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(pairs, covcat, Path(folder))


if __name__ == "__main__":
    main()
