"""The chaos server: raw sockets on the loopback, one behaviour a path, a log of every request.

A behaviour is asked below a host's name, as `--mirror` maps addresses, or directly: `/cut?…`.
"""

import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from servers.chaos.network import Door, read_head

if TYPE_CHECKING:
    from servers.chaos.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names in lower case."""

    line: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    visit: int  # of this path, from 1
    at: float  # seconds of the monotonic clock

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def get(self, name: str) -> str | None:
        """Return a header's value, of the first if there are several."""
        return next((value for key, value in self.headers if key == name), None)


Behaviour = Callable[["Exchange"], None]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(function: Behaviour) -> Behaviour:
    """Serve `function` under its name, with dashes for underscores."""
    BEHAVIOURS[function.__name__.strip("_").replace("_", "-")] = function
    return function


class Chaos:
    """A running server; a context manager."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        import servers.chaos.answers
        import servers.chaos.transfers  # noqa: F401 -- these fill BEHAVIOURS

        self.tls = tls
        self.started = time.time()
        self.requests: list[Request] = []
        self.visits: Counter[str] = Counter()
        self.sent = 0  # bytes handed to the kernel, heads and bodies
        self.faults: list[str] = []  # of the server itself
        self.is_closed = False
        self.is_sound = False  # if true, what fails for a number of visits never does
        self.seed = 1  # of what is served where an address does not say
        self.active = self.most_active = 0
        self._lock = threading.Lock()
        self._doors = [Door(host, number, self._talk).__enter__() for number in (port, 0)]
        self.port, self.second_port = (door.port for door in self._doors)
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    def __enter__(self) -> "Chaos":
        return self

    def __exit__(self, *exc: object) -> None:
        self.is_closed = True
        for door in self._doors:
            door.__exit__()

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while self._answer(connection):
                pass
            hang_up(connection)
        except OSError:
            pass
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one request; true if another may follow on the connection."""
        from servers.chaos.exchange import Exchange

        head = read_head(connection)
        if head is None:
            return False
        request = self._noted(head.decode("latin-1"))
        exchange = Exchange(self, connection, request)
        names = urlsplit(request.target).path.strip("/").split("/")[:2]  # the first may be a host
        serve = next((BEHAVIOURS[name] for name in names if name in BEHAVIOURS), None)
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

    def _noted(self, head: str) -> Request:
        line, *rest = head.split("\r\n")
        pairs = [one.partition(":") for one in rest]
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        method, _, target = line.partition(" ")
        target = target.rpartition(" ")[0]
        path = urlsplit(target).path
        with self._lock:
            self.visits[path] += 1
            made = Request(line, method, target, headers, self.visits[path], time.monotonic())
            self.requests.append(made)
        return made


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
