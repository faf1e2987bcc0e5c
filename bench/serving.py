"""Serve what bench/download.py downloads: random bytes by nginx, and by a proxy that delays.

Usage: python bench/serving.py PORT TARGET DELAY: only the proxy, from port to port, in seconds

The servers are processes of their own on free ports of the loopback, and need no rights.
"""

import asyncio
import hashlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "data.example.org"  # as the catalog names it; covcat's --mirror keeps it in the path
LOOPBACK = "127.0.0.1"
LIMITED = "limited"  # the folder whose files come at RATE
RATE = 5_000_000  # bytes/s of each request
PATIENCE = 10  # seconds for a server to start
PIECE = 1 << 20  # bytes
SEED = 19
# Without `master_process off` a worker of root's nginx runs as another user, who may not read here.
CONFIGURATION = """\
daemon off;
master_process off;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log";
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
{temporary}
  server {{
    listen {address}:{port};
    root "{folder}";
    location /{host}/{limited}/ {{ limit_rate {rate}; }}
    {within}
  }}
}}
"""

ENTRY = """\
id: bench
title: Made for a measurement
organization: A test
homepage: https://example.org/bench
homepage_source: made up
summary: Random bytes.
found: {ct: N, xray: N, mri: N, ultrasound: N, metadata: N, case_review: N, source: made up}
license:
  spdx: CC0-1.0
  allows: {commercial: "yes", derivatives: "yes", redistribution: "yes"}
  source: made up
access: open
citation:
  - {entry: misc, key: bench, source: made up, fields: {title: A set, year: "2020"}}
releases:
  - id: "1"
    source: made up
    files:
"""
FILE = """\
      - host: web
        url: https://{host}/{path}
        name: {name}
        bytes: {size}
        sha256: {sha256}
        unpack: none
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A file that nginx serves."""

    local: Path
    path: str  # below the host
    sha256: str

    @property
    def name(self) -> str:
        """The name under which it is to be written."""
        return self.local.name

    @property
    def size(self) -> int:
        """Bytes."""
        return self.local.stat().st_size


def write(folder: Path, path: str, size: int) -> Served:
    """Write a file of random bytes below the folder that nginx serves."""
    local = folder / HOST / path
    local.parent.mkdir(parents=True, exist_ok=True)
    random_, digest = random.Random(f"{SEED} {path}"), hashlib.sha256()
    with local.open("wb") as out:
        for start in range(0, size, PIECE):
            piece = random_.randbytes(min(PIECE, size - start))
            digest.update(piece)
            out.write(piece)
    return Served(local, path, digest.hexdigest())


def add_catalog(folder: Path, files: list[Served], server: str) -> Path:
    """Write a catalog of these files, and beside it the same as a list for aria2c."""
    folder.mkdir()
    entry, listed = [ENTRY], []
    for file in files:
        entry.append(
            FILE.format(
                host=HOST, path=file.path, name=file.name, size=file.size, sha256=file.sha256
            )
        )
        url = f"{server}/{HOST}/{file.path}"
        listed.append(f"{url}\n  out={file.name}\n  checksum=sha-256={file.sha256}\n")
    (folder / "bench.yaml").write_text("".join(entry), encoding="utf-8")
    (folder / "aria2c.txt").write_text("".join(listed), encoding="utf-8")
    return folder


def nginx() -> str | None:
    """Return nginx, which Debian keeps where only root's PATH leads."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


def configuration(
    program: str, folder: Path, port: int, host: str = LOOPBACK, above: str = "", within: str = ""
) -> str:
    """Return nginx's configuration, with every path that it writes to below the folder.

    `above` stands before the server's own lines, `within` among them.
    """
    asked = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    there = asked.stdout + asked.stderr
    names = ["client_body"]
    modules = ("proxy", "fastcgi", "uwsgi", "scgi")
    names += [name for name in modules if f"--without-http_{name}_module" not in there]
    temporary = "\n".join(f'  {name}_temp_path "{folder}/{name}";' for name in names)
    return CONFIGURATION.format(
        folder=folder,
        port=port,
        temporary=temporary + above,
        within=within,
        address=host,
        host=HOST,
        limited=LIMITED,
        rate=RATE,
    )


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    """Run a server; yield its address once it answers."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while process.poll() is None:
            try:
                socket.create_connection((LOOPBACK, port)).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        else:
            raise OSError(f"{command[0]} ended with {process.returncode}")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder by nginx; yield the address."""
    program, port = nginx(), free_port()
    assert program is not None
    path = folder / "nginx.conf"
    path.write_text(configuration(program, folder, port), encoding="utf-8")
    # -e: else nginx opens the system's error log before it reads the configuration
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(path)]
    with running(command, port) as address:
        yield address


@contextmanager
def delaying(address: str, delay: float) -> Iterator[str]:
    """Put a proxy before a server that adds a round trip's delay; yield the proxy's address."""
    port, target = free_port(), address.rpartition(":")[2]
    command = [sys.executable, str(Path(__file__).resolve()), str(port), target, str(delay)]
    with running(command, port) as proxied:
        yield proxied


class Side(asyncio.Protocol):
    """One side of a proxied connection: what it receives goes out at the other side later.

    Nothing holds a fast sender back, so it is for small files only. A connection costs a client
    one more round trip, as the kernel has accepted it at once.
    """

    def __init__(self, target: int, delay: float, other: "Side | None" = None) -> None:
        self.target, self.delay, self.other = target, delay, other
        self.waiting: deque[bytes] = deque()  # in order, whatever the timers do

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect a client to the server; read nothing from it until that is done."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.loop = transport, asyncio.get_running_loop()
        self.opened = self.loop.time() + (0 if self.other else self.delay)
        if self.other is None:
            transport.pause_reading()
            self.task = self.loop.create_task(self.connect())

    async def connect(self) -> None:
        """Open the connection to the server."""
        try:
            _, self.other = await self.loop.create_connection(
                lambda: Side(self.target, self.delay, self), LOOPBACK, self.target
            )
            self.transport.resume_reading()
        except OSError:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on bytes, or the end if there are none, after half a round trip."""
        self.waiting.append(data)
        self.loop.call_at(max(self.loop.time(), self.opened) + self.delay / 2, self.hand_on)

    def eof_received(self) -> bool:
        """Hand on the end after what is on its way; stay open for the other direction."""
        self.data_received(b"")
        return True

    def hand_on(self) -> None:
        """Send what has waited longest."""
        data = self.waiting.popleft()
        if self.other is None or self.other.transport.is_closing():
            return
        if data:
            self.other.transport.write(data)
        else:
            self.other.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Close the other side."""
        if self.other is not None:
            self.other.transport.close()


async def proxy(port: int, target: int, delay: float) -> None:
    """Run the proxy until it is killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Side(target, delay), LOOPBACK, port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(proxy(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
