"""Which proxy a request goes through, as curl and pip read the environment; what its failures mean.

httpx reads it too, but raises on IPv6 in brackets and on networks of it in NO_PROXY, which Docker
and OrbStack put there, and takes no network at its word.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from covcat.errors import ActionNeededError, CovcatError, NetworkError, TransientError, UsageError

_KINDS = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}
_SEPARATORS = re.compile(r"[,\s]+")
_BRACKETS = re.compile(r"\[([^\]]*)\](/\d+)?(?::(\d+))?")  # [::1], [fd00::]/8, [::1]:8080
_LATER = {"408", "429"}  # of what a proxy refuses with


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, as an environment variable names it."""

    variable: str
    address: str  # without user name and password
    login: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"the proxy `{urlsplit(self.address).netloc}` ({self.variable})"

    def wants_login(self, host: str, cause: str | None) -> CovcatError:
        """Return the error that its status 407 means."""
        why = "refuses the login that it is given, and" if self.login else "asks for a login, and"
        return ActionNeededError(
            f"{self} {why} does not let `{host}` be asked",
            cause=cause,
            hint=f"{self.variable}=http://USER:PASSWORD@HOST:PORT",
        )

    def refuses(self, host: str, cause: str) -> CovcatError:
        """Return the error that its answer means, which is no way to `host`."""
        status = cause[:3]
        if status == "407":
            return self.wants_login(host, cause)
        hint = f"ask who runs it, or, if `{host}` can be reached without it: NO_PROXY={host}"
        if status.startswith("4") and status not in _LATER:
            return NetworkError(f"{self} does not let `{host}` be asked", cause=cause, hint=hint)
        return TransientError(f"{self} cannot reach `{host}`", cause=cause, hint=hint)

    def fails(self, cause: str, *, is_connected: bool, is_certificate: bool) -> CovcatError:
        """Return the error of what went wrong on the way to the proxy itself."""
        if is_certificate:
            return NetworkError(
                f"the certificate of {self} cannot be trusted",
                cause=cause,
                hint="set SSL_CERT_FILE to a file with its authority",
            )
        if self.address.startswith("https:") and "SSL" in cause:
            return NetworkError(
                f"{self} does not speak TLS: expected https, got something else",
                cause=cause,
                hint=f"{self.variable}=http://HOST:PORT, as most proxies have it",
            )
        return TransientError(
            f"{'no whole answer from' if is_connected else 'cannot connect to'} {self}",
            cause=cause,
            hint=f"look at {self.variable}; to do without a proxy: NO_PROXY='*'",
        )


class Proxies:
    """What the environment says of proxies, read once."""

    def __init__(self) -> None:
        from urllib.request import getproxies  # with http.client and email: 20 ms

        self._named = getproxies()
        self._exempt = items(self._named.get("no", ""))

    def of(self, url: str) -> Proxy | None:
        """Return the proxy that a request for `url` goes through; None is none."""
        parts = urlsplit(url)
        kind = parts.scheme if self._named.get(parts.scheme) else "all"
        value = self._named.get(kind)
        if not value or any(_covers(one, parts) for one in self._exempt):
            return None
        return read(variable_of(kind) or "the system's settings", value)


def variable_of(kind: str) -> str | None:
    """Return the variable that counts for `http`, `https`, `all` or `no`: small letters win."""
    name = f"{kind}_proxy"
    return name if name in os.environ else next((v for v in os.environ if v.lower() == name), None)


def read(variable: str, value: str) -> Proxy:
    """Read the address of a proxy; one without a scheme is http.

    Raises:
        UsageError: it is none that covcat can use. Its text is not shown: it may hold a password.
    """
    text = value.strip()
    parts, place = urlsplit(""), ""
    with suppress(ValueError):  # of which UnicodeError is one
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname or "", parts.port
        host = f"[{IPv6Address(host)}]" if ":" in host else host.encode("idna").decode()
        is_cut = "@" in parts.path + parts.query + parts.fragment  # by a sign of a password
        if port != 0 and not is_cut and re.fullmatch(r"\[.*\]|[\w.-]+", host):
            place = host if port is None else f"{host}:{port}"
    if not place:
        raise UsageError(
            f"{variable} is not the address of a proxy: expected such as http://HOST:PORT",
            hint="write what is no letter or digit of a user name or password as in %40 for @",
        )
    kinds = ", ".join(_KINDS)
    if parts.scheme not in _KINDS:
        raise UsageError(
            f"{variable} names a proxy of the kind `{parts.scheme}`: expected one of {kinds}",
            hint=f"{variable}=http://HOST:PORT",
        )
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise UsageError(
            f"{variable} names a SOCKS proxy, and the package that speaks to one is not installed",
            hint="pip install socksio",
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    login = (user, password) if user or password else None
    return Proxy(variable, f"{parts.scheme}://{place}", login)


@dataclass(frozen=True, slots=True)
class Exempt:
    """One item of NO_PROXY: a name with all below it, an address or a network of them."""

    text: str
    scheme: str = ""  # "" is any
    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    @property
    def is_idle(self) -> bool:
        """Tell what no address can match, such as `10.*`."""
        return self.network is None and re.fullmatch(r"\*|[\w.-]+", self.name) is None


def items(no_proxy: str) -> list[Exempt]:
    """Read NO_PROXY; items are parted by commas or blanks, and may be empty."""
    exempt = []
    for text in filter(None, _SEPARATORS.split(no_proxy)):
        scheme, found, rest = text.lower().rpartition("://")
        name, port = rest.rstrip("/") if found else rest, ""
        if bracketed := _BRACKETS.fullmatch(name):
            name, port = bracketed[1] + (bracketed[2] or ""), bracketed[3] or ""
        elif name.count(":") == 1:
            name, _, port = name.partition(":")
        try:
            network = ip_network(name.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            network = None
        bare = name if name == "*" else name.removeprefix("*").strip(".")
        number = int(port) if port.isdecimal() and len(port) < 6 else None
        kind = "" if scheme == "all" else scheme
        exempt.append(Exempt(text, kind, bare if number or not port else "", network, number))
    return exempt


def _covers(item: Exempt, parts: SplitResult) -> bool:
    port = parts.port or _PORTS.get(parts.scheme)
    if item.scheme not in ("", parts.scheme) or item.port not in (None, port):
        return False
    host = (parts.hostname or "").rstrip(".")
    with suppress(ValueError):  # it is no address
        address = ip_address(host.partition("%")[0])
        return item.name == "*" or (item.network is not None and address in item.network)
    return item.name == "*" or (bool(item.name) and f".{host}".endswith(f".{item.name}"))
