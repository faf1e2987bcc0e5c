"""A folder of its own for a case, and runs of the command line in it."""

import fcntl
import hashlib
import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from makers.releases import Shelf

from servers.chaos.case import Case, Ran
from servers.chaos.worlds import World

COVCAT = Path(sys.executable).with_name("covcat")
KIB = 1024
CONSTANTS = {
    "COVCAT_CHECKPOINT": "65536",
    "COVCAT_PAUSE": "0.05",
    "COVCAT_TIMEOUT": "10",
    "COVCAT_RETRIES": "2",
}
BEFORE_SIGNAL = 600_000  # bytes that the server has sent
NETRC = "machine 127.0.0.1 login me password s3cret\ndefault login me password s3cret\n"


class Sandbox:
    """data/ is covcat's; nothing else below may change."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder, self.case = folder, case
        self.data, self.outside, self.world = (
            folder / name for name in ("data", "outside", "world")
        )
        self.final = self.data / "set" / "1"
        for name in ("home", "cwd", "tmp", "outside", "world"):
            (folder / name).mkdir()
        (self.outside / "thesis.bin").write_bytes(b"years of work" * 9000)
        netrc = folder / "home" / ".netrc"
        netrc.write_text(NETRC)
        netrc.chmod(0o600)
        name = "x.zip" if case.keys.get("unpack") == "zip" else "x.bin"
        keys = {"url": case.url, "name": name, **case.keys}
        quoted = {k: json.dumps(v) if isinstance(v, str) else v for k, v in keys.items()}
        Shelf(folder / "shelf").add_files("set", quoted)

    def outside_state(self) -> dict[str, str]:
        """Return all that is not the data folder, as path -> what it is."""
        return dict(self._walk(self.folder))

    def _walk(self, folder: Path) -> Iterator[tuple[str, str]]:
        for path in sorted(folder.iterdir()):
            if path in (self.data, self.world):
                continue
            status = path.lstat()
            kind = f"{stat.S_IFMT(status.st_mode):o} {status.st_mode & 0o7777:o}"
            if path.is_dir() and not path.is_symlink():
                yield from self._walk(path)
            elif path.is_file():
                kind += hashlib.sha256(path.read_bytes()).hexdigest()
            yield str(path.relative_to(self.folder)), kind

    def run(self, world: World, *, is_first: bool, is_last: bool) -> Ran:
        """Run `covcat fetch` once."""
        case, mirror = self.case, world.mirror
        if is_last and world.later_mirror:
            mirror = world.later_mirror
        args = [str(COVCAT), "fetch", "set", "--data-dir", str(self.data)]
        args += ["--catalog", str(self.folder / "shelf"), *case.args]
        args += ["--mirror", mirror] if mirror else []
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            **CONSTANTS,
            **world.env,
            **case.env,
        }
        if is_first and not is_last and not case.signal:
            env["COVCAT_RETRIES"] = "0"
        return self._run(args, env, world, case.signal if is_first else "")

    def _run(self, args: list[str], env: dict[str, str], world: World, name: str) -> Ran:
        """Standard output is a file, a pipe that nobody reads, or a terminal of its own."""
        out, err = self.world / "out", self.world / "err"
        started = time.monotonic()
        with out.open("wb") as out_stream, err.open("wb") as err_stream:
            ours, place = -1, out_stream.fileno()
            if name == "TTY":
                ours, place = pty.openpty()
            elif name == "PIPE":
                reader, place = os.pipe()
                os.close(reader)
            is_terminal = name == "TTY"
            process = subprocess.Popen(
                args,
                env=env,
                cwd=self.folder / "cwd",
                stdin=place if is_terminal else subprocess.DEVNULL,
                stdout=place,
                stderr=err_stream,
                start_new_session=True,
                preexec_fn=_take_terminal if is_terminal else None,
            )
            if place != out_stream.fileno():
                os.close(place)
            ended, sent_at, memory = self._wait(process, world, name, started, ours)
        now = time.monotonic()
        texts = [one.read_text(encoding="utf-8", errors="backslashreplace") for one in (out, err)]
        return Ran(ended, *texts, now - started, memory / KIB, now - sent_at if sent_at else 0.0)

    def _wait(
        self,
        process: "subprocess.Popen[bytes]",
        world: World,
        name: str,
        started: float,
        terminal: int,
    ) -> tuple[int, float, int]:
        """Wait for the end, send the signal on the way; kill what takes too long.

        Memory is the kernel's mark of the highest, looked at all the time: the usage that comes
        with the end counts this process too, of which the child was a copy for a moment.
        """
        sent_at, memory = 0.0, 0
        while True:
            memory = max(memory, _highest(process.pid))
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, sent_at, memory
            if name and not sent_at and _is_time(name, world):
                sent_at = time.monotonic()
                _send(name, process.pid, terminal)
                sent_at = 0.1 + sent_at if name == "INT2" else sent_at
            if time.monotonic() - started > self.case.limit:
                process.kill()
            time.sleep(0.01)


def _take_terminal() -> None:
    """Make standard input the controlling terminal; runs in the child."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _highest(pid: int) -> int:
    """Return the most memory that a process had at a time, in KiB; 0 where that is not told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1].decode()
    except (OSError, IndexError):
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found and "covcat" in command else 0


def _is_time(name: str, world: World) -> bool:
    if name == "PIPE":
        return False
    if name.endswith("0"):
        return bool(world.requests) and time.monotonic() - world.requests[-1].at > 0.3
    return world.server.sent > BEFORE_SIGNAL * (20 if name.endswith("+") else 1)


def _send(name: str, pid: int, terminal: int) -> None:
    if name == "TTY":
        os.close(terminal)  # it hangs up
        return
    os.kill(pid, signal.Signals[f"SIG{name.rstrip('0+2')}"])
    if name == "STOP":
        time.sleep(3)
        os.kill(pid, signal.SIGCONT)
    if name == "INT2":
        time.sleep(0.1)
        os.kill(pid, signal.SIGINT)
