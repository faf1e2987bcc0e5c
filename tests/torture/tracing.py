"""What a fetch asks of the kernel, by strace: the calls that change the disk, and where to strike.

A strike names a call by its path and number, not by its number alone: imports and other threads
make calls too. That needs the same names in every run, which the patch `names` sees to.
"""

import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torture.fixture import Ended, Place, World

STRACE = shutil.which("strace")
MISSING = "strace is not installed"
CHANGES = (
    "openat,creat,write,pwrite64,writev,pwritev,copy_file_range,sendfile,ftruncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,"
    "chmod,fchmod,fchmodat,fsync,fdatasync,syncfs,sync"
)
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?: resumed>|\()(.*)$")
_END = re.compile(r"(.*)\) += (-?\d+|\?)(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE = re.compile(r"<((?:\\x[0-9a-f]{2})+)>(\(deleted\))?")


@dataclass(frozen=True)
class Call:
    """One call that has come back."""

    thread: int
    name: str
    arguments: tuple[str, ...]  # as strace writes them with -y -xx
    result: int

    def text(self, number: int) -> bytes:
        """Return an argument that is a string."""
        return b"".join(map(_unhex, _TEXT.findall(self.arguments[number])))

    def file(self, number: int) -> str | None:
        """Return the path of an argument that is an open file; None if it has none any more."""
        found = _FILE.search(self.arguments[number])
        return None if found is None or found[2] else _unhex(found[1]).decode("utf-8", "replace")

    def path(self, number: int) -> str:
        """Return the path that a string argument and the folder before it mean."""
        text = self.text(number).decode("utf-8", "replace")
        folder = self.file(number - 1) if number and not text.startswith("/") else None
        return f"{folder}/{text}" if folder else text

    def mentioned(self) -> list[str]:
        """Return all paths in it, as strace's -P compares them; not what is written."""
        found = []
        for number, argument in enumerate(self.arguments):
            if _FILE.search(argument):
                found.append(self.file(number) or "")
            elif _TEXT.search(argument) and "write" not in self.name:
                found.append(self.text(number).decode("utf-8", "replace"))
        return found


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _calls(lines: Iterator[str]) -> Iterator[Call]:
    """Read a log; a call that another thread's interrupts is written in two halves."""
    halves: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        thread, name, rest = found[1], found[2], found[3]
        if " resumed>" in line:
            rest = halves.pop(thread, "") + rest
        if rest.endswith("<unfinished ...>"):
            halves[thread] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        end = _END.match(rest)
        if end is not None and end[2] != "?":
            yield Call(int(thread), name, tuple(end[1].split(", ")), int(end[2]))


def recorded(run: Callable[[list[str]], Ended], log: Path) -> tuple[Ended, list[Call]]:
    """Run something under strace, given as prefix, and return the calls it made."""
    prefix = [STRACE or "strace", "-f", "-y", "-xx", "-s", str(1 << 24), "-qq"]
    ended = run([*prefix, "--seccomp-bpf", "-e", f"trace={CHANGES},lseek,ioctl", "-o", str(log)])
    with log.open(encoding="utf-8", errors="replace") as lines:
        calls = list(_calls(lines))
    log.unlink()
    return ended, calls


@dataclass(frozen=True)
class Point:
    """The n-th call of a kind on a path, which is relative to the data folder."""

    call: str
    path: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} {self.path} #{self.number}"

    def prefix(self, place: Place, injection: str) -> list[str]:
        """Return the strace command that strikes there; `{n}` in it is the number."""
        what = f"inject={self.call}:{injection.format(n=self.number)}"
        watched = str(place.data / self.path)
        common = [STRACE or "strace", "-f", "-qq", "-o", "/dev/null"]  # no injection with seccomp
        return [*common, "-P", watched, "-e", f"trace={self.call}", "-e", what]


def points(calls: list[Call], data: Path) -> list[Point]:
    """Return every call that changes the data folder, in the order of the recording."""
    counts: Counter[tuple[int, str, str]] = Counter()
    found = []
    changes = CHANGES.split(",")
    for call in calls:
        mentioned = [path for path in call.mentioned() if Path(path).is_relative_to(data)]
        for path in dict.fromkeys(mentioned):
            counts[call.thread, call.name, path] += 1
        reads = call.name == "openat" and "O_CREAT" not in call.arguments[2]
        if mentioned and call.name in changes and not reads:
            path = mentioned[0]
            number = counts[call.thread, call.name, path]
            found.append(Point(call.name, Path(path).relative_to(data).as_posix(), number))
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Plan:
    """A small fetch, made again and again: what is there at first, and how it is run."""

    label: str
    made: World
    target: str
    template: Path | None = None  # the data folder at the beginning
    options: tuple[str, ...] = ("--jobs", "1")  # names come in the same order
    piece: int = 1 << 13
    rate: float | None = 4 << 20

    def place(self) -> Place:
        settings = {"COVCAT_CHECKPOINT": str(2 * self.piece)}
        how = {"options": self.options, "settings": settings}
        place = self.made.place(self.target, self.rate, self.piece, **how)
        place.copy_data(self.template)
        return place

    def points(self) -> list[Point]:
        """Record one fetch and return where it can be struck."""
        place = self.place()
        log = self.made.root / f"{place.root.name}.log"
        ended, calls = recorded(lambda prefix: place.fetch(prefix, "names"), log)
        if ended.code != 0:
            raise RuntimeError(f"the recording ended with {ended.code}: {ended.err[-300:]}")
        found = points(calls, place.data)
        place.remove()
        return found


def plans(made: World) -> list[Plan]:
    """Return a fetch from nothing, and one that goes on with a part."""
    return [Plan("fetch", made, "set"), Plan("resume", made, "big", interrupted(made, "big"))]


def interrupted(made: World, target: str) -> Path:
    """Return a data folder in which a fetch was stopped, in good order, at two thirds."""
    place = made.place(target, piece=1 << 13, settings={"COVCAT_CHECKPOINT": str(1 << 13)})
    place.channel.hold_at = place.target.total * 2 // 3
    running = place.start()
    place.channel.reached.wait(30)
    running.signal(signal.SIGINT)
    ended = running.wait()
    place.channel.release()
    if ended.code != 130:
        raise RuntimeError(f"SIGINT: expected exit 130, got {ended.code}: {ended.err[-300:]}")
    return place.data
