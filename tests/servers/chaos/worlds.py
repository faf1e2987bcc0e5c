"""The surroundings of a case: which server, behind which mirror, proxy, certificate or names."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from servers.chaos.network import Backlog, Door, Names, Proxy, tls_context
from servers.chaos.server import Chaos, Request

PUBLIC, PUBLIC6 = "93.184.216.34", "2606:2800:220:1::34"  # only inside a namespace of its own
PRIVATE = "127.0.0.1 ::1 10.0.0.1 169.254.169.254 100.64.0.1 192.168.0.1 fd00::1"
UNUSED = "93.184.216.99"


@dataclass
class World:
    """What a run is given, and what the harness may look at afterwards."""

    server: Chaos
    mirror: str | None
    later_mirror: str | None = None  # of the last run, where it is another
    env: dict[str, str] = field(default_factory=dict)
    others: tuple[Chaos, ...] = ()
    proxy: Door | None = None

    @property
    def requests(self) -> list[Request]:
        """All requests, in the order of time."""
        everything = [one for server in (self.server, *self.others) for one in server.requests]
        return sorted(everything, key=lambda one: one.at)


Maker = Callable[..., AbstractContextManager[World]]  # of the folder, and a kind


@contextmanager
def _mirror(folder: Path) -> Iterator[World]:
    with Chaos() as server:
        yield World(server, server.url)


@contextmanager
def _two_mirrors(folder: Path, seed: int) -> Iterator[World]:
    """A second mirror for the last run, which never fails, with the same or other bytes."""
    with Chaos() as server, Chaos() as other:
        other.seed, other.is_sound = seed, True
        yield World(server, server.url, other.url, others=(other,))


@contextmanager
def _tls(folder: Path, kind: str) -> Iterator[World]:
    context, trusted = tls_context(kind if kind != "old" else "good", folder)
    if kind == "old":
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
    with Chaos(context) as server:
        yield World(server, server.url, env={"SSL_CERT_FILE": str(trusted)})


@contextmanager
def _trust(folder: Path, kind: str) -> Iterator[World]:
    """A good server, and an SSL_CERT_FILE that is missing, empty, a folder or no certificate."""
    context, _ = tls_context("good", folder)
    path = folder / "trusted.pem"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_text("" if kind == "empty" else "-----BEGIN CERTIFICATE-----\nAAAA\n")
    with Chaos(context) as server:
        yield World(server, server.url, env={"SSL_CERT_FILE": str(path)})


@contextmanager
def _swapped(folder: Path, kind: str) -> Iterator[World]:
    """TLS to a plain port (`plain`), plain HTTP to a TLS port (`tls`), or a cut handshake."""
    context, trusted = tls_context("good", folder)
    env = {"SSL_CERT_FILE": str(trusted)}
    with Chaos(context if kind == "tls" else None) as server, Door() as door:
        scheme = "http" if kind == "tls" else "https"
        port = door.port if kind == "cut" else server.port
        yield World(server, f"{scheme}://127.0.0.1:{port}", env=env)


@contextmanager
def _nothing(folder: Path, kind: str) -> Iterator[World]:
    """No mirror (`none`), one where nobody listens (`refused`), one that never accepts (`full`)."""
    with Chaos() as server, Backlog() as full:
        ports = {"none": None, "refused": 9, "full": full.port}
        yield World(server, ports[kind] and f"http://127.0.0.1:{ports[kind]}")


@contextmanager
def _proxy(
    folder: Path, kind: str, login: str = "", knows: str = "", is_tunnel: bool = False
) -> Iterator[World]:
    """A mirror that is asked through HTTP_PROXY; `login` is ours, `knows` the proxy's.

    As a tunnel: no mirror, https to the named host itself, by CONNECT to a proxy that leads to us.
    """
    context, trusted = tls_context("good", folder) if is_tunnel else (None, folder)
    with Chaos(context) as server, Proxy(server.port, kind, knows) as proxy:
        at = f"{login}@" if login else ""
        url = f"http://{at}127.0.0.1:{9 if kind in ('dead', 'passed') else proxy.port}"
        if is_tunnel:
            env = {"SSL_CERT_FILE": str(trusted), "HTTPS_PROXY": url, "https_proxy": url}
        else:
            env = {"HTTP_PROXY": url, "http_proxy": url}
        if kind == "passed":
            env["NO_PROXY"] = "127.0.0.1"
        yield World(server, None if is_tunnel else server.url, env=env, proxy=proxy)


def _root(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _enter(folder: Path, resolver: str) -> None:
    """Give this namespace a loopback with public addresses, and a resolv.conf of its own."""
    _root("ip", "link", "set", "lo", "up")
    _root("ip", "addr", "add", f"{PUBLIC}/32", "dev", "lo")
    _root("ip", "-6", "addr", "add", f"{PUBLIC6}/128", "dev", "lo", "nodad")
    config, hosts = folder / "resolv.conf", folder / "hosts"
    config.write_text(f"nameserver {resolver}\noptions timeout:3 attempts:1\n")
    hosts.write_text("127.0.0.1 localhost\n")
    _root("mount", "--bind", str(config), str(Path("/etc/resolv.conf").resolve()))
    _root("mount", "--bind", str(hosts), "/etc/hosts")


ZONES: dict[str, list[list[str]]] = {
    "ipv4": [[PUBLIC]],
    "ipv6": [[PUBLIC6]],
    "dead-first": [[UNUSED, PUBLIC]],
    "dead-ipv6": [["2606:2800:220:1::99", PUBLIC]],
    "changes": [[UNUSED], [PUBLIC]],
    **{kind: [[PUBLIC]] for kind in ("rebind", "slow", "failed", "silent")},
    "private": [["10.77.0.1"]],
}


@contextmanager
def _network(folder: Path, kind: str) -> Iterator[World]:
    """Https to data.example.org itself, at a public address of this namespace."""
    context, trusted = tls_context("good", folder)
    env = {"SSL_CERT_FILE": str(trusted)}
    _enter(folder, "127.0.0.53")
    zone = {"data.example.org": ZONES[kind]} if kind in ZONES else {}
    zone["inside.example.net"] = [["127.0.0.1"]]
    zone["inside6.example.net"] = [["::1"]]
    zone["mapped.example.net"] = [["::ffff:127.0.0.1"]]
    Names("127.0.0.53", zone, kind).start()
    if kind == "private":
        _root("ip", "addr", "add", "10.77.0.1/32", "dev", "lo")
    host = {"ipv6": PUBLIC6, "private": "10.77.0.1"}.get(kind, PUBLIC)
    with Chaos(context, host, 443) as server, ExitStack() as stack:
        inner = PRIVATE.split() if kind == "rebind" else ("127.0.0.1",)
        others = tuple(stack.enter_context(_inside(context, one)) for one in inner)
        yield World(server, None, env=env, others=others)


def _inside(context: ssl.SSLContext, address: str) -> Chaos:
    """A server at an address that no redirect may lead to."""
    if address not in ("127.0.0.1", "::1"):
        at_once = ("nodad",) if ":" in address else ()
        _root("ip", "addr", "add", address, "dev", "lo", *at_once)
    return Chaos(context, address, 443)


_tunnel = partial(_proxy, is_tunnel=True)


def _kinds(name: str, maker: Maker, kinds: str) -> dict[str, Maker]:
    """Return a world of each kind, called `name-kind`."""
    return {f"{name}-{kind}": partial(maker, kind=kind) for kind in kinds.split()}


def _logins(name: str, maker: Maker) -> dict[str, Maker]:
    known = partial(maker, kind="works", login="u:s3cret")
    return {
        f"{name}-password": partial(known, knows="u:s3cret"),
        f"{name}-wrong-password": partial(known, knows="u:other"),
    }


WORLDS: dict[str, Maker] = {
    "mirror": _mirror,
    "two-mirrors": partial(_two_mirrors, seed=1),
    "two-mirrors-differ": partial(_two_mirrors, seed=2),
    **_kinds("tls", _tls, "good unknown expired early wrong-host self-signed old"),
    **_kinds("trust", _trust, "missing empty folder junk"),
    **_kinds("swapped", _swapped, "plain tls cut"),
    **_kinds("nothing", _nothing, "none refused full"),
    **_kinds("proxy", _proxy, "works login closes busy dead passed"),
    **_logins("proxy", _proxy),
    "proxy-dead-password": partial(_proxy, kind="dead", login="u:s3cret"),
    **_kinds("tunnel", _tunnel, "works login closes busy dead"),
    **_logins("tunnel", _tunnel),
    **_kinds("network", _network, f"{' '.join(ZONES)} unknown-name"),
    "network-none": partial(_nothing, kind="none"),  # in a namespace in which nothing is up
}


def needs_namespace(world: str) -> bool:
    """True for the worlds that change the network of the whole process."""
    return world.startswith("network-")
