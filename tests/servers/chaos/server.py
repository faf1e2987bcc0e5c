"""The chaos server: raw sockets on the loopback, one behaviour a path, a log of every request.

`python -m servers.chaos.server` serves until it is stopped, for a look with curl:

    curl -v 'http://127.0.0.1:PORT/data.example.org/cut?then=reset&at=50&times=1'

A behaviour is asked below a host's name, as `--mirror` maps addresses, or directly: `/cut?…`.
"""

import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from servers.chaos.exchange import Exchange

MAX_HEAD = 1 << 20
PATIENCE = 30.0  # seconds after which a connection is given up


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names in lower case."""

    line: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    visit: int  # of this path, from 1
    port: int  # of the server that it came to
    connection: int
    at: float  # seconds of the monotonic clock

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        parts = urlsplit(self.target)
        return dict(parse_qsl(parts.query, keep_blank_values=True))

    def get(self, name: str) -> str | None:
        """Return a header's value, of the first if there are several."""
        return next((value for key, value in self.headers if key == name), None)


BEHAVIOURS: dict[str, Callable[["Exchange"], None]] = {}


def behaviour(function: Callable[["Exchange"], None]) -> Callable[["Exchange"], None]:
    """Serve `function` under its name, with dashes for underscores."""
    BEHAVIOURS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def behaviour_named(path: str) -> Callable[["Exchange"], None] | None:
    """Find the behaviour of a path, whose first part may be a host's name."""
    parts = path.strip("/").split("/")
    for part in parts[:2]:
        if part in BEHAVIOURS:
            return BEHAVIOURS[part]
    return None


class Chaos:
    """A running server; a context manager."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        import servers.chaos.codings
        import servers.chaos.oddities
        import servers.chaos.ranges
        import servers.chaos.statuses
        import servers.chaos.transfers  # noqa: F401 -- these fill BEHAVIOURS

        self.tls = tls
        self.host = host
        self.started = time.time()
        self.requests: list[Request] = []
        self.visits: Counter[str] = Counter()
        self.sent = 0  # bytes handed to the kernel, heads and bodies
        self.faults: list[str] = []  # of the server itself
        self.is_closed = False
        self.is_sound = False  # if true, what fails for a number of visits never does
        self.seed = 1  # of what is served where an address does not say
        self.connections = self.active = self.most_active = 0
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._doors = [socket.create_server((host, number), family=family) for number in (port, 0)]
        for door in self._doors:
            threading.Thread(target=self._accept, args=(door,), daemon=True).start()

    def __enter__(self) -> "Chaos":
        return self

    def __exit__(self, *exc: object) -> None:
        self.is_closed = True
        for door in self._doors:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()

    @property
    def port(self) -> int:
        return int(self._doors[0].getsockname()[1])

    @property
    def second_port(self) -> int:
        return int(self._doors[1].getsockname()[1])

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.host}:{self.port}"

    def _accept(self, door: socket.socket) -> None:
        while not self.is_closed:
            try:
                connection, _ = door.accept()
                port = connection.getsockname()[1]
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            arguments = (connection, port, number)
            threading.Thread(target=self._talk, args=arguments, daemon=True).start()

    def _talk(self, connection: socket.socket, port: int, number: int) -> None:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while self._answer(connection, port, number):
                pass
            hang_up(connection)
        except OSError:
            pass
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _answer(self, connection: socket.socket, port: int, number: int) -> bool:
        """Answer one request; true if another may follow on the connection."""
        from servers.chaos.exchange import Exchange

        request = self._read(connection, port, number)
        if request is None:
            return False
        exchange = Exchange(self, connection, request)
        serve = behaviour_named(request.path)
        if serve is None:
            exchange.head("404 Not Found", [("Content-Length", "0")])
            return True
        with self._lock:
            self.active += 1
            self.most_active = max(self.active, self.most_active)
        try:
            serve(exchange)
        finally:
            with self._lock:
                self.active -= 1
        return exchange.stays

    def _read(self, connection: socket.socket, port: int, number: int) -> Request | None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(65536)
            if not data or len(head) > MAX_HEAD:
                return None
            head += data
        line, *rest = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        pairs = [one.partition(":") for one in rest]
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        method, _, target = line.partition(" ")
        target = target.rpartition(" ")[0]
        with self._lock:
            self.visits[urlsplit(target).path] += 1
            visit = self.visits[urlsplit(target).path]
            at = time.monotonic()
            request = Request(line, method, target, headers, visit, port, number, at)
            self.requests.append(request)
        return request


def hang_up(connection: socket.socket) -> None:
    """End a connection in order: FIN, then wait until the other side has ended it too."""
    with suppress(OSError):
        if not isinstance(connection, ssl.SSLSocket):
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            while connection.recv(65536):
                pass


def reset(connection: socket.socket) -> None:
    """End a connection by RST; a moment later, so that what was sent has been read."""
    time.sleep(0.1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _serve_for_ever() -> None:
    import servers.chaos.server as itself  # the module that the behaviours fill, not `__main__`

    with itself.Chaos() as running:
        url = f"{running.url}/data.example.org/BEHAVIOUR"
        names = ", ".join(sorted(itself.BEHAVIOURS))
        sys.stdout.write(f"{url}  (second port {running.second_port})\nbehaviours: {names}\n")
        shown = 0
        while True:
            for request in running.requests[shown:]:
                sys.stdout.write(f"{request.line} {dict(request.headers)}\n")
                shown += 1
            sys.stdout.flush()
            time.sleep(0.1)


if __name__ == "__main__":
    _serve_for_ever()
