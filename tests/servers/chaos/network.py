"""What lies between covcat and the server: certificates, proxies, a name server."""

import datetime
import socket
import ssl
import struct
import threading
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

NAMES = ("data.example.org", "*.example.org", "*.example.net", "127.0.0.1")


# ---- certificates ------------------------------------------------------------------------------


def tls_context(kind: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context and the file of the CA that a client is told to trust.

    `kind`: good, unknown (another CA), expired, early (not valid yet), wrong-host, self-signed.
    """
    import trustme

    authority = trustme.CA()
    trusted = trustme.CA() if kind == "unknown" else authority
    now = datetime.datetime.now(datetime.UTC)
    starts, ends = {"expired": (-9, -3), "early": (30, None)}.get(kind, (None, None))
    dates = [one and now + datetime.timedelta(days=one) for one in (starts, ends)]
    names = ("other.example.com",) if kind == "wrong-host" else NAMES
    leaf = authority.issue_cert(*names, not_before=dates[0], not_after=dates[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "self-signed":
        _self_sign(context, folder)
    else:
        leaf.configure_cert(context)
    path = folder / "ca.pem"
    trusted.cert_pem.write_to_path(path)
    return context, path


def _self_sign(context: ssl.SSLContext, folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9))
    certificate = builder.sign(key, hashes.SHA256())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / "self.pem"
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    context.load_cert_chain(path)


# ---- servers of a few lines --------------------------------------------------------------------


class Door:
    """A listening port whose connections go to `serve`, each in a thread; a context manager."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        serve: Callable[[socket.socket], None] | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.port = int(self._socket.getsockname()[1])
        self.lines: list[str] = []  # what was asked
        self._serve = serve or self.serve

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(30)
            self._serve(connection)

    def serve(self, connection: socket.socket) -> None:
        """Read a little and close: a handshake that is cut."""
        self.lines.append(repr(connection.recv(4096)[:20]))


def read_head(connection: socket.socket) -> bytes | None:
    """Return a request up to its empty line; None if it does not come to that."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data or len(head) > 1 << 20:
            return None
        head += data
    return head.partition(b"\r\n\r\n")[0]


class Backlog:
    """A port that nobody accepts on and whose queue is full: connecting to it hangs."""

    def __enter__(self) -> "Backlog":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = int(self._listener.getsockname()[1])
        self._waiting = [socket.socket() for _ in range(4)]
        for waiting in self._waiting:
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", self.port))
        return self

    def __exit__(self, *exc: object) -> None:
        for one in (*self._waiting, self._listener):
            one.close()


# ---- a proxy -----------------------------------------------------------------------------------


class Proxy(Door):
    """A proxy that leads every host to `port`; `kind`: works, login (407), closes, busy, lies."""

    def __init__(self, port: int, kind: str = "works", login: str = "") -> None:
        super().__init__()
        self._port, self._kind, self._login = port, kind, login

    def serve(self, connection: socket.socket) -> None:
        head = read_head(connection)
        if head is None:
            return
        line, *rest = head.split(b"\r\n")
        self.lines.append(line.decode("latin-1"))
        if self._kind == "closes":
            return
        if self._kind == "login" or not self._knows(rest):
            challenge = b'Proxy-Authenticate: Basic realm="\x1b[2Jproxy"\r\n'
            connection.sendall(b"HTTP/1.1 407 Login\r\n" + challenge + b"Content-Length: 0\r\n\r\n")
        elif self._kind == "busy":
            connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        else:
            self._lead(connection, line, rest)

    def _knows(self, rest: list[bytes]) -> bool:
        found = [one for one in rest if one.lower().startswith(b"proxy-authorization: basic ")]
        logins = [b64decode(one.split()[2]).decode() for one in found]
        return not self._login or self._login in logins

    def _lead(self, connection: socket.socket, line: bytes, rest: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as onward:
            if line.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                method, address, version = line.split(b" ")
                path = b"/" + address.split(b"/", 3)[3]
                kept = [one for one in rest if not one.lower().startswith(b"proxy-")]
                onward.sendall(
                    b"\r\n".join([b"%b %b %b" % (method, path, version), *kept, b"", b""])
                )
            back = threading.Thread(target=_pour, args=(onward, connection), daemon=True)
            back.start()
            _pour(connection, onward)
            back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


# ---- a name server -----------------------------------------------------------------------------

ADDRESS, ADDRESS6 = 1, 28
OK, SERVER_FAILED, NO_SUCH_NAME = 0, 2, 3


class Names(threading.Thread):
    """A name server on UDP. `zone` maps a name to addresses, one list for each visit."""

    def __init__(self, host: str, zone: dict[str, list[list[str]]], kind: str = "") -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 53))
        self._zone, self._kind = zone, kind
        self.asked: list[str] = []

    def run(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            reply = self._reply(query)
            if reply:
                wait = 1.5 if self._kind == "slow" else 0
                threading.Timer(wait, self._socket.sendto, (reply, client)).start()

    def _reply(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
            at += query[at] + 1
        kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
        name = ".".join(labels)
        if self._kind == "silent":
            return b""
        found = self._addresses(name, kind)
        code = SERVER_FAILED if self._kind == "failed" else OK
        if code == OK and name not in self._zone:
            code = NO_SUCH_NAME
        counts = struct.pack(">HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        rows = [b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(one)) + one for one in found]
        return query[:2] + counts + query[12 : at + 5] + b"".join(rows)

    def _addresses(self, name: str, kind: int) -> list[bytes]:
        """Return the addresses of one kind; a name's A queries count as its visits."""
        self.asked.append(name)
        states = self._zone.get(name, [[]])
        visits = self.asked.count(name) // 2
        state = states[min(max(0, visits - (kind == ADDRESS6)), len(states) - 1)]
        family = socket.AF_INET6 if kind == ADDRESS6 else socket.AF_INET
        chosen = [one for one in state if (":" in one) == (kind == ADDRESS6)]
        return [socket.inet_pton(family, one) for one in chosen] if kind in (1, 28) else []
