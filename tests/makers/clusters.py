"""A Dask cluster of real processes, and covcat beside it."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1]
QUICK = {  # how long anybody is waited for: four times that
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
}


@dataclass
class Cluster:
    """A scheduler and workers, each a process of its own."""

    held: ExitStack
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def begin(self, name: str) -> None:
        kind, *place = "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-show"
        if name != "scheduler":
            kind, *place = "worker", self.address, "--nthreads", "1", "--local-directory", name
        if name.startswith("alone"):
            place.append("--no-nanny")
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *place, "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=environment(), **quiet, start_new_session=True)
        self.processes[name] = process
        self.held.callback(self.kill, name)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def environment(**more: str) -> dict[str, str]:
    kept = {name: one for name, one in os.environ.items() if not name.startswith("COV_")}
    return {**kept, **QUICK, "PYTHONPATH": str(TESTS), **more}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def covcat(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covcat", *args]
    return subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, check=False
    )
